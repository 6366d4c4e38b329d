/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_SWTPM_H
#define TPM_SWTPM_H
/*
 * A TSS transport to a running swtpm over TCP. Its data socket carries bare
 * commands and responses; its control socket, which could power the TPM off and
 * reset it, is left alone: that is for the one who started it.
 */
#include <tss2/tss2_tcti.h>
#include "transport.h"

/* Connects. After the first failure of the connection it stays closed, for the
 * state of an unanswered command is unknown. One at a time a process. */
int swtpm_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *t, struct tally_err *err);
void swtpm_close(TSS2_TCTI_CONTEXT *tcti); /* NULL ok */

/* What ended the connection, or NULL. */
const struct tally_err *swtpm_failure(void);
/* For tests: how long a connection and a response may take. */
void swtpm_set_timeouts(int connect_ms, int response_ms);

#endif
