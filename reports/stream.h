/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_STREAM_H
#define TALLY_REPORTS_STREAM_H
/*
 * Entries in the order of the report: by instant, then ledger, then index. A
 * ledger has up to three parts: the imported one, the live one, and what an
 * operator wrote beside it (aside.h). Each entry is told with the one that follows
 * it in its part, since some entries end runs at the one before them.
 */
#include "tally/wallclock.h"
#include "said.h"

struct tally_err;
struct run;

/* An entry. What its groups say of those that stream_want did not ask for, and of
 * those that are not disclosed, is nothing. */
struct slot {
	struct tally_header h;
	int64_t at;      /* instant, never before that of the part's entry before it */
	int64_t own_at;  /* whatever was recorded before it */
	int64_t skipped; /* what the clock jumped over before it never was */
	struct tally_body_numbers numbers;
	const struct said *said; /* never NULL, as the two that follow */
	struct said_of *of;
	const struct said_how *how;   /* of nothing where there is `ev` */
	const struct tally_event *ev; /* all of it, where its kind is a whole one; else NULL */
	struct whole *whole;          /* room for that */
};
static inline bool
slot_has(const struct slot *e, enum tally_body_number n)
{
	return e->numbers.has & (1u << n);
}

enum { PART_SLOTS = 64 }; /* a power of two */

struct part {
	uint32_t ledger; /* its number, in the order of host names */
	bool live;
	bool aside;    /* what an operator wrote: claims that belong to no host's time */
	uint32_t host; /* name */
	struct tally_entries cursor;
	uint64_t whole; /* from this entry on all are read; before it only what matters */
	struct sayings *sayings;
	const struct tally_index_row *rows; /* of the cursor; those from `row` on are to be read */
	size_t n_rows, row;
	struct tally_buf body;
	struct slot slots[PART_SLOTS]; /* a ring: from `first` on `count` are read, and not told */
	unsigned first, count;
	bool ended;                       /* nothing follows them */
	struct tally_wallclock wallclock; /* up to the entry that was read last */

	/* What the entries so far say; residence.c */
	struct run *runs; /* open ones */
	bool has_boot;
	struct tally_buf boot;
	bool gap_open;
	bool has_gap;
	uint64_t gap_index; /* of the entry that tells of the newest gap */
	int64_t gap_from;

	/* The facts in force, and whether its clock jumps over this; sweep.c */
	uint32_t cluster, region;
	bool skips;
};

/* Which groups of a kind to decode, metering always with them. */
typedef unsigned stream_want(bool live, unsigned kind);
/* `next` is the entry that follows in the part, NULL behind its last. 0 goes on,
 * 1 stops, -1 fails. */
typedef int stream_step(void *ctx, struct part *p, const struct slot *e, const struct slot *next,
			struct tally_err *err);
struct told {
	struct part *part;
	const struct slot *e, *next;
};
/* An entry that comes soon: whoever needs memory for it asks for that now, as far as it
 * is at hand in that stage, from 0 on; the last stage is the nearest. */
typedef void stream_fetch(void *ctx, const struct told *t, unsigned stage);
enum { STREAM_STAGES = 5 };

struct stream_reader {
	stream_want *want;
	stream_step *step;
	stream_fetch *fetch; /* may be NULL */
	/* Entries are told in passes. Before each there is `turn`; beside it, maybe on
	 * another thread, `behind`. Both or none may be NULL. */
	void (*turn)(void *ctx);
	void (*behind)(void *ctx);
	void *ctx;
	/* As tally_report_options has it: entries are read while others are told. May be NULL. */
	void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg);
};

void part_init(struct part *p, struct sayings *sayings, uint32_t ledger, uint32_t host, bool live,
	       struct tally_entries cursor);
void part_deinit(struct part *p);
/* Whether an entry belongs to the imported or the live part by its header; import,
 * operator-action and session-statement belong to none. Of the live ones those
 * go aside that tally_event_is_correction() knows. */
bool part_holds(bool live, const struct tally_header *h);
/* Reads all parts from their begin; forgets what they held. */
int stream_run(struct part *parts, size_t n, const struct stream_reader *r, struct tally_err *err);
/* The same pass by pass: stream_pass() tells some entries more, 1, or 0 at the end, -1. */
struct stream;
struct stream *stream_new(struct part *parts, size_t n, const struct stream_reader *r);
int stream_pass(struct stream *s, struct tally_err *err);
void stream_free(struct stream *s);

/* What an event says as a whole, into a slot that holds its header. It is copied, but
 * for what it points to. slot_deinit() when done. */
void slot_say(struct slot *s, const struct tally_event *ev, struct strings *strings);
void slot_deinit(struct slot *s);

/* An instant of a field, within the range of wall times; and of a slot's number. */
int64_t stream_instant(uint64_t field);
static inline int64_t
slot_instant(const struct slot *e, enum tally_body_number n)
{
	return stream_instant(e->numbers.v[n]);
}

#endif
