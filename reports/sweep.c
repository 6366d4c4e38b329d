/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the second reading: entries, cuts and the edges of corrections in
 * one order, and the begin and the end of the period. */
#include <stdlib.h>
#include <string.h>
#include "sweep.h"
#include "tally/err.h"

void
sweep_change(struct sweep *s, struct run *run)
{
	if (run->changed)
		return;
	run->changed = true;
	s->changed = array_grow(s->changed, &s->cap_changed, s->n_changed, sizeof(struct run *));
	s->changed[s->n_changed++] = run;
}

static void
change_all(struct sweep *s, const struct part *p)
{
	for (struct run *r = p->runs; r; r = r->part_next)
		sweep_change(s, r);
}

/* From here on something counts: all that stands does so anew. */
static void
open_at(struct sweep *s, int64_t at, bool *opened)
{
	if (s->now < at) /* or else the estate's window opened here, too */
		sweep_settle(s);
	*opened = true;
	s->now = at;
	for (size_t i = 0; i < s->n_parts; i++)
		change_all(s, &s->parts[i]);
}

static void
advance(struct sweep *s, int64_t to)
{
	if (to > s->to)
		to = s->to;
	if (s->estate && !s->collecting && to >= s->estate->from)
		open_at(s, s->estate->from, &s->collecting);
	if (!s->opened && to >= s->from)
		open_at(s, s->from, &s->opened);
	if (to <= s->now)
		return;
	sweep_settle(s);
	s->now = to;
}

static struct due
due_take(struct sweep *s)
{
	struct due first = s->due[0], last = s->due[--s->n_due];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < s->n_due && s->due[c + 1].at < s->due[c].at)
			c++;
		if (c >= s->n_due || s->due[c].at >= last.at)
			break;
		s->due[i] = s->due[c];
		i = c;
	}
	s->due[i] = last;
	return first;
}

static void
due_add(struct sweep *s, const struct due *due)
{
	size_t i;

	s->due = array_grow(s->due, &s->cap_due, s->n_due, sizeof(*s->due));
	for (i = s->n_due++; i > 0 && s->due[(i - 1) / 2].at > due->at; i = (i - 1) / 2)
		s->due[i] = s->due[(i - 1) / 2];
	s->due[i] = *due;
}

void
sweep_cut(struct sweep *s, struct run *run, const struct cut *cut)
{
	due_add(s, &(struct due){ .at = cut->at, .run = run, .cut = cut });
}

/* What the clock jumps over before the part's next entry counts nowhere. */
static void
skip_until(struct sweep *s, struct part *p, const struct slot *next)
{
	if (p->skips) {
		p->skips = false;
		change_all(s, p);
	}
	if (next && next->skipped > 0)
		due_add(s, &(struct due){ .at = next->at - next->skipped, .part = p });
}

static void
pass_edge(struct sweep *s, const struct edge *e)
{
	struct correction *k = e->correction;

	if (e->end)
		corrected_end(k->vm->corrected, k);
	else
		corrected_begin(k->vm->corrected, k);
	for (struct run *r = k->vm->runs; r; r = r->vm_next)
		sweep_change(s, r);
}

/* All cuts and edges up to `to`, which must not pass the period's end. */
static void
pass_until(struct sweep *s, int64_t to)
{
	for (;;) {
		int64_t cut = s->n_due > 0 ? s->due[0].at : INT64_MAX;
		int64_t edge = s->next_edge < s->n_edges ? s->edges[s->next_edge].at : INT64_MAX;
		int64_t at = cut < edge ? cut : edge;

		if (at > to || at >= s->to)
			return;
		advance(s, at);
		if (cut <= edge) {
			struct due d = due_take(s);

			if (d.part) {
				d.part->skips = true;
				change_all(s, d.part);
				continue;
			}
			d.run->cut = true;
			sweep_change(s, d.run);
			if (d.cut->uncertain) {
				note_uncertain(s, d.run, d.cut);
				collect_uncertain(s, d.run, d.cut->at, d.cut->stop_at);
			}
		} else {
			pass_edge(s, &s->edges[s->next_edge++]);
		}
	}
}

static int
step(void *ctx, struct part *p, const struct slot *e, const struct slot *next,
     struct tally_err *err)
{
	struct sweep *s = ctx;

