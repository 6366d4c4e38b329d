/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a writer checks before it writes: LMDB has no page checksums, so the
 * tail (all behind the newest note, and STORE_TAIL entries before it) is hashed
 * again from the stored bytes; its nodes, the note's root and signature and the
 * head must be what comes out.
 */
#include <string.h>
#include "store_internal.h"

int
store_note_check(struct tally_store *s, struct tally_bytes bytes, struct tally_checkpoint *out,
		 struct tally_buf *scratch, struct tally_err *err)
{
	struct tally_note note;
	int r;

	if (tally_note_parse(&note, bytes, scratch, err) < 0 ||
	    tally_checkpoint_parse(out, note.text, false, err) < 0)
		return tally_err_prefix(err, "newest note");
	if (!tally_bytes_eq(out->origin, tally_bytes_str(s->origin)))
		return tally_err_set(err, TALLY_FAILS, "newest note: of another origin");
	r = tally_note_verify(&note, &s->vkey, err);
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "newest note: not signed by the log's key");
	return r < 0 ? tally_err_prefix(err, "newest note") : 0;
}

/* Head, growing nodes and the newest note into memory. */
static int
load(struct tally_store *s, MDB_txn *txn, struct tally_buf *note, struct tally_err *err)
{
	struct tally_bytes value;
	uint64_t last = 0;
	int r = store_get(txn, s->head, tally_bytes_str("head"), &value, err);

	tally_frontier_init(&s->tip);
	tally_buf_clear(&s->tip_bytes);
	if (r < 0 || (r > 0 && tally_frontier_read(&s->tip, value, err) < 0))
		return tally_err_prefix(err, "head");
	if (r > 0)
		tally_buf_add_bytes(&s->tip_bytes, value);
	if (store_nodes_load(s, txn, s->tip.size, err) < 0)
		return -1;
	r = store_last(txn, s->leaf, &last, &value, err);
	if (r < 0)
		return -1;
	if (r > 0 ? last != s->tip.size - 1 : s->tip.size != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "head: %llu entries, but the last one is %s%llu",
				     (unsigned long long)s->tip.size, r > 0 ? "" : "absent, not ",
				     (unsigned long long)last);
	if (r > 0) {
		struct store_leaf leaf;

		if (store_leaf_read(&leaf, last, value, err) < 0)
			return -1;
		s->last_boot = leaf.header.boot;
		s->last_uptime = leaf.header.uptime;
	}
	r = store_last(txn, s->note, &s->note_seq, &value, err);
	if (r > 0)
		tally_buf_add_bytes(note, value);
	s->has_note = r > 0;
	return r < 0 ? -1 : 0;
}

struct compare {
	struct tally_store *s;
	struct tally_err *err;
	bool failed;
};

static void
compare_node(void *ctx, unsigned level, uint64_t index, const uint8_t *hash)
{
	struct compare *c = ctx;
	uint8_t stored[TALLY_HASH];
	struct tally_nodes nodes = tally_store_nodes(c->s);

	if (c->failed || !store_level_is_kept(level))
		return;
	if (nodes.node(nodes.ctx, level, index, stored, c->err) < 0)
		c->failed = true;
	else if (memcmp(stored, hash, TALLY_HASH) != 0)
		c->failed = tally_err_set(c->err, TALLY_FAILS,
					  "entries %llu to %llu do not hash to their node",
					  (unsigned long long)(index << level),
					  (unsigned long long)(((index + 1) << level) - 1)) < 0;
}

int
store_rehash_compared(struct tally_store *s, struct tally_frontier *f, uint64_t to,
		      struct tally_err *err)
{
	struct compare c = { s, err, false };

	if (store_rehash(s, f, to, compare_node, &c, err) < 0)
		return -1;
	return c.failed ? -1 : 0;
}

static int
rehash_tail(struct tally_store *s, const struct tally_checkpoint *cp, struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH];
	struct tally_frontier f;
	uint64_t from = cp && cp->size > STORE_TAIL ? (cp->size - STORE_TAIL) & ~UINT64_C(15) : 0;
	bool same;

	if (store_frontier_at(s, from, &f, err) < 0)
		return -1;
	if (cp) {
		if (store_rehash_compared(s, &f, cp->size, err) < 0)
			return -1;
		tally_frontier_root(&f, root);
		if (memcmp(root, cp->root, TALLY_HASH) != 0)
			return tally_err_set(err, TALLY_FAILS,
					     "entries from %llu: the root at %llu is not that of "
					     "the newest note",
					     (unsigned long long)from,
					     (unsigned long long)cp->size);
	}
	s->signed_tip = f;
	if (store_rehash_compared(s, &f, s->tip.size, err) < 0)
		return -1;
	tally_frontier_write(&f, &bytes);
	same = s->tip.size == 0 ||
	       tally_bytes_eq(tally_buf_view(&bytes), tally_buf_view(&s->tip_bytes));
	tally_buf_deinit(&bytes);
	if (!same)
		return tally_err_set(err, TALLY_FAILS, "head: not what the entries hash to");
	return 0;
}

int
store_reopen(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = load(s, txn, &note, err);
	store_short_end(s, txn);
	if (r == 0 && s->has_note)
		r = store_note_check(s, tally_buf_view(&note), &cp, &scratch, err);
	if (r == 0 && s->has_note && cp.size > s->tip.size)
		r = tally_err_set(err, TALLY_FAILS,
				  "the newest note is of %llu entries, the head of %llu",
				  (unsigned long long)cp.size, (unsigned long long)s->tip.size);
	if (r == 0)
		r = rehash_tail(s, s->has_note ? &cp : NULL, err);
	tally_buf_deinit(&note);
	tally_buf_deinit(&scratch);
	return r;
}
