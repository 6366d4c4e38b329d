/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ENROL_H
#define TALLY_ENROL_H
/*
 * The enroller's side of an enrolment by files (FORMAT.md section 26), and the
 * texts that travel. The host proves with its TPM that the attestation key lives
 * beside the endorsement key; the enroller signs what that proved. Every file is
 * a stranger's.
 */
#include "tally/bytes.h"
#include "tally/enrolment.h"
#include "tally/note.h"

struct tally_err;

/* TPM2_MakeCredential in software: seals `secret` so that only the TPM with this
 * endorsement key opens it, and only for the key of that name. Contents of
 * TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET are appended. TALLY_FAILS where the
 * key is none. */
int tally_credential_make(const struct tally_ek *ek, const uint8_t ak_name[34],
			  struct tally_bytes secret, struct tally_buf *id_object,
			  struct tally_buf *encrypted_secret, struct tally_err *err);

/* A signed text that came from outside: request or record. Views point into the
 * buffers and the arena. */
struct tally_enrolment_file {
	struct tally_buf scratch;
	struct tally_note note;
	struct tally_enrolment e;
	struct tally_vkey log; /* its vkey line */
};
/* Parses note and text; the log's name is the origin. `request`: which of the two it
 * has to be. Malformed: TALLY_USE as "NAME:LINE:1: what"; a request that its log's key
 * did not sign, or keys that do not fit: TALLY_FAILS. */
int tally_enrolment_file_read(struct tally_enrolment_file *f, const char *name,
			      struct tally_bytes content, bool request, struct tally_arena *arena,
			      struct tally_err *err);
void tally_enrolment_file_deinit(struct tally_enrolment_file *f);

/* Where a record stands in a ledger, and what does not fit to it there (FORMAT.md section 26). */
struct tally_record_place {
	struct tally_bytes origin;
	const struct tally_vkey *key; /* NULL: not known */
	int64_t wall;                 /* of its entry */
	bool succeeds;                /* entry 0 names another log: */
	struct tally_bytes prev_origin;
	uint64_t prev_size;
	const uint8_t *prev_root;
	bool blind;                  /* session statements cannot be read */
	struct tally_bytes ek, ak;   /* TPMT_PUBLIC of the session's keys; empty: no session */
	struct tally_bytes nv;       /* TPMS_NV_PUBLIC of the session's counter, or empty */
	struct tally_bytes enrolled; /* the AK of the newest record before that counts, or empty */
};
#define TALLY_MISFITS 5
struct tally_misfit {
	const char *check, *text; /* "tpm-5", "tpm-12" or "tpm-14" */
};
size_t tally_record_misfits(const struct tally_enrolment_file *f,
			    const struct tally_record_place *p,
			    struct tally_misfit out[TALLY_MISFITS]);
/* The same for who is about to store the record `note`, out of what the ledger has, its newest
 * record too: 0, or -1 (TALLY_FAILS). No record is stored that is older than the newest one, and
 * none of a new key that another enroller signed than that one: who pins one of the two alone
 * could not follow. 1: it is the newest one itself. */
struct tally_store_origins;
struct tally_record_ledger {
	const struct tally_vkey *key;
	int64_t wall;
	const struct tally_store_origins *has;
};
int tally_record_fits(const struct tally_enrolment_file *f, const char *name,
		      struct tally_bytes note, const struct tally_record_ledger *l,
		      struct tally_err *err);

#define TALLY_CREDENTIALS 2 /* for the L-2 key, and for the certified one if another */
struct tally_challenge {
	uint8_t request[TALLY_HASH]; /* of the request's text */
	uint8_t nonce[TALLY_HASH];
	int64_t time;
	struct tally_bytes id_object[TALLY_CREDENTIALS], encrypted_secret[TALLY_CREDENTIALS];
	size_t credentials;
};
struct tally_response {
	uint8_t challenge[TALLY_HASH]; /* of the challenge's text */
	struct tally_bytes secret[TALLY_CREDENTIALS];
	size_t secrets;
};
int tally_challenge_parse(struct tally_challenge *out, struct tally_bytes text,
			  struct tally_arena *arena, struct tally_err *err);
void tally_challenge_write(struct tally_buf *out, const struct tally_challenge *c);
int tally_response_parse(struct tally_response *out, struct tally_bytes text,
			 struct tally_arena *arena, struct tally_err *err);
void tally_response_write(struct tally_buf *out, const struct tally_response *r);

/* Makes a challenge's text for a request. The secrets come from the enroller's key,
 * the request, the nonce and the time: nothing is kept between challenge and issue. */
int tally_challenge_make(struct tally_buf *out, const struct tally_enrolment_file *request,
			 struct tally_logkey *enroller, const uint8_t nonce[TALLY_HASH],
			 int64_t time, struct tally_err *err);
/* How long a challenge may be answered, and how far a clock may be ahead. */
#define TALLY_CHALLENGE_DAYS 30
/* Whether the response opened the challenge that this enroller made for this
 * request. TALLY_FAILS says what does not fit. */
int tally_response_check(const struct tally_enrolment_file *request, struct tally_bytes challenge,
			 struct tally_bytes response, struct tally_logkey *enroller, int64_t now,
			 struct tally_err *err);
/* The class that certificates and pinned roots give a request, and the issuers'
 * certificates that its record needs. -1 (TALLY_FAILS): a certificate that cannot
 * be enrolled at all. `why` is a sentence for a human. */
int tally_request_class(const struct tally_enrolment *e, const struct tally_roots *roots,
			int64_t now, enum tally_class *class, struct tally_chain *chain,
			char why[256], struct tally_err *err);
/* The signed record of a request. */
int tally_record_make(struct tally_buf *out, const struct tally_enrolment_file *request,
		      const struct tally_chain *chain, enum tally_class class, int64_t time,
		      struct tally_logkey *enroller, struct tally_err *err);

#endif
