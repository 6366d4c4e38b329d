/* SPDX-License-Identifier: Apache-2.0 */
/* A simulation for a human: what it is and what it rests on, what was changed and who
 * went where, then what the rules ask for, before and after. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "columns.h"
#include "figures.h"
#include "simulate.h"
#include "tally/csv.h"

#define COUNT(a)      (sizeof(a) / sizeof(*(a)))
#define MACHINES_MOST 12 /* of a change that are listed unless all are asked for */
#define NOTES_MOST    12
#define ROWS_MOST     12 /* of a rule at one kind of scope */

static void
head_out(const struct tally_simulation *s, struct tally_buf *out)
{
	const struct tally_report *r = s->report;
	char from[TALLY_TIME_TEXT];

	tally_wall_text(from, (struct tally_wall){ s->old->from });
	tally_buf_add_str(out, "What if: computed, not measured\n");
	tally_buf_addf(out, "  rests on  report %s\n", r->id);
	tally_buf_addf(out, "            from %s to %s, %s\n", r->from_text, r->to_text, r->zone);
	tally_buf_add_str(out, "  evidence  self-declared, of the report; of what follows there is "
			       "none\n");
	tally_buf_addf(out,
		       "  time      as if the changes had always been there: rules look from\n"
		       "            %s on\n",
		       from);
}

static void
add_host(const struct tally_simulation *s, uint32_t host, struct tally_buf *out)
{
	if (host == SIM_NONE)
		tally_buf_add_str(out, "gone");
	else
		tally_buf_add_bytes(out, sim_host_name(s, host));
}

/* "web1 (6b1c...): h3 -> h1", "20 copies of web1 (6b1c...) on h1" */
static void
machine_out(const struct tally_simulation *s, const struct sim_effect *x, struct tally_buf *out,
	    unsigned width)
{
	struct tally_bytes name = sim_text(s, x->name);
	struct tally_buf b = TALLY_BUF_INIT;
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, s->old->vms[x->vm].uuid);
	if (x->copies)
		tally_buf_addf(&b, "%" PRIu32 " cop%s of ", x->machines,
			       x->machines == 1 ? "y" : "ies");
	tally_buf_add_bytes(&b, name);
	tally_buf_addf(&b, name.len > 0 ? " (%s)" : "%s", uuid);
	if (x->from == SIM_NONE) {
		tally_buf_add_str(&b, " on ");
	} else {
		tally_buf_add_str(&b, ": ");
		add_host(s, x->from, &b);
		tally_buf_add_str(&b, " -> ");
	}
	add_host(s, x->to, &b);
	tally_buf_add_str(out, "       ");
	columns_wrap(out, tally_buf_view(&b), 7, width);
	tally_buf_deinit(&b);
}

static void
changes_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width, bool all)
{
	size_t at = 0;

	tally_buf_add_str(out, "\nChanges\n");
	if (s->changes->n == 0)
		tally_buf_add_str(out, "  none\n");
	for (size_t i = 0; i < s->changes->n; i++) {
		const struct change *c = &s->changes->p[i];
		struct tally_buf b = TALLY_BUF_INIT;
		size_t shown = 0, hidden = 0;

		tally_buf_addf(&b, "%s %s", change_option(c->option), c->words);
		tally_buf_addf(out, "%3zu  ", c->number);
		columns_wrap(out, tally_buf_view(&b), 5, width);
		tally_buf_add_str(out, "     ");
		columns_wrap(out, tally_buf_view(&s->told[i]), 5, width);
		for (; at < s->n_effects && s->effects[at].change == c->number; at++) {
			if (all || shown < MACHINES_MOST) {
				machine_out(s, &s->effects[at], out, width);
				shown++;
			} else {
				hidden++;
			}
		}
		if (hidden > 0)
			tally_buf_addf(out, "       and %zu lines more (--all shows them)\n",
				       hidden);
		tally_buf_deinit(&b);
	}
}

static void
notes_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width, bool all)
{
	if (s->n_notes > 0)
		tally_buf_add_str(out, "\nTo know\n");
	for (size_t i = 0; i < s->n_notes; i++) {
		if (!all && i == NOTES_MOST) {
			tally_buf_addf(out, "  and %zu more (--all shows them)\n", s->n_notes - i);
			return;
		}
		tally_buf_add_str(out, "  ");
		columns_wrap(out, tally_buf_view(&s->notes[i].text), 4, width);
	}
}

