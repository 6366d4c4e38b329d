/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EK and AK (FORMAT.md section 6). The EK is made again from its seed at each
 * start, used as the parent, and flushed. The AK is its child, so that its
 * quotes show resetCount and firmware as they are; it is kept sealed in `ak`.
 */
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "chip.h"
#include "state.h"

#define AUTH 32

/* Attributes 0x00050472: restricted, so that it signs nothing that a TPM did not make. */
static const TPM2B_PUBLIC ak_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TALLY_AK_ATTRIBUTES,
		.parameters.eccDetail = {
			.symmetric = { .algorithm = TPM2_ALG_NULL },
			.scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 },
			.curveID = TPM2_ECC_NIST_P256,
			.kdf = { .scheme = TPM2_ALG_NULL },
		},
	},
};

struct ak {
	TPM2B_PRIVATE private;
	TPM2B_PUBLIC public;
	TPM2B_AUTH auth;
};

static int
copy_public(struct tally_buf *out, const TPM2B_PUBLIC *public, struct tally_err *err)
{
	uint8_t bytes[sizeof(TPM2B_PUBLIC)];
	size_t len = 0;
	TSS2_RC rc = Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, bytes, sizeof(bytes), &len);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPMT_PUBLIC", err);
	tally_buf_clear(out);
	tally_buf_add(out, bytes, len);
	return 0;
}

int
chip_open_policy(struct chip *c, ESYS_TR *session, struct tally_err *err)
{
	const TPMT_SYM_DEF symmetric = { .algorithm = TPM2_ALG_NULL };
	TSS2_RC rc = Esys_StartAuthSession(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY,
					   &symmetric, TPM2_ALG_SHA256, session);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_StartAuthSession", err);
	rc = Esys_TRSess_SetAttributes(c->esys, *session, TPMA_SESSION_CONTINUESESSION,
				       TPMA_SESSION_CONTINUESESSION);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_PolicySecret(c->esys, ESYS_TR_RH_ENDORSEMENT, *session, ESYS_TR_PASSWORD,
				       ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	Esys_FlushContext(c->esys, *session);
	return chip_refused(rc, "TPM2_PolicySecret(endorsement)", err);
}

static int
create_ak(struct chip *c, ESYS_TR ek, struct ak *ak, struct tally_err *err)
{
	TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	const TPM2B_DATA outside = { .size = 0 };
	const TPML_PCR_SELECTION no_pcr = { .count = 0 };
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	ESYS_TR session;
	TSS2_RC rc;

	if (chip_open_policy(c, &session, err) < 0)
		return -1;
	sensitive.sensitive.userAuth.size = AUTH;
	randombytes_buf(sensitive.sensitive.userAuth.buffer, AUTH);
	rc = Esys_Create(c->esys, ek, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &ak_template,
			 &outside, &no_pcr, &private, &public, NULL, NULL, NULL);
	Esys_FlushContext(c->esys, session);
	if (rc == TSS2_RC_SUCCESS) {
		ak->private = *private;
		ak->public = *public;
		ak->auth = sensitive.sensitive.userAuth;
	}
	sodium_memzero(&sensitive, sizeof(sensitive));
	Esys_Free(private);
	Esys_Free(public);
	return rc == TSS2_RC_SUCCESS ? 0
				     : chip_refused(rc, "TPM2_Create of the attestation key", err);
}

static int
store_ak(struct chip *c, const char *name, const struct ak *ak, const struct tally_disk *disk,
	 struct tally_err *err)
{
	struct tally_buf content = TALLY_BUF_INIT;
	uint8_t bytes[sizeof(struct ak)];
	size_t private = 0, all;
	TSS2_RC rc = Tss2_MU_TPM2B_PRIVATE_Marshal(&ak->private, bytes, sizeof(bytes), &private);
	int r;

	all = private;
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPM2B_PUBLIC_Marshal(&ak->public, bytes, sizeof(bytes), &all);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "attestation key", err);
	tally_buf_add_u16(&content, (uint16_t) private);
	tally_buf_add(&content, bytes, private);
	tally_buf_add_u16(&content, (uint16_t)(all - private));
	tally_buf_add(&content, bytes + private, all - private);
	tally_buf_add_u16(&content, ak->auth.size);
	tally_buf_add(&content, ak->auth.buffer, ak->auth.size);
	r = sealed_write(disk, c->dir, name, SEALED_AK, c->key, 1, tally_buf_view(&content), false,
			 err);
	sodium_memzero(content.p, content.len);
	tally_buf_deinit(&content);
	return r;
}

