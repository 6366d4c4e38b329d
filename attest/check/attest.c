/* SPDX-License-Identifier: Apache-2.0 */
/* TPMS_ATTEST of a quote (checks 1, 2 and 3). */
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

int
attest_parse(struct tpm_attest *out, struct tally_bytes in, unsigned *check, struct tally_err *err)
{
	struct tally_cursor c;
	uint32_t magic;
	uint16_t type;

	memset(out, 0, sizeof(*out));
	tally_cursor_init(&c, in);
	magic = tally_cursor_u32(&c);
	type = tally_cursor_u16(&c);
	if (c.failed)
		return check_fail(check, 1, err, "attestation: cut before its type");
	if (magic != TPM_GENERATED)
		return check_fail(check, 2, err,
				  "attestation: magic 0x%08x: no TPM made these bytes", magic);
	if (type != TPM_ST_ATTEST_QUOTE)
		return check_fail(check, 3, err, "attestation: type 0x%04x is not a quote", type);
	out->signer = tally_cursor_take(&c, tally_cursor_u16(&c));
	out->extra = tally_cursor_take(&c, tally_cursor_u16(&c));
	if (read_clock(out, &c, check, err) < 0 || read_quote(out, &c, check, err) < 0)
		return -1;
	if (c.failed)
		return check_fail(check, 1, err, "attestation: cut");
	if (!tally_cursor_done(&c))
		return check_fail(check, 1, err, "attestation: %zu bytes left over",
				  tally_cursor_left(&c));
	return 0;
}
