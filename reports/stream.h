/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_STREAM_H
#define TALLY_REPORTS_STREAM_H
/*
 * Entries in the order of the report: by instant, then ledger, then index. A
 * ledger has up to three parts: the imported one, the live one, and what an
 * operator wrote beside it (aside.h). Each is read with one entry of lookahead,
 * since some entries end runs at the one before them.
 */
#include "tally/entry.h"
#include "tally/event.h"
#include "table.h"

struct tally_err;
struct run;

struct slot {
	struct tally_header h;
	unsigned mask; /* of the groups that are disclosed */
	int64_t at;    /* instant, never before that of the part's entry before it */
	struct tally_event ev;
	void **place; /* NULL, or of what the entry says of its VM: struct vm, residence.c */
	struct tally_buf bytes;
	struct tally_arena *arena;
};

struct part {
	uint32_t ledger; /* its number, in the order of host names */
	bool live;
	bool aside;    /* what an operator wrote: claims that belong to no host's time */
	uint32_t host; /* name */
	struct tally_entries cursor;
	struct slot slots[2];
	unsigned now; /* the slot that is read; the other looks ahead */
	bool has_now, has_next;

	/* What the entries so far say; residence.c */
	struct run *runs; /* open ones */
	bool has_boot;
	uint32_t boot;
	bool gap_open;
	bool has_gap;
	uint64_t gap_index; /* of the entry that tells of the newest gap */
	int64_t gap_from;

	/* The facts in force; sweep.c */
	uint32_t cluster, region;
};

/* Which groups of a kind to decode, metering always with them. */
typedef unsigned stream_want(bool live, unsigned kind);
/* `next` is the entry that follows in the part, NULL behind its last; `order`
 * numbers the entries from 1. 0 goes on, 1 stops, -1 fails. */
typedef int stream_step(void *ctx, struct part *p, const struct slot *e, const struct slot *next,
			uint64_t order, struct tally_err *err);

void part_init(struct part *p, uint32_t ledger, uint32_t host, bool live,
	       struct tally_entries cursor);
void part_deinit(struct part *p);
/* Whether an entry belongs to the imported or the live part by its header; import,
 * operator-action and session-statement belong to none. Of the live ones those
 * go aside that tally_event_is_correction() knows. */
bool part_holds(bool live, const struct tally_header *h);
/* Reads all parts from their begin; forgets what they held. */
int stream_run(struct part *parts, size_t n, stream_want *want, stream_step *step, void *ctx,
	       struct tally_err *err);

/* An instant of a field, within the range of wall times. */
int64_t stream_instant(uint64_t field);

/* That of the entry itself, whatever was recorded before it. */
int64_t stream_own_instant(const struct slot *s);

#endif
