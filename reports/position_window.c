/* SPDX-License-Identifier: Apache-2.0 */
/* Which time a rule looks at, and which version of it holds when. */
#include <stdlib.h>
#include "position_internal.h"
#include "tally/err.h"

#define DAY (86400 * TALLY_SECOND)

static int64_t
days_before(const struct rule *r, int64_t to)
{
	int64_t span;

	if (r->window_days > INT64_MAX / DAY)
		return 0;
	span = (int64_t)r->window_days * DAY;
	return to > span ? to - span : 0;
}

int64_t
positions_reach(struct tally_pack *const *packs, size_t n, int64_t from, int64_t to)
{
	int64_t first = from;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < packs[i]->n_rules; k++) {
			const struct rule *r = &packs[i]->rules[k];

			if (r->window == WINDOW_DAYS && days_before(r, to) < first)
				first = days_before(r, to);
		}
	return first;
}

/* Cuts [from, to) where another version of the rule begins to hold. */
static void
add_window(struct position_case *c, int64_t from, int64_t to)
{
	struct case_window *w;

	if (from >= to)
		return;
	c->windows = array_grow(c->windows, &c->cap_windows, c->n_windows, sizeof(*c->windows));
	w = &c->windows[c->n_windows++];
	*w = (struct case_window){ .from = from, .to = to };
	w->pieces = tally_alloc(c->n_versions * sizeof(*w->pieces));
	for (size_t i = 0; i < c->n_versions; i++) {
		const struct rule *r = c->versions[i];
		struct case_piece *p = &w->pieces[w->n_pieces];

		p->rule = r;
		p->counted = &c->counted[i];
		p->from = r->valid_from > from ? r->valid_from : from;
		p->to = r->valid_to < to ? r->valid_to : to;
		if (p->from < p->to)
			w->n_pieces++;
	}
}

/* The calendar's spans of so many months, from the first of the year on. */
static int
add_calendar(struct position_case *c, int months, struct tally_err *err)
{
	const struct positions_request *q = c->request;
	struct tally_date d;
	int64_t from = q->from;

	if (tally_zone_date_of(q->zone, (struct tally_wall){ from }, &d, err) < 0)
		return -1;
	d.day = 1;
	d.month = (d.month - 1) / months * months + 1;
	while (from < q->to) {
		struct tally_wall next;

		d.month += months;
		if (d.month > 12) {
			d.month -= 12;
			d.year++;
		}
		if (tally_zone_start_of(q->zone, d, &next, err) < 0)
			return -1;
		add_window(c, from, next.ns < q->to ? next.ns : q->to);
		from = next.ns;
	}
	return 0;
}

int
case_windows(struct position_case *c, struct tally_err *err)
{
	const struct rule *r = c->versions[c->n_versions - 1];

	switch (r->window) {
	case WINDOW_DAYS:
		add_window(c, days_before(r, c->request->to), c->request->to);
		return 0;
	case WINDOW_MONTH:
		return add_calendar(c, 1, err);
	case WINDOW_QUARTER:
		return add_calendar(c, 3, err);
	default:
		add_window(c, c->request->from, c->request->to);
		return 0;
	}
}

void
case_deinit(struct position_case *c)
{
	for (size_t i = 0; i < c->n_windows; i++) {
		struct case_window *w = &c->windows[i];

		free(w->pieces);
		if (w->meter.estate)
			meter_deinit(&w->meter);
		free(w->breached);
		free(w->position);
		free(w->asked);
		map_deinit(&w->told);
	}
	for (size_t i = 0; i < c->n_versions; i++)
		counted_deinit(&c->counted[i]);
	free(c->counted);
	free(c->versions);
	free(c->windows);
}
