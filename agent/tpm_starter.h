/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TPM_STARTER_H
#define AGENT_TPM_STARTER_H
/* Where the evidence side gets its TPM from: the helper, or a fake in tests. */
#include "tally/tpm.h"

struct tpm_starter {
	void *ctx;
	/* `dir`: the TPM's folder in the ledger. May take long. */
	int (*start)(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
		     struct tally_err *err);
	void (*stop)(void *ctx, struct tally_tpm *tpm);
};

#endif
