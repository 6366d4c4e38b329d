/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_SWEEP_H
#define TALLY_REPORTS_SWEEP_H
/*
 * The second reading: forward through time once. All that happens at an instant
 * is done first; then, when time goes on, each run that changed gives up what it
 * counted as and stands anew. So nothing counts for a time of no length.
 */
#include "estate.h"
#include "plan.h"
#include "usage.h"
#include "vms.h"

/* A run that is to be cut at an instant ahead; or a part whose clock jumps then. */
struct due {
	int64_t at;
	struct run *run;
	const struct cut *cut;
	struct part *part;
};
/* Where a correction begins or ends to hold. */
struct edge {
	int64_t at;
	bool end;
	struct correction *correction;
};
struct conflict {
	int64_t since;
	uint32_t ledger[2];
	uint64_t index[2]; /* of the entries that began the two runs */
};
/* Of the estate's stays: at stay.from one ends, one begins, or both; or all of one that
 * is over is told. */
struct stay_step {
	uint32_t ends; /* number + 1; 0: none */
	bool begins, whole;
	struct stay stay;
};
/* Changes of one pass of the stream, in their order. */
struct counts {
	struct usage_step *usage;
	size_t n_usage, cap_usage;
	struct vm_step *vms;
	size_t n_vms, cap_vms;
	struct stay_step *stays;
	size_t n_stays, cap_stays;
};
struct sweep {
	struct residence *residence;
	struct strings *strings;
	struct findings *findings;
	const struct plan *plan;
	struct resume *resume;
	struct part *parts;
	size_t n_parts;
	const struct tally_bytes *hosts;
	int64_t from, to;

	int64_t now;
	uint64_t order; /* of the present entry; plan_order() */
	size_t corrections_passed;
	bool opened; /* the period has begun */
	struct run **changed;
	size_t n_changed, cap_changed;
	struct due *due; /* heap, earliest first */
	size_t n_due, cap_due;
	struct edge *edges; /* ascending */
	size_t n_edges, next_edge;
	uint32_t unclassified, fleet; /* texts */
	uint64_t left_open;           /* runs that the present entry, a part's last, leaves open */

	struct estate *estate; /* NULL: none is asked for. Its stays are count.c's */
	bool collecting;       /* the estate's window has begun */
	uint32_t n_stays;      /* that it has when all is counted */

	struct usage usage;
	struct vms vms;
	struct counts counted[2], *counts; /* of this pass; the other one's are being counted */
	tally_i128 run_ns;
	/* Of each half of the period: all, and without a known OS. */
	tally_i128 half_ns[2], unknown_ns[2];
	tally_i128 *imported_ns; /* of each ledger */
};
/* `estate` may be NULL; its window ends with the period, and begins no later. Where
 * the plan's `resume` refuses, nothing here is right. */
int sweep_make(struct sweep *s, const struct plan *plan, struct part *parts, size_t n_parts,
	       const struct tally_bytes *hosts, size_t ledgers, struct estate *estate,
	       struct tally_err *err);
void sweep_deinit(struct sweep *s);

/* sweep.c: the run has to stand anew. */
void sweep_change(struct sweep *s, struct run *run);
/* standing.c: counts all that changed up to now. */
void sweep_settle(struct sweep *s);
/* count.c: takes note; and between two passes, beside one, and behind the last. */
void count_usage(struct sweep *s, const struct usage_step *step);
void count_vm(struct sweep *s, const struct vm_step *step);
void count_stay(struct sweep *s, const struct stay_step *step);
void count_turn(void *ctx);
void count_behind(void *ctx);
void count_rest(struct sweep *s);
void counts_deinit(struct counts *c);
/* collect.c: stays and facts for the estate; nothing where there is none. */
void collect_hosts(struct sweep *s, const struct tally_bytes *hosts, size_t ledgers);
void collect_entry(struct sweep *s, const struct part *p, const struct slot *e);
void collect_size(struct sweep *s, struct run *run, const struct said *m, bool anew);
void collect_run(struct sweep *s, struct run *run); /* it may stand anew */
void collect_end(struct sweep *s, const struct run *run, int64_t at, enum end_why why,
		 const struct slot *by);
void collect_uncertain(struct sweep *s, const struct run *run, int64_t from, int64_t to);
void collect_finish(struct sweep *s);
/* apply.c: what an entry does to its VM, and to runs that begin and end. */
extern const struct residence_ops sweep_ops;
unsigned sweep_want(bool live, unsigned kind);
void sweep_apply(struct sweep *s, struct part *p, const struct slot *e);
void sweep_cut(struct sweep *s, struct run *run, const struct cut *cut);
/* notes.c: findings of the second reading. */
void note_end(struct sweep *s, const struct run *run, int64_t at, enum end_why why,
	      const struct slot *by);
void note_uncertain(struct sweep *s, const struct run *run, const struct cut *cut);
void note_entry(struct sweep *s, const struct part *p, const struct slot *e);
void note_os_claim(struct sweep *s, const struct run *run, const struct slot *e);
void note_corrected(struct sweep *s, const struct run *run, const struct effective *now);
void note_left_open(struct sweep *s, const struct part *p, const struct slot *e);
void note_conflict(struct sweep *s, struct vm *vm);
/* The instant between the period's halves. */
int64_t note_middle(const struct sweep *s);
void note_sums(struct sweep *s);

#endif
