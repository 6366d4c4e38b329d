/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_INTERNAL_H
#define INDEX_INTERNAL_H
/*
 * A piece of an index, as both sides see it:
 *
 *	u8 version, u8 flags, u32 entries, u32 bodies, u32 bytes of bodies
 *	bodies: u8 group, varint length, the body
 *	rows
 *	SHA-256 (hash of the piece before || u64 first entry || all up to here)
 *
 * A row: u8 kind, u8 which numbers it has, u8 which of the header's fields follow,
 * for each group the number of its body in the segment plus 1 (0: nothing is left
 * of the group), those fields, then the numbers. A number is the difference from the last one
 * of its sort in the piece, zigzag, as a varint.
 *
 * A gist is a piece that begins a segment and leaves entries out. Its horizon, i64,
 * stands behind the head; each row begins with a varint, how many entries are left out
 * before it. What it is hashed behind is the piece that ends where the gist does, and
 * its first entry is the one behind it.
 */
#include "tally/body.h"
#include "tally/index.h"

#define INDEX_VERSION 1
#define INDEX_HEAD    14
#define INDEX_HORIZON 8
/* Flags of a piece. ANEW: bodies are counted anew. */
#define INDEX_ANEW 1u
#define INDEX_GIST 2u

/* Of a row. SECONDS: the difference of the time is in whole seconds. */
enum {
	ROW_FLAGS = 1,
	ROW_BOOT = 2,
	ROW_WALL = 4,
	ROW_UPTIME = 8,
	ROW_SECONDS = 16,
	ROW_KNOWN = 31,
};

/* What differences are taken from. */
struct index_last {
	uint16_t flags;
	uint32_t boot;
	uint64_t wall, uptime;
	uint64_t v[TALLY_BODY_NUMBERS];
};

static inline uint64_t
index_zigzag(uint64_t difference)
{
	return difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0);
}

static inline uint64_t
index_unzigzag(uint64_t v)
{
	return v >> 1 ^ (v & 1 ? UINT64_MAX : 0);
}

#endif
