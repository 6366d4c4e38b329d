/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence side of the recorder: one attested checkpoint at a time, over a
 * journal whose calls each take the ledger for themselves. Between them, while
 * a TPM works, the writer appends and signs as it likes: the newest note wins.
 */
#include "recorder_internal.h"

#include "program.h"
#include "tally/log.h"

#define RETRY      (10 * TALLY_SECOND)
#define RETRY_SOON (2 * TALLY_SECOND)
#define RETRY_MAX  (300 * TALLY_SECOND)

/* The ledger with its lock held; NULL where it is to be opened again. */
static struct tally_store *
take(struct recorder *r, struct tally_err *err)
{
	pthread_mutex_lock(&r->store_lock);
	if (r->store != NULL)
		return r->store;
	pthread_mutex_unlock(&r->store_lock);
	r->evidence.journal_failed = true;
	(void)tally_err_set(err, TALLY_SYS, "the ledger is about to be opened again");
	return NULL;
}

/* A ledger that failed is trusted no more; the writer opens it again. */
static int
give_back(struct recorder *r, int rc)
{
	if (rc < 0) {
		r->evidence.journal_failed = true;
		recorder_release(r);
		pthread_mutex_lock(&r->lock);
		r->broken = true;
		pthread_cond_signal(&r->wake);
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_unlock(&r->store_lock);
	return rc;
}

static int
last_session(void *ctx, uint64_t *index, struct tally_buf *statement, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.last_session(j.ctx, index, statement, err));
}

static int
session(void *ctx, uint64_t index, struct tally_bytes statement, struct tally_bytes quote,
	struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.session(j.ctx, index, statement, quote, err);
	r->evidence.moved = rc == 0;
	return give_back(r, rc);
}

static int
head(void *ctx, uint64_t *size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	r->evidence.moved = false; /* another try at a statement */
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(r, j.head(j.ctx, size, root, err));
}

static int
last_row(void *ctx, struct tally_row *out, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.last_row(j.ctx, out, err));
}

/* The store's lock is held: `committed` is what the note covers. */
static void
intended(struct recorder *r, bool made, const struct recorder_note *note)
{
	struct evidence *e = &r->evidence;
	pthread_mutex_lock(&r->lock);
	if (r->sealed < r->committed)
		r->sealed = r->committed;
	if (!made) { /* the newest note covers all, and has its evidence */
		e->attested = r->committed;
	} else {
		e->intended = r->committed;
		e->intended_note = *note;
		if (r->checkpoints == 0 || r->note.sequence < note->sequence) {
			r->note = *note;
			r->checkpoints++;
			r->round.last_checkpoint = tally_clock_now(r->o.clock).uptime.ns;
		}
	}
	pthread_mutex_unlock(&r->lock);
}

static int
intend(void *ctx, struct tally_row *row, struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct recorder_note note;
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.intend(j.ctx, row, err);
	if (rc > 0 && recorder_newest_note(s, &note, err) < 0)
		rc = -1;
	if (rc >= 0)
		intended(r, rc > 0, &note);
	return give_back(r, rc);
}

static int
settle(void *ctx, const struct tally_row *row, struct tally_bytes ak_public,
       struct tally_bytes blob, struct tally_err *err)
{
	struct recorder *r = ctx;
	struct evidence *e = &r->evidence;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.settle(j.ctx, row, ak_public, blob, err);
	/* A row that an earlier run of the agent left pending is none of those counted here. */
	if (rc == 0 && row->state == TALLY_ROW_DONE && e->intended > 0 &&
	    row->note == e->intended_note.sequence) {
		pthread_mutex_lock(&r->lock);
		if (e->attested < e->intended)
			e->attested = e->intended;
		e->note = e->intended_note;
		e->note.attested = true;
		e->attested_at = tally_clock_now(r->o.clock).wall;
		pthread_mutex_unlock(&r->lock);
	}
	return give_back(r, rc);
}

void
recorder_evidence_open(struct recorder *r)
{
	struct evidence *e = &r->evidence;
	e->journal = (struct tally_journal){ .ctx = r,
					     .last_session = last_session,
					     .session = session,
					     .head = head,
					     .last_row = last_row,
					     .intend = intend,
					     .settle = settle };
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

void
recorder_evidence_round(struct recorder *r)
{
	struct evidence *e = &r->evidence;
	struct tally_err err = TALLY_ERR_INIT;
	int64_t now;
	bool warm;
	int rc;
	TALLY_ASSERT(e->asked && !e->running);
	e->running = true;
	e->asked = false;
	e->began = tally_clock_now(r->o.clock).uptime.ns;
	pthread_mutex_unlock(&r->lock);
	e->journal_failed = e->moved = false;
	rc = seal_step_checkpoint(e->seal, &err);
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
	e->running = false;
	pthread_cond_broadcast(&r->progress);
	pthread_cond_signal(&r->wake);
}
