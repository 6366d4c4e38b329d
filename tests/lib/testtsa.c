/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens made by hand: openssl's own responder refuses to make the bad ones. */
#include "testtsa.h"
#include <openssl/ess.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <string.h>
#include "tally/err.h"

void
testtsa_init(struct testtsa *t, const struct testca *ca, const struct testca_leaf *wanted,
	     bool between)
{
	struct testca_leaf leaf = { .cn = "Clock" };
	const unsigned char *p;

	if (wanted)
		leaf = *wanted;
	leaf.eku = leaf.eku ? leaf.eku : "critical,timeStamping";
	leaf.usage = leaf.usage ? leaf.usage : "critical,digitalSignature";
	*t = (struct testtsa){ .key = EVP_EC_gen("P-256") };
	TALLY_ASSERT(t->key);
	testca_issue(&t->der, ca, t->key, &leaf);
	p = t->der.p;
	t->certificate = d2i_X509(NULL, &p, (long)t->der.len);
	TALLY_ASSERT(t->certificate);
	if (between) {
		TALLY_ASSERT(X509_up_ref(ca->certificate) == 1);
		t->between = ca->certificate;
	}
}

void
testtsa_deinit(struct testtsa *t)
{
	EVP_PKEY_free(t->key);
	X509_free(t->certificate);
	X509_free(t->between);
	tally_buf_deinit(&t->der);
}

static void
set_imprint(TS_TST_INFO *info, const uint8_t imprint[TALLY_HASH], bool sha1)
{
	X509_ALGOR *algorithm = X509_ALGOR_new();
	TS_MSG_IMPRINT *mi = TS_MSG_IMPRINT_new();
	uint8_t copy[TALLY_HASH];

	memcpy(copy, imprint, sizeof(copy));
	TALLY_ASSERT(algorithm && mi &&
		     X509_ALGOR_set0(algorithm, OBJ_nid2obj(sha1 ? NID_sha1 : NID_sha256),
				     V_ASN1_NULL, NULL) == 1 &&
		     TS_MSG_IMPRINT_set_algo(mi, algorithm) == 1 &&
		     TS_MSG_IMPRINT_set_msg(mi, copy, sizeof(copy)) == 1 &&
		     TS_TST_INFO_set_msg_imprint(info, mi) == 1);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(mi);
}

static void
set_accuracy(TS_TST_INFO *info, long seconds)
{
	TS_ACCURACY *a = TS_ACCURACY_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	TALLY_ASSERT(a && n && ASN1_INTEGER_set(n, seconds) == 1 &&
		     TS_ACCURACY_set_seconds(a, n) == 1 && TS_TST_INFO_set_accuracy(info, a) == 1);
	TS_ACCURACY_free(a);
	ASN1_INTEGER_free(n);
}

static TS_TST_INFO *
make_info(const uint8_t imprint[TALLY_HASH], const struct testtsa_wish *wish)
{
	const char *time = wish->time ? wish->time : "20260301000000Z";
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4.1", 1);
	ASN1_GENERALIZEDTIME *t = ASN1_GENERALIZEDTIME_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new(), *nonce = NULL;
	TS_TST_INFO *info = TS_TST_INFO_new();
	BIGNUM *bn;

	/* Whatever the test wants to stand there, a time or not. */
	TALLY_ASSERT(policy && t && serial && info && ASN1_INTEGER_set(serial, 7) == 1 &&
		     ASN1_STRING_set(t, time, -1) == 1 &&
		     TS_TST_INFO_set_version(info, wish->version ? wish->version : 1) == 1 &&
		     TS_TST_INFO_set_policy_id(info, policy) == 1 &&
		     TS_TST_INFO_set_serial(info, serial) == 1 &&
		     TS_TST_INFO_set_time(info, t) == 1);
	set_imprint(info, imprint, wish->sha1_imprint);
	if (wish->accuracy)
		set_accuracy(info, wish->negative ? -wish->accuracy : wish->accuracy);
	if (wish->nonce) {
		bn = BN_bin2bn(wish->nonce, TALLY_TIMESTAMP_NONCE, NULL);
		nonce = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
		TALLY_ASSERT(nonce && TS_TST_INFO_set_nonce(info, nonce) == 1);
		BN_free(bn);
	}
	ASN1_OBJECT_free(policy);
	ASN1_GENERALIZEDTIME_free(t);
	ASN1_INTEGER_free(serial);
	ASN1_INTEGER_free(nonce);
	return info;
}

