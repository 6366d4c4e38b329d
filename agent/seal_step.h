/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SEAL_STEP_H
#define AGENT_SEAL_STEP_H
/*
 * An attested checkpoint, with whatever it needs: the TPM's helper started, the
 * seal opened, and both let go of where they fail. One thread at a time, but
 * for cancel.
 */
#include "tally/store.h"
#include "tpm_starter.h"

struct seal_step;
/* What it needs to know of the ledger is copied. `ledger_pcr` 0: that of the TPM's
 * kind, whatever an earlier session had; `tpm` NULL: the real helper. */
struct seal_step *seal_step_new(const struct tally_journal *journal,
				const struct tally_store *store, unsigned ledger_pcr,
				const struct tpm_starter *tpm);
void seal_step_close(struct seal_step *s); /* NULL ok; stops the TPM */
/* 1 made, 0 nothing new, -1. After it the seal recovers, or is let go of. */
int seal_step_checkpoint(struct seal_step *s, struct tally_err *err);
/* An anchor, behind a checkpoint that was no failure: as tally_seal_anchor. One whose session
 * has none is due; others where `due`. */
int seal_step_anchor(struct seal_step *s, bool due, int64_t youngest, struct tally_anchors *out,
		     struct tally_err *err);
void seal_step_let_go(struct seal_step *s);
/* The next checkpoint begins with its note, and waits for no TPM before. */
bool seal_step_is_warm(const struct seal_step *s);
/* From any thread: the TPM's command that is under way fails, and all later ones. */
void seal_step_cancel(struct seal_step *s); /* NULL ok */

#endif
