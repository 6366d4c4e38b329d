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

static void
add_row(const struct tally_simulation *s, const struct sim_row *row, bool held, struct columns *c)
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
		add_pair(c, true, sim_figure(a, r), true, sim_figure(b, r));
		if (r == MEASURED)
			add_more(c, sim_figure(b, r) - sim_figure(a, r));
	}
	add_pair(c, true, a ? a->order : 0, true, b ? b->order : 0);
	if (!held)
		return;
	add_pair(c, a && a->has_entitled, a ? a->entitled : 0, b && b->has_entitled,
		 b ? b->entitled : 0);
	add_pair(c, a && a->has_entitled, a ? a->surplus.measured : 0, b && b->has_entitled,
		 b ? b->surplus.measured : 0);
}

static void
add_title(const struct tally_simulation *s, const struct position *p, struct columns *c)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_add_bytes(&b, sim_text(s, p->rule));
	tally_buf_add_str(&b, " of ");
	tally_buf_add_bytes(&b, sim_text(s, p->product));
	tally_buf_add_str(&b, ", in units of ");
	tally_buf_add_bytes(&b, sim_text(s, p->unit));
	columns_title(c, tally_buf_view(&b));
	tally_buf_deinit(&b);
}

/* Rule by rule, from the whole to its parts. */
static size_t
fill(const struct tally_simulation *s, bool all, bool held, struct columns *c)
{
	static const enum scope scopes[] = { SCOPE_FLEET, SCOPE_REGION, SCOPE_CLUSTER, SCOPE_HOST };
	size_t shown = 0;

	for (size_t i = 0, end; i < s->n_rows; i = end) {
		const struct position *first = sim_row_of(&s->rows[i]);
		bool titled = false;

		for (end = i; end < s->n_rows && sim_row_of(&s->rows[end])->rule == first->rule &&
			      sim_row_of(&s->rows[end])->product == first->product;)
			end++;
		for (size_t k = 0; k < COUNT(scopes); k++)
			for (size_t at = i; at < end; at++) {
				const struct sim_row *row = &s->rows[at];

				if (sim_row_of(row)->scope != scopes[k] || !(all || row->differs))
					continue;
				if (!titled)
					add_title(s, first, c);
				titled = true;
				add_row(s, row, held, c);
				shown++;
			}
	}
	return shown;
}

static void
positions_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width, bool all)
{
	static const char *const heads[] = { "-scope", "!low",   "!measured", ">more",
					     "!high",  "!order", "!entitled", "!surplus" };
	bool held = s->report->entitlements != NULL;
	size_t differ = 0, shown;
	struct columns c;

	for (size_t i = 0; i < s->n_rows; i++)
		differ += s->rows[i].differs;
	columns_init(&c, heads, held ? COUNT(heads) : COUNT(heads) - 2);
	shown = fill(s, all, held, &c);
	tally_buf_add_str(out, all ? "\nLicence positions, before -> after\n"
				   : "\nLicence positions that differ, before -> after\n");
	if (shown > 0)
		columns_print(&c, out, width);
	else
		tally_buf_add_str(out, "  none\n");
	tally_buf_addf(out, "  %zu of %zu positions differ, %zu are the same%s\n", differ,
		       s->n_rows, s->n_rows - differ,
		       all || differ == s->n_rows ? "" : " (--all shows them)");
	columns_deinit(&c);
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

/* Rules of one choice say the same: the first of them tells it. */
static bool
told_before(const struct tally_simulation *s, size_t at)
{
	const struct position *p = sim_row_of(&s->rows[at]);

	for (size_t i = 0; i < at; i++) {
		const struct position *q = sim_row_of(&s->rows[i]);

		if (q->scope == SCOPE_FLEET && q->product == p->product && p->applied->group &&
		    q->applied->group && strcmp(p->applied->group, q->applied->group) == 0)
			return true;
	}
	return false;
}

static void
cheapest_out(const struct tally_simulation *s, struct tally_buf *out, unsigned width)
{
	bool any = false;

	for (size_t i = 0; i < s->n_rows; i++) {
		const struct sim_row *row = &s->rows[i];
		const struct position *p = sim_row_of(row);
		struct tally_buf b = TALLY_BUF_INIT, a = TALLY_BUF_INIT;

		add_model(s, row->old, &a);
		add_model(s, row->new, &b);
		if (p->scope == SCOPE_FLEET && p->applied->group && !told_before(s, i) &&
		    !tally_bytes_eq(tally_buf_view(&a), tally_buf_view(&b))) {
			struct tally_buf line = TALLY_BUF_INIT;

			tally_buf_add_str(out, any ? "" : "\nCheapest lawful model of the fleet\n");
			any = true;
			tally_buf_add_bytes(&line, sim_text(s, p->product));
			tally_buf_add_str(&line, ": ");
			tally_buf_add_bytes(&line, tally_buf_view(&a));
			tally_buf_add_str(&line, " -> ");
			tally_buf_add_bytes(&line, tally_buf_view(&b));
			tally_buf_add_str(out, "  ");
			columns_wrap(out, tally_buf_view(&line), 4, width);
			tally_buf_deinit(&line);
		}
		tally_buf_deinit(&a);
		tally_buf_deinit(&b);
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
