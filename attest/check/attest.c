/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPMS_ATTEST of a quote, a time or an NV certification, and what holds of each:
 * checks 1 to 4, 6 and 7. The signature comes before anything that it covers is
 * believed.
 */
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "check_internal.h"

/* TPMS_CLOCK_INFO and the firmware's version. */
static int
read_clock(struct tpm_attest *out, struct tally_cursor *c, unsigned *check, struct tally_err *err)
{
	uint8_t safe;

	out->clock = tally_cursor_u64(c);
	out->reset_count = tally_cursor_u32(c);
	out->restart_count = tally_cursor_u32(c);
	safe = tally_cursor_u8(c);
	if (safe > 1)
		return check_fail(check, 1, err, "attestation: safe is %u, neither yes nor no",
				  safe);
	out->safe = safe == 1;
	out->firmware = tally_cursor_u64(c);
	return 0;
}

/* TPMS_QUOTE_INFO: one bank, three bytes of selection. */
static int
read_quote(struct tpm_attest *out, struct tally_cursor *c, unsigned *check, struct tally_err *err)
{
	uint32_t banks = tally_cursor_u32(c);
	uint8_t size;
	struct tally_bytes select;

	if (!c->failed && banks != 1)
		return check_fail(check, 8, err, "attestation: %u PCR banks, not one", banks);
	out->bank = tally_cursor_u16(c);
	size = tally_cursor_u8(c);
	if (!c->failed && size != TPM_SELECT)
		return check_fail(check, 1, err, "attestation: PCR selection of %u bytes", size);
	select = tally_cursor_take(c, TPM_SELECT);
	out->digest = tally_cursor_take(c, tally_cursor_u16(c));
	if (!c->failed)
		memcpy(out->select, select.p, TPM_SELECT);
	return 0;
}

/* TPMS_TIME_ATTEST_INFO: the time, a clock info, the firmware's version. */
static int
read_time(struct tpm_attest *out, struct tally_cursor *c, unsigned *check, struct tally_err *err)
{
	struct tpm_attest inner = { .clock = 0 };

	out->time.time = tally_cursor_u64(c);
	if (read_clock(&inner, c, check, err) < 0)
		return -1;
	out->time.clock = inner.clock;
	out->time.reset_count = inner.reset_count;
	out->time.restart_count = inner.restart_count;
	out->time.safe = inner.safe;
	out->time.firmware = inner.firmware;
	return 0;
}

/* TPMS_NV_CERTIFY_INFO */
static void
read_nv(struct tpm_attest *out, struct tally_cursor *c)
{
	out->nv_name = tally_cursor_take(c, tally_cursor_u16(c));
	out->nv_offset = tally_cursor_u16(c);
	out->nv_contents = tally_cursor_take(c, tally_cursor_u16(c));
}

static int
read_body(struct tpm_attest *out, unsigned type, struct tally_cursor *c, unsigned *check,
	  struct tally_err *err)
{
	switch (type) {
	case TPM_ST_ATTEST_QUOTE:
		return read_quote(out, c, check, err);
	case TPM_ST_ATTEST_TIME:
		return read_time(out, c, check, err);
	default:
		TALLY_ASSERT(type == TPM_ST_ATTEST_NV);
		read_nv(out, c);
		return 0;
	}
}

/* Of the type that is wanted, or it is none. */
static int
parse(struct tpm_attest *out, unsigned type, struct tally_bytes in, unsigned *check,
      struct tally_err *err)
{
	struct tally_cursor c;
	uint32_t magic;
	uint16_t found;

	memset(out, 0, sizeof(*out));
	tally_cursor_init(&c, in);
	magic = tally_cursor_u32(&c);
	found = tally_cursor_u16(&c);
	if (c.failed)
		return check_fail(check, 1, err, "attestation: cut before its type");
	if (magic != TPM_GENERATED)
		return check_fail(check, 2, err,
				  "attestation: magic 0x%08x: no TPM made these bytes", magic);
	if (found != type)
		return check_fail(check, 3, err, "attestation: type 0x%04x is not %s", found,
				  type == TPM_ST_ATTEST_QUOTE  ? "a quote"
				  : type == TPM_ST_ATTEST_TIME ? "a time"
							       : "an NV certification");
	out->signer = tally_cursor_take(&c, tally_cursor_u16(&c));
	out->extra = tally_cursor_take(&c, tally_cursor_u16(&c));
	if (read_clock(out, &c, check, err) < 0 || read_body(out, type, &c, check, err) < 0)
		return -1;
	if (c.failed)
		return check_fail(check, 1, err, "attestation: cut");
	if (!tally_cursor_done(&c))
		return check_fail(check, 1, err, "attestation: %zu bytes left over",
				  tally_cursor_left(&c));
	return 0;
}

int
attest_check(struct tpm_attest *out, unsigned type, const struct tally_identity_key *k,
	     const struct tally_attested *a, const uint8_t q[TALLY_HASH], unsigned *check,
	     struct tally_err *err)
{
	struct tpm_signature sig;

	if (parse(out, type, a->attest, check, err) < 0 ||
	    signature_parse(&sig, a->signature, check, err) < 0)
		return -1;
	if (signature_verify(&sig, k->key, a->attest, err) < 0) {
		*check = 4;
		return -1;
	}
	if (!tally_bytes_eq(out->signer, tally_bytes(k->signer, TPM_NAME)))
		return check_fail(check, 6, err,
				  "attestation: its signer is not this key under this endorsement "
				  "key");
	if (!tally_bytes_eq(out->extra, tally_bytes(q, TALLY_HASH)))
		return check_fail(
			check, 7, err,
			"attestation: it binds another value (a replay, or another note)");
	return 0;
}
