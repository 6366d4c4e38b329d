/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gists beside the index (FORMAT.md section 7). One is made where a segment begins,
 * once as many entries have come since the last one as it kept itself: so all of them
 * together are no longer than the index. Each is made of what the last one kept and
 * of the entries since, which is how a scrub makes them again.
 */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

#define SHORTEST (TALLY_INDEX_SEGMENT / 2) /* entries, from one to the next */

int
store_gist_before(struct tally_store *s, MDB_txn *txn, uint64_t *next, struct tally_bytes *value,
		  struct tally_index_head *head, struct tally_err *err)
{
	int r = s->has_gist ? store_before(txn, s->gist, next, value, err) : 0;

	if (r > 0 && (r = tally_index_head(head, *value, err)) == 0)
		r = head->gist ? 1 : tally_err_set(err, TALLY_FAILS, "no gist");
	return r < 0 ? tally_err_prefix(err, "gist up to entry %llu", (unsigned long long)*next)
		     : r;
}

int
store_gist_feed(struct tally_store *s, MDB_txn *txn, uint64_t next, struct tally_index_reader *r,
		struct tally_err *err)
{
	uint8_t before[TALLY_HASH];
	struct tally_bytes value;
	int rc = store_index_before(s, txn, next, before, err) < 0
			 ? -1
			 : store_get(txn, s->gist, store_key(&next), &value, err);

	if (rc == 0)
		rc = tally_err_set(err, TALLY_FAILS, "missing");
	if (rc > 0)
		tally_index_reader_after(r, before);
	if (rc > 0)
		rc = tally_index_feed(r, next, value, err);
	return rc < 0 ? tally_err_prefix(err, "gist up to entry %llu", (unsigned long long)next)
		      : 0;
}

static int
read_leaf(struct tally_store *s, MDB_txn *txn, uint64_t index, struct store_leaf *leaf,
	  struct tally_err *err)
{
	struct tally_bytes value;
	int r = store_get(txn, s->leaf, store_key(&index), &value, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "missing");
	if (r > 0)
		r = store_leaf_read(leaf, index, value, err);
	return r < 0 ? tally_err_prefix(err, "entry %llu", (unsigned long long)index) : 0;
}

/* The entries that a gist keeps, as they are. */
static int
add_rows(struct tally_store *s, MDB_txn *txn, struct tally_index_reader *r, struct tally_gist *g,
	 struct tally_err *err)
{
	const struct tally_index_row *rows;
	struct store_leaf leaf;
	size_t n;
	int rc;

	while ((rc = tally_index_rows(r, &rows, &n, err)) > 0)
		for (size_t i = 0; i < n; i++) {
			if (read_leaf(s, txn, rows[i].header.index, &leaf, err) < 0)
				return -1;
			tally_gist_add(g, &leaf.header, leaf.entry.group);
		}
	return rc;
}

int
store_gist_load(struct tally_store *s, struct tally_gist *g, uint64_t next, int64_t horizon,
		struct tally_err *err)
{
	struct tally_index_reader *r;
	MDB_txn *txn;
	int rc;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = tally_index_reader_new();
	rc = store_gist_feed(s, txn, next, r, err);
	if (rc == 0)
		rc = add_rows(s, txn, r, g, err);
	store_short_end(s, txn);
	tally_index_reader_free(r);
	if (rc == 0)
		tally_gist_goes_on(g, next, horizon);
	return rc;
}

int
store_gist_scan(struct tally_store *s, struct tally_gist *g, uint64_t to, struct tally_err *err)
{
	struct store_scan scan;
	struct store_leaf leaf;
	int r;

	store_scan_init(&scan, s, tally_gist_next(g), to);
	while ((r = store_scan_next(&scan, &leaf, err)) > 0)
		tally_gist_add(g, &leaf.header, leaf.entry.group);
	store_scan_end(&scan);
	return r;
}

int
store_gist_make(struct tally_store *s, struct tally_gist **g, const uint8_t before[TALLY_HASH],
		struct tally_buf *out, struct tally_err *err)
{
	struct tally_index_writer *w;
	struct tally_gist *from = *g;
	const uint64_t *rows;
	size_t n = tally_gist_rows(from, &rows);
	MDB_txn *txn;
	int r = 0;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	w = tally_index_writer_new();
	tally_index_gist_begin(w, tally_gist_next(from), before);
	*g = tally_gist_new();
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct store_leaf leaf;

		r = read_leaf(s, txn, rows[i], &leaf, err);
		if (r < 0)
			break;
		tally_index_gist_add(w, &leaf.header, leaf.entry.group);
		tally_gist_add(*g, &leaf.header, leaf.entry.group);
	}
	store_short_end(s, txn);
	if (r == 0)
		tally_index_gist(w, tally_gist_horizon(from), out);
	tally_gist_goes_on(*g, tally_gist_next(from), tally_gist_horizon(from));
	tally_gist_free(from);
	tally_index_writer_free(w);
	return r;
}

/* The newest gist is the one that was made last: its end, or 0. */
static int
newest(struct tally_store *s, uint64_t *next, int64_t *horizon, struct tally_err *err)
{
	struct tally_index_head head = { 0 };
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	*next = UINT64_MAX;
	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_gist_before(s, txn, next, &value, &head, err);
	store_short_end(s, txn);
	if (r == 0)
		*next = 0;
	*horizon = head.horizon;
	return r < 0 ? -1 : 0;
}

/* What is damaged is for a scrub to tell: entries go on to be recorded. */
int
store_gist_begin(struct tally_store *s, uint64_t size, struct tally_err *err)
{
	struct tally_err damaged = TALLY_ERR_INIT;
	int64_t horizon = 0;
	uint64_t next;

	if (newest(s, &next, &horizon, &damaged) < 0 || next > size) {
		if (damaged.code != TALLY_OK && damaged.code != TALLY_FAILS) {
			*err = damaged;
			return -1;
		}
		next = 0;
	}
	if (s->gist_of && s->gist_from == next && tally_gist_next(s->gist_of) == size)
		return 0;
	tally_gist_free(s->gist_of);
	s->gist_of = tally_gist_new();
	s->gist_from = next;
	if (next > 0 && store_gist_load(s, s->gist_of, next, horizon, &damaged) < 0) {
		if (damaged.code != TALLY_FAILS) {
			*err = damaged;
			return -1;
		}
		tally_gist_free(s->gist_of);
		s->gist_of = tally_gist_new();
	}
	return store_gist_scan(s, s->gist_of, size, err);
}

/* A gist that would keep most of its entries is worth nothing. */
int
store_gist_settle(struct tally_store *s, const uint8_t before[TALLY_HASH], struct tally_err *err)
{
	uint64_t next = tally_gist_next(s->gist_of);
	const uint64_t *rows;
	size_t at, n;

	if (next - s->gist_from < SHORTEST)
		return 0;
	n = tally_gist_rows(s->gist_of, &rows);
	if (n > next - s->gist_from || n > next / 2)
		return 0;
	at = store_tail_begin(&s->gist_tail, next);
	if (store_gist_make(s, &s->gist_of, before, &s->gist_tail, err) < 0) {
		tally_gist_free(s->gist_of);
		s->gist_of = NULL;
		return -1;
	}
	store_tail_end(&s->gist_tail, at);
	s->gist_from = next;
	return 0;
}
