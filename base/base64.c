/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard base64 with padding (RFC 4648 section 4). There is exactly one text
 * for each string of bytes, and decoding takes that one only.
 */
#include "tally/bytes.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
tally_buf_add_base64(struct tally_buf *b, const void *p, size_t n)
{
	const uint8_t *in = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		char *out = (char *)tally_buf_grow(b, 4);

		if (have > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			v |= in[i + 2];
		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = have > 1 ? alphabet[v >> 6 & 63] : '=';
		out[3] = have > 2 ? alphabet[v & 63] : '=';
	}
}

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
tally_unbase64(struct tally_buf *out, const char *s, size_t len)
{
	size_t before = out->len;

	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		size_t pad = 0;
		uint32_t v = 0;

		if (i + 4 == len && s[i + 3] == '=')
			pad = s[i + 2] == '=' ? 2 : 1;
		for (size_t k = 0; k < 4; k++) {
			int x = k < 4 - pad ? sextet(s[i + k]) : 0;

			if (x < 0)
				goto malformed;
			v = v << 6 | (uint32_t)x;
		}
		if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
			goto malformed;
		for (size_t k = 0; k < 3 - pad; k++)
			tally_buf_add_u8(out, (uint8_t)(v >> (16 - 8 * k)));
	}
	return true;
malformed:
	out->len = before;
	return false;
}
