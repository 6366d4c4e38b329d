/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quote against the identity and the value that it must bind: check 8, behind
 * those of any attestation.
 */
#include <string.h>
#include "tally/err.h"
#include "check_internal.h"

/* Check 8: the statement's PCRs, no others, and the digest of their values. */
static int
check_pcrs(const struct tally_identity_key *k, const struct tally_statement *st,
	   const struct tally_blob *blob, const struct tpm_attest *a, unsigned *check,
	   struct tally_err *err)
{
	uint8_t listed[TPM_SELECT] = { 0 }, values[TALLY_PCRS * TALLY_HASH], digest[TALLY_HASH];

	if (a->bank != st->pcr_bank || memcmp(a->select, k->select, TPM_SELECT) != 0)
		return check_fail(check, 8, err,
				  "attestation: its PCR selection is not the statement's");
	for (unsigned i = 0; i < blob->pcrs; i++) {
		listed[blob->pcr[i] / 8] |= (uint8_t)(1u << (blob->pcr[i] % 8));
		memcpy(values + i * TALLY_HASH, blob->value[i], TALLY_HASH);
	}
	if (memcmp(listed, k->select, TPM_SELECT) != 0)
		return check_fail(check, 8, err,
				  "evidence blob: its PCRs are not those that were quoted");
	check_sha256(digest, tally_bytes(values, blob->pcrs * TALLY_HASH));
	if (!tally_bytes_eq(a->digest, tally_bytes(digest, sizeof(digest))))
		return check_fail(check, 8, err,
				  "evidence blob: its PCR values are not those that were quoted");
	if (a->reset_count != st->reset_count || a->restart_count != st->restart_count)
		return check_fail(check, 8, err,
				  "attestation: made in TPM session %u.%u, not in the statement's "
				  "%u.%u",
				  a->reset_count, a->restart_count, st->reset_count,
				  st->restart_count);
	return 0;
}

int
tally_quote_check(const struct tally_identity_key *k, const struct tally_statement *st,
		  const struct tally_blob *blob, const uint8_t q[TALLY_HASH],
		  struct tally_quote *out, unsigned *check, struct tally_err *err)
{
	const struct tally_attested attested = { blob->attest, blob->signature };
	struct tpm_attest a;

	if (attest_check(&a, TPM_ST_ATTEST_QUOTE, k, &attested, q, check, err) < 0)
		return -1;
	if (check_pcrs(k, st, blob, &a, check, err) < 0)
		return -1;
	memset(out, 0, sizeof(*out));
	out->clock = a.clock;
	out->reset_count = a.reset_count;
	out->restart_count = a.restart_count;
	out->safe = a.safe;
	out->firmware = a.firmware;
	for (unsigned i = 0; i < blob->pcrs; i++)
		if (blob->pcr[i] == st->ledger_pcr)
			memcpy(out->ledger_pcr, blob->value[i], TALLY_HASH);
	return 0;
}
