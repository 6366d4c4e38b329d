/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence blob of FORMAT.md section 6. One encoding for one content. */
#include <string.h>
#include "tally/err.h"
#include "tally/evidence.h"
#include "tally/parse.h"

#define BLOB_VERSION 1

static int
read_pcrs(struct tally_blob *out, struct tally_cursor *c, struct tally_err *err)
{
	out->pcrs = tally_cursor_u8(c);
	if (out->pcrs == 0 || out->pcrs > TALLY_PCRS)
		return tally_err_set(err, TALLY_FAILS, "evidence blob: %u PCRs", out->pcrs);
	for (unsigned i = 0; i < out->pcrs; i++) {
		struct tally_bytes value;

		out->pcr[i] = tally_cursor_u8(c);
		value = tally_cursor_take(c, TALLY_HASH);
		if (c->failed)
			return tally_err_set(err, TALLY_FAILS, "evidence blob: cut in its PCRs");
		if (out->pcr[i] >= TALLY_PCRS || (i > 0 && out->pcr[i] <= out->pcr[i - 1]))
			return tally_err_set(err, TALLY_FAILS, "evidence blob: PCR %u out of place",
					     out->pcr[i]);
		memcpy(out->value[i], value.p, TALLY_HASH);
	}
	return 0;
}

int
tally_blob_parse(struct tally_blob *out, struct tally_bytes in, struct tally_err *err)
{
	struct tally_cursor c;
	uint8_t version;

	memset(out, 0, sizeof(*out));
	tally_cursor_init(&c, in);
	version = tally_cursor_u8(&c);
	if (c.failed || version != BLOB_VERSION)
		return tally_err_set(err, TALLY_FAILS, "evidence blob: unknown version %u",
				     version);
	if (read_pcrs(out, &c, err) < 0)
		return -1;
	out->attest = tally_cursor_take(&c, tally_cursor_u16(&c));
	out->signature = tally_cursor_take(&c, tally_cursor_u16(&c));
	if (c.failed)
		return tally_err_set(err, TALLY_FAILS, "evidence blob: cut after its PCRs");
	if (!tally_cursor_done(&c))
		return tally_err_set(err, TALLY_FAILS, "evidence blob: %zu bytes left over",
				     tally_cursor_left(&c));
	return 0;
}

void
tally_blob_write(struct tally_buf *out, const struct tally_blob *b)
{
	TALLY_ASSERT(b->pcrs > 0 && b->pcrs <= TALLY_PCRS);
	TALLY_ASSERT(b->attest.len <= UINT16_MAX && b->signature.len <= UINT16_MAX);
	tally_buf_add_u8(out, BLOB_VERSION);
	tally_buf_add_u8(out, (uint8_t)b->pcrs);
	for (unsigned i = 0; i < b->pcrs; i++) {
		tally_buf_add_u8(out, b->pcr[i]);
		tally_buf_add(out, b->value[i], TALLY_HASH);
	}
	tally_buf_add_u16(out, (uint16_t)b->attest.len);
	tally_buf_add_bytes(out, b->attest);
	tally_buf_add_u16(out, (uint16_t)b->signature.len);
	tally_buf_add_bytes(out, b->signature);
}
