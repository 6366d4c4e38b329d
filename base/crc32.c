/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 as ZIP wants it (reflected 0x04c11db7), eight bytes a step. It guards against
 * damage only; what proves anything is hashed. */
#include <pthread.h>
#include "tally/zip.h"

#define STEPS 8

static uint32_t table[STEPS][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void
make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? UINT32_C(0xedb88320) : 0);
		table[0][i] = c;
	}
	for (unsigned step = 1; step < STEPS; step++)
		for (unsigned i = 0; i < 256; i++)
			table[step][i] =
				table[step - 1][i] >> 8 ^ table[0][table[step - 1][i] & 0xff];
}

uint32_t
tally_crc32(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	(void)pthread_once(&made, make_table);
	crc = ~crc;
	for (; n >= STEPS; n -= STEPS, b += STEPS) {
		uint32_t low = crc ^ ((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
				      (uint32_t)b[3] << 24);

		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
		      table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][b[4]] ^
		      table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]];
	}
	for (; n > 0; n--)
		crc = crc >> 8 ^ table[0][(crc ^ *b++) & 0xff];
	return ~crc;
}
