/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM and the name of a ledger that is to be made. */
#include "tpm_options.h"

#include <errno.h>

#include "tally/err.h"
#include "tally/note.h"

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct cli_tpm_options *o = state->input;

	switch (key) {
	case 't':
		return cli_take_one(o->input, &o->tpm, "--tpm", arg);
	case 'o':
		return cli_take_one(o->input, &o->origin, "--origin", arg);
	case 'E':
		return cli_take_one(o->input, &o->passwords.endorsement, "--endorsement-password",
				    arg);
	case 'O':
		return cli_take_one(o->input, &o->passwords.owner, "--owner-password", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
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
static const struct argp argp = { options, parse, NULL, NULL, NULL, NULL, NULL };
const struct argp_child cli_tpm_children[] = { { &argp, 0, NULL, 0 }, { 0 } };

void
cli_tpm_init(struct argp_state *state, struct cli_tpm_options *o, struct cli_input *input)
{
	o->input = input;
	state->child_inputs[0] = o;
}

int
cli_tpm_check(struct cli_tpm_options *o, struct tally_err *err)
{
	if (!o->tpm)
		o->tpm = "libtpms";
	if (tally_tpm_check_transport(o->tpm, err) < 0)
		return tally_err_prefix(err, "--tpm");
	if (o->origin && !tally_name_valid(tally_bytes_str(o->origin)))
		return tally_err_set(
			err, TALLY_USE,
			"--origin: a name is 1 to 255 bytes of UTF-8 without blank and '+'");
	return 0;
}
