/* SPDX-License-Identifier: Apache-2.0 */
/* The index as a source of entries: a piece at a time, copied in a transaction of
 * its own, so that no writer waits for a reader. */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

struct indexed {
	struct tally_store *s;
	struct tally_index_reader *reader;
	uint64_t next, to;                  /* the piece that follows begins at `next` */
	uint64_t gist;                      /* where the gist ends that comes first; 0: none */
	const struct tally_index_row *rows; /* of next() */
	size_t n, at;
};

static int
feed_gist(struct indexed *x, struct tally_err *err)
{
	MDB_txn *txn;
	int r;

	if (store_short_begin(x->s, &txn, err) < 0)
		return -1;
	r = store_gist_feed(x->s, txn, x->gist, x->reader, err);
	store_short_end(x->s, txn);
	x->next = x->gist;
	return r < 0 ? -1 : 1;
}

/* The next piece: 1, or -1. */
static int
feed(struct indexed *x, struct tally_err *err)
{
	struct tally_index_head head;
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	if (store_short_begin(x->s, &txn, err) < 0)
		return -1;
	r = store_get(txn, x->s->index, store_key(&x->next), &value, err);
	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "missing");
	if (r > 0)
		r = tally_index_head(&head, value, err);
	if (r == 0)
		r = tally_index_feed(x->reader, x->next, value, err);
	store_short_end(x->s, txn);
	if (r < 0)
		return tally_err_prefix(err, "index: piece of entry %llu",
					(unsigned long long)x->next);
	x->next += head.entries;
	return 1;
}

static int
indexed_rows(void *ctx, const struct tally_index_row **rows, size_t *n, struct tally_err *err)
{
	struct indexed *x = ctx;
	int r = tally_index_rows(x->reader, rows, n, err);

	if (r < 0)
		(void)tally_err_prefix(err, "index: before entry %llu",
				       (unsigned long long)x->next);
	if (r == 0) {
		if (x->next >= x->to)
			return 0;
		r = x->next < x->gist ? feed_gist(x, err) : feed(x, err);
		if (r > 0)
			r = tally_index_rows(x->reader, rows, n, err);
	}
	if (r < 0)
		return tally_err_prefix(err, "%s", x->s->path);
	while (*n > 0 && (*rows)[*n - 1].header.index >= x->to)
		--*n;
	return *n > 0;
}

static int
indexed_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct indexed *x = ctx;
	const struct tally_index_row *row;

	if (x->at == x->n) {
		int r = indexed_rows(x, &x->rows, &x->n, err);

		if (r <= 0)
			return r;
		x->at = 0;
	}
	row = &x->rows[x->at++];
	out->header = row->header;
	out->mask = (1u << TALLY_GROUPS) - 1;
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		out->group[k] = row->group[k] && tally_body_is_whole(row->header.kind)
					? row->group[k]->bytes
					: tally_bytes(NULL, 0);
	return 1;
}

/* The newest gist that is good for that. */
static int
indexed_leave_out(void *ctx, int64_t from, uint64_t *whole, struct tally_err *err)
{
	struct tally_index_head head;
	struct indexed *x = ctx;
	struct tally_bytes value;
	MDB_txn *txn;
	int r;

	x->gist = x->to + 1;
	if (store_short_begin(x->s, &txn, err) < 0)
		return -1;
	do
		r = store_gist_before(x->s, txn, &x->gist, &value, &head, err);
	while (r > 0 && head.horizon >= from);
	store_short_end(x->s, txn);
	if (r <= 0)
		x->gist = 0;
	*whole = x->gist;
	return r < 0 ? tally_err_prefix(err, "%s", x->s->path) : 0;
}

static int
indexed_rewind(void *ctx, struct tally_err *err)
{
	struct indexed *x = ctx;

	(void)err;
	tally_index_reader_reset(x->reader);
	x->next = 0;
	x->n = x->at = 0;
	return 0;
}

static void
indexed_close(void *ctx)
{
	struct indexed *x = ctx;

	tally_index_reader_free(x->reader);
	free(x);
}

int
tally_store_entries_indexed(struct tally_store *s, uint64_t to, struct tally_entries *out,
			    struct tally_err *err)
{
	uint8_t hash[TALLY_HASH];
	struct indexed *x;
	uint64_t size;

	if (store_index_end(s, &size, hash, err) < 0)
		return tally_err_prefix(err, "%s", s->path);
	if (size < to || size == 0)
		return 0;
	x = tally_alloc(sizeof(*x));
	x->s = s;
	x->to = to;
	x->reader = tally_index_reader_new();
	*out = (struct tally_entries){
		x, indexed_next, indexed_rewind, indexed_close, indexed_rows, indexed_leave_out
	};
	return 1;
}
