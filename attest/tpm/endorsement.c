/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsement keys with the certificates that the manufacturer left in NV (TCG EK
 * Credential Profile), and the proof that the attestation key lives beside one.
 * Keys are made again from their seed, used, and flushed.
 */
#include <string.h>
#include <tss2/tss2_mu.h>
#include "tally/err.h"
#include "chip.h"

#define FIRST_LINK 0x01c00100u /* certificates of the issuers */
#define LINKS      256
#define NV_PIECE   512
#define NV_MAX     8192

#define LOW                                                                                        \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define HIGH (LOW | TPMA_OBJECT_USERWITHAUTH)

/* In the order of enum tally_ek_template. */
struct kind {
	TPM2_HANDLE certificate;
	TPM2_ALG_ID hash;
	TPMA_OBJECT attributes;
	uint16_t aes;
	TPM2_ECC_CURVE curve; /* 0: RSA 2048 */
	uint16_t unique;      /* zeros that the template has as its unique field */
};
static const struct kind kinds[TALLY_EK_TEMPLATES] = {
	[TALLY_EK_L1] = { 0x01c00002, TPM2_ALG_SHA256, LOW, 128, 0, 256 },
	[TALLY_EK_L2] = { 0x01c0000a, TPM2_ALG_SHA256, LOW, 128, TPM2_ECC_NIST_P256, 32 },
	[TALLY_EK_H1] = { 0x01c00012, TPM2_ALG_SHA256, HIGH, 128, 0, 0 },
	[TALLY_EK_H2] = { 0x01c00014, TPM2_ALG_SHA256, HIGH, 128, TPM2_ECC_NIST_P256, 0 },
	[TALLY_EK_H3] = { 0x01c00016, TPM2_ALG_SHA384, HIGH, 256, TPM2_ECC_NIST_P384, 0 },
};

static void
make_template(TPM2B_PUBLIC *out, enum tally_ek_template template)
{
	const struct kind *k = &kinds[template];
	struct tally_bytes policy = tally_ek_policy(template);
	TPMT_PUBLIC *p = &out->publicArea;
	TPMT_SYM_DEF_OBJECT symmetric = { .algorithm = TPM2_ALG_AES,
					  .keyBits.aes = k->aes,
					  .mode.aes = TPM2_ALG_CFB };

	*out = (TPM2B_PUBLIC){ .size = 0 };
	p->nameAlg = k->hash;
	p->objectAttributes = k->attributes;
	p->authPolicy.size = (UINT16)policy.len;
	memcpy(p->authPolicy.buffer, policy.p, policy.len);
	if (k->curve == 0) {
		p->type = TPM2_ALG_RSA;
		p->parameters.rsaDetail.symmetric = symmetric;
		p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.rsaDetail.keyBits = 2048;
		p->unique.rsa.size = k->unique;
		return;
	}
	p->type = TPM2_ALG_ECC;
	p->parameters.eccDetail.symmetric = symmetric;
	p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	p->parameters.eccDetail.curveID = k->curve;
	p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	p->unique.ecc.x.size = p->unique.ecc.y.size = k->unique;
}

int
chip_make_ek(struct chip *c, enum tally_ek_template template, ESYS_TR *ek, struct tally_buf *public,
	     struct tally_err *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	const TPM2B_DATA outside = { .size = 0 };
	const TPML_PCR_SELECTION no_pcr = { .count = 0 };
	TPM2B_PUBLIC wanted, *made = NULL;
	uint8_t bytes[sizeof(TPM2B_PUBLIC)];
	size_t len = 0;
	TSS2_RC rc;

	make_template(&wanted, template);
	rc = Esys_CreatePrimary(c->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				ESYS_TR_NONE, &sensitive, &wanted, &outside, &no_pcr, ek, &made,
				NULL, NULL, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_CreatePrimary of an endorsement key", err);
	rc = Tss2_MU_TPMT_PUBLIC_Marshal(&made->publicArea, bytes, sizeof(bytes), &len);
	Esys_Free(made);
	if (rc != TSS2_RC_SUCCESS) {
		Esys_FlushContext(c->esys, *ek);
		return chip_refused(rc, "TPMT_PUBLIC", err);
	}
	tally_buf_add(public, bytes, len);
	return 0;
}

/* 1 the index is there, 0 not. */
static int
find_index(struct chip *c, TPM2_HANDLE index, struct tally_err *err)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	TSS2_RC rc = Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					TPM2_CAP_HANDLES, index, 1, NULL, &found);
	int r;

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_GetCapability", err);
	r = found->data.handles.count == 1 && found->data.handles.handle[0] == index;
	Esys_Free(found);
	return r;
}

