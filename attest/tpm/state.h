/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_STATE_H
#define TPM_STATE_H
/*
 * Where libtpms keeps its permanent state: the sealed file `state`. libtpms has
 * one TPM a process and gives its callbacks no context, so this is one too.
 */
#include "sealed.h"

/* Takes the folder (a descriptor that stays open). A missing or damaged state
 * is an error here, before libtpms could make a new TPM of it; only `create`
 * lets it make one, in a folder without any. */
int state_open(int dir, bool create, const uint8_t key[SEALED_KEY], const struct tally_disk *disk,
	       struct tally_err *err);
/* Takes the state before it instead, where `state` is damaged or gone: TALLY_USE where it is whole.
 * What is damaged is removed, so that the next store keeps nothing of it. */
int state_open_before(int dir, const uint8_t key[SEALED_KEY], const struct tally_disk *disk,
		      struct tally_err *err);
void state_close(void);

/* The error that put the TPM into failure mode, or NULL: libtpms answers a
 * state that it could not store by refusing everything until it is restarted. */
const struct tally_err *state_failure(void);

/* Registers the callbacks with libtpms. */
int state_register(struct tally_err *err);

#endif
