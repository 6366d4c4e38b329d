/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at all that a ledger holds. The index is trusted by reports only as far
 * as this shows that it says what the entries say. */
#include <string.h>
#include "store_internal.h"

static int
scrub_tree(struct tally_store *s, struct tally_frontier *f, struct tally_err *err)
{
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH], kept[TALLY_HASH];
	struct tally_checkpoint cp;
	struct tally_frontier head;
	uint64_t sequence;
	int r;

	tally_frontier_init(f);
	r = tally_store_last_note(s, &sequence, &note, err);
	if (r > 0 && (r = store_note_check(s, tally_buf_view(&note), &cp, &scratch, err)) == 0 &&
	    (r = store_rehash_compared(s, f, cp.size, err)) == 0) {
		tally_frontier_root(f, root);
		if (memcmp(root, cp.root, TALLY_HASH) != 0)
			r = tally_err_set(err, TALLY_FAILS,
					  "the %llu entries do not hash to the root of the newest "
					  "note",
					  (unsigned long long)cp.size);
	}
	if (r == 0 && (r = store_head(s, &head, err)) == 0 &&
	    (r = store_rehash_compared(s, f, head.size, err)) == 0) {
		tally_frontier_root(f, root);
		tally_frontier_root(&head, kept);
		if (head.size != f->size || memcmp(root, kept, TALLY_HASH) != 0)
			r = tally_err_set(err, TALLY_FAILS, "head: not what the entries hash to");
	}
	tally_buf_deinit(&note);
	tally_buf_deinit(&scratch);
	return r;
}

/* The piece that begins here, made again. */
static int
remake(struct tally_store *s, struct tally_index_writer *w, uint64_t first, uint32_t entries,
       struct tally_buf *out, struct tally_err *err)
{
	struct store_scan scan;
	struct store_leaf leaf;
	int r;

	store_scan_init(&scan, s, first, first + entries);
	while ((r = store_scan_next(&scan, &leaf, err)) > 0)
		tally_index_add(w, &leaf.header, leaf.entry.group);
	store_scan_end(&scan);
	if (r == 0)
		tally_index_piece(w, out);
	return r;
}

/* The kept piece into `kept`: 1, 0 where there is none, -1. */
static int
read_piece(struct tally_store *s, uint64_t first, struct tally_buf *kept,
	   struct tally_index_head *head, struct tally_err *err)
{
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	tally_buf_clear(kept);
	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_get(txn, s->index, store_key(&first), &value, err);
	if (r > 0)
		tally_buf_add_bytes(kept, value);
	store_short_end(s, txn);
	if (r > 0 && tally_index_head(head, tally_buf_view(kept), err) < 0)
		return -1;
	return r;
}

static int
scrub_piece(struct tally_store *s, struct tally_index_writer *w, uint64_t *first, uint64_t size,
	    uint8_t before[TALLY_HASH], struct tally_err *err)
{
	struct tally_buf kept = TALLY_BUF_INIT, made = TALLY_BUF_INIT;
	struct tally_index_head head;
	int r = read_piece(s, *first, &kept, &head, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "missing");
	else if (r > 0 && (head.entries == 0 || head.entries > size - *first))
		r = tally_err_set(err, TALLY_FAILS, "%u entries", head.entries);
	if (r > 0) {
		tally_index_writer_begin(w, *first, before, head.anew);
		r = remake(s, w, *first, head.entries, &made, err);
		if (r == 0 && !tally_bytes_eq(tally_buf_view(&kept), tally_buf_view(&made)))
			r = tally_err_set(err, TALLY_FAILS, "not what its entries say");
	}
	if (r < 0) {
		(void)tally_err_prefix(err, "index: piece of entry %llu",
				       (unsigned long long)*first);
	} else {
		*first += head.entries;
		memcpy(before, head.hash, TALLY_HASH);
	}
	tally_buf_deinit(&kept);
	tally_buf_deinit(&made);
	return r;
}

