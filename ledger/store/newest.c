/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newest entries of a kind, by their names in `meta`, which whoever appends one writes.
 * Older programs did not write all of them: where a name is absent the entries are
 * looked through from the newest one back, once; that there is none is kept as well.
 */
#include "store_internal.h"

#define NONE UINT64_MAX

int
store_newest(struct tally_store *s, MDB_txn *txn, const char *name, uint64_t *index,
	     struct tally_err *err)
{
	struct tally_bytes value;
	int r = store_get(txn, s->meta, tally_bytes_str(name), &value, err);

	if (r <= 0)
		return r;
	if (value.len != 8)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: malformed %s", name);
	*index = tally_get_u64(value.p);
	return 1;
}

int
store_newest_put(struct tally_store *s, MDB_txn *txn, const char *name, uint64_t index,
		 struct tally_err *err)
{
	uint8_t value[8];

	tally_put_u64(value, index);
	return store_put(s, txn, s->meta, tally_bytes_str(name), tally_bytes(value, sizeof(value)),
			 0, err);
}

struct finding {
	const char *name;
	unsigned kind;
	uint64_t index;
};

static int
put_found(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	const struct finding *f = ctx;

	return store_newest_put(s, txn, f->name, f->index, err);
}

/* In pieces from the end; each is read in the order of the log. */
static int
look_through(struct tally_store *s, struct finding *f, struct tally_err *err)
{
	uint8_t root[TALLY_HASH];
	uint64_t end;

	f->index = NONE;
	if (tally_store_head(s, &end, root, err) < 0)
		return -1;
	while (end > 0 && f->index == NONE) {
		uint64_t begin = end > STORE_SCAN ? end - STORE_SCAN : 0;
		struct store_scan scan;
		struct store_leaf leaf;
		int r;

		store_scan_init(&scan, s, begin, end);
		while ((r = store_scan_next(&scan, &leaf, err)) > 0)
			if (leaf.header.kind == f->kind)
				f->index = leaf.header.index;
		store_scan_end(&scan);
		if (r < 0)
			return -1;
		end = begin;
	}
	return 0;
}

static int
read_name(struct tally_store *s, struct finding *f, struct tally_err *err)
{
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_newest(s, txn, f->name, &f->index, err);
	store_short_end(s, txn);
	return r;
}

int
store_newest_find(struct tally_store *s, const char *name, unsigned kind, uint64_t *index,
		  struct tally_err *err)
{
	struct finding f = { .name = name, .kind = kind };
	int r = read_name(s, &f, err);

	if (r == 0)
		r = look_through(s, &f, err);
	else if (r > 0)
		r = 1;
	if (r == 0 && s->write &&
	    (store_check_whole(s, err) < 0 || store_write(s, put_found, &f, err) < 0))
		r = -1;
	if (r < 0)
		return tally_err_prefix(err, "%s: the newest %s", s->path, name);
	*index = f.index;
	return f.index != NONE;
}
