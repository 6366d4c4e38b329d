/* SPDX-License-Identifier: Apache-2.0 */
/* Checking proofs: RFC 9162 sections 2.1.3.2 and 2.1.4.2, whose trees are those
 * of RFC 6962. */
#include <inttypes.h>
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/merkle.h"

int
tally_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TALLY_HASH],
		      const uint8_t *proof, size_t hashes, const uint8_t root[TALLY_HASH],
		      struct tally_err *err)
{
	uint8_t hash[TALLY_HASH];
	uint64_t node = index, last = size - 1;

	if (index >= size)
		return tally_err_set(err, TALLY_FAILS,
				     "no entry %" PRIu64 " in a tree of %" PRIu64 " entries", index,
				     size);
	memcpy(hash, leaf, TALLY_HASH);
	for (size_t i = 0; i < hashes; i++, node >>= 1, last >>= 1) {
		const uint8_t *sibling = proof + i * TALLY_HASH;

		if (last == 0)
			return tally_err_set(err, TALLY_FAILS, "the inclusion proof is too long");
		if ((node & 1) || node == last) {
			tally_hash_node(hash, sibling, hash);
			while (!(node & 1) && node != 0) {
				node >>= 1;
				last >>= 1;
			}
		} else {
			tally_hash_node(hash, hash, sibling);
		}
	}
	if (last != 0)
		return tally_err_set(err, TALLY_FAILS, "the inclusion proof is too short");
	if (memcmp(hash, root, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "the inclusion proof does not give the root");
	return 0;
}

/* Both roots from the proof, which begins with the hash that they share. */
static int
check_walk(uint64_t old, uint64_t size, const uint8_t *first, const uint8_t *proof, size_t hashes,
	   const uint8_t old_root[TALLY_HASH], const uint8_t root[TALLY_HASH],
	   struct tally_err *err)
{
	uint8_t was[TALLY_HASH], is[TALLY_HASH];
	uint64_t node = old - 1, last = size - 1;

	memcpy(was, first, TALLY_HASH);
	memcpy(is, first, TALLY_HASH);
	for (; node & 1; last >>= 1)
		node >>= 1;
	for (size_t i = 0; i < hashes; i++, node >>= 1, last >>= 1) {
		const uint8_t *sibling = proof + i * TALLY_HASH;

		if (last == 0)
			return tally_err_set(err, TALLY_FAILS, "the consistency proof is too long");
		if ((node & 1) || node == last) {
			tally_hash_node(was, sibling, was);
			tally_hash_node(is, sibling, is);
			while (!(node & 1) && node != 0) {
				node >>= 1;
				last >>= 1;
			}
		} else {
			tally_hash_node(is, is, sibling);
		}
	}
	if (last != 0)
		return tally_err_set(err, TALLY_FAILS, "the consistency proof is too short");
	if (memcmp(was, old_root, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "the consistency proof does not give the old root");
	if (memcmp(is, root, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "the consistency proof does not give the new root");
	return 0;
}

int
tally_check_consistency(uint64_t old, uint64_t size, const uint8_t *proof, size_t hashes,
			const uint8_t old_root[TALLY_HASH], const uint8_t root[TALLY_HASH],
			struct tally_err *err)
{
	if (old == 0 || old > size)
		return tally_err_set(err, TALLY_FAILS,
				     "no consistency from %" PRIu64 " to %" PRIu64 " entries", old,
				     size);
	if (old == size) {
		if (hashes != 0)
			return tally_err_set(err, TALLY_FAILS, "the consistency proof is too long");
		if (memcmp(old_root, root, TALLY_HASH) != 0)
			return tally_err_set(err, TALLY_FAILS,
					     "two roots for one size of %" PRIu64 " entries", size);
		return 0;
	}
	/* The root of a complete subtree is not repeated in the proof. */
	if ((old & (old - 1)) == 0)
		return check_walk(old, size, old_root, proof, hashes, old_root, root, err);
	if (hashes == 0)
		return tally_err_set(err, TALLY_FAILS, "the consistency proof is empty");
	return check_walk(old, size, proof, proof + TALLY_HASH, hashes - 1, old_root, root, err);
}
