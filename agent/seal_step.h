/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SEAL_STEP_H
#define AGENT_SEAL_STEP_H
/*
 * A checkpoint with evidence where the TPM answers, without where it does not:
 * the ledger goes on, and the evidence begins again when the helper does.
 */
#include "tally/clock.h"
#include "tally/store.h"
#include "tpm_starter.h"

struct seal_step;
/* `ledger_pcr`: 0 is that of the TPM's kind, whatever an earlier session had. */
struct seal_step *seal_step_new(struct tally_store *store, bool attest, unsigned ledger_pcr,
				const struct tpm_starter *tpm, const struct tally_clock *clock);
void seal_step_close(struct seal_step *s); /* NULL ok; stops the helper */
int seal_step_checkpoint(struct seal_step *s, struct tally_err *err);

#endif
