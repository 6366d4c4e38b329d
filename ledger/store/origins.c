/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger says of itself: the log that it goes on from, the statement of its
 * newest session, its newest enrolment record. Each is read from its entry.
 */
#include <string.h>
#include "store_internal.h"

static int
operations_of(struct tally_event *ev, const struct store_leaf *leaf, struct tally_arena *arena,
	      struct tally_err *err)
{
	return tally_event_decode(ev, leaf->entry.group, 1u << TALLY_OPERATIONS, arena, err);
}

/* 1, 0 where there is no such entry. */
static int
read_leaf(struct tally_store *s, MDB_txn *txn, uint64_t index, struct store_leaf *leaf,
	  struct tally_err *err)
{
	struct tally_bytes value;
	int r = store_get(txn, s->leaf, store_key(&index), &value, err);

	return r > 0 && store_leaf_read(leaf, index, value, err) < 0 ? -1 : r;
}

static int
read_begin(struct tally_store *s, MDB_txn *txn, struct tally_store_origins *out,
	   struct tally_arena *arena, struct tally_err *err)
{
	struct store_leaf leaf;
	struct tally_event ev;
	int r = read_leaf(s, txn, 0, &leaf, err);

	if (r <= 0)
		return r;
	if (operations_of(&ev, &leaf, arena, err) < 0)
		return tally_err_prefix(err, "entry 0");
	out->succeeds = ev.o.prev_origin.p && ev.o.has_prev_size && ev.o.prev_root.p;
	if (out->succeeds) {
		tally_buf_add_bytes(&out->prev_origin, ev.o.prev_origin);
		out->prev_size = ev.o.prev_size;
		memcpy(out->prev_root, ev.o.prev_root.p, TALLY_HASH);
	}
	return 0;
}

static int
read_record(struct tally_store *s, MDB_txn *txn, uint64_t index, struct tally_buf *record,
	    struct tally_arena *arena, struct tally_err *err)
{
	struct store_leaf leaf;
	struct tally_event ev;
	int r = read_leaf(s, txn, index, &leaf, err);

	if (r == 0 || (r > 0 && leaf.header.kind != TALLY_ENROLMENT))
		r = tally_err_set(err, TALLY_FAILS, "no enrolment");
	if (r < 0 || operations_of(&ev, &leaf, arena, err) < 0)
		return tally_err_prefix(err, "entry %llu", (unsigned long long)index);
	tally_buf_add_bytes(record, ev.o.enrolment);
	return 0;
}

int
tally_store_origins_read(struct tally_store *s, bool record, struct tally_store_origins *out,
			 struct tally_err *err)
{
	struct tally_journal journal = tally_store_journal(s);
	struct tally_arena *arena = tally_arena_new(4096);
	uint64_t index, enrolment = 0;
	MDB_txn *txn;
	int r, any = 0;

	*out = (struct tally_store_origins){ .succeeds = false };
	r = journal.last_session(journal.ctx, &index, &out->statement, err);
	if (r >= 0 && record)
		r = any = store_newest_find(s, "enrolment", TALLY_ENROLMENT, &enrolment, err);
	if (r >= 0)
		r = store_short_begin(s, &txn, err);
	if (r == 0) {
		r = read_begin(s, txn, out, arena, err);
		if (r == 0 && any > 0)
			r = read_record(s, txn, enrolment, &out->record, arena, err);
		store_short_end(s, txn);
	}
	tally_arena_free(arena);
	return r < 0 ? tally_err_prefix(err, "%s", s->path) : 0;
}

void
tally_store_origins_deinit(struct tally_store_origins *o)
{
	tally_buf_deinit(&o->statement);
	tally_buf_deinit(&o->prev_origin);
	tally_buf_deinit(&o->record);
}
