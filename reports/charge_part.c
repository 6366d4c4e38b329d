/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each SKU counts of each VM: stays are cut where the calendar, the price,
 * the rule or the host's facts change. Minimum and step of time belong to a run:
 * stays of a VM that follow one another, on another host within a minute.
 */
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"

#define JOIN_NS (60 * TALLY_SECOND)

/* The stays of one VM, by time, and the run that each belongs to. */
struct vm_stays {
	const uint32_t *stays;
	size_t n;
	uint32_t *run;
	size_t n_runs;
	uint32_t *newest; /* of each run: place in `stays` */
	uint32_t *live;   /* runs that may be followed yet, ascending */
	size_t n_live;
	tally_i128 *time; /* of each run: what the SKU at hand counts, ns */
	uint32_t *last;   /* of each run: place of the last stay that counts */
};

static const struct stay *
stay_at(const struct charge_work *w, const struct vm_stays *v, size_t i)
{
	return &w->in->estate->stays[v->stays[i]];
}

static bool
follows(const struct stay *before, const struct stay *s)
{
	if ((before->state == SAVED) != (s->state == SAVED) || s->from < before->to)
		return false;
	return before->host == s->host ? s->from == before->to : s->from - before->to <= JOIN_NS;
}

/* Which run a stay follows; `n_runs`: none, it begins one. Runs that nothing can follow
 * any more are forgotten on the way. */
static uint32_t
run_before(const struct charge_work *w, struct vm_stays *v, const struct stay *s)
{
	size_t best = v->n_runs, kept = 0;

	for (size_t i = 0; i < v->n_live; i++) {
		uint32_t r = v->live[i];
		const struct stay *t = stay_at(w, v, v->newest[r]);

		if (t->to < s->from - JOIN_NS)
			continue;
		v->live[kept++] = r;
		/* Of several that it may follow, the one that ended last. */
		if (follows(t, s) &&
		    (best == v->n_runs || t->to > stay_at(w, v, v->newest[best])->to))
			best = r;
	}
	v->n_live = kept;
	return (uint32_t)best;
}

static void
find_runs(const struct charge_work *w, struct vm_stays *v)
{
	v->n_runs = v->n_live = 0;
	for (size_t i = 0; i < v->n; i++) {
		uint32_t run = run_before(w, v, stay_at(w, v, i));

		if (run == v->n_runs) {
			v->live[v->n_live++] = run;
			v->n_runs++;
		}
		v->run[i] = run;
		v->newest[run] = (uint32_t)i;
	}
}

/* Units of the SKU that a VM of a size takes; 0: nobody knows. */
static uint64_t
units_of(const struct price_sku *sku, const struct stay_size *size)
{
	switch (sku->meter) {
	case METER_VCPU_HOUR:
	case METER_CORE_HOUR:
		return size->vcpus;
	case METER_GIB_HOUR:
		return size->memory_mib;
	default:
		return 1;
	}
}

/* The same, as they are priced: no fewer vCPUs than the SKU's minimum. */
static uint64_t
priced_of(const struct price_sku *sku, const struct stay_size *size)
{
	uint64_t units = units_of(sku, size);

	return units > 0 && units < sku->minimum_vcpus ? sku->minimum_vcpus : units;
}

static int
refuse_overflow(const struct charge_work *w, const struct price_sku *sku)
{
	return tally_err_set(w->err, TALLY_USE,
			     "%s:%u:%u: the quantity of SKU '%s' is more than exact numbers hold",
			     w->in->prices->file, sku->line, sku->column, sku->id);
}

static int
refuse_price(const struct charge_work *w, const struct price_sku *sku, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at });
	return tally_err_set(w->err, TALLY_USE,
			     "%s:%u:%u: SKU '%s' has no price at %s, when it is used",
			     w->in->prices->file, sku->line, sku->column, sku->id, text);
}

/* One piece of a stay, over which nothing changes: [at, until). */
static int
count_piece(struct charge_work *w, const struct stay *s, uint32_t sku_number,
	    const struct sku_span *span, const struct host_facts *facts, int64_t at, int64_t until,
	    size_t *place)
{
	const struct estate *e = w->in->estate;
	const struct price_sku *sku = prices_sku(w->in->prices, sku_number);
	const struct stay_claims *c = &e->claims[s->claims];
	const struct stay_size *size = &e->sizes[s->size];
	struct charge_part part = {
		.slice = (uint32_t)(charge_slice(w, at) - w->slices),
		.sku = sku_number,
		.price = (uint32_t)span->price,
		.vm = s->vm,
		.host = e->hosts[s->host].name,
		.ledger = e->hosts[s->host].ledger,
		.name = c->name,
		.tenant = c->tenant,
		.cost_center = c->cost_center,
		.environment = c->environment,
		.region = facts->known ? facts->region : 0,
		.rule_pack = span->rule_pack,
		.first = s->entry,
		.last = s->entry,
		.witnessed = !s->imported,
		.imported = s->imported,
		.until = until,
	};
	tally_i128 ns = until - at;
	uint32_t owners[OWNERS];

	part.owners.p = owners;
	for (unsigned i = 0; i < OWNERS; i++)
		if (c->owner[i])
			owners[part.owners.n++] = c->owner[i] - 1;
	if (__builtin_mul_overflow((tally_i128)units_of(sku, size), ns, &part.consumed) ||
	    __builtin_mul_overflow((tally_i128)priced_of(sku, size), ns, &part.priced) ||
	    !charge_part_add(w, &part, place))
		return refuse_overflow(w, sku);
	return 0;
}

