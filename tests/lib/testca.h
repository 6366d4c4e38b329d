/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TESTCA_H
#define TALLY_TESTCA_H
/*
 * A manufacturer for tests: roots, authorities between, and certificates of
 * endorsement keys, each with the mistakes that a test asks for.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "tally/bytes.h"

struct testca {
	EVP_PKEY *key;
	X509 *certificate;
};
struct testca_leaf {
	const char *cn;        /* NULL: no subject */
	const char *eku;       /* dotted; NULL: 2.23.133.8.1; "": no such extension */
	const char *model;     /* tpmModel of the alternative name; NULL: "SLB 9672" */
	const char *from, *to; /* ASN.1 times; NULL: 2025 to 2035 */
	const EVP_MD *digest;  /* NULL: SHA-256 */
	bool ca;               /* an authority's */
	const char *usage;     /* NULL: keyAgreement, keyEncipherment */
};
/* A root named `cn`, or with `above` an authority that it issues. */
void testca_init(struct testca *ca, const char *cn, const struct testca *above);
void testca_deinit(struct testca *ca);
void testca_der(struct tally_buf *out, X509 *x);
void testca_pem(struct tally_buf *out, X509 *x);
/* Of `key`, by `ca`; in DER, appended. */
void testca_issue(struct tally_buf *out, const struct testca *ca, EVP_PKEY *key,
		  const struct testca_leaf *wanted);
/* TPMT_PUBLIC of an endorsement key of a template that a faketpm has not: RSA 2048
 * (L-1) or ECC P-384 (H-3), by the kind of key. */
void testca_public(struct tally_buf *out, EVP_PKEY *key);

#endif
