/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors (FORMAT.md section 6). The journal says what was intended, the counter
 * what was done: the value before = increment now; the value that is intended =
 * certify. Each increment stands behind an intent that is on the disk, so a counter
 * that is ahead of all intents says that the ledger is an older copy of itself, or
 * not the only one; one that is behind, that the TPM is: it is brought to where it was.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tally/err.h"
#include "seal_internal.h"

#define TOLD       200
#define BEHIND_MAX 100000 /* values: three years of anchors */

static int
settle_gap(struct tally_seal *s, bool has_counter, uint64_t found, const char *why,
	   struct tally_err *err)
{
	const struct tally_anchor gap = { .has_counter = has_counter,
					  .counter = found,
					  .gap = why };

	return s->journal.anchor_settle(s->journal.ctx, &gap, err);
}

/* The counter is above all that the ledger accounts for. Closed first: with a gap that is told
 * the ledger would stand where the counter is, and be gone on with. */
static int
refuse_ahead(struct tally_seal *s, const struct tally_anchors *a, uint64_t found,
	     struct tally_err *err)
{
	char why[200];

	snprintf(why, sizeof(why),
		 "the TPM's counter is %" PRIu64 ", by the ledger %s%" PRIu64
		 ": this is an older copy of the ledger, or there is another one",
		 found, a->open ? "at most " : "", a->counter);
	if (s->journal.close_signing(s->journal.ctx, why, err) < 0 ||
	    settle_gap(s, true, found, why, err) < 0)
		return -1;
	return tally_err_set(err, TALLY_FAILS, "closed for signing: %s", why);
}

/* The q of the note that the intent is bound by: the first one that covers it. */
static int
find_q(struct tally_seal *s, uint64_t intent, uint8_t q[TALLY_HASH], struct tally_err *err)
{
	int r = s->journal.anchor_note(s->journal.ctx, intent, q, err);

	if (r == 0 && seal_checkpoint(s, err) >= 0)
		r = s->journal.anchor_note(s->journal.ctx, intent, q, err);
	else if (r == 0)
		r = -1;
	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "no note covers the anchor's intent");
	return r < 0 ? -1 : 0;
}

/* Brings the counter to its value: 0. Where its TPM was set back, it rises by more than one,
 * so that no value is used twice; `told` says so. */
static int
count(struct tally_seal *s, const struct tally_anchors *a, char told[TOLD], struct tally_err *err)
{
	uint64_t found;

	if (s->tpm->counter_read(s->tpm->ctx, &found, err) < 0)
		return -1;
	if (found > a->counter)
		return refuse_ahead(s, a, found, err);
	if (a->counter - found > BEHIND_MAX)
		return tally_err_set(err, TALLY_TPM,
				     "the TPM's counter is %" PRIu64 ", by the ledger %" PRIu64
				     ": too far behind to be made up for",
				     found, a->counter - 1);
	if (a->counter - found > 1)
		snprintf(told, TOLD,
			 "the TPM's counter was %" PRIu64 ", by the ledger %" PRIu64
			 ": the TPM was set back",
			 found, a->counter - 1);
	for (; found < a->counter; found++)
		if (s->tpm->counter_increment(s->tpm->ctx, err) < 0)
			return -1;
	return 0;
}

static int
refuse(unsigned check, struct tally_err *err)
{
	err->code = TALLY_TPM;
	return tally_err_prefix(err, "the TPM's attestation does not hold (check %u)", check);
}

static int
certify(struct tally_seal *s, uint64_t counter, const uint8_t q[TALLY_HASH], struct tally_buf *out,
	struct tally_err *err)
{
	struct tally_attested attested;
	unsigned check = 1;
	uint64_t value;

	if (s->tpm->counter_certify(s->tpm->ctx, q, out, err) < 0)
		return -1;
	if (tally_attested_parse(&attested, tally_buf_view(out), err) < 0 ||
	    tally_counter_check(s->key, &s->st, &attested, q, &value, &check, err) < 0)
		return refuse(check, err);
	if (value != counter)
		return tally_err_set(err, TALLY_TPM,
				     "the TPM certified %" PRIu64 " for its counter, not %" PRIu64,
				     value, counter);
	return 0;
}

static int
tell_time(struct tally_seal *s, const uint8_t q[TALLY_HASH], struct tally_buf *out,
	  struct tally_err *err)
{
	struct tally_attested attested;
	struct tally_tpm_time time;
	unsigned check = 1;

