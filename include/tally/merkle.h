/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_MERKLE_H
#define TALLY_MERKLE_H
/* The RFC 6962 tree: compact ranges, proofs, tiles (c2sp.org/tlog-tiles). PURE. */
#include "tally/bytes.h"

struct tally_err;

/* A compact range: the roots of the largest complete subtrees of a prefix. */
struct tally_frontier {
	uint64_t size;
	uint8_t hash[64][TALLY_HASH]; /* largest subtree first */
	unsigned count;
};
void tally_frontier_init(struct tally_frontier *f);
/* `done(ctx, level, index, hash)` is told of each node that becomes complete, level 0 (the leaf)
 * first; may be NULL. */
void tally_frontier_add(struct tally_frontier *f, const uint8_t leaf[TALLY_HASH],
			void (*done)(void *ctx, unsigned level, uint64_t index,
				     const uint8_t *hash),
			void *ctx);
void tally_frontier_root(const struct tally_frontier *f, uint8_t out[TALLY_HASH]);
/* u64 size || root || u8 n || n hashes: the store's `head`. */
void tally_frontier_write(const struct tally_frontier *f, struct tally_buf *out);
int tally_frontier_read(struct tally_frontier *f, struct tally_bytes in, struct tally_err *err);

/* A proof of any length up to 64 hashes. */
struct tally_proof {
	uint8_t hash[64][TALLY_HASH];
	unsigned count;
};
/* Node source for making proofs: the hash of a complete subtree. 0 or -1. */
struct tally_nodes {
	void *ctx;
	int (*node)(void *ctx, unsigned level, uint64_t index, uint8_t out[TALLY_HASH],
		    struct tally_err *err);
};
/* The root of the first `size` entries. */
int tally_root_at(uint8_t out[TALLY_HASH], uint64_t size, const struct tally_nodes *nodes,
		  struct tally_err *err);
int tally_proof_inclusion(struct tally_proof *out, uint64_t index, uint64_t size,
			  const struct tally_nodes *nodes, struct tally_err *err);
int tally_proof_consistency(struct tally_proof *out, uint64_t old, uint64_t size,
			    const struct tally_nodes *nodes, struct tally_err *err);
/* 0 it holds; -1 TALLY_FAILS. A consistency check from size 0 is an error here (a witness handles
 * `old 0` itself). */
int tally_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TALLY_HASH],
			  const uint8_t *proof, size_t hashes, const uint8_t root[TALLY_HASH],
			  struct tally_err *err);
int tally_check_consistency(uint64_t old, uint64_t size, const uint8_t *proof, size_t hashes,
			    const uint8_t old_root[TALLY_HASH], const uint8_t root[TALLY_HASH],
			    struct tally_err *err);

/* Tile paths: "tile/0/x001/x234/067.p/5"; level -1 is entries, -2 the bare
 * number ("x001/x234/067.p/5", for private/payload). width 1..256. */
#define TALLY_TILE_PATH 80
void tally_tile_path(char out[TALLY_TILE_PATH], int level, uint64_t n, unsigned width);
int tally_tile_parse(const char *path, int *level, uint64_t *n, unsigned *width,
		     struct tally_err *err);
/* Width of tile n of a level (0..) in a tree of `size` leaves: 0 where it is not there, up to 256.
 */
unsigned tally_tile_width(uint64_t size, unsigned level, uint64_t n);

#endif