/* "16 -> 32", or the one figure that both are. */
static void
add_pair(struct columns *c, bool has_old, amount old, bool has_new, amount new)
{
	char a[64] = "-", b[64] = "-", cell[160];

	if (has_old)
		figure_text(a, old);
	if (has_new)
		figure_text(b, new);
	if (strcmp(a, b) == 0)
		snprintf(cell, sizeof(cell), "%s", a);
	else
		snprintf(cell, sizeof(cell), "%s -> %s", a, b);
	columns_str(c, cell);
}

static void
add_more(struct columns *c, amount more)
{
	char text[64], cell[80];

	figure_text(text, more);
	snprintf(cell, sizeof(cell), "%s%s", more > 0 ? "+" : "", text);
	columns_str(c, cell);
}

/* Which columns a table has. */
struct shape {
	bool plain; /* the three readings are one in all rows */
	bool held;
};

static void
add_row(const struct tally_simulation *s, const struct sim_row *row, const struct shape *shape,
	struct columns *c)
{
	const struct position *p = sim_row_of(row), *a = row->old, *b = row->new;
	struct tally_bytes id = sim_text(s, p->id);
	struct tally_buf text = TALLY_BUF_INIT;

	if (p->scope != SCOPE_FLEET)
		tally_buf_addf(&text, "%s ", usage_scope_name(p->scope));
	tally_buf_add_bytes(&text, id.len > 0 ? id : tally_bytes_str("-"));
	columns_add(c, tally_buf_view(&text));
	tally_buf_deinit(&text);
	for (unsigned r = LOW; r < READINGS; r++) {
		if (shape->plain && r != MEASURED)
			continue;
		add_pair(c, true, sim_figure(a, r), true, sim_figure(b, r));
		if (r == MEASURED)
			add_more(c, sim_figure(b, r) - sim_figure(a, r));
	}
	add_pair(c, true, a ? a->order : 0, true, b ? b->order : 0);
	if (!shape->held)
		return;
	add_pair(c, a && a->has_entitled, a ? a->entitled : 0, b && b->has_entitled,
		 b ? b->entitled : 0);
	add_pair(c, a && a->has_entitled, a ? a->surplus.measured : 0, b && b->has_entitled,
		 b ? b->surplus.measured : 0);
}

/* Rows of one rule and product. */
struct section {
	size_t from, to;
};

static struct section
section_from(const struct tally_simulation *s, size_t from)
{
	const struct position *first = sim_row_of(&s->rows[from]);
	struct section section = { from, from };

	while (section.to < s->n_rows && sim_row_of(&s->rows[section.to])->rule == first->rule &&
	       sim_row_of(&s->rows[section.to])->product == first->product)
		section.to++;
	return section;
}

/* From the whole to its parts; of narrow scopes as many as one reads. Returns how many
 * were left out. */
static size_t
fill(const struct tally_simulation *s, const struct section *section, const struct shape *shape,
     bool all, struct columns *c)
{
	static const enum scope scopes[] = { SCOPE_FLEET, SCOPE_REGION, SCOPE_CLUSTER, SCOPE_HOST };
	size_t left_out = 0;

	for (size_t k = 0; k < COUNT(scopes); k++) {
		size_t shown = 0;

		for (size_t at = section->from; at < section->to; at++) {
			const struct sim_row *row = &s->rows[at];

			if (sim_row_of(row)->scope != scopes[k] || !(all || row->differs))
				continue;
			if (all || shown < ROWS_MOST)
				add_row(s, row, shape, c);
			else
				left_out++;
			shown++;
		}
	}
	return left_out;
}

static bool
is_plain(const struct tally_simulation *s, const struct section *section, bool all)
{
	for (size_t i = section->from; i < section->to; i++) {
		const struct sim_row *row = &s->rows[i];

		for (unsigned r = LOW; r < READINGS; r++)
			if ((all || row->differs) &&
			    (sim_figure(row->old, r) != sim_figure(row->old, MEASURED) ||
			     sim_figure(row->new, r) != sim_figure(row->new, MEASURED)))
				return false;
	}
	return true;
}

static void
title_out(const struct tally_simulation *s, const struct position *p, bool plain,
	  struct tally_buf *out, unsigned width)
{
	struct tally_buf title = TALLY_BUF_INIT;

	tally_buf_add_bytes(&title, sim_text(s, p->rule));
	tally_buf_add_str(&title, " of ");
	tally_buf_add_bytes(&title, sim_text(s, p->product));
	tally_buf_add_str(&title, ", in units of ");
	tally_buf_add_bytes(&title, sim_text(s, p->unit));
	tally_buf_add_str(&title, plain ? "; low and high are as measured" : "");
	tally_buf_add_str(out, "\n  ");
	columns_wrap(out, tally_buf_view(&title), 2, width);
	tally_buf_deinit(&title);
}

