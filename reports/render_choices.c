/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to license the same use, side by side, as a table: which is the cheapest,
 * and how far it is from being another. */
#include <string.h>
#include "columns.h"
#include "figures.h"
#include "report_internal.h"

static void
add_amount(struct columns *c, amount a)
{
	char text[64];

	figure_text(text, a);
	columns_str(c, text);
}

/* So many units of a model cost as much as the cheapest does; of the cheapest, as the
 * next one that is lawful. */
static const struct position_choice *
rival_of(const struct position *p)
{
	const struct position_choice *rival = NULL;

	for (size_t i = 0; i < p->n_choices; i++) {
		const struct position_choice *c = &p->choices[i];
		bool asked = p->rule == p->cheapest_rule ? c->lawful : c->rule == p->cheapest_rule;

		if (asked && c->has_even && (!rival || c->even < rival->even))
			rival = c;
	}
	return rival;
}

static void
add_model(struct columns *c, const struct tally_report *r, const struct position *p)
{
	const struct position_choice *rival = rival_of(p);

	columns_add(c, report_text(r, p->rule));
	columns_add(c, report_text(r, p->product));
	columns_add(c, report_text(r, p->id));
	add_amount(c, p->need.measured);
	if (rival)
		add_amount(c, rival->even);
	else
		columns_str(c, "-");
	columns_str(c, p->rule == p->cheapest_rule ? "cheapest"
		       : p->lawful                 ? "dearer"
		       : p->uncovered              ? "other editions run"
						   : "too little maintenance");
}

void
report_choices_text(const struct tally_report *r, struct tally_buf *out, unsigned width)
{
	static const char *const heads[] = { "!model", "-product",    "-scope",
					     ">needs", ">break-even", "!state" };
	struct columns c;

	columns_init(&c, heads, sizeof(heads) / sizeof(*heads));
	for (size_t i = 0; i < r->positions.n; i++) {
		const struct position *p = &r->positions.p[i];

		if (p->has_cheapest && (p->scope == SCOPE_FLEET ||
					(p->scope != SCOPE_HOST && report_text(r, p->id).len > 0)))
			add_model(&c, r, p);
	}
	if (c.count > 0) {
		tally_buf_add_str(out, "\nCheapest lawful model\n");
		columns_print(&c, out, width);
		tally_buf_add_str(out, "  ");
		columns_wrap(out,
			     tally_bytes_str("break-even: so much of a model costs as much as the "
					     "cheapest, and of that as the next; by the packs' "
					     "prices"),
			     2, width);
	}
	columns_deinit(&c);
}
