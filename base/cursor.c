/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor. start <= p <= end always; once `failed` is set nothing is taken
 * any more, and numbers read as 0 and views as empty.
 */
#include <string.h>
#include "tally/parse.h"

void
tally_cursor_init(struct tally_cursor *c, struct tally_bytes in)
{
	static const uint8_t nothing[1];

	c->start = c->p = in.len ? in.p : nothing;
	c->end = c->start + in.len;
	c->failed = false;
}

/* The n bytes at the cursor, or NULL where there are fewer. */
static const uint8_t *
advance(struct tally_cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->failed || (size_t)(c->end - c->p) < n) {
		c->failed = true;
		return NULL;
	}
	c->p += n;
	return p;
}

uint8_t
tally_cursor_u8(struct tally_cursor *c)
{
	const uint8_t *p = advance(c, 1);

	return p ? *p : 0;
}

uint16_t
tally_cursor_u16(struct tally_cursor *c)
{
	const uint8_t *p = advance(c, 2);

	return p ? tally_get_u16(p) : 0;
}

uint32_t
tally_cursor_u32(struct tally_cursor *c)
{
	const uint8_t *p = advance(c, 4);

	return p ? tally_get_u32(p) : 0;
}

uint64_t
tally_cursor_u64(struct tally_cursor *c)
{
	const uint8_t *p = advance(c, 8);

	return p ? tally_get_u64(p) : 0;
}

struct tally_bytes
tally_cursor_take(struct tally_cursor *c, size_t n)
{
	const uint8_t *p = advance(c, n);

	return tally_bytes(p, p ? n : 0);
}

size_t
tally_cursor_left(const struct tally_cursor *c)
{
	return c->failed ? 0 : (size_t)(c->end - c->p);
}

bool
tally_cursor_done(const struct tally_cursor *c)
{
	return !c->failed && c->p == c->end;
}

struct tally_bytes
tally_cursor_line(struct tally_cursor *c)
{
	size_t left = tally_cursor_left(c);
	const uint8_t *p = c->p, *newline = left ? memchr(p, '\n', left) : NULL;

	if (!newline) {
		c->failed = true;
		return tally_bytes(NULL, 0);
	}
	c->p = newline + 1;
	return tally_bytes(p, (size_t)(newline - p));
}