/* A table of its own for each rule: figures of one are much longer than of another. */
static void
section_out(const struct tally_simulation *s, const struct section *section, struct tally_buf *out,
	    unsigned width, bool all)
{
	static const char *const heads[] = { "!scope", "!low",   "!measured", ">more",
					     "!high",  "!order", "!entitled", "!surplus" };
	static const char *const plain_heads[] = { "!scope", "!measured", ">more",
						   "!order", "!entitled", "!surplus" };
	struct shape shape = { is_plain(s, section, all), s->report->entitlements != NULL };
	size_t n = shape.plain ? COUNT(plain_heads) : COUNT(heads), left_out;
	struct columns c;

	columns_init(&c, shape.plain ? plain_heads : heads, shape.held ? n : n - 2);
	left_out = fill(s, section, &shape, all, &c);
	if (c.count > 0) {
		title_out(s, sim_row_of(&s->rows[section->from]), shape.plain, out, width);
		columns_print(&c, out, width);
	}
	if (left_out > 0)
		tally_buf_addf(out, "  and %zu more that differ (--all shows them)\n", left_out);
	columns_deinit(&c);
}

static void
positions_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width, bool all)
{
	size_t differ = 0;

	for (size_t i = 0; i < s->n_rows; i++)
		differ += s->rows[i].differs;
	tally_buf_add_str(out, all ? "\nLicence positions, before -> after\n"
				   : "\nLicence positions that differ, before -> after\n");
	for (size_t i = 0; i < s->n_rows;) {
		struct section section = section_from(s, i);

		section_out(s, &section, out, width, all);
		i = section.to;
	}
	tally_buf_addf(out, "\n  %zu of %zu positions differ, %zu are the same%s\n", differ,
		       s->n_rows, s->n_rows - differ,
		       all || differ == s->n_rows ? "" : " (--all shows them)");
}

static void
add_model(const struct tally_simulation *s, const struct position *p, struct tally_buf *b)
{
	char text[64];

	if (!p || !p->has_cheapest) {
		tally_buf_add_str(b, "none");
		return;
	}
	figure_text(text, p->cheapest);
	tally_buf_addf(b, "%s by ", text);
	tally_buf_add_bytes(b, sim_text(s, p->cheapest_rule));
}

static bool
cheapest_differs(const struct sim_row *row)
{
	const struct position *a = row->old, *b = row->new;
	bool has_a = a && a->has_cheapest, has_b = b && b->has_cheapest;

	if (!has_a || !has_b)
		return has_a != has_b;
	return a->cheapest_rule != b->cheapest_rule || a->cheapest != b->cheapest;
}

/* Rules of one choice say the same: the first that says something tells it. */
static bool
told_before(const struct tally_simulation *s, size_t at)
{
	const struct position *p = sim_row_of(&s->rows[at]);

	for (size_t i = 0; i < at; i++) {
		const struct position *q = sim_row_of(&s->rows[i]);

		if (q->scope == SCOPE_FLEET && q->product == p->product && p->applied->group &&
		    q->applied->group && strcmp(p->applied->group, q->applied->group) == 0 &&
		    cheapest_differs(&s->rows[i]))
			return true;
	}
	return false;
}

static void
model_out(const struct tally_simulation *s, const struct sim_row *row, struct tally_buf *out,
	  unsigned width)
{
	struct tally_buf line = TALLY_BUF_INIT;

	tally_buf_add_bytes(&line, sim_text(s, sim_row_of(row)->product));
	tally_buf_add_str(&line, ": ");
	add_model(s, row->old, &line);
	tally_buf_add_str(&line, " -> ");
	add_model(s, row->new, &line);
	tally_buf_add_str(out, "  ");
	columns_wrap(out, tally_buf_view(&line), 4, width);
	tally_buf_deinit(&line);
}

static void
cheapest_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width)
{
	bool any = false;

	for (size_t i = 0; i < s->n_rows; i++) {
		const struct sim_row *row = &s->rows[i];

		if (sim_row_of(row)->scope != SCOPE_FLEET || !cheapest_differs(row) ||
		    told_before(s, i))
			continue;
		tally_buf_add_str(out, any ? "" : "\nCheapest lawful model of the fleet\n");
		any = true;
		model_out(s, row, out, width);
	}
}

void
tally_simulation_text(const struct tally_simulation *s, struct tally_buf *out, unsigned width,
		      bool all)
{
	head_out(s, out);
	changes_out(s, out, width, all);
	notes_out(s, out, width, all);
	positions_out(s, out, width, all);
	cheapest_out(s, out, width);
}
