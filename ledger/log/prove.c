/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs of RFC 6962 section 2.1, made from the hashes of complete subtrees.
 * Both walk from the root down to where the RFC's recursion ends; what they
 * collect on the way is the proof from its last hash to its first.
 */
#include <inttypes.h>
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"

/* The largest power of two below n, for n > 1. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The hash of [lo, hi), which the RFC's splitting of a larger range has given:
 * complete subtrees from left to right, each smaller than the one before it. */
static int
range_hash(uint8_t out[TALLY_HASH], uint64_t lo, uint64_t hi, const struct tally_nodes *nodes,
	   struct tally_err *err)
{
	uint8_t part[64][TALLY_HASH];
	unsigned parts = 0;

	while (lo < hi) {
		unsigned level = 63 - (unsigned)__builtin_clzll(hi - lo);

		if (nodes->node(nodes->ctx, level, lo >> level, part[parts], err) < 0)
			return -1;
		parts++;
		lo += UINT64_C(1) << level;
	}
	TALLY_ASSERT(parts > 0);
	memcpy(out, part[--parts], TALLY_HASH);
	while (parts > 0)
		tally_hash_node(out, part[--parts], out);
	return 0;
}

int
tally_root_at(uint8_t out[TALLY_HASH], uint64_t size, const struct tally_nodes *nodes,
	      struct tally_err *err)
{
	struct tally_frontier none;

	if (size > 0)
		return range_hash(out, 0, size, nodes, err);
	tally_frontier_init(&none);
	tally_frontier_root(&none, out);
	return 0;
}

static int
push(struct tally_proof *proof, uint64_t lo, uint64_t hi, const struct tally_nodes *nodes,
     struct tally_err *err)
{
	TALLY_ASSERT(proof->count < 64);
	return range_hash(proof->hash[proof->count++], lo, hi, nodes, err);
}

static void
reverse(struct tally_proof *proof)
{
	for (unsigned i = 0, j = proof->count; i + 1 < j; i++) {
		uint8_t hash[TALLY_HASH];

		j--;
		memcpy(hash, proof->hash[i], TALLY_HASH);
		memcpy(proof->hash[i], proof->hash[j], TALLY_HASH);
		memcpy(proof->hash[j], hash, TALLY_HASH);
	}
}

int
tally_proof_inclusion(struct tally_proof *out, uint64_t index, uint64_t size,
		      const struct tally_nodes *nodes, struct tally_err *err)
{
	uint64_t lo = 0, hi = size;

	out->count = 0;
	if (index >= size)
		return tally_err_set(err, TALLY_USE,
				     "no entry %" PRIu64 " in a tree of %" PRIu64 " entries", index,
				     size);
	while (hi - lo > 1) {
		uint64_t middle = lo + split(hi - lo);

		if (index < middle) {
			if (push(out, middle, hi, nodes, err) < 0)
				return -1;
			hi = middle;
		} else {
			if (push(out, lo, middle, nodes, err) < 0)
				return -1;
			lo = middle;
		}
	}
	reverse(out);
	return 0;
}

int
tally_proof_consistency(struct tally_proof *out, uint64_t old, uint64_t size,
			const struct tally_nodes *nodes, struct tally_err *err)
{
	uint64_t lo = 0, hi = size;

	out->count = 0;
	if (old == 0 || old > size)
		return tally_err_set(err, TALLY_USE,
				     "no consistency proof from %" PRIu64 " to %" PRIu64 " entries",
				     old, size);
	while (hi != old) {
		uint64_t middle = lo + split(hi - lo);

		if (old <= middle) {
			if (push(out, middle, hi, nodes, err) < 0)
				return -1;
			hi = middle;
		} else {
			if (push(out, lo, middle, nodes, err) < 0)
				return -1;
			lo = middle;
		}
	}
	/* The verifier holds the old root itself: only a part of it is told. */
	if (lo > 0 && push(out, lo, hi, nodes, err) < 0)
		return -1;
	reverse(out);
	return 0;
}
