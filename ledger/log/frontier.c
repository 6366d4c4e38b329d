/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compact range: the roots of the complete subtrees that make up a prefix of
 * the log. There is one for each 1 bit of the size, and `hash` holds them from
 * the largest to the smallest; everything else about the prefix is forgotten.
 */
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"

void
tally_frontier_init(struct tally_frontier *f)
{
	f->size = 0;
	f->count = 0;
}

void
tally_frontier_add(struct tally_frontier *f, const uint8_t leaf[TALLY_HASH],
		   void (*done)(void *ctx, unsigned level, uint64_t index, const uint8_t *hash),
		   void *ctx)
{
	uint64_t index = f->size;
	unsigned level = 0;

	TALLY_ASSERT(f->size < UINT64_MAX);
	memcpy(f->hash[f->count++], leaf, TALLY_HASH);
	if (done)
		done(ctx, level, index, leaf);
	/* As in adding 1: each 1 bit that carries joins two subtrees. */
	for (; index & 1; index >>= 1) {
		uint8_t *left = f->hash[f->count - 2];

		tally_hash_node(left, left, f->hash[f->count - 1]);
		f->count--;
		level++;
		if (done)
			done(ctx, level, index >> 1, left);
	}
	f->size++;
}

void
tally_frontier_root(const struct tally_frontier *f, uint8_t out[TALLY_HASH])
{
	if (f->count == 0) {
		tally_sha256(out, tally_bytes(NULL, 0));
		return;
	}
	memcpy(out, f->hash[f->count - 1], TALLY_HASH);
	for (unsigned i = f->count - 1; i > 0; i--)
		tally_hash_node(out, f->hash[i - 1], out);
}

void
tally_frontier_write(const struct tally_frontier *f, struct tally_buf *out)
{
	uint8_t root[TALLY_HASH];

	tally_frontier_root(f, root);
	tally_buf_add_u64(out, f->size);
	tally_buf_add(out, root, sizeof(root));
	tally_buf_add_u8(out, (uint8_t)f->count);
	tally_buf_add(out, f->hash, (size_t)f->count * TALLY_HASH);
}

int
tally_frontier_read(struct tally_frontier *f, struct tally_bytes in, struct tally_err *err)
{
	const size_t fixed = 8 + TALLY_HASH + 1;
	uint8_t root[TALLY_HASH];

	if (in.len < fixed)
		return tally_err_set(err, TALLY_FAILS, "head: %zu bytes, too few", in.len);
	f->size = tally_get_u64(in.p);
	f->count = in.p[fixed - 1];
	if (f->count != (unsigned)__builtin_popcountll(f->size) ||
	    in.len != fixed + (size_t)f->count * TALLY_HASH)
		return tally_err_set(err, TALLY_FAILS, "head: its hashes do not fit its size");
	memcpy(f->hash, in.p + fixed, (size_t)f->count * TALLY_HASH);
	tally_frontier_root(f, root);
	if (memcmp(root, in.p + 8, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS, "head: its hashes do not give its root");
	return 0;
}
