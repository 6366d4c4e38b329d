/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NV counter of the anchors: an index of the owner's range with an auth of its
 * own, which no lock-out stops. Its index and auth are kept sealed in `nv`, beside
 * the attestation key. TPMs have counters begin above all that they ever had, so
 * none goes back, not by being undefined and defined again. The file is there before
 * the index: what stops in between is found again, and no index is left behind.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/log.h"
#include "tally/parse.h"
#include "chip.h"

#define AUTH    32
#define TRIES   16
#define FIRST   0x01800000u /* the owner's range of indices */
#define RANGE   0x003fffffu
#define COUNTER 8 /* bytes */

#define ATTRIBUTES                                                                                 \
	(TPMA_NV_AUTHWRITE | TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA |                \
	 ((TPMA_NV)TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))

/* What the file's sequence number says of the index. */
enum { BEGUN = 0, MADE = 1 };

struct counter {
	TPM2_HANDLE index;
	TPM2B_AUTH auth;
};

/* The code of a response without the number of what it complains of. */
static bool
is_code(TSS2_RC rc, TSS2_RC code)
{
	return rc <= 0xfff && (rc & 0xbf) == code;
}

static bool
is_wrong_auth(TSS2_RC rc)
{
	return is_code(rc, TPM2_RC_BAD_AUTH) || is_code(rc, TPM2_RC_AUTH_FAIL);
}

static int
store(struct chip *c, const struct counter *k, uint64_t state, const struct tally_disk *disk,
      struct tally_err *err)
{
	struct tally_buf content = TALLY_BUF_INIT;
	int r;

	tally_buf_add_u32(&content, k->index);
	tally_buf_add_u16(&content, k->auth.size);
	tally_buf_add(&content, k->auth.buffer, k->auth.size);
	r = sealed_write(disk, c->dir, "nv", SEALED_NV, c->key, state, tally_buf_view(&content),
			 false, err);
	sodium_memzero(content.p, content.len);
	tally_buf_deinit(&content);
	return r;
}

/* 1 found, 0 none */
static int
load(struct chip *c, struct counter *k, uint64_t *state, struct tally_err *err)
{
	struct tally_buf content = TALLY_BUF_INIT;
	struct tally_cursor cursor;
	struct tally_bytes auth;
	int r = sealed_read(c->dir, "nv", SEALED_NV, c->key, state, &content, err);

	if (r == 1) {
		tally_cursor_init(&cursor, tally_buf_view(&content));
		k->index = tally_cursor_u32(&cursor);
		auth = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
		if (!tally_cursor_done(&cursor) || auth.len == 0 ||
		    auth.len > sizeof(k->auth.buffer)) {
			r = tally_err_set(err, TALLY_FAILS,
					  "nv: sealed well, but it holds no counter");
		} else {
			k->auth.size = (UINT16)auth.len;
			memcpy(k->auth.buffer, auth.p, auth.len);
		}
	}
	if (content.p)
		sodium_memzero(content.p, content.len);
	tally_buf_deinit(&content);
	return r;
}

/* The public area as it is now, which the statement will name. */
static int
read_public(struct chip *c, struct tally_err *err)
{
	uint8_t bytes[sizeof(TPMS_NV_PUBLIC)];
	TPM2B_NV_PUBLIC *public = NULL;
	size_t len = 0;
	TSS2_RC rc = Esys_NV_ReadPublic(c->esys, c->nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					&public, NULL);

	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPMS_NV_PUBLIC_Marshal(&public->nvPublic, bytes, sizeof(bytes), &len);
	Esys_Free(public);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_NV_ReadPublic", err);
	tally_buf_clear(&c->nv_public);
	tally_buf_add(&c->nv_public, bytes, len);
	return 0;
}

void
chip_close_counter(struct chip *c)
{
	if (c->nv != ESYS_TR_NONE)
		Esys_TR_Close(c->esys, &c->nv);
	c->nv = ESYS_TR_NONE;
	tally_buf_clear(&c->nv_public);
}

/* Without a counter the anchors say less; the meter goes on. */
static int
go_without(struct chip *c, const char *why)
{
	tally_log(TALLY_LOG_WARNING, "no NV counter for anchors: %s", why);
	chip_close_counter(c);
	return 0;
}

static int
forget(struct chip *c, const struct tally_disk *disk, struct tally_err *err)
{
	if ((unlinkat(c->dir, "nv", 0) < 0 && errno != ENOENT) ||
	    disk->fsync(disk->ctx, c->dir) < 0)
		return tally_err_sys(err, "nv");
	return 0;
}

