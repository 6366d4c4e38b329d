/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_LANE_H
#define TALLY_REPORTS_LANE_H
/*
 * The first reading of one ledger. Ledgers are read beside one another, each with
 * what is small enough to stay near a processor; only migrations have two sides,
 * and of these a lane notes what plan.c has to be told, in the order of the report.
 */
#include "coverage.h"
#include "findings.h"
#include "join.h"
#include "resume.h"
#include "tally/err.h"

/* A run whose time ends before the entry that ends it. */
struct cut {
	uint32_t ledger;
	uint64_t begin_index; /* names the run */
	int64_t at;
	bool firm;      /* another host's word on it */
	bool uncertain; /* by a not_before; then the stop: */
	int64_t stop_at;
	uint64_t stop_index;
};
struct cuts {
	struct cut *p;
	size_t n, cap;
};
struct cut *cuts_add(struct cuts *c, uint32_t ledger, uint64_t begin_index, int64_t at);

/* What join.h has to be told. */
struct lane_move {
	enum { MOVE_ADD, MOVE_SURE, MOVE_UNSURE, MOVE_FORGET } what;
	struct vm *vm; /* the lane's */
	int64_t now;   /* of the entry that says so */
	uint64_t entry;
	uint64_t depart_index; /* of all but MOVE_ADD: what is decided or forgotten */
	struct move move;      /* of MOVE_ADD and MOVE_SURE */
};
struct lane_moves {
	struct lane_move *p;
	size_t n, cap;
};
struct lane {
	uint32_t ledger;
	struct part *parts; /* its own */
	size_t n_parts;
	const struct span *period;
	const struct resume *resume;
	bool refused; /* for it */
	struct stream_reader reader;
	struct stream *stream;
	struct residence residence;
	bool ended;
	int64_t at; /* of the entry that was told last: what follows is no earlier */
	int rc;
	struct tally_err err;

	struct part_coverage *coverage; /* of each part */
	bool facts[3];                  /* whether a part has told any */
	struct gaps gaps;
	struct cuts cuts;
	struct correction *corrections; /* their VMs are the lane's */
	size_t n_corrections, cap_corrections;
	uint64_t early, early_at[FINDING_ENTRIES]; /* events before their host's facts */
	struct lane_moves moves;                   /* that were found */
	struct lane_moves settled; /* that may be told; reading on does not touch them */
	size_t told;               /* of these */

	/* Of the present entry */
	const struct slot *now;
	bool has_ended; /* the run that it, a migrated-out, ended */
	bool departed;  /* and had departed before */
	uint64_t ended_begin, ended_depart;
};
/* `parts` are the ledger's, at most three; `coverage` has room for each. */
void lane_init(struct lane *l, uint32_t ledger, struct part *parts, size_t n,
	       struct part_coverage *coverage, const struct span *period,
	       const struct resume *resume);
/* Reads on until it ends, fails (`rc`), or a good number of moves wait to be told. */
void lane_run(struct lane *l);
bool lane_waits(const struct lane *l);
/* Moves that wait, about: so their memory has a bound. A test makes it small. */
extern size_t lane_patience;
/* Those before an instant are settled now; all that were so are told. */
void lane_settle(struct lane *l, int64_t before);
void lane_deinit(struct lane *l);

#endif