static int
read_all(struct chip *c, ESYS_TR nv, TPMA_NV attributes, uint16_t size, struct tally_buf *out,
	 struct tally_err *err)
{
	ESYS_TR by = attributes & TPMA_NV_AUTHREAD ? nv : ESYS_TR_RH_OWNER;

	for (uint16_t at = 0; at < size;) {
		uint16_t n = (uint16_t)(size - at < NV_PIECE ? size - at : NV_PIECE);
		TPM2B_MAX_NV_BUFFER *piece = NULL;
		TSS2_RC rc = Esys_NV_Read(c->esys, by, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					  ESYS_TR_NONE, n, at, &piece);

		if (rc != TSS2_RC_SUCCESS)
			return chip_refused(rc, "TPM2_NV_Read", err);
		tally_buf_add(out, piece->buffer, piece->size);
		n = piece->size;
		Esys_Free(piece);
		if (n == 0)
			return tally_err_set(err, TALLY_TPM, "TPM2_NV_Read: nothing");
		at = (uint16_t)(at + n);
	}
	return 0;
}

/* Whether a certificate may begin here, which padding never looks like. */
static bool
may_begin(struct tally_bytes b)
{
	return b.len > 0 && b.p[0] == 0x30 && (b.len < 2 || b.p[1] == 0x82);
}

/* Of the certificate that begins here; 0 where it is none, or too little of it is there. */
static size_t
certificate_size(struct tally_bytes b)
{
	return b.len >= 4 && may_begin(b) ? 4U + tally_get_u16(b.p + 2) : 0;
}

/* Appends what stands in an NV index; 1, 0 where there is none. */
static int
read_index(struct chip *c, TPM2_HANDLE index, struct tally_buf *out, struct tally_err *err)
{
	ESYS_TR nv = ESYS_TR_NONE;
	TPM2B_NV_PUBLIC *public = NULL;
	TSS2_RC rc;
	int r = find_index(c, index, err);

	if (r <= 0)
		return r;
	rc = Esys_TR_FromTPMPublic(c->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &nv);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_NV_ReadPublic(c->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					&public, NULL);
	if (rc != TSS2_RC_SUCCESS)
		r = chip_refused(rc, "TPM2_NV_ReadPublic", err);
	else if (!(public->nvPublic.attributes & TPMA_NV_WRITTEN))
		r = 0;
	else if (public->nvPublic.dataSize > NV_MAX)
		r = tally_err_set(err, TALLY_TPM, "a certificate of %u bytes",
				  public->nvPublic.dataSize);
	else if (read_all(c, nv, public->nvPublic.attributes, public->nvPublic.dataSize, out, err) <
		 0)
		r = -1;
	Esys_Free(public);
	if (nv != ESYS_TR_NONE)
		Esys_TR_Close(c->esys, &nv);
	return r < 0 ? tally_err_prefix(err, "NV index 0x%08x", index) : r;
}

int
chip_endorsement(struct chip *c, enum tally_ek_template template, struct tally_buf *public,
		 struct tally_buf *certificate, struct tally_err *err)
{
	size_t begin = certificate->len, size;
	ESYS_TR ek = ESYS_TR_NONE;
	int r = read_index(c, kinds[template].certificate, certificate, err);

	if (r <= 0)
		return r;
	if (certificate->len == begin)
		return 0;
	/* An index may be longer than the certificate in it. */
	size = certificate_size(tally_bytes(certificate->p + begin, certificate->len - begin));
	if (size > 0 && size < certificate->len - begin)
		certificate->len = begin + size;
	if (chip_make_ek(c, template, &ek, public, err) < 0)
		return -1;
	Esys_FlushContext(c->esys, ek);
	return 1;
}

/* What has been read of the issuers' indices. */
struct links {
	struct tally_buf text;
	size_t at;   /* all before is done with */
	unsigned of; /* certificates of that */
};

