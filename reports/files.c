/* SPDX-License-Identifier: Apache-2.0 */
/* A report in every format, as the files of a bundle. This is the one list of them: who
 * writes a bundle and who verifies one go through it. */
#include <string.h>
#include "tally/report.h"
#include "report_internal.h"

#define FOCUS_NAME "report.focus.csv"

/* One format, and where it is told that a report is too long for it. */
static int
give(const char *name, struct tally_buf *text, tally_report_take *take, void *ctx,
     struct tally_err *err)
{
	int status = tally_report_fits(text->len, err);

	if (status == 0)
		status = take(ctx, name, tally_buf_view(text), err);
	tally_buf_deinit(text);
	return status;
}

/* Charges, and beside them what describes the file. */
static int
give_focus(const struct tally_report *r, tally_report_take *take, void *ctx, struct tally_err *err)
{
	struct tally_buf data = TALLY_BUF_INIT, about = TALLY_BUF_INIT;
	int status;

	tally_report_focus(r, &data);
	status = tally_report_focus_metadata(r, FOCUS_NAME, data.len, &about, err);
	if (status < 0)
		tally_buf_deinit(&data);
	else
		status = give(FOCUS_NAME, &data, take, ctx, err);
	if (status < 0)
		tally_buf_deinit(&about);
	else
		status = give(FOCUS_NAME ".metadata.json", &about, take, ctx, err);
	return status;
}

static void
make_text(const struct tally_report *r, struct tally_buf *out)
{
	tally_report_text(r, out, TALLY_REPORT_WIDTH);
}

/* The bundle holds the evidence; the page in it checks nothing by itself. */
static void
make_page(const struct tally_report *r, struct tally_buf *out)
{
	tally_report_html(r, tally_bytes_str("null"), out);
}

int
tally_report_files(const struct tally_report *r, tally_report_take *take, void *ctx,
		   struct tally_err *err)
{
	static const struct {
		const char *name;
		void (*make)(const struct tally_report *r, struct tally_buf *out);
	} formats[] = {
		{ "report.json", tally_report_json },   { "report.csv", tally_report_csv },
		{ "report.html", make_page },           { "report.txt", make_text },
		{ "report.rum.xml", tally_report_rum },
	};
	struct tally_buf text = TALLY_BUF_INIT;
	int status = 0;

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats) && status == 0; i++) {
		/* The page draws all three readings of a rule. */
		if (r->licensor && formats[i].make == make_page)
			continue;
		text = (struct tally_buf)TALLY_BUF_INIT;
		formats[i].make(r, &text);
		status = give(formats[i].name, &text, take, ctx, err);
	}
	if (status == 0 && r->charges.prices)
		status = give_focus(r, take, ctx, err);
	return status;
}
