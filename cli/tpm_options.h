/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_TPM_OPTIONS_H
#define TALLY_CLI_TPM_OPTIONS_H
/* Options of whoever makes a ledger: --tpm, --origin, passwords of the TPM. A child of
 * that command's argp parser. */
#include "cli.h"
#include "ledger.h"

struct cli_tpm_options {
	struct cli_input *input; /* the command's */
	const char *tpm, *origin;
	struct cli_passwords passwords;
};
extern const struct argp_child cli_tpm_children[];
/* For ARGP_KEY_INIT of the command: hands the child its input. */
void cli_tpm_init(struct argp_state *state, struct cli_tpm_options *o, struct cli_input *input);
/* libtpms where none was given; TALLY_USE for a transport or name that is none. */
int cli_tpm_check(struct cli_tpm_options *o, struct tally_err *err);

#endif
