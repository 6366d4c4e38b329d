/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one walk through time: begins, ends, facts and the listeners' spans, merged. Of
 * each set of claims it is known which lanes may want it, so a stay that nobody wants
 * costs no more than a look, however many listen. What a lane is told waits until there
 * is much of it: one listener at a time stays in the processor's caches.
 */
#include <stdlib.h>
#include <string.h>
#include "estate.h"
#include "table.h"
#include "tally/err.h"

/* Ends lie scattered over the stays: they are called for before they are needed. */
#define AHEAD   16

#define WAITING 2048 /* a lane's events */

struct event {
	int64_t at;
	uint32_t stay;
	bool ends;
};
struct lane {
	const struct estate_walker *w; /* whose span it is; NULL: nobody's */
	int64_t at;                    /* of what was told last */
	bool touched;                  /* something is not settled */
	size_t n;
	struct event *waiting; /* WAITING of them */
};
struct walk {
	const struct estate *e;
	const struct estate_walker **by_begin; /* walkers with a span */
	size_t n, next;                        /* of them; the first that has not begun */
	struct lane lane[ESTATE_LANES];
	uint64_t *lanes; /* of each of the claims: who may want it */
	uint64_t active; /* lanes inside of a span */
	int64_t now;
	int64_t edge;                    /* the next begin or end of a span */
	size_t begin, end;               /* next of stays, of by_end */
	const struct host_facts **facts; /* by from */
	size_t n_facts, fact;
	/* What has begun and may stand, by begin; what is over is dropped now and then. */
	uint32_t *standing;
	size_t n_standing, cap_standing, crowded;
};

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int
compare_facts(const void *a, const void *b)
{
	const struct host_facts *x = *(const struct host_facts *const *)a,
				*y = *(const struct host_facts *const *)b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static int
compare_walkers(const void *a, const void *b)
{
	const struct estate_walker *x = *(const struct estate_walker *const *)a,
				   *y = *(const struct estate_walker *const *)b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

static void
find_edge(struct walk *k)
{
	k->edge = k->next < k->n ? k->by_begin[k->next]->from : INT64_MAX;
	for (uint64_t left = k->active; left != 0; left &= left - 1)
		k->edge = least(k->edge, k->lane[__builtin_ctzll(left)].w->to);
}

static void
prepare(struct walk *k, const struct estate_walker *walkers, size_t n)
{
	const struct estate *e = k->e;

	k->lanes = tally_alloc((e->n_claims + 1) * sizeof(*k->lanes));
	k->by_begin = tally_realloc_array(NULL, n + 1, sizeof(*k->by_begin));
	for (size_t i = 0; i < n; i++) {
		const struct estate_walker *w = &walkers[i];

		if (w->from >= w->to)
			continue;
		TALLY_ASSERT(w->from >= e->from && w->to <= e->to && w->lane < ESTATE_LANES);
		k->by_begin[k->n++] = w;
		for (size_t c = 0; c < e->n_claims; c++)
			if (!w->claims || w->claims[c])
				k->lanes[c] |= UINT64_C(1) << w->lane;
	}
	if (k->n > 1)
		qsort(k->by_begin, k->n, sizeof(*k->by_begin), compare_walkers);
	k->facts = tally_realloc_array(NULL, e->n_facts + 1, sizeof(*k->facts));
	for (size_t i = 0; i < e->n_facts; i++)
		k->facts[k->n_facts++] = &e->facts[i];
	if (k->n_facts > 1)
		qsort(k->facts, k->n_facts, sizeof(*k->facts), compare_facts);
	find_edge(k);
}

static void
push_standing(struct walk *k, uint32_t stay)
{
	if (k->n_standing >= k->crowded) {
		size_t kept = 0;

		for (size_t i = 0; i < k->n_standing; i++)
			if (k->e->stays[k->standing[i]].to > k->now)
				k->standing[kept++] = k->standing[i];
		k->n_standing = kept;
		k->crowded = kept * 2 + 4096;
	}
	k->standing =
		array_grow(k->standing, &k->cap_standing, k->n_standing, sizeof(*k->standing));
	k->standing[k->n_standing++] = stay;
}

/* Nobody listens until then: what begins before is only kept where it stands then. */
static void
jump(struct walk *k, int64_t to)
{
	const struct estate *e = k->e;
	size_t high = e->n_by_end;

	k->now = to;
	for (; k->begin < e->n_stays && e->stays[k->begin].from < to; k->begin++)
		if (e->stays[k->begin].to > to && k->lanes[e->stays[k->begin].claims] != 0)
			push_standing(k, (uint32_t)k->begin);
	while (k->end < high) {
		size_t middle = k->end + (high - k->end) / 2;

		if (e->stays[e->by_end[middle]].to <= to)
			k->end = middle + 1;
		else
			high = middle;
	}
	while (k->fact < k->n_facts && k->facts[k->fact]->from <= to)
		k->fact++;
}

/* What comes now comes at `at`: what was before is over. */
static void
settle(struct lane *l, int64_t at)
{
	if (l->touched && l->at != at) {
		l->w->settled(l->w->ctx, l->at);
		l->touched = false;
	}
	l->at = at;
}

static void
tell_waiting(const struct walk *k, struct lane *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct event *v = &l->waiting[i];
		bool told;

		if (i + AHEAD < l->n)
			__builtin_prefetch(&k->e->stays[l->waiting[i + AHEAD].stay]);
		settle(l, v->at);
		told = v->ends ? l->w->end(l->w->ctx, v->stay) : l->w->begin(l->w->ctx, v->stay);
		l->touched = l->touched || told;
	}
	l->n = 0;
}

static void
tell(struct walk *k, uint64_t lanes, uint32_t stay, bool ends)
{
	for (; lanes != 0; lanes &= lanes - 1) {
		struct lane *l = &k->lane[__builtin_ctzll(lanes)];

		TALLY_ASSERT(l->waiting); /* somebody listens */
		if (l->n == WAITING)
			tell_waiting(k, l);
		l->waiting[l->n++] = (struct event){ k->now, stay, ends };
	}
}

static void
leave(struct walk *k)
{
	for (uint64_t left = k->active; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		struct lane *l = &k->lane[i];

		if (l->w->to > k->now)
			continue;
		tell_waiting(k, l);
		settle(l, k->now);
		if (l->w->leave)
			l->w->leave(l->w->ctx, k->now);
		k->active &= ~(UINT64_C(1) << i);
	}
}

static void
tell_ends(struct walk *k)
{
	const struct estate *e = k->e;

	for (; k->end < e->n_by_end; k->end++) {
		const struct stay *s = &e->stays[e->by_end[k->end]];

		if (s->to > k->now)
			break;
		if (k->end + AHEAD < e->n_by_end)
			__builtin_prefetch(&e->stays[e->by_end[k->end + AHEAD]]);
		tell(k, k->lanes[s->claims] & k->active, e->by_end[k->end], true);
	}
}

static void
tell_facts(struct walk *k)
{
	for (; k->fact < k->n_facts && k->facts[k->fact]->from <= k->now; k->fact++)
		for (uint64_t left = k->active; left != 0; left &= left - 1) {
			struct lane *l = &k->lane[__builtin_ctzll(left)];

			if (!l->w->facts)
				continue;
			tell_waiting(k, l);
			settle(l, k->now);
			l->w->facts(l->w->ctx, k->facts[k->fact]);
			l->touched = true;
		}
}

static void
tell_span(struct walk *k, const struct estate_walker *w)
{
	const struct estate *e = k->e;
	uint64_t bit = UINT64_C(1) << w->lane;
	struct lane *l = &k->lane[w->lane];

	TALLY_ASSERT(!(k->active & bit));
	if (!l->waiting)
		l->waiting = tally_realloc_array(NULL, WAITING, sizeof(*l->waiting));
	k->active |= bit;
	l->w = w;
	l->at = k->now;
	l->touched = true;
	if (w->enter)
		w->enter(w->ctx, k->now);
	for (size_t i = 0; w->facts && i < e->n_facts; i++)
		if (e->facts[i].from <= k->now && e->facts[i].to > k->now)
			w->facts(w->ctx, &e->facts[i]);
	for (size_t i = 0; i < k->n_standing; i++) {
		const struct stay *s = &e->stays[k->standing[i]];

		if (s->to > k->now && (k->lanes[s->claims] & bit))
			(void)w->begin(w->ctx, k->standing[i]);
	}
}

static void
tell_begins(struct walk *k)
{
	const struct estate *e = k->e;

	for (; k->begin < e->n_stays && e->stays[k->begin].from <= k->now; k->begin++) {
		const struct stay *s = &e->stays[k->begin];
		uint64_t wanted = k->lanes[s->claims];

		if (wanted == 0 || s->from >= s->to)
			continue;
		if (k->next < k->n)
			push_standing(k, (uint32_t)k->begin);
		tell(k, wanted & k->active, (uint32_t)k->begin, false);
	}
}

static int64_t
next_instant(const struct walk *k)
{
	const struct estate *e = k->e;
	int64_t at = k->edge;

	if (k->begin < e->n_stays)
		at = least(at, e->stays[k->begin].from);
	if (k->end < e->n_by_end)
		at = least(at, e->stays[e->by_end[k->end]].to);
	return k->fact < k->n_facts ? least(at, k->facts[k->fact]->from) : at;
}

void
estate_walk(const struct estate *e, const struct estate_walker *walkers, size_t n)
{
	struct walk k = { .e = e, .now = e->from };

	TALLY_ASSERT(e->finished);
	prepare(&k, walkers, n);
	while (k.active != 0 || k.next < k.n) {
		if (k.active == 0)
			jump(&k, k.by_begin[k.next]->from);
		else
			k.now = next_instant(&k);
		if (k.now == k.edge)
			leave(&k);
		tell_ends(&k);
		tell_facts(&k);
		while (k.next < k.n && k.by_begin[k.next]->from <= k.now)
			tell_span(&k, k.by_begin[k.next++]);
		if (k.now == k.edge)
			find_edge(&k);
		tell_begins(&k);
	}
	for (size_t i = 0; i < ESTATE_LANES; i++)
		free(k.lane[i].waiting);
	free(k.standing);
	free(k.facts);
	free(k.lanes);
	free(k.by_begin);
}
