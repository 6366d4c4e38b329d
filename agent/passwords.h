/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PASSWORDS_H
#define AGENT_PASSWORDS_H
/* Passwords of the TPM's hierarchies, from the files that the configuration names. */
#include "config.h"

/* Copies them into the ledger, beside the TPM's state, where the helper reads them; what
 * is not configured stays as `tally init` left it. Nobody but the file's owner, who is
 * this user or root, may change it, and nobody but these and its group read it: else,
 * and where it holds no password, TALLY_USE. */
int passwords_place(const struct config *c, struct tally_err *err);

#endif
