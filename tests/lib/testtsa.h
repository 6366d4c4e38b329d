/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TESTTSA_H
#define TALLY_TESTTSA_H
/* A timestamping authority (RFC 3161) for tests, with the mistakes that a test asks for. */
#include "testca.h"
#include "tally/timestamp.h"

struct testtsa {
	EVP_PKEY *key;
	X509 *certificate;
	struct tally_buf der; /* of that */
	X509 *between;        /* enclosed too; NULL: none. The authority's own */
};
/* Named `wanted->cn`; NULL: good in every way, "Clock". `between`: what has issued it is
 * enclosed, as `ca` is not the root. */
void testtsa_init(struct testtsa *t, const struct testca *ca, const struct testca_leaf *wanted,
		  bool between);
void testtsa_deinit(struct testtsa *t);

struct testtsa_wish {
	const char *time; /* as it stands in the token; NULL: 20260301000000Z */
	int accuracy;     /* seconds; 0: none is told */
	bool negative;    /* that accuracy */
	int version;      /* 0: 1 */
	bool sha1_imprint, trailing, unenclosed;
	const uint8_t *nonce; /* NULL: none */
	const EVP_MD *digest; /* of the signature; NULL: SHA-256 */
	X509 *named;          /* in the signed attributes; NULL: the signer's */
};
void testtsa_token(struct tally_buf *out, const struct testtsa *t,
		   const uint8_t imprint[TALLY_HASH], const struct testtsa_wish *wish);
/* A whole reply around a token (with status 0), or with another status and none. */
void testtsa_reply(struct tally_buf *out, int status, struct tally_bytes token);

#endif