/* A step behind the definition failed. Where the TPM does not take it back, the file stays. */
static void
take_back(struct chip *c, const struct tally_disk *disk)
{
	struct tally_err ignored = TALLY_ERR_INIT;

	if (Esys_NV_UndefineSpace(c->esys, ESYS_TR_RH_OWNER, c->nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				  ESYS_TR_NONE) != TSS2_RC_SUCCESS)
		return;
	c->nv = ESYS_TR_NONE;
	(void)forget(c, disk, &ignored);
}

static int
define(struct chip *c, struct counter *k, const struct tally_disk *disk, TSS2_RC *rc,
       struct tally_err *err)
{
	TPM2B_NV_PUBLIC public = { .nvPublic = { .nameAlg = TPM2_ALG_SHA256,
						 .attributes = ATTRIBUTES,
						 .dataSize = COUNTER } };

	k->auth.size = AUTH;
	randombytes_buf(k->auth.buffer, AUTH);
	for (int i = 0; i < TRIES; i++) {
		public.nvPublic.nvIndex = k->index = FIRST | (randombytes_random() & RANGE);
		if (store(c, k, BEGUN, disk, err) < 0)
			return -1;
		*rc = Esys_NV_DefineSpace(c->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					  ESYS_TR_NONE, &k->auth, &public, &c->nv);
		if (*rc != TPM2_RC_NV_DEFINED)
			break;
	}
	return 0;
}

static int
make(struct chip *c, const struct tally_disk *disk, struct tally_err *err)
{
	struct tally_err refused = TALLY_ERR_INIT;
	struct counter k = { 0 };
	TSS2_RC rc;
	int r = define(c, &k, disk, &rc, err);

	if (r == 0 && rc != TSS2_RC_SUCCESS) {
		c->nv = ESYS_TR_NONE;
		(void)chip_refused(rc, "TPM2_NV_DefineSpace", &refused);
		sodium_memzero(&k, sizeof(k));
		if (rc != TPM2_RC_FAILURE)
			return forget(c, disk, err) < 0 ? -1 : go_without(c, refused.text);
		*err = refused;
		return -1;
	}
	if (r == 0) {
		rc = Esys_TR_SetAuth(c->esys, c->nv, &k.auth);
		if (rc != TSS2_RC_SUCCESS)
			r = chip_refused(rc, "Esys_TR_SetAuth", err);
		/* It has to be written once before it can be read. */
		if (r < 0 || chip_counter_increment(c, err) < 0 || read_public(c, err) < 0 ||
		    store(c, &k, MADE, disk, err) < 0) {
			take_back(c, disk);
			r = -1;
		}
	}
	sodium_memzero(&k, sizeof(k));
	return r;
}

/* An index that was begun: 1 it is whole now, 0 it is not ours, -1. No lock-out counts who
 * tries an auth at one without it. */
static int
complete(struct chip *c, const struct counter *k, const struct tally_disk *disk,
	 struct tally_err *err)
{
	struct tally_err other = TALLY_ERR_INIT;
	uint8_t written[4], made[4];
	uint32_t index;
	TSS2_RC rc;

	tally_put_u32(written, ATTRIBUTES | TPMA_NV_WRITTEN);
	tally_put_u32(made, ATTRIBUTES);
	/* TPMS_NV_PUBLIC: index, name algorithm, attributes */
	if (memcmp(c->nv_public.p + 6, made, 4) != 0 && memcmp(c->nv_public.p + 6, written, 4) != 0)
		return 0;
	rc = Esys_NV_Increment(c->esys, c->nv, c->nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	if (is_wrong_auth(rc))
		return 0;
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_NV_Increment", err);
	if (read_public(c, err) < 0)
		return -1;
	if (tally_counter_public(tally_buf_view(&c->nv_public), &index, &other) < 0)
		return 0;
	return store(c, k, MADE, disk, err) < 0 ? -1 : 1;
}

/* 1 it is there, 0 it is not, -1: the TPM refuses. */
static int
find(struct chip *c, const struct counter *k, struct tally_err *err)
{
	TSS2_RC rc = Esys_TR_FromTPMPublic(c->esys, k->index, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, &c->nv);

	if (rc != TSS2_RC_SUCCESS) {
		c->nv = ESYS_TR_NONE;
		(void)chip_refused(rc, "the index that nv names", err);
		return is_code(rc, TPM2_RC_HANDLE) ? 0 : -1;
	}
	rc = Esys_TR_SetAuth(c->esys, c->nv, &k->auth);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "Esys_TR_SetAuth", err);
	return read_public(c, err) < 0 ? -1 : 1;
}

/* Somebody may have defined the index again, alike but for its auth: without a word in the
 * statement no anchor would come any more, and nothing would say so. */
