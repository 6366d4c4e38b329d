/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An import is trusted to hold all of its time but its gaps. A live part proves
 * its time: by heartbeats, and by entries so close that no check fits between.
 */
#include <stdlib.h>
#include <string.h>
#include "coverage.h"

#define CLOSE (20 * TALLY_SECOND) /* two heartbeat intervals */

static int64_t
most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
add_gap(struct part_coverage *c, const struct gap *g, struct gaps *gaps, const struct span *period)
{
	spans_add(&c->gaps, g->from, g->to);
	if (most(g->from, period->from) >= least(g->to, period->to))
		return;
	gaps->p = array_grow(gaps->p, &gaps->cap, gaps->n, sizeof(*gaps->p));
	gaps->p[gaps->n++] = *g;
}

static void
gap_step(struct part_coverage *c, const struct slot *e, struct gaps *gaps,
	 const struct span *period, struct strings *strings)
{
	bool from = slot_has(e, TALLY_BODY_FROM), to = slot_has(e, TALLY_BODY_TO);
	struct gap g = { e->at, e->at, 0, e->h.index };

	switch (e->h.kind) {
	case TALLY_GAP:
		g.reason = strings_add(strings, e->ev->m.reason);
		g.from = from ? slot_instant(e, TALLY_BODY_FROM) : e->at;
		g.to = to ? slot_instant(e, TALLY_BODY_TO) : e->at;
		add_gap(c, &g, gaps, period);
		break;
	case TALLY_GAP_BEGIN:
		if (c->has_open)
			break;
		g.reason = strings_add(strings, e->ev->m.reason);
		g.from = from ? slot_instant(e, TALLY_BODY_FROM) : e->at;
		c->open = g;
		c->has_open = true;
		break;
	case TALLY_GAP_END:
		if (!c->has_open)
			break;
		c->open.to = e->at;
		add_gap(c, &c->open, gaps, period);
		c->has_open = false;
		break;
	default:
		break;
	}
}

static void
live_step(struct part_coverage *c, const struct slot *e)
{
	if (c->begun && e->h.boot == c->boot) {
		int64_t at = e->at - e->skipped;

		if (at - c->last <= CLOSE)
			spans_add(&c->metered, c->last, at);
		if (e->skipped > 0) {
			spans_add(&c->powered, c->first, at);
			c->first = e->at;
		}
	} else {
		if (c->begun)
			spans_add(&c->powered, c->first, c->last);
		c->first = e->at;
		c->boot = e->h.boot;
	}
	if (e->h.kind == TALLY_HEARTBEAT && slot_has(e, TALLY_BODY_FROM) &&
	    slot_has(e, TALLY_BODY_TO))
		spans_add(&c->metered, slot_instant(e, TALLY_BODY_FROM),
			  slot_instant(e, TALLY_BODY_TO));
}

void
part_coverage_step(struct part_coverage *c, const struct part *p, const struct slot *e,
		   struct gaps *gaps, const struct span *period, struct strings *strings)
{
	if (p->live)
		live_step(c, e);
	else if (!c->begun)
		c->first = e->at;
	c->begun = true;
	c->last = e->at;
	gap_step(c, e, gaps, period, strings);
}

void
part_coverage_end(struct part_coverage *c, const struct part *p, struct gaps *gaps,
		  const struct span *period)
{
	if (!c->begun)
		return;
	spans_add(&c->powered, c->first, c->last);
	if (c->has_open) {
		c->open.to = c->last;
		add_gap(c, &c->open, gaps, period);
		c->has_open = false;
	}
	if (!p->live)
		spans_add_all(&c->metered, &c->powered);
	spans_cut(&c->metered, &c->powered);
	spans_subtract(&c->metered, &c->gaps);
}

void
part_coverage_deinit(struct part_coverage *c)
{
	spans_deinit(&c->powered);
	spans_deinit(&c->metered);
	spans_deinit(&c->gaps);
}

static int
compare_gaps(const void *a, const void *b, void *ctx)
{
	const struct gap *x = a, *y = b;
	const struct strings *s = ctx;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return tally_bytes_cmp(strings_get(s, x->reason), strings_get(s, y->reason));
}

/* One row for each powered piece that the gap touches. */
static void
list_gap(struct gaps *out, const struct gap *g, const struct spans *powered)
{
	for (size_t i = 0; i < powered->n; i++) {
		struct gap piece = *g;

		piece.from = most(g->from, powered->p[i].from);
		piece.to = least(g->to, powered->p[i].to);
		if (piece.from >= piece.to)
			continue;
		out->p = array_grow(out->p, &out->cap, out->n, sizeof(*out->p));
		out->p[out->n++] = piece;
	}
}

void
host_coverage_make(struct host_coverage *out, struct part_coverage *const parts[], size_t n,
		   const struct gaps *gaps, const struct powered *tpm, const struct span *period,
		   const struct strings *strings)
{
	struct spans powered = { 0 }, metered = { 0 }, limit = { 0 };

	memset(out, 0, sizeof(*out));
	spans_add(&limit, period->from, period->to);
	for (size_t i = 0; i < n; i++) {
		spans_add_all(&powered, &parts[i]->powered);
		spans_add_all(&metered, &parts[i]->metered);
	}
	spans_cut(&powered, &limit);
	spans_cut(&metered, &limit);
	out->powered = spans_sum(&powered);
	out->metered = spans_sum(&metered);
	powered_time_make(&out->tpm, tpm, &metered, period);
	if (powered.n > 0) {
		out->begin = powered.p[0].from;
		out->end = powered.p[powered.n - 1].to;
	}
	for (size_t i = 0; i < gaps->n; i++)
		list_gap(&out->gaps, &gaps->p[i], &powered);
	if (out->gaps.n > 0)
		qsort_r(out->gaps.p, out->gaps.n, sizeof(*out->gaps.p), compare_gaps,
			(void *)(uintptr_t)strings);
	spans_deinit(&powered);
	spans_deinit(&metered);
	spans_deinit(&limit);
}

void
host_coverage_deinit(struct host_coverage *c)
{
	free(c->gaps.p);
	powered_time_deinit(&c->tpm);
}

bool
coverage_ratio(uint64_t *millionths, tally_i128 metered, tally_i128 powered)
{
	if (powered <= 0)
		return false;
	*millionths = (uint64_t)((metered * 1000000 * 2 + powered) / (powered * 2));
	return true;
}
