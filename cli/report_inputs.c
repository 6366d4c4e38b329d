/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of a command line to a report in memory: period, files, rule packs,
 * ledgers. Nothing is shown before every entry is hashed. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/parallel.h"
#include "tally/report.h"
#include "disclose.h"
#include "packs.h"
#include "report_inputs.h"
#include "source.h"

#define HELD_MAX   (64U << 20)
#define ROSTER_MAX (1U << 20)

error_t
cli_report_take(struct cli_report_inputs *in, struct cli_input *input, int key, char *arg)
{
	switch (key) {
	case 'f':
		return cli_take_one(input, &in->from, "--from", arg);
	case 't':
		return cli_take_one(input, &in->to, "--to", arg);
	case 'z':
		return cli_take_one(input, &in->zone, "--tz", arg);
	case 'r':
		return cli_take_one(input, &in->rules, "--rules", arg);
	case 'e':
		return cli_take_one(input, &in->entitlements, "--entitlements", arg);
	case 'h':
		return cli_take_one(input, &in->roster, "--roster", arg);
	case ARGP_KEY_ARG:
		in->paths = tally_realloc_array(in->paths, in->count + 1, sizeof(*in->paths));
		in->paths[in->count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
cli_report_check(const struct cli_report_inputs *in, const char *command, struct tally_err *err)
{
	if (in->count == 0)
		return cli_missing(command, "LEDGER or EXPORT", err);
	if (!in->from)
		return cli_missing(command, "--from T", err);
	return in->to ? 0 : cli_missing(command, "--to T", err);
}

static int
make(const struct cli_report_inputs *in, struct tally_report_options *o, cli_report_use *use,
     void *ctx, struct tally_err *err)
{
	struct cli_sources sources;
	struct tally_report *report = NULL;
	struct cli_packs packs;
	int status;

	if (cli_packs_open(&packs, in->rules, err) < 0)
		return -1;
	if (in->licensor && cli_packs_of(&packs, in->licensor, err) < 0) {
		cli_packs_deinit(&packs);
		return -1;
	}
	o->licensor = in->licensor;
	o->with_high = in->with_high;
	o->packs = packs.packs;
	o->n_packs = packs.count;
	status = cli_sources_open(&sources, in->paths, in->count, err);
	if (status == 0)
		status = tally_report_make(&report, sources.ledgers, sources.count, o, err);
	cli_progress_end(&sources.progress);
	if (status == 0)
		status = cli_sources_check(&sources, err);
	if (in->sources)
		*in->sources = &sources;
	if (status == 0)
		status = use(ctx, report, o, err);
	tally_report_free(report);
	cli_sources_deinit(&sources);
	cli_packs_deinit(&packs);
	return status;
}

/* What is held, and who must report. */
static int
make_with_files(const struct cli_report_inputs *in, const struct tally_report_options *plain,
		cli_report_use *use, void *ctx, struct tally_err *err)
{
	struct tally_report_options o = *plain;
	struct cli_file held = { 0 }, roster = { 0 };
	int status = 0;

	if (in->entitlements) {
		o.entitlements = &held.input;
		status = cli_file_read(&held, "--entitlements", in->entitlements, HELD_MAX, err);
	}
	if (status == 0 && in->roster) {
		o.roster = &roster.input;
		status = cli_file_read(&roster, "--roster", in->roster, ROSTER_MAX, err);
	}
	if (status == 0)
		status = make(in, &o, use, ctx, err);
	cli_file_deinit(&held);
	cli_file_deinit(&roster);
	return status;
}

static int
read_period(const struct cli_report_inputs *in, const struct tally_zone *zone,
	    struct tally_report_options *o, struct tally_err *err)
{
	if (tally_zone_parse_t(zone, in->from, &o->from, err) < 0)
		return tally_err_prefix(err, "--from");
	if (tally_zone_parse_t(zone, in->to, &o->to, err) < 0)
		return tally_err_prefix(err, "--to");
	if (o->to.ns <= o->from.ns)
		return tally_err_set(err, TALLY_USE,
				     "--to: the period is empty: %s does not lie behind %s", in->to,
				     in->from);
	return 0;
}

int
cli_report_make(const struct cli_report_inputs *in, struct tally_report_options *o,
		cli_report_use *use, void *ctx, struct tally_err *err)
{
	struct tally_zone *zone = NULL;
	int status;

	if (tally_zone_open(&zone, in->zone ? in->zone : "UTC", err) < 0)
		return tally_err_prefix(err, "--tz");
	status = read_period(in, zone, o, err);
	o->tool = "tally " TALLY_VERSION;
	o->sha256 = tally_sha256;
	o->parallel = tally_parallel;
	o->threads = tally_parallel_threads();
	o->zone = zone;
	o->tzdata = tally_zone_tzdata();
	if (status == 0)
		status = make_with_files(in, o, use, ctx, err);
	tally_zone_free(zone);
	return status;
}

void
cli_report_inputs_deinit(struct cli_report_inputs *in)
{
	free(in->paths);
}

unsigned
cli_text_width(const char *out)
{
	struct winsize w;

	if (strcmp(out, "-") == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
		return w.ws_col;
	return TALLY_REPORT_WIDTH;
}

int
cli_report_short(struct tally_bytes lines, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;

	for (size_t i = 0; i + 1 < lines.len; i++)
		tally_buf_add(&text, lines.p[i] == '\n' ? "; " : (const char *)&lines.p[i],
			      lines.p[i] == '\n' ? 2 : 1);
	tally_err_set_(err, TALLY_FAILS, "%s", tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	return -1;
}
