/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer. len <= cap always; the memory doubles, so that adding is
 * linear over all; what is added may not lie in the buffer itself.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/bytes.h"
#include "tally/err.h"

void
tally_buf_deinit(struct tally_buf *b)
{
	free(b->p);
	*b = (struct tally_buf)TALLY_BUF_INIT;
}

void
tally_buf_clear(struct tally_buf *b)
{
	b->len = 0;
}

void
tally_buf_reserve(struct tally_buf *b, size_t n)
{
	size_t need, cap;

	if (b->cap - b->len >= n)
		return;
	if (__builtin_add_overflow(b->len, n, &need))
		need = SIZE_MAX; /* realloc then says no */
	cap = b->cap > SIZE_MAX / 2 ? need : 2 * b->cap;
	if (cap < need)
		cap = need;
	if (cap < 64)
		cap = 64;
	b->p = tally_realloc_array(b->p, cap, 1);
	b->cap = cap;
}

uint8_t *
tally_buf_grow(struct tally_buf *b, size_t n)
{
	uint8_t *p;

	/* Room for none too: the result may go to memcpy, which takes no NULL. */
	tally_buf_reserve(b, n ? n : 1);
	p = b->p + b->len;
	b->len += n;
	return p;
}

void
tally_buf_add(struct tally_buf *b, const void *p, size_t n)
{
	if (n)
		memcpy(tally_buf_grow(b, n), p, n);
}

void
tally_buf_add_bytes(struct tally_buf *b, struct tally_bytes v)
{
	tally_buf_add(b, v.p, v.len);
}

void
tally_buf_add_str(struct tally_buf *b, const char *s)
{
	tally_buf_add(b, s, strlen(s));
}

void
tally_buf_addf(struct tally_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	tally_buf_reserve(b, 64);
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf((char *)b->p + b->len, b->cap - b->len, fmt, ap);
	TALLY_ASSERT(n >= 0);
	if ((size_t)n >= b->cap - b->len) {
		tally_buf_reserve(b, (size_t)n + 1);
		n = vsnprintf((char *)b->p + b->len, b->cap - b->len, fmt, again);
		TALLY_ASSERT(n >= 0 && (size_t)n < b->cap - b->len);
	}
	va_end(again);
	va_end(ap);
	b->len += (size_t)n;
}

void
tally_buf_add_u8(struct tally_buf *b, uint8_t v)
{
	*tally_buf_grow(b, 1) = v;
}

void
tally_buf_add_u16(struct tally_buf *b, uint16_t v)
{
	tally_put_u16(tally_buf_grow(b, 2), v);
}

void
tally_buf_add_u32(struct tally_buf *b, uint32_t v)
{
	tally_put_u32(tally_buf_grow(b, 4), v);
}

void
tally_buf_add_u64(struct tally_buf *b, uint64_t v)
{
	tally_put_u64(tally_buf_grow(b, 8), v);
}

struct tally_bytes
tally_buf_view(const struct tally_buf *b)
{
	return tally_bytes(b->p, b->len);
}

const char *
tally_buf_cstr(struct tally_buf *b)
{
	tally_buf_reserve(b, 1);
	b->p[b->len] = '\0';
	return (const char *)b->p;
}
