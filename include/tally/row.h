/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ROW_H
#define TALLY_ROW_H
/*
 * What binds a note to a TPM: the evidence row, the digests q, the arithmetic
 * of an extend (FORMAT.md section 6). In ledger/log, because the store writes
 * rows and the verifier reads them; PURE.
 */
#include "tally/bytes.h"

struct tally_err;

/* q of a checkpoint, from its note text. (That of a statement is attest's: tally/evidence.h.) */
void tally_q_checkpoint(uint8_t out[TALLY_HASH], struct tally_bytes note_text);

/* SHA-256(before || q) */
void tally_pcr_extend(uint8_t out[TALLY_HASH], const uint8_t before[TALLY_HASH],
		      const uint8_t q[TALLY_HASH]);

/* An evidence row, 128 bytes. */
#define TALLY_ROW 128
enum tally_row_state { TALLY_ROW_PENDING, TALLY_ROW_DONE, TALLY_ROW_LOST, TALLY_ROW_FOREIGN };
struct tally_row {
	uint8_t state, pcr;
	uint32_t number;
	uint64_t note, session; /* note's sequence; index of the statement's entry */
	uint8_t q[TALLY_HASH], before[TALLY_HASH], after[TALLY_HASH];
};
void tally_row_write(uint8_t out[TALLY_ROW], const struct tally_row *r);
/* 0, or -1 (TALLY_FAILS): version, state, bytes that must be zero. */
int tally_row_read(struct tally_row *r, const uint8_t in[TALLY_ROW], struct tally_err *err);

#endif
