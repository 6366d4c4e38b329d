/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies and tokens of timestamping authorities. Bytes 0-31 are the imprint and
 * 32-39 the nonce; the rest is a reply, and a token too. What is taken out of a
 * reply is a token that says the same alone.
 */
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD (TALLY_HASH + TALLY_TIMESTAMP_NONCE)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_roots *roots;
	struct tally_timestamp t;
	struct tally_bytes in, token;
	struct tally_err err;

	if (size < HEAD)
		return 0;
	in = tally_bytes(data + HEAD, size - HEAD);
	roots = tally_roots_new();
	if (tally_timestamp_reply(&token, in, data, data + TALLY_HASH, &err) == 0) {
		TALLY_ASSERT(token.p >= in.p && token.p + token.len <= in.p + in.len);
		in = token;
	}
	/* Without a pinned root nothing is ever vouched for. */
	TALLY_ASSERT(tally_timestamp_check(&t, roots, in, data, &err) <= 0);
	tally_roots_free(roots);
	return 0;
}
