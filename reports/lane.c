/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs are followed only as far as telling them apart needs: a not_before and a
 * late migrated-out have to name the run that they shorten. What lanes share are
 * texts: they are added to under a lock.
 */
#include <stdlib.h>
#include <string.h>
#include "lane.h"

size_t lane_patience = 256;

static unsigned
want(bool live, unsigned kind)
{
	unsigned vm = 1u << TALLY_IDENTITY, how = 1u << TALLY_OPERATIONS;

	switch (kind) {
	case TALLY_MIGRATED_OUT:
	case TALLY_MIGRATED_IN:
	case TALLY_OS_CLAIM:
	case TALLY_SOFTWARE:
	case TALLY_TAGS:
		return vm | how;
	case TALLY_STARTED:
	case TALLY_BASELINE:
		return live ? vm | how : vm;
	case TALLY_STOPPED:
		return vm;
	default:
		return live && kind >= TALLY_DEFINED && kind <= TALLY_ROLE ? vm : 0;
	}
}

struct cut *
cuts_add(struct cuts *c, uint32_t ledger, uint64_t begin_index, int64_t at)
{
	struct cut *cut;

	c->p = array_grow(c->p, &c->cap, c->n, sizeof(*c->p));
	cut = &c->p[c->n++];
	*cut = (struct cut){ .ledger = ledger, .begin_index = begin_index, .at = at };
	return cut;
}

static struct lane_move *
push_move(struct lane_moves *moves)
{
	moves->p = array_grow(moves->p, &moves->cap, moves->n, sizeof(*moves->p));
	return &moves->p[moves->n++];
}

static struct lane_move *
add_move(struct lane *l, struct vm *vm)
{
	struct lane_move *m = push_move(&l->moves);

	*m = (struct lane_move){ .vm = vm, .now = l->now->at, .entry = l->now->h.index };
	return m;
}

static void
on_begin(void *ctx, struct run *r, const struct slot *e)
{
	(void)ctx;
	(void)r;
	(void)e;
}

/* The newest gap of a live part, where nothing was seen of the run since. */
static bool
broken_by_gap(const struct run *r)
{
	return r->part->live && r->part->has_gap && r->part->gap_index > r->seen_index;
}

/* It ended, and nobody says why: where its manager was away, it may have left. */
static void
add_guess(struct lane *l, const struct run *r, int64_t at, const struct slot *by)
{
	add_move(l, r->vm)->move = (struct move){ .part = r->part,
						  .index = by->h.index,
						  .at = at,
						  .end = by->own_at,
						  .has_run = true,
						  .run_begin = r->begin_index,
						  .unsure = true };
}

static void
add_decision(struct lane *l, const struct run *r)
{
	struct lane_move *m = add_move(l, r->vm);

	m->what = MOVE_UNSURE;
	m->depart_index = r->depart_index;
	m->move.part = r->part;
}

static void
on_end(void *ctx, struct run *r, int64_t at, enum end_why why, const struct slot *by)
{
	struct lane *l = ctx;
	const struct said *m = by->said;
	const struct part *p = r->part;

	l->refused |= resume_departed(l->resume, r, by);
	if (why == END_STOPPED && slot_has(by, TALLY_BODY_NOT_BEFORE)) {
		int64_t earliest = slot_instant(by, TALLY_BODY_NOT_BEFORE);

		if (earliest < at) {
			struct cut *c = cuts_add(&l->cuts, p->ledger, r->begin_index, earliest);

			c->uncertain = true;
			c->stop_at = at;
			c->stop_index = by->h.index;
		}
	} else if ((why == END_MISSED || (why == END_STOPPED && m->cause == TALLY_C_VANISHED)) &&
		   broken_by_gap(r)) {
		if (p->gap_from < at)
			cuts_add(&l->cuts, p->ledger, r->begin_index, p->gap_from);
	} else if (why == END_MIGRATED) {
		l->has_ended = true;
		l->ended_begin = r->begin_index;
		l->departed = r->departing;
		l->ended_depart = r->depart_index;
	}
	/* An agent waits for a manager's word on why a process ended, and meanwhile
	 * records what else happens: such a stop stands behind later instants. */
	if (why == END_STOPPED && p->live && by->own_at < at)
		cuts_add(&l->cuts, p->ledger, r->begin_index, by->own_at);
	if (r->departing && why != END_MIGRATED)
		add_decision(l, r);
	else if (p->live && why == END_STOPPED &&
		 (m->cause == TALLY_C_UNKNOWN || m->cause == TALLY_C_VANISHED))
		add_guess(l, r, at, by);
	residence_drop(&l->residence, r);
}

/* It takes its place among the moves at once, for they are followed in the order
 * of their instants; what becomes of it is known when the run ends. */
static void
on_depart(void *ctx, struct run *r, const struct slot *e)
{
	add_move(ctx, r->vm)->move = (struct move){ .part = r->part,
						    .index = e->h.index,
						    .at = e->at,
						    .has_run = true,
						    .run_begin = r->begin_index,
						    .departs = true,
						    .undecided = true };
}

static void
on_stay(void *ctx, struct run *r)
{
	struct lane_move *m = add_move(ctx, r->vm);

	m->what = MOVE_FORGET;
	m->depart_index = r->depart_index;
	m->move.part = r->part;
}

static const struct residence_ops ops = { on_begin, on_end, on_begin, on_depart, on_stay };

