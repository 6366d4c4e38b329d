/* SPDX-License-Identifier: Apache-2.0 */
/* Runs are followed only as far as telling them apart needs: a not_before and a
 * late migrated-out have to name the run that they shorten. */
#include <stdlib.h>
#include <string.h>
#include "plan.h"
#include "tally/err.h"

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

static struct cut *
add_cut(struct plan *plan, uint32_t ledger, uint64_t begin_index, int64_t at)
{
	struct cut *c;

	plan->cuts = array_grow(plan->cuts, &plan->cap_cuts, plan->n_cuts, sizeof(*plan->cuts));
	c = &plan->cuts[plan->n_cuts++];
	*c = (struct cut){ .ledger = ledger, .begin_index = begin_index, .at = at };
	return c;
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
add_guess(struct plan *plan, const struct run *r, int64_t at, const struct slot *by)
{
	struct move m = { .part = r->part,
			  .index = by->h.index,
			  .order = plan->order,
			  .at = at,
			  .end = by->own_at,
			  .has_run = true,
			  .run_begin = r->begin_index,
			  .unsure = true };

	join_add(&plan->joins, r->vm, &m);
}

static void
on_end(void *ctx, struct run *r, int64_t at, enum end_why why, const struct slot *by)
{
	struct plan *plan = ctx;
	const struct said *m = by->said;
	const struct part *p = r->part;

	if (why == END_STOPPED && slot_has(by, TALLY_BODY_NOT_BEFORE)) {
		int64_t earliest = slot_instant(by, TALLY_BODY_NOT_BEFORE);

		if (earliest < at) {
			struct cut *c = add_cut(plan, p->ledger, r->begin_index, earliest);

			c->uncertain = true;
			c->stop_at = at;
			c->stop_index = by->h.index;
		}
	} else if ((why == END_MISSED || (why == END_STOPPED && m->cause == TALLY_C_VANISHED)) &&
		   broken_by_gap(r)) {
		if (p->gap_from < at)
			add_cut(plan, p->ledger, r->begin_index, p->gap_from);
	} else if (why == END_MIGRATED) {
		plan->has_ended = true;
		plan->ended_begin = r->begin_index;
		plan->departed = r->departing;
		plan->ended_depart = r->depart_index;
	}
	/* An agent waits for a manager's word on why a process ended, and meanwhile
	 * records what else happens: such a stop stands behind later instants. */
	if (why == END_STOPPED && p->live && by->own_at < at)
		add_cut(plan, p->ledger, r->begin_index, by->own_at);
	if (r->departing && why != END_MIGRATED)
		join_decide(r->vm, p, r->depart_index, NULL);
	else if (p->live && why == END_STOPPED &&
		 (m->cause == TALLY_C_UNKNOWN || m->cause == TALLY_C_VANISHED))
		add_guess(plan, r, at, by);
	residence_drop(plan->residence, r);
}

/* It takes its place among the moves at once, for they are followed in the order
 * of their instants; what becomes of it is known when the run ends. */
static void
on_depart(void *ctx, struct run *r, const struct slot *e)
{
	struct plan *plan = ctx;
	struct move m = { .part = r->part,
			  .index = e->h.index,
			  .order = plan->order,
			  .at = e->at,
			  .has_run = true,
			  .run_begin = r->begin_index,
			  .departs = true,
			  .undecided = true };

	join_add(&plan->joins, r->vm, &m);
}

static void
on_stay(void *ctx, struct run *r)
{
	(void)ctx;
	join_forget(r->vm, r->part, r->depart_index);
}

static const struct residence_ops ops = { on_begin, on_end, on_begin, on_depart, on_stay };

static void
on_joined(void *ctx, const struct move *out, const struct move *in)
{
	struct plan *plan = ctx;
	bool guess = out->unsure && !out->departs;
	int64_t end = out->departs || out->at < out->end ? out->at : out->end;
	int64_t at = in->at < end ? in->at : end;

	if (!out->has_run || (guess ? in->at >= end : !out->departs && at >= out->at))
		return;
	add_cut(plan, out->part->ledger, out->run_begin, at)->firm = true;
}

static void
on_alone(void *ctx, struct vm *vm, const struct move *m)
{
	struct plan *plan = ctx;
	struct finding *g;
	char uuid[TALLY_UUID_TEXT], at[TALLY_TIME_TEXT];
	struct tally_bytes peer = strings_get(plan->strings, m->peer);

	if (m->unsure)
		return; /* it ended where it was */
	if (m->departs)
		add_cut(plan, m->part->ledger, m->run_begin, m->at);
	if (m->at < plan->period.from || m->at >= plan->period.to)
		return;
	g = findings_count(plan->findings, m->in ? F_ENTERED_ESTATE : F_LEFT_ESTATE,
			   m->part->ledger, 1);
	finding_entry(g, m->part->ledger, m->index);
	if (!finding_tells(g))
		return;
	tally_uuid_text(uuid, vm->uuid);
	tally_wall_text(at, (struct tally_wall){ m->at });
	finding_case(g, "VM %s at %s%s%.*s", uuid, at,
		     !m->has_peer ? ""
		     : m->in      ? " from "
				  : " to ",
		     (int)peer.len, (const char *)peer.p);
}

static const struct join_ops join_ops = { on_joined, on_alone };

static void
note_move(struct plan *plan, struct part *p, const struct slot *e, uint64_t order)
{
	struct move m = { .in = e->h.kind == TALLY_MIGRATED_IN,
			  .part = p,
			  .index = e->h.index,
			  .order = order,
			  .at = e->at,
			  .end = e->own_at,
			  .has_peer = e->how->has_peer,
			  .has_run = plan->has_ended,
			  .run_begin = plan->ended_begin };

	if (!e->of->has_vm)
		return;
	m.peer = e->how->peer;
	if (m.has_run && plan->departed) {
		join_decide(residence_vm_of(plan->residence, e), p, plan->ended_depart, &m);
		return;
	}
	join_add(&plan->joins, residence_vm_of(plan->residence, e), &m);
}

static void
note_correction(struct plan *plan, const struct part *p, const struct slot *e, uint64_t order)
{
	struct correction k;

	if (!correction_read(&k, e, order, plan->strings))
		return;
	if (k.from >= k.to) {
		ids_deinit(&k.add);
		ids_deinit(&k.remove);
		return;
	}
	k.vm = residence_vm_of(plan->residence, e);
	k.ledger = p->ledger;
	plan->corrections = array_grow(plan->corrections, &plan->cap_corrections,
				       plan->n_corrections, sizeof(*plan->corrections));
	plan->corrections[plan->n_corrections++] = k;
}

/* A host's history begins with its facts. A live agent says that it starts before
 * it has asked the manager for them: there only events of VMs are early. */
static void
note_facts(struct plan *plan, const struct part *p, const struct slot *e)
{
	bool *facts = &plan->facts[p - plan->parts];
	bool of_vm = e->h.kind >= TALLY_DEFINED && e->h.kind <= TALLY_ROLE;
	struct finding *g;

	if (e->h.kind == TALLY_HOST_FACTS)
		*facts = true;
	if (*facts || (p->live && !of_vm) || e->at >= plan->period.to)
		return;
	g = findings_count(plan->findings, F_NO_HOST_FACTS, p->ledger, 1);
	finding_entry(g, p->ledger, e->h.index);
}

static int
step(void *ctx, struct part *p, const struct slot *e, const struct slot *next, uint64_t order,
     struct tally_err *err)
{
	struct plan *plan = ctx;

	(void)err;
	if (p->aside) {
		note_correction(plan, p, e, order);
		return 0;
	}
	part_coverage_step(&plan->coverage[p - plan->parts], p, e, &plan->gaps[p->ledger],
			   &plan->period, plan->strings);
	note_facts(plan, p, e);
	note_correction(plan, p, e, order);
	plan->has_ended = plan->departed = false;
	plan->order = order;
	residence_step(plan->residence, p, e, next);
	if (e->h.kind == TALLY_MIGRATED_IN || e->h.kind == TALLY_MIGRATED_OUT)
		note_move(plan, p, e, order);
	return 0;
}

static void
fetch(void *ctx, const struct told *t, unsigned stage)
{
	(void)ctx;
	if (stage < 4)
		residence_fetch(t, stage);
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
sort_cuts(struct plan *plan)
{
	size_t kept = 0;

	if (plan->n_cuts == 0)
		return;
	qsort(plan->cuts, plan->n_cuts, sizeof(*plan->cuts), compare_cuts);
	for (size_t i = 1; i < plan->n_cuts; i++) {
		struct cut *last = &plan->cuts[kept], *c = &plan->cuts[i];

		if (compare_cuts(last, c) != 0)
			plan->cuts[++kept] = *c;
		else if (overrides(c, last))
			*last = *c;
	}
	plan->n_cuts = kept + 1;
}

static int
compare_corrections(const void *a, const void *b)
{
	const struct correction *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm->number < y->vm->number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
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
		c->all = &k[i];
		c->n = end - i;
		c->active = tally_alloc(c->n * sizeof(struct correction *));
		k[i].vm->corrected = c;
	}
}

int
plan_make(struct plan *plan, struct residence *residence, struct findings *findings,
	  struct part *parts, size_t n_parts, size_t ledgers, const struct span *period,
	  void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg),
	  struct tally_err *err)
{
	struct stream_reader reader = {
		.want = want, .step = step, .fetch = fetch, .ctx = plan, .parallel = parallel
	};

