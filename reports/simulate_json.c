/* SPDX-License-Identifier: Apache-2.0 */
/* A simulation in JSON (FORMAT.md section 24). Keys come in ascending order by hand; the
 * writer checks it. */
#include <stdlib.h>
#include "figures.h"
#include "simulate.h"

static void
put_text(struct tally_jsonw *w, const char *key, struct tally_bytes text)
{
	tally_jsonw_key(w, key);
	tally_jsonw_string(w, text);
}

static void
put_str(struct tally_jsonw *w, const char *key, const char *text)
{
	put_text(w, key, tally_bytes_str(text));
}

static void
put_null(struct tally_jsonw *w, const char *key)
{
	tally_jsonw_key(w, key);
	tally_jsonw_null(w);
}

static void
put_number(struct tally_jsonw *w, const char *key, uint64_t n)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, n);
}

static void
put_host(struct tally_jsonw *w, const char *key, const struct tally_simulation *s, uint32_t host)
{
	if (host == SIM_NONE)
		put_null(w, key);
	else
		put_text(w, key, sim_host_name(s, host));
}

static void
put_machine(struct tally_jsonw *w, const struct tally_simulation *s, const struct sim_effect *x)
{
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, s->old->vms[x->vm].uuid);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "copies");
	tally_jsonw_bool(w, x->copies);
	put_host(w, "from", s, x->from);
	put_number(w, "machines", x->machines);
	put_text(w, "name", sim_text(s, x->name));
	put_host(w, "to", s, x->to);
	put_str(w, "vm", uuid);
	tally_jsonw_end(w);
}

static void
put_changes(struct tally_jsonw *w, const struct tally_simulation *s)
{
	size_t at = 0;

	tally_jsonw_key(w, "changes");
	tally_jsonw_array(w);
	for (size_t i = 0; i < s->changes->n; i++) {
		const struct change *c = &s->changes->p[i];

		tally_jsonw_object(w);
		put_text(w, "effect", tally_buf_view(&s->told[i]));
		tally_jsonw_key(w, "machines");
		tally_jsonw_array(w);
		for (; at < s->n_effects && s->effects[at].change == c->number; at++)
			put_machine(w, s, &s->effects[at]);
		tally_jsonw_end(w);
		put_number(w, "number", c->number);
		put_str(w, "option", change_option(c->option));
		put_str(w, "words", c->words);
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_notes(struct tally_jsonw *w, const struct tally_simulation *s)
{
	tally_jsonw_key(w, "notes");
	tally_jsonw_array(w);
	for (size_t i = 0; i < s->n_notes; i++) {
		tally_jsonw_object(w);
		if (s->notes[i].change)
			put_number(w, "change", s->notes[i].change);
		else
			put_null(w, "change");
		put_text(w, "text", tally_buf_view(&s->notes[i].text));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

static void
put_cheapest(struct tally_jsonw *w, const struct tally_simulation *s, const struct position *p)
{
	if (!p->has_cheapest) {
		put_null(w, "cheapest");
		return;
	}
	tally_jsonw_key(w, "cheapest");
	tally_jsonw_object(w);
	figure_json(w, "quantity", p->applied, p->cheapest);
	put_text(w, "rule", sim_text(s, p->cheapest_rule));
	tally_jsonw_end(w);
}

static void
put_position(struct tally_jsonw *w, const char *key, const struct tally_simulation *s,
	     const struct position *p)
{
	if (!p) {
		put_null(w, key);
		return;
	}
	tally_jsonw_key(w, key);
	tally_jsonw_object(w);
	put_cheapest(w, s, p);
	if (p->has_entitled)
		figure_json(w, "entitled", p->applied, p->entitled);
	else
		put_null(w, "entitled");
	figure_json(w, "high", p->applied, p->need.high);
	figure_json(w, "low", p->applied, p->need.low);
	figure_json(w, "measured", p->applied, p->need.measured);
	figure_json(w, "order", p->applied, p->order);
	tally_jsonw_key(w, "surplus");
	tally_jsonw_object(w);
	if (p->has_entitled) {
		figure_json(w, "high", p->applied, p->surplus.high);
		figure_json(w, "low", p->applied, p->surplus.low);
		figure_json(w, "measured", p->applied, p->surplus.measured);
	} else {
		put_null(w, "high");
		put_null(w, "low");
		put_null(w, "measured");
	}
	tally_jsonw_end(w);
	tally_jsonw_end(w);
}

static void
put_row(struct tally_jsonw *w, const struct tally_simulation *s, const struct sim_row *row)
{
	const struct position *p = sim_row_of(row);
	const struct rule *applied = p->applied;

	tally_jsonw_object(w);
	tally_jsonw_key(w, "differs");
	tally_jsonw_bool(w, row->differs);
	put_text(w, "id", sim_text(s, p->id));
	tally_jsonw_key(w, "more");
	tally_jsonw_object(w);
	figure_json(w, "high", applied, sim_figure(row->new, HIGH) - sim_figure(row->old, HIGH));
	figure_json(w, "low", applied, sim_figure(row->new, LOW) - sim_figure(row->old, LOW));
	figure_json(w, "measured", applied,
		    sim_figure(row->new, MEASURED) - sim_figure(row->old, MEASURED));
	figure_json(w, "order", applied,
		    (row->new ? row->new->order : 0) - (row->old ? row->old->order : 0));
	tally_jsonw_end(w);
	put_position(w, "new", s, row->new);
	put_position(w, "old", s, row->old);
	put_text(w, "product", sim_text(s, p->product));
	put_text(w, "rule", sim_text(s, p->rule));
	put_str(w, "scope", usage_scope_name(p->scope));
	put_text(w, "unit", sim_text(s, p->unit));
	tally_jsonw_end(w);
}

/* Keys that a report has stand below another one here: nobody may take it for one. */
static void
put_simulation(struct tally_jsonw *w, const struct tally_simulation *s)
{
	const struct tally_report *r = s->report;
	char from[TALLY_TIME_TEXT];

	tally_wall_text(from, (struct tally_wall){ s->old->from });
	tally_jsonw_object(w);
	put_str(w, "class", "self-declared");
	put_str(w, "figures", "computed, not measured");
	put_str(w, "from", r->from_text);
	tally_jsonw_key(w, "hosts");
	tally_jsonw_array(w);
	for (size_t i = 0; i < s->estate.n_hosts; i++)
		tally_jsonw_string(w, sim_text(s, s->estate.hosts[i].name));
	tally_jsonw_end(w);
	put_str(w, "id", r->id);
	tally_jsonw_key(w, "inputs");
	report_inputs_json(w, r);
	put_str(w, "looks_from", from);
	tally_jsonw_key(w, "packs");
	report_packs_json(w, r);
	put_str(w, "timezone", r->zone);
	put_str(w, "to", r->to_text);
	put_str(w, "tool", r->tool);
	put_str(w, "tzdata", r->tzdata);
	tally_jsonw_end(w);
}

void
tally_simulation_json(const struct tally_simulation *s, struct tally_buf *out)
{
	struct tally_jsonw *w = tally_jsonw_new(out, false);

	tally_jsonw_object(w);
	put_changes(w, s);
	put_notes(w, s);
	tally_jsonw_key(w, "positions");
	tally_jsonw_array(w);
	for (size_t i = 0; i < s->n_rows; i++)
		put_row(w, s, &s->rows[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "simulation");
	put_simulation(w, s);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_str(out, "\n");
}
