/* SPDX-License-Identifier: Apache-2.0 */
/* What the helper asks of its TPM while it serves: counters, PCRs, quotes. */
#include <string.h>
#include <tss2/tss2_mu.h>
#include "tally/err.h"
#include "chip.h"

int
chip_counts(struct chip *c, uint32_t *reset, uint32_t *restart, struct tally_err *err)
{
	TPMS_TIME_INFO *time = NULL;
	TSS2_RC rc = Esys_ReadClock(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &time);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_ReadClock", err);
	*reset = time->clockInfo.resetCount;
	*restart = time->clockInfo.restartCount;
	Esys_Free(time);
	return 0;
}

static TPML_PCR_SELECTION
selection(const uint8_t *pcrs, size_t n)
{
	TPML_PCR_SELECTION s = { .count = 1 };

	s.pcrSelections[0].hash = TPM2_ALG_SHA256;
	s.pcrSelections[0].sizeofSelect = 3;
	for (size_t i = 0; i < n; i++)
		s.pcrSelections[0].pcrSelect[pcrs[i] / 8] |= (BYTE)(1u << (pcrs[i] % 8));
	return s;
}

/* As many values as the TPM gives at once, mostly eight, are one command: a chip takes
 * milliseconds for each. They come in the order of their numbers. */
static int
read_some(struct chip *c, const uint8_t *pcrs, size_t n, uint8_t (*out)[TALLY_HASH], size_t *count,
	  struct tally_err *err)
{
	TPML_PCR_SELECTION expected = selection(pcrs, n), *given = NULL;
	TPML_DIGEST *values = NULL;
	TSS2_RC rc = Esys_PCR_Read(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &expected,
				   NULL, &given, &values);
	bool good;

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_PCR_Read", err);
	*count = values->count;
	good = *count > 0 && *count <= n && given->count == 1;
	if (good) {
		expected = selection(pcrs, *count);
		good = given->pcrSelections[0].hash == TPM2_ALG_SHA256 &&
		       given->pcrSelections[0].sizeofSelect == 3 &&
		       memcmp(given->pcrSelections[0].pcrSelect,
			      expected.pcrSelections[0].pcrSelect, 3) == 0;
	}
	for (size_t i = 0; good && i < *count; i++) {
		good = values->digests[i].size == TALLY_HASH;
		if (good)
			memcpy(out[i], values->digests[i].buffer, TALLY_HASH);
	}
	Esys_Free(values);
	Esys_Free(given);
	if (!good)
		return tally_err_set(err, TALLY_TPM, "TPM2_PCR_Read: PCR %u has no SHA-256 value",
				     pcrs[0]);
	return 0;
}

static int
read_values(struct chip *c, const uint8_t *pcrs, size_t n, uint8_t (*out)[TALLY_HASH],
	    struct tally_err *err)
{
	for (size_t i = 0, count = 0; i < n; i += count)
		if (read_some(c, pcrs + i, n - i, out + i, &count, err) < 0)
			return -1;
	return 0;
}

int
chip_pcr_read(struct chip *c, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	const uint8_t one[] = { (uint8_t)pcr };
	uint8_t value[1][TALLY_HASH];

	if (read_values(c, one, 1, value, err) < 0)
		return -1;
	memcpy(out, value[0], TALLY_HASH);
	return 0;
}

int
chip_pcr_extend(struct chip *c, unsigned pcr, const uint8_t digest[TALLY_HASH],
		struct tally_err *err)
{
	TPML_DIGEST_VALUES values = { .count = 1 };
	TSS2_RC rc;

	values.digests[0].hashAlg = TPM2_ALG_SHA256;
	memcpy(values.digests[0].digest.sha256, digest, TALLY_HASH);
	rc = Esys_PCR_Extend(c->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
			     ESYS_TR_NONE, &values);
	return rc == TSS2_RC_SUCCESS ? 0 : chip_refused(rc, "TPM2_PCR_Extend", err);
}

static int
write_blob(const struct tally_blob *values, const TPM2B_ATTEST *attest,
	   const TPMT_SIGNATURE *signature, struct tally_buf *blob, struct tally_err *err)
{
	struct tally_blob b = *values;
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	size_t len = 0;
	TSS2_RC rc = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, bytes, sizeof(bytes), &len);

	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPMT_SIGNATURE", err);
	b.attest = tally_bytes(attest->attestationData, attest->size);
	b.signature = tally_bytes(bytes, len);
	tally_blob_write(blob, &b);
	return 0;
}

/* Nobody else has this TPM, so the values read are those that are quoted; the
 * client checks it all the same. */
int
chip_quote(struct chip *c, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
	   struct tally_buf *blob, struct tally_err *err)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL }; /* the key has its own */
	const TPML_PCR_SELECTION wanted = selection(pcrs, n);
	struct tally_blob b = { .pcrs = (unsigned)n };
	TPM2B_DATA nonce = { .size = TALLY_HASH };
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc;
	int r;

	memcpy(b.pcr, pcrs, n);
	if (read_values(c, pcrs, n, b.value, err) < 0)
		return -1;
	memcpy(nonce.buffer, q, TALLY_HASH);
	rc = Esys_Quote(c->esys, c->ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nonce,
			&scheme, &wanted, &attest, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return chip_refused(rc, "TPM2_Quote", err);
	r = write_blob(&b, attest, signature, blob, err);
	Esys_Free(attest);
	Esys_Free(signature);
	return r;
}