/* A signed message with an empty content of TSTInfo's type. */
static PKCS7 *
make_frame(void)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	PKCS7 *t = PKCS7_new(), *inner = PKCS7_new();

	TALLY_ASSERT(octets && t && inner && PKCS7_set_type(t, NID_pkcs7_signed) == 1 &&
		     ASN1_INTEGER_set(t->d.sign->version, 3) == 1);
	inner->d.other = ASN1_TYPE_new();
	TALLY_ASSERT(inner->d.other);
	inner->type = OBJ_nid2obj(NID_id_smime_ct_TSTInfo);
	ASN1_TYPE_set(inner->d.other, V_ASN1_OCTET_STRING, octets);
	TALLY_ASSERT(PKCS7_set_content(t, inner) == 1);
	return t;
}

static void
name_certificate(PKCS7_SIGNER_INFO *si, X509 *x)
{
	ESS_SIGNING_CERT_V2 *named = OSSL_ESS_signing_cert_v2_new_init(EVP_sha256(), x, NULL, 1);
	ASN1_STRING *seq = ASN1_STRING_new();
	unsigned char *der = NULL;
	int len = named ? i2d_ESS_SIGNING_CERT_V2(named, &der) : -1;

	TALLY_ASSERT(len > 0 && seq && ASN1_STRING_set(seq, der, len) == 1 &&
		     PKCS7_add_signed_attribute(si, NID_id_smime_aa_signingCertificateV2,
						V_ASN1_SEQUENCE, seq) == 1);
	OPENSSL_free(der);
	ESS_SIGNING_CERT_V2_free(named);
}

void
testtsa_token(struct tally_buf *out, const struct testtsa *t, const uint8_t imprint[TALLY_HASH],
	      const struct testtsa_wish *wish)
{
	const struct testtsa_wish plain = { .time = NULL };
	PKCS7_SIGNER_INFO *si;
	TS_TST_INFO *info;
	unsigned char *p;
	PKCS7 *frame = make_frame();
	BIO *bio;
	int len;

	wish = wish ? wish : &plain;
	info = make_info(imprint, wish);
	if (!wish->unenclosed)
		TALLY_ASSERT(PKCS7_add_certificate(frame, t->certificate) == 1);
	if (t->between)
		TALLY_ASSERT(PKCS7_add_certificate(frame, t->between) == 1);
	si = PKCS7_add_signature(frame, t->certificate, t->key,
				 wish->digest ? wish->digest : EVP_sha256());
	TALLY_ASSERT(si && PKCS7_add_signed_attribute(si, NID_pkcs9_contentType, V_ASN1_OBJECT,
						      OBJ_nid2obj(NID_id_smime_ct_TSTInfo)) == 1);
	name_certificate(si, wish->named ? wish->named : t->certificate);
	bio = PKCS7_dataInit(frame, NULL);
	TALLY_ASSERT(bio && i2d_TS_TST_INFO_bio(bio, info) == 1);
	if (wish->trailing)
		TALLY_ASSERT(BIO_write(bio, "\x05\x00", 2) == 2);
	TALLY_ASSERT(PKCS7_dataFinal(frame, bio) == 1);
	len = i2d_PKCS7(frame, NULL);
	TALLY_ASSERT(len > 0);
	p = tally_buf_grow(out, (size_t)len);
	TALLY_ASSERT(i2d_PKCS7(frame, &p) == len);
	BIO_free_all(bio);
	TS_TST_INFO_free(info);
	PKCS7_free(frame);
}

void
testtsa_reply(struct tally_buf *out, int status, struct tally_bytes token)
{
	size_t n = 5 + token.len;

	TALLY_ASSERT(n < 65536 && status >= 0 && status < 128);
	tally_buf_add(out, "\x30\x82", 2);
	tally_buf_add_u16(out, (uint16_t)n);
	tally_buf_add(out, "\x30\x03\x02\x01", 4);
	tally_buf_add_u8(out, (uint8_t)status);
	tally_buf_add_bytes(out, token);
}
