/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_TCTI_H
#define TPM_TCTI_H
/*
 * A TSS transport to the libtpms inside this process: a command is carried out
 * while it is transmitted, its response waits to be received.
 */
#include <tss2/tss2_tcti.h>

struct tally_err;

/* Powers the TPM on; its state is that of state.h. One at a time a process. */
int tcti_open(TSS2_TCTI_CONTEXT **out, struct tally_err *err);
void tcti_close(TSS2_TCTI_CONTEXT *tcti); /* powers it off; NULL ok */

#endif
