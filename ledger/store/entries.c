/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as the source of entries that the timeline pulls from. All groups
 * are disclosed; views stay valid until the next call.
 *
 * LMDB's pages have no checksums, so what is read is hashed: each run of 16
 * entries against its node, the last, shorter one against the head. Runs are
 * read whole, also where only a part of them was asked for. An entry of a run
 * may be handed out before the run's last one shows that it was damaged.
 */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

#define RUN       16
#define RUN_LEVEL 4

struct entries {
	struct store_scan scan;
	uint64_t from, to;
	bool checked, under;
	uint8_t root[TALLY_HASH];   /* `under`: of the entries below `to` */
	struct tally_frontier head; /* of the ledger when this was made */
	struct tally_frontier runs; /* roots of the runs since the first, as if leaves */
	struct tally_frontier run;  /* the run at hand */
};

static uint64_t
run_begin(uint64_t index)
{
	return index & ~(uint64_t)(RUN - 1);
}

static void
begin(struct entries *e, struct tally_store *s)
{
	uint64_t end = e->to;

	if (e->checked && run_begin(end) != end) {
		end = run_begin(end);
		end += e->head.size - end < RUN ? e->head.size - end : RUN;
	}
	store_scan_init(&e->scan, s, e->checked ? run_begin(e->from) : e->from, end);
	tally_frontier_init(&e->runs);
	tally_frontier_init(&e->run);
}

static int
damaged(uint64_t first, uint64_t last, struct tally_err *err)
{
	return tally_err_set(err, TALLY_FAILS,
			     "entries %llu to %llu do not hash to what the ledger keeps of them: "
			     "data.mdb is damaged",
			     (unsigned long long)first, (unsigned long long)last);
}

/* What came so far hashes to `root`. The two lists are one compact range. */
static int
check_root(struct entries *e, struct tally_err *err)
{
	struct tally_frontier all = e->runs;
	uint8_t root[TALLY_HASH];

	memcpy(all.hash[all.count], e->run.hash, e->run.count * sizeof(e->run.hash[0]));
	all.count += e->run.count;
	tally_frontier_root(&all, root);
	if (memcmp(root, e->root, sizeof(root)) != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "the %llu entries do not hash to the root of the checkpoint: "
				     "data.mdb is damaged",
				     (unsigned long long)e->to);
	return 0;
}

static int
check_entry(struct entries *e, struct store_leaf *leaf, struct tally_err *err)
{
	uint8_t record[TALLY_RECORD], hash[TALLY_HASH], kept[TALLY_HASH];
	uint64_t index = leaf->header.index;

	store_leaf_record(leaf, record);
	tally_hash_leaf(hash, tally_bytes(record, sizeof(record)));
	tally_frontier_add(&e->run, hash, NULL, NULL);
	if (e->run.size == RUN) {
		if (store_node(e->scan.s, e->scan.txn, RUN_LEVEL, index / RUN, kept, err) < 0)
			return -1;
		if (memcmp(kept, e->run.hash[0], sizeof(kept)) != 0)
			return damaged(run_begin(index), index, err);
		tally_frontier_add(&e->runs, e->run.hash[0], NULL, NULL);
		tally_frontier_init(&e->run);
	} else if (index + 1 == e->head.size) {
		size_t at = e->head.count - e->run.count;

		if (e->head.count < e->run.count ||
		    memcmp(e->head.hash[at], e->run.hash, e->run.count * TALLY_HASH) != 0)
			return damaged(run_begin(index), index, err);
	}
	return e->under && index + 1 == e->to ? check_root(e, err) : 0;
}

static int
entries_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct entries *e = ctx;
	struct store_leaf leaf;
	int r;

	do {
		r = store_scan_next(&e->scan, &leaf, err);
		if (r > 0 && e->checked && check_entry(e, &leaf, err) < 0)
			r = -1;
		if (r < 0)
			return tally_err_prefix(err, "%s", e->scan.s->path);
		if (r == 0)
			return 0;
	} while (leaf.header.index < e->from || leaf.header.index >= e->to);
	out->header = leaf.header;
	out->mask = (1u << TALLY_GROUPS) - 1;
	memcpy(out->group, leaf.entry.group, sizeof(out->group));
	return 1;
}

static int
entries_rewind(void *ctx, struct tally_err *err)
{
	struct entries *e = ctx;
	struct tally_store *s = e->scan.s;

	(void)err;
	store_scan_end(&e->scan);
	begin(e, s);
	return 0;
}

static void
entries_close(void *ctx)
{
	struct entries *e = ctx;

	store_scan_end(&e->scan);
	free(e);
}

static int
make(struct tally_store *s, uint64_t from, uint64_t to, const uint8_t *root, bool checked,
     struct tally_entries *out, struct tally_err *err)
{
	struct entries *e = tally_alloc(sizeof(*e));

	if (store_head(s, &e->head, err) < 0) {
		free(e);
		return -1;
	}
	e->from = from;
	e->to = to < e->head.size ? to : e->head.size;
	e->checked = checked;
	e->under = root != NULL;
	if (root)
		memcpy(e->root, root, TALLY_HASH);
	begin(e, s);
	*out = (struct tally_entries){ e, entries_next, entries_rewind, entries_close };
	return 0;
}

int
tally_store_entries(struct tally_store *s, uint64_t from, uint64_t to, struct tally_entries *out,
		    struct tally_err *err)
{
	return make(s, from, to, NULL, true, out, err);
}

int
tally_store_entries_unchecked(struct tally_store *s, uint64_t from, uint64_t to,
			      struct tally_entries *out, struct tally_err *err)
{
	return make(s, from, to, NULL, false, out, err);
}

int
tally_store_entries_under(struct tally_store *s, uint64_t size, const uint8_t root[TALLY_HASH],
			  struct tally_entries *out, struct tally_err *err)
{
	int r = make(s, 0, size, root, true, out, err);

	if (r == 0 && ((struct entries *)out->ctx)->to != size) {
		out->close(out->ctx);
		*out = (struct tally_entries){ 0 };
		r = tally_err_set(err, TALLY_FAILS,
				  "%s: fewer than the %llu entries of the checkpoint", s->path,
				  (unsigned long long)size);
	}
	return r;
}