	memset(plan, 0, sizeof(*plan));
	plan->parallel = parallel;
	plan->residence = residence;
	plan->strings = residence->strings;
	plan->findings = findings;
	plan->period = *period;
	plan->parts = parts;
	plan->n_parts = n_parts;
	plan->coverage = tally_alloc((n_parts + 1) * sizeof(*plan->coverage));
	plan->facts = tally_alloc(n_parts + 1);
	plan->gaps = tally_alloc((ledgers + 1) * sizeof(*plan->gaps));
	plan->joins.ops = &join_ops;
	plan->joins.ctx = residence->ctx = plan;
	residence->ops = &ops;
	if (stream_run(parts, n_parts, &reader, err) < 0)
		return -1;
	join_finish(&plan->joins);
	for (size_t i = 0; i < n_parts; i++)
		part_coverage_end(&plan->coverage[i], &parts[i], &plan->gaps[parts[i].ledger],
				  period);
	sort_cuts(plan);
	spread_corrections(plan);
	return 0;
}

void
plan_deinit(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_parts; i++) {
		part_coverage_deinit(&plan->coverage[i]);
		free(plan->gaps[plan->parts[i].ledger].p);
		plan->gaps[plan->parts[i].ledger].p = NULL;
	}
	for (size_t i = 0; i < plan->n_corrections; i++) {
		const struct correction *k = &plan->corrections[i];

		ids_deinit(&plan->corrections[i].add);
		ids_deinit(&plan->corrections[i].remove);
		if (k->vm->corrected)
			free(k->vm->corrected->active);
		k->vm->corrected = NULL;
	}
	free(plan->corrected);
	free(plan->corrections);
	free(plan->cuts);
	free(plan->coverage);
	free(plan->facts);
	free(plan->gaps);
	join_deinit(&plan->joins);
}

const struct cut *
plan_cut(const struct plan *plan, const struct run *run)
{
	struct cut key = { .ledger = run->part->ledger, .begin_index = run->begin_index };

	if (plan->n_cuts == 0)
		return NULL;
	return bsearch(&key, plan->cuts, plan->n_cuts, sizeof(key), compare_cuts);
}
