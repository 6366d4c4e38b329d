/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_TRANSPORT_H
#define TPM_TRANSPORT_H
/*
 * Which TPM: the text that `tally init --tpm` takes and the ledger keeps.
 *
 *	libtpms                     the ledger's own, inside tallyd-tpm
 *	swtpm:host=HOST,port=PORT   a running swtpm's TCP socket
 *	device:/dev/tpmrmN          a TPM of this machine, by the kernel's resource manager
 */
#include <stdint.h>

struct tally_err;

enum tpm_transport_kind { TPM_LIBTPMS, TPM_SWTPM, TPM_DEVICE };
struct tpm_transport {
	enum tpm_transport_kind kind;
	const char *name; /* of the kind, as a session statement has it */
	char host[254];   /* or the device's path */
	uint16_t port;
};

/* A mistake is named with its character, from 1 (TALLY_USE). */
int transport_parse(struct tpm_transport *out, const char *text, struct tally_err *err);

#endif
