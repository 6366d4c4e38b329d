/* SPDX-License-Identifier: Apache-2.0 */
/* The usage rows for a spreadsheet. */
#include <inttypes.h>
#include <stdio.h>
#include "report_internal.h"
#include "tally/csv.h"

static void
seconds_cell(struct tally_buf *out, tally_i128 ns)
{
	char text[64];

	tally_seconds_text(text, ns);
	tally_csv_number(out, text);
}

static void
row_out(struct tally_buf *out, const struct tally_report *r, const struct usage_row *row)
{
	char text[TALLY_TIME_TEXT];

	tally_csv_text(out, report_text(r, row->product));
	tally_csv_text(out, report_text(r, row->edition));
	tally_csv_text(out, tally_bytes_str(usage_scope_name(row->scope)));
	tally_csv_text(out, report_text(r, row->id));
	seconds_cell(out, row->sum[RUNNING] + row->sum[PAUSED]);
	seconds_cell(out, row->vcpu_sum);
	seconds_cell(out, row->sum[RUNNING]);
	seconds_cell(out, row->sum[PAUSED]);
	seconds_cell(out, row->sum[SUSPENDED]);
	seconds_cell(out, row->sum[SAVED]);
	seconds_cell(out, row->sum[CRASHED]);
	snprintf(text, sizeof(text), "%" PRIu32, row->peak);
	tally_csv_number(out, text);
	text[0] = '\0';
	if (row->peak > 0)
		tally_wall_text(text, (struct tally_wall){ row->peak_at });
	tally_csv_text(out, tally_bytes_str(text));
	seconds_cell(out, row->peak_ns);
	report_millionths(text, report_average(r, row));
	tally_csv_number(out, text);
	tally_csv_end(out);
}

void
tally_report_csv(const struct tally_report *r, struct tally_buf *out)
{
	static const char *const columns[] = {
		"product",      "edition", "scope",   "id",           "run_seconds",
		"vcpu_seconds", "running", "paused",  "suspended",    "saved",
		"crashed",      "peak",    "peak_at", "peak_seconds", "average",
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		tally_csv_text(out, tally_bytes_str(columns[i]));
	tally_csv_end(out);
	for (size_t i = 0; i < r->sweep.usage.count; i++)
		row_out(out, r, r->sweep.usage.rows[i]);
}
