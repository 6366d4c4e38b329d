/* SPDX-License-Identifier: Apache-2.0 */
/* Spans as exact decimal seconds, and spans as people write them. */
#include <string.h>
#include "tally/parse.h"
#include "tally/time.h"

__extension__ typedef unsigned __int128 u128;

void
tally_seconds_text(char out[64], tally_i128 ns)
{
	/* Negated as unsigned: the smallest number has no positive. */
	u128 v = ns < 0 ? -(u128)ns : (u128)ns;
	uint64_t part = (uint64_t)(v % (u128)TALLY_SECOND);
	char text[64];
	size_t i = sizeof(text);

	text[--i] = '\0';
	if (part) {
		int digits = 9;

		for (; part % 10 == 0; part /= 10)
			digits--;
		for (; digits > 0; digits--, part /= 10)
			text[--i] = (char)('0' + part % 10);
		text[--i] = '.';
	}
	v /= (u128)TALLY_SECOND;
	do
		text[--i] = (char)('0' + (int)(v % 10));
	while ((v /= 10) != 0);
	if (ns < 0)
		text[--i] = '-';
	memcpy(out, text + i, sizeof(text) - i);
}

void
tally_span_text(char out[TALLY_TIME_TEXT], struct tally_span d)
{
	char text[64];

	tally_seconds_text(text, d.ns);
	memcpy(out, text, strlen(text) + 1); /* 64 bits: 22 characters at most */
}

bool
tally_span_parse(struct tally_span *out, const char *s, size_t len)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ms", 1000000 },
		      { "s", TALLY_SECOND },
		      { "m", 60 * TALLY_SECOND },
		      { "h", 3600 * TALLY_SECOND },
		      { "d", 86400 * TALLY_SECOND } };
	size_t digits = 0;

	while (digits < len && s[digits] >= '0' && s[digits] <= '9')
		digits++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t n;

		if (!tally_bytes_eq(tally_bytes(s + digits, len - digits),
				    tally_bytes_str(units[i].name)))
			continue;
		if (!tally_parse_u64(&n, s, digits, (uint64_t)(INT64_MAX / units[i].ns)) || n == 0)
			return false;
		out->ns = (int64_t)n * units[i].ns;
		return true;
	}
	return false;
}
