/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes run side by side, a stretch at a time; what they tell of moves is taken up in the
 * order of the report, as far as none of them can still tell of something earlier, and
 * beside the stretch that follows.
 */
#include <stdlib.h>
#include <string.h>
#include "plan.h"
#include "tally/err.h"

static void
on_joined(void *ctx, const struct move *out, const struct move *in)
{
	struct plan *plan = ctx;
	bool guess = out->unsure && !out->departs;
	int64_t end = out->departs || out->at < out->end ? out->at : out->end;
	int64_t at = in->at < end ? in->at : end;

	if (!out->has_run || (guess ? in->at >= end : !out->departs && at >= out->at))
		return;
	cuts_add(&plan->cuts, out->part->ledger, out->run_begin, at)->firm = true;
}

static void
on_alone(void *ctx, struct vm *vm, const struct move *m)
{
	struct plan *plan = ctx;
	struct finding *g;
	char uuid[TALLY_UUID_TEXT], at[TALLY_TIME_TEXT];
	struct tally_bytes peer;

	if (m->unsure)
		return; /* it ended where it was */
	if (m->departs)
		cuts_add(&plan->cuts, m->part->ledger, m->run_begin, m->at);
	if (m->at < plan->period.from || m->at >= plan->period.to)
		return;
	g = findings_count(plan->findings, m->in ? F_ENTERED_ESTATE : F_LEFT_ESTATE,
			   m->part->ledger, 1);
	finding_entry(g, m->part->ledger, m->index);
	if (!finding_tells(g))
		return;
	tally_uuid_text(uuid, vm->uuid);
	tally_wall_text(at, (struct tally_wall){ m->at });
	sayings_lock(m->part->sayings); /* lanes add texts */
	peer = strings_get(plan->strings, m->peer);
	finding_case(g, "VM %s at %s%s%.*s", uuid, at,
		     !m->has_peer ? ""
		     : m->in      ? " from "
				  : " to ",
		     (int)peer.len, (const char *)peer.p);
	sayings_unlock(m->part->sayings);
}

static const struct join_ops join_ops = { on_joined, on_alone };

/* Of two lanes the one whose next move comes first. */
static bool
earlier(const struct next_move *a, const struct next_move *b)
{
	return a->now != b->now ? a->now < b->now : a->lane < b->lane;
}

static void
sift_down(struct next_move *heap, size_t n, size_t i)
{
	struct next_move own = heap[i];

	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		c += c + 1 < n && earlier(&heap[c + 1], &heap[c]);
		if (!earlier(&heap[c], &own))
			break;
		heap[i] = heap[c];
	}
	heap[i] = own;
}

/* Of a lane's VM the one of all ledgers. */
static struct vm *
shared_vm(const struct plan *plan, struct vm *vm)
{
	if (!vm->shared)
		vm->shared = residence_vm(plan->residence, vm->uuid);
	return vm->shared;
}

static void
take_move(struct plan *plan, struct lane_move *m)
{
	struct vm *vm = shared_vm(plan, m->vm);

	m->move.order = ++plan->moves;
	switch (m->what) {
	case MOVE_ADD:
		resume_move(plan->resume, vm, m->move.at);
		join_add(&plan->joins, vm, &m->move);
		break;
	case MOVE_SURE:
	case MOVE_UNSURE:
		join_decide(vm, m->move.part, m->depart_index,
			    m->what == MOVE_SURE ? &m->move : NULL);
		break;
	case MOVE_FORGET:
		join_forget(vm, m->move.part, m->depart_index);
		break;
	}
}

/* The lane's next move that is settled. */
static bool
next_move(struct next_move *out, struct lane *l)
{
	if (l->told == l->settled.n)
		return false;
	*out = (struct next_move){ l->settled.p[l->told].now, l };
	return true;
}

/* Between two moves of a lane come those of all others: what its next ones touch is asked
 * for now, each time a step farther. */
static void
fetch_moves(const struct lane *l)
{
	const struct lane_move *m = &l->settled.p[l->told];
	size_t n = l->settled.n - l->told;

	if (n > 3)
		fetch_lines(m[3].vm, sizeof(*m[3].vm));
	if (n > 2 && m[2].vm->shared)
		fetch_lines(m[2].vm->shared, sizeof(*m[2].vm));
	if (n > 1 && m[1].vm->shared)
		__builtin_prefetch(m[1].vm->shared->moves);
	if (n > 0 && m[0].vm->shared && m[0].vm->shared->moves)
		fetch_lines(m[0].vm->shared->moves->p, sizeof(struct move));
}

