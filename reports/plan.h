/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PLAN_H
#define TALLY_REPORTS_PLAN_H
/*
 * The first reading: what acts backwards in time, so that the second can go
 * forward once. It keeps exceptions only, never what every entry would add to.
 */
#include "lane.h"
#include "resume.h"

struct plan {
	struct residence *residence;
	struct strings *strings;
	struct findings *findings;
	struct span period;
	struct part *parts;
	size_t n_parts;
	void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg);

	struct cuts cuts;               /* by ledger, then begin_index */
	struct correction *corrections; /* by VM, then order */
	size_t n_corrections, cap_corrections;
	struct recorded *recorded; /* of each correction, ascending */
	struct corrected *corrected;
	struct part_coverage *coverage; /* of each part */
	struct gaps *gaps;              /* of each ledger */

	/* While ledgers are read */
	struct lane *lanes; /* of each ledger */
	size_t n_lanes;
	struct lane **waiting; /* scratch */
	struct next_move {
		int64_t now;
		struct lane *lane;
	} * next; /* scratch, too */
	struct joins joins;
	struct resume *resume;
	uint64_t moves; /* that were told */
};
/* `parallel`: of the report's options. Where `resume` refuses, it is no plan. */
int plan_make(struct plan *plan, struct residence *residence, struct strings *strings,
	      struct findings *findings, struct part *parts, size_t n_parts, size_t ledgers,
	      const struct span *period, struct resume *resume,
	      void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg),
	      struct tally_err *err);
void plan_deinit(struct plan *plan);
/* An entry's place among the corrections (claims.h). Entries come in the order of the
 * report; `passed` is 0 before the first. */
uint64_t plan_order(const struct plan *plan, size_t *passed, const struct part *p,
		    const struct slot *e);
/* The run's cut, or NULL. */
const struct cut *plan_cut(const struct plan *plan, const struct run *run);

#endif
