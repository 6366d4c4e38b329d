/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs: the statement's EK and AK (checks 1 and 5), the AK's qualified
 * name under the EK (for check 6), the PCRs that it promises (for check 8).
 */
#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>
#include "tally/enrolment.h"
#include "tally/err.h"
#include "check_internal.h"

/* Everything below PCR 16 is cleared by a TPM reset only. */
#define FIRST_RESETTABLE_PCR 16

static int
check_fields(const struct tally_statement *st, unsigned *check, struct tally_err *err)
{
	if (st->version != 1)
		return check_fail(check, 1, err, "statement: unknown version %u", st->version);
	if (st->host_id.len != TALLY_HASH || st->agent_hash.len != TALLY_HASH ||
	    st->prev_root.len != TALLY_HASH || st->ledger_pcr_value.len != TALLY_HASH)
		return check_fail(check, 1, err, "statement: a hash that is not 32 bytes long");
	return 0;
}

static int
check_ek(const struct tally_statement *st, unsigned *check, struct tally_err *err)
{
	struct tpm_public ek;
	uint8_t host_id[TALLY_HASH];

	if (public_parse(&ek, st->ek_public, err) < 0) {
		*check = 1;
		return tally_err_prefix(err, "endorsement key");
	}
	if (ek.name_alg != TPM_ALG_SHA256 || ek.attributes != TPM_EK_L2_ATTRIBUTES ||
	    ek.symmetric != TPM_ALG_AES || ek.symmetric_bits != 128 ||
	    ek.symmetric_mode != TPM_ALG_CFB || ek.scheme != TPM_ALG_NULL ||
	    !tally_bytes_eq(ek.policy, tally_ek_policy(TALLY_EK_L2)))
		return check_fail(check, 5, err, "endorsement key: not made from the template L-2");
	tally_host_id(host_id, st->ek_public);
	if (!tally_bytes_eq(st->host_id, tally_bytes(host_id, sizeof(host_id))))
		return check_fail(check, 5, err, "endorsement key: its hash is not the host_id");
	return 0;
}

/* OpenSSL's import refuses coordinates that are too large or off the curve. */
static EVP_PKEY *
load_point(const struct tpm_public *p)
{
	uint8_t point[1 + 2 * P256_BYTES] = { 0x04 };
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL), *checker = NULL;
	EVP_PKEY *key = NULL;

	memcpy(point + 1, p->x.p, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, p->y.p, P256_BYTES);
	TALLY_ASSERT(ctx && EVP_PKEY_fromdata_init(ctx) == 1);
	if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1)
		checker = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (!checker || EVP_PKEY_public_check(checker) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(checker);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

int
identity_load_ak(struct tally_bytes public, EVP_PKEY **key, unsigned *check, struct tally_err *err)
{
	struct tpm_public ak;

	if (public_parse(&ak, public, err) < 0) {
		*check = 1;
		return tally_err_prefix(err, "attestation key");
	}
	if (ak.attributes != TALLY_AK_ATTRIBUTES)
		return check_fail(
			check, 5, err,
			"attestation key: attributes 0x%08x, not 0x%08x: it may sign what "
			"no TPM attests",
			ak.attributes, TALLY_AK_ATTRIBUTES);
	if (ak.name_alg != TPM_ALG_SHA256 || ak.policy.len != 0 || ak.symmetric != TPM_ALG_NULL ||
	    ak.scheme != TPM_ALG_ECDSA || ak.scheme_hash != TPM_ALG_SHA256)
		return check_fail(check, 5, err,
				  "attestation key: not ECDSA with SHA-256 and no policy");
	*key = load_point(&ak);
	if (!*key)
		return check_fail(check, 4, err, "attestation key: its point is not on P-256");
	return 0;
}

static const uint8_t no_value[TALLY_HASH];

static int
make_selection(uint8_t select[TPM_SELECT], const struct tally_statement *st, unsigned *check,
	       struct tally_err *err)
{
	if (st->pcr_bank != TPM_ALG_SHA256)
		return check_fail(check, 8, err, "statement: PCR bank 0x%04x is not SHA-256",
				  st->pcr_bank);
	if (st->ledger_pcr == TALLY_NO_PCR &&
	    memcmp(st->ledger_pcr_value.p, no_value, TALLY_HASH) != 0)
		return check_fail(check, 8, err, "statement: a value of no ledger PCR");
	if (st->ledger_pcr != TALLY_NO_PCR && st->ledger_pcr >= FIRST_RESETTABLE_PCR)
		return check_fail(check, 8, err, "statement: PCR %u cannot hold a ledger",
				  st->ledger_pcr);
	memset(select, 0, TPM_SELECT);
	for (size_t i = 0; i < st->boot_pcrs.count; i++) {
		uint32_t pcr = st->boot_pcrs.items[i];

		if (pcr >= TALLY_PCRS || pcr == st->ledger_pcr ||
		    (i > 0 && pcr <= st->boot_pcrs.items[i - 1]))
			return check_fail(check, 8, err, "statement: boot PCR %u out of place",
					  pcr);
		select[pcr / 8] |= (uint8_t)(1u << (pcr % 8));
	}
	if (st->ledger_pcr != TALLY_NO_PCR)
		select[st->ledger_pcr / 8] |= (uint8_t)(1u << (st->ledger_pcr % 8));
	return 0;
}

/* Name of the AK under the name of the EK under the endorsement hierarchy. */
static void
qualify(uint8_t out[TPM_NAME], const struct tally_statement *st)
{
	uint8_t under_hierarchy[4 + TPM_NAME], under_ek[2 * TPM_NAME];

	tally_put_u32(under_hierarchy, TPM_RH_ENDORSEMENT);
	tally_tpm_name(under_hierarchy + 4, st->ek_public);
	tally_tpm_name(under_ek, tally_bytes(under_hierarchy, sizeof(under_hierarchy)));
	tally_tpm_name(under_ek + TPM_NAME, st->ak_public);
	tally_tpm_name(out, tally_bytes(under_ek, sizeof(under_ek)));
}

int
tally_identity_open(struct tally_identity_key **out, const struct tally_statement *st,
		    unsigned *check, struct tally_err *err)
{
	struct tally_identity_key *k;
	uint8_t select[TPM_SELECT];
	EVP_PKEY *key = NULL;

	if (check_fields(st, check, err) < 0 || check_ek(st, check, err) < 0 ||
	    make_selection(select, st, check, err) < 0 ||
	    identity_load_ak(st->ak_public, &key, check, err) < 0)
		return -1;
	k = tally_alloc(sizeof(*k));
	k->key = key;
	memcpy(k->select, select, sizeof(select));
	qualify(k->signer, st);
	*out = k;
	return 0;
}

void
tally_identity_free(struct tally_identity_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}
