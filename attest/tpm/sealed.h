/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_SEALED_H
#define TPM_SEALED_H
/*
 * Sealed files (FORMAT.md section 6): XChaCha20-Poly1305 under a key that lies
 * beside them. That stops damage, not the host's root.
 */
#include <stdbool.h>
#include "tally/bytes.h"
#include "tally/file.h"

struct tally_err;

#define SEALED_KEY 32
enum { SEALED_STATE = 1, SEALED_AK = 2, SEALED_NV = 3 };

/* `state.key`; made where it is missing and `create`. */
int sealed_key(int dir, bool create, uint8_t key[SEALED_KEY], struct tally_err *err);

/* 1 read, 0 no such file, -1: TALLY_FAILS where it is damaged. Appends to `out`. */
int sealed_read(int dir, const char *name, uint32_t kind, const uint8_t key[SEALED_KEY],
		uint64_t *sequence, struct tally_buf *out, struct tally_err *err);
/* `keep`: what was there stays as NAME.prev. */
int sealed_write(const struct tally_disk *disk, int dir, const char *name, uint32_t kind,
		 const uint8_t key[SEALED_KEY], uint64_t sequence, struct tally_bytes content,
		 bool keep, struct tally_err *err);

#endif