	(void)err;
	if (e->at >= s->to)
		return 1;
	pass_until(s, e->at);
	advance(s, e->at);
	s->order = plan_order(s->plan, &s->corrections_passed, p, e);
	s->left_open = 0;
	if (p->aside)
		return 0; /* the plan has read it */
	skip_until(s, p, next);
	collect_entry(s, p, e);
	sweep_apply(s, p, e);
	residence_step(s->residence, p, e, next);
	if (s->left_open > 0)
		note_left_open(s, p, e);
	return 0;
}

/* What the entry is likely to touch. */
static void
fetch(void *ctx, const struct told *t, unsigned stage)
{
	const struct part *p = t->part;
	const struct vm *vm;
	const struct run *run;

	(void)ctx;
	if (stage < 4) {
		residence_fetch(t, stage);
		return;
	}
	vm = t->e->of->vm;
	if (!vm)
		return;
	run = residence_open(vm, p);
	if (!run) { /* it begins: with its VM's claims and row */
		fetch_lines(vm->row, 64);
		fetch_lines(vm->last, sizeof(*vm->last));
		fetch_lines(p->runs, 64);
		return;
	}
	fetch_lines(run->part_prev, 64);
	fetch_lines(run->part_next, 64);
	fetch_lines(run->claims, sizeof(*run->claims));
}

static int
compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void
make_edges(struct sweep *s)
{
	const struct plan *plan = s->plan;

	s->edges = tally_alloc((plan->n_corrections * 2 + 1) * sizeof(*s->edges));
	for (size_t i = 0; i < plan->n_corrections; i++) {
		struct correction *k = &plan->corrections[i];

		s->edges[s->n_edges++] = (struct edge){ k->from, false, k };
		s->edges[s->n_edges++] = (struct edge){ k->to, true, k };
	}
	qsort(s->edges, s->n_edges, sizeof(*s->edges), compare_edges);
}

int
sweep_make(struct sweep *s, const struct plan *plan, struct part *parts, size_t n_parts,
	   const struct tally_bytes *hosts, size_t ledgers, struct estate *estate,
	   struct tally_err *err)
{
	struct stream_reader reader = { .want = sweep_want,
					.step = step,
					.fetch = fetch,
					.turn = count_turn,
					.behind = count_behind,
					.ctx = s,
					.parallel = plan->parallel };

	memset(s, 0, sizeof(*s));
	s->residence = plan->residence;
	s->strings = plan->strings;
	s->findings = plan->findings;
	s->plan = plan;
	s->resume = plan->resume;
	s->parts = parts;
	s->n_parts = n_parts;
	s->hosts = hosts;
	s->from = plan->period.from;
	s->to = plan->period.to;
	s->now = INT64_MIN;
	s->estate = estate;
	collect_hosts(s, hosts, ledgers);
	s->unclassified = strings_add(s->strings, tally_bytes_str("unclassified"));
	s->fleet = strings_add(s->strings, tally_bytes_str("fleet"));
	s->imported_ns = tally_alloc((ledgers + 1) * sizeof(*s->imported_ns));
	usage_init(&s->usage, s->from);
	vms_init(&s->vms);
	s->counts = &s->counted[0];
	make_edges(s);
	s->residence->ops = &sweep_ops;
	s->residence->ctx = s;
	if (stream_run(parts, n_parts, &reader, err) < 0)
		return -1;
	resume_finish(s->resume, parts, n_parts);
	pass_until(s, s->to);
	advance(s, s->to);
	/* What still counts does so up to the end. */
	for (size_t i = 0; i < n_parts; i++)
		change_all(s, &parts[i]);
	sweep_settle(s);
	count_rest(s);
	collect_finish(s);
	usage_finish(&s->usage, s->to, s->strings);
	vms_finish(&s->vms, s->strings);
	note_sums(s);
	return 0;
}

void
sweep_deinit(struct sweep *s)
{
	for (size_t i = 0; i < s->residence->vms.cap; i++) {
		struct vm *vm = s->residence->vms.slots[i].value;

		if (!vm)
			continue;
		for (struct run *r = vm->runs; r; r = r->vm_next)
			claims_unref(&r->claims);
		claims_unref(&vm->last);
		free(vm->conflict);
	}
	free(s->changed);
	free(s->due);
	free(s->edges);
	free(s->imported_ns);
	counts_deinit(&s->counted[0]);
	counts_deinit(&s->counted[1]);
	usage_deinit(&s->usage);
	vms_deinit(&s->vms);
}
