/* SPDX-License-Identifier: Apache-2.0 */
/* The one walk through time: three sorted lists, merged. */
#include <stdlib.h>
#include "estate.h"
#include "tally/err.h"

struct walk {
	const struct estate *e;
	const struct estate_walk *w;
	int64_t from, to;
	size_t begin, end;               /* next of stays, of by_end */
	const struct host_facts **facts; /* changes inside the window, by from */
	size_t n_facts, fact;
};

static bool
tells(const struct walk *k, const struct stay *s)
{
	return s->to > k->from && s->from < s->to && (!k->w->wanted || k->w->wanted(k->w->ctx, s));
}

/* The instant of the next begin that is told, INT64_MAX behind the last. */
static int64_t
next_begin(struct walk *k)
{
	while (k->begin < k->e->n_stays && k->e->stays[k->begin].from < k->to) {
		const struct stay *s = &k->e->stays[k->begin];

		if (tells(k, s))
			return s->from > k->from ? s->from : k->from;
		k->begin++;
	}
	return INT64_MAX;
}

static int64_t
next_end(struct walk *k)
{
	for (; k->end < k->e->n_by_end; k->end++) {
		const struct stay *s = &k->e->stays[k->e->by_end[k->end]];

		if (s->to >= k->to)
			break;
		if (tells(k, s))
			return s->to;
	}
	return INT64_MAX;
}

static int64_t
next_fact(const struct walk *k)
{
	return k->fact < k->n_facts ? k->facts[k->fact]->from : INT64_MAX;
}

static int
compare(const void *a, const void *b)
{
	const struct host_facts *x = *(const struct host_facts *const *)a,
				*y = *(const struct host_facts *const *)b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

/* Tells what holds at the begin, and lists what changes later. */
static void
begin_facts(struct walk *k)
{
	const struct estate *e = k->e;

	if (!k->w->facts)
		return;
	k->facts = tally_realloc_array(NULL, e->n_facts + 1, sizeof(*k->facts));
	for (size_t i = 0; i < e->n_facts; i++) {
		const struct host_facts *f = &e->facts[i];

		if (f->from <= k->from && f->to > k->from)
			k->w->facts(k->w->ctx, f);
		else if (f->from > k->from && f->from < k->to)
			k->facts[k->n_facts++] = f;
	}
	if (k->n_facts > 1)
		qsort(k->facts, k->n_facts, sizeof(*k->facts), compare);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
estate_walk(const struct estate *e, int64_t from, int64_t to, const struct estate_walk *w)
{
	struct walk k = { .e = e, .w = w, .from = from, .to = to };
	int64_t now = from;

	TALLY_ASSERT(e->finished);
	if (from >= to)
		return;
	TALLY_ASSERT(from >= e->from && to <= e->to);
	begin_facts(&k);
	while (now < to) {
		int64_t begin, end, next;

		while ((end = next_end(&k)) == now)
			w->end(w->ctx, e->by_end[k.end++]);
		for (; next_fact(&k) == now; k.fact++)
			w->facts(w->ctx, k.facts[k.fact]);
		while ((begin = next_begin(&k)) == now)
			w->begin(w->ctx, (uint32_t)k.begin++);
		next = least(least(begin, end), least(next_fact(&k), to));
		w->settled(w->ctx, now, next);
		now = next;
	}
	free(k.facts);
}
