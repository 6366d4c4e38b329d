/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TPM_H
#define TALLY_TPM_H
/*
 * The client's half of the TPM: starts `tallyd-tpm`, asks it, and seals
 * checkpoints in the order of FORMAT.md section 6. It links no TSS; the helper does.
 */
#include "tally/bytes.h"
#include "tally/enrolment.h"
#include "tally/evidence.h"

struct tally_err;

/* A TPM as a function table: the helper's client, or a fake in tests.
 * Every call may take long and may fail (TALLY_TPM); none is repeated blindly. */
struct tally_tpm_info {
	struct tally_bytes ek_public, ak_public; /* TPMT_PUBLIC; owned by the TPM object */
	struct tally_bytes nv_public; /* TPMS_NV_PUBLIC of its counter; empty: it has none */
	uint32_t reset_count, restart_count;
	const char *transport; /* its kind: "libtpms", "swtpm" */
};
struct tally_tpm {
	void *ctx;
	int (*info)(void *ctx, struct tally_tpm_info *out, struct tally_err *err);
	int (*pcr_read)(void *ctx, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err);
	int (*pcr_extend)(void *ctx, unsigned pcr, const uint8_t digest[TALLY_HASH],
			  struct tally_err *err);
	/* PCR values, attestation and signature as a blob (FORMAT.md section 6). */
	int (*quote)(void *ctx, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
		     struct tally_buf *blob, struct tally_err *err);
	void (*close)(void *ctx);
	/* From any thread, between start and close: the call that is under way fails
	 * soon, and so do all later ones. NULL where no call takes long. */
	void (*cancel)(void *ctx);
	/* For enrolment only; NULL in a fake that is never enrolled. An endorsement key
	 * with its certificate, appended: 1, 0 where it has none. */
	int (*endorsement)(void *ctx, enum tally_ek_template template, struct tally_buf *public,
			   struct tally_buf *certificate, struct tally_err *err);
	/* The n-th certificate of issuers, from 0: 1, 0 none. */
	int (*issuer)(void *ctx, unsigned n, struct tally_buf *certificate, struct tally_err *err);
	/* What an enroller sealed for the attestation key, or for the `next` one, beside that
	 * endorsement key. */
	int (*activate)(void *ctx, enum tally_ek_template template, bool next,
			struct tally_bytes id_object, struct tally_bytes encrypted_secret,
			struct tally_buf *out, struct tally_err *err);
	/* An attestation key beside the present one, made where none waits: its TPMT_PUBLIC is
	 * appended. It lies in the folder as `ak.next`, and is the present one when it is
	 * renamed to `ak` and the TPM starts again. */
	int (*next_key)(void *ctx, struct tally_buf *public, struct tally_err *err);
	/* For anchors; NULL in a fake that makes none. The NV counter's value; its
	 * increment; TPM2_NV_Certify of it over q, and TPM2_GetTime over q, appended as
	 * an attestation with its signature. */
	int (*counter_read)(void *ctx, uint64_t *value, struct tally_err *err);
	int (*counter_increment)(void *ctx, struct tally_err *err);
	int (*counter_certify)(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out,
			       struct tally_err *err);
	int (*time)(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out,
		    struct tally_err *err);
};

/* Starts `helper` (NULL: TALLY_TPM_HELPER, else beside this program, else the
 * installed one) on a socketpair for the state in `dir` (LEDGER/tpm).
 * `create`: only `tally init` and record's new ledgers may make a new TPM. */
int tally_tpm_start(struct tally_tpm **out, const char *helper, const char *dir,
		    const char *transport, bool create, struct tally_err *err);
/* Whether a transport's text is one (TALLY_USE, with the place). */
int tally_tpm_check_transport(const char *transport, struct tally_err *err);
/* The ledger PCR with such a TPM where nobody chose one: 14, or TALLY_NO_PCR. */
unsigned tally_tpm_default_pcr(const char *transport);
void tally_tpm_stop(struct tally_tpm *tpm); /* orderly: TPM2_Shutdown, state stored; NULL ok */

/* An anchor as it is written down: the intent (without attestations), what came of
 * it, or a gap (`gap` is set). */
struct tally_anchor {
	bool has_counter;
	uint64_t counter; /* what it is to be; of a gap, what was found */
	uint32_t reset_count, restart_count;
	struct tally_bytes certification, time;
	const char *gap;  /* why no anchor came of the intent, or the counter is not what it was */
	const char *told; /* what is to be said of an anchor that was made; NULL: nothing */
};
#define TALLY_ANCHOR_CAP      96
#define TALLY_ANCHOR_INTERVAL (900 * INT64_C(1000000000)) /* ns */
/* What the journal knows of them. */
struct tally_anchors {
	bool any, open;   /* there is an intent; nothing has come of the newest one */
	uint64_t intent;  /* the index of it */
	bool has_counter; /* `counter` is known: */
	uint64_t counter; /* of an open intent what it is to be, else what it is by the ledger */
	bool has_last;    /* an anchor was made, */
	int64_t age;      /* at least so long ago, ns, whatever the wall clock says */
	int64_t told_age; /* by the wall clock; may be negative */
	unsigned day;     /* intents of the last 24 hours in which the host was on */
	int64_t free_in;  /* ns until fewer than the cap are, 0: now */
};

