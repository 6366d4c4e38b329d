/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping the index in step (FORMAT.md section 7): before a note is signed, what
 * it covers is read back and put into pieces. Many of them get transactions of
 * their own, the last ones go with the note: so a note's entries are indexed, and
 * a quiet host's checkpoint costs no second commit. What LMDB holds decides where
 * the next piece begins; after a failure, or when opened anew, with a segment.
 */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

#define TAIL_BYTES (1U << 20) /* of pieces in memory */
#define ITEM_HEAD  16         /* u64 key, u64 length: how a piece lies in `index_tail` */

int
store_index_end(struct tally_store *s, uint64_t *size, uint8_t hash[TALLY_HASH],
		struct tally_err *err)
{
	struct tally_index_head head;
	struct tally_bytes value;
	MDB_txn *txn;
	uint64_t key;
	int r;

	*size = 0;
	memset(hash, 0, TALLY_HASH);
	if (!s->has_index)
		return 0;
	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_last(txn, s->index, &key, &value, err);
	if (r > 0 && (r = tally_index_head(&head, value, err)) == 0) {
		memcpy(hash, head.hash, TALLY_HASH);
		if (__builtin_add_overflow(key, head.entries, size))
			r = tally_err_set(err, TALLY_FAILS, "too many entries");
	}
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "index") : 0;
}

int
store_index_before(struct tally_store *s, MDB_txn *txn, uint64_t next, uint8_t hash[TALLY_HASH],
		   struct tally_err *err)
{
	struct tally_index_head head;
	struct tally_bytes value;
	int r = s->has_index ? store_before(txn, s->index, &next, &value, err) : 0;

	if (r > 0)
		r = tally_index_head(&head, value, err);
	else if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "no index before it");
	if (r == 0)
		memcpy(hash, head.hash, TALLY_HASH);
	return r;
}

/* A database of older ledgers' is made where it is not there. */
static int
put_tail(struct tally_store *s, MDB_txn *txn, const char *name, MDB_dbi *dbi, bool *has,
	 bool *is_new, const struct tally_buf *tail, struct tally_err *err)
{
	/* A damaged gist may stand behind its place: no reason not to make another. */
	unsigned flags = dbi == &s->gist ? 0 : MDB_APPEND;
	int rc;

	if (tail->len > 0 && !*has) {
		rc = mdb_dbi_open(txn, name, MDB_INTEGERKEY | MDB_CREATE, dbi);
		if (rc)
			return store_mdb_err(err, rc, "data.mdb: database '%s'", name);
		*has = *is_new = true;
	}
	for (size_t at = 0; at < tail->len;) {
		uint64_t key = tally_get_u64(tail->p + at);
		size_t length = (size_t)tally_get_u64(tail->p + at + 8);

		if (store_put(s, txn, *dbi, store_key(&key),
			      tally_bytes(tail->p + at + ITEM_HEAD, length), flags, err) < 0)
			return tally_err_prefix(err, "%s", name);
		at += ITEM_HEAD + length;
	}
	return 0;
}

int
store_index_put(struct tally_store *s, MDB_txn *txn, struct tally_err *err)
{
	if (put_tail(s, txn, "index", &s->index, &s->has_index, &s->index_is_new, &s->index_tail,
		     err) < 0)
		return -1;
	return put_tail(s, txn, "gist", &s->gist, &s->has_gist, &s->gist_is_new, &s->gist_tail,
			err);
}

size_t
store_tail_begin(struct tally_buf *tail, uint64_t key)
{
	tally_buf_add_u64(tail, key);
	tally_buf_add_u64(tail, 0);
	return tail->len;
}

void
store_tail_end(struct tally_buf *tail, size_t at)
{
	tally_put_u64(tail->p + at - 8, tail->len - at);
}

static int
put_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	(void)ctx;
	return store_index_put(s, txn, err);
}

/* A gist goes with the piece before it. */
static int
keep_piece(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf *tail = &s->index_tail;
	size_t at = store_tail_begin(tail, tally_index_first(s->indexer));

	tally_index_piece(s->indexer, tail);
	store_tail_end(tail, at);
	if (!tally_index_begins(s->indexer))
		return 0;
	return store_gist_settle(s, tail->p + tail->len - TALLY_HASH, err);
}

/* Both tails are empty then. */
static int
flush(struct tally_store *s, struct tally_err *err)
{
	int r = store_write(s, put_body, NULL, err);

	tally_buf_clear(&s->index_tail);
	tally_buf_clear(&s->gist_tail);
	return r;
}

static int
add_entries(struct tally_store *s, uint64_t from, struct tally_err *err)
{
	struct tally_index_writer *w = s->indexer;
	struct store_scan scan;
	struct store_leaf leaf;
	int r;

	store_scan_init(&scan, s, from, s->tip.size);
	while ((r = store_scan_next(&scan, &leaf, err)) > 0) {
		tally_index_add(w, &leaf.header, leaf.entry.group);
		tally_gist_add(s->gist_of, &leaf.header, leaf.entry.group);
		if (!tally_index_is_full(w))
			continue;
		/* The scan's transaction would keep a full map from growing. */
		store_scan_end(&scan);
		r = keep_piece(s, err);
		if (r == 0 && s->index_tail.len >= TAIL_BYTES)
			r = flush(s, err);
		if (r < 0)
			break;
		store_scan_init(&scan, s, tally_index_next(w), s->tip.size);
	}
	store_scan_end(&scan);
	if (r == 0 && tally_index_next(w) > tally_index_first(w))
		r = keep_piece(s, err);
	return r;
}

int
store_index_extend(struct tally_store *s, struct tally_err *err)
{
	uint8_t hash[TALLY_HASH];
	uint64_t size;
	bool goes_on;

	tally_buf_clear(&s->index_tail);
	tally_buf_clear(&s->gist_tail);
	if (store_index_end(s, &size, hash, err) < 0)
		return -1;
	if (size > s->tip.size)
		return tally_err_set(err, TALLY_FAILS, "index: %llu entries, the ledger has %llu",
				     (unsigned long long)size, (unsigned long long)s->tip.size);
	goes_on = s->indexer && tally_index_continues(s->indexer, size, hash);
	if (!s->indexer)
		s->indexer = tally_index_writer_new();
	if (!goes_on)
		tally_index_writer_begin(s->indexer, size, hash, true);
	if (size == s->tip.size)
		return 0;
	if (store_gist_begin(s, size, err) < 0 ||
	    (tally_index_begins(s->indexer) && store_gist_settle(s, hash, err) < 0))
		return -1;
	return add_entries(s, size, err) < 0 ? tally_err_prefix(err, "index") : 0;
}
