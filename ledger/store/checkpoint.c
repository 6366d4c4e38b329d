/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing the tree. What is signed was read back from the store and hashed
 * again from the newest note on, so a size never falls and a root never departs
 * from the one signed before. The note is persisted before anybody sees it.
 */
#include <string.h>
#include "store_internal.h"

int
store_checkpoint_make(struct tally_store *s, struct tally_frontier *verified,
		      struct tally_buf *note, struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct tally_signer signer = tally_logkey_signer(s->key);
	uint8_t root[TALLY_HASH];
	int r;

	if (s->closed)
		return tally_err_set(err, TALLY_FAILS, "closed for signing: %s", s->closed);
	*verified = s->signed_tip;
	r = store_rehash(s, verified, s->tip.size, NULL, NULL, err);
	if (r == 0) {
		tally_frontier_write(verified, &bytes);
		if (!tally_bytes_eq(tally_buf_view(&bytes), tally_buf_view(&s->tip_bytes))) {
			s->broken = true;
			r = tally_err_set(err, TALLY_FAILS,
					  "what was read back is not what was appended: not "
					  "signed");
		}
	}
	if (r == 0)
		r = store_index_extend(s, err);
	if (r == 0) {
		tally_frontier_root(verified, root);
		tally_checkpoint_text(&text, s->origin, verified->size, root);
		r = tally_note_sign(note, tally_buf_view(&text), &signer, err);
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&text);
	return r;
}

int
store_checkpoint_put(struct tally_store *s, MDB_txn *txn, const struct tally_frontier *verified,
		     struct tally_bytes note, uint64_t *sequence, struct tally_err *err)
{
	struct tally_bytes value;
	uint64_t last = 0;
	int r = store_last(txn, s->note, &last, &value, err);

	if (r < 0 || store_head_check(s, txn, err) < 0)
		return -1;
	if ((r > 0) != s->has_note || (r > 0 && last != s->note_seq) ||
	    verified->size < s->signed_tip.size) {
		s->broken = true;
		return tally_err_set(err, TALLY_FAILS, "the notes have changed under their writer");
	}
	*sequence = r > 0 ? last + 1 : 0;
	if (store_index_put(s, txn, err) < 0)
		return -1;
	return store_put(s, txn, s->note, store_key(sequence), note, MDB_APPEND, err);
}

struct signing {
	struct tally_frontier verified;
	struct tally_buf note;
	uint64_t sequence;
};

static int
put_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	struct signing *c = ctx;

	return store_checkpoint_put(s, txn, &c->verified, tally_buf_view(&c->note), &c->sequence,
				    err);
}

/* A reader that died keeps its pages; once a minute they are given back. */
static void
drop_dead_readers(struct tally_store *s)
{
	int64_t now = tally_clock_now(s->clock).uptime.ns;
	int dead;

	if (s->checked != 0 && now - s->checked < 60 * TALLY_SECOND)
		return;
	s->checked = now;
	mdb_reader_check(s->env, &dead);
}

int
tally_store_checkpoint(struct tally_store *s, struct tally_err *err)
{
	struct signing c = { .note = TALLY_BUF_INIT };
	int r;

	if (!s->write)
		return tally_err_set(err, TALLY_USE, "%s: open for reading only", s->path);
	if (store_check_whole(s, err) < 0)
		return tally_err_prefix(err, "%s: checkpoint", s->path);
	drop_dead_readers(s);
	if (s->tip.size == 0 || (s->has_note && s->signed_tip.size == s->tip.size))
		return 0;
	r = store_checkpoint_make(s, &c.verified, &c.note, err);
	if (r == 0)
		r = store_write(s, put_body, &c, err);
	tally_buf_deinit(&c.note);
	if (r < 0)
		return tally_err_prefix(err, "%s: checkpoint", s->path);
	s->signed_tip = c.verified;
	s->note_seq = c.sequence;
	s->has_note = true;
	return 1;
}
