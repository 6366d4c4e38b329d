/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending: leaves, nodes and head in one transaction, acknowledged by
 * returning after its commit. The head is read again inside it. Nothing is
 * allocated per entry; the leaf's bytes are written straight into LMDB's page.
 */
#include <errno.h>
#include <string.h>
#include "store_internal.h"

struct batch {
	const struct tally_prepared *entries;
	size_t n;
	struct tally_now now;
	/* What the store's memory becomes after the commit. */
	struct tally_frontier tip;
	uint32_t boot;
	uint64_t uptime;
};

int
store_head_check(struct tally_store *s, MDB_txn *txn, struct tally_err *err)
{
	struct tally_bytes head;
	int r = store_get(txn, s->head, tally_bytes_str("head"), &head, err);

	if (r < 0)
		return -1;
	if (r > 0 ? tally_bytes_eq(head, tally_buf_view(&s->tip_bytes)) : s->tip.size == 0)
		return 0;
	s->broken = true;
	return tally_err_set(err, TALLY_FAILS, "the head has changed under its writer");
}

/* The number of this host boot: another boot_id than the last one makes a new
 * number, and so does a smaller uptime where the boot has no name. */
static int
number_boot(struct tally_store *s, MDB_txn *txn, struct batch *b, struct tally_err *err)
{
	uint8_t value[20];
	struct tally_bytes old;
	int r = store_get(txn, s->head, tally_bytes_str("boot"), &old, err);

	b->uptime = (uint64_t)b->now.uptime.ns;
	if (r < 0)
		return -1;
	if (r > 0 && old.len != sizeof(value))
		return tally_err_set(err, TALLY_FAILS, "head: malformed boot");
	b->boot = r > 0 ? tally_get_u32(old.p) : 0;
	if (r > 0 && memcmp(old.p + 4, s->boot_id, 16) == 0 &&
	    (s->boot_known || b->uptime >= s->last_uptime)) {
		/* Within a boot uptime never falls in the log. */
		if (s->last_boot == b->boot && b->uptime < s->last_uptime)
			b->uptime = s->last_uptime;
		return 0;
	}
	if (__builtin_add_overflow(b->boot, 1u, &b->boot))
		return tally_err_set(err, TALLY_FAILS, "head: too many boots");
	tally_put_u32(value, b->boot);
	memcpy(value + 4, s->boot_id, 16);
	return store_put(s, txn, s->head, tally_bytes_str("boot"),
			 tally_bytes(value, sizeof(value)), 0, err);
}

static int
put_leaf(struct tally_store *s, MDB_cursor *cursor, uint64_t index,
	 const uint8_t record[TALLY_RECORD], const struct tally_prepared *e, struct tally_err *err)
{
	MDB_val key = { sizeof(index), &index }, value = { store_leaf_size(e), NULL };
	int rc = 0;

	if (store_fault("put") < 0)
		rc = errno;
	store_guard_writing = 1;
	if (rc == 0)
		rc = mdb_cursor_put(cursor, &key, &value, MDB_APPEND | MDB_RESERVE);
	if (rc == 0)
		store_leaf_write(value.mv_data, record, e);
	store_guard_writing = 0;
	if (rc == MDB_MAP_FULL)
		s->map_full = true;
	if (rc)
		return store_mdb_err(err, rc, "put");
	return 0;
}

/* What `meta` follows the newest entry of. */
static const char *
followed_by(unsigned kind)
{
	switch (kind) {
	case TALLY_SESSION_STATEMENT:
		return "session";
	case TALLY_ANCHOR_INTENT:
	case TALLY_ANCHOR:
		return "anchor";
	case TALLY_RECEIPT:
		return "receipt";
	case TALLY_ENROLMENT:
		return "enrolment";
	default:
		return NULL;
	}
}

