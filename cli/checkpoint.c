/* SPDX-License-Identifier: Apache-2.0 */
/* `tally checkpoint`: sign and attest the head, or ask the holder to. */
#include <errno.h>
#include <stdio.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/event.h"
#include "cli.h"
#include "ledger.h"
#include "witnesses.h"

struct options {
	struct cli_input input;
	const char *ledger;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key == ARGP_KEY_ARG)
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option argp_options[] = { { 0 } };
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER",
	"Sign the ledger's head, attest it with the TPM, keep it, and print the note. Where an "
	"agent "
	"holds the ledger, the agent does it. Where nothing is new, the last note is printed.\v"
	"Example:\n  tally checkpoint /var/lib/tallystick/ledger\n",
	NULL,
	NULL,
	NULL,
};

/* Whether what stands behind a checkpoint is receipts, which by themselves are no reason for
 * another one. */
static int
only_receipts(struct tally_store *s, uint64_t from, uint64_t to, struct tally_err *err)
{
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_header h = { .kind = TALLY_RECEIPT };
	int r = 1;

	for (uint64_t i = from; r > 0 && i < to && h.kind == TALLY_RECEIPT; i++) {
		r = tally_store_entry(s, i, &record, NULL, NULL, err);
		if (r > 0 && tally_record_read(&h, record.p, err) < 0)
			r = -1;
	}
	tally_buf_deinit(&record);
	return r < 0 ? -1 : h.kind == TALLY_RECEIPT;
}

/* The newest note covers every entry and carries its evidence, and no anchor is under
 * way. Starting the TPM would itself add an entry, so this is asked before. */
static int
is_fresh(struct tally_store *s, struct tally_err *err)
{
	struct tally_anchors anchors;
	struct cli_newest newest;
	uint8_t root[TALLY_HASH];
	uint64_t size;
	int r = tally_store_head(s, &size, root, err);

	if (r < 0)
		return -1;
	r = cli_newest_read(&newest, s, err);
	if (r > 0)
		r = tally_note_lines_of(&newest.note, newest.checkpoint.origin) > 1 &&
				    newest.checkpoint.size <= size
			    ? only_receipts(s, newest.checkpoint.size, size, err)
			    : 0;
	cli_newest_deinit(&newest);
	if (r > 0) {
		r = tally_store_anchors(s, &anchors, err);
		return r < 0 ? -1 : !anchors.open;
	}
	return r;
}

static int
make(const char *path, struct tally_err *err)
{
	struct cli_ledger l;
	int status;

	if (cli_ledger_open(&l, path, true, err) < 0)
		return -1;
	if (!l.store) {
		status = cli_ledger_ask(path, "{\"op\":\"checkpoint\"}", err);
	} else if ((status = is_fresh(l.store, err)) > 0) {
		/* Who asks again, may ask because of them. */
		status = cli_witnesses_ask(l.store, true, err);
	} else if (status == 0) {
		status = cli_ledger_seal(&l, false, err);
		if (status == 0)
			status = cli_ledger_checkpoint(&l, err);
		if (status >= 0)
			status = cli_ledger_anchor(&l, err);
		if (status < 0)
			(void)cli_ledger_prefix(path, err);
	}
	status = cli_ledger_close(&l, status, err);
	return status < 0 ? -1 : 0;
}

int
cli_checkpoint(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_store *store;
	struct cli_newest newest;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("checkpoint", "LEDGER", err);
	if (make(o.ledger, err) < 0 ||
	    tally_store_open(&store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	status = cli_newest_read(&newest, store, err);
	if (status > 0)
		status = cli_print(tally_buf_view(&newest.bytes), err);
	else if (status == 0)
		status = cli_no_checkpoint(o.ledger, err);
	cli_newest_deinit(&newest);
	tally_store_close(store);
	return status < 0 ? -1 : 0;
}
