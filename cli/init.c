/* SPDX-License-Identifier: Apache-2.0 */
/* `tally init`: a new ledger, and the line to be pinned off the host. */
#include <errno.h>
#include <stdio.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/note.h"
#include "cli.h"
#include "ledger.h"
#include "tpm_options.h"

struct options {
	struct cli_input input;
	const char *ledger;
	struct cli_tpm_options made;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		cli_tpm_init(state, &o->made, &o->input);
		return 0;
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	NULL,
	parse,
	"LEDGER",
	"Make a ledger with its TPM and its log key, and print the key's verification line on "
	"standard "
	"output. Keep that line off the host: only what was pinned elsewhere anchors a verdict.\v"
	"Example:\n  tally init /var/lib/tallystick/ledger > h1.vkey\n",
	cli_tpm_children,
	NULL,
	NULL,
};

int
cli_init(int argc, char **argv, struct tally_err *err)
{
	struct options o = { 0 };
	struct tally_store *store;
	struct tally_buf vkey = TALLY_BUF_INIT;
	int status = cli_parse(&argp, argc, argv, &o.input, err);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (!o.ledger)
		return cli_missing("init", "LEDGER", err);
	if (cli_tpm_check(&o.made, err) < 0)
		return -1;
	if (tally_dir_make_above(o.ledger, 0755, err) < 0)
		return -1;
	if (cli_ledger_succeed(o.ledger, o.made.tpm, o.made.origin, NULL, &o.made.passwords, err) <
	    0)
		return cli_ledger_prefix(o.ledger, err);
	if (tally_store_open(&store, o.ledger, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	tally_vkey_text(&vkey, tally_store_vkey(store));
	tally_buf_add_u8(&vkey, '\n');
	status = cli_print(tally_buf_view(&vkey), err);
	tally_buf_deinit(&vkey);
	tally_store_close(store);
	return status;
}
