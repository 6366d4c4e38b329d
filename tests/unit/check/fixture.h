/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_FIXTURE_H
#define CHECK_FIXTURE_H
/*
 * Good evidence, to be bent: a statement of the fake TPM and a quote over `q`,
 * in parts that a test may change before it asks for the verdict.
 */
#include "testlib.h"
#include "faketpm.h"
#include "tally/err.h"

/* Offsets in the TPMS_ATTEST. */
enum {
	AT_MAGIC = 0,
	AT_TYPE = 4,
	AT_SIGNER_SIZE = 6,
	AT_SIGNER = 8,
	AT_EXTRA_SIZE = 42,
	AT_EXTRA = 44,
	AT_CLOCK = 76,
	AT_RESET = 84,
	AT_RESTART = 88,
	AT_SAFE = 92,
	AT_FIRMWARE = 93,
	AT_BANKS = 101,
	AT_BANK = 105,
	AT_SELECT_SIZE = 107,
	AT_SELECT = 108,
	AT_DIGEST_SIZE = 111,
	AT_DIGEST = 113,
	AT_END = 145
};
#define QUOTED 9 /* PCRs 0 to 7, and 14 */

struct evidence {
	struct faketpm tpm;
	struct tally_statement st;
	uint8_t host_id[TALLY_HASH], zero[TALLY_HASH], q[TALLY_HASH];
	uint8_t pcrs[QUOTED];
	struct tally_buf attest, signature;
	struct tally_blob blob; /* its views are set by the verdict */
	struct tally_quote quote;
	unsigned check; /* of the last verdict */
	struct tally_err err;
};
int evidence_setup(void **state);
int evidence_teardown(void **state);
/* Signs what stands in `attest`, with the AK. */
void evidence_sign(struct evidence *e);
/* 0 where identity and quote hold, else the number of the check that failed. */
unsigned evidence_verdict(struct evidence *e);
/* The same, but from the bytes of a blob. */
unsigned evidence_blob_verdict(struct evidence *e, struct tally_bytes blob);

#endif
