/* SPDX-License-Identifier: Apache-2.0 */
/* `tally simulate`: what the rules would ask for if the estate were another one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/simulate.h"
#include "cli.h"
#include "report_inputs.h"

enum format { TEXT, JSON, CSV };
struct options {
	struct cli_input input;
	struct cli_report_inputs inputs;
	struct tally_changes *changes;
	size_t count; /* of changes */
	const char *out;
	enum format format;
	bool all, strict;
};

static error_t
take_format(struct options *o, const char *arg)
{
	static const char *const names[] = { "text", "json", "csv" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(arg, names[i]) == 0) {
			o->format = (enum format)i;
			return 0;
		}
	return cli_refuse(&o->input, "--format: '%s' is none of text, json, csv", arg);
}

static error_t
take_change(struct options *o, enum tally_change kind, const char *arg)
{
	if (tally_changes_add(o->changes, kind, arg, o->input.err) < 0)
		return EINVAL;
	o->count++;
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'A':
		return take_change(o, TALLY_CHANGE_ADD_HOST, arg);
	case 'R':
		return take_change(o, TALLY_CHANGE_REMOVE_HOST, arg);
	case 'M':
		return take_change(o, TALLY_CHANGE_MOVE, arg);
	case 'G':
		return take_change(o, TALLY_CHANGE_GROW, arg);
	case 'F':
		return take_format(o, arg);
	case 'a':
		o->all = true;
		return 0;
	case 's':
		o->strict = true;
		return 0;
	case 'o':
		return cli_take_one(&o->input, &o->out, "-o", arg);
	default:
		return cli_report_take(&o->inputs, &o->input, key, arg);
	}
}

static const struct argp_option argp_options[] = {
	CLI_REPORT_INPUTS,
	{ "add-host", 'A', "NAME,cores=N+N", 0,
	  "One host more, without machines: cores=N+N or like=HOST, and what is not as there", 1 },
	{ "remove-host", 'R', "NAME[,to=WHERE]", 0,
	  "One host less; its machines go to the rest of its cluster, or to=WHERE", 1 },
	{ "move", 'M', "MACHINES,to=WHERE", 0,
	  "Machines elsewhere: to=HOST, to=cluster:NAME or to=gone; host:NAME,to=cluster:NAME", 1 },
	{ "grow", 'G', "WHICH,KEY=N", 0,
	  "vcpus=N or copies=N[,to=WHERE] of machines, cores=N+N of hosts", 1 },
	{ "format", 'F', "FORMAT", 0, "text (the default), json or csv", 2 },
	{ NULL, 'o', "OUT", 0, "The file to write, or else standard output, which is -", 2 },
	{ "all", 'a', NULL, 0, "Also the positions that are the same, and all machines", 2 },
	{ "strict", 's', NULL, 0, "Exit 1 where what is held would not cover it", 2 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER|EXPORT... --from T --to T CHANGE...",
	"What if: works out the licence positions of a report, and those of the same estate with "
	"changes, by the same rules, side by side. Changes are made in the order in which they are "
	"given, as if they had always been so. Nothing is written into any ledger; what comes out "
	"is computed, not measured.\v"
	"Example:\n"
	"  tally simulate estate/* --from 2026-03 --to 2026-04 --remove-host h3 "
	"--grow 'web*,copies=20,to=cluster:c1'\n",
	NULL,
	NULL,
	NULL,
};

static int
write_out(const struct options *o, const struct tally_simulation *s, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status;

	if (o->format == JSON)
		tally_simulation_json(s, &text);
	else if (o->format == CSV)
		tally_simulation_csv(s, &text);
	else
		tally_simulation_text(s, &text, cli_text_width(o->out), o->all);
	status = tally_output_write(o->out, tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status;
}

static int
use_report(void *ctx, struct tally_report *r, const struct tally_report_options *ro,
	   struct tally_err *err)
{
	const struct options *o = ctx;
	struct tally_simulation *s;
	struct tally_bytes lines;
	int status;

	if (tally_simulation_make(&s, r, ro, o->changes, err) < 0)
		return -1;
	status = write_out(o, s, err);
	if (status == 0 && o->strict && tally_simulation_short(s, &lines) > 0)
		status = cli_report_short(lines, err);
	tally_simulation_free(s);
	return status;
}

static int
run(struct options *o, struct tally_err *err)
{
	struct tally_report_options ro = { 0 };

	if (cli_report_check(&o->inputs, "simulate", err) < 0)
		return -1;
	if (o->count == 0)
		return cli_missing("simulate", "change (--add-host, --remove-host, --move, --grow)",
				   err);
	if (!o->out)
		o->out = "-";
	return cli_report_make(&o->inputs, &ro, use_report, o, err);
}

int
cli_simulate(int argc, char **argv, struct tally_err *err)
{
	struct options o = { .changes = tally_changes_new() };
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status == 0)
		status = run(&o, err);
	tally_changes_free(o.changes);
	cli_report_inputs_deinit(&o.inputs);
	return status < 0 ? -1 : 0;
}
