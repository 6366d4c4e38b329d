/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHAIN_INTERNAL_H
#define CHAIN_INTERNAL_H
/* Certificates, as roots.c and chain.c share them. */
#include <openssl/x509.h>
#include "tally/enrolment.h"

#define CERTIFICATE_MAX 8192 /* bytes of DER */

struct root {
	uint8_t hash[TALLY_HASH]; /* of its DER */
	enum tally_class class;
};
struct tally_roots {
	X509_STORE *store;
	STACK_OF(X509) * between;
	struct root *root;
	size_t count;
};

/* NULL where these bytes are not one certificate. */
X509 *certificate_parse(struct tally_bytes der);

#endif
