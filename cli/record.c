/* SPDX-License-Identifier: Apache-2.0 */
/* `tally record`: recorded events into one ledger a host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tally/err.h"
#include "tally/file.h"
#include "cli.h"
#include "record.h"

struct options {
	struct cli_input input;
	const char *folder, *from;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		return cli_take_one(&o->input, &o->from, "--from", arg);
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->folder, "FOLDER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "from", 'f', "EVENTS.jsonl", 0, "The file of recorded events", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"FOLDER --from EVENTS.jsonl",
	"Bring recorded events in: one ledger a host, FOLDER/<host>, made with a software TPM "
	"where it "
	"is absent; the verification lines of those are printed. The whole file is checked before "
	"anything is stored; a repeat after a crash "
	"goes on "
	"where it stopped; a second import of the same file is refused.\v"
	"Example:\n  tally record /var/lib/tallystick/history --from march.jsonl\n",
	NULL,
	NULL,
	NULL,
};

/* One of these is left to do, or the file was imported before. */
static int
check_new(const struct record_plan *plan, struct tally_err *err)
{
	char hex[2 * TALLY_HASH + 1];

	for (size_t i = 0; i < plan->count; i++) {
		const struct record_host *h = plan->hosts[i];

		if (h->progress != RECORD_NEW && h->records != h->count)
			return tally_err_set(err, TALLY_FAILS,
					     "%s: its import entry of this file announces %llu "
					     "events, the file has %zu",
					     h->path, (unsigned long long)h->records, h->count);
	}
	for (size_t i = 0; i < plan->count; i++)
		if (plan->hosts[i]->progress != RECORD_DONE || !plan->hosts[i]->sealed)
			return 0;
	tally_hex(hex, plan->hash, TALLY_HASH);
	return tally_err_set(err, TALLY_USE, "%s: this file was imported before (SHA-256 %s)",
			     plan->path, hex);
}

static int
import(struct record_plan *plan, const char *folder, struct tally_err *err)
{
	struct tally_buf vkeys = TALLY_BUF_INIT;
	struct tally_err ignored = TALLY_ERR_INIT;
	struct cli_progress progress;
	uint64_t stored = 0, before = 0;
	int status;

	status = tally_dir_make_above(folder, 0755, err);
	if (status == 0)
		status = tally_dir_make(folder, 0700, err);
	cli_progress_begin(&progress, "record: stored");
	for (size_t i = 0; i < plan->count && status == 0; i++) {
		before += plan->hosts[i]->progress == RECORD_DONE ? plan->hosts[i]->count
								  : plan->hosts[i]->have;
		status = record_import_host(plan, plan->hosts[i], &stored, &progress, &vkeys, err);
	}
	cli_progress_end(&progress);
	/* Keys of ledgers that were made are told in any case: they cannot be asked for off the
	 * host. */
	if (vkeys.len > 0 && cli_print(tally_buf_view(&vkeys), status < 0 ? &ignored : err) < 0)
		status = -1;
	tally_buf_deinit(&vkeys);
	if (status < 0)
		return -1;
	/* A comment to whoever pins the lines before it. */
	printf("# %llu %s of %zu %s recorded", (unsigned long long)stored,
	       stored == 1 ? "event" : "events", plan->count, plan->count == 1 ? "host" : "hosts");
	if (before > 0)
		printf(", %llu were there already", (unsigned long long)before);
	printf("\n");
	return 0;
}

int
cli_record(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct cli_progress progress;
	struct record_plan plan;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.folder)
		return cli_missing("record", "FOLDER", err);
	if (!o.from)
		return cli_missing("record", "--from EVENTS.jsonl", err);
	if (strcmp(o.from, "-") == 0)
		return tally_err_set(err, TALLY_USE,
				     "--from: the file is read more than once, '-' will not do");
	cli_progress_begin(&progress, "record: bytes checked");
	status = record_plan_make(&plan, o.folder, o.from, &progress, err);
	cli_progress_end(&progress);
	if (status == 0)
		status = check_new(&plan, err);
	if (status == 0)
		status = import(&plan, o.folder, err);
	record_plan_deinit(&plan);
	return status < 0 ? -1 : 0;
}
