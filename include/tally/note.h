/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_NOTE_H
#define TALLY_NOTE_H
/* C2SP signed notes, vkeys and checkpoints (FORMAT.md section 5). PURE. */
#include "tally/bytes.h"

struct tally_err;

#define TALLY_NOTE_MAX 65536
#define TALLY_NAME_MAX 255
enum tally_sig_type {
	TALLY_SIG_ED25519 = 0x01,
	TALLY_SIG_COSIGNATURE = 0x04,
	TALLY_SIG_EVIDENCE = 0xff
};

/* Type 0xff is an enroller's: Ed25519 too, but never a log's or a witness's. */
#define TALLY_SIG_ENROLLER 0xff
struct tally_vkey {
	char name[TALLY_NAME_MAX + 1];
	uint8_t id[4];
	uint8_t type; /* 0x01, 0x04 or TALLY_SIG_ENROLLER */
	uint8_t key[32];
};
int tally_vkey_parse(struct tally_vkey *out, struct tally_bytes text, struct tally_err *err);
void tally_vkey_text(struct tally_buf *out, const struct tally_vkey *key); /* no newline */
bool tally_vkey_eq(const struct tally_vkey *a, const struct tally_vkey *b);

/* The log's private key, in memory locked against swapping. Its text is the
 * PRIVATE+KEY line with its newline (the caller wipes it); parsing takes it
 * with or without. */
struct tally_logkey;
int tally_logkey_generate(struct tally_logkey **out, const char *name, struct tally_err *err);
/* The same for an enroller. Parsing takes either; the vkey's type says which it is. */
int tally_enrollerkey_generate(struct tally_logkey **out, const char *name, struct tally_err *err);
int tally_logkey_parse(struct tally_logkey **out, struct tally_bytes text, struct tally_err *err);
void tally_logkey_text(const struct tally_logkey *k,
		       struct tally_buf *out); /* the PRIVATE+KEY line */
void tally_logkey_free(struct tally_logkey *k);
const struct tally_vkey *tally_logkey_vkey(const struct tally_logkey *k);

/* Signs note texts: the log key here, other implementations elsewhere. */
struct tally_signer {
	void *ctx;
	const struct tally_vkey *vkey;
	int (*sign)(void *ctx, struct tally_bytes text, uint8_t signature[64],
		    struct tally_err *err);
};
struct tally_signer tally_logkey_signer(struct tally_logkey *k);

struct tally_note_line {
	struct tally_bytes name;
	uint8_t id[4];
	const uint8_t *sig;
	size_t sig_len;
};
#define TALLY_NOTE_LINES 40
/* A parsed note; views point into `in` and `scratch`, which must not change meanwhile. */
struct tally_note {
	struct tally_bytes text; /* with its final newline */
	struct tally_note_line line[TALLY_NOTE_LINES];
	size_t lines;
};
int tally_note_parse(struct tally_note *out, struct tally_bytes in, struct tally_buf *scratch,
		     struct tally_err *err);
/* 1 a line of this key verifies; 0 no line has this (name, id); -1 a line has and does not verify
 * (TALLY_FAILS). */
int tally_note_verify(const struct tally_note *note, const struct tally_vkey *key,
		      struct tally_err *err);
const struct tally_note_line *tally_note_find(const struct tally_note *note,
					      struct tally_bytes name, const uint8_t id[4]);
/* How many are in this name: the log's own and its TPM's, or another's. */
size_t tally_note_lines_of(const struct tally_note *note, struct tally_bytes name);
void tally_note_add_line(struct tally_buf *note, const char *name, const uint8_t id[4],
			 struct tally_bytes sig);
/* text + "\n" + the log's line */
int tally_note_sign(struct tally_buf *out, struct tally_bytes text,
		    const struct tally_signer *signer, struct tally_err *err);
/* What is public of a note: its text, the log's line (of `key`; TALLY_FAILS where there is none)
 * and those of other names. Nothing about a TPM: that stands in the log's name. */
int tally_note_public(struct tally_buf *out, const struct tally_note *note,
		      const struct tally_vkey *key, struct tally_err *err);
/* The key id of an evidence line: FORMAT.md section 5. */
void tally_evidence_key_id(uint8_t out[4], const char *origin, struct tally_bytes ak_public);

struct tally_checkpoint {
	struct tally_bytes origin;
	uint64_t size;
	uint8_t root[TALLY_HASH];
};
/* Canonical only. `extensions`, for logs of others: extension lines, and an origin that is no key
 * name. */
int tally_checkpoint_parse(struct tally_checkpoint *out, struct tally_bytes text, bool extensions,
			   struct tally_err *err);
void tally_checkpoint_text(struct tally_buf *out, const char *origin, uint64_t size,
			   const uint8_t root[TALLY_HASH]);
/* A key name: no space, no plus, valid UTF-8, 1 to 255 bytes. */
bool tally_name_valid(struct tally_bytes name);

/* c2sp.org/tlog-proof@v1 */
struct tally_tlog_proof {
	struct tally_bytes extra; /* decoded; points into scratch */
	uint64_t index;
	uint8_t hash[64][TALLY_HASH];
	unsigned hashes;
	struct tally_bytes checkpoint; /* the signed note */
};
int tally_tlog_proof_parse(struct tally_tlog_proof *out, struct tally_bytes in,
			   struct tally_buf *scratch, struct tally_err *err);
void tally_tlog_proof_text(struct tally_buf *out, const struct tally_tlog_proof *p);

#endif
