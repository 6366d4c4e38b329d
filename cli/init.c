/* SPDX-License-Identifier: Apache-2.0 */
/* `tally init`: a new ledger, and the line to be pinned off the host. */
#include <errno.h>
#include <stdio.h>

#include "tally/err.h"
#include "tally/file.h"
#include "tally/note.h"
#include "tally/tpm.h"
#include "cli.h"
#include "ledger.h"

struct options {
	struct cli_input input;
	const char *ledger, *tpm, *origin;
	struct cli_passwords passwords;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 't':
		return cli_take_one(&o->input, &o->tpm, "--tpm", arg);
	case 'o':
		return cli_take_one(&o->input, &o->origin, "--origin", arg);
	case 'E':
		return cli_take_one(&o->input, &o->passwords.endorsement, "--endorsement-password",
				    arg);
	case 'O':
		return cli_take_one(&o->input, &o->passwords.owner, "--owner-password", arg);
	case ARGP_KEY_ARG:
		return cli_take_one(&o->input, &o->ledger, "LEDGER", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "tpm", 't', "TRANSPORT", 0,
	  "The TPM: libtpms (the default), a software TPM of the ledger's own, "
	  "device:/dev/tpmrm0, this machine's, or swtpm:host=H,port=P, one that runs already",
	  0 },
	{ "origin", 'o', "NAME", 0, "The log's name, by default tallystick.invalid/HOST-XXXXXXXX",
	  0 },
	{ "endorsement-password", 'E', "FILE", 0,
	  "The password of the TPM's endorsement hierarchy, where it has one", 0 },
	{ "owner-password", 'O', "FILE", 0, "The same of its owner hierarchy", 0 },
	{ 0 },
};
static const struct argp argp = {
	argp_options,
	parse,
	"LEDGER",
	"Make a ledger with its TPM and its log key, and print the key's verification line on "
	"standard "
	"output. Keep that line off the host: only what was pinned elsewhere anchors a verdict.\v"
	"Example:\n  tally init /var/lib/tallystick/ledger > h1.vkey\n",
	NULL,
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
	if (!o.tpm)
		o.tpm = "libtpms";
	if (tally_tpm_check_transport(o.tpm, err) < 0)
		return tally_err_prefix(err, "--tpm");
	if (o.origin && !tally_name_valid(tally_bytes_str(o.origin)))
		return tally_err_set(
			err, TALLY_USE,
			"--origin: a name is 1 to 255 bytes of UTF-8 without blank and '+'");
	if (tally_dir_make_above(o.ledger, 0755, err) < 0)
		return -1;
	if (cli_ledger_succeed(o.ledger, o.tpm, o.origin, NULL, &o.passwords, err) < 0)
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
