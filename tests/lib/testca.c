/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as manufacturers of TPMs make them, and as they never would. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "tally/err.h"
#include "testca.h"

#define MODEL "2.23.133.2.2"

static void
add_name(X509_NAME *name, const char *cn)
{
	TALLY_ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn,
						-1, -1, 0) == 1);
}

static void
add_extension(X509 *x, X509 *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf(NULL, &ctx, name, value);
	TALLY_ASSERT(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* Critical, as it is where a certificate has no subject. */
static void
add_model(X509 *x, const char *model)
{
	ASN1_OBJECT *type = OBJ_txt2obj(MODEL, 1);
	GENERAL_NAME *g = GENERAL_NAME_new();
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	X509_NAME *name = X509_NAME_new();

	TALLY_ASSERT(type && g && all && name &&
		     X509_NAME_add_entry_by_OBJ(name, type, V_ASN1_UTF8STRING,
						(const unsigned char *)model, -1, -1, 0) == 1);
	GENERAL_NAME_set0_value(g, GEN_DIRNAME, name);
	TALLY_ASSERT(sk_GENERAL_NAME_push(all, g) > 0 &&
		     X509_add1_ext_i2d(x, NID_subject_alt_name, all, 1, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(all);
	ASN1_OBJECT_free(type);
}

static X509 *
blank(EVP_PKEY *key, const char *from, const char *to)
{
	static long serial = 1;
	X509 *x = X509_new();

	TALLY_ASSERT(
		x && X509_set_version(x, X509_VERSION_3) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1 &&
		ASN1_TIME_set_string(X509_getm_notBefore(x), from ? from : "20250101000000Z") ==
			1 &&
		ASN1_TIME_set_string(X509_getm_notAfter(x), to ? to : "20350101000000Z") == 1 &&
		X509_set_pubkey(x, key) == 1);
	return x;
}

void
testca_init(struct testca *ca, const char *cn, const struct testca *above)
{
	ca->key = EVP_EC_gen("P-256");
	TALLY_ASSERT(ca->key);
	ca->certificate = blank(ca->key, NULL, NULL);
	add_name(X509_get_subject_name(ca->certificate), cn);
	TALLY_ASSERT(X509_set_issuer_name(ca->certificate,
					  X509_get_subject_name(above ? above->certificate
								      : ca->certificate)) == 1);
	add_extension(ca->certificate, above ? above->certificate : ca->certificate,
		      "basicConstraints", "critical,CA:TRUE");
	add_extension(ca->certificate, above ? above->certificate : ca->certificate, "keyUsage",
		      "critical,keyCertSign,cRLSign");
	TALLY_ASSERT(X509_sign(ca->certificate, above ? above->key : ca->key, EVP_sha256()) > 0);
}

void
testca_deinit(struct testca *ca)
{
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
}

void
testca_der(struct tally_buf *out, X509 *x)
{
	int len = i2d_X509(x, NULL);
	unsigned char *p = tally_buf_grow(out, (size_t)len);

	TALLY_ASSERT(i2d_X509(x, &p) == len);
}

void
testca_pem(struct tally_buf *out, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	TALLY_ASSERT(bio && PEM_write_bio_X509(bio, x) == 1);
	len = BIO_get_mem_data(bio, &text);
	tally_buf_add(out, text, (size_t)len);
	BIO_free(bio);
}

void
testca_issue(struct tally_buf *out, const struct testca *ca, EVP_PKEY *key,
	     const struct testca_leaf *wanted)
{
	X509 *x = blank(key, wanted->from, wanted->to);

	TALLY_ASSERT(X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) == 1);
	if (wanted->cn)
		add_name(X509_get_subject_name(x), wanted->cn);
	add_extension(x, ca->certificate, "basicConstraints",
		      wanted->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(x, ca->certificate, "keyUsage",
		      wanted->usage ? wanted->usage : "critical,keyAgreement,keyEncipherment");
	if (!wanted->eku || wanted->eku[0])
		add_extension(x, ca->certificate, "extendedKeyUsage",
			      wanted->eku ? wanted->eku : "2.23.133.8.1");
	add_model(x, wanted->model ? wanted->model : "SLB 9672");
	TALLY_ASSERT(X509_sign(x, ca->key, wanted->digest ? wanted->digest : EVP_sha256()) > 0);
	testca_der(out, x);
	X509_free(x);
}

static void
add_hex(struct tally_buf *out, const char *hex)
{
	size_t n = strlen(hex);

	TALLY_ASSERT(tally_unhex(tally_buf_grow(out, n / 2), n / 2, hex, n));
}

void
testca_public(struct tally_buf *out, EVP_PKEY *key)
{
	uint8_t point[97];
	BIGNUM *n = NULL;
	size_t len = 0;

	if (EVP_PKEY_is_a(key, "RSA")) {
		add_hex(out, "0001000b000300b20020"
			     "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
			     "00060080004300100800000000000100");
		TALLY_ASSERT(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
			     BN_bn2binpad(n, tally_buf_grow(out, 256), 256) == 256);
		BN_free(n);
		return;
	}
	TALLY_ASSERT(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
						     sizeof(point), &len) == 1 &&
		     len == sizeof(point));
	add_hex(out, "0023000c000300f20030"
		     "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419ca"
		     "cb47ba09699646150f9fc000f3f80e12"
		     "000601000043001000040010");
	tally_buf_add_u16(out, 48);
	tally_buf_add(out, point + 1, 48);
	tally_buf_add_u16(out, 48);
	tally_buf_add(out, point + 49, 48);
}
