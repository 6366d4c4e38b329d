/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's round: append what is queued, sign a note where one is due and
 * the evidence side cannot do it at once, ask that side to begin. After a
 * failure the ledger is closed, and opened again, its tail verified, at the
 * next try.
 */
#include "recorder_internal.h"

#include <string.h>

#include "tally/log.h"

int
recorder_reopen(struct recorder *r, struct tally_err *err)
{
	return tally_store_open(&r->store, r->ledger, TALLY_STORE_WRITE, r->o.clock, err);
}

void
recorder_release(struct recorder *r)
{
	tally_store_close(r->store);
	r->store = NULL;
}

/* Read here: a process may have a ledger open only once. */
int
recorder_newest_note(struct tally_store *store, struct recorder_note *out, struct tally_err *err)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	struct tally_note note;
	int rc = tally_store_last_note(store, &out->sequence, &bytes, err);
	if (rc == 0)
		rc = tally_err_set(err, TALLY_FAILS, "no note behind a checkpoint");
	if (rc == 1)
		rc = tally_note_parse(&note, tally_buf_view(&bytes), &scratch, err);
	if (rc == 0)
		rc = tally_checkpoint_parse(&cp, note.text, false, err);
	if (rc == 0) {
		out->size = cp.size;
		memcpy(out->root, cp.root, TALLY_HASH);
		out->attested = false;
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	return rc;
}

/* A commit that failed may be there all the same, where the disk died under it.
 * The seeds are random: no other entry has the commitments of the first. */
static int
settle_doubt(struct recorder *r, struct round *d, struct tally_err *err)
{
	const struct tally_prepared *first = &d->batch[0];
	struct tally_buf record = TALLY_BUF_INIT;
	int rc = tally_store_entry(r->store, d->doubted_at, &record, NULL, NULL, err);
	if (rc == 1 && memcmp(record.p + TALLY_RECORD - sizeof(first->commitment),
			      first->commitment, sizeof(first->commitment)) == 0) {
		d->committed = d->doubted;
		r->committed += d->doubted;
		d->committed_at = tally_clock_now(r->o.clock).uptime.ns;
	}
	if (rc >= 0)
		d->doubted = 0;
	tally_buf_deinit(&record);
	return rc < 0 ? -1 : 0;
}

static int
append(struct recorder *r, struct round *d, struct tally_err *err)
{
	size_t n = d->n - d->committed;
	uint64_t first;
	if (n == 0)
		return 0;
	if (tally_store_append(r->store, d->batch + d->committed, n, &first, err) < 0) {
		d->doubted = n;
		d->doubted_at = first;
		return -1;
	}
	d->committed = d->n;
	r->committed += n;
	d->committed_at = tally_clock_now(r->o.clock).uptime.ns;
	return 0;
}

static int
write_round(struct recorder *r, struct round *d, struct tally_err *err)
{
	int rc;
	pthread_mutex_lock(&r->store_lock);
	rc = r->store == NULL ? recorder_reopen(r, err) : 0;
	d->committed = 0;
	if (rc == 0 && d->doubted > 0)
		rc = settle_doubt(r, d, err);
	if (rc == 0)
		rc = append(r, d, err);
	if (rc == 0 && d->sign && tally_store_checkpoint(r->store, err) < 0)
		rc = -1;
	if (rc == 0 && d->sign)
		rc = recorder_newest_note(r->store, &d->note, err);
	if (rc < 0)
		recorder_release(r);
	pthread_mutex_unlock(&r->store_lock);
	return rc;
}

/* A failure is told when it begins, when it becomes another one, and when it
 * ends; not at every try. */
