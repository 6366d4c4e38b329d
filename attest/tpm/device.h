/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_DEVICE_H
#define TPM_DEVICE_H
/*
 * A TSS transport to a TPM of this machine, by the kernel's resource manager, which
 * keeps objects and sessions of its users apart.
 */
#include <tss2/tss2_tcti.h>
#include "transport.h"

#define DEVICE_RESPONSE_MS 30000

int device_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *t, struct tally_err *err);
/* For tests: instead of the device's this descriptor, which is taken, at the next open. */
void device_fake(int fd);

#endif
