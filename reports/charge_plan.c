/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar of a charge: the slices of the report's period, and for each SKU
 * from when on which price (and which version of a rule) holds.
 */
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"

static struct tally_date
next_month(struct tally_date d)
{
	return d.month == 12 ? (struct tally_date){ d.year + 1, 1, 1 }
			     : (struct tally_date){ d.year, d.month + 1, 1 };
}

/* A slice of [from, to) that begins at `from`; its end is the calendar's or `to`. */
static int
cut_slice(struct charge_work *w, int64_t from, struct slice *s)
{
	const struct charge_inputs *in = w->in;
	struct tally_date d;
	struct tally_wall begin, end, day;

	if (tally_zone_date_of(in->zone, (struct tally_wall){ from }, &d, w->err) < 0 ||
	    tally_zone_start_of(in->zone, (struct tally_date){ d.year, d.month, 1 }, &begin,
				w->err) < 0 ||
	    tally_zone_start_of(in->zone, next_month(d), &end, w->err) < 0)
		return -1;
	/* A clock put back over the month's first midnight: that midnight counts. */
	if (end.ns <= from) {
		d = next_month(d);
		begin = end;
		if (tally_zone_start_of(in->zone, next_month(d), &end, w->err) < 0)
			return -1;
	}
	*s = (struct slice){
		.from = from, .to = end.ns, .billing_from = begin.ns, .billing_to = end.ns
	};
	/* Days of local time may be skipped or begin twice: the next whose start lies ahead. */
	for (int i = 1; in->prices->by_day && d.day + i <= 31; i++) {
		struct tally_err ignored = TALLY_ERR_INIT;

		if (tally_zone_start_of(in->zone, (struct tally_date){ d.year, d.month, d.day + i },
					&day, &ignored) < 0)
			break;
		if (day.ns > from) {
			s->to = day.ns;
			break;
		}
	}
	if (s->to > in->to)
		s->to = in->to;
	return 0;
}

static int
make_slices(struct charge_work *w)
{
	size_t cap = 0;

	for (int64_t at = w->in->from; at < w->in->to;) {
		struct slice *s;

		w->slices = array_grow(w->slices, &cap, w->n_slices, sizeof(*w->slices));
		s = &w->slices[w->n_slices];
		if (cut_slice(w, at, s) < 0)
			return tally_err_prefix(w->err, "%s: billing periods", w->in->prices->file);
		TALLY_ASSERT(s->to > at);
		s->month = w->n_slices == 0 ? 0
					    : s[-1].month + (s[-1].billing_from != s->billing_from);
		at = s->to;
		w->n_slices++;
	}
	return 0;
}

