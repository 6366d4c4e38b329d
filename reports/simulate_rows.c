/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists of positions in one order become one list of pairs. Where there is no
 * position nothing is needed, so it is as good as one of zeros. */
#include <string.h>
#include "simulate.h"

static int
compare(const struct tally_simulation *s, const struct position *a, const struct position *b)
{
	int c = tally_bytes_cmp(sim_text(s, a->rule), sim_text(s, b->rule));

	if (c == 0)
		c = tally_bytes_cmp(sim_text(s, a->product), sim_text(s, b->product));
	if (c == 0)
		c = strcmp(usage_scope_name(a->scope), usage_scope_name(b->scope));
	return c ? c : tally_bytes_cmp(sim_text(s, a->id), sim_text(s, b->id));
}

amount
sim_figure(const struct position *p, unsigned reading)
{
	if (!p)
		return 0;
	if (reading == LOW)
		return p->need.low;
	return reading == MEASURED ? p->need.measured : p->need.high;
}

const struct position *
sim_row_of(const struct sim_row *row)
{
	return row->new ? row->new : row->old;
}

static bool
same_held(const struct position *a, const struct position *b)
{
	if (!a || !b)
		return !(a && a->has_entitled) && !(b && b->has_entitled);
	return a->has_entitled == b->has_entitled &&
	       (!a->has_entitled || a->entitled == b->entitled);
}

static void
add_row(struct tally_simulation *s, const struct position *old, const struct position *new)
{
	struct sim_row row = { .old = old, .new = new };

	for (unsigned r = LOW; r < READINGS; r++)
		row.differs |= sim_figure(old, r) != sim_figure(new, r);
	row.differs |= (old ? old->order : 0) != (new ? new->order : 0);
	row.differs |= !same_held(old, new);
	s->rows = array_grow(s->rows, &s->cap_rows, s->n_rows, sizeof(*s->rows));
	s->rows[s->n_rows++] = row;
}

void
sim_rows(struct tally_simulation *s)
{
	const struct positions *old = &s->report->positions, *new = &s->positions;
	size_t i = 0, k = 0;

	while (i < old->n || k < new->n) {
		const struct position *a = i < old->n ? &old->p[i] : NULL;
		const struct position *b = k < new->n ? &new->p[k] : NULL;
		int c = a && b ? compare(s, a, b) : a ? -1 : 1;

		add_row(s, c <= 0 ? a : NULL, c >= 0 ? b : NULL);
		i += c <= 0;
		k += c >= 0;
	}
}
