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
	const char *kind, *keep;
	bool json;
	uint64_t events, machines, hosts;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case 'k':
		return cli_take_one(&o->input, &o->keep, "--keep", arg);
	case 'e':
		return cli_take_u64(&o->input, &o->events, "--events", arg);
	case 'm':
		return cli_take_u64(&o->input, &o->machines, "--machines", arg);
	case 'H':
		return cli_take_u64(&o->input, &o->hosts, "--hosts", arg);
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->kind, "KIND", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "json", 'j', NULL, 0, "A list of {case, batch, baseline, ours, ratio, unit}", 0 },
	{ "events", 'e', "N", 0, "Of the estate: events (10000000; of the bundle 1000000)", 0 },
	{ "machines", 'm', "N", 0, "Of the estate: virtual machines (20000; of the bundle 2000)",
	  0 },
	{ "hosts", 'H', "N", 0, "Of the estate: hosts, each with a ledger (200; of the bundle 20)",
	  0 },
	{ "keep", 'k', "DIR", 0,
	  "Of the estate: make it in this folder and leave it there, with its events as tables",
	  0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"KIND",
	"Measure this machine: KIND is append, verify, evidence, report, estate, month or bundle. "
	"Works in a "
	"scratch "
	"folder under TMPDIR and takes up to a few minutes.\v"
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
	int (*run)(const struct bench_options *o, struct tally_buf *out, struct tally_err *err);
} kinds[] = {
	{ "append", tally_bench_append },     { "verify", tally_bench_verify },
	{ "report", tally_bench_report },     { "estate", tally_bench_estate },
	{ "month", tally_bench_month },       { "bundle", tally_bench_bundle },
	{ "evidence", tally_bench_evidence },
};

static int
find_kind(const char *name, size_t *k, struct tally_err *err)
{
	for (*k = 0; *k < sizeof(kinds) / sizeof(kinds[0]); ++*k)
		if (strcmp(kinds[*k].name, name) == 0)
			return 0;
	return tally_err_set(
		err, TALLY_USE,
		"'%s' is none of append, verify, evidence, report, estate, month, bundle", name);
}

/* Into a folder that is removed again, or that is to stay. */
static int
run(const struct options *o, size_t kind, struct tally_buf *text, struct tally_err *err)
{
	struct bench_options b = { .json = o->json, .keep = o->keep != NULL };
	const char *tmp = getenv("TMPDIR");
	char dir[4096];
	int status;

	if (o->events > UINT32_MAX || o->machines > UINT32_MAX || o->hosts > UINT32_MAX)
		return tally_err_set(err, TALLY_USE, "no estate is that large");
	b.events = (unsigned)o->events;
	b.machines = (unsigned)o->machines;
	b.hosts = (unsigned)o->hosts;
	b.dir = o->keep ? o->keep : dir;
	if (o->keep)
		return kinds[kind].run(&b, text, err);
	if (snprintf(dir, sizeof(dir), "%s/tally-bench.XXXXXX", tmp && tmp[0] ? tmp : "/tmp") >=
	    (int)sizeof(dir))
		return tally_err_set(err, TALLY_USE, "TMPDIR is too long");
	if (!mkdtemp(dir))
		return tally_err_sys(err, "%s", dir);
	status = kinds[kind].run(&b, text, err);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return status;
}

/* What was not asked for. A bundle is of a smaller estate. */
static void
take_size(struct options *o, bool bundle)
{
	o->events = o->events ? o->events : bundle ? 1000000 : 10000000;
	o->machines = o->machines ? o->machines : bundle ? 2000 : 20000;
	o->hosts = o->hosts ? o->hosts : bundle ? 20 : 200;
}

int
cli_bench(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_buf text = TALLY_BUF_INIT;
	size_t kind;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.kind)
		return cli_missing("bench", "KIND", err);
	if (find_kind(o.kind, &kind, err) < 0)
		return -1;
	if (o.keep && kinds[kind].run != tally_bench_estate)
		return tally_err_set(err, TALLY_USE, "--keep is for the estate");
	take_size(&o, kinds[kind].run == tally_bench_bundle);
	status = run(&o, kind, &text, err);
	if (status == 0)
		status = cli_print(tally_buf_view(&text), err);
	tally_buf_deinit(&text);
	return status;
}
