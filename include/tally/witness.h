/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_WITNESS_H
#define TALLY_WITNESS_H
/* Witnesses: cosignatures (c2sp.org/tlog-cosignature), the body of add-checkpoint
 * (c2sp.org/tlog-witness) and policies (c2sp.org/tlog-policy); FORMAT.md section 25. PURE. */
#include "tally/bytes.h"
#include "tally/note.h"

struct tally_err;

/* The vkey (type 0x04) under which a key cosigns; its private text is that of a log key. */
void tally_cosigner_vkey(struct tally_vkey *out, const struct tally_logkey *key);
/* Appends one signature line over the note text. `time`: seconds since 1970. */
int tally_cosign(struct tally_buf *lines, struct tally_bytes text, struct tally_logkey *key,
		 uint64_t time, struct tally_err *err);
/* As tally_note_verify for a cosigner's key, with the time that it signed: of several lines
 * the earliest. A time above 2^63-1 does not verify. */
int tally_note_cosigned(const struct tally_note *note, const struct tally_vkey *key, uint64_t *time,
			struct tally_err *err);

/* The body of a request. Of a witness's answer only the status and, of a conflict, the size. */
#define TALLY_WITNESS_HASHES 63
#define TALLY_WITNESS_BODY   (TALLY_NOTE_MAX + 45 * TALLY_WITNESS_HASHES + 32)
#define TALLY_WITNESS_SIZE   "text/x.tlog.size" /* Content-Type of a conflict's size */
struct tally_add_checkpoint {
	uint64_t old;
	uint8_t hash[TALLY_WITNESS_HASHES][TALLY_HASH];
	unsigned hashes;
	struct tally_bytes note; /* the signed checkpoint */
};
/* TALLY_FAILS where it is malformed. Views point into `in`. */
int tally_add_checkpoint_parse(struct tally_add_checkpoint *out, struct tally_bytes in,
			       struct tally_err *err);
void tally_add_checkpoint_text(struct tally_buf *out, const struct tally_add_checkpoint *r);
/* "N\n". */
bool tally_tlog_size_parse(uint64_t *out, struct tally_bytes body);

/* A trust policy. Names are opaque bytes without NUL. */
struct tally_policy;
#define TALLY_POLICY_MAX 64 /* logs, witnesses, groups, each */
/* TALLY_USE with "NAME:LINE:COLUMN: what". */
int tally_policy_parse(struct tally_policy **out, const char *name, struct tally_bytes text,
		       struct tally_err *err);
void tally_policy_free(struct tally_policy *p); /* NULL ok */
/* Whether a text is meant as one: its first line that says anything begins with a word of a policy.
 */
bool tally_policy_recognised(struct tally_bytes text);
struct tally_policy_party {
	char *name; /* of a witness; NULL of a log */
	struct tally_vkey key;
	char *url; /* NULL: none */
};
size_t tally_policy_logs(const struct tally_policy *p);
const struct tally_policy_party *tally_policy_log(const struct tally_policy *p, size_t i);
size_t tally_policy_witnesses(const struct tally_policy *p);
const struct tally_policy_party *tally_policy_witness(const struct tally_policy *p, size_t i);
/* Whether these (one flag a witness) are enough; `quorum none` always is. */
bool tally_policy_reached(const struct tally_policy *p, const bool *signed_by);
/* Whether the quorum needs anybody at all. */
bool tally_policy_asks(const struct tally_policy *p);
/* One time a witness that has signed, flags as before; only where they reach the quorum.
 * `by`: the first instant by which a quorum had signed; `since`: the last instant since which
 * a quorum has. A minority that lies moves neither. */
void tally_policy_times(const struct tally_policy *p, const bool *signed_by, const uint64_t *time,
			uint64_t *by, uint64_t *since);

#endif
