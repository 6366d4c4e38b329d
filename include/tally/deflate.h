/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_DEFLATE_H
#define TALLY_DEFLATE_H
/*
 * Bytes made smaller: raw DEFLATE (RFC 1951), which browsers unpack by themselves. The
 * output depends on the input alone, not on a library and its version: what is recomputed
 * byte for byte has to come out again on another machine and years later.
 */
#include "tally/bytes.h"

/* Adds the packed bytes to `out`; `in` has less than 4 GiB. */
void tally_deflate(struct tally_buf *out, struct tally_bytes in);

#endif
