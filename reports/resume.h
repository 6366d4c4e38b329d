/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_RESUME_H
#define TALLY_REPORTS_RESUME_H
/*
 * Of the time before the first instant that a report looks at, a ledger's index
 * tells only what still matters of it (tally/gist.h). Each ledger decides that for
 * itself; where several together might have mattered, the readings find out, and
 * refuse: then all is read.
 */
#include "residence.h"

struct resume {
	bool on;        /* something is left out */
	bool refused;   /* all has to be read */
	int64_t before; /* entries that are left out speak of earlier instants only */
	int64_t reach;  /* the first instant that matters */
};
extern int64_t resume_margin; /* from `before` to `reach`; a test makes it small */

/* Tells the parts to leave out what they can. */
int resume_begin(struct resume *r, struct part *parts, size_t n, int64_t reach,
		 struct tally_err *err);

/* The first reading. What may be one side of a migration; whether a run that ends by
 * this entry is one that refuses. */
void resume_move(struct resume *r, struct vm *vm, int64_t at);
bool resume_departed(const struct resume *r, const struct run *run, const struct slot *by);

/* The second one. A run begins, its claims change, it ends or stands at the end. */
void resume_begun(struct resume *r, struct run *run, const struct slot *e);
void resume_change(struct resume *r, const struct run *run);
void resume_ended(struct resume *r, const struct run *run, int64_t at, enum end_why why,
		  const struct slot *by);
void resume_finish(struct resume *r, const struct part *parts, size_t n);

#endif
