/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_WITNESSES_H
#define TALLY_CLI_WITNESSES_H
/* The witnesses that an agent of this ledger asks, asked by whoever signs in its place. */
#include "tally/store.h"

struct tally_err;

/* Asks about the newest note, ten seconds at most; without a policy in the ledger's folder it asks
 * nobody. Cosignatures and a receipt are kept. -1 where the ledger is closed for signing now; that
 * no quorum was had is told on stderr where `tells`, and is no failure. */
int cli_witnesses_ask(struct tally_store *s, bool tells, struct tally_err *err);

#endif
