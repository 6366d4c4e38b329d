/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules ask for as time goes by, over the fleet, for the page's pictures: in each of
 * a few parts of the period the most at any instant in it. A rule that adds hosts' own
 * peaks of many days is shown by what its hosts ask for at one instant, which is less.
 */
#include <stdlib.h>
#include "figures.h"
#include "meter.h"
#include "report_internal.h"
#include "tally/err.h"

#define PARTS   240
#define AT_ONCE 16

struct needs {
	const struct tally_report *r;
	struct tally_jsonw *w;
	struct rule rule; /* as the position's, but for how it is added up */
	struct counted counted;
	int64_t part; /* ns */
};

static bool
is_of_instants(const struct position *p)
{
	enum rule_aggregation by = p->applied->aggregation;

	return p->scope == SCOPE_FLEET && by != AGG_TIME && by != AGG_DISTINCT &&
	       (p->need.measured > 0 || (p->has_entitled && p->entitled > 0));
}

static const char *
software_of(const struct tally_report *r, const struct position *p)
{
	for (size_t i = 0; !p->applied->product && i < p->applied->software.count; i++)
		if (tally_bytes_eq(report_text(r, p->product),
				   tally_bytes_str(p->applied->software.items[i])))
			return p->applied->software.items[i];
	return NULL;
}

/* The part of the period, cut to where the rule holds; false: it does not. */
static bool
span_of(const struct needs *n, int64_t from, struct meter_span *span)
{
	int64_t to = from + n->part < n->r->to ? from + n->part : n->r->to;

	span->from = from > n->rule.valid_from ? from : n->rule.valid_from;
	span->to = to < n->rule.valid_to ? to : n->rule.valid_to;
	span->counted = &n->counted;
	span->lane = 0;
	return span->from < span->to;
}

static void
put_peak(const struct needs *n, const struct meter_span *span)
{
	const struct meter *m = span->meter;
	char text[64];

	figure_text(text, m->nodes[m->fleet].peak[MEASURED]);
	tally_jsonw_i64(n->w, (span->from - n->r->from) / 1000000);
	tally_jsonw_str(n->w, text);
}

/* A few parts in one walk, from `from` on; where they end. */
static int64_t
put_some(const struct needs *n, int64_t from)
{
	const struct rule *rules[] = { &n->rule };
	struct meter_span spans[AT_ONCE];
	struct meter meters[AT_ONCE];
	size_t count = 0;

	for (size_t i = 0; i < AT_ONCE && from < n->r->to; i++, from += n->part) {
		if (!span_of(n, from, &spans[count]))
			continue;
		meter_init(&meters[count], &n->r->estate, rules, 1, spans[count].from,
			   spans[count].to);
		spans[count].meter = &meters[count];
		count++;
	}
	meter_walk(&n->r->estate, spans, count);
	for (size_t i = 0; i < count; i++) {
		meter_finish(&meters[i]);
		put_peak(n, &spans[i]);
		meter_deinit(&meters[i]);
	}
	return from;
}

static void
put_need(struct needs *n, const struct position *p)
{
	n->rule = *p->applied;
	n->rule.aggregation = AGG_INSTANT;
	n->rule.low = LOW_MEASURED;
	n->rule.reach = REACH_NONE;
	counted_init(&n->counted, &n->r->estate, &n->rule, p->product, software_of(n->r, p),
		     n->r->entitlements ? &n->r->rights.rights : NULL);
	tally_jsonw_object(n->w);
	tally_jsonw_key(n->w, "points");
	tally_jsonw_array(n->w);
	for (int64_t from = n->r->from; from < n->r->to;)
		from = put_some(n, from);
	tally_jsonw_end(n->w);
	tally_jsonw_key(n->w, "product");
	tally_jsonw_string(n->w, report_text(n->r, p->product));
	tally_jsonw_key(n->w, "rule");
	tally_jsonw_string(n->w, report_text(n->r, p->rule));
	tally_jsonw_end(n->w);
	counted_deinit(&n->counted);
}

void
report_needs_json(struct tally_jsonw *w, const struct tally_report *r)
{
	struct needs n = { .r = r, .w = w, .part = (r->to - r->from) / PARTS + 1 };

	tally_jsonw_array(w);
	for (size_t i = 0; i < r->positions.n; i++)
		if (is_of_instants(&r->positions.p[i]))
			put_need(&n, &r->positions.p[i]);
	tally_jsonw_end(w);
}
