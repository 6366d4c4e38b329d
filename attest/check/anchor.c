/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two attestations of an anchor, against the identity and the value that they
 * must bind: the NV counter (check 12) and the time (checks 8 and 9).
 */
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"

/* A counter that its own auth writes and reads and that no lock-out stops, and
 * that has been written: 0x22060014. */
#define TPM_NV_COUNTER 0x22060014u
#define NV_PUBLIC      14 /* bytes of TPMS_NV_PUBLIC without a policy */
#define NV_COUNTER     8  /* bytes of a counter */

int
tally_counter_public(struct tally_bytes nv_public, uint32_t *index, struct tally_err *err)
{
	struct tally_cursor c;
	uint32_t attributes;
	uint16_t name_alg, policy, size;

	tally_cursor_init(&c, nv_public);
	*index = tally_cursor_u32(&c);
	name_alg = tally_cursor_u16(&c);
	attributes = tally_cursor_u32(&c);
	policy = tally_cursor_u16(&c);
	size = tally_cursor_u16(&c);
	if (!tally_cursor_done(&c) || nv_public.len != NV_PUBLIC)
		return tally_err_set(err, TALLY_FAILS, "NV index: %zu bytes of its public area",
				     nv_public.len);
	if (name_alg != TPM_ALG_SHA256 || policy != 0 || size != NV_COUNTER ||
	    attributes != TPM_NV_COUNTER)
		return tally_err_set(err, TALLY_FAILS,
				     "NV index 0x%08x: attributes 0x%08x and %u bytes: not the "
				     "counter that an anchor needs (0x%08x)",
				     *index, attributes, size, TPM_NV_COUNTER);
	return 0;
}

/* Any attestation tells in which session it was made. */
static int
check_session(const struct tally_statement *st, uint32_t reset, uint32_t restart, unsigned *check,
	      struct tally_err *err)
{
	if (reset != st->reset_count || restart != st->restart_count)
		return check_fail(check, 8, err,
				  "attestation: made in TPM session %u.%u, not in the statement's "
				  "%u.%u",
				  reset, restart, st->reset_count, st->restart_count);
	return 0;
}

int
tally_counter_check(const struct tally_identity_key *k, const struct tally_statement *st,
		    const struct tally_attested *attested, const uint8_t q[TALLY_HASH],
		    uint64_t *value, unsigned *check, struct tally_err *err)
{
	uint8_t name[TPM_NAME];
	struct tpm_attest a;
	uint32_t index;

	if (attest_check(&a, TPM_ST_ATTEST_NV, k, attested, q, check, err) < 0 ||
	    check_session(st, a.reset_count, a.restart_count, check, err) < 0)
		return -1;
	if (tally_counter_public(st->nv_public, &index, err) < 0) {
		*check = 12;
		return -1;
	}
	tally_tpm_name(name, st->nv_public);
	if (!tally_bytes_eq(a.nv_name, tally_bytes(name, sizeof(name))))
		return check_fail(check, 12, err,
				  "attestation: of another NV index than the statement's");
	if (a.nv_offset != 0 || a.nv_contents.len != NV_COUNTER)
		return check_fail(check, 12, err,
				  "attestation: %zu bytes of the NV index from byte %u on, not the "
				  "counter",
				  a.nv_contents.len, a.nv_offset);
	*value = tally_get_u64(a.nv_contents.p);
	return 0;
}

int
tally_time_check(const struct tally_identity_key *k, const struct tally_statement *st,
		 const struct tally_attested *attested, const uint8_t q[TALLY_HASH],
		 struct tally_tpm_time *out, unsigned *check, struct tally_err *err)
{
	struct tpm_attest a;

	if (attest_check(&a, TPM_ST_ATTEST_TIME, k, attested, q, check, err) < 0 ||
	    check_session(st, a.reset_count, a.restart_count, check, err) < 0 ||
	    check_session(st, a.time.reset_count, a.time.restart_count, check, err) < 0)
		return -1;
	*out = a.time;
	return 0;
}
