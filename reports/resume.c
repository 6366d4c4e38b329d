/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things pass from ledger to ledger, and so may rest on an entry that its own
 * ledger holds for superseded:
 *
 * - A migration joins two sides. A side that is left out lies before `before`; it
 *   changes what matters only through a run that has departed since then, or
 *   through a chain of moves that reaches from there to `reach` without a rest.
 * - A run that migrated in has taken up the claims of the run that changed them last.
 *   Where that one is left out, a later begin in its part is not, and of all begins in
 *   that part this is the newest, or the last that took up nothing, or the last that
 *   gave the claim. While the run itself lasts, such a begin elsewhere puts it in
 *   doubt; a run in doubt must not pass its claims on, by changing them, nor stand
 *   where time counts. And in doubt it is: if the begin came when the run was over, it
 *   would have changed the claims after it, and nobody would have asked the run's; the
 *   same holds, link by link, for whoever inherited them from it.
 */
#include "resume.h"
#include "join.h"
#include "tally/err.h"

#define NEAR (JOIN_WINDOW + TALLY_SECOND)

int64_t resume_margin = 86400 * TALLY_SECOND;

int
resume_begin(struct resume *r, struct part *parts, size_t n, int64_t reach, struct tally_err *err)
{
	*r = (struct resume){ .before = reach, .reach = reach };
	if (__builtin_sub_overflow(reach, resume_margin, &r->before))
		r->before = INT64_MIN;
	for (size_t i = 0; i < n; i++) {
		const struct tally_entries *c = &parts[i].cursor;

		parts[i].whole = 0;
		if (c->leave_out && c->leave_out(c->ctx, r->before, &parts[i].whole, err) < 0)
			return -1;
		r->on |= parts[i].whole > 0;
	}
	return 0;
}

void
resume_move(struct resume *r, struct vm *vm, int64_t at)
{
	if (!r->on)
		return;
	vm->chained = at <= r->before + NEAR || (vm->chained && at - vm->chained_at <= NEAR);
	vm->chained_at = at;
	r->refused |= vm->chained && at >= r->reach - NEAR;
}

bool
resume_departed(const struct resume *r, const struct run *run, const struct slot *by)
{
	return r->on && run->departing && run->depart_at <= r->before + NEAR &&
	       by->h.index >= run->part->whole;
}

void
resume_begun(struct resume *r, struct run *run, const struct slot *e)
{
	run->moved_in = e->h.kind == TALLY_MIGRATED_IN;
	if (!r->on || e->h.index >= run->part->whole)
		return;
	for (struct run *other = run->vm->runs; other; other = other->vm_next)
		if (other->open && other->part != run->part && other->moved_in)
			other->doubted = true;
}

void
resume_change(struct resume *r, const struct run *run)
{
	r->refused |= run->doubted;
}

void
resume_ended(struct resume *r, const struct run *run, int64_t at, enum end_why why,
	     const struct slot *by)
{
	bool saved = why == END_STOPPED && by->said->cause == TALLY_C_SAVED;

	/* From its end to the entry that showed it the run may have gone on; what began
	 * elsewhere meanwhile has not put it in doubt. */
	r->refused |= run->doubted && (at >= r->reach || by->at >= r->reach || saved);
	r->refused |= run->moved_in && r->on && at < r->before && by->at >= r->reach;
}

void
resume_finish(struct resume *r, const struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (const struct run *run = parts[i].runs; run; run = run->part_next)
			r->refused |= run->doubted;
}
