/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long part of positions: the cases' meters and details, as jobs that may be done
 * at the same time. Cases are put into groups of like weight, one for each thread; each
 * group walks through the estate once for all of its cases. What jobs share they only
 * read.
 */
#include <stdlib.h>
#include <string.h>
#include "position_internal.h"
#include "tally/err.h"

struct group {
	struct position_case **cases;
	size_t n;
	uint64_t weight;
};
struct weighed {
	struct position_case *c;
	uint64_t weight;
};
struct crew {
	const struct position_cases *list;
	struct positions *out;
	struct group *groups;
	size_t n_groups;
	struct case_window **windows;
	size_t n_windows;
	struct scope_tokens {
		struct meter *meter;
		uint32_t node;
	} * tokens;
	size_t n_tokens, cap_tokens;
};

/* Of each set of claims how many stays have it. */
static uint32_t *
count_stays(const struct estate *e)
{
	uint32_t *n = tally_alloc((e->n_claims + 1) * sizeof(*n));

	for (size_t i = 0; i < e->n_stays; i++)
		n[e->stays[i].claims]++;
	return n;
}

/* How many stays a case may want, about; only to share the work out. */
static uint64_t
weigh(const struct position_case *c, const uint32_t *stays)
{
	const struct estate *e = c->request->estate;
	uint64_t sum = 1, share = (uint64_t)(e->to - e->from) / 1024 + 1;

	for (size_t i = 0; i < c->n_windows; i++)
		for (size_t k = 0; k < c->windows[i].n_pieces; k++) {
			const struct case_piece *p = &c->windows[i].pieces[k];
			uint64_t wanted = 0;

			for (size_t j = 0; j < e->n_claims; j++)
				wanted += p->counted->classes[j] != COUNTED_NOT ? stays[j] : 0;
			sum += wanted * ((uint64_t)(p->to - p->from) / share);
		}
	return sum;
}

static int
compare_weights(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->c < y->c ? -1 : x->c > y->c;
}

static void
put(struct crew *r, const struct weighed *w)
{
	struct group *lightest = NULL;

	for (size_t i = 0; i < r->n_groups; i++) {
		struct group *g = &r->groups[i];

		if (g->n < ESTATE_LANES && (!lightest || g->weight < lightest->weight))
			lightest = g;
	}
	TALLY_ASSERT(lightest);
	lightest->cases[lightest->n++] = w->c;
	lightest->weight += w->weight;
}

/* The heaviest first, each to the group that has least. */
static void
crew_init(struct crew *r, const struct position_cases *list)
{
	struct weighed *all = tally_realloc_array(NULL, list->n + 1, sizeof(*all));
	size_t threads = list->n > 0 ? list->p[0].request->threads : 0;
	uint32_t *stays = list->n > 0 ? count_stays(list->p[0].request->estate) : NULL;

	*r = (struct crew){ .list = list };
	r->n_groups = (list->n + ESTATE_LANES - 1) / ESTATE_LANES;
	if (threads > r->n_groups)
		r->n_groups = list->n < threads ? list->n : threads;
	r->groups = tally_alloc((r->n_groups + 1) * sizeof(*r->groups));
	for (size_t i = 0; i < r->n_groups; i++)
		r->groups[i].cases = tally_alloc(ESTATE_LANES * sizeof(struct position_case *));
	for (size_t i = 0; i < list->n; i++)
		all[i] = (struct weighed){ &list->p[i], weigh(&list->p[i], stays) };
	if (list->n > 1)
		qsort(all, list->n, sizeof(*all), compare_weights);
	for (size_t i = 0; i < list->n; i++)
		put(r, &all[i]);
	free(stays);
	free(all);
}

static void
crew_deinit(struct crew *r)
{
	for (size_t i = 0; i < r->n_groups; i++)
		free(r->groups[i].cases);
	free(r->groups);
	free(r->windows);
	free(r->tokens);
}

static void
run_jobs(struct crew *r, size_t n, void (*job)(void *arg, size_t i))
{
	if (r->list->n > 0 && r->list->p[0].request->parallel) {
		r->list->p[0].request->parallel(n, job, r);
		return;
	}
	for (size_t i = 0; i < n; i++)
		job(r, i);
}

