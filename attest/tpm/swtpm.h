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

/* Connects; wire_close lets go. */
int swtpm_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *t, struct tally_err *err);
void swtpm_set_timeout(int connect_ms); /* for tests */

#endif
