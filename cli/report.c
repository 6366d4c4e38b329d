/* SPDX-License-Identifier: Apache-2.0 */
/* `tally report`: what ran in a period, from ledgers and exports. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/report.h"
#include "cli.h"
#include "issue.h"
#include "page.h"
#include "report_inputs.h"

#define PRICES_MAX (1U << 20)

enum format { TEXT, JSON, CSV, FOCUS, RUM, HTML };
struct options {
	struct cli_input input;
	struct cli_report_inputs inputs;
	const char *out, *compare, *prices, *by;
	bool strict, issue, issued; /* to be; its bytes are out */
	enum format format;
	struct cli_issue says;
	const struct cli_sources *sources; /* while the report is written */
};

const char *const cli_report_formats[] = { "text", "json", "csv", "focus", "rum", "html", NULL };

static error_t
take_format(struct options *o, const char *arg)
{
	for (unsigned i = 0; cli_report_formats[i]; i++)
		if (strcmp(arg, cli_report_formats[i]) == 0) {
			o->format = (enum format)i;
			return 0;
		}
	return cli_refuse(&o->input, "--format: '%s' is none of text, json, csv, html, focus, rum",
			  arg);
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'F':
		return take_format(o, arg);
	case 'c':
		return cli_take_one(&o->input, &o->compare, "--compare", arg);
	case 'p':
		return cli_take_one(&o->input, &o->prices, "--prices", arg);
	case 's':
		o->strict = true;
		return 0;
	case 'o':
		return cli_take_one(&o->input, &o->out, "-o", arg);
	case 'i':
		o->issue = true;
		return 0;
	case 'b':
		return cli_take_one(&o->input, &o->by, "--by", arg);
	case 0x106: /* of the contract, but not of this version */
		return cli_refuse(&o->input, "%s is not there in this version", "--for");
	default:
		return cli_report_take(&o->inputs, &o->input, key, arg);
	}
}

