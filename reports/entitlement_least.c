/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held while a need stands. What is in force changes at a few days of the
 * period (cuts); between two of them it is the same. A position is asked about the
 * stretches in which its measured need is at its peak, and is entitled to the least of
 * what is held in these: the stretch of its instant, and
 * - of a figure of instants, each in which it is as high again, which is metered anew;
 * - of a sum of peaks, whose licences stay where they were assigned, all behind that one.
 * A sum over time is asked about its instant alone.
 */
#include <stdlib.h>
#include <string.h>
#include "entitlement_match_internal.h"
#include "meter.h"
#include "tally/err.h"

#define AT_ONCE 16 /* stretches that are metered in one walk */

/* The positions [first, end) are one rule's, for one product. */
struct asked {
	const struct entitlement_match *m;
	size_t first, end;
	const struct cuts *cuts; /* n of them make n - 1 stretches */
	bool *of;                /* of each position and stretch: whether it is asked about it */
	const struct rule *versions;
	size_t n_versions;
	struct counted *counted; /* of each version */
	struct map places;       /* (scope, id): number + 1 of the position */
};

static void
add_cut(struct cuts *c, int64_t at, int64_t from, int64_t to)
{
	if (at <= from || at >= to)
		return;
	c->p = array_grow(c->p, &c->cap, c->n, sizeof(*c->p));
	c->p[c->n++] = at;
}

