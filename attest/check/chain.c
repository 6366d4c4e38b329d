/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check 13: an endorsement key's certificate, judged by itself first (whose key,
 * what for, when), then up to a pinned root. No network, no revocation lists.
 */
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "tally/err.h"
#include "tally/time.h"
#include "check_internal.h"
#include "chain_internal.h"

#define EKU_EK    "2.23.133.8.1" /* tcg-kp-EKCertificate */
#define TPM_MODEL "2.23.133.2.2" /* tcg-at-tpmModel */
#define RSA_MIN   2048

static bool
is_oid(const ASN1_OBJECT *o, const char *dotted)
{
	char text[80];

	return OBJ_obj2txt(text, sizeof(text), o, 1) > 0 && strcmp(text, dotted) == 0;
}

/* The modulus of an RSA key in DER, whatever the algorithm says of its padding
 * (older certificates say OAEP, which OpenSSL makes no key of). */
static bool
is_modulus(const unsigned char *der, int len, struct tally_bytes modulus)
{
	const unsigned char *p = der;
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len);
	BIGNUM *n = NULL, *e = NULL;
	uint8_t bytes[256];
	bool same;

	same = key && p == der + len && EVP_PKEY_get_bn_param(key, "n", &n) == 1 &&
	       EVP_PKEY_get_bn_param(key, "e", &e) == 1 && BN_is_word(e, 65537) &&
	       modulus.len == sizeof(bytes) &&
	       BN_bn2binpad(n, bytes, sizeof(bytes)) == sizeof(bytes) &&
	       memcmp(bytes, modulus.p, sizeof(bytes)) == 0;
	BN_free(n);
	BN_free(e);
	EVP_PKEY_free(key);
	return same;
}

static bool
is_point(X509 *x, const struct tally_ek *ek)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	uint8_t point[1 + 2 * 48], wanted[sizeof(point)];
	char group[32] = "";
	size_t len = 0, n = ek->x.len;

	wanted[0] = 0x04;
	memcpy(wanted + 1, ek->x.p, n);
	memcpy(wanted + 1 + n, ek->y.p, n);
	return key && EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof(group), &len) == 1 &&
	       strcmp(group, n == 32 ? "prime256v1" : "secp384r1") == 0 &&
	       EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &len) == 1 &&
	       len == 1 + 2 * n && memcmp(point, wanted, len) == 0;
}

static bool
is_key_of(X509 *x, const struct tally_ek *ek)
{
	const unsigned char *der;
	ASN1_OBJECT *algorithm;
	int len;

	if (!ek->rsa)
		return is_point(x, ek);
	if (X509_PUBKEY_get0_param(&algorithm, &der, &len, NULL, X509_get_X509_PUBKEY(x)) != 1)
		return false;
	return (OBJ_obj2nid(algorithm) == NID_rsaEncryption ||
		OBJ_obj2nid(algorithm) == NID_rsaesOaep) &&
	       is_modulus(der, len, ek->modulus);
}

static bool
is_for_ek(X509 *x)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	bool found = false;

	for (int i = 0; usage && i < sk_ASN1_OBJECT_num(usage); i++)
		found = found || is_oid(sk_ASN1_OBJECT_value(usage, i), EKU_EK);
	EXTENDED_KEY_USAGE_free(usage);
	return found;
}

static bool
begins_with_swtpm(const ASN1_STRING *s)
{
	static const char name[] = "swtpm";

	return ASN1_STRING_length(s) >= (int)sizeof(name) - 1 &&
	       OPENSSL_strncasecmp((const char *)ASN1_STRING_get0_data(s), name,
				   sizeof(name) - 1) == 0;
}

/* The attribute tpmModel of the alternative name, or a local authority of swtpm's. */
static bool
is_software(X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *issuer = X509_get_issuer_name(x);
	bool found = false;

	for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		const X509_NAME *name = g->type == GEN_DIRNAME ? g->d.directoryName : NULL;

		for (int k = 0; name && k < X509_NAME_entry_count(name); k++) {
			const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, k);

			if (is_oid(X509_NAME_ENTRY_get_object(e), TPM_MODEL))
				found = found || begins_with_swtpm(X509_NAME_ENTRY_get_data(e));
		}
	}
	GENERAL_NAMES_free(all);
	for (int k = 0; k < X509_NAME_entry_count(issuer); k++)
		found = found ||
			begins_with_swtpm(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, k)));
	return found;
}

