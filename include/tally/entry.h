/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ENTRY_H
#define TALLY_ENTRY_H
/*
 * The entry: the 136-byte record, its salts and commitments (FORMAT.md section
 * 1). Implemented in ledger/log; PURE.
 */
#include "tally/bytes.h"
#include "tally/event.h"

#define TALLY_RECORD        136
#define TALLY_SEED          16
#define TALLY_SALT          16
#define TALLY_FLAG_IMPORTED 1u

/* An entry whose commitments are made, ready to be appended: everything but the
 * index and the append's times, so that it can be made on another core. */
struct tally_prepared {
	uint8_t kind;
	uint16_t flags;
	uint8_t seed[TALLY_SEED];
	uint8_t commitment[TALLY_GROUPS][TALLY_HASH];
	struct tally_bytes group[TALLY_GROUPS]; /* borrowed */
};

/* `group` is TALLY_METERING, TALLY_IDENTITY or TALLY_OPERATIONS (from 0). */
void tally_salts(uint8_t out[TALLY_GROUPS][TALLY_SALT], const uint8_t seed[TALLY_SEED]);
void tally_commitment(uint8_t out[TALLY_HASH], unsigned group, const uint8_t salt[TALLY_SALT],
		      struct tally_bytes bytes);
/* Commitments from `seed`; the groups stay borrowed. */
void tally_prepare(struct tally_prepared *out, uint8_t kind, uint16_t flags,
		   const uint8_t seed[TALLY_SEED], const struct tally_bytes groups[TALLY_GROUPS]);
/* A fresh seed from the system's generator, or many for the price of few calls. */
void tally_seed(uint8_t seed[TALLY_SEED]);
void tally_seeds(uint8_t (*seeds)[TALLY_SEED], size_t n);

void tally_record_write(uint8_t out[TALLY_RECORD], const struct tally_header *h,
			const uint8_t commitment[TALLY_GROUPS][TALLY_HASH]);
/* 0, or -1 (TALLY_FAILS): version, flags, reserved, range of wall. */
int tally_record_read(struct tally_header *h, const uint8_t record[TALLY_RECORD],
		      struct tally_err *err);

/* SHA-256(0x00 || record), SHA-256(0x01 || l || r), SHA-256(bytes). */
void tally_hash_leaf(uint8_t out[TALLY_HASH], struct tally_bytes entry);
void tally_hash_node(uint8_t out[TALLY_HASH], const uint8_t l[TALLY_HASH],
		     const uint8_t r[TALLY_HASH]);
void tally_sha256(uint8_t out[TALLY_HASH], struct tally_bytes in);
/* The same in pieces. */
struct tally_sha256;
struct tally_sha256 *tally_sha256_new(void);
void tally_sha256_add(struct tally_sha256 *h, const void *p, size_t n);
void tally_sha256_end(struct tally_sha256 *h, uint8_t out[TALLY_HASH]); /* and starts anew */
void tally_sha256_free(struct tally_sha256 *h);

/* What the timeline reads: entries of one ledger in the order of the log. */
struct tally_entry {
	struct tally_header header;
	unsigned mask;                          /* groups that are disclosed */
	struct tally_bytes group[TALLY_GROUPS]; /* valid until the next call */
};
struct tally_index_row; /* tally/index.h */
/* ledger/store implements it over LMDB, verify/ over an export. */
struct tally_entries {
	void *ctx;
	int (*next)(void *ctx, struct tally_entry *out,
		    struct tally_err *err); /* 1, 0 at the end, -1 */
	int (*rewind)(void *ctx, struct tally_err *err);
	void (*close)(void *ctx); /* may be NULL */
	/* Where there is an index: the next entries, n > 0 of them; 1, 0 at the end, -1.
	 * They stay as they are until the next call. Between two rewinds either this is
	 * called or next(), which then gives bytes of those groups only that are whole.
	 * NULL: no index. */
	int (*rows)(void *ctx, const struct tally_index_row **rows, size_t *n,
		    struct tally_err *err);
	/* From the next rewind on entries may be left out that do not matter to any instant
	 * from `from` on. Tells the first one from which on none is. NULL: none ever is. */
	int (*leave_out)(void *ctx, int64_t from, uint64_t *whole, struct tally_err *err);
};

#endif
