/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_EVIDENCE_H
#define TALLY_EVIDENCE_H
/*
 * The verifier's half of the TPM: structures and checks 1-8, 10, 12 and 18 of the
 * check-list (FORMAT.md sections 6 and 15). PURE: bytes in, verdicts out.
 */
#include "tally/bytes.h"
#include "tally/event.h"
#include "tally/row.h"

struct tally_err;

#define TALLY_AK_ATTRIBUTES 0x00050472u
#define TALLY_LEDGER_PCR    14
#define TALLY_PCRS          24

/* q of a statement. (Rows, extends and the q of a checkpoint are the ledger's:
 * tally/row.h.) */
void tally_q_statement(uint8_t out[TALLY_HASH], struct tally_bytes statement);

/* The blob: PCR values, attestation, signature. */
struct tally_blob {
	unsigned pcrs;
	uint8_t pcr[TALLY_PCRS];
	uint8_t value[TALLY_PCRS][TALLY_HASH];
	struct tally_bytes attest, signature; /* TPMS_ATTEST, TPMT_SIGNATURE */
};
int tally_blob_parse(struct tally_blob *out, struct tally_bytes in, struct tally_err *err);
void tally_blob_write(struct tally_buf *out, const struct tally_blob *b);

/* host_id, and a TPM name: 0x000b || SHA-256(public). */
void tally_host_id(uint8_t out[TALLY_HASH], struct tally_bytes ek_public);
void tally_tpm_name(uint8_t out[34], struct tally_bytes public);

/* The identity that quotes are checked against; made once a session. */
struct tally_identity_key;
/* Checks 1 and 5 on the statement's public areas: AK attributes exactly
 * 0x00050472, P-256, ECDSA-SHA256, point on the curve; EK names host_id. */
int tally_identity_open(struct tally_identity_key **out, const struct tally_statement *st,
			unsigned *check, struct tally_err *err);
void tally_identity_free(struct tally_identity_key *k);

struct tally_quote {
	uint64_t clock; /* ms */
	uint32_t reset_count, restart_count;
	bool safe; /* check 10: a mark */
	uint64_t firmware;
	uint8_t ledger_pcr[TALLY_HASH]; /* zeros where the session has none */
};
/* Checks 1-4, 6, 7, 8 (selection and digest). On failure `*check` is the
 * number of the row of the check-list and err says what and where. */
int tally_quote_check(const struct tally_identity_key *k, const struct tally_statement *st,
		      const struct tally_blob *blob, const uint8_t q[TALLY_HASH],
		      struct tally_quote *out, unsigned *check, struct tally_err *err);

/* Whether a TPMS_NV_PUBLIC is that of a counter for anchors, and of which index (check 12). */
int tally_counter_public(struct tally_bytes nv_public, uint32_t *index, struct tally_err *err);
/* Of an anchor: TPM2_NV_Certify of the statement's counter over q (checks 1-4, 6-8, 12), and
 * TPM2_GetTime over q (checks 1-4, 6-8). */
int tally_counter_check(const struct tally_identity_key *k, const struct tally_statement *st,
			const struct tally_attested *attested, const uint8_t q[TALLY_HASH],
			uint64_t *value, unsigned *check, struct tally_err *err);
int tally_time_check(const struct tally_identity_key *k, const struct tally_statement *st,
		     const struct tally_attested *attested, const uint8_t q[TALLY_HASH],
		     struct tally_tpm_time *out, unsigned *check, struct tally_err *err);

/* Check 18: the class, recomputed. `transport` is what the statement says; it
 * can only lower. Without enrolment: software where anchored. */
enum tally_class {
	TALLY_CLASS_SELF_DECLARED,
	TALLY_CLASS_SOFTWARE,
	TALLY_CLASS_CLOUD,
	TALLY_CLASS_UNCERTIFIED,
	TALLY_CLASS_CERTIFIED
};
const char *tally_class_name(enum tally_class c); /* "self-declared", "software (libtpms)", ... */
enum tally_class tally_class_of(bool anchored, struct tally_bytes transport);
/* With an enrolment that proves a class. */
enum tally_class tally_class_enrolled(enum tally_class enrolled, struct tally_bytes transport);

#endif