	if (s->tpm->time(s->tpm->ctx, q, out, err) < 0)
		return -1;
	if (tally_attested_parse(&attested, tally_buf_view(out), err) < 0 ||
	    tally_time_check(s->key, &s->st, &attested, q, &time, &check, err) < 0)
		return refuse(check, err);
	return 0;
}

/* Attestations of an intent whose counter is where it should be. */
static int
attest(struct tally_seal *s, const struct tally_anchors *a, const uint8_t q[TALLY_HASH],
       const char *told, struct tally_err *err)
{
	struct tally_buf certification = TALLY_BUF_INIT, time = TALLY_BUF_INIT;
	struct tally_anchor done = { .told = told[0] ? told : NULL };
	int r = 0;

	if (a->has_counter)
		r = certify(s, a->counter, q, &certification, err);
	if (r == 0)
		r = tell_time(s, q, &time, err);
	if (r == 0) {
		if (a->has_counter)
			done.certification = tally_buf_view(&certification);
		done.time = tally_buf_view(&time);
		r = s->journal.anchor_settle(s->journal.ctx, &done, err);
	}
	tally_buf_deinit(&certification);
	tally_buf_deinit(&time);
	return r;
}

/* Ends the intent that is open: 1, 0 where nothing can come of it. */
static int
finish(struct tally_seal *s, const struct tally_anchors *a, struct tally_err *err)
{
	uint8_t q[TALLY_HASH];
	char told[TOLD] = "";

	if (a->has_counter && s->st.nv_public.len == 0)
		return settle_gap(s, false, 0, "the TPM's counter is gone", err);
	if (find_q(s, a->intent, q, err) < 0)
		return -1;
	if (a->has_counter && count(s, a, told, err) < 0)
		return -1;
	if (attest(s, a, q, told, err) < 0)
		return -1;
	s->unanchored = false;
	return 1;
}

/* A new intent, of a value that was never used. */
static int
intend(struct tally_seal *s, const struct tally_anchors *a, struct tally_err *err)
{
	struct tally_anchor intent = { .has_counter = s->st.nv_public.len > 0,
				       .reset_count = s->st.reset_count,
				       .restart_count = s->st.restart_count };
	uint64_t index, found;

	if (intent.has_counter) {
		if (s->tpm->counter_read(s->tpm->ctx, &found, err) < 0)
			return -1;
		if (a->has_counter && found > a->counter)
			return refuse_ahead(s, a, found, err);
		if (a->has_counter)
			found = a->counter;
		if (found == UINT64_MAX)
			return tally_err_set(err, TALLY_TPM, "the TPM's counter is at its end");
		intent.counter = found + 1;
	}
	return s->journal.anchor_intend(s->journal.ctx, &intent, &index, err);
}

/* An intent that is open, or whose counter is gone, has a new one behind it. */
static int
anchor(struct tally_seal *s, struct tally_anchors *a, struct tally_err *err)
{
	const struct tally_journal *j = &s->journal;

	for (int i = 0; i < 3; i++) {
		int r;

		if (j->anchors(j->ctx, a, err) < 0)
			return -1;
		if (a->open) {
			r = finish(s, a, err);
			if (r != 0)
				return r < 0 || j->anchors(j->ctx, a, err) == 0 ? r : -1;
		} else if (a->day >= TALLY_ANCHOR_CAP) {
			return 0;
		} else if (intend(s, a, err) < 0) {
			return -1;
		}
	}
	return tally_err_set(err, TALLY_TPM, "the TPM's counter does not stand still");
}

int
tally_seal_anchor(struct tally_seal *s, int64_t youngest, struct tally_anchors *out,
		  struct tally_err *err)
{
	const struct tally_journal *j = &s->journal;
	bool settled;
	int r;

	*out = (struct tally_anchors){ .day = TALLY_ANCHOR_CAP, .free_in = INT64_MAX };
	if (!s->tpm->time || !j->anchors)
		return 0;
	if ((!s->ready && seal_recover(s, &settled, err) < 0) || j->anchors(j->ctx, out, err) < 0)
		return tally_err_prefix(err, "anchor");
	if (!out->open && !s->unanchored && out->has_last && out->age < youngest)
		return 0;
	s->ready = false;
	r = anchor(s, out, err);
	if (r < 0)
		return tally_err_prefix(err, "anchor");
	s->ready = true;
	return r;
}

bool
tally_seal_is_unanchored(const struct tally_seal *s)
{
	return s->unanchored && s->tpm->time && s->journal.anchors;
}
