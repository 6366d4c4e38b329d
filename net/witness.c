/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness's answer to a checkpoint, in the order of c2sp.org/tlog-witness.
 * Invariant: a cosignature leaves only over what is on the disk, so of any two
 * checkpoints of one log that it has cosigned one is a beginning of the other.
 */
#include <inttypes.h>
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"
#include "witness_internal.h"

const struct tally_vkey *
tally_witness_vkey(const struct tally_witness *w)
{
	return &w->vkey;
}

size_t
tally_witness_logs(const struct tally_witness *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_logs; i++)
		n += w->log[i].n_keys > 0;
	return n;
}

static void
refuse(struct tally_witness_answer *out, unsigned status, const char *text)
{
	out->status = status;
	out->type = "text/plain; charset=utf-8";
	tally_buf_clear(&out->body);
	tally_buf_addf(&out->body, "%s\n", text);
}

static void
conflict(struct tally_witness_answer *out, const struct witness_log *log)
{
	out->status = 409;
	out->type = TALLY_WITNESS_SIZE;
	tally_buf_addf(&out->body, "%" PRIu64 "\n", log->seen ? log->size : 0);
}

static bool
signed_by_log(const struct witness_log *log, const struct tally_note *note)
{
	struct tally_err err = TALLY_ERR_INIT;

	for (size_t i = 0; i < log->n_keys; i++)
		if (tally_note_verify(note, &log->keys[i], &err) == 1)
			return true;
	return false;
}

/* That the tree grew out of the one that was cosigned, which has `old` entries. */
static int
check_growth(const struct witness_log *log, const struct tally_add_checkpoint *r,
	     const struct tally_checkpoint *head, struct tally_err *err)
{
	struct tally_frontier none;
	uint8_t empty[TALLY_HASH];

	tally_frontier_init(&none);
	tally_frontier_root(&none, empty);
	if (head->size == 0 && memcmp(head->root, empty, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "an empty tree has another root");
	if (r->old > 0)
		return tally_check_consistency(r->old, head->size, r->hash[0], r->hashes, log->root,
					       head->root, err);
	return r->hashes == 0
		       ? 0
		       : tally_err_set(err, TALLY_FAILS, "from size 0 the proof has to be empty");
}

/* The log's key has signed it: what is wrong with it now may be the log's misbehaviour. A proof
 * is signed by nobody. */
static void
answer_signed(struct tally_witness *w, struct witness_log *log,
	      const struct tally_add_checkpoint *r, const struct tally_note *note,
	      const struct tally_checkpoint *head, uint64_t now, struct tally_witness_answer *out)
{
	uint64_t newest = log->seen ? log->size : 0;
	struct tally_err err = TALLY_ERR_INIT;
	bool again = log->seen && head->size == log->size;
	bool fork = again && memcmp(head->root, log->root, TALLY_HASH) != 0;

	if (r->old > head->size) {
		refuse(out, 400, "the old size is larger than the checkpoint's");
	} else if (r->old != newest || fork) {
		if (fork) {
			tally_log(TALLY_LOG_WARNING, "%s shows two roots for %" PRIu64 " entries",
				  log->origin, head->size);
			witness_keep(w, log, true, r->note, note->text);
		}
		conflict(out, log);
	} else if (check_growth(log, r, head, &err) < 0) {
		tally_log(TALLY_LOG_WARNING,
			  "%s: the consistency proof from %" PRIu64 " to %" PRIu64
			  " entries does not verify: %s",
			  log->origin, r->old, head->size, err.text);
		if (log->seen)
			witness_keep(w, log, false, r->note, note->text);
		refuse(out, 422, "the consistency proof does not verify");
	} else if ((!again && witness_persist(w, log, head->size, head->root, &err) < 0) ||
		   tally_cosign(&out->body, note->text, w->key, now, &err) < 0) {
		tally_log(TALLY_LOG_ERR, "%s", err.text);
		refuse(out, 500, "the witness cannot persist or sign");
	} else {
		out->status = 200;
		out->type = "text/plain; charset=utf-8";
	}
}

/* 0, or the status that says that it cannot be read. */
static unsigned
read_request(struct tally_add_checkpoint *r, struct tally_note *note, struct tally_checkpoint *head,
	     struct tally_bytes body, struct tally_buf *scratch, struct tally_err *err)
{
	if (tally_add_checkpoint_parse(r, body, err) < 0)
		return 400;
	if (tally_note_parse(note, r->note, scratch, err) < 0)
		return 403; /* a signature line that is none verifies as little */
	return tally_checkpoint_parse(head, note->text, true, err) < 0 ? 400 : 0;
}

void
tally_witness_add_checkpoint(struct tally_witness *w, struct tally_bytes body, uint64_t now,
			     struct tally_witness_answer *out)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_add_checkpoint r;
	struct tally_checkpoint head;
	struct witness_log *log;
	struct tally_note note;
	unsigned unread;

	tally_buf_clear(&out->body);
	unread = read_request(&r, &note, &head, body, &scratch, &err);
	if (unread != 0) {
		refuse(out, unread, err.text);
	} else if (!(log = witness_find(w, head.origin)) || log->n_keys == 0) {
		refuse(out, 404, "unknown log");
	} else if (!signed_by_log(log, &note)) {
		refuse(out, 403, "no valid signature of this log");
	} else {
		answer_signed(w, log, &r, &note, &head, now, out);
	}
	tally_buf_deinit(&scratch);
}