static bool
is_strangers(struct chip *c)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	TSS2_RC rc = Esys_NV_Read(c->esys, c->nv, c->nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				  ESYS_TR_NONE, COUNTER, 0, &data);

	Esys_Free(data);
	return is_wrong_auth(rc);
}

/* One that was begun, or that stands beside a TPM that is made anew, may not be there. A TPM
 * that refuses is asked again at the next start: a statement without the counter would be
 * held against the ledger for ever. */
static int
take_up(struct chip *c, const struct counter *k, uint64_t state, bool create,
	const struct tally_disk *disk, struct tally_err *err)
{
	struct tally_err refused = TALLY_ERR_INIT;
	uint32_t index;
	int r = find(c, k, &refused);

	if (r > 0 && state == BEGUN)
		r = complete(c, k, disk, &refused);
	if (r == 0 && (create || state == BEGUN)) {
		chip_close_counter(c);
		return make(c, disk, err);
	}
	if (r < 0) {
		*err = refused;
		return -1;
	}
	if (r == 0 || tally_counter_public(tally_buf_view(&c->nv_public), &index, &refused) < 0)
		return go_without(c, refused.text);
	return is_strangers(c) ? go_without(c, "its auth is not ours: somebody defined it again")
			       : 0;
}

int
chip_open_counter(struct chip *c, bool create, const struct tally_disk *disk, struct tally_err *err)
{
	struct counter k = { 0 };
	uint64_t state;
	int r = load(c, &k, &state, err);

	if (r == 0)
		return create ? make(c, disk, err) : 0;
	if (r > 0)
		r = take_up(c, &k, state, create, disk, err);
	sodium_memzero(&k, sizeof(k));
	return r;
}

static int
need_counter(const struct chip *c, struct tally_err *err)
{
	return c->nv != ESYS_TR_NONE ? 0 : tally_err_set(err, TALLY_TPM, "no NV counter");
}

int
chip_counter_read(struct chip *c, uint64_t *value, struct tally_err *err)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	TSS2_RC rc;
	int r = 0;

	if (need_counter(c, err) < 0)
		return -1;
	rc = Esys_NV_Read(c->esys, c->nv, c->nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			  COUNTER, 0, &data);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_NV_Read of the counter", err);
	if (data->size == COUNTER)
		*value = tally_get_u64(data->buffer);
	else
		r = tally_err_set(err, TALLY_TPM, "TPM2_NV_Read: %u bytes of the counter",
				  data->size);
	Esys_Free(data);
	return r;
}

int
chip_counter_increment(struct chip *c, struct tally_err *err)
{
	TSS2_RC rc;

	if (need_counter(c, err) < 0)
		return -1;
	rc = Esys_NV_Increment(c->esys, c->nv, c->nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc == TSS2_RC_SUCCESS ? 0 : chip_refused(rc, "TPM2_NV_Increment", err);
}

static int
write_attested(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, struct tally_buf *out,
	       struct tally_err *err)
{
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	struct tally_attested a;
	size_t len = 0;
	TSS2_RC rc = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, bytes, sizeof(bytes), &len);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPMT_SIGNATURE", err);
	a.attest = tally_bytes(attest->attestationData, attest->size);
	a.signature = tally_bytes(bytes, len);
	tally_attested_write(out, &a);
	return 0;
}

int
chip_counter_certify(struct chip *c, const uint8_t q[TALLY_HASH], struct tally_buf *out,
		     struct tally_err *err)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL }; /* the key has its own */
	TPM2B_DATA nonce = { .size = TALLY_HASH };
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc;
	int r;

	if (need_counter(c, err) < 0)
		return -1;
	memcpy(nonce.buffer, q, TALLY_HASH);
	rc = Esys_NV_Certify(c->esys, c->ak, c->nv, c->nv, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
			     ESYS_TR_NONE, &nonce, &scheme, COUNTER, 0, &attest, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_NV_Certify", err);
	r = write_attested(attest, signature, out, err);
	Esys_Free(attest);
	Esys_Free(signature);
	return r;
}

int
chip_time(struct chip *c, const uint8_t q[TALLY_HASH], struct tally_buf *out, struct tally_err *err)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA nonce = { .size = TALLY_HASH };
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc;
	int r;

	memcpy(nonce.buffer, q, TALLY_HASH);
	rc = Esys_GetTime(c->esys, ESYS_TR_RH_ENDORSEMENT, c->ak, ESYS_TR_PASSWORD,
			  ESYS_TR_PASSWORD, ESYS_TR_NONE, &nonce, &scheme, &attest, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_GetTime", err);
	r = write_attested(attest, signature, out, err);
	Esys_Free(attest);
	Esys_Free(signature);
	return r;
}
