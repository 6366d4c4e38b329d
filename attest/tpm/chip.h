/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_CHIP_H
#define TPM_CHIP_H
/*
 * The TPM as the helper holds it: started, with its attestation key loaded and
 * nothing else of ours inside. Errors are TALLY_TPM where the TPM refused.
 */
#include <tss2/tss2_esys.h>
#include "sealed.h"
#include "tally/bytes.h"
#include "tally/enrolment.h"
#include "tally/evidence.h"
#include "transport.h"

struct chip {
	enum tpm_transport_kind kind;
	int dir;
	uint8_t key[SEALED_KEY];
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR ak, nv;                        /* the counter, or ESYS_TR_NONE */
	struct tally_buf ek_public, ak_public; /* TPMT_PUBLIC */
	struct tally_buf nv_public;            /* TPMS_NV_PUBLIC; empty: no counter */
};

/* `dir` holds what is kept of the TPM: libtpms' state, and of each the sealed
 * attestation key. `disk` is for tests; NULL is the real one. On failure nothing
 * stays open. */
int chip_open(struct chip *c, const char *dir, const struct tpm_transport *transport, bool create,
	      const struct tally_disk *disk, struct tally_err *err);
/* Puts the state before it in the place of one of libtpms that is damaged or gone, by a start
 * without an orderly end. So the next session has a number that none had, where only the last
 * change is lost, and its clock says that it is not safe: to a verifier it is what it is, a boot
 * that nobody logged behind an unclean stop. */
int chip_restore(const char *dir, const struct tally_disk *disk, struct tally_err *err);
/* Of libtpms: TPM2_Shutdown, and the power off; an error says that the next
 * start will find an unorderly end. Of a TPM that is not ours alone: what was
 * loaded is flushed. Everything is closed all the same. */
int chip_close(struct chip *c, struct tally_err *err);

int chip_counts(struct chip *c, uint32_t *reset, uint32_t *restart, struct tally_err *err);
int chip_pcr_read(struct chip *c, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err);
int chip_pcr_extend(struct chip *c, unsigned pcr, const uint8_t digest[TALLY_HASH],
		    struct tally_err *err);
/* Appends the evidence blob; PCR numbers ascending. */
int chip_quote(struct chip *c, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
	       struct tally_buf *blob, struct tally_err *err);

/* keys.c: makes the EK's object for as long as it takes to load the AK (or,
 * with `create`, to make one where there is none). */
int chip_load_keys(struct chip *c, bool create, const struct tally_disk *disk,
		   struct tally_err *err);
/* The attestation key that is to come, in the sealed file `ak.next`, made where there is
 * none: appends its TPMT_PUBLIC. */
int chip_next_key(struct chip *c, struct tally_buf *public, struct tally_err *err);
/* Loads it; the caller flushes it. */
int chip_load_next_key(struct chip *c, ESYS_TR *key, struct tally_err *err);
/* counter.c: takes up the NV counter that the sealed file `nv` names, with its auth; with
 * `create` makes one where there is no such file. A TPM without one, or that
 * gives none, is no error: its anchors have the time alone. */
int chip_open_counter(struct chip *c, bool create, const struct tally_disk *disk,
		      struct tally_err *err);
void chip_close_counter(struct chip *c);
int chip_counter_read(struct chip *c, uint64_t *value, struct tally_err *err);
int chip_counter_increment(struct chip *c, struct tally_err *err);
/* These append an attestation with its signature (FORMAT.md section 6). */
int chip_counter_certify(struct chip *c, const uint8_t q[TALLY_HASH], struct tally_buf *out,
			 struct tally_err *err);
int chip_time(struct chip *c, const uint8_t q[TALLY_HASH], struct tally_buf *out,
	      struct tally_err *err);
/* A policy session that satisfies a low endorsement key once: PolicySecret(endorsement). */
int chip_open_policy(struct chip *c, ESYS_TR *session, struct tally_err *err);
/* endorsement.c: makes an endorsement key again and appends its TPMT_PUBLIC; the
 * caller flushes the object. */
int chip_make_ek(struct chip *c, enum tally_ek_template template, ESYS_TR *ek,
		 struct tally_buf *public, struct tally_err *err);
/* An endorsement key that has a certificate in NV. Appends its
 * TPMT_PUBLIC and the certificate; 1, 0 where there is no certificate. */
int chip_endorsement(struct chip *c, enum tally_ek_template template, struct tally_buf *public,
		     struct tally_buf *certificate, struct tally_err *err);
/* The n-th certificate of the issuers: 1, 0 none. */
int chip_issuer(struct chip *c, unsigned n, struct tally_buf *certificate, struct tally_err *err);
/* What was sealed for the attestation key, or for the `next` one, beside that endorsement
 * key (contents of TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET). */
int chip_activate(struct chip *c, enum tally_ek_template template, bool next,
		  struct tally_bytes id_object, struct tally_bytes encrypted_secret,
		  struct tally_buf *out, struct tally_err *err);
/* passwords.c: those of the hierarchies, from files beside the state, if any. */
#define CHIP_PASSWORD_MAX 32 /* bytes: as much as every TPM takes */
int chip_set_passwords(struct chip *c, struct tally_err *err);
/* leftovers.c: flushes every transient object and session that is not ours. */
int chip_flush_leftovers(struct chip *c, struct tally_err *err);

/* -1, with what the TPM or the TSS said; names a failing state file. */
int chip_refused(TSS2_RC rc, const char *command, struct tally_err *err);

#endif
