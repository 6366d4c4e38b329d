/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_INDEX_H
#define TALLY_INDEX_H
/*
 * A ledger's index (FORMAT.md section 7): what a timeline reads of its entries,
 * in pieces that are a tenth as long and decode ten times as fast. Every piece
 * carries the hash of itself and of the one before it. Whether it says what the
 * entries say, scrub shows by making it again: the same entries in the same
 * pieces give the same bytes. Gists (tally/gist.h) stand beside the pieces, and are
 * written like them. PURE; implemented in ledger/log.
 */
#include "tally/body.h"
#include "tally/entry.h"

struct tally_err;

#define TALLY_INDEX_PIECE   2048  /* entries */
#define TALLY_INDEX_SEGMENT 16384 /* entries over which a body is kept once */

/* A group that entries of an index have in common: its body (tally/body.h). `place` is
 * for the caller's use, and NULL at first. */
struct tally_shared {
	struct tally_bytes bytes;
	void *place;
};
/* An entry of an index; all of it is disclosed. */
struct tally_index_row {
	struct tally_header header;
	struct tally_body_numbers numbers;
	struct tally_shared *group[TALLY_GROUPS]; /* NULL: empty */
};

struct tally_index_writer;
struct tally_index_writer *tally_index_writer_new(void);
void tally_index_writer_free(struct tally_index_writer *w);
/* The piece that follows begins at this entry, behind the piece of this hash
 * (zero before the first); what was added to an unfinished one is forgotten.
 * `anew`: it begins a segment, too. */
void tally_index_writer_begin(struct tally_index_writer *w, uint64_t first,
			      const uint8_t before[TALLY_HASH], bool anew);
/* Whether the next piece begins there already: no need to begin. */
bool tally_index_continues(const struct tally_index_writer *w, uint64_t first,
			   const uint8_t before[TALLY_HASH]);
void tally_index_add(struct tally_index_writer *w, const struct tally_header *h,
		     const struct tally_bytes groups[TALLY_GROUPS]);
/* Whether the piece is as long as one may be. */
bool tally_index_is_full(const struct tally_index_writer *w);
/* Appends the piece and begins the next; there was at least one entry. */
void tally_index_piece(struct tally_index_writer *w, struct tally_buf *out);
/* Whether the next piece begins a segment. */
bool tally_index_begins(const struct tally_index_writer *w);
/* The first entry of the piece at hand, and the one behind its last. */
uint64_t tally_index_first(const struct tally_index_writer *w);
uint64_t tally_index_next(const struct tally_index_writer *w);

/* The gist of all entries before `next`, where a segment begins, behind the piece of this
 * hash; its rows one by one, ascending and at least one; then it is appended. */
void tally_index_gist_begin(struct tally_index_writer *w, uint64_t next,
			    const uint8_t before[TALLY_HASH]);
void tally_index_gist_add(struct tally_index_writer *w, const struct tally_header *h,
			  const struct tally_bytes groups[TALLY_GROUPS]);
void tally_index_gist(const struct tally_index_writer *w, int64_t horizon, struct tally_buf *out);

/* What can be told of a piece without reading it. -1 (TALLY_FAILS). */
struct tally_index_head {
	bool anew, gist;
	uint32_t entries; /* of a gist those that it keeps */
	uint8_t hash[TALLY_HASH];
	int64_t horizon; /* of a gist: tally/gist.h */
};
int tally_index_head(struct tally_index_head *out, struct tally_bytes piece, struct tally_err *err);

struct tally_index_reader;
struct tally_index_reader *tally_index_reader_new(void);
void tally_index_reader_free(struct tally_index_reader *r);
/* As if nothing was read. */
void tally_index_reader_reset(struct tally_index_reader *r);
/* A gist comes next, for all before that piece of this hash and it: with its `next` for
 * a first entry. */
void tally_index_reader_after(struct tally_index_reader *r, const uint8_t before[TALLY_HASH]);
/* The next piece, copied; its first entry follows the last one of the piece
 * before. -1 (TALLY_FAILS): not its hash, malformed, or no such order. */
int tally_index_feed(struct tally_index_reader *r, uint64_t first, struct tally_bytes piece,
		     struct tally_err *err);
/* The next rows of the piece: 1, 0 behind its last, -1. They and their bodies stay as
 * they are while one further call reads others. */
int tally_index_rows(struct tally_index_reader *r, const struct tally_index_row **rows, size_t *n,
		     struct tally_err *err);

#endif