/* The certificate with that number, where it is whole: 1, else 0. What is left over is the
 * begin of one that goes on in the next index, or padding. */
static int
take_link(struct links *l, unsigned wanted, struct tally_buf *out)
{
	while (l->at < l->text.len) {
		struct tally_bytes rest = tally_bytes(l->text.p + l->at, l->text.len - l->at);
		size_t size = certificate_size(rest);

		if (!may_begin(rest))
			l->at = l->text.len;
		if (size == 0 || size > rest.len)
			return 0;
		if (l->of++ == wanted) {
			tally_buf_add(out, rest.p, size);
			return 1;
		}
		l->at += size;
	}
	return 0;
}

/* The issuers' certificates follow one another over all of the indices: several may stand in
 * one, and one in several, as indices are smaller than some certificates. */
static int
find_link(struct chip *c, struct links *l, unsigned wanted, struct tally_buf *out,
	  struct tally_err *err)
{
	for (unsigned i = 0; i < LINKS; i++) {
		int r = read_index(c, FIRST_LINK + i, &l->text, err);

		if (r < 0)
			return -1;
		if (r == 0)
			break;
		if (take_link(l, wanted, out) > 0)
			return 1;
		if (l->text.len - l->at > NV_MAX)
			return tally_err_set(err, TALLY_TPM,
					     "NV index 0x%08x: a certificate of more than %d bytes",
					     FIRST_LINK + i, NV_MAX);
	}
	if (l->at < l->text.len)
		return tally_err_set(err, TALLY_TPM,
				     "NV indices from 0x%08x on: they end within a certificate",
				     FIRST_LINK);
	return 0;
}

int
chip_issuer(struct chip *c, unsigned n, struct tally_buf *certificate, struct tally_err *err)
{
	struct links l = { .at = 0 };
	int r = find_link(c, &l, n, certificate, err);

	tally_buf_deinit(&l.text);
	return r;
}

/* High templates have an empty password, the low ones their policy only. */
static int
activate(struct chip *c, ESYS_TR ak, ESYS_TR ek, bool by_policy, const TPM2B_ID_OBJECT *object,
	 const TPM2B_ENCRYPTED_SECRET *secret, struct tally_buf *out, struct tally_err *err)
{
	ESYS_TR session = ESYS_TR_PASSWORD;
	TPM2B_DIGEST *found = NULL;
	TSS2_RC rc;

	if (by_policy && chip_open_policy(c, &session, err) < 0)
		return -1;
	rc = Esys_ActivateCredential(c->esys, ak, ek, ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
				     object, secret, &found);
	if (by_policy)
		Esys_FlushContext(c->esys, session);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_ActivateCredential", err);
	tally_buf_add(out, found->buffer, found->size);
	Esys_Free(found);
	return 0;
}

int
chip_activate(struct chip *c, enum tally_ek_template template, bool next,
	      struct tally_bytes id_object, struct tally_bytes encrypted_secret,
	      struct tally_buf *out, struct tally_err *err)
{
	struct tally_buf public = TALLY_BUF_INIT;
	TPM2B_ENCRYPTED_SECRET secret = { .size = 0 };
	TPM2B_ID_OBJECT object = { .size = 0 };
	ESYS_TR ek = ESYS_TR_NONE, ak = c->ak;
	int r;

	if (id_object.len > sizeof(object.credential) || id_object.len == 0 ||
	    encrypted_secret.len > sizeof(secret.secret) || encrypted_secret.len == 0)
		return tally_err_set(err, TALLY_FAILS, "a credential of %zu and %zu bytes",
				     id_object.len, encrypted_secret.len);
	object.size = (UINT16)id_object.len;
	memcpy(object.credential, id_object.p, id_object.len);
	secret.size = (UINT16)encrypted_secret.len;
	memcpy(secret.secret, encrypted_secret.p, encrypted_secret.len);
	if (next && chip_load_next_key(c, &ak, err) < 0)
		return -1;
	r = chip_make_ek(c, template, &ek, &public, err);
	tally_buf_deinit(&public);
	if (r == 0) {
		r = activate(c, ak, ek, kinds[template].attributes == LOW, &object, &secret, out,
			     err);
		Esys_FlushContext(c->esys, ek);
	}
	if (next)
		Esys_FlushContext(c->esys, ak);
	return r;
}