static void
note_move(struct lane *l, struct part *p, const struct slot *e)
{
	struct lane_move *m;

	if (!e->of->has_vm)
		return;
	m = add_move(l, residence_vm_of(&l->residence, e));
	m->move = (struct move){ .in = e->h.kind == TALLY_MIGRATED_IN,
				 .part = p,
				 .index = e->h.index,
				 .at = e->at,
				 .end = e->own_at,
				 .has_peer = e->how->has_peer,
				 .peer = e->how->peer,
				 .has_run = l->has_ended,
				 .run_begin = l->ended_begin };
	if (l->has_ended && l->departed) {
		m->what = MOVE_SURE;
		m->depart_index = l->ended_depart;
	}
}

static void
note_correction(struct lane *l, const struct part *p, const struct slot *e)
{
	struct correction k;
	bool is;

	if (!e->ev || !tally_event_is_correction(e->ev))
		return;
	sayings_lock(p->sayings);
	is = correction_read(&k, e, p->sayings->strings);
	sayings_unlock(p->sayings);
	if (!is)
		return;
	if (k.from >= k.to) {
		ids_deinit(&k.add);
		ids_deinit(&k.remove);
		return;
	}
	k.vm = residence_vm_of(&l->residence, e);
	k.recorded.ledger = p->ledger;
	l->corrections = array_grow(l->corrections, &l->cap_corrections, l->n_corrections,
				    sizeof(*l->corrections));
	l->corrections[l->n_corrections++] = k;
}

/* A host's history begins with its facts. A live agent says that it starts before
 * it has asked the manager for them: there only events of VMs are early. */
static void
note_facts(struct lane *l, const struct part *p, const struct slot *e)
{
	bool *facts = &l->facts[p - l->parts];
	bool of_vm = e->h.kind >= TALLY_DEFINED && e->h.kind <= TALLY_ROLE;

	if (e->h.kind == TALLY_HOST_FACTS)
		*facts = true;
	if (*facts || (p->live && !of_vm) || e->at >= l->period->to)
		return;
	if (l->early < FINDING_ENTRIES)
		l->early_at[l->early] = e->h.index;
	l->early++;
}

static void
note_coverage(struct lane *l, struct part *p, const struct slot *e)
{
	bool tells_why = e->h.kind == TALLY_GAP || e->h.kind == TALLY_GAP_BEGIN;

	if (tells_why)
		sayings_lock(p->sayings);
	part_coverage_step(&l->coverage[p - l->parts], p, e, &l->gaps, l->period,
			   p->sayings->strings);
	if (tells_why)
		sayings_unlock(p->sayings);
}

static int
step(void *ctx, struct part *p, const struct slot *e, const struct slot *next,
     struct tally_err *err)
{
	struct lane *l = ctx;

	(void)err;
	l->at = e->at;
	l->now = e;
	note_correction(l, p, e);
	if (p->aside)
		return 0;
	note_coverage(l, p, e);
	note_facts(l, p, e);
	l->has_ended = l->departed = false;
	residence_step(&l->residence, p, e, next);
	if (e->h.kind == TALLY_MIGRATED_IN || e->h.kind == TALLY_MIGRATED_OUT)
		note_move(l, p, e);
	return 0;
}

void
lane_init(struct lane *l, uint32_t ledger, struct part *parts, size_t n,
	  struct part_coverage *coverage, const struct span *period, const struct resume *resume)
{
	memset(l, 0, sizeof(*l));
	TALLY_ASSERT(n <= sizeof(l->facts) / sizeof(*l->facts));
	l->ledger = ledger;
	l->parts = parts;
	l->n_parts = n;
	l->coverage = coverage;
	l->period = period;
	l->resume = resume;
	l->at = INT64_MIN;
	residence_init(&l->residence, true);
	l->residence.ops = &ops;
	l->residence.ctx = l;
	l->reader = (struct stream_reader){ .want = want, .step = step, .ctx = l };
	l->stream = stream_new(parts, n, &l->reader);
}

static void
end(struct lane *l)
{
	l->ended = true;
	stream_free(l->stream);
	l->stream = NULL;
	for (size_t i = 0; i < l->n_parts; i++)
		part_coverage_end(&l->coverage[i], &l->parts[i], &l->gaps, l->period);
}

bool
lane_waits(const struct lane *l)
{
	return l->moves.n >= lane_patience;
}

void
lane_settle(struct lane *l, int64_t before)
{
	struct lane_moves all = l->moves;
	size_t n = 0;

	TALLY_ASSERT(l->told == l->settled.n);
	while (n < all.n && all.p[n].now < before)
		n++;
	l->moves = l->settled;
	l->moves.n = 0;
	for (size_t i = n; i < all.n; i++)
		*push_move(&l->moves) = all.p[i];
	l->settled = all;
	l->settled.n = n;
	l->told = 0;
}

void
lane_run(struct lane *l)
{
	do
		l->rc = stream_pass(l->stream, &l->err);
	while (l->rc > 0 && !lane_waits(l));
	if (l->rc == 0)
		end(l);
}

void
lane_deinit(struct lane *l)
{
	stream_free(l->stream);
	residence_deinit(&l->residence);
	for (size_t i = 0; i < l->n_corrections; i++) {
		ids_deinit(&l->corrections[i].add);
		ids_deinit(&l->corrections[i].remove);
	}
	free(l->corrections);
	free(l->moves.p);
	free(l->settled.p);
	free(l->cuts.p);
	free(l->gaps.p);
}
