/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads (docs/FORMAT.md section 8): the groups of one entry that are
 * disclosed, each with its salt. */
#include <string.h>
#include "tally/parse.h"
#include "verify_internal.h"

#define ALL_GROUPS  ((1U << TALLY_GROUPS) - 1)
#define COMMITMENTS 40 /* their place in a record */

bool
payload_take(struct payload *out, struct tally_bytes in, size_t *at)
{
	struct tally_cursor c;

	memset(out, 0, sizeof(*out));
	if (*at >= in.len)
		return false;
	tally_cursor_init(&c, tally_bytes(in.p + *at, in.len - *at));
	out->mask = tally_cursor_u8(&c);
	if (out->mask & ~ALL_GROUPS)
		return false;
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		size_t length;

		if (!(out->mask & (1U << k)))
			continue;
		out->salt[k] = tally_cursor_take(&c, TALLY_SALT);
		length = (size_t)tally_cursor_u8(&c) << 16;
		length |= tally_cursor_u16(&c);
		if (length > TALLY_GROUP_MAX)
			return false;
		out->group[k] = tally_cursor_take(&c, length);
	}
	*at += (size_t)(c.p - c.start);
	return !c.failed;
}

size_t
payload_count(struct tally_bytes in)
{
	struct payload payload;
	size_t at = 0, count = 0;

	while (at < in.len) {
		if (!payload_take(&payload, in, &at))
			return 0;
		count++;
	}
	return count;
}

unsigned
payload_mismatch(const struct payload *p, const uint8_t record[TALLY_RECORD])
{
	uint8_t commitment[TALLY_HASH];

	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		if (!(p->mask & (1U << k)))
			continue;
		tally_commitment(commitment, k, p->salt[k].p, p->group[k]);
		if (memcmp(commitment, record + COMMITMENTS + k * TALLY_HASH, TALLY_HASH) != 0)
			return k;
	}
	return TALLY_GROUPS;
}
