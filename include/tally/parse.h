/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_PARSE_H
#define TALLY_PARSE_H
/*
 * Bounded parsing of outside bytes. A cursor never reads past its end; after
 * the first failure every further read fails too, so a caller may read a whole
 * structure and check once.
 */
#include "tally/bytes.h"

struct tally_cursor {
	const uint8_t *start, *p, *end;
	bool failed;
};

void tally_cursor_init(struct tally_cursor *c, struct tally_bytes in);
uint8_t tally_cursor_u8(struct tally_cursor *c);
uint16_t tally_cursor_u16(struct tally_cursor *c); /* big endian */
uint32_t tally_cursor_u32(struct tally_cursor *c);
uint64_t tally_cursor_u64(struct tally_cursor *c);
struct tally_bytes tally_cursor_take(struct tally_cursor *c, size_t n);
size_t tally_cursor_left(const struct tally_cursor *c);
bool tally_cursor_done(const struct tally_cursor *c); /* not failed and nothing left */

/* A line up to '\n', which is taken too; fails where there is no '\n'. */
struct tally_bytes tally_cursor_line(struct tally_cursor *c);

/* Decimal, no sign, no leading zero but "0", no more than `max`. */
bool tally_parse_u64(uint64_t *out, const char *s, size_t len, uint64_t max);

#endif
