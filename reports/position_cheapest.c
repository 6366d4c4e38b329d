/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of one group are ways to license the same use: at one scope the cheapest
 * of those that are lawful, by the vendor's list price times what is needed. */
#include <string.h>
#include "position_internal.h"

static bool
same_choice(const struct position *a, const struct position *b)
{
	return a->applied->group && b->applied->group &&
	       strcmp(a->applied->group, b->applied->group) == 0 && a->scope == b->scope &&
	       a->id == b->id && a->product == b->product;
}

static bool
lawful(const struct position *p, const struct counted_rights *rights)
{
	return !p->applied->needs_maintenance ||
	       (rights && rights->maintained(rights->ctx, p->applied, p->product));
}

static bool
costs_less(const struct position *a, const struct position *b)
{
	tally_i128 x, y;

	/* Millionths times millionths: what passes 127 bits is not cheap. */
	if (__builtin_mul_overflow(a->applied->price, a->need.measured, &x))
		return false;
	if (__builtin_mul_overflow(b->applied->price, b->need.measured, &y))
		return true;
	return x < y;
}

void
positions_compare(struct positions *list, const struct counted_rights *rights)
{
	for (size_t i = 0; i < list->n; i++) {
		struct position *p = &list->p[i];
		const struct position *best = NULL;

		for (size_t k = 0; k < list->n; k++) {
			const struct position *q = &list->p[k];

			if (same_choice(p, q) && lawful(q, rights) &&
			    (!best || costs_less(q, best)))
				best = q;
		}
		if (!best || p->need.measured == 0)
			continue;
		p->has_cheapest = true;
		p->cheapest_rule = best->rule;
		p->cheapest = best->need.measured;
	}
}
