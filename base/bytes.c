/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of bytes, big-endian numbers and hex. A view with len 0 may have any
 * pointer, so nothing here hands one to the memory functions unchecked.
 */
#include <string.h>
#include "tally/bytes.h"

struct tally_bytes
tally_bytes_str(const char *s)
{
	return tally_bytes(s, s ? strlen(s) : 0);
}

bool
tally_bytes_eq(struct tally_bytes a, struct tally_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int
tally_bytes_cmp(struct tally_bytes a, struct tally_bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c < 0 ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

void
tally_put_u16(uint8_t p[2], uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
tally_put_u32(uint8_t p[4], uint32_t v)
{
	tally_put_u16(p, (uint16_t)(v >> 16));
	tally_put_u16(p + 2, (uint16_t)v);
}

void
tally_put_u64(uint8_t p[8], uint64_t v)
{
	tally_put_u32(p, (uint32_t)(v >> 32));
	tally_put_u32(p + 4, (uint32_t)v);
}

uint16_t
tally_get_u16(const uint8_t p[2])
{
	return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}

uint32_t
tally_get_u32(const uint8_t p[4])
{
	return (uint32_t)tally_get_u16(p) << 16 | tally_get_u16(p + 2);
}

uint64_t
tally_get_u64(const uint8_t p[8])
{
	return (uint64_t)tally_get_u32(p) << 32 | tally_get_u32(p + 4);
}

void
tally_hex(char *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
tally_unhex(uint8_t *out, size_t n, const char *s, size_t len)
{
	size_t digits;

	if (__builtin_mul_overflow(n, (size_t)2, &digits) || digits != len)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = nibble(s[2 * i]), low = nibble(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