static void
note_unknown(struct charge_work *w, uint32_t sku, const struct stay *s, int64_t ns, bool os)
{
	struct charge_note *note = &w->out->notes[sku];

	if (note->unknown_ns == 0 && note->unknown_os_ns == 0) {
		note->ledger = w->in->estate->hosts[s->host].ledger;
		note->entry = s->entry;
	}
	*(os ? &note->unknown_os_ns : &note->unknown_ns) += ns;
}

/* All pieces of one stay that a SKU counts; their time, and the last one's part. */
static int
count_stay(struct charge_work *w, const struct stay *s, uint32_t number, tally_i128 *time,
	   size_t *place, bool *counted)
{
	const struct price_sku *sku = prices_sku(w->in->prices, number);
	int64_t at = s->from > w->in->from ? s->from : w->in->from;
	int64_t end = s->to < w->in->to ? s->to : w->in->to;

	while (at < end) {
		const struct host_facts *facts = estate_facts(w->in->estate, s->host, at);
		const struct slice *slice = charge_slice(w, at);
		int64_t until;
		const struct sku_span *span = charge_span(&w->plans[number], at, &until);
		enum charge_counts counts;

		if (until > end)
			until = end;
		if (until > slice->to)
			until = slice->to;
		if (facts->to > at && until > facts->to)
			until = facts->to;
		counts = charge_counts(w, s, sku, span);
		if (counts != CHARGE_COUNTS) {
			if (counts == CHARGE_PERHAPS)
				note_unknown(w, number, s, until - at, true);
			at = until;
			continue;
		}
		if (span->price < 0)
			return refuse_price(w, sku, at);
		if (units_of(sku, &w->in->estate->sizes[s->size]) == 0) {
			note_unknown(w, number, s, until - at, false);
		} else {
			if (count_piece(w, s, number, span, facts, at, until, place) < 0)
				return -1;
			*time += until - at;
			*counted = true;
		}
		at = until;
	}
	return 0;
}

/* What minimum and step add to a run counts at what the run was in the end. */
static int
add_time(struct charge_work *w, const struct price_sku *sku, const struct stay *s, tally_i128 time,
	 struct charge_part *part)
{
	tally_i128 billed = time, step = sku->time_step.ns, units;

	if (billed < sku->minimum_time.ns)
		billed = sku->minimum_time.ns;
	if (step > 0)
		billed = (billed + step - 1) / step * step;
	units = (tally_i128)priced_of(sku, &w->in->estate->sizes[s->size]);
	if (__builtin_mul_overflow(units, billed - time, &units) ||
	    __builtin_add_overflow(part->priced, units, &part->priced))
		return refuse_overflow(w, sku);
	return 0;
}

static int
count_sku(struct charge_work *w, const struct vm_stays *v, uint32_t number)
{
	const struct price_sku *sku = prices_sku(w->in->prices, number);
	size_t *place = tally_alloc((v->n_runs + 1) * sizeof(*place));
	int rc = 0;

	memset(v->time, 0, v->n_runs * sizeof(*v->time));
	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		uint32_t run = v->run[i];
		bool counted = false;

		rc = count_stay(w, stay_at(w, v, i), number, &v->time[run], &place[run], &counted);
		if (counted)
			v->last[run] = (uint32_t)i;
	}
	for (size_t run = 0; rc == 0 && run < v->n_runs; run++)
		if (v->time[run] > 0)
			rc = add_time(w, sku, stay_at(w, v, v->last[run]), v->time[run],
				      &w->parts[place[run]]);
	free(place);
	return rc;
}

static int
count_vm(struct charge_work *w, struct vm_stays *v)
{
	find_runs(w, v);
	for (uint32_t sku = 0; sku < w->in->prices->skus.count; sku++)
		if (count_sku(w, v, sku) < 0)
			return -1;
	return 0;
}

static int
compare_stays(const void *a, const void *b, void *estate)
{
	const struct estate *e = estate;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct stay *x = &e->stays[i], *y = &e->stays[k];

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return i < k ? -1 : 1;
}

int
charge_parts(struct charge_work *w)
{
	const struct estate *e = w->in->estate;
	uint32_t *order = tally_alloc((e->n_stays + 1) * sizeof(*order));
	struct vm_stays v = { 0 };
	size_t n = 0, end, most = e->n_stays + 1;
	int rc = 0;

	for (uint32_t i = 0; i < e->n_stays; i++)
		if (e->stays[i].from < w->in->to && e->stays[i].to > w->in->from &&
		    !e->stays[i].uncertain)
			order[n++] = i;
	if (n > 1)
		qsort_r(order, n, sizeof(*order), compare_stays, (void *)(uintptr_t)e);
	v.run = tally_alloc(most * sizeof(*v.run));
	v.newest = tally_alloc(most * sizeof(*v.newest));
	v.live = tally_alloc(most * sizeof(*v.live));
	v.last = tally_alloc(most * sizeof(*v.last));
	v.time = tally_alloc(most * sizeof(*v.time));
	for (size_t i = 0; rc == 0 && i < n; i = end) {
		for (end = i + 1; end < n && e->stays[order[end]].vm == e->stays[order[i]].vm;)
			end++;
		v.stays = &order[i];
		v.n = end - i;
		rc = count_vm(w, &v);
	}
	free(v.run);
	free(v.newest);
	free(v.live);
	free(v.last);
	free(v.time);
	free(order);
	return rc;
}
