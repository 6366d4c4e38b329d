/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an RFC 3161 query, reply and token say. A token is taken out of the reply
 * as it stands, never encoded again; lengths are definite and nothing is left
 * over at any level that is opened here.
 */
#include "timestamp_internal.h"
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <string.h>
#include "tally/err.h"
#include "tally/time.h"

#define ACCURACY_MAX  (86400 * TALLY_SECOND)
#define ACCURACY_NONE TALLY_SECOND /* genTime is in seconds where it says no more */
#define STATUS_MODS   1            /* grantedWithMods; 0 granted */

void
tally_timestamp_query(struct tally_buf *out, const uint8_t imprint[TALLY_HASH],
		      const uint8_t nonce[TALLY_TIMESTAMP_NONCE])
{
	BIGNUM *bn = BN_bin2bn(nonce, TALLY_TIMESTAMP_NONCE, NULL);
	ASN1_INTEGER *number = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	TS_MSG_IMPRINT *mi = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t copy[TALLY_HASH];
	TS_REQ *q = TS_REQ_new();
	unsigned char *p;
	int len;

	memcpy(copy, imprint, sizeof(copy));
	TALLY_ASSERT(number && mi && algorithm && q &&
		     X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
		     TS_MSG_IMPRINT_set_algo(mi, algorithm) == 1 &&
		     TS_MSG_IMPRINT_set_msg(mi, copy, sizeof(copy)) == 1 &&
		     TS_REQ_set_version(q, 1) == 1 && TS_REQ_set_msg_imprint(q, mi) == 1 &&
		     TS_REQ_set_nonce(q, number) == 1 && TS_REQ_set_cert_req(q, 1) == 1);
	len = i2d_TS_REQ(q, NULL);
	TALLY_ASSERT(len > 0);
	p = tally_buf_grow(out, (size_t)len);
	TALLY_ASSERT(i2d_TS_REQ(q, &p) == len);
	BN_free(bn);
	ASN1_INTEGER_free(number);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(mi);
	TS_REQ_free(q);
}

/* The next element as a whole; `in` moves behind it. Only what has a definite length. */
static bool
take_element(struct tally_bytes *in, struct tally_bytes *whole, struct tally_bytes *content)
{
	const unsigned char *p = in->p;
	long len = 0;
	int tag, class, r;

	if (in->len == 0 || in->len > INT32_MAX)
		return false;
	r = ASN1_get_object(&p, &len, &tag, &class, (long)in->len);
	if (r != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL)
		return false;
	*content = tally_bytes(p, (size_t)len);
	*whole = tally_bytes(in->p, (size_t)(p - in->p) + (size_t)len);
	*in = tally_bytes(in->p + whole->len, in->len - whole->len);
	return true;
}

PKCS7 *
timestamp_parse(struct tally_bytes token, TS_TST_INFO **info, struct tally_err *err)
{
	struct tally_bytes rest = token, whole, content;
	const unsigned char *p = token.p;
	const ASN1_OCTET_STRING *inner;
	PKCS7 *t = NULL;

	*info = NULL;
	if (token.len > TALLY_TIMESTAMP_MAX || !take_element(&rest, &whole, &content) ||
	    rest.len > 0)
		goto bad;
	t = d2i_PKCS7(NULL, &p, (long)token.len);
	if (!t || p != token.p + token.len || !PKCS7_type_is_signed(t) || !t->d.sign ||
	    !t->d.sign->contents ||
	    OBJ_obj2nid(t->d.sign->contents->type) != NID_id_smime_ct_TSTInfo ||
	    !t->d.sign->contents->d.other ||
	    t->d.sign->contents->d.other->type != V_ASN1_OCTET_STRING)
		goto bad;
	inner = t->d.sign->contents->d.other->value.octet_string;
	p = ASN1_STRING_get0_data(inner);
	*info = d2i_TS_TST_INFO(NULL, &p, ASN1_STRING_length(inner));
	if (*info && p == ASN1_STRING_get0_data(inner) + ASN1_STRING_length(inner))
		return t;
bad:
	TS_TST_INFO_free(*info);
	PKCS7_free(t);
	*info = NULL;
	(void)tally_err_set(err, TALLY_FAILS, "timestamp: malformed");
	return NULL;
}

