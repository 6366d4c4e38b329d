/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_SIGNATURE and ECDSA over P-256 with SHA-256 (check 4). */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"

/* The order of P-256's group. */
static const uint8_t order[P256_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
	0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

/* TPM2B_ECC_PARAMETER. Some TPMs give all 32 bytes, others leave leading
 * zeros out; a short number that still has one is neither. */
static int
read_number(uint8_t out[P256_BYTES], struct tally_cursor *c, char name, unsigned *check,
	    struct tally_err *err)
{
	static const uint8_t zero[P256_BYTES];
	struct tally_bytes n = tally_cursor_take(c, tally_cursor_u16(c));

	if (c->failed)
		return check_fail(check, 1, err, "signature: cut in %c", name);
	if (n.len > P256_BYTES || (n.len > 0 && n.len < P256_BYTES && n.p[0] == 0))
		return check_fail(check, 1, err, "signature: %c has %zu bytes", name, n.len);
	memset(out, 0, P256_BYTES);
	if (n.len > 0)
		memcpy(out + P256_BYTES - n.len, n.p, n.len);
	if (memcmp(out, zero, P256_BYTES) == 0 || memcmp(out, order, P256_BYTES) >= 0)
		return check_fail(check, 4, err, "signature: %c is not in [1, n-1]", name);
	return 0;
}

int
signature_parse(struct tpm_signature *out, struct tally_bytes in, unsigned *check,
		struct tally_err *err)
{
	struct tally_cursor c;
	uint16_t alg, hash;

	tally_cursor_init(&c, in);
	alg = tally_cursor_u16(&c);
	hash = tally_cursor_u16(&c);
	if (c.failed)
		return check_fail(check, 1, err, "signature: cut before its algorithm");
	if (alg != TPM_ALG_ECDSA || hash != TPM_ALG_SHA256)
		return check_fail(check, 4, err,
				  "signature: algorithm 0x%04x with hash 0x%04x, not ECDSA with "
				  "SHA-256",
				  alg, hash);
	if (read_number(out->r, &c, 'r', check, err) < 0 ||
	    read_number(out->s, &c, 's', check, err) < 0)
		return -1;
	if (!tally_cursor_done(&c))
		return check_fail(check, 1, err, "signature: %zu bytes left over",
				  tally_cursor_left(&c));
	return 0;
}

/* The form that OpenSSL verifies: a DER sequence of r and s. */
static int
to_der(const struct tpm_signature *sig, unsigned char **der)
{
	ECDSA_SIG *ecdsa = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig->r, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(sig->s, P256_BYTES, NULL);
	int len;

	TALLY_ASSERT(ecdsa && r && s && ECDSA_SIG_set0(ecdsa, r, s) == 1);
	len = i2d_ECDSA_SIG(ecdsa, der);
	TALLY_ASSERT(len > 0);
	ECDSA_SIG_free(ecdsa);
	return len;
}

int
signature_verify(const struct tpm_signature *sig, EVP_PKEY *key, struct tally_bytes message,
		 struct tally_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	int len = to_der(sig, &der), valid;

	TALLY_ASSERT(ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
	valid = EVP_DigestVerify(ctx, der, (size_t)len, message.p, message.len);
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	if (valid != 1)
		return tally_err_set(
			err, TALLY_FAILS,
			"signature: the attestation key did not sign this attestation");
	return 0;
}
