/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence row and the digests of FORMAT.md section 6, byte by byte. */
#include <string.h>
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/row.h"

void
tally_q_checkpoint(uint8_t out[TALLY_HASH], struct tally_bytes note_text)
{
	static const char domain[] = "tally/checkpoint/v1"; /* hashed with its NUL */
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_reserve(&b, sizeof(domain) + note_text.len);
	tally_buf_add(&b, domain, sizeof(domain));
	tally_buf_add_bytes(&b, note_text);
	tally_sha256(out, tally_buf_view(&b));
	tally_buf_deinit(&b);
}

void
tally_pcr_extend(uint8_t out[TALLY_HASH], const uint8_t before[TALLY_HASH],
		 const uint8_t q[TALLY_HASH])
{
	uint8_t both[2 * TALLY_HASH];

	memcpy(both, before, TALLY_HASH);
	memcpy(both + TALLY_HASH, q, TALLY_HASH);
	tally_sha256(out, tally_bytes(both, sizeof both));
}

void
tally_row_write(uint8_t out[TALLY_ROW], const struct tally_row *r)
{
	memset(out, 0, TALLY_ROW);
	out[0] = 1;
	out[1] = r->state;
	out[2] = r->pcr;
	tally_put_u32(out + 4, r->number);
	tally_put_u64(out + 8, r->note);
	tally_put_u64(out + 16, r->session);
	memcpy(out + 32, r->q, TALLY_HASH);
	memcpy(out + 64, r->before, TALLY_HASH);
	memcpy(out + 96, r->after, TALLY_HASH);
}

int
tally_row_read(struct tally_row *r, const uint8_t in[TALLY_ROW], struct tally_err *err)
{
	if (in[0] != 1)
		return tally_err_set(err, TALLY_FAILS, "evidence row of unknown version %u", in[0]);
	if (in[1] > TALLY_ROW_FOREIGN)
		return tally_err_set(err, TALLY_FAILS, "evidence row of unknown state %u", in[1]);
	if (in[3] != 0 || tally_get_u64(in + 24) != 0)
		return tally_err_set(err, TALLY_FAILS, "evidence row with reserved bytes set");
	r->state = in[1];
	r->pcr = in[2];
	r->number = tally_get_u32(in + 4);
	r->note = tally_get_u64(in + 8);
	r->session = tally_get_u64(in + 16);
	memcpy(r->q, in + 32, TALLY_HASH);
	memcpy(r->before, in + 64, TALLY_HASH);
	memcpy(r->after, in + 96, TALLY_HASH);
	return 0;
}
