/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves in the order of the log, in read transactions of at most STORE_SCAN
 * entries: a reader that stays longer makes the file grow under a writer.
 * Entries below the head never change, so the pieces fit together.
 */
#include <string.h>
#include "store_internal.h"

void
store_scan_init(struct store_scan *c, struct tally_store *s, uint64_t from, uint64_t to)
{
	memset(c, 0, sizeof(*c));
	c->s = s;
	c->next = from;
	c->to = to;
}

void
store_scan_end(struct store_scan *c)
{
	if (c->cursor)
		mdb_cursor_close(c->cursor);
	if (c->txn)
		store_read_end(c->s, c->txn);
	c->cursor = NULL;
	c->txn = NULL;
}

static int
begin(struct store_scan *c, struct tally_err *err)
{
	int rc;

	store_scan_end(c);
	if (store_read_begin(c->s, &c->txn, err) < 0) {
		c->txn = NULL;
		return -1;
	}
	rc = mdb_cursor_open(c->txn, c->s->leaf, &c->cursor);
	if (rc) {
		c->cursor = NULL;
		return store_mdb_err(err, rc, "cursor");
	}
	c->left = STORE_SCAN;
	return 0;
}

int
store_scan_next(struct store_scan *c, struct store_leaf *out, struct tally_err *err)
{
	uint64_t index = c->next, found = 0;
	MDB_val key = { sizeof(index), &index }, value;
	MDB_cursor_op op = MDB_NEXT;
	int rc;

	if (c->next >= c->to) {
		store_scan_end(c);
		return 0;
	}
	if (c->left == 0 || !c->cursor) {
		if (begin(c, err) < 0)
			return -1;
		op = MDB_SET_KEY;
	}
	rc = mdb_cursor_get(c->cursor, &key, &value, op);
	if (rc == 0 && key.mv_size == sizeof(found))
		memcpy(&found, key.mv_data, sizeof(found));
	if (rc == MDB_NOTFOUND || (rc == 0 && found != index))
		return tally_err_set(err, TALLY_FAILS, "entry %llu: missing",
				     (unsigned long long)index);
	if (rc)
		return store_mdb_err(err, rc, "entry %llu", (unsigned long long)index);
	c->left--;
	c->next++;
	return store_leaf_read(out, index, store_val(value), err) < 0 ? -1 : 1;
}

int
store_rehash(struct tally_store *s, struct tally_frontier *f, uint64_t to, store_done *done,
	     void *ctx, struct tally_err *err)
{
	struct store_scan scan;
	struct store_leaf leaf;
	uint8_t record[TALLY_RECORD], hash[TALLY_HASH];
	int r;

	store_scan_init(&scan, s, f->size, to);
	while ((r = store_scan_next(&scan, &leaf, err)) > 0) {
		store_leaf_record(&leaf, record);
		tally_hash_leaf(hash, tally_bytes(record, sizeof(record)));
		tally_frontier_add(f, hash, done, ctx);
	}
	store_scan_end(&scan);
	return r;
}
