/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_HELPER_H
#define TPM_HELPER_H
/* Finds the helper, starts it and buries it. */
#include <stdbool.h>
#include <sys/types.h>
#include "tally/bytes.h"

struct tally_err;

/* The path of the helper: `given`, else TALLY_TPM_HELPER, else beside this
 * program (or where its build folder has it), else the installed one. */
void helper_find(struct tally_buf *path, const char *given);
/* Starts it; `*fd` is our end of the pair. */
int helper_spawn(const char *path, const char *dir, const char *transport, bool create, int *fd,
		 pid_t *pid, struct tally_err *err);
/* Waits for its end, kills it where that takes longer than `timeout_ms`, and
 * says in words how it ended. */
void helper_reap(pid_t pid, int timeout_ms, char *how, size_t size);

/* client.c, for tests: how long a started helper may take to answer. */
struct tally_tpm;
void client_set_timeout(struct tally_tpm *tpm, int timeout_ms);

#endif
