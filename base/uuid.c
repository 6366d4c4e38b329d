/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs: 16 bytes inside, 8-4-4-4-12 hex outside, in the order of the text. */
#include <string.h>
#include "tally/bytes.h"

static const struct {
	size_t text, byte, count;
} parts[] = { { 0, 0, 4 }, { 9, 4, 2 }, { 14, 6, 2 }, { 19, 8, 2 }, { 24, 10, 6 } };

#define PARTS (sizeof(parts) / sizeof(parts[0]))

bool
tally_uuid_parse(uint8_t out[TALLY_UUID], const char *s, size_t len)
{
	uint8_t uuid[TALLY_UUID];

	if (len != TALLY_UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < PARTS; i++) {
		if (i > 0 && s[parts[i].text - 1] != '-')
			return false;
		if (!tally_unhex(uuid + parts[i].byte, parts[i].count, s + parts[i].text,
				 2 * parts[i].count))
			return false;
	}
	memcpy(out, uuid, sizeof(uuid));
	return true;
}

void
tally_uuid_text(char out[TALLY_UUID_TEXT], const uint8_t uuid[TALLY_UUID])
{
	for (size_t i = 0; i < PARTS; i++) {
		/* The NUL behind each part is where the next one's dash goes. */
		if (i > 0)
			out[parts[i].text - 1] = '-';
		tally_hex(out + parts[i].text, uuid + parts[i].byte, parts[i].count);
	}
}
