/* SPDX-License-Identifier: Apache-2.0 */
/* `tally export`: the ledger at its newest checkpoint as static files. */
#include <errno.h>

#include "tally/err.h"
#include "tally/file.h"
#include "cli.h"
#include "ledger.h"

struct options {
	struct cli_input input;
	const char *ledger, *to;
	bool public_only;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 't':
		return cli_take_one(&o->input, &o->to, "--to", arg);
	case 'p':
		o->public_only = true;
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "to", 't', "DIR", 0, "The folder to write, new or empty", 0 },
	{ "public", 'p', NULL, 0, "Without private/: only what reveals no name and no tenant", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER --to DIR",
	"Write the ledger, as of its newest checkpoint, as a folder of static files: a log of "
	"c2sp.org/tlog-tiles, and private/ with payloads, notes and evidence.\v"
	"Example:\n  tally export /var/lib/tallystick/ledger --to h1.export\n",
	NULL,
	NULL,
	NULL,
};

static void
show(void *ctx, uint64_t done, uint64_t all)
{
	cli_progress_show(ctx, done, all);
}

/* Whoever holds the ledger makes an anchor where the newest is old, and a checkpoint over it.
 * Without a holder, or where it does not answer, the newest checkpoint is what there is. */
static void
freshen(const char *ledger)
{
	struct tally_err ignored = TALLY_ERR_INIT;

	(void)cli_ledger_ask(ledger, "{\"op\":\"checkpoint\"}", &ignored);
}

int
cli_export(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_store *store;
	struct cli_newest newest;
	struct cli_progress progress;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("export", "LEDGER", err);
	if (!o.to)
		return cli_missing("export", "--to DIR", err);
	freshen(o.ledger);
	if (tally_store_open(&store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = cli_newest_read(&newest, store, err);
	if (status == 0)
		status = cli_no_checkpoint(o.ledger, err);
	cli_newest_deinit(&newest);
	if (status > 0 && tally_dir_make_above(o.to, 0755, err) < 0)
		status = -1;
	cli_progress_begin(&progress, "export: entries");
	if (status > 0)
		status = tally_store_export(store, o.to, o.public_only, show, &progress, err);
	cli_progress_end(&progress);
	tally_store_close(store);
	return status < 0 ? -1 : 0;
}