static int
put_leaves(struct tally_store *s, MDB_txn *txn, struct batch *b, struct store_nodes_put *nodes,
	   struct tally_err *err)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, s->leaf, &cursor), r = 0;

	if (rc)
		return store_mdb_err(err, rc, "cursor");
	for (size_t i = 0; i < b->n && r == 0; i++) {
		const struct tally_prepared *e = &b->entries[i];
		struct tally_header h = { .kind = e->kind,
					  .flags = e->flags,
					  .boot = b->boot,
					  .index = b->tip.size,
					  .wall = (uint64_t)b->now.wall.ns,
					  .uptime = b->uptime };
		uint8_t record[TALLY_RECORD], hash[TALLY_HASH];

		tally_record_write(record, &h, e->commitment);
		r = put_leaf(s, cursor, h.index, record, e, err);
		if (r == 0 && followed_by(e->kind))
			r = store_newest_put(s, txn, followed_by(e->kind), h.index, err);
		if (r < 0) {
			tally_err_prefix_(err, "append entry %llu", (unsigned long long)h.index);
			break;
		}
		tally_hash_leaf(hash, tally_bytes(record, sizeof(record)));
		tally_frontier_add(&b->tip, hash, store_nodes_add, nodes);
	}
	mdb_cursor_close(cursor);
	return r;
}

static int
append_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	struct batch *b = ctx;
	struct store_nodes_put nodes = { .s = s, .txn = txn, .err = err };
	struct tally_buf head = TALLY_BUF_INIT;
	int r;

	if (store_head_check(s, txn, err) < 0 || number_boot(s, txn, b, err) < 0)
		return -1;
	if (s->chunks_stale && store_nodes_load(s, txn, s->tip.size, err) < 0)
		return -1;
	b->tip = s->tip;
	s->chunks_stale = true; /* until the commit */
	if (put_leaves(s, txn, b, &nodes, err) < 0 || store_nodes_flush(&nodes, b->tip.size) < 0)
		return -1;
	tally_frontier_write(&b->tip, &head);
	r = store_put(s, txn, s->head, tally_bytes_str("head"), tally_buf_view(&head), 0, err);
	tally_buf_deinit(&head);
	return r;
}

static int
check_batch(struct tally_store *s, const struct batch *b, struct tally_err *err)
{
	if (!s->write)
		return tally_err_set(err, TALLY_USE, "the ledger is open for reading only");
	if (b->now.wall.ns < 0 || b->now.wall.ns >= TALLY_WALL_MAX || b->now.uptime.ns < 0)
		return tally_err_set(err, TALLY_SYS, "the clock is out of range");
	for (size_t i = 0; i < b->n; i++) {
		for (int k = 0; k < TALLY_GROUPS; k++) {
			if (b->entries[i].group[k].len > TALLY_GROUP_MAX)
				return tally_err_set(err, TALLY_USE,
						     "group %d has more than %d bytes", k + 1,
						     TALLY_GROUP_MAX);
		}
	}
	return 0;
}

int
tally_store_append(struct tally_store *s, const struct tally_prepared *entries, size_t n,
		   uint64_t *first, struct tally_err *err)
{
	struct batch b = { .entries = entries, .n = n };

	*first = s->tip.size;
	if (n == 0)
		return 0;
	if (s->write)
		b.now = tally_clock_now(s->clock);
	if (check_batch(s, &b, err) < 0)
		return -1;
	if (store_write(s, append_body, &b, err) < 0)
		return tally_err_prefix(err, "%s: append", s->path);
	s->tip = b.tip;
	s->last_boot = b.boot;
	s->last_uptime = b.uptime;
	s->chunks_stale = false;
	tally_buf_clear(&s->tip_bytes);
	tally_frontier_write(&s->tip, &s->tip_bytes);
	return 0;
}

int
tally_store_append_event(struct tally_store *s, const struct tally_event *ev, uint64_t *index,
			 struct tally_err *err)
{
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_bytes view[TALLY_GROUPS];
	struct tally_prepared entry;
	uint8_t seed[TALLY_SEED];
	int r = tally_event_encode(ev, group, err);

	if (r == 0) {
		for (int k = 0; k < TALLY_GROUPS; k++)
			view[k] = tally_buf_view(&group[k]);
		tally_seed(seed);
		tally_prepare(&entry, (uint8_t)ev->kind, ev->imported ? TALLY_FLAG_IMPORTED : 0,
			      seed, view);
		r = tally_store_append(s, &entry, 1, index, err);
	}
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&group[k]);
	return r;
}