static int
compare_cuts(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void
match_cuts(const struct entitlement_match *m, struct cuts *out)
{
	size_t kept = 1;

	out->p = array_grow(out->p, &out->cap, 0, sizeof(*out->p));
	out->p[0] = m->from;
	out->n = 1;
	for (size_t i = 0; i < m->held->n; i++) {
		const struct entitlement *e = &m->held->p[i];

		add_cut(out, e->valid_from.at, m->from, m->to);
		add_cut(out, e->valid_to.at, m->from, m->to);
		add_cut(out, e->maintenance_from.at, m->from, m->to);
		add_cut(out, e->maintenance_to.at, m->from, m->to);
	}
	qsort(out->p, out->n, sizeof(*out->p), compare_cuts);
	for (size_t i = 1; i < out->n; i++)
		if (out->p[i] != out->p[kept - 1])
			out->p[kept++] = out->p[i];
	out->n = kept;
}

size_t
match_stretch(const struct cuts *c, int64_t at)
{
	size_t low = 0, high = c->n;

	/* The last that begins at `at` or before; the first, where all are later. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (c->p[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int64_t
end_of(const struct asked *a, size_t stretch)
{
	return stretch + 1 < a->cuts->n ? a->cuts->p[stretch + 1] : a->m->to;
}

static bool *
flag(const struct asked *a, size_t position, size_t stretch)
{
	return &a->of[(position - a->first) * a->cuts->n + stretch];
}

static void
mark_peaks(struct asked *a, const struct meter *meter, size_t stretch)
{
	for (size_t i = 0; i < meter->n_nodes; i++) {
		const struct meter_node *n = &meter->nodes[i];
		const struct position *p;
		uint8_t key[16] = { 0 };
		uintptr_t found;

		if (n->part_of != NO_NODE)
			continue;
		tally_put_u32(key, (uint32_t)n->scope);
		tally_put_u32(key + 4, n->id);
		found = (uintptr_t)*map_place(&a->places, key);
		if (found == 0)
			continue;
		p = &a->m->positions->p[found - 1];
		if (p->need.measured > 0 && n->peak[MEASURED] >= p->need.measured)
			*flag(a, found - 1, stretch) = true;
	}
}

/* The parts of a stretch in which a version of the rule holds; how many. */
static size_t
make_spans(const struct asked *a, size_t stretch, struct meter *meter, struct meter_span *spans)
{
	const struct rule **rules = tally_alloc((a->n_versions + 1) * sizeof(struct rule *));
	int64_t from = a->cuts->p[stretch], to = end_of(a, stretch);
	size_t n = 0;

	for (size_t i = 0; i < a->n_versions; i++) {
		const struct rule *r = &a->versions[i];
		int64_t begin = r->valid_from > from ? r->valid_from : from;
		int64_t end = r->valid_to < to ? r->valid_to : to;

		if (begin >= end)
			continue;
		rules[n] = r;
		spans[n++] = (struct meter_span){ meter, &a->counted[i], begin, end, 0 };
	}
	if (n > 0)
		meter_init(meter, a->m->positions->estate, rules, n, from, to);
	free(rules);
	return n;
}

static void
meter_stretches(struct asked *a, size_t first, size_t end)
{
	struct meter_span *spans =
		tally_realloc_array(NULL, AT_ONCE * (a->n_versions + 1), sizeof(*spans));
	struct meter meters[AT_ONCE];
	bool made[AT_ONCE] = { false };
	size_t n = 0;

	for (size_t i = first; i < end; i++) {
		size_t more = make_spans(a, i, &meters[i - first], &spans[n]);

		made[i - first] = more > 0;
		n += more;
	}
	meter_walk(a->m->positions->estate, spans, n);
	for (size_t i = first; i < end; i++) {
		if (!made[i - first])
			continue;
		meter_finish(&meters[i - first]);
		mark_peaks(a, &meters[i - first], i);
		meter_deinit(&meters[i - first]);
	}
	free(spans);
}

/* As high as at its peak once more. */
static void
ask_instants(struct asked *a)
{
	const struct position *p = &a->m->positions->p[a->first];
	const struct estate *e = a->m->positions->estate;
	const struct rule *newest = &a->versions[a->n_versions - 1];
	const char *software = NULL;

	for (size_t i = 0; !newest->product && i < newest->software.count; i++)
		if (tally_bytes_eq(match_text(a->m, p->product),
				   tally_bytes_str(newest->software.items[i])))
			software = newest->software.items[i];
	a->counted = tally_alloc(a->n_versions * sizeof(*a->counted));
	for (size_t i = 0; i < a->n_versions; i++)
		counted_init(&a->counted[i], e, &a->versions[i], p->product, software,
			     a->m->rights);
	for (size_t i = a->first; i < a->end; i++) {
		uint8_t key[16] = { 0 };

		p = &a->m->positions->p[i];
		tally_put_u32(key, (uint32_t)p->scope);
		tally_put_u32(key + 4, p->id);
		*map_place(&a->places, key) = (void *)(uintptr_t)(i + 1);
	}
	for (size_t i = 0; i < a->cuts->n; i += AT_ONCE)
		meter_stretches(a, i, i + AT_ONCE < a->cuts->n ? i + AT_ONCE : a->cuts->n);
	for (size_t i = 0; i < a->n_versions; i++)
		counted_deinit(&a->counted[i]);
	free(a->counted);
	map_deinit(&a->places);
}

/* The rule's versions stand together in its pack. */
static void
find_versions(struct asked *a, struct tally_bytes id)
{
	for (size_t k = 0; k < a->m->n_packs && a->n_versions == 0; k++)
		for (size_t i = 0; i < a->m->packs[k]->n_rules; i++) {
			const struct rule *r = &a->m->packs[k]->rules[i];

			if (!tally_bytes_eq(id, tally_bytes_str(r->id)))
				continue;
			if (a->n_versions++ == 0)
				a->versions = r;
		}
}

bool *
match_asked(const struct entitlement_match *m, size_t first, size_t end, const struct cuts *cuts)
{
	struct asked a = { .m = m, .first = first, .end = end, .cuts = cuts };
	enum rule_aggregation by;

	find_versions(&a, match_text(m, m->positions->p[first].rule));
	a.of = tally_alloc((end - first) * cuts->n * sizeof(*a.of));
	by = a.n_versions > 0 ? a.versions[a.n_versions - 1].aggregation : AGG_INSTANT;
	for (size_t i = first; i < end; i++) {
		const struct position *p = &m->positions->p[i];
		size_t from = match_stretch(cuts, match_instant(m, p));

		*flag(&a, i, from) = true;
		for (size_t k = from + 1; (by == AGG_HOST_PEAKS || by == AGG_REGION_PEAKS) &&
					  p->need.measured > 0 && k < cuts->n && cuts->p[k] < p->to;
		     k++)
			*flag(&a, i, k) = true;
	}
	if (by == AGG_INSTANT && a.n_versions > 0 && cuts->n > 1)
		ask_instants(&a);
	return a.of;
}
