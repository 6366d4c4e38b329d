/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TIMESTAMP_H
#define TALLY_TIMESTAMP_H
/*
 * Timestamps of RFC 3161 over a checkpoint: the query, the reply, and the token
 * that stays (FORMAT.md section 25). The imprint is the SHA-256 of the
 * checkpoint's note text. PURE: no network, no clock.
 */
#include "tally/bytes.h"

struct tally_err;
struct tally_roots; /* tally/enrolment.h; here of timestamping authorities */

#define TALLY_TIMESTAMP_MAX   32768 /* bytes of a token */
#define TALLY_TIMESTAMP_NONCE 8

/* A TimeStampReq (DER, appended) that asks for the authority's certificates too. */
void tally_timestamp_query(struct tally_buf *out, const uint8_t imprint[TALLY_HASH],
			   const uint8_t nonce[TALLY_TIMESTAMP_NONCE]);
/* The token out of a TimeStampResp, as it stands there: a view. -1 (TALLY_FAILS)
 * where it is malformed, refuses, or answers another query. */
int tally_timestamp_reply(struct tally_bytes *token, struct tally_bytes reply,
			  const uint8_t imprint[TALLY_HASH],
			  const uint8_t nonce[TALLY_TIMESTAMP_NONCE], struct tally_err *err);

struct tally_timestamp {
	int64_t time;       /* genTime, ns since 1970 */
	int64_t accuracy;   /* ns that it may be off, to either side */
	uint64_t by, since; /* time with accuracy, in whole seconds outward */
	char policy[128];   /* dotted */
	char name[128];     /* of the certificate, as it prints */
};
/* A token over this imprint. 1: its authority leads to one of the roots; 0: it is
 * well made, but leads to none (NULL: no roots); -1 (TALLY_FAILS): malformed, over
 * something else, its signature does not hold, or its certificate is not for
 * timestamps alone or was not valid at that time. */
int tally_timestamp_check(struct tally_timestamp *out, const struct tally_roots *roots,
			  struct tally_bytes token, const uint8_t imprint[TALLY_HASH],
			  struct tally_err *err);

#endif