static const struct argp_option argp_options[] = {
	CLI_REPORT_INPUTS,
	{ "format", 'F', "FORMAT", 0, "text (the default), json, csv, html, focus or rum", 0 },
	{ NULL, 'o', "OUT", 0, "The file to write; - is standard output", 0 },
	{ "compare", 'c', "OLD", 0, "The JSON report that this one supersedes: tell what changed",
	  0 },
	{ "prices", 'p', "FILE", 0, "A price list: charge what ran", 0 },
	{ "issue", 'i', NULL, 0,
	  "Put into each ledger that this report was issued, with its SHA-256", 0 },
	{ "by", 'b', "NAME", 0, "With --issue: who issues it, or else the user", 0 },
	{ "strict", 's', NULL, 0, "Exit 1 where what is held does not cover what was measured", 0 },
	{ "for", 0x106, "LICENSOR", OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER|EXPORT... --from T --to T -o OUT",
	"Work out what ran in a period: run time, virtual CPUs and peaks by product and scope, the "
	"machines, what licences that took by the rules, how much of the hosts' time was metered, "
	"and what an auditor ought to know "
	"beside "
	"it. A report rests on each ledger's newest checkpoint.\v"
	"Example:\n  tally report estate/* --from 2026-03 --to 2026-04 --tz Europe/Berlin -o -\n",
	NULL,
	NULL,
	NULL,
};

/* The data set, and beside it what describes it. */
static int
write_focus(const struct options *o, const struct tally_report *r, struct tally_err *err)
{
	const char *slash = strrchr(o->out, '/');
	struct tally_buf data = TALLY_BUF_INIT, about = TALLY_BUF_INIT, path = TALLY_BUF_INIT;
	int status;

	tally_report_focus(r, &data);
	tally_buf_addf(&path, "%s.metadata.json", o->out);
	status = tally_report_focus_metadata(r, slash ? slash + 1 : o->out, data.len, &about, err);
	if (status == 0)
		status = tally_report_fits(data.len, err);
	if (status == 0)
		status = tally_output_write(o->out, tally_buf_view(&data), err);
	if (status == 0 && strcmp(o->out, "-") != 0)
		status = tally_output_write(tally_buf_cstr(&path), tally_buf_view(&about), err);
	tally_buf_deinit(&data);
	tally_buf_deinit(&about);
	tally_buf_deinit(&path);
	return status;
}

static int
add_page(const struct options *o, const struct tally_report *r, struct tally_buf *out,
	 struct tally_err *err)
{
	struct tally_buf evidence = TALLY_BUF_INIT;
	int status = cli_page_evidence(o->sources, &evidence, err);

	if (status == 0)
		tally_report_html(r, tally_buf_view(&evidence), out);
	tally_buf_deinit(&evidence);
	return status;
}

static int
write_report(struct options *o, const struct tally_report *r, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = 0;

	if (o->format == FOCUS)
		return write_focus(o, r, err);
	if (o->format == JSON)
		tally_report_json(r, &text);
	else if (o->format == CSV)
		tally_report_csv(r, &text);
	else if (o->format == RUM)
		tally_report_rum(r, &text);
	else if (o->format == HTML)
		status = add_page(o, r, &text, err);
	else
		tally_report_text(r, &text, cli_text_width(o->out));
	if (status == 0)
		status = tally_report_fits(text.len, err);
	if (status == 0 && o->issue)
		status = cli_issue_take(&o->says, tally_buf_view(&text), o->by, err);
	if (status == 0)
		status = tally_output_write(o->out, tally_buf_view(&text), err);
	o->issued = o->issue && status == 0;
	tally_buf_deinit(&text);
	return status;
}

static int
read_prices(const char *path, struct tally_prices **out, struct tally_err *err)
{
	const char *slash = strrchr(path, '/');
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_read_input(path, PRICES_MAX, &text, err);

	if (status == 0)
		status = tally_prices_parse(out, slash ? slash + 1 : path, tally_buf_view(&text),
					    err);
	tally_buf_deinit(&text);
	return status < 0 ? tally_err_prefix(err, "--prices") : 0;
}

static int
use_report(void *ctx, struct tally_report *r, const struct tally_report_options *ro,
	   struct tally_err *err)
{
	struct options *o = ctx;
	struct tally_bytes lines;

	(void)ro;
	if (write_report(o, r, err) < 0)
		return -1;
	return o->strict && tally_report_short(r, &lines) > 0 ? cli_report_short(lines, err) : 0;
}

/* A report of anybody's. */
static int
read_old(const char *path, struct tally_buf *content, struct tally_report_input *old,
	 struct tally_err *err)
{
	const char *slash = strrchr(path, '/');
	char *real = realpath(path, NULL);
	int r;

	if (!real)
		return tally_err_sys(err, "%s", path);
	r = tally_file_read(AT_FDCWD, real, TALLY_REPORT_MAX, content, err);
	free(real);
	if (r <= 0)
		return r < 0 ? -1 : tally_err_set(err, TALLY_SYS, "%s: not there", path);
	old->name = slash ? slash + 1 : path;
	old->content = tally_buf_view(content);
	return 0;
}

/* What is read is not what is written: an issued report is never edited. */
static int
check_out(const struct options *o, struct tally_err *err)
{
	const struct {
		const char *option, *path;
	} read[] = { { "--compare", o->compare },
		     { "--prices", o->prices },
		     { "--entitlements", o->inputs.entitlements },
		     { "--roster", o->inputs.roster } };
	struct stat out, in;

	if (strcmp(o->out, "-") == 0 || stat(o->out, &out) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(read) / sizeof(*read); i++)
		if (read[i].path && stat(read[i].path, &in) == 0 && in.st_dev == out.st_dev &&
		    in.st_ino == out.st_ino)
			return tally_err_set(err, TALLY_USE,
					     "-o: %s is the file that %s reads: it would be lost",
					     o->out, read[i].option);
	return 0;
}

static int
check(const struct options *o, struct tally_err *err)
{
	if (cli_report_check(&o->inputs, "report", err) < 0)
		return -1;
	if (o->format == FOCUS && !o->prices)
		return tally_err_set(err, TALLY_USE,
				     "--format focus: there are no charges without --prices FILE");
	if (cli_issue_asked(o->issue, o->by, err) < 0)
		return -1;
	if (o->issue && o->format != JSON)
		return tally_err_set(err, TALLY_USE,
				     "--issue: goes with --format json, of which the other formats "
				     "are views");
	if (o->issue && cli_issue_check(o->inputs.paths, o->inputs.count, err) < 0)
		return -1;
	return o->out ? check_out(o, err) : cli_missing("report", "-o OUT", err);
}

/* Files of this subcommand alone, then the report. */
static int
run(struct options *o, struct tally_err *err)
{
	struct tally_report_options ro = { .stays = o->format == HTML };
	struct tally_report_input old;
	struct tally_prices *prices = NULL;
	struct tally_buf content = TALLY_BUF_INIT;
	int status = check(o, err);

	if (status == 0 && o->compare) {
		ro.old = &old;
		if ((status = read_old(o->compare, &content, &old, err)) < 0)
			(void)tally_err_prefix(err, "--compare");
	}
	if (status == 0 && o->prices)
		status = read_prices(o->prices, &prices, err);
	ro.prices = prices;
	o->inputs.sources = &o->sources;
	if (status == 0)
		status = cli_report_make(&o->inputs, &ro, use_report, o, err);
	if (o->issued) {
		struct tally_err other = TALLY_ERR_INIT;

		/* Also where what is held falls short: it is out. */
		if (cli_issue_append(&o->says, o->inputs.paths, o->inputs.count, &other) < 0) {
			*err = other;
			status = -1;
		}
	}
	tally_buf_deinit(&content);
	tally_prices_free(prices);
	return status;
}

int
cli_report(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status == 0)
		status = run(&o, err);
	cli_issue_deinit(&o.says);
	cli_report_inputs_deinit(&o.inputs);
	return status < 0 ? -1 : 0;
}
