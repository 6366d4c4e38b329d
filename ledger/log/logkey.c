/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's private key. It lives in libsodium's guarded memory: locked against
 * swapping, left out of core dumps, wiped when freed. The text of it is the
 * caller's to wipe.
 */
#include <sodium.h>
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"

struct tally_logkey {
	uint8_t seed[crypto_sign_ed25519_SEEDBYTES];
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
	struct tally_vkey vkey;
};

static const char prefix[] = "PRIVATE+KEY+";

/* The key of a name; the seed is filled in by the caller, then complete(). */
static struct tally_logkey *
new_key(struct tally_bytes name, struct tally_err *err)
{
	struct tally_logkey *k;

	if (!tally_name_valid(name)) {
		(void)tally_err_set(err, TALLY_USE, "not a key name: a space, a plus, or too long");
		return NULL;
	}
	log_crypto_init();
	k = sodium_malloc(sizeof(*k));
	if (!k) {
		(void)tally_err_sys(err, "memory for the log's key");
		return NULL;
	}
	memset(k, 0, sizeof(*k));
	memcpy(k->vkey.name, name.p, name.len);
	return k;
}

static void
complete(struct tally_logkey *k, uint8_t type)
{
	struct tally_buf typed = TALLY_BUF_INIT;

	TALLY_ASSERT(crypto_sign_ed25519_seed_keypair(k->vkey.key, k->secret, k->seed) == 0);
	k->vkey.type = type;
	log_key_typed(&typed, type, k->vkey.key);
	log_key_id(k->vkey.id, tally_bytes_str(k->vkey.name), tally_buf_view(&typed));
	tally_buf_deinit(&typed);
}

static int
generate(struct tally_logkey **out, const char *name, uint8_t type, struct tally_err *err)
{
	struct tally_logkey *k = new_key(tally_bytes_str(name), err);

	if (!k)
		return -1;
	randombytes_buf(k->seed, sizeof(k->seed));
	complete(k, type);
	*out = k;
	return 0;
}

int
tally_logkey_generate(struct tally_logkey **out, const char *name, struct tally_err *err)
{
	return generate(out, name, TALLY_SIG_ED25519, err);
}

int
tally_enrollerkey_generate(struct tally_logkey **out, const char *name, struct tally_err *err)
{
	return generate(out, name, TALLY_SIG_ENROLLER, err);
}

int
tally_logkey_parse(struct tally_logkey **out, struct tally_bytes text, struct tally_err *err)
{
	const size_t n = sizeof(prefix) - 1;
	struct tally_buf typed = TALLY_BUF_INIT;
	struct tally_logkey *k = NULL;
	struct tally_bytes name;
	uint8_t id[4], type = 0, seed[sizeof(k->seed)];

	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (text.len < n || memcmp(text.p, prefix, n) != 0 ||
	    !log_key_split(tally_bytes(text.p + n, text.len - n), &name, id, &typed) ||
	    !log_key_untyped(tally_buf_view(&typed), &type, seed) ||
	    type == TALLY_SIG_COSIGNATURE) {
		(void)tally_err_set(err, TALLY_FAILS, "not a private log key");
	} else {
		k = new_key(name, err);
	}
	if (k) {
		memcpy(k->seed, seed, sizeof(k->seed));
		complete(k, type);
		if (memcmp(k->vkey.id, id, sizeof(id)) != 0) {
			tally_logkey_free(k);
			k = NULL;
			(void)tally_err_set(err, TALLY_FAILS,
					    "the private key's id does not fit it");
		}
	}
	sodium_memzero(seed, sizeof(seed));
	if (typed.p)
		sodium_memzero(typed.p, typed.cap);
	tally_buf_deinit(&typed);
	*out = k;
	return k ? 0 : -1;
}

void
tally_logkey_text(const struct tally_logkey *k, struct tally_buf *out)
{
	struct tally_buf typed = TALLY_BUF_INIT;
	char hex[9];

	log_key_typed(&typed, k->vkey.type, k->seed);
	tally_hex(hex, k->vkey.id, sizeof(k->vkey.id));
	tally_buf_addf(out, "%s%s+%s+", prefix, k->vkey.name, hex);
	tally_buf_add_base64(out, typed.p, typed.len);
	tally_buf_add_u8(out, '\n');
	sodium_memzero(typed.p, typed.cap);
	tally_buf_deinit(&typed);
}

void
tally_logkey_free(struct tally_logkey *k)
{
	sodium_free(k);
}

const struct tally_vkey *
tally_logkey_vkey(const struct tally_logkey *k)
{
	return &k->vkey;
}

static int
sign(void *ctx, struct tally_bytes text, uint8_t signature[64], struct tally_err *err)
{
	const struct tally_logkey *k = ctx;

	if (crypto_sign_ed25519_detached(signature, NULL, text.p ? text.p : (const uint8_t *)"",
					 text.len, k->secret) != 0)
		return tally_err_set(err, TALLY_SYS, "Ed25519 does not sign");
	return 0;
}

struct tally_signer
tally_logkey_signer(struct tally_logkey *k)
{
	return (struct tally_signer){ k, &k->vkey, sign };
}
