/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_BASE_UTF8_H
#define TALLY_BASE_UTF8_H
#include <stddef.h>
#include <stdint.h>

/* The length, 1 to 4, of the well-formed sequence at p[0..n), n > 0, and its
 * code point; 0 where there is none. */
size_t tally_utf8_next(const uint8_t *p, size_t n, uint32_t *code);

#endif
