/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_JOIN_H
#define TALLY_REPORTS_JOIN_H
/* Which migrated-out and migrated-in are the two sides of one migration
 * (FORMAT.md section 10, rule 7): nearest pairs first, within 60 s. */
#include "residence.h"

#define JOIN_WINDOW (60 * TALLY_SECOND)

struct move {
	bool in;
	struct part *part;
	uint64_t index, order;
	int64_t at;
	int64_t end; /* of an out: when its run says that it ended, no later than `at` */
	bool has_peer, has_run;
	/* A run that departs: whether it goes is known when it ends (undecided). Of
	 * one that ends without a migrated-out only the partner that it finds makes
	 * a migration (unsure). */
	bool departs, undecided, unsure;
	uint32_t peer;
	uint64_t run_begin; /* of the run that a migrated-out ended */
};
struct moves {
	struct move *p;
	size_t n, cap;
};
struct join_ops {
	void (*joined)(void *ctx, const struct move *out, const struct move *in);
	void (*alone)(void *ctx, struct vm *vm, const struct move *m);
};
struct pair {
	size_t out, in;
	int64_t distance;
};
struct joins {
	struct vm **vms; /* that ever moved */
	size_t n_vms, cap_vms;
	struct pair *pairs; /* scratch */
	size_t n_pairs, cap_pairs;
	uint8_t *held;
	size_t cap_held;
	const struct join_ops *ops;
	void *ctx;
};
/* Moves come in the order of the report. */
/* `index`: of the move as it was added. The run has ended: by a migrated-out,
 * `sure` (may be NULL), or otherwise; or it did not depart at all. */
void join_decide(struct vm *vm, const struct part *p, uint64_t index, const struct move *sure);
void join_forget(struct vm *vm, const struct part *p, uint64_t index);
void join_add(struct joins *j, struct vm *vm, const struct move *m);
void join_finish(struct joins *j);
void join_deinit(struct joins *j);

#endif