/* "YYYYMMDDhhmmss[.f...]Z", as RFC 3161 wants it. */
static bool
read_time(const ASN1_GENERALIZEDTIME *t, int64_t *out)
{
	const char *s = t ? (const char *)ASN1_STRING_get0_data(t) : NULL;
	int n = t ? ASN1_STRING_length(t) : 0;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_wall wall;
	bool good;

	if (n < 15 || n > 25 || s[n - 1] != 'Z' || (n > 15 && (s[14] != '.' || n == 16)) ||
	    (n > 15 && s[n - 2] == '0'))
		return false;
	tally_buf_addf(&text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s", s, s + 4, s + 6, s + 8, s + 10,
		       s + 12);
	tally_buf_add(&text, s + 14, (size_t)n - 14);
	good = tally_wall_parse(&wall, (const char *)text.p, text.len, true);
	tally_buf_deinit(&text);
	if (good)
		*out = wall.ns;
	return good;
}

static bool
add_part(const ASN1_INTEGER *n, int64_t most, int64_t unit, int64_t *sum)
{
	int64_t v;

	if (!n)
		return true;
	if (ASN1_INTEGER_get_int64(&v, n) != 1 || v < 0 || v > most)
		return false;
	*sum += v * unit;
	return true;
}

static bool
read_accuracy(TS_TST_INFO *info, int64_t *out)
{
	const TS_ACCURACY *a = TS_TST_INFO_get_accuracy(info);

	*out = a ? 0 : ACCURACY_NONE;
	return !a || (add_part(TS_ACCURACY_get_seconds(a), ACCURACY_MAX / TALLY_SECOND,
			       TALLY_SECOND, out) &&
		      add_part(TS_ACCURACY_get_millis(a), 999, TALLY_SECOND / 1000, out) &&
		      add_part(TS_ACCURACY_get_micros(a), 999, TALLY_SECOND / 1000000, out));
}

static bool
is_over(TS_TST_INFO *info, const uint8_t imprint[TALLY_HASH])
{
	TS_MSG_IMPRINT *mi = TS_TST_INFO_get_msg_imprint(info);
	const ASN1_OBJECT *algorithm = NULL;
	const ASN1_OCTET_STRING *hash;
	int parameter;

	if (!mi)
		return false;
	X509_ALGOR_get0(&algorithm, &parameter, NULL, TS_MSG_IMPRINT_get_algo(mi));
	hash = TS_MSG_IMPRINT_get_msg(mi);
	return OBJ_obj2nid(algorithm) == NID_sha256 &&
	       (parameter == V_ASN1_UNDEF || parameter == V_ASN1_NULL) &&
	       ASN1_STRING_length(hash) == TALLY_HASH &&
	       memcmp(ASN1_STRING_get0_data(hash), imprint, TALLY_HASH) == 0;
}

int
timestamp_read(struct tally_timestamp *out, TS_TST_INFO *info, const uint8_t imprint[TALLY_HASH],
	       struct tally_err *err)
{
	const ASN1_OBJECT *policy = TS_TST_INFO_get_policy_id(info);
	int64_t from, to;
	int n;

	if (TS_TST_INFO_get_version(info) != 1)
		return tally_err_set(err, TALLY_FAILS, "timestamp: of another version than 1");
	if (!is_over(info, imprint))
		return tally_err_set(err, TALLY_FAILS,
				     "timestamp: over something else than this checkpoint");
	if (!read_time(TS_TST_INFO_get_time(info), &out->time) ||
	    !read_accuracy(info, &out->accuracy))
		return tally_err_set(err, TALLY_FAILS, "timestamp: its time is malformed");
	n = policy ? OBJ_obj2txt(out->policy, sizeof(out->policy), policy, 1) : 0;
	if (n <= 0 || n >= (int)sizeof(out->policy))
		return tally_err_set(err, TALLY_FAILS, "timestamp: its policy is malformed");
	from = out->time - out->accuracy;
	to = out->time + out->accuracy;
	out->since = from > 0 ? (uint64_t)(from / TALLY_SECOND) : 0;
	out->by = to > 0 ? (uint64_t)((to + TALLY_SECOND - 1) / TALLY_SECOND) : 0;
	return 0;
}

