/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PLAN_H
#define TALLY_REPORTS_PLAN_H
/*
 * The first reading: what acts backwards in time, so that the second can go
 * forward once. It keeps exceptions only, never what every entry would add to.
 */
#include "coverage.h"
#include "findings.h"
#include "join.h"

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
struct plan {
	struct residence *residence;
	struct strings *strings;
	struct findings *findings;
	struct span period;
	struct part *parts;
	size_t n_parts;
	void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg);

	struct cut *cuts; /* by ledger, then begin_index */
	size_t n_cuts, cap_cuts;
	struct correction *corrections; /* by VM, then order */
	size_t n_corrections, cap_corrections;
	struct corrected *corrected;
	struct part_coverage *coverage; /* of each part */
	bool *facts;                    /* whether a part has told any */
	struct gaps *gaps;              /* of each ledger */
	struct joins joins;
	uint64_t order; /* of the present entry */
	bool has_ended; /* the run that the present migrated-out ended */
	bool departed;  /* and had departed before */
	uint64_t ended_begin, ended_depart;
};
/* `parallel`: of the report's options. */
int plan_make(struct plan *plan, struct residence *residence, struct findings *findings,
	      struct part *parts, size_t n_parts, size_t ledgers, const struct span *period,
	      void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg),
	      struct tally_err *err);
void plan_deinit(struct plan *plan);
/* The run's cut, or NULL. */
const struct cut *plan_cut(const struct plan *plan, const struct run *run);

#endif