static bool
parse_ak(struct ak *ak, struct tally_bytes content)
{
	struct tally_bytes private, public, auth;
	struct tally_cursor cursor;
	size_t at = 0;

	memset(ak, 0, sizeof(*ak));
	tally_cursor_init(&cursor, content);
	private = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	public = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	auth = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	if (!tally_cursor_done(&cursor) || auth.len > sizeof(ak->auth.buffer))
		return false;
	if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(private.p, private.len, &at, &ak->private) !=
		    TSS2_RC_SUCCESS ||
	    at != private.len)
		return false;
	at = 0;
	if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(public.p, public.len, &at, &ak->public) !=
		    TSS2_RC_SUCCESS ||
	    at != public.len)
		return false;
	ak->auth.size = (UINT16)auth.len;
	if (auth.len > 0)
		memcpy(ak->auth.buffer, auth.p, auth.len);
	return true;
}

/* 1 found, 0 none */
static int
read_ak(struct chip *c, const char *name, struct ak *ak, struct tally_err *err)
{
	struct tally_buf content = TALLY_BUF_INIT;
	uint64_t sequence;
	int r = sealed_read(c->dir, name, SEALED_AK, c->key, &sequence, &content, err);

	if (r == 1 && !parse_ak(ak, tally_buf_view(&content)))
		r = tally_err_set(err, TALLY_FAILS, "%s: sealed well, but it holds no key", name);
	if (content.p)
		sodium_memzero(content.p, content.len);
	tally_buf_deinit(&content);
	return r;
}

static int
load_ak(struct chip *c, ESYS_TR ek, const struct ak *ak, ESYS_TR *out, struct tally_err *err)
{
	ESYS_TR session;
	TSS2_RC rc;

	if (chip_open_policy(c, &session, err) < 0)
		return -1;
	rc = Esys_Load(c->esys, ek, session, ESYS_TR_NONE, ESYS_TR_NONE, &ak->private, &ak->public,
		       out);
	Esys_FlushContext(c->esys, session);
	if (rc != TSS2_RC_SUCCESS) {
		chip_refused(rc, "TPM2_Load of the attestation key", err);
		return tally_err_prefix(
			err, "ak: not a key of this TPM (cleared, replaced, or another state)");
	}
	rc = Esys_TR_SetAuth(c->esys, *out, &ak->auth);
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	Esys_FlushContext(c->esys, *out);
	*out = ESYS_TR_NONE;
	return chip_refused(rc, "Esys_TR_SetAuth", err);
}

int
chip_next_key(struct chip *c, struct tally_buf *public, struct tally_err *err)
{
	struct tally_buf ek_public = TALLY_BUF_INIT;
	ESYS_TR ek = ESYS_TR_NONE;
	struct ak ak = { 0 };
	int r = read_ak(c, "ak.next", &ak, err);

	if (r == 0) {
		r = chip_make_ek(c, TALLY_EK_L2, &ek, &ek_public, err);
		if (r == 0) {
			r = create_ak(c, ek, &ak, err);
			Esys_FlushContext(c->esys, ek);
		}
		if (r == 0)
			r = store_ak(c, "ak.next", &ak, tally_disk_real(), err);
	}
	if (r >= 0)
		r = copy_public(public, &ak.public, err);
	sodium_memzero(&ak, sizeof(ak));
	tally_buf_deinit(&ek_public);
	return r;
}

int
chip_load_next_key(struct chip *c, ESYS_TR *key, struct tally_err *err)
{
	struct tally_buf ek_public = TALLY_BUF_INIT;
	ESYS_TR ek = ESYS_TR_NONE;
	struct ak ak = { 0 };
	int r = read_ak(c, "ak.next", &ak, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "no attestation key waits here");
	if (r > 0)
		r = chip_make_ek(c, TALLY_EK_L2, &ek, &ek_public, err);
	if (r == 0) {
		r = load_ak(c, ek, &ak, key, err);
		Esys_FlushContext(c->esys, ek);
	}
	sodium_memzero(&ak, sizeof(ak));
	tally_buf_deinit(&ek_public);
	return r < 0 ? -1 : 0;
}

int
chip_load_keys(struct chip *c, bool create, const struct tally_disk *disk, struct tally_err *err)
{
	ESYS_TR ek = ESYS_TR_NONE;
	struct ak ak = { 0 };
	int r = read_ak(c, "ak", &ak, err);

	if (r < 0)
		return -1;
	if (r == 0 && !create)
		return tally_err_set(err, TALLY_SYS,
				     "ak: no such file; the ledger's attestation key is lost, and "
				     "with it this TPM identity: it needs a new ledger");
	tally_buf_clear(&c->ek_public);
	if (chip_make_ek(c, TALLY_EK_L2, &ek, &c->ek_public, err) < 0)
		return -1;
	if (r == 0)
		r = create_ak(c, ek, &ak, err) < 0 || store_ak(c, "ak", &ak, disk, err) < 0 ? -1
											    : 0;
	if (r >= 0)
		r = load_ak(c, ek, &ak, &c->ak, err);
	if (r == 0)
		r = copy_public(&c->ak_public, &ak.public, err);
	sodium_memzero(&ak, sizeof(ak));
	Esys_FlushContext(c->esys, ek);
	return r;
}