/* Pieces of more entries than there are would have no end. */
static int
scrub_index(struct tally_store *s, uint64_t size, uint64_t *indexed, struct tally_err *err)
{
	uint8_t last[TALLY_HASH], before[TALLY_HASH] = { 0 };
	struct tally_index_writer *w;
	uint64_t end;
	int r = 0;

	*indexed = 0;
	if (store_index_end(s, &end, last, err) < 0)
		return -1;
	if (end > size)
		return tally_err_set(err, TALLY_FAILS, "index: %llu entries of %llu",
				     (unsigned long long)end, (unsigned long long)size);
	w = tally_index_writer_new();
	while (r == 0 && *indexed < end)
		r = scrub_piece(s, w, indexed, end, before, err);
	tally_index_writer_free(w);
	return r;
}

/* Whether a segment begins here, or will. */
static int
check_place(struct tally_store *s, uint64_t next, uint64_t end, struct tally_err *err)
{
	struct tally_buf piece = TALLY_BUF_INIT;
	struct tally_index_head head;
	int r = next < end ? read_piece(s, next, &piece, &head, err) : 0;

	tally_buf_deinit(&piece);
	if (r < 0)
		return -1;
	if (r > 0 ? !head.anew : next != end)
		return tally_err_set(err, TALLY_FAILS, "no segment begins behind it");
	return 0;
}

/* A gist made again: from the one before it, which ends at `from`, and the entries. */
static int
remake_gist(struct tally_store *s, uint64_t from, int64_t horizon, uint64_t next,
	    struct tally_buf *out, struct tally_err *err)
{
	struct tally_gist *g = tally_gist_new();
	uint8_t before[TALLY_HASH];
	MDB_txn *txn;
	int r = store_short_begin(s, &txn, err);

	if (r == 0) {
		r = store_index_before(s, txn, next, before, err);
		store_short_end(s, txn);
	}
	if (r == 0 && from > 0)
		r = store_gist_load(s, g, from, horizon, err);
	if (r == 0)
		r = store_gist_scan(s, g, next, err);
	if (r == 0)
		r = store_gist_make(s, &g, before, out, err);
	tally_gist_free(g);
	return r;
}

/* The gist that ends at `*next`; then `*next` and `*horizon` are those of the one
 * before it: 1, 0 there is none, -1. */
static int
scrub_gist(struct tally_store *s, uint64_t *next, int64_t *horizon, uint64_t end,
	   struct tally_err *err)
{
	struct tally_buf kept = TALLY_BUF_INIT, made = TALLY_BUF_INIT;
	struct tally_index_head head = { 0 };
	uint64_t own = *next;
	struct tally_bytes value;
	MDB_txn *txn;
	int r = 0, before;

	if (check_place(s, own, end, err) < 0 || store_short_begin(s, &txn, err) < 0)
		return tally_err_prefix(err, "gist up to entry %llu", (unsigned long long)own);
	if (store_get(txn, s->gist, store_key(&own), &value, err) > 0)
		tally_buf_add_bytes(&kept, value);
	before = store_gist_before(s, txn, next, &value, &head, err);
	store_short_end(s, txn);
	if (before == 0)
		*next = 0;
	*horizon = head.horizon;
	if (before < 0 || remake_gist(s, *next, *horizon, own, &made, err) < 0)
		r = -1;
	else if (!tally_bytes_eq(tally_buf_view(&kept), tally_buf_view(&made)))
		r = tally_err_set(err, TALLY_FAILS, "not what its entries say");
	tally_buf_deinit(&kept);
	tally_buf_deinit(&made);
	return r < 0 ? tally_err_prefix(err, "gist up to entry %llu", (unsigned long long)own)
		     : before;
}

static int
scrub_gists(struct tally_store *s, uint64_t indexed, struct tally_err *err)
{
	struct tally_index_head head;
	struct tally_bytes value;
	uint64_t next = UINT64_MAX;
	int64_t horizon;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_gist_before(s, txn, &next, &value, &head, err);
	store_short_end(s, txn);
	while (r > 0)
		r = scrub_gist(s, &next, &horizon, indexed, err);
	return r;
}

int
tally_store_scrub(struct tally_store *s, struct tally_scrub *out, struct tally_err *err)
{
	struct tally_frontier f;

	if (scrub_tree(s, &f, err) < 0 || scrub_index(s, f.size, &out->indexed, err) < 0 ||
	    scrub_gists(s, out->indexed, err) < 0)
		return tally_err_prefix(err, "%s", s->path);
	out->entries = f.size;
	return 0;
}
