/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TPM_H
#define SIM_TPM_H
/*
 * The fake TPM behind a helper that can be slow, fail before or after its work,
 * and die; with a chip that outlives the helper, or with a state that begins
 * again with it.
 */
#include <stdbool.h>

#include "agent.h"
#include "faketpm.h"

struct host;

struct sim_tpm {
	struct host *host;
	struct faketpm chip;
	struct tally_tpm table; /* what the agent holds */
	struct tpm_starter starter;
	bool in_helper; /* the state is the helper's: a new helper, a new session */
	bool helper;    /* one runs */
	bool orderly;   /* the last one was stopped in order */
	bool broken;    /* this helper answers no more */
	int64_t dead_until;
	unsigned fail_percent, slow_percent, foreign_percent;
};

void tpm_init(struct sim_tpm *t, struct host *h, bool in_helper);
void tpm_deinit(struct sim_tpm *t);
void tpm_power(struct sim_tpm *t);  /* the machine boots */
void tpm_resume(struct sim_tpm *t); /* the machine wakes up */
void tpm_helper_dies(struct sim_tpm *t);

#endif
