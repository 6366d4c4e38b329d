/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attestation with its signature, one encoding for one content; and the time
 * that TPM2_GetTime attests, as a report reads it. Whether it is true is the
 * verifier's to say (attest/check).
 */
#include "tally/err.h"
#include "tally/event.h"
#include "tally/parse.h"

#define VERSION   1
#define MAGIC     0xff544347u
#define TYPE_TIME 0x8019u

int
tally_attested_parse(struct tally_attested *out, struct tally_bytes in, struct tally_err *err)
{
	struct tally_cursor c;
	uint8_t version;

	tally_cursor_init(&c, in);
	version = tally_cursor_u8(&c);
	if (c.failed || version != VERSION)
		return tally_err_set(err, TALLY_FAILS, "attestation: unknown version %u", version);
	out->attest = tally_cursor_take(&c, tally_cursor_u16(&c));
	out->signature = tally_cursor_take(&c, tally_cursor_u16(&c));
	if (c.failed)
		return tally_err_set(err, TALLY_FAILS, "attestation: cut");
	if (!tally_cursor_done(&c))
		return tally_err_set(err, TALLY_FAILS, "attestation: %zu bytes left over",
				     tally_cursor_left(&c));
	return 0;
}

void
tally_attested_write(struct tally_buf *out, const struct tally_attested *a)
{
	TALLY_ASSERT(a->attest.len <= UINT16_MAX && a->signature.len <= UINT16_MAX);
	tally_buf_add_u8(out, VERSION);
	tally_buf_add_u16(out, (uint16_t)a->attest.len);
	tally_buf_add_bytes(out, a->attest);
	tally_buf_add_u16(out, (uint16_t)a->signature.len);
	tally_buf_add_bytes(out, a->signature);
}

bool
tally_tpm_time_read(struct tally_tpm_time *out, struct tally_bytes attested)
{
	struct tally_err ignored;
	struct tally_attested a;
	struct tally_cursor c;
	uint8_t safe;

	if (tally_attested_parse(&a, attested, &ignored) < 0)
		return false;
	tally_cursor_init(&c, a.attest);
	if (tally_cursor_u32(&c) != MAGIC || tally_cursor_u16(&c) != TYPE_TIME)
		return false;
	(void)tally_cursor_take(&c, tally_cursor_u16(&c)); /* the signer */
	(void)tally_cursor_take(&c, tally_cursor_u16(&c)); /* what it binds */
	(void)tally_cursor_take(&c, 8 + 4 + 4 + 1 + 8);    /* TPMS_ATTEST's own clock */
	out->time = tally_cursor_u64(&c);
	out->clock = tally_cursor_u64(&c);
	out->reset_count = tally_cursor_u32(&c);
	out->restart_count = tally_cursor_u32(&c);
	safe = tally_cursor_u8(&c);
	out->safe = safe == 1;
	out->firmware = tally_cursor_u64(&c);
	return tally_cursor_done(&c) && safe <= 1;
}
