/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BASE_HUFFMAN_H
#define TALLY_BASE_HUFFMAN_H
/* Canonical prefix codes, as DEFLATE wants them. */
#include <stddef.h>
#include <stdint.h>

#define HUFFMAN_SYMBOLS 288
#define HUFFMAN_BITS    15

/* Lengths of a complete code of at most `most` bits for what was counted, 0 for what was
 * not; at least two symbols get a code, for a code of one is not complete. */
void huffman_lengths(uint8_t *lengths, const uint32_t *counts, size_t n, unsigned most);
/* Codes of these lengths, the first bit lowest. */
void huffman_codes(uint16_t *codes, const uint8_t *lengths, size_t n);

#endif
