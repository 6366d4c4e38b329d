/* SPDX-License-Identifier: Apache-2.0 */
/* `tally bench`: figures of this machine, each beside a baseline of the same run. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

struct options {
	struct cli_input input;
	const char *kind;
	bool json;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->kind, "KIND", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "json", 'j', NULL, 0, "A list of {case, batch, baseline, ours, ratio, unit}", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"KIND",
	"Measure this machine: KIND is append, verify or report. Works in a scratch folder under "
	"TMPDIR "
	"and takes up to a few minutes.\v"
	"Example:\n  TMPDIR=/var/tmp tally bench append --json\n",
	NULL,
	NULL,
	NULL,
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static const struct {
	const char *name;
	int (*run)(const char *dir, bool json, struct tally_buf *out, struct tally_err *err);
} kinds[] = {
	{ "append", tally_bench_append },
	{ "verify", tally_bench_verify },
	{ "report", tally_bench_report },
};

int
cli_bench(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_buf text = TALLY_BUF_INIT;
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	size_t k = 0;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.kind)
		return cli_missing("bench", "KIND", err);
	while (k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[k].name, o.kind) != 0)
		k++;
	if (k == sizeof(kinds) / sizeof(kinds[0]))
		return tally_err_set(err, TALLY_USE, "'%s' is none of append, verify, report",
				     o.kind);
	if (snprintf(dir, sizeof(dir), "%s/tally-bench.XXXXXX", tmp && tmp[0] ? tmp : "/tmp") >=
	    (int)sizeof(dir))
		return tally_err_set(err, TALLY_USE, "TMPDIR is too long");
	if (!mkdtemp(dir))
		return tally_err_sys(err, "%s", dir);
	status = kinds[k].run(dir, o.json, &text, err);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status;
}