static bool
has_nonce(TS_TST_INFO *info, const uint8_t nonce[TALLY_TIMESTAMP_NONCE])
{
	const ASN1_INTEGER *n = TS_TST_INFO_get_nonce(info);
	BIGNUM *bn = n ? ASN1_INTEGER_to_BN(n, NULL) : NULL;
	uint8_t bytes[TALLY_TIMESTAMP_NONCE];
	bool same = bn && !BN_is_negative(bn) && BN_num_bytes(bn) <= TALLY_TIMESTAMP_NONCE &&
		    BN_bn2binpad(bn, bytes, sizeof(bytes)) == sizeof(bytes) &&
		    memcmp(bytes, nonce, sizeof(bytes)) == 0;

	BN_free(bn);
	return same;
}

/* What an authority writes beside its refusal: a stranger's text. */
static int
refused(TS_STATUS_INFO *info, long status, struct tally_err *err)
{
	const STACK_OF(ASN1_UTF8STRING) *texts = TS_STATUS_INFO_get0_text(info);
	const ASN1_UTF8STRING *first = texts ? sk_ASN1_UTF8STRING_value(texts, 0) : NULL;
	char text[100] = "";

	if (first)
		timestamp_printable(text, sizeof(text), ASN1_STRING_get0_data(first),
				    (size_t)ASN1_STRING_length(first));
	return tally_err_set(err, TALLY_FAILS, "timestamp: refused with status %ld%s%s", status,
			     text[0] ? ": " : "", text);
}

void
timestamp_printable(char *out, size_t room, const uint8_t *p, size_t len)
{
	size_t n = len < room - 1 ? len : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(p[i] < ' ' || p[i] > '~' ? '?' : p[i]);
	out[n] = '\0';
}

/* Status first; what is behind it is the token. */
static int
split(struct tally_bytes reply, struct tally_bytes *token, struct tally_err *err)
{
	struct tally_bytes rest = reply, whole, content, status;
	const unsigned char *p;
	TS_STATUS_INFO *info;
	int64_t number = -1;
	int r = 0;

	if (!take_element(&rest, &whole, &content) || rest.len > 0 ||
	    !take_element(&content, &status, &whole))
		return tally_err_set(err, TALLY_FAILS, "timestamp reply: malformed");
	p = status.p;
	info = d2i_TS_STATUS_INFO(NULL, &p, (long)status.len);
	if (!info || p != status.p + status.len ||
	    ASN1_INTEGER_get_int64(&number, TS_STATUS_INFO_get0_status(info)) != 1)
		r = tally_err_set(err, TALLY_FAILS, "timestamp reply: malformed");
	else if (number != 0 && number != STATUS_MODS)
		r = refused(info, (long)number, err);
	*token = content;
	TS_STATUS_INFO_free(info);
	return r;
}

int
tally_timestamp_reply(struct tally_bytes *token, struct tally_bytes reply,
		      const uint8_t imprint[TALLY_HASH], const uint8_t nonce[TALLY_TIMESTAMP_NONCE],
		      struct tally_err *err)
{
	struct tally_timestamp out;
	TS_TST_INFO *info;
	PKCS7 *t;
	int r;

	if (split(reply, token, err) < 0)
		return -1;
	t = timestamp_parse(*token, &info, err);
	if (!t)
		return -1;
	r = timestamp_read(&out, info, imprint, err);
	if (r == 0 && !has_nonce(info, nonce))
		r = tally_err_set(err, TALLY_FAILS, "timestamp: the answer to another query");
	TS_TST_INFO_free(info);
	PKCS7_free(t);
	return r;
}
