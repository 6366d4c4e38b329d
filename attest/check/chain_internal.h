/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHAIN_INTERNAL_H
#define CHAIN_INTERNAL_H
/* Certificates, as roots.c and chain.c share them. */
#include <openssl/x509.h>
#include "tally/enrolment.h"

#define CERTIFICATE_MAX 8192 /* bytes of DER */

/* A pinned certificate: a root, or one between. */
struct pinned {
	uint8_t hash[TALLY_HASH]; /* of its DER */
	enum tally_class class;
};
struct tally_roots {
	X509_STORE *store;
	STACK_OF(X509) * between;
	struct pinned *pinned; /* as often as they were given */
	size_t all, count;     /* of these, and of the roots */
};

/* NULL where these bytes are not one certificate. */
X509 *certificate_parse(struct tally_bytes der);
/* chain.c: whether a signature counts at all; whether a chain found no pinned root. */
bool chain_is_strong(X509 *x, X509 *issuer);
bool chain_is_unknown(int error);

#endif
