/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of one group are ways to license the same use: at one scope the cheapest of
 * those that are lawful, by the list price times what is needed; and how much of each
 * would cost as much as each other.
 */
#include <stdlib.h>
#include <string.h>
#include "position_internal.h"
#include "tally/err.h"

struct choice {
	struct position *p;
	size_t order; /* in the list */
	bool lawful;
};

static bool
same_choice(const struct position *a, const struct position *b)
{
	return a->scope == b->scope && a->id == b->id && a->product == b->product &&
	       strcmp(a->applied->group, b->applied->group) == 0;
}

static int
compare_choices(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;
	int c = strcmp(x->p->applied->group, y->p->applied->group);

	if (c != 0)
		return c;
	if (x->p->product != y->p->product)
		return x->p->product < y->p->product ? -1 : 1;
	if (x->p->scope != y->p->scope)
		return x->p->scope < y->p->scope ? -1 : 1;
	if (x->p->id != y->p->id)
		return x->p->id < y->p->id ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool
lawful(const struct position *p, const struct counted_rights *rights)
{
	if (p->uncovered)
		return false;
	return !p->applied->needs_maintenance ||
	       (rights && rights->maintained(rights->ctx, p->applied, p->product) > 0 &&
		rights->maintained(rights->ctx, p->applied, p->product) >= p->need.measured);
}

/* Millionths times millionths; false beyond 127 bits: that is not cheap. */
static bool
cost_of(tally_i128 *out, const struct position *p)
{
	return !__builtin_mul_overflow(p->applied->price, p->need.measured, out);
}

static bool
costs_less(const struct position *a, const struct position *b)
{
	tally_i128 x, y;

	if (!cost_of(&x, a))
		return false;
	return !cost_of(&y, b) || x < y;
}

static struct position_choice
make_choice(const struct position *p, const struct choice *other)
{
	struct position_choice c = { .rule = other->p->rule,
				     .quantity = other->p->need.measured,
				     .lawful = other->lawful };
	tally_i128 cost;

	if (p->applied->price > 0 && other->p->applied->price > 0 && cost_of(&cost, other->p)) {
		c.has_even = true;
		c.even = cost / p->applied->price / AMOUNT_ONE * AMOUNT_ONE;
	}
	return c;
}

/* All of one choice. A rule that measured nothing looked at other days than those of
 * the use: it licenses none of it. */
static void
compare_all(struct choice *list, size_t n)
{
	const struct position *best = NULL;
	size_t needed = 0;

	for (size_t i = 0; i < n; i++)
		if (list[i].p->need.measured > 0)
			list[needed++] = list[i];
	n = needed;
	for (size_t i = 0; i < n; i++)
		if (list[i].lawful && (!best || costs_less(list[i].p, best)))
			best = list[i].p;
	for (size_t i = 0; i < n && n > 1 && best; i++) {
		struct position *p = list[i].p;

		p->has_cheapest = true;
		p->lawful = list[i].lawful;
		p->cheapest_rule = best->rule;
		p->cheapest = best->need.measured;
		p->choices = tally_realloc_array(NULL, n, sizeof(*p->choices));
		for (size_t k = 0; k < n; k++)
			if (k != i)
				p->choices[p->n_choices++] = make_choice(p, &list[k]);
	}
}

void
positions_compare(struct positions *list, const struct counted_rights *rights)
{
	struct choice *all = tally_realloc_array(NULL, list->n + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->p[i].applied->group && list->p[i].applied->priced)
			all[n++] = (struct choice){ &list->p[i], i, lawful(&list->p[i], rights) };
	if (n > 1)
		qsort(all, n, sizeof(*all), compare_choices);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && same_choice(all[i].p, all[end].p);)
			end++;
		compare_all(&all[i], end - i);
	}
	free(all);
}