/* All moves that are settled. */
static void
take_moves(struct plan *plan)
{
	struct next_move *heap = plan->next;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_lanes; i++)
		n += next_move(&heap[n], &plan->lanes[i]);
	for (size_t i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
	while (n > 0) {
		struct lane *l = heap[0].lane;

		take_move(plan, &l->settled.p[l->told++]);
		fetch_moves(l);
		if (!next_move(&heap[0], l))
			heap[0] = heap[--n];
		if (n > 0)
			sift_down(heap, n, 0);
	}
}

static void
run_lane(void *ctx, size_t job)
{
	struct plan *plan = ctx;

	if (job == 0)
		take_moves(plan);
	else
		lane_run(plan->waiting[job - 1]);
}

/* The instant that the lanes that still run have reached, all of them. */
static int64_t
reached(const struct plan *plan)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < plan->n_lanes; i++)
		if (!plan->lanes[i].ended && plan->lanes[i].at < at)
			at = plan->lanes[i].at;
	return at;
}

static int
run_lanes(struct plan *plan, struct tally_err *err)
{
	int64_t at = INT64_MIN;

	while (at < INT64_MAX) {
		size_t n = 0;

		/* Whoever is last goes on, so that the others can. */
		for (size_t i = 0; i < plan->n_lanes; i++) {
			struct lane *l = &plan->lanes[i];

			if (!l->ended && (l->at == at || !lane_waits(l)))
				plan->waiting[n++] = l;
		}
		if (plan->parallel)
			plan->parallel(n + 1, run_lane, plan);
		else
			for (size_t i = 0; i <= n; i++)
				run_lane(plan, i);
		for (size_t i = 0; i < plan->n_lanes; i++) {
			if (plan->lanes[i].rc >= 0)
				continue;
			*err = plan->lanes[i].err;
			return -1;
		}
		at = reached(plan);
		for (size_t i = 0; i < plan->n_lanes; i++)
			lane_settle(&plan->lanes[i], at);
	}
	take_moves(plan);
	return 0;
}

static int
compare_cuts(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	if (x->ledger != y->ledger)
		return x->ledger < y->ledger ? -1 : 1;
	return x->begin_index < y->begin_index ? -1 : x->begin_index > y->begin_index;
}

/* Of two cuts the one that another host knows of. */
static bool
overrides(const struct cut *c, const struct cut *last)
{
	if (c->firm != last->firm)
		return c->firm;
	return c->at < last->at || (c->at == last->at && !c->uncertain);
}

static void
sort_cuts(struct cuts *cuts)
{
	size_t kept = 0;

	if (cuts->n == 0)
		return;
	qsort(cuts->p, cuts->n, sizeof(*cuts->p), compare_cuts);
	for (size_t i = 1; i < cuts->n; i++) {
		struct cut *last = &cuts->p[kept], *c = &cuts->p[i];

		if (compare_cuts(last, c) != 0)
			cuts->p[++kept] = *c;
		else if (overrides(c, last))
			*last = *c;
	}
	cuts->n = kept + 1;
}

static int
compare_recorded(const struct recorded *a, const struct recorded *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->ledger != b->ledger)
		return a->ledger < b->ledger ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static int
compare_as_recorded(const void *a, const void *b)
{
	const struct correction *x = a, *y = b;

	return compare_recorded(&x->recorded, &y->recorded);
}

