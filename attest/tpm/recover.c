/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a start or a failure. The journal says what was intended, PCR_Read what
 * was done; nothing is extended twice, and nothing that was extended is lost.
 */
#include <string.h>
#include "tally/err.h"
#include "seal_internal.h"

/* Pending, and of the present session: the value found decides. Without a
 * ledger PCR nothing was extended, and a second quote does no harm. */
static int
settle_pending(struct tally_seal *s, struct tally_row *row, const uint8_t found[TALLY_HASH],
	       bool *settled, struct tally_err *err)
{
	int r;

	if (!seal_has_pcr(s)) {
		/* on with the quote */
	} else if (memcmp(found, row->before, TALLY_HASH) == 0) {
		if (s->tpm->pcr_extend(s->tpm->ctx, row->pcr, row->q, err) < 0)
			return -1;
	} else if (memcmp(found, row->after, TALLY_HASH) != 0) {
		return seal_settle_foreign(s, row, found, err);
	}
	r = seal_attest(s, row, err);
	if (r == 1)
		*settled = true;
	return r < 0 ? -1 : 0;
}

static int
settle_lost(struct tally_seal *s, struct tally_row *row, const struct tally_tpm_info *info,
	    struct tally_err *err)
{
	row->state = TALLY_ROW_LOST;
	return s->journal.settle(s->journal.ctx, row, info->ak_public, tally_bytes(NULL, 0), err);
}

/* Where the present session's chain stands, by what is written down. */
static void
chain_value(const struct tally_seal *s, const struct tally_row *row, uint8_t out[TALLY_HASH])
{
	bool ours = row && row->session == s->session;

	if (!ours)
		memcpy(out, s->st.ledger_pcr_value.p, TALLY_HASH);
	else
		memcpy(out, row->state == TALLY_ROW_PENDING ? row->before : row->after, TALLY_HASH);
}

/* Which PCR it is to be, and its value; zeros where there is none. */
static int
read_pcr(struct tally_seal *s, const struct tally_tpm_info *info, bool known,
	 uint8_t found[TALLY_HASH], struct tally_err *err)
{
	if (s->wanted_pcr == 0)
		s->wanted_pcr = known ? s->st.ledger_pcr : tally_tpm_default_pcr(info->transport);
	memset(found, 0, TALLY_HASH);
	if (s->wanted_pcr == TALLY_NO_PCR)
		return 0;
	return s->tpm->pcr_read(s->tpm->ctx, s->wanted_pcr, found, err);
}

static int
bring_together(struct tally_seal *s, bool *settled, struct tally_err *err)
{
	uint8_t found[TALLY_HASH], expected[TALLY_HASH];
	struct tally_tpm_info info;
	struct tally_row row;
	bool current = false, pending;
	int known, rows;

	if (s->tpm->info(s->tpm->ctx, &info, err) < 0)
		return -1;
	rows = s->journal.last_row(s->journal.ctx, &row, err);
	if (rows < 0)
		return tally_err_prefix(err, "newest evidence row");
	known = session_load(s, err);
	if (known < 0 || read_pcr(s, &info, known == 1, found, err) < 0)
		return -1;
	pending = rows == 1 && row.state == TALLY_ROW_PENDING;
	s->left_pcr = false;
	if (known == 1) {
		chain_value(s, rows == 1 ? &row : NULL, expected);
		current = session_is_current(s, &info, found, expected);
		s->left_pcr = session_left_pcr(s, &info, found, expected) ||
			      (pending && row.session == s->session &&
			       session_left_pcr(s, &info, found, row.after));
	}
	if (pending && (!current || row.session != s->session) &&
	    settle_lost(s, &row, &info, err) < 0)
		return -1;
	if (!current)
		return session_begin(s, &info, found, err);
	memcpy(s->value, expected, TALLY_HASH);
	if (pending && row.state == TALLY_ROW_PENDING)
		return settle_pending(s, &row, found, settled, err);
	return 0;
}

int
seal_recover(struct tally_seal *s, bool *settled, struct tally_err *err)
{
	s->ready = false;
	if (bring_together(s, settled, err) < 0)
		return -1;
	s->ready = true;
	return 0;
}