/* One behind the other: texts are added, and findings. */
static void
begin_window(struct crew *r, struct position_case *c, struct case_window *w)
{
	const struct rule **rules = tally_alloc((w->n_pieces + 1) * sizeof(struct rule *));

	for (size_t i = 0; i < w->n_pieces; i++)
		rules[i] = w->pieces[i].rule;
	meter_init(&w->meter, c->request->estate, rules, w->n_pieces, w->from, w->to);
	free(rules);
	if (w->meter.rule->low == LOW_PINNED)
		w->meter.breached = w->breached = position_breaches(c, w);
	r->windows[r->n_windows++] = w;
}

static void
begin_windows(struct crew *r)
{
	const struct position_cases *list = r->list;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->p[i].n_windows;
	r->windows = tally_alloc((n + 1) * sizeof(struct case_window *));
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < list->p[i].n_windows; k++)
			if (list->p[i].windows[k].n_pieces > 0)
				begin_window(r, &list->p[i], &list->p[i].windows[k]);
}

static void
walk_group(void *arg, size_t i)
{
	const struct crew *r = arg;
	const struct group *g = &r->groups[i];
	struct meter_span *spans;
	size_t n = 0;

	for (size_t k = 0; k < g->n; k++)
		for (size_t w = 0; w < g->cases[k]->n_windows; w++)
			n += g->cases[k]->windows[w].n_pieces;
	spans = tally_realloc_array(NULL, n + 1, sizeof(*spans));
	n = 0;
	for (size_t k = 0; k < g->n; k++)
		for (size_t w = 0; w < g->cases[k]->n_windows; w++) {
			struct case_window *window = &g->cases[k]->windows[w];

			for (size_t p = 0; p < window->n_pieces; p++)
				spans[n++] = (struct meter_span){
					&window->meter, window->pieces[p].counted,
					window->pieces[p].from, window->pieces[p].to, (unsigned)k
				};
		}
	meter_walk(r->list->p[0].request->estate, spans, n);
	free(spans);
}

static void
finish_window(void *arg, size_t i)
{
	struct case_window *w = ((const struct crew *)arg)->windows[i];

	for (size_t p = 0; w->meter.by_vm && p < w->n_pieces; p++)
		meter_vms(&w->meter, w->pieces[p].counted, w->pieces[p].from, w->pieces[p].to);
	meter_finish(&w->meter);
	w->position = tally_alloc((w->meter.n_nodes + 1) * sizeof(*w->position));
	w->asked = tally_alloc((w->meter.n_nodes + 1) * sizeof(*w->asked));
}

/* The largest scopes are listed first: theirs take longest. */
static void
list_tokens(struct crew *r, enum scope scope)
{
	for (size_t i = 0; i < r->n_windows; i++) {
		struct meter *m = &r->windows[i]->meter;

		for (uint32_t k = 0; k < m->n_nodes; k++) {
			if (m->nodes[k].scope != scope || !meter_goes_round(m, k))
				continue;
			r->tokens = array_grow(r->tokens, &r->cap_tokens, r->n_tokens,
					       sizeof(*r->tokens));
			r->tokens[r->n_tokens++] = (struct scope_tokens){ m, k };
		}
	}
}

static void
count_tokens(void *arg, size_t i)
{
	const struct crew *r = arg;

	meter_count_tokens(r->tokens[i].meter, r->tokens[i].node);
}

void
cases_meter(const struct position_cases *list)
{
	struct crew r;

	crew_init(&r, list);
	begin_windows(&r);
	run_jobs(&r, r.n_groups, walk_group);
	run_jobs(&r, r.n_windows, finish_window);
	list_tokens(&r, SCOPE_FLEET);
	list_tokens(&r, SCOPE_REGION);
	list_tokens(&r, SCOPE_CLUSTER);
	run_jobs(&r, r.n_tokens, count_tokens);
	crew_deinit(&r);
}

static void
detail_group(void *arg, size_t i)
{
	const struct crew *r = arg;

	position_details(r->out, r->list->why, r->groups[i].cases, r->groups[i].n);
}

void
cases_details(const struct position_cases *list, struct positions *out)
{
	struct crew r;

	crew_init(&r, list);
	r.out = out;
	run_jobs(&r, r.n_groups, detail_group);
	crew_deinit(&r);
}
