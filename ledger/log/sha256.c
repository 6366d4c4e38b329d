/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by OpenSSL, which uses the CPU's SHA instructions. The algorithm is
 * fetched once (a fetch for each hash costs more than a hash) and each thread
 * keeps one context. A hash cannot fail: where OpenSSL says so, memory is gone.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "log_internal.h"
#include "tally/entry.h"
#include "tally/err.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_exit;
static EVP_MD *algorithm;
static _Thread_local EVP_MD_CTX *mine;

static void
free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void
fetch(void)
{
	algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	TALLY_ASSERT(algorithm);
	TALLY_ASSERT(pthread_key_create(&at_thread_exit, free_context) == 0);
}

static EVP_MD_CTX *
new_context(void)
{
	EVP_MD_CTX *context;

	TALLY_ASSERT(pthread_once(&once, fetch) == 0);
	context = EVP_MD_CTX_new();
	TALLY_ASSERT(context);
	TALLY_ASSERT(EVP_DigestInit_ex2(context, algorithm, NULL));
	return context;
}

void
tally_sha256(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	if (!mine) {
		mine = new_context();
		TALLY_ASSERT(pthread_setspecific(at_thread_exit, mine) == 0);
	} else {
		TALLY_ASSERT(EVP_DigestInit_ex2(mine, NULL, NULL));
	}
	TALLY_ASSERT(EVP_DigestUpdate(mine, in.p, in.len));
	TALLY_ASSERT(EVP_DigestFinal_ex(mine, out, NULL));
}

void
tally_hash_leaf(uint8_t out[TALLY_HASH], struct tally_bytes entry)
{
	uint8_t small[LOG_SHORT];
	struct tally_sha256 *h;

	if (entry.len < sizeof(small)) {
		small[0] = 0;
		if (entry.len > 0)
			memcpy(small + 1, entry.p, entry.len);
		tally_sha256(out, tally_bytes(small, entry.len + 1));
		return;
	}
	h = tally_sha256_new();
	tally_sha256_add(h, "", 1);
	tally_sha256_add(h, entry.p, entry.len);
	tally_sha256_end(h, out);
	tally_sha256_free(h);
}

void
tally_hash_node(uint8_t out[TALLY_HASH], const uint8_t l[TALLY_HASH], const uint8_t r[TALLY_HASH])
{
	uint8_t in[1 + 2 * TALLY_HASH] = { 1 };

	memcpy(in + 1, l, TALLY_HASH);
	memcpy(in + 1 + TALLY_HASH, r, TALLY_HASH);
	tally_sha256(out, tally_bytes(in, sizeof(in)));
}

struct tally_sha256 {
	EVP_MD_CTX *context;
};

struct tally_sha256 *
tally_sha256_new(void)
{
	struct tally_sha256 *h = tally_alloc(sizeof(*h));

	h->context = new_context();
	return h;
}

void
tally_sha256_add(struct tally_sha256 *h, const void *p, size_t n)
{
	TALLY_ASSERT(EVP_DigestUpdate(h->context, p, n));
}

void
tally_sha256_end(struct tally_sha256 *h, uint8_t out[TALLY_HASH])
{
	TALLY_ASSERT(EVP_DigestFinal_ex(h->context, out, NULL));
	TALLY_ASSERT(EVP_DigestInit_ex2(h->context, NULL, NULL));
}

void
tally_sha256_free(struct tally_sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->context);
	free(h);
}