static void
tell(struct tally_err *told, const struct tally_err *err)
{
	if (err->code == told->code && strcmp(err->text, told->text) == 0)
		return;
	if (err->code == TALLY_OK)
		tally_log(TALLY_LOG_NOTICE, "recording again");
	else
		tally_log(TALLY_LOG_ERR, "recording: %s; trying again", err->text);
	*told = *err;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Whether the evidence side is to begin now; else `*at` is when it may. A note
 * that somebody waits for does not wait for the interval; a TPM that has
 * failed is left alone for its time in any case. */
static bool
plan_evidence(const struct recorder *r, bool due, int64_t now, int64_t *at)
{
	const struct evidence *e = &r->evidence;
	int64_t from = r->wanted > e->attested || r->stop ? 0 : e->rest_until;
	bool last = r->stop && e->warm && !e->last_anchored;
	if (!r->o.attest || e->asked || e->running)
		return false;
	if (!due && !last && r->sealed <= e->attested) { /* an anchor at the most */
		if (!e->warm)
			return false;
		from = from < e->anchor_at ? e->anchor_at : from;
	}
	if (from < e->retry_at)
		from = e->retry_at;
	*at = sooner(*at, from);
	return now >= from;
}

enum recorder_plan
recorder_plan(struct recorder *r, int64_t *at)
{
	const struct evidence *e = &r->evidence;
	struct round *d = &r->round;
	int64_t now = tally_clock_now(r->o.clock).uptime.ns;
	bool unsealed = r->put > r->sealed && !r->closed, busy = e->asked || e->running;
	bool held = now < r->hold_until;
	uint64_t covered = r->sealed > e->promised ? r->sealed : e->promised;
	*at = INT64_MAX;
	if (d->over)
		return busy ? RECORDER_WAIT : RECORDER_END;
	if (now < d->retry_at && !r->stop) { /* records that come do not hurry it */
		*at = d->retry_at;
		return RECORDER_WAIT;
	}
	d->due = unsealed && !held &&
		 (r->wanted > covered || (r->stop && r->put > covered) ||
		  (r->loud > r->sealed && now - d->last_checkpoint >= r->o.interval.ns));
	if (held)
		*at = r->hold_until;
	else if (unsealed && !d->due && r->loud > r->sealed)
		*at = d->last_checkpoint + r->o.interval.ns;
	d->hand = !held && !r->closed && plan_evidence(r, d->due, now, at);
	/* Where the TPM is there, it is one transaction that signs and intends. */
	d->sign = d->due && !(d->hand && e->warm);
	if (r->queued == 0 && !d->due && !d->hand && !r->broken)
		return r->stop && !unsealed && !busy ? RECORDER_END : RECORDER_WAIT;
	d->n = recorder_peek(r, d->batch);
	d->goal = r->done + d->n;
	return RECORDER_ROUND;
}

static void
round_done(struct recorder *r, struct round *d, int64_t now)
{
	struct evidence *e = &r->evidence;
	r->broken = false;
	if (d->due)
		d->last_checkpoint = now;
	if (d->sign) {
		/* The evidence side may have signed one over more by now. */
		if (r->sealed < d->goal)
			r->sealed = d->goal;
		if (r->checkpoints == 0 || r->note.sequence < d->note.sequence) {
			r->note = d->note;
			r->checkpoints++;
		}
	}
	if (d->hand) {
		e->asked = true;
		e->promised = d->due && !d->sign ? d->goal : 0;
		pthread_cond_signal(&r->evidence_wake);
	}
}

static void
end_round(struct recorder *r, int rc, const struct tally_err *err)
{
	int64_t now = tally_clock_now(r->o.clock).uptime.ns;
	struct round *d = &r->round;
	recorder_committed(r, d->committed, d->committed_at);
	recorder_note_loss(r);
	r->failure = *err;
	tell(&d->told, err);
	if (rc == 0) {
		round_done(r, d, now);
	} else {
		d->retry_at = now + r->o.retry.ns;
		d->over = r->stop;
	}
	pthread_cond_broadcast(&r->progress);
}

void
recorder_round(struct recorder *r)
{
	struct tally_err err = TALLY_ERR_INIT;
	int rc;
	TALLY_ASSERT(!r->round.writing);
	r->round.writing = true;
	pthread_mutex_unlock(&r->lock);
	rc = write_round(r, &r->round, &err);
	pthread_mutex_lock(&r->lock);
	end_round(r, rc, &err);
	r->round.writing = false;
}
