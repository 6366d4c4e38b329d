/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ENROL_RENEW_H
#define TALLY_CLI_ENROL_RENEW_H
/* A new attestation key in place of an enrolled one. */
#include "ledger.h"

/* Makes it, or finds the one that waits: its TPMT_PUBLIC is appended. */
int enrol_next_key(struct cli_ledger *l, struct tally_buf *public, struct tally_err *err);
/* Whether that is the one. */
bool enrol_key_waits(const char *ledger, struct tally_bytes ak);
/* Its record stands in the ledger: where `ak` is the one that waits, it is the ledger's
 * key from the TPM's next start on. */
int enrol_take_next_key(const char *ledger, struct tally_bytes ak, struct tally_err *err);

#endif
