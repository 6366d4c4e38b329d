/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only moves that may still find a better partner are kept. A pair is final when
 * it is the best of all pairs that share a side with it, and whatever comes later
 * would be farther from both sides.
 */
#include <stdlib.h>
#include <string.h>
#include "join.h"
#include "tally/time.h"

static bool
agrees(const struct move *m, const struct move *other)
{
	return !m->has_peer || m->peer == other->part->host;
}

/* An end for which nothing spoke of a migration: others come before it. */
static bool
is_guess(const struct move *out)
{
	return out->unsure && !out->departs;
}

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct pair *x = a, *y = b;
	const struct move *p = ctx;

	if (is_guess(&p[x->out]) != is_guess(&p[y->out]))
		return is_guess(&p[x->out]) ? 1 : -1;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	if (x->out != y->out)
		return p[x->out].order < p[y->out].order ? -1 : 1;
	return p[x->in].order < p[y->in].order ? -1 : p[x->in].order > p[y->in].order;
}

/* All pairs that could join, best first. */
static void
find_pairs(struct joins *j, const struct moves *m)
{
	j->n_pairs = 0;
	for (size_t o = 0; o < m->n; o++) {
		for (size_t i = 0; i < m->n; i++) {
			const struct move *out = &m->p[o], *in = &m->p[i];
			int64_t d = out->at < in->at ? in->at - out->at : out->at - in->at;

			if (out->in || !in->in || out->part->ledger == in->part->ledger ||
			    d > JOIN_WINDOW || !agrees(out, in) || !agrees(in, out))
				continue;
			j->pairs =
				array_grow(j->pairs, &j->cap_pairs, j->n_pairs, sizeof(*j->pairs));
			j->pairs[j->n_pairs++] = (struct pair){ o, i, d };
		}
	}
	if (j->n_pairs > 1)
		qsort_r(j->pairs, j->n_pairs, sizeof(*j->pairs), compare, m->p);
}

enum { FREE, HELD, TAKEN };

/* Joins what is final; `held` tells for each move what became of it. */
static void
settle(struct joins *j, const struct moves *m, uint8_t *held, int64_t now, bool all)
{
	memset(held, FREE, m->n);
	for (size_t k = 0; k < j->n_pairs; k++) {
		const struct pair *p = &j->pairs[k];
		const struct move *out = &m->p[p->out], *in = &m->p[p->in];
		int64_t later = out->at > in->at ? out->at : in->at;

		if (held[p->out] == TAKEN || held[p->in] == TAKEN)
			continue;
		if (held[p->out] == FREE && held[p->in] == FREE && !out->undecided &&
		    (all || now - later >= (is_guess(out) ? JOIN_WINDOW + 1 : p->distance))) {
			held[p->out] = held[p->in] = TAKEN;
			j->ops->joined(j->ctx, out, in);
		} else {
			held[p->out] = held[p->in] = HELD;
		}
	}
}

static void
resolve(struct joins *j, struct vm *vm, int64_t now, bool all)
{
	struct moves *m = vm->moves;
	size_t kept = 0;

	if (m->n == 0)
		return; /* what was about to depart stayed */
	find_pairs(j, m);
	if (j->cap_held < m->n) {
		j->cap_held = m->n * 2;
		j->held = tally_realloc_array(j->held, j->cap_held, 1);
	}
	settle(j, m, j->held, now, all);
	for (size_t i = 0; i < m->n; i++) {
		if (j->held[i] == TAKEN)
			continue;
		if (j->held[i] == FREE && !m->p[i].undecided &&
		    (all || now - m->p[i].at > JOIN_WINDOW))
			j->ops->alone(j->ctx, vm, &m->p[i]);
		else
			m->p[kept++] = m->p[i];
	}
	m->n = kept;
}

void
join_add(struct joins *j, struct vm *vm, const struct move *move)
{
	struct moves *m = vm->moves;

	if (!m) {
		vm->moves = m = tally_alloc(sizeof(*m));
		j->vms = array_grow(j->vms, &j->cap_vms, j->n_vms, sizeof(struct vm *));
		j->vms[j->n_vms++] = vm;
	}
	m->p = array_grow(m->p, &m->cap, m->n, sizeof(*m->p));
	m->p[m->n++] = *move;
	if (m->n > 1)
		resolve(j, vm, move->at, false);
}

static struct move *
find_departing(struct vm *vm, const struct part *p, uint64_t index)
{
	struct moves *m = vm->moves;

	for (size_t i = 0; m && i < m->n; i++)
		if (m->p[i].undecided && m->p[i].part == p && m->p[i].index == index)
			return &m->p[i];
	return NULL;
}

void
join_decide(struct vm *vm, const struct part *p, uint64_t index, const struct move *sure)
{
	struct move *m = find_departing(vm, p, index);

	if (!m)
		return;
	m->undecided = false;
	m->unsure = sure == NULL;
	if (!sure)
		return;
	m->index = sure->index;
	m->has_peer = sure->has_peer;
	m->peer = sure->peer;
}

void
join_forget(struct vm *vm, const struct part *p, uint64_t index)
{
	struct move *m = find_departing(vm, p, index);

	if (!m)
		return;
	vm->moves->n--;
	memmove(m, m + 1, (size_t)(vm->moves->p + vm->moves->n - m) * sizeof(*m));
}

/* By what they wait with. */
static int
compare_waiting(const void *a, const void *b)
{
	const struct moves *x = (*(struct vm *const *)a)->moves,
			   *y = (*(struct vm *const *)b)->moves;

	if (x->n == 0 || y->n == 0)
		return x->n > 0 ? -1 : y->n > 0;
	return x->p[0].order < y->p[0].order ? -1 : x->p[0].order > y->p[0].order;
}

void
join_finish(struct joins *j)
{
	if (j->n_vms > 1)
		qsort(j->vms, j->n_vms, sizeof(struct vm *), compare_waiting);
	for (size_t i = 0; i < j->n_vms; i++)
		resolve(j, j->vms[i], INT64_MAX, true);
}

void
join_deinit(struct joins *j)
{
	for (size_t i = 0; i < j->n_vms; i++) {
		free(j->vms[i]->moves->p);
		free(j->vms[i]->moves);
		j->vms[i]->moves = NULL;
	}
	free(j->vms);
	free(j->pairs);
	free(j->held);
}
