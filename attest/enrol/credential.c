/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM2_MakeCredential without a TPM (TPM library specification, part 1, sections
 * 11.4.10 and 24, annexes B.10.4 and C.6.4). The seed goes to the endorsement key,
 * by OAEP or by an ephemeral Diffie-Hellman; everything else follows from it.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/err.h"

#define HASH_MAX  48
#define FIELD_MAX 48
#define AK_NAME   34

static const char identity[] = "IDENTITY"; /* with its zero byte */

static const EVP_MD *
digest_of(const struct tally_ek *ek)
{
	return ek->hash == 384 ? EVP_sha384() : EVP_sha256();
}

/* KDFa of part 1, section 11.4.10.2: one block is always enough here. */
static void
kdf_a(const struct tally_ek *ek, const uint8_t *key, const char *label, struct tally_bytes context,
      unsigned bits, uint8_t out[HASH_MAX])
{
	struct tally_buf message = TALLY_BUF_INIT;
	unsigned len = 0;

	TALLY_ASSERT(bits <= ek->hash);
	tally_buf_add_u32(&message, 1);
	tally_buf_add(&message, label, strlen(label) + 1);
	tally_buf_add_bytes(&message, context);
	tally_buf_add_u32(&message, bits);
	TALLY_ASSERT(HMAC(digest_of(ek), key, (int)ek->hash / 8, message.p, message.len, out,
			  &len) != NULL);
	tally_buf_deinit(&message);
}

/* KDFe of section 11.4.10.3, one block too. */
static void
kdf_e(const struct tally_ek *ek, const uint8_t *z, struct tally_bytes u, struct tally_bytes v,
      uint8_t out[HASH_MAX])
{
	struct tally_buf message = TALLY_BUF_INIT;
	unsigned len = 0;

	tally_buf_add_u32(&message, 1);
	tally_buf_add(&message, z, v.len);
	tally_buf_add(&message, identity, sizeof(identity));
	tally_buf_add_bytes(&message, u);
	tally_buf_add_bytes(&message, v);
	TALLY_ASSERT(EVP_Digest(message.p, message.len, out, &len, digest_of(ek), NULL) == 1);
	OPENSSL_cleanse(message.p, message.len);
	tally_buf_deinit(&message);
}

static EVP_PKEY *
load(const char *kind, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL), *checker = NULL;
	EVP_PKEY *key = NULL;

	TALLY_ASSERT(ctx && EVP_PKEY_fromdata_init(ctx) == 1);
	if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1)
		checker = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (!checker || EVP_PKEY_public_check(checker) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(checker);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
load_rsa(const struct tally_ek *ek)
{
	/* OSSL_PARAM has numbers in the machine's order. */
	uint8_t modulus[256];
	unsigned exponent = 65537;
	OSSL_PARAM params[3];

	for (size_t i = 0; i < sizeof(modulus); i++)
		modulus[i] = ek->modulus.p[sizeof(modulus) - 1 - i];
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus));
	params[1] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent);
	params[2] = OSSL_PARAM_construct_end();
	return load("RSA", params);
}

static EVP_PKEY *
load_ecc(const struct tally_ek *ek)
{
	uint8_t point[1 + 2 * FIELD_MAX] = { 0x04 };
	char group[16] = "prime256v1";
	OSSL_PARAM params[3];

	if (ek->x.len == 48)
		memcpy(group, "secp384r1", sizeof("secp384r1"));
	memcpy(point + 1, ek->x.p, ek->x.len);
	memcpy(point + 1 + ek->x.len, ek->y.p, ek->y.len);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
						      1 + 2 * ek->x.len);
	params[2] = OSSL_PARAM_construct_end();
	return load("EC", params);
}

/* A random seed under OAEP with the label. */
static int
seed_by_rsa(const struct tally_ek *ek, uint8_t seed[HASH_MAX], struct tally_buf *out,
	    struct tally_err *err)
{
	EVP_PKEY *key = load_rsa(ek);
	EVP_PKEY_CTX *ctx;
	size_t len = 256;
	void *label;

	if (!key)
		return tally_err_set(err, TALLY_FAILS, "endorsement key: no RSA key");
	TALLY_ASSERT(RAND_bytes(seed, (int)ek->hash / 8) == 1);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	label = OPENSSL_memdup(identity, sizeof(identity)); /* the context frees it */
	TALLY_ASSERT(ctx && label && EVP_PKEY_encrypt_init(ctx) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest_of(ek)) == 1 &&
		     EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest_of(ek)) == 1 &&
		     EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(identity)) == 1 &&
		     EVP_PKEY_encrypt(ctx, tally_buf_grow(out, len), &len, seed, ek->hash / 8) ==
			     1 &&
		     len == 256);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return 0;
}