static int
compare_instants(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Every instant inside the period at which a price or a rule of the SKU changes. */
struct instants {
	int64_t *p;
	size_t n, cap;
};

static void
add_instant(struct charge_work *w, struct instants *list, int64_t at)
{
	if (at <= w->in->from || at >= w->in->to)
		return;
	list->p = array_grow(list->p, &list->cap, list->n, sizeof(*list->p));
	list->p[list->n++] = at;
}

/* [from, to) of each price, as instants. */
struct valid {
	int64_t from, to;
};

static int
price_instants(struct charge_work *w, const struct price_sku *sku, struct valid *valid,
	       struct instants *list)
{
	for (size_t i = 0; i < sku->prices.count; i++) {
		const struct price *p = sku_price(sku, i);
		struct tally_wall at;

		if (tally_zone_start_of(w->in->zone, p->from, &at, w->err) < 0)
			return -1;
		valid[i] = (struct valid){ at.ns, INT64_MAX };
		if (i > 0 && valid[i - 1].to == INT64_MAX)
			valid[i - 1].to = at.ns;
		add_instant(w, list, at.ns);
		if (!p->to_text)
			continue;
		if (tally_zone_start_of(w->in->zone, p->to, &at, w->err) < 0)
			return -1;
		valid[i].to = at.ns;
		add_instant(w, list, at.ns);
	}
	return 0;
}

static void
rule_instants(struct charge_work *w, const struct price_sku *sku, struct instants *list)
{
	for (size_t i = 0; i < w->in->n_packs; i++)
		for (size_t k = 0; k < w->in->packs[i]->n_rules; k++) {
			const struct rule *r = &w->in->packs[i]->rules[k];

			if (strcmp(r->id, sku->product) != 0)
				continue;
			add_instant(w, list, r->valid_from);
			add_instant(w, list, r->valid_to);
		}
}

static void
find_rule(struct charge_work *w, const struct price_sku *sku, struct sku_span *span)
{
	struct tally_buf name = TALLY_BUF_INIT;

	for (size_t i = 0; i < w->in->n_packs; i++) {
		const struct tally_pack *p = w->in->packs[i];

		for (size_t k = 0; k < p->n_rules; k++) {
			const struct rule *r = &p->rules[k];

			if (strcmp(r->id, sku->product) != 0 || span->from < r->valid_from ||
			    span->from >= r->valid_to)
				continue;
			span->rule = charge_rule(w, p, r);
			tally_buf_addf(&name, "%s@%s", p->id, p->version);
			span->rule_pack =
				strings_add(w->in->estate->strings, tally_buf_view(&name));
			tally_buf_deinit(&name);
			return;
		}
	}
}

static bool
rule_exists(const struct charge_work *w, const char *id)
{
	for (size_t i = 0; i < w->in->n_packs; i++)
		for (size_t k = 0; k < w->in->packs[i]->n_rules; k++)
			if (strcmp(w->in->packs[i]->rules[k].id, id) == 0)
				return true;
	return false;
}

static int
make_spans(struct charge_work *w, const struct price_sku *sku, struct sku_plan *plan,
	   const struct instants *list, const struct valid *valid)
{
	plan->spans = tally_alloc((list->n + 1) * sizeof(*plan->spans));
	for (size_t i = 0; i <= list->n; i++) {
		struct sku_span *s = &plan->spans[plan->n];

		if (i > 1 && list->p[i - 1] == list->p[i - 2])
			continue;
		plan->n++;
		*s = (struct sku_span){ .from = i == 0 ? w->in->from : list->p[i - 1],
					.price = -1 };
		for (size_t k = 0; k < sku->prices.count; k++)
			if (s->from >= valid[k].from && s->from < valid[k].to)
				s->price = (int)k;
		if (sku->kind == PRODUCT_RULE)
			find_rule(w, sku, s);
	}
	return 0;
}

static int
plan_sku(struct charge_work *w, const struct price_sku *sku, struct sku_plan *plan)
{
	struct valid *valid = tally_alloc(sku->prices.count * sizeof(*valid));
	struct instants list = { NULL, 0, 0 };
	int rc = price_instants(w, sku, valid, &list);

	if (rc < 0)
		(void)tally_err_prefix(w->err, "%s:%u:%u", w->in->prices->file, sku->line,
				       sku->column);
	if (rc == 0 && sku->kind == PRODUCT_RULE) {
		if (!rule_exists(w, sku->product))
			rc = tally_err_set(w->err, TALLY_USE,
					   "%s:%u:%u: 'product' names rule %s, which no pack has",
					   w->in->prices->file, sku->line, sku->column,
					   sku->product);
		rule_instants(w, sku, &list);
	}
	if (list.n > 1)
		qsort(list.p, list.n, sizeof(*list.p), compare_instants);
	if (rc == 0)
		rc = make_spans(w, sku, plan, &list, valid);
	free(list.p);
	free(valid);
	return rc;
}

int
charge_plan(struct charge_work *w)
{
	size_t n = w->in->prices->skus.count;

	if (make_slices(w) < 0)
		return -1;
	w->plans = tally_alloc(n * sizeof(*w->plans));
	for (size_t i = 0; i < n; i++)
		if (plan_sku(w, prices_sku(w->in->prices, i), &w->plans[i]) < 0)
			return -1;
	return 0;
}

void
charge_plan_deinit(struct charge_work *w)
{
	for (size_t i = 0; w->plans && i < w->in->prices->skus.count; i++)
		free(w->plans[i].spans);
	free(w->plans);
	charge_rules_deinit(w);
	free(w->slices);
}

const struct slice *
charge_slice(const struct charge_work *w, int64_t at)
{
	size_t low = 0, high = w->n_slices;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (w->slices[middle].from <= at)
			low = middle;
		else
			high = middle;
	}
	return &w->slices[low];
}

const struct sku_span *
charge_span(const struct sku_plan *plan, int64_t at, int64_t *until)
{
	size_t low = 0, high = plan->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (plan->spans[middle].from <= at)
			low = middle;
		else
			high = middle;
	}
	*until = high < plan->n ? plan->spans[high].from : INT64_MAX;
	return &plan->spans[low];
}
