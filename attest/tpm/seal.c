/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested checkpoints in the order of FORMAT.md section 6: the note and the
 * row as pending, PCR_Extend, Quote, the row as done. Between any two of these
 * steps the machine may stop; recover.c goes on from there.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "seal_internal.h"

#define TRIES 4 /* against somebody who extends the PCR at the same time */

int
seal_quote(struct tally_seal *s, const uint8_t q[TALLY_HASH], struct tally_buf *blob,
	   struct tally_quote *out, struct tally_err *err)
{
	struct tally_blob parsed;
	unsigned check = 1;

	if (s->tpm->quote(s->tpm->ctx, s->pcrs, s->pcr_count, q, blob, err) < 0)
		return -1;
	if (tally_blob_parse(&parsed, tally_buf_view(blob), err) == 0 &&
	    tally_quote_check(s->key, &s->st, &parsed, q, out, &check, err) == 0)
		return 0;
	err->code = TALLY_TPM;
	return tally_err_prefix(err, "the TPM's quote does not hold (check %u)", check);
}

int
seal_settle_foreign(struct tally_seal *s, struct tally_row *row, const uint8_t found[TALLY_HASH],
		    struct tally_err *err)
{
	row->state = TALLY_ROW_FOREIGN;
	memcpy(row->after, found, TALLY_HASH);
	if (s->journal.settle(s->journal.ctx, row, s->st.ak_public, tally_bytes(NULL, 0), err) < 0)
		return -1;
	memcpy(s->value, found, TALLY_HASH);
	return 0;
}

int
seal_attest(struct tally_seal *s, struct tally_row *row, struct tally_err *err)
{
	struct tally_buf blob = TALLY_BUF_INIT;
	struct tally_quote quote;
	int r = seal_quote(s, row->q, &blob, &quote, err);

	if (r == 0 && seal_has_pcr(s) && memcmp(quote.ledger_pcr, row->after, TALLY_HASH) != 0) {
		r = seal_settle_foreign(s, row, quote.ledger_pcr, err);
	} else if (r == 0) {
		row->state = TALLY_ROW_DONE;
		r = s->journal.settle(s->journal.ctx, row, s->st.ak_public, tally_buf_view(&blob),
				      err);
		if (r == 0) {
			memcpy(s->value, row->after, TALLY_HASH);
			r = 1;
		}
	}
	tally_buf_deinit(&blob);
	return r;
}

int
seal_checkpoint(struct tally_seal *s, struct tally_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct tally_row row = { .pcr = (uint8_t)s->st.ledger_pcr, .session = s->session };
		int r;

		memcpy(row.before, s->value, TALLY_HASH);
		r = s->journal.intend(s->journal.ctx, &row, err);
		if (r <= 0)
			return r;
		if (seal_has_pcr(s) && s->tpm->pcr_extend(s->tpm->ctx, row.pcr, row.q, err) < 0)
			return -1;
		r = seal_attest(s, &row, err);
		if (r != 0)
			return r;
	}
	return tally_err_set(err, TALLY_TPM, "PCR %u is extended by somebody else, again and again",
			     s->st.ledger_pcr);
}

int
tally_seal_open(struct tally_seal **out, struct tally_tpm *tpm, const struct tally_journal *journal,
		const struct tally_seal_info *info, struct tally_err *err)
{
	struct tally_seal *s = tally_alloc(sizeof(*s));
	bool settled = false;

	s->tpm = tpm;
	s->journal = *journal;
	s->origin = tally_strdup(info->origin);
	s->version = tally_strdup(info->version);
	tally_buf_add_bytes(&s->vkey, info->vkey);
	memcpy(s->program_hash, info->program_hash, TALLY_HASH);
	s->wanted_pcr = info->ledger_pcr;
	s->arena = tally_arena_new(4096);
	if (seal_recover(s, &settled, err) < 0) {
		tally_seal_close(s);
		return tally_err_prefix(err, "attest");
	}
	*out = s;
	return 0;
}

int
tally_seal_checkpoint(struct tally_seal *s, struct tally_err *err)
{
	bool settled = false;
	int r;

	if (!s->ready && seal_recover(s, &settled, err) < 0)
		return tally_err_prefix(err, "attest");
	s->ready = false;
	r = seal_checkpoint(s, err);
	if (r < 0)
		return tally_err_prefix(err, "attest");
	s->ready = true;
	return settled ? 1 : r;
}

void
tally_seal_close(struct tally_seal *s)
{
	if (!s)
		return;
	tally_identity_free(s->key);
	tally_arena_free(s->arena);
	tally_buf_deinit(&s->statement);
	tally_buf_deinit(&s->vkey);
	free(s->origin);
	free(s->version);
	free(s);
}
