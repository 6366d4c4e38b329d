/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a timestamp is: one signer, the signature, a certificate for timestamps
 * and nothing else, its chain to a pinned root at the time that the token tells,
 * and that the token names this very certificate. No network, no revocation lists.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "chain_internal.h"
#include "tally/err.h"
#include "tally/time.h"
#include "timestamp_internal.h"

/* The certificate that the one signer names, out of the token. */
static X509 *
signer_of(PKCS7 *t, struct tally_err *err)
{
	STACK_OF(PKCS7_SIGNER_INFO) *signers = PKCS7_get_signer_info(t);
	PKCS7_SIGNER_INFO *si;
	X509_ALGOR *digest = NULL;
	X509 *x;
	int nid;

	if (!signers || sk_PKCS7_SIGNER_INFO_num(signers) != 1) {
		(void)tally_err_set(err, TALLY_FAILS, "timestamp: not of one signer");
		return NULL;
	}
	si = sk_PKCS7_SIGNER_INFO_value(signers, 0);
	x = X509_find_by_issuer_and_serial(t->d.sign->cert, si->issuer_and_serial->issuer,
					   si->issuer_and_serial->serial);
	if (!x) {
		(void)tally_err_set(err, TALLY_FAILS, "timestamp: its certificate is not in it");
		return NULL;
	}
	PKCS7_SIGNER_INFO_get0_algs(si, NULL, &digest, NULL);
	nid = digest ? OBJ_obj2nid(digest->algorithm) : NID_undef;
	if (nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512) {
		(void)tally_err_set(err, TALLY_FAILS, "timestamp: signed over a weak hash");
		return NULL;
	}
	return x;
}

static bool
signature_holds(PKCS7 *t)
{
	BIO *content = BIO_new(BIO_s_null());
	bool holds;

	TALLY_ASSERT(content);
	holds = PKCS7_verify(t, NULL, NULL, NULL, content, PKCS7_NOVERIFY) == 1;
	BIO_free(content);
	ERR_clear_error();
	return holds;
}

static void
name_of(struct tally_timestamp *out, X509 *x)
{
	const X509_NAME *name = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *s;

	if (at < 0)
		at = X509_NAME_entry_count(name) - 1;
	s = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	timestamp_printable(out->name, sizeof(out->name), s ? ASN1_STRING_get0_data(s) : NULL,
			    s ? (size_t)ASN1_STRING_length(s) : 0);
}

static int
take_chain(STACK_OF(X509) * found, struct tally_err *err)
{
	int n = sk_X509_num(found);

	if (n > TALLY_CHAIN_MAX)
		return tally_err_set(err, TALLY_FAILS, "timestamp: a chain of %d certificates", n);
	for (int i = 0; i + 1 < n; i++)
		if (!chain_is_strong(sk_X509_value(found, i), sk_X509_value(found, i + 1)))
			return tally_err_set(err, TALLY_FAILS,
					     "timestamp: certificate number %d of its chain has a "
					     "weak signature",
					     i + 1);
	return 1;
}

/* As tally_timestamp_check, of the certificates alone. */
static int
climb(const struct tally_roots *roots, PKCS7 *t, X509 *signer, int64_t at, struct tally_err *err)
{
	STACK_OF(X509) *helpers = X509_chain_up_ref(roots->between);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r, error;

	TALLY_ASSERT(helpers && ctx &&
		     X509_add_certs(helpers, t->d.sign->cert, X509_ADD_FLAG_UP_REF) == 1 &&
		     X509_STORE_CTX_init(ctx, roots->store, signer, helpers) == 1 &&
		     X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_TIMESTAMP_SIGN) == 1);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), at / TALLY_SECOND);
	r = X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	if (r == 1)
		r = take_chain(X509_STORE_CTX_get0_chain(ctx), err);
	else if (chain_is_unknown(error))
		r = 0;
	else
		r = tally_err_set(err, TALLY_FAILS,
				  "timestamp: certificate number %d of its chain: %s",
				  X509_STORE_CTX_get_error_depth(ctx) + 1,
				  X509_verify_cert_error_string(error));
	X509_STORE_CTX_free(ctx);
	sk_X509_pop_free(helpers, X509_free);
	ERR_clear_error();
	return r;
}

/* That the signed attributes name the signer's certificate, and whatever else of a
 * token is openssl's to know. The time is the token's here too. */
static bool
names_signer(const struct tally_roots *roots, PKCS7 *t, int64_t at)
{
	bool holds;

	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(roots->store), at / TALLY_SECOND);
	holds = TS_RESP_verify_signature(t, roots->between, roots->store, NULL) == 1;
	ERR_clear_error();
	return holds;
}

static int
check_signer(struct tally_timestamp *out, const struct tally_roots *roots, PKCS7 *t,
	     struct tally_err *err)
{
	X509 *signer = signer_of(t, err);
	int r;

	if (!signer)
		return -1;
	name_of(out, signer);
	if (!signature_holds(t))
		return tally_err_set(err, TALLY_FAILS, "timestamp: its signature does not verify");
	if (X509_check_purpose(signer, X509_PURPOSE_TIMESTAMP_SIGN, 0) != 1)
		return tally_err_set(err, TALLY_FAILS,
				     "timestamp: the certificate is not for timestamps alone "
				     "(extended key usage timeStamping, critical)");
	if (!roots)
		return 0;
	r = climb(roots, t, signer, out->time, err);
	if (r == 1 && !names_signer(roots, t, out->time))
		r = tally_err_set(err, TALLY_FAILS,
				  "timestamp: what is signed names another certificate");
	return r;
}

int
tally_timestamp_check(struct tally_timestamp *out, const struct tally_roots *roots,
		      struct tally_bytes token, const uint8_t imprint[TALLY_HASH],
		      struct tally_err *err)
{
	TS_TST_INFO *info;
	PKCS7 *t;
	int r;

	*out = (struct tally_timestamp){ .time = 0 };
	t = timestamp_parse(token, &info, err);
	if (t) {
		r = timestamp_read(out, info, imprint, err);
		if (r == 0)
			r = check_signer(out, roots, t, err);
		TS_TST_INFO_free(info);
		PKCS7_free(t);
	} else {
		r = -1;
	}
	ERR_clear_error();
	return r;
}
