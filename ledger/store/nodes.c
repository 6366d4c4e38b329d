/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `node` database: roots of complete runs of 16 leaves and of 2^8, 2^16,
 * ... leaves, up to STORE_CHUNK in a value. The levels between are folded from
 * these, those below 4 from the leaves. The last value of each level grows in
 * memory (`chunk`) and is written once a batch; after a failed append the
 * memory is stale and loaded again.
 */
#include <string.h>
#include "store_internal.h"

bool
store_level_is_kept(unsigned level)
{
	return level == 4 || (level >= 8 && level % 8 == 0 && level <= 56);
}

static unsigned
slot_of(unsigned level)
{
	return level == 4 ? 0 : level / 8;
}

static unsigned
level_of(unsigned slot)
{
	return slot == 0 ? 4 : slot * 8;
}

static uint64_t
key_of(unsigned level, uint64_t chunk)
{
	return (uint64_t)level << 56 | chunk;
}

/* 1 a value that can hold hashes, -1 else: a node that must be there is not. */
static int
get_chunk(struct tally_store *s, MDB_txn *txn, unsigned level, uint64_t chunk, size_t at_least,
	  struct tally_bytes *out, struct tally_err *err)
{
	uint64_t key = key_of(level, chunk);
	int r = store_get(txn, s->node, store_key(&key), out, err);

	if (r < 0)
		return -1;
	if (r == 0 || out->len % TALLY_HASH != 0 || out->len > sizeof(s->chunk[0]) ||
	    out->len < at_least * TALLY_HASH)
		return tally_err_set(err, TALLY_FAILS, "node %u/%llu: missing or malformed", level,
				     (unsigned long long)chunk);
	return 1;
}

int
store_nodes_load(struct tally_store *s, MDB_txn *txn, uint64_t size, struct tally_err *err)
{
	for (unsigned slot = 0; slot < STORE_LEVELS; slot++) {
		uint64_t count = size >> level_of(slot);
		size_t have = (size_t)(count % STORE_CHUNK);
		struct tally_bytes value;

		if (have == 0)
			continue;
		if (get_chunk(s, txn, level_of(slot), count / STORE_CHUNK, have, &value, err) < 0)
			return -1;
		memcpy(s->chunk[slot], value.p, have * TALLY_HASH);
	}
	s->chunks_stale = false;
	return 0;
}

static int
put_chunk(struct store_nodes_put *p, unsigned slot, uint64_t chunk, size_t hashes)
{
	uint64_t key = key_of(level_of(slot), chunk);

	return store_put(p->s, p->txn, p->s->node, store_key(&key),
			 tally_bytes(p->s->chunk[slot], hashes * TALLY_HASH), 0, p->err);
}

void
store_nodes_add(void *ctx, unsigned level, uint64_t index, const uint8_t *hash)
{
	struct store_nodes_put *p = ctx;
	size_t at = (size_t)(index % STORE_CHUNK);
	unsigned slot = slot_of(level);

	if (!store_level_is_kept(level) || p->failed)
		return;
	memcpy(p->s->chunk[slot] + at * TALLY_HASH, hash, TALLY_HASH);
	p->touched[slot] = at + 1 < STORE_CHUNK;
	if (!p->touched[slot] && put_chunk(p, slot, index / STORE_CHUNK, STORE_CHUNK) < 0)
		p->failed = true;
}

int
store_nodes_flush(struct store_nodes_put *p, uint64_t size)
{
	for (unsigned slot = 0; slot < STORE_LEVELS && !p->failed; slot++) {
		uint64_t count = size >> level_of(slot);

		if (p->touched[slot] &&
		    put_chunk(p, slot, count / STORE_CHUNK, (size_t)(count % STORE_CHUNK)) < 0)
			p->failed = true;
	}
	return p->failed ? -1 : 0;
}

static int
leaf_hash(struct tally_store *s, MDB_txn *txn, uint64_t index, uint8_t out[TALLY_HASH],
	  struct tally_err *err)
{
	uint8_t record[TALLY_RECORD];
	struct tally_bytes value;
	struct store_leaf leaf;
	int r = store_get(txn, s->leaf, store_key(&index), &value, err);

	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "entry %llu: missing",
				     (unsigned long long)index);
	if (r < 0 || store_leaf_read(&leaf, index, value, err) < 0)
		return -1;
	store_leaf_record(&leaf, record);
	tally_hash_leaf(out, tally_bytes(record, sizeof(record)));
	return 0;
}

/* Hashes first .. first + n - 1 of a kept level, or of the leaves. */
static int
collect(struct tally_store *s, MDB_txn *txn, unsigned level, uint64_t first, size_t n,
	uint8_t (*out)[TALLY_HASH], struct tally_err *err)
{
	struct tally_bytes value = { NULL, 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t index = first + i;
		size_t at = (size_t)(index % STORE_CHUNK);

		if (level == 0) {
			if (leaf_hash(s, txn, index, out[i], err) < 0)
				return -1;
			continue;
		}
		if ((i == 0 || at == 0) &&
		    get_chunk(s, txn, level, index / STORE_CHUNK, at + 1, &value, err) < 0)
			return -1;
		if (value.len < (at + 1) * TALLY_HASH)
			return tally_err_set(err, TALLY_FAILS, "node %u/%llu: missing", level,
					     (unsigned long long)index);
		memcpy(out[i], value.p + at * TALLY_HASH, TALLY_HASH);
	}
	return 0;
}

int
store_node(struct tally_store *s, MDB_txn *txn, unsigned level, uint64_t index,
	   uint8_t out[TALLY_HASH], struct tally_err *err)
{
	unsigned base = level >= 56 ? 56 : level >= 8 ? level / 8 * 8 : level >= 4 ? 4 : 0;
	uint8_t hash[128][TALLY_HASH];
	size_t n;

	if (level - base > 7)
		return tally_err_set(err, TALLY_FAILS, "node of level %u", level);
	n = (size_t)1 << (level - base);
	if (collect(s, txn, base, index << (level - base), n, hash, err) < 0)
		return -1;
	for (; n > 1; n /= 2) {
		for (size_t i = 0; i < n / 2; i++)
			tally_hash_node(hash[i], hash[2 * i], hash[2 * i + 1]);
	}
	memcpy(out, hash[0], TALLY_HASH);
	return 0;
}

int
store_frontier_at(struct tally_store *s, uint64_t size, struct tally_frontier *f,
		  struct tally_err *err)
{
	uint64_t before = 0;
	MDB_txn *txn;
	int r = 0;

	tally_frontier_init(f);
	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	for (unsigned level = 64; level-- > 0 && r == 0;) {
		if (!(size >> level & 1))
			continue;
		r = store_node(s, txn, level, before >> level, f->hash[f->count++], err);
		before += UINT64_C(1) << level;
	}
	store_short_end(s, txn);
	f->size = size;
	return r;
}

static int
node_of(void *ctx, unsigned level, uint64_t index, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	struct tally_store *s = ctx;
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = store_node(s, txn, level, index, out, err);
	store_short_end(s, txn);
	return r;
}

struct tally_nodes
tally_store_nodes(struct tally_store *s)
{
	struct tally_nodes n = { s, node_of };

	return n;
}