/* Where evidence is written down before it is made: ledger/store implements it. */
struct tally_journal {
	void *ctx;
	/* 1 the newest session-statement entry: its index and the bytes of its
	 * operations.statement (appended to `statement`); 0 none. */
	int (*last_session)(void *ctx, uint64_t *index, struct tally_buf *statement,
			    struct tally_err *err);
	/* Appends the session-statement entry as entry `index`. 1 done; 0 where the
	 * head has moved and the entry would get another index: nothing is appended. */
	int (*session)(void *ctx, uint64_t index, struct tally_bytes statement,
		       struct tally_bytes quote, struct tally_err *err);
	/* size and root of the entries so far */
	int (*head)(void *ctx, uint64_t *size, uint8_t root[TALLY_HASH], struct tally_err *err);
	/* 1 the newest row, 0 none */
	int (*last_row)(void *ctx, struct tally_row *out, struct tally_err *err);
	/* Signs the head and persists the note and the row in one transaction. The
	 * caller gives pcr, session and before; the journal fills in state (pending),
	 * q, after, note and number. 1 made, 0 nothing new to sign. */
	int (*intend)(void *ctx, struct tally_row *row, struct tally_err *err);
	/* The row with its final state and the note with its evidence line, in one
	 * transaction. For lost and foreign rows the blob is empty: no line is added.
	 * After a foreign row whose note still covers the head, intend makes a new
	 * row for that same note. */
	int (*settle)(void *ctx, const struct tally_row *row, struct tally_bytes ak_public,
		      struct tally_bytes blob, struct tally_err *err);
	/* Anchors; NULL, all of them, in a journal that keeps none. How they stand. */
	int (*anchors)(void *ctx, struct tally_anchors *out, struct tally_err *err);
	/* Appends the anchor-intent entry. The journal fills in the links. */
	int (*anchor_intend)(void *ctx, const struct tally_anchor *intent, uint64_t *index,
			     struct tally_err *err);
	/* 1 the q of the first note that covers the entry; 0 none does yet. */
	int (*anchor_note)(void *ctx, uint64_t intent, uint8_t q[TALLY_HASH],
			   struct tally_err *err);
	/* Appends the anchor entry that ends the newest intent, or tells of a gap. */
	int (*anchor_settle)(void *ctx, const struct tally_anchor *a, struct tally_err *err);
	/* No note is signed any more. */
	int (*close_signing)(void *ctx, const char *why, struct tally_err *err);
};

/* One TPM session over one ledger. */
struct tally_seal;
struct tally_seal_info {
	const char *origin;
	struct tally_bytes vkey;
	const char *version;
	uint8_t program_hash[TALLY_HASH];
	/* The ledger PCR, 8 to 15, or TALLY_NO_PCR. 0: that of the ledger's newest
	 * session, and without any tally_tpm_default_pcr. */
	unsigned ledger_pcr;
};
/* Settles a row that a crash left pending (PCR_Read decides), then writes the
 * session statement where this TPM session has none in the ledger yet. */
int tally_seal_open(struct tally_seal **out, struct tally_tpm *tpm,
		    const struct tally_journal *journal, const struct tally_seal_info *info,
		    struct tally_err *err);
/* An attested checkpoint: intend, extend, quote, settle. 1 made, 0 nothing new.
 * After a failure (-1) the next call recovers first. */
int tally_seal_checkpoint(struct tally_seal *s, struct tally_err *err);
/* An anchor: intent, checkpoint, NV_Increment, NV_Certify, GetTime; each step by what is
 * written down and what the TPM holds, so that a crash repeats none blindly. One that is
 * open is ended. A new one is made where the newest is older than `youngest` ns (always at
 * the begin of a session), and fewer than the cap were made in a day. 1 made, 0 not now, or
 * no such thing with this TPM (none is free for ever); `*out` is how they stand after it. After a
 * failure (-1) the next call goes on. A counter that is ahead of the ledger closes it for signing.
 */
int tally_seal_anchor(struct tally_seal *s, int64_t youngest, struct tally_anchors *out,
		      struct tally_err *err);
/* Its session began with this seal and has no anchor yet. */
bool tally_seal_is_unanchored(const struct tally_seal *s);
void tally_seal_close(struct tally_seal *s); /* does not stop the TPM */

#endif
