/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_FAKETPM_H
#define TALLY_FAKETPM_H
/*
 * A TPM for tests: PCRs and counters in memory, keys and signatures of OpenSSL,
 * so that its quotes stand before the verifier. It dies when it is told, resets
 * when it is told, and its parts are there for forgers.
 */
#include <openssl/evp.h>
#include "tally/tpm.h"

#define FAKETPM_EK_ATTRIBUTES 0x000300b2u

struct faketpm {
	struct tally_tpm table; /* hand &f.table to what wants a TPM */
	uint8_t pcr[TALLY_PCRS][TALLY_HASH];
	uint32_t reset_count, restart_count;
	uint64_t clock, firmware;
	bool safe;
	EVP_PKEY *ek, *ak;
	struct tally_buf ek_public, ak_public;
	/* Calls are counted; the `fail_at`-th (from 1) and all later ones fail, the
	 * first of them before its work or, with `late`, after it. 0 never fails. */
	unsigned calls, fail_at;
	bool late;
	/* Called at the begin of each, by its name in the table: it may block, step
	 * the world, or set fail_at to `calls`. */
	void (*hook)(void *ctx, const char *call);
	void *hook_ctx;
	unsigned extends, quotes; /* that were carried out */
	/* faketpm_counter: an NV counter, and the time since the power came on */
	struct tally_buf nv_public;
	uint64_t counter, time;
	unsigned increments;
	const char *transport; /* as it calls itself: "libtpms" */
};
/* Without a PCR that moves on its own; the session is 1.0. */
void faketpm_init(struct faketpm *f);
void faketpm_deinit(struct faketpm *f);
void faketpm_reset(struct faketpm *f);   /* TPM reset: PCRs zero, resetCount + 1 */
void faketpm_restart(struct faketpm *f); /* resume: PCRs kept, restartCount + 1 */
/* As somebody else would: not counted, never fails. */
void faketpm_foreign(struct faketpm *f, unsigned pcr);

/* From now on it has an NV counter, of this index, and tells the time: anchors are made. */
void faketpm_counter(struct faketpm *f, uint32_t index);
void faketpm_advance(struct faketpm *f, uint64_t ms); /* clock and time */

/* The parts. Buffers are appended to. */
EVP_PKEY *faketpm_key(void);
void faketpm_public_ek(struct tally_buf *out, EVP_PKEY *key);
void faketpm_public_ak(struct tally_buf *out, EVP_PKEY *key, uint32_t attributes);
/* Name of a key under a parent's qualified name, or under a hierarchy's handle. */
void faketpm_qualify(uint8_t out[34], struct tally_bytes parent, struct tally_bytes public);
void faketpm_attest(struct faketpm *f, struct tally_buf *out, const uint8_t *pcrs, size_t n,
		    const uint8_t q[TALLY_HASH]);
/* TPM2_NV_Certify of a counter at `value`, and TPM2_GetTime. */
void faketpm_certify(struct faketpm *f, struct tally_buf *out, uint64_t value,
		     const uint8_t q[TALLY_HASH]);
void faketpm_time(struct faketpm *f, struct tally_buf *out, const uint8_t q[TALLY_HASH]);
void faketpm_sign(struct tally_buf *out, EVP_PKEY *key, struct tally_bytes attest);

#endif
