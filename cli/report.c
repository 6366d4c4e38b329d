/* SPDX-License-Identifier: Apache-2.0 */
/* `tally report`: what ran in a period, from ledgers and exports. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/parallel.h"
#include "tally/report.h"
#include "cli.h"
#include "packs.h"
#include "source.h"

#define OLD_MAX    (256U << 20) /* bytes of a report over many machines */
#define PRICES_MAX (1U << 20)
#define HELD_MAX   (64U << 20)
#define ROSTER_MAX (1U << 20)
#define TEXT_WIDTH 100 /* of a text report that does not go to a terminal */

enum format { TEXT, JSON, CSV, FOCUS, RUM };
struct options {
	struct cli_input input;
	const char **paths;
	size_t count;
	const char *from, *to, *zone, *out, *compare, *rules, *prices;
	const char *entitlements, *roster;
	bool strict;
	enum format format;
};

static error_t
take_format(struct options *o, const char *arg)
{
	static const char *const names[] = { "text", "json", "csv", "focus", "rum" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(arg, names[i]) == 0) {
			o->format = (enum format)i;
			return 0;
		}
	if (strcmp(arg, "html") == 0)
		return cli_refuse(&o->input, "--format: '%s' is not there in this version", arg);
	return cli_refuse(&o->input, "--format: '%s' is none of text, json, csv, focus, rum", arg);
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		return cli_take_one(&o->input, &o->from, "--from", arg);
	case 't':
		return cli_take_one(&o->input, &o->to, "--to", arg);
	case 'z':
		return cli_take_one(&o->input, &o->zone, "--tz", arg);
	case 'F':
		return take_format(o, arg);
	case 'c':
		return cli_take_one(&o->input, &o->compare, "--compare", arg);
	case 'p':
		return cli_take_one(&o->input, &o->prices, "--prices", arg);
	case 'r':
		return cli_take_one(&o->input, &o->rules, "--rules", arg);
	case 'e':
		return cli_take_one(&o->input, &o->entitlements, "--entitlements", arg);
	case 'h':
		return cli_take_one(&o->input, &o->roster, "--roster", arg);
	case 's':
		o->strict = true;
		return 0;
	case 'o':
		return cli_take_one(&o->input, &o->out, "-o", arg);
	case 0x106: /* of the contract, but not of this version */
		return cli_refuse(&o->input, "%s is not there in this version", "--for");
	case ARGP_KEY_ARG:
		o->paths = tally_realloc_array(o->paths, o->count + 1, sizeof(*o->paths));
		o->paths[o->count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "from", 'f', "T", 0, "Begin of the period: RFC 3339, a date, or a month", 0 },
	{ "to", 't', "T", 0, "End of the period, which does not belong to it", 0 },
	{ "tz", 'z', "ZONE", 0, "The IANA time zone of the calendar, or else UTC", 0 },
	{ "format", 'F', "FORMAT", 0, "text (the default), json, csv, focus or rum", 0 },
	{ NULL, 'o', "OUT", 0, "The file to write; - is standard output", 0 },
	{ "compare", 'c', "OLD", 0, "The JSON report that this one supersedes: tell what changed",
	  0 },
	{ "rules", 'r', "DIR", 0, "The folder of the rule packs, in place of the installed one",
	  0 },
	{ "entitlements", 'e', "FILE", 0, "The licences that are held, in YAML or CSV", 0 },
	{ "prices", 'p', "FILE", 0, "A price list: charge what ran", 0 },
	{ "roster", 'h', "FILE", 0, "The hosts that must report", 0 },
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

static unsigned
text_width(const char *out)
{
	struct winsize w;

	if (strcmp(out, "-") == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
		return w.ws_col;
	return TEXT_WIDTH;
}

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
		status = tally_output_write(o->out, tally_buf_view(&data), err);
	if (status == 0 && strcmp(o->out, "-") != 0)
		status = tally_output_write(tally_buf_cstr(&path), tally_buf_view(&about), err);
	tally_buf_deinit(&data);
	tally_buf_deinit(&about);
	tally_buf_deinit(&path);
	return status;
}

static int
write_report(const struct options *o, const struct tally_report *r, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	if (o->format == FOCUS)
		return write_focus(o, r, err);
	if (o->format == JSON)
		tally_report_json(r, &text);
	else if (o->format == CSV)
		tally_report_csv(r, &text);
	else if (o->format == RUM)
		tally_report_rum(r, &text);
	else
		tally_report_text(r, &text, text_width(o->out));
	status = tally_output_write(o->out, tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status;
}

/* One line, as every error: exit 1. */
static int
check_short(const struct tally_report *r, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_bytes lines;

	if (tally_report_short(r, &lines) == 0)
		return 0;
	for (size_t i = 0; i + 1 < lines.len; i++)
		tally_buf_add(&text, lines.p[i] == '\n' ? "; " : (const char *)&lines.p[i],
			      lines.p[i] == '\n' ? 2 : 1);
	tally_err_set_(err, TALLY_FAILS, "%s", tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	return -1;
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
run(const struct options *o, struct tally_report_options *ro, struct tally_err *err)
{
	struct cli_sources sources;
	struct tally_report *report = NULL;
	struct tally_prices *prices = NULL;
	struct cli_packs packs;
	int status = cli_packs_open(&packs, o->rules, err);

	if (status < 0)
		return -1;
	if (o->prices && read_prices(o->prices, &prices, err) < 0) {
		cli_packs_deinit(&packs);
		return -1;
	}
	ro->prices = prices;
	ro->packs = packs.packs;
	ro->n_packs = packs.count;
	status = cli_sources_open(&sources, o->paths, o->count, err);
	if (status == 0)
		status = tally_report_make(&report, sources.ledgers, sources.count, ro, err);
	cli_progress_end(&sources.progress);
	if (status == 0)
		status = cli_sources_check(&sources, err);
	if (status == 0)
		status = write_report(o, report, err);
	if (status == 0 && o->strict)
		status = check_short(report, err);
	tally_report_free(report);
	cli_sources_deinit(&sources);
	cli_packs_deinit(&packs);
	tally_prices_free(prices);
	return status;
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
	r = tally_file_read(AT_FDCWD, real, OLD_MAX, content, err);
	free(real);
	if (r <= 0)
		return r < 0 ? -1 : tally_err_set(err, TALLY_SYS, "%s: not there", path);
	old->name = slash ? slash + 1 : path;
	old->content = tally_buf_view(content);
	return 0;
}

/* What is held, and who must report. */
static int
run_with_files(const struct options *o, const struct tally_report_options *plain,
	       struct tally_err *err)
{
	struct tally_report_options ro = *plain;
	struct cli_file held = { 0 }, roster = { 0 };
	int status = 0;

	if (o->entitlements) {
		ro.entitlements = &held.input;
		status = cli_file_read(&held, "--entitlements", o->entitlements, HELD_MAX, err);
	}
	if (status == 0 && o->roster) {
		ro.roster = &roster.input;
		status = cli_file_read(&roster, "--roster", o->roster, ROSTER_MAX, err);
	}
	if (status == 0)
		status = run(o, &ro, err);
	cli_file_deinit(&held);
	cli_file_deinit(&roster);
	return status;
}

static int
read_period(const struct options *o, const struct tally_zone *zone, struct tally_report_options *ro,
	    struct tally_err *err)
{
	if (tally_zone_parse_t(zone, o->from, &ro->from, err) < 0)
		return tally_err_prefix(err, "--from");
	if (tally_zone_parse_t(zone, o->to, &ro->to, err) < 0)
		return tally_err_prefix(err, "--to");
	return 0;
}

static int
check(const struct options *o, struct tally_err *err)
{
	if (o->count == 0)
		return cli_missing("report", "LEDGER or EXPORT", err);
	if (!o->from)
		return cli_missing("report", "--from T", err);
	if (!o->to)
		return cli_missing("report", "--to T", err);
	if (o->format == FOCUS && !o->prices)
		return tally_err_set(err, TALLY_USE,
				     "--format focus: there are no charges without --prices FILE");
	return o->out ? 0 : cli_missing("report", "-o OUT", err);
}

int
cli_report(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_report_options ro = { .tool = "tally " TALLY_VERSION,
					   .sha256 = tally_sha256,
					   .parallel = tally_parallel };
	struct tally_report_input old;
	struct tally_buf content = TALLY_BUF_INIT;
	struct tally_zone *zone = NULL;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0) {
		free(o.paths);
		return status < 0 ? -1 : 0;
	}
	status = check(&o, err);
	if (status == 0 && (status = tally_zone_open(&zone, o.zone ? o.zone : "UTC", err)) < 0)
		(void)tally_err_prefix(err, "--tz");
	if (status == 0)
		status = read_period(&o, zone, &ro, err);
	if (status == 0 && o.compare) {
		ro.old = &old;
		if ((status = read_old(o.compare, &content, &old, err)) < 0)
			(void)tally_err_prefix(err, "--compare");
	}
	if (status == 0) {
		ro.zone = zone;
		ro.tzdata = tally_zone_tzdata();
		status = run_with_files(&o, &ro, err);
	}
	tally_zone_free(zone);
	tally_buf_deinit(&content);
	free(o.paths);
	return status;
}
