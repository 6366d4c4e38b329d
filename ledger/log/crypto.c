/* SPDX-License-Identifier: Apache-2.0 */
/* libsodium's begin, its Ed25519, and key ids. */
#include <pthread.h>
#include <sodium.h>
#include "log_internal.h"
#include "tally/entry.h"
#include "tally/err.h"

static void
init(void)
{
	TALLY_ASSERT(sodium_init() >= 0);
}

void
log_crypto_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	TALLY_ASSERT(pthread_once(&once, init) == 0);
}

bool
log_ed25519_verify(const uint8_t signature[64], struct tally_bytes message, const uint8_t key[32])
{
	log_crypto_init();
	return crypto_sign_ed25519_verify_detached(signature,
						   message.p ? message.p : (const uint8_t *)"",
						   message.len, key) == 0;
}

void
log_key_id(uint8_t out[4], struct tally_bytes name, struct tally_bytes type_and_key)
{
	struct tally_buf in = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];

	tally_buf_add_bytes(&in, name);
	tally_buf_add_u8(&in, '\n');
	tally_buf_add_bytes(&in, type_and_key);
	tally_sha256(hash, tally_buf_view(&in));
	for (int i = 0; i < 4; i++)
		out[i] = hash[i];
	tally_buf_deinit(&in);
}
