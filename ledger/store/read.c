/* SPDX-License-Identifier: Apache-2.0 */
/* Single looks into the ledger: head, entry, note, row. Each in its own short
 * transaction; buffers are filled anew. */
#include <string.h>
#include "store_internal.h"

int
store_head(struct tally_store *s, struct tally_frontier *f, struct tally_err *err)
{
	struct tally_bytes value;
	uint64_t last;
	MDB_txn *txn;
	int r;

	tally_frontier_init(f);
	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_get(txn, s->head, tally_bytes_str("head"), &value, err);
	if (r > 0)
		r = tally_frontier_read(f, value, err);
	else if (r == 0 && (r = store_last(txn, s->leaf, &last, &value, err)) > 0)
		r = tally_err_set(err, TALLY_FAILS, "missing, but there are entries");
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s: head", s->path) : 0;
}

int
tally_store_head(struct tally_store *s, uint64_t *size, uint8_t root[TALLY_HASH],
		 struct tally_err *err)
{
	struct tally_frontier f;

	if (store_head(s, &f, err) < 0)
		return -1;
	*size = f.size;
	tally_frontier_root(&f, root);
	return 0;
}

int
tally_store_entry(struct tally_store *s, uint64_t index, struct tally_buf *record,
		  struct tally_buf groups[TALLY_GROUPS], uint8_t salts[TALLY_GROUPS][TALLY_SALT],
		  struct tally_err *err)
{
	uint8_t bytes[TALLY_RECORD];
	struct tally_bytes value;
	struct store_leaf leaf;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_get(txn, s->leaf, store_key(&index), &value, err);
	if (r > 0 && store_leaf_read(&leaf, index, value, err) < 0)
		r = -1;
	if (r > 0) {
		store_leaf_record(&leaf, bytes);
		tally_buf_clear(record);
		tally_buf_add(record, bytes, sizeof(bytes));
		for (int k = 0; groups && k < TALLY_GROUPS; k++) {
			tally_buf_clear(&groups[k]);
			tally_buf_add_bytes(&groups[k], leaf.entry.group[k]);
		}
		if (salts)
			tally_salts(salts, leaf.entry.seed);
	}
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s", s->path) : r;
}

int
tally_store_note(struct tally_store *s, uint64_t sequence, struct tally_buf *out,
		 struct tally_err *err)
{
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_get(txn, s->note, store_key(&sequence), &value, err);
	if (r > 0) {
		tally_buf_clear(out);
		tally_buf_add_bytes(out, value);
	}
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s: note", s->path) : r;
}

int
tally_store_last_note(struct tally_store *s, uint64_t *sequence, struct tally_buf *out,
		      struct tally_err *err)
{
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_last(txn, s->note, sequence, &value, err);
	if (r > 0) {
		tally_buf_clear(out);
		tally_buf_add_bytes(out, value);
	}
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s: note", s->path) : r;
}

static int
parse_row(struct tally_row *out, uint64_t number, struct tally_bytes value, struct tally_err *err)
{
	if (value.len != TALLY_ROW)
		return tally_err_set(err, TALLY_FAILS, "evidence row %llu: %zu bytes",
				     (unsigned long long)number, value.len);
	if (tally_row_read(out, value.p, err) < 0)
		return -1;
	if (out->number != number)
		return tally_err_set(err, TALLY_FAILS, "evidence row %llu: numbered %u",
				     (unsigned long long)number, out->number);
	return 1;
}

int
tally_store_row(struct tally_store *s, uint64_t number, struct tally_row *out,
		struct tally_err *err)
{
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_get(txn, s->att, store_key(&number), &value, err);
	if (r > 0)
		r = parse_row(out, number, value, err);
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s", s->path) : r;
}

int
store_last_row(struct tally_store *s, struct tally_row *out, struct tally_err *err)
{
	struct tally_bytes value;
	uint64_t number;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_last(txn, s->att, &number, &value, err);
	if (r > 0)
		r = parse_row(out, number, value, err);
	store_short_end(s, txn);
	return r < 0 ? tally_err_prefix(err, "%s", s->path) : r;
}
