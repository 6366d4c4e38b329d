/* SPDX-License-Identifier: Apache-2.0 */
/* All rows for a spreadsheet; each says in its last cell what it was computed from. */
#include "figures.h"
#include "simulate.h"
#include "tally/csv.h"

static void
figure_cell(struct tally_buf *out, bool there, amount a)
{
	char text[64] = "";

	if (there)
		figure_text(text, a);
	tally_csv_number(out, text);
}

static void
position_cells(struct tally_buf *out, const struct position *p)
{
	bool held = p && p->has_entitled;

	for (unsigned r = LOW; r < READINGS; r++)
		figure_cell(out, p, sim_figure(p, r));
	figure_cell(out, p, p ? p->order : 0);
	figure_cell(out, held, held ? p->entitled : 0);
	figure_cell(out, held, held ? p->surplus.measured : 0);
}

static void
row_out(struct tally_buf *out, const struct tally_simulation *s, const struct sim_row *row)
{
	const struct position *p = sim_row_of(row);

	tally_csv_text(out, sim_text(s, p->rule));
	tally_csv_text(out, sim_text(s, p->product));
	tally_csv_text(out, tally_bytes_str(usage_scope_name(p->scope)));
	tally_csv_text(out, sim_text(s, p->id));
	tally_csv_text(out, sim_text(s, p->unit));
	position_cells(out, row->old);
	position_cells(out, row->new);
	for (unsigned r = LOW; r < READINGS; r++)
		figure_cell(out, true, sim_figure(row->new, r) - sim_figure(row->old, r));
	tally_csv_text(out, tally_bytes_str(s->report->id));
	tally_csv_end(out);
}

void
tally_simulation_csv(const struct tally_simulation *s, struct tally_buf *out)
{
	static const char *const columns[] = {
		"rule",
		"product",
		"scope",
		"id",
		"unit",
		"old_low",
		"old_measured",
		"old_high",
		"old_order",
		"old_entitled",
		"old_surplus",
		"computed_low",
		"computed_measured",
		"computed_high",
		"computed_order",
		"computed_entitled",
		"computed_surplus",
		"more_low",
		"more_measured",
		"more_high",
		"from_report",
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		tally_csv_text(out, tally_bytes_str(columns[i]));
	tally_csv_end(out);
	for (size_t i = 0; i < s->n_rows; i++)
		row_out(out, s, &s->rows[i]);
}