/* What the key's own certificate must say, whoever has signed it. */
static int
check_leaf(X509 *x, const struct tally_ek *ek, int64_t at, struct tally_err *err)
{
	const uint32_t wanted = ek->rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;
	time_t when = at / TALLY_SECOND;

	if (!is_key_of(x, ek))
		return tally_err_set(err, TALLY_FAILS,
				     "certificate: of another key than the "
				     "endorsement key");
	if (!is_for_ek(x))
		return tally_err_set(err, TALLY_FAILS,
				     "certificate: its extended key usage has no " EKU_EK
				     ": it is for no endorsement key");
	if ((X509_get_extension_flags(x) & EXFLAG_CA) || X509_check_ca(x) != 0)
		return tally_err_set(err, TALLY_FAILS, "certificate: an authority's, no key's");
	if ((X509_get_extension_flags(x) & EXFLAG_KUSAGE) && !(X509_get_key_usage(x) & wanted))
		return tally_err_set(err, TALLY_FAILS,
				     "certificate: its key usage is not that of "
				     "an endorsement key");
	if (X509_cmp_time(X509_get0_notBefore(x), &when) >= 0)
		return tally_err_set(err, TALLY_FAILS, "certificate: it was not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(x), &when) <= 0)
		return tally_err_set(err, TALLY_FAILS, "certificate: it had expired");
	return 0;
}

/* Signatures by which a stranger could make another certificate do not count. */
bool
chain_is_strong(X509 *x, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	int digest = NID_undef;

	if (X509_get_signature_info(x, &digest, NULL, NULL, NULL) != 1 || !key)
		return false;
	if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < RSA_MIN)
		return false;
	return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

bool
chain_is_unknown(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
	       error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

static void
add_link(struct tally_chain *out, X509 *x)
{
	int len = i2d_X509(x, NULL);
	unsigned char *p;

	TALLY_ASSERT(len > 0 && out->links < TALLY_CHAIN_MAX);
	p = tally_buf_grow(&out->link[out->links++], (size_t)len);
	TALLY_ASSERT(i2d_X509(x, &p) == len);
}

static void
hash_of(X509 *x, uint8_t out[TALLY_HASH])
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	TALLY_ASSERT(len > 0);
	check_sha256(out, tally_bytes(der, (size_t)len));
	OPENSSL_free(der);
}

/* The lowest class that is pinned of what leads to the root, and of the root. */
static enum tally_class
class_of(const struct tally_roots *roots, STACK_OF(X509) * found)
{
	enum tally_class class = TALLY_CLASS_CERTIFIED;
	uint8_t hash[TALLY_HASH];

	for (int i = 1; i < sk_X509_num(found); i++) {
		hash_of(sk_X509_value(found, i), hash);
		for (size_t k = 0; k < roots->all; k++)
			if (memcmp(roots->pinned[k].hash, hash, TALLY_HASH) == 0 &&
			    roots->pinned[k].class < class)
				class = roots->pinned[k].class;
	}
	return class;
}

/* What was found, from the key's certificate to the root. */
static int
take_chain(const struct tally_roots *roots, STACK_OF(X509) * found, struct tally_chain *out,
	   struct tally_err *err)
{
	int n = sk_X509_num(found);

	if (n < 2 || n > TALLY_CHAIN_MAX)
		return tally_err_set(err, TALLY_FAILS, "certificate: a chain of %d", n);
	for (int i = 0; i + 1 < n; i++)
		if (!chain_is_strong(sk_X509_value(found, i), sk_X509_value(found, i + 1)))
			return tally_err_set(err, TALLY_FAILS,
					     "certificate: number %d of its chain has a weak "
					     "signature (SHA-256 and RSA %d at least)",
					     i + 1, RSA_MIN);
	for (int i = 1; i + 1 < n; i++)
		add_link(out, sk_X509_value(found, i));
	hash_of(sk_X509_value(found, n - 1), out->root);
	out->class = out->software ? TALLY_CLASS_SOFTWARE : class_of(roots, found);
	return 1;
}

static int
climb(const struct tally_roots *roots, X509 *leaf, STACK_OF(X509) * helpers, int64_t at,
      struct tally_chain *out, struct tally_err *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r, error;

	TALLY_ASSERT(ctx && X509_STORE_CTX_init(ctx, roots->store, leaf, helpers) == 1);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), at / TALLY_SECOND);
	r = X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	if (r == 1)
		r = take_chain(roots, X509_STORE_CTX_get0_chain(ctx), out, err);
	else if (chain_is_unknown(error))
		r = 0;
	else
		r = tally_err_set(err, TALLY_FAILS, "certificate: number %d of its chain: %s",
				  X509_STORE_CTX_get_error_depth(ctx) + 1,
				  X509_verify_cert_error_string(error));
	X509_STORE_CTX_free(ctx);
	return r;
}

int
tally_chain_check(const struct tally_roots *roots, const struct tally_bytes *certificate,
		  size_t certificates, const struct tally_ek *ek, int64_t at,
		  struct tally_chain *out, struct tally_err *err)
{
	STACK_OF(X509) *helpers = X509_chain_up_ref(roots->between);
	X509 *leaf = NULL;
	int r = 0;

	TALLY_ASSERT(helpers && certificates > 0);
	*out = (struct tally_chain){ .class = TALLY_CLASS_SOFTWARE };
	for (size_t i = 0; i < certificates && r == 0; i++) {
		X509 *x = certificate_parse(certificate[i]);

		if (!x)
			r = tally_err_set(err, TALLY_FAILS, "certificate %zu: not a certificate",
					  i + 1);
		else if (i == 0)
			leaf = x;
		else
			TALLY_ASSERT(sk_X509_push(helpers, x) > 0);
	}
	if (r == 0)
		r = check_leaf(leaf, ek, at, err);
	if (r == 0) {
		out->software = is_software(leaf);
		r = climb(roots, leaf, helpers, at, out, err);
	}
	X509_free(leaf);
	sk_X509_pop_free(helpers, X509_free);
	return r;
}

void
tally_chain_deinit(struct tally_chain *c)
{
	for (size_t i = 0; i < c->links; i++)
		tally_buf_deinit(&c->link[i]);
	c->links = 0;
}
