/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence side of the recorder: one attested checkpoint at a time, and the
 * anchors between them. While a TPM works, the writer appends and signs as it
 * likes: the newest note wins.
 */
#include "recorder_internal.h"

#include "program.h"
#include "tally/log.h"

#define RETRY      (10 * TALLY_SECOND)
#define RETRY_SOON (2 * TALLY_SECOND)
#define RETRY_MAX  (300 * TALLY_SECOND)

void
recorder_evidence_open(struct recorder *r)
{
	struct evidence *e = &r->evidence;
	recorder_journal_open(r);
	e->seal = seal_step_new(&e->journal, r->store, r->o.ledger_pcr, r->o.tpm);
}

/* Ten seconds, and twice as long after each failure in a row. */
static int64_t
pause_after(unsigned failures)
{
	int64_t pause = RETRY;
	while (--failures > 0 && pause < RETRY_MAX)
		pause *= 2;
	return pause < RETRY_MAX ? pause : RETRY_MAX;
}

/* A statement names the entries before it, and so needs a moment without new
 * ones: that may come at any time, and no append waits for it. */
static void
failed(struct evidence *e, const struct tally_err *err, int64_t now)
{
	if (e->failures == 0 || !e->moved)
		tally_log(TALLY_LOG_ERR, "notes go without evidence: %s", err->text);
	e->failures++;
	e->failure = *err;
	e->retry_at = now + (e->moved ? RETRY_SOON : pause_after(e->failures));
}

/* When the next one is due, as they stand now. */
static int64_t
next_anchor(const struct tally_anchors *a, int64_t now)
{
	int64_t in = TALLY_ANCHOR_INTERVAL, at;
	if (a->has_last && a->age < in)
		in -= a->age;
	if (a->day >= TALLY_ANCHOR_CAP && a->free_in > in)
		in = a->free_in;
	return __builtin_add_overflow(now, in, &at) ? INT64_MAX : at;
}

/* Behind a checkpoint: an anchor where one is due, and at the end of what somebody waits
 * for a checkpoint over it. An anchor that fails does not take the notes their evidence. */
static int
anchor(struct recorder *r, bool stop, bool ending, struct tally_err *err)
{
	struct evidence *e = &r->evidence;
	int64_t now = tally_clock_now(r->o.clock).uptime.ns;
	struct tally_err failure = TALLY_ERR_INIT;
	bool paused = e->anchor_failures > 0 && now < e->anchor_at;
	bool due = ending || now >= e->anchor_at;
	struct tally_anchors standing;
	int rc;
	if (paused && !ending)
		return 0;
	rc = seal_step_anchor(e->seal, due, stop ? 0 : TALLY_ANCHOR_INTERVAL, &standing, &failure);
	if (rc < 0 && e->anchor_failure.code == TALLY_OK)
		tally_log(TALLY_LOG_ERR, "no anchor: %s", failure.text);
	e->anchor_failure = failure;
	e->anchor_failures = rc < 0 ? e->anchor_failures + 1 : 0;
	if (rc < 0)
		e->anchor_at = now + pause_after(e->anchor_failures);
	else if (due || rc > 0)
		e->anchor_at = next_anchor(&standing, now);
	return rc > 0 && ending ? seal_step_checkpoint(e->seal, err) : 0;
}

void
recorder_evidence_round(struct recorder *r)
{
	struct evidence *e = &r->evidence;
	struct tally_err err = TALLY_ERR_INIT;
	bool warm, stop = r->stop, ending = stop || r->wanted > e->attested;
	int64_t now;
	int rc;
	TALLY_ASSERT(e->asked && !e->running);
	e->running = true;
	e->asked = false;
	e->ending = ending;
	e->last_anchored = e->last_anchored || stop;
	e->began = tally_clock_now(r->o.clock).uptime.ns;
	pthread_mutex_unlock(&r->lock);
	e->journal_failed = e->moved = false;
	rc = seal_step_checkpoint(e->seal, &err);
	if (rc >= 0 && anchor(r, stop, ending, &err) < 0)
		rc = -1;
	if (rc < 0 && !e->journal_failed && !e->moved)
		seal_step_let_go(e->seal); /* the state of a TPM that failed is unknown */
	warm = seal_step_is_warm(e->seal);
	pthread_mutex_lock(&r->lock);
	now = tally_clock_now(r->o.clock).uptime.ns;
	if (rc < 0) {
		failed(e, &err, now);
	} else {
		if (e->failures > 0)
			tally_log(TALLY_LOG_NOTICE, "notes have evidence again");
		e->failures = 0;
		e->rest_until = e->began + r->attest_interval.ns;
	}
	e->warm = warm && rc >= 0;
	e->tried = true;
	e->promised = 0;
	e->running = e->ending = false;
	pthread_cond_broadcast(&r->progress);
	pthread_cond_signal(&r->wake);
}