/* One ephemeral key; false where a number begins with a zero byte, which some TPMs
 * leave out and others do not: then another one is taken. */
static bool
try_ecdh(const struct tally_ek *ek, EVP_PKEY *theirs, uint8_t point[1 + 2 * FIELD_MAX],
	 uint8_t z[FIELD_MAX])
{
	size_t n = ek->x.len, len = 1 + 2 * n, shared = n;
	EVP_PKEY *ours = EVP_EC_gen(n == 48 ? "P-384" : "P-256");
	EVP_PKEY_CTX *ctx;

	TALLY_ASSERT(ours && EVP_PKEY_get_octet_string_param(ours, OSSL_PKEY_PARAM_PUB_KEY, point,
							     len, &len) == 1);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	TALLY_ASSERT(ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		     EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
		     EVP_PKEY_derive(ctx, z, &shared) == 1 && shared == n && len == 1 + 2 * n);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ours);
	return z[0] != 0 && point[1] != 0 && point[1 + n] != 0;
}

static int
seed_by_ecdh(const struct tally_ek *ek, uint8_t seed[HASH_MAX], struct tally_buf *out,
	     struct tally_err *err)
{
	uint8_t point[1 + 2 * FIELD_MAX], z[FIELD_MAX];
	EVP_PKEY *theirs = load_ecc(ek);
	size_t n = ek->x.len;

	if (!theirs)
		return tally_err_set(err, TALLY_FAILS, "endorsement key: no point of its curve");
	while (!try_ecdh(ek, theirs, point, z))
		;
	kdf_e(ek, z, tally_bytes(point + 1, n), ek->x, seed);
	tally_buf_add_u16(out, (uint16_t)n);
	tally_buf_add(out, point + 1, n);
	tally_buf_add_u16(out, (uint16_t)n);
	tally_buf_add(out, point + 1 + n, n);
	OPENSSL_cleanse(z, sizeof(z));
	EVP_PKEY_free(theirs);
	return 0;
}

/* AES-CFB of the secret behind its length, then the HMAC of that and the name. */
static void
seal(const struct tally_ek *ek, const uint8_t *seed, struct tally_bytes name,
     struct tally_bytes secret, struct tally_buf *out)
{
	static const uint8_t iv[16];
	const EVP_CIPHER *cipher = ek->aes == 256 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct tally_buf plain = TALLY_BUF_INIT, sealed = TALLY_BUF_INIT;
	uint8_t key[HASH_MAX], mac[HASH_MAX];
	unsigned mac_len = 0;
	int len = 0;

	tally_buf_add_u16(&plain, (uint16_t)secret.len);
	tally_buf_add_bytes(&plain, secret);
	kdf_a(ek, seed, "STORAGE", name, ek->aes, key);
	TALLY_ASSERT(ctx && EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv) == 1 &&
		     EVP_EncryptUpdate(ctx, tally_buf_grow(&sealed, plain.len), &len, plain.p,
				       (int)plain.len) == 1 &&
		     (size_t)len == plain.len);
	EVP_CIPHER_CTX_free(ctx);
	tally_buf_add_bytes(&sealed, name);
	kdf_a(ek, seed, "INTEGRITY", tally_bytes(NULL, 0), ek->hash, key);
	TALLY_ASSERT(HMAC(digest_of(ek), key, (int)ek->hash / 8, sealed.p, sealed.len, mac,
			  &mac_len) != NULL);
	tally_buf_add_u16(out, (uint16_t)mac_len);
	tally_buf_add(out, mac, mac_len);
	tally_buf_add(out, sealed.p, plain.len);
	OPENSSL_cleanse(plain.p, plain.len);
	OPENSSL_cleanse(key, sizeof(key));
	tally_buf_deinit(&plain);
	tally_buf_deinit(&sealed);
}

int
tally_credential_make(const struct tally_ek *ek, const uint8_t ak_name[AK_NAME],
		      struct tally_bytes secret, struct tally_buf *id_object,
		      struct tally_buf *encrypted_secret, struct tally_err *err)
{
	uint8_t seed[HASH_MAX];

	TALLY_ASSERT(secret.len > 0 && secret.len <= TALLY_HASH);
	if ((ek->rsa ? seed_by_rsa(ek, seed, encrypted_secret, err)
		     : seed_by_ecdh(ek, seed, encrypted_secret, err)) < 0)
		return -1;
	seal(ek, seed, tally_bytes(ak_name, AK_NAME), secret, id_object);
	OPENSSL_cleanse(seed, sizeof(seed));
	return 0;
}
