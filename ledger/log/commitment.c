/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salts from the seed, and commitments to groups (docs/FORMAT.md section 1).
 * A commitment's first byte names its group, so that one group's bytes can
 * never be shown as another's.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>
#include "log_internal.h"
#include "tally/entry.h"
#include "tally/err.h"

#define COMMITMENT_TAG 0x11 /* of the first group */

void
tally_salts(uint8_t out[TALLY_GROUPS][TALLY_SALT], const uint8_t seed[TALLY_SEED])
{
	uint8_t all[TALLY_GROUPS * TALLY_SALT];

	log_crypto_init();
	TALLY_ASSERT(crypto_generichash_blake2b(all, sizeof(all), NULL, 0, seed, TALLY_SEED) == 0);
	for (int k = 0; k < TALLY_GROUPS; k++)
		memcpy(out[k], all + k * TALLY_SALT, TALLY_SALT);
}

void
tally_commitment(uint8_t out[TALLY_HASH], unsigned group, const uint8_t salt[TALLY_SALT],
		 struct tally_bytes bytes)
{
	uint8_t small[LOG_SHORT];
	const uint8_t tag = (uint8_t)(COMMITMENT_TAG + group);
	struct tally_sha256 *h;

	TALLY_ASSERT(group < TALLY_GROUPS);
	if (bytes.len <= sizeof(small) - 1 - TALLY_SALT) {
		small[0] = tag;
		memcpy(small + 1, salt, TALLY_SALT);
		if (bytes.len > 0)
			memcpy(small + 1 + TALLY_SALT, bytes.p, bytes.len);
		tally_sha256(out, tally_bytes(small, 1 + TALLY_SALT + bytes.len));
		return;
	}
	h = tally_sha256_new();
	tally_sha256_add(h, &tag, 1);
	tally_sha256_add(h, salt, TALLY_SALT);
	tally_sha256_add(h, bytes.p, bytes.len);
	tally_sha256_end(h, out);
	tally_sha256_free(h);
}

void
tally_prepare(struct tally_prepared *out, uint8_t kind, uint16_t flags,
	      const uint8_t seed[TALLY_SEED], const struct tally_bytes groups[TALLY_GROUPS])
{
	uint8_t salts[TALLY_GROUPS][TALLY_SALT];

	out->kind = kind;
	out->flags = flags;
	memcpy(out->seed, seed, TALLY_SEED);
	tally_salts(salts, seed);
	for (unsigned k = 0; k < TALLY_GROUPS; k++) {
		out->group[k] = groups[k];
		tally_commitment(out->commitment[k], k, salts[k], groups[k]);
	}
}

void
tally_seeds(uint8_t (*seeds)[TALLY_SEED], size_t n)
{
	/* Up to 256 bytes come whole once the generator is seeded at boot. */
	const size_t most = 256 / TALLY_SEED;

	while (n > 0) {
		size_t now = n < most ? n : most;
		ssize_t got = getrandom(seeds, now * TALLY_SEED, 0);

		if (got < 0 && errno == EINTR)
			continue;
		TALLY_ASSERT(got == (ssize_t)(now * TALLY_SEED));
		seeds += now;
		n -= now;
	}
}

void
tally_seed(uint8_t seed[TALLY_SEED])
{
	tally_seeds((uint8_t(*)[TALLY_SEED])seed, 1);
}