static int
compare_corrections(const void *a, const void *b)
{
	const struct correction *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm->number < y->vm->number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* An entry's place is told by how many corrections come before it: these have the even
 * numbers, and what is recorded between two of them the odd one. */
static void
number_corrections(struct plan *plan)
{
	struct correction *k = plan->corrections;
	size_t n = plan->n_corrections;

	if (n == 0)
		return;
	qsort(k, n, sizeof(*k), compare_as_recorded);
	plan->recorded = tally_realloc_array(NULL, n, sizeof(*plan->recorded));
	for (size_t i = 0; i < n; i++) {
		plan->recorded[i] = k[i].recorded;
		k[i].order = 2 * (uint64_t)i + 2;
	}
}

uint64_t
plan_order(const struct plan *plan, size_t *passed, const struct part *p, const struct slot *e)
{
	struct recorded now = { .at = e->at, .ledger = p->ledger, .index = e->h.index };

	while (*passed < plan->n_corrections &&
	       compare_recorded(&plan->recorded[*passed], &now) <= 0)
		++*passed;
	return 2 * (uint64_t)*passed + 1;
}

/* Gives each corrected VM its corrections. */
static void
spread_corrections(struct plan *plan)
{
	struct correction *k = plan->corrections;
	size_t n = plan->n_corrections, vms = 0;

	if (n == 0)
		return;
	qsort(k, n, sizeof(*k), compare_corrections);
	for (size_t i = 0; i < n; i++)
		vms += i == 0 || k[i].vm != k[i - 1].vm;
	plan->corrected = tally_alloc(vms * sizeof(*plan->corrected));
	vms = 0;
	for (size_t i = 0, end; i < n; i = end) {
		struct corrected *c = &plan->corrected[vms++];

		for (end = i + 1; end < n && k[end].vm == k[i].vm;)
			end++;
		corrected_init(c, &k[i], end - i);
		k[i].vm->corrected = c;
	}
}

static void
note_early(struct plan *plan, const struct lane *l)
{
	struct finding *g;

	if (l->early == 0)
		return;
	g = findings_count(plan->findings, F_NO_HOST_FACTS, l->ledger, l->early);
	for (size_t i = 0; i < l->early && i < FINDING_ENTRIES; i++)
		finding_entry(g, l->ledger, l->early_at[i]);
}

/* What a lane has found becomes the plan's. */
static void
take_over(struct plan *plan, struct lane *l)
{
	struct cuts *cuts = &plan->cuts;

	note_early(plan, l);
	plan->resume->refused |= l->refused;
	plan->gaps[l->ledger] = l->gaps;
	l->gaps = (struct gaps){ 0 };
	for (size_t i = 0; i < l->cuts.n; i++)
		*cuts_add(cuts, 0, 0, 0) = l->cuts.p[i];
	for (size_t i = 0; i < l->n_corrections; i++) {
		struct correction *k = &l->corrections[i];

		plan->corrections = array_grow(plan->corrections, &plan->cap_corrections,
					       plan->n_corrections, sizeof(*k));
		plan->corrections[plan->n_corrections] = *k;
		plan->corrections[plan->n_corrections++].vm = shared_vm(plan, k->vm);
	}
	l->n_corrections = 0;
}

static void
make_lanes(struct plan *plan)
{
	size_t at = 0;

	for (uint32_t i = 0; i < plan->n_lanes; i++) {
		size_t first = at;

		while (at < plan->n_parts && plan->parts[at].ledger == i)
			at++;
		lane_init(&plan->lanes[i], i, &plan->parts[first], at - first,
			  &plan->coverage[first], &plan->period, plan->resume);
	}
}

static int
read_all(struct plan *plan, struct tally_err *err)
{
	int rc;

	make_lanes(plan);
	rc = run_lanes(plan, err);
	if (rc == 0) {
		join_finish(&plan->joins);
		for (size_t i = 0; i < plan->n_lanes; i++)
			take_over(plan, &plan->lanes[i]);
		sort_cuts(&plan->cuts);
		number_corrections(plan);
		spread_corrections(plan);
	}
	for (size_t i = 0; i < plan->n_lanes; i++)
		lane_deinit(&plan->lanes[i]);
	free(plan->lanes);
	free(plan->waiting);
	free(plan->next);
	return rc;
}

int
plan_make(struct plan *plan, struct residence *residence, struct strings *strings,
	  struct findings *findings, struct part *parts, size_t n_parts, size_t ledgers,
	  const struct span *period, struct resume *resume,
	  void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg),
	  struct tally_err *err)
{
	memset(plan, 0, sizeof(*plan));
	plan->parallel = parallel;
	plan->residence = residence;
	plan->strings = strings;
	plan->findings = findings;
	plan->period = *period;
	plan->resume = resume;
	plan->parts = parts;
	plan->n_parts = n_parts;
	plan->coverage = tally_alloc((n_parts + 1) * sizeof(*plan->coverage));
	plan->gaps = tally_alloc((ledgers + 1) * sizeof(*plan->gaps));
	plan->lanes = tally_alloc((ledgers + 1) * sizeof(*plan->lanes));
	plan->waiting = tally_alloc((ledgers + 1) * sizeof(struct lane *));
	plan->next = tally_alloc((ledgers + 1) * sizeof(*plan->next));
	plan->n_lanes = ledgers;
	plan->joins.ops = &join_ops;
	plan->joins.ctx = plan;
	return read_all(plan, err);
}

void
plan_deinit(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_parts; i++)
		part_coverage_deinit(&plan->coverage[i]);
	for (size_t i = 0; i < plan->n_lanes; i++)
		free(plan->gaps[i].p);
	for (size_t i = 0; i < plan->n_corrections; i++) {
		const struct correction *k = &plan->corrections[i];

		ids_deinit(&plan->corrections[i].add);
		ids_deinit(&plan->corrections[i].remove);
		if (k->vm->corrected)
			corrected_deinit(k->vm->corrected);
		k->vm->corrected = NULL;
	}
	free(plan->corrected);
	free(plan->corrections);
	free(plan->recorded);
	free(plan->cuts.p);
	free(plan->coverage);
	free(plan->gaps);
	join_deinit(&plan->joins);
}

const struct cut *
plan_cut(const struct plan *plan, const struct run *run)
{
	struct cut key = { .ledger = run->part->ledger, .begin_index = run->begin_index };

	if (plan->cuts.n == 0)
		return NULL;
	return bsearch(&key, plan->cuts.p, plan->cuts.n, sizeof(key), compare_cuts);
}
