/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder as others use it: opening, waiting, status, the end. */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder_internal.h"
#include "tally/wait.h"

#define PATIENCE (30 * TALLY_SECOND) /* of one who waits for an attested note */

static void
init(struct recorder *r)
{
	r->last = &r->first;
	r->round.batch = tally_alloc(BATCH_RECORDS * sizeof(*r->round.batch));
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->store_lock, NULL);
	tally_cond_init(&r->wake);
	tally_cond_init(&r->progress);
	tally_cond_init(&r->evidence_wake);
}

static void
note_closed(struct recorder *r, const char *why)
{
	r->closed = true;
	(void)snprintf(r->closed_why, sizeof(r->closed_why), "%s", why);
}

int
recorder_open(struct recorder **out, const struct recorder_options *o, struct tally_err *err)
{
	struct recorder *r = tally_alloc(sizeof(*r));
	r->o = *o;
	r->ledger = tally_strdup(o->ledger);
	init(r);
	if (recorder_reopen(r, err) < 0) {
		recorder_abandon(r);
		return -1;
	}
	if (tally_store_closed(r->store) != NULL)
		note_closed(r, tally_store_closed(r->store));
	recorder_evidence_open(r);
	*out = r;
	return 0;
}

struct tally_store *
recorder_store(struct recorder *r)
{
	return r->store;
}

void
recorder_attest_interval(struct recorder *r, struct tally_span interval)
{
	r->attest_interval = interval;
}

int
recorder_start(struct recorder *r, struct tally_err *err)
{
	return r->o.threads ? recorder_threads_start(r, err) : 0;
}

/* Without threads, with the lock held: all that is due; when the next is. */
static int64_t
turn(struct recorder *r)
{
	int64_t at = INT64_MAX;
	TALLY_ASSERT(!r->o.threads);
	while (!r->round.writing) {
		if (recorder_plan(r, &at) == RECORDER_ROUND)
			recorder_round(r);
		else if (r->evidence.asked)
			recorder_evidence_round(r);
		else
			break;
	}
	return at;
}

struct tally_uptime
recorder_step(struct recorder *r)
{
	int64_t at;
	pthread_mutex_lock(&r->lock);
	at = turn(r);
	pthread_mutex_unlock(&r->lock);
	return (struct tally_uptime){ at };
}

/* One more turn for one who waits for the writer; false: it is not worth it. With
 * the lock held. */
static bool
wait_for_writer(struct recorder *r, int64_t end)
{
	if (!r->o.threads) {
		uint64_t done = r->done;
		(void)turn(r);
		return r->done > done;
	}
	if (r->hurry || tally_clock_now(r->o.clock).uptime.ns >= end)
		return false;
	pthread_cond_signal(&r->wake);
	recorder_wait(r, &r->progress, end);
	return true;
}

static int
refuse_to_wait(const struct recorder *r, struct tally_err *err)
{
	return tally_err_set(err, TALLY_SYS, "%s",
			     r->hurry ? "the agent is about to stop"
				      : "the ledger does not answer in time");
}

int
recorder_add(struct recorder *r, const struct tally_event *ev, struct tally_err *err)
{
	int64_t end = tally_clock_now(r->o.clock).uptime.ns + PATIENCE;
	int rc = 0;
	pthread_mutex_lock(&r->lock);
	while (r->queued >= r->o.queue / 2 && rc == 0)
		if (!wait_for_writer(r, end))
			rc = refuse_to_wait(r, err);
	pthread_mutex_unlock(&r->lock);
	if (rc == 0)
		recorder_put(r, ev);
	return rc;
}

int
recorder_flush(struct recorder *r, struct tally_err *err)
{
	int64_t end = tally_clock_now(r->o.clock).uptime.ns + PATIENCE;
	uint64_t goal;
	int rc = 0;
	pthread_mutex_lock(&r->lock);
	goal = r->put;
	r->failure.code = TALLY_OK;
	while (r->done < goal && rc == 0) {
		if (r->failure.code != TALLY_OK) {
			*err = r->failure;
			rc = -1;
		} else if (!wait_for_writer(r, end)) {
			rc = refuse_to_wait(r, err);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* Nothing more is to be waited for: 1, 0 not yet, -1 it failed. */
static int
is_attested(struct recorder *r, uint64_t goal, struct tally_err *err)
{
	const struct evidence *e = &r->evidence;
	bool busy = e->asked || e->running;
	if (r->sealed >= goal &&
	    (!r->o.attest || (e->attested >= goal && !e->ending) || (e->failures > 0 && !busy)))
		return 1;
	if (r->sealed < goal && r->closed)
		return tally_err_set(err, TALLY_FAILS, "closed for signing: %s", r->closed_why);
	if (r->sealed < goal && r->failure.code != TALLY_OK) {
		*err = r->failure;
		return -1;
	}
	return 0;
}

int
recorder_checkpoint(struct recorder *r, struct recorder_note *out, struct tally_err *err)
{
	int64_t end = tally_clock_now(r->o.clock).uptime.ns + PATIENCE;
	uint64_t goal;
	int rc;
	pthread_mutex_lock(&r->lock);
	goal = r->put;
	if (r->wanted < goal)
		r->wanted = goal;
	r->failure.code = TALLY_OK;
	pthread_cond_signal(&r->wake);
	while ((rc = is_attested(r, goal, err)) == 0 && !r->hurry) {
		if (!r->o.threads) {
			(void)turn(r);
			rc = is_attested(r, goal, err);
			break;
		}
		if (tally_clock_now(r->o.clock).uptime.ns >= end)
			break;
		recorder_wait(r, &r->progress, end);
	}
	*out = r->evidence.attested >= goal && r->evidence.attested > 0 ? r->evidence.note
									: r->note;
	if (rc == 0 && r->sealed < goal)
		rc = tally_err_set(err, TALLY_SYS, "%s",
				   r->hurry ? "the agent is about to stop"
					    : "the ledger does not answer in time");
	pthread_mutex_unlock(&r->lock);
	return rc < 0 ? -1 : 0;
}

void
recorder_hold(struct recorder *r, struct tally_uptime until)
{
	pthread_mutex_lock(&r->lock);
	r->hold_until = until.ns;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

int
recorder_close_signing(struct recorder *r, const char *why, struct tally_err *err)
{
	int rc;
	pthread_mutex_lock(&r->store_lock);
	rc = r->store == NULL ? tally_err_set(err, TALLY_SYS, "the ledger is not open")
			      : tally_store_close_signing(r->store, why, err);
	pthread_mutex_lock(&r->lock);
	note_closed(r, why); /* be it only until the end of this process */
	pthread_cond_broadcast(&r->progress);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_unlock(&r->store_lock);
	return rc;
}

void
recorder_hurry(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	r->hurry = true;
	pthread_cond_broadcast(&r->progress);
	pthread_mutex_unlock(&r->lock);
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static enum recorder_evidence
evidence_state(const struct recorder *r)
{
	if (!r->o.attest)
		return RECORDER_OFF;
	if (r->evidence.failures > 0)
		return RECORDER_FAILED;
	return r->evidence.tried ? RECORDER_ATTESTING : RECORDER_WAITING;
}

void
recorder_status(struct recorder *r, struct recorder_status *out)
{
	uint32_t latency[LATENCIES];
	size_t n;
	pthread_mutex_lock(&r->lock);
	n = r->latencies < LATENCIES ? r->latencies : LATENCIES;
	memcpy(latency, r->latency, n * sizeof(*latency));
	*out = (struct recorder_status){ .appended = r->done,
					 .queued = r->queued,
					 .lost = r->lost_total,
					 .checkpoints = r->checkpoints,
					 .evidence = evidence_state(r),
					 .failure = r->evidence.failure,
					 .has_attested = r->evidence.note.attested,
					 .attested = r->evidence.note,
					 .attested_at = r->evidence.attested_at,
					 .closed = r->closed };
	memcpy(out->closed_why, r->closed_why, sizeof(out->closed_why));
	pthread_mutex_unlock(&r->lock);
	if (n == 0)
		return;
	qsort(latency, n, sizeof(*latency), by_value);
	out->latency_p50 = latency[(n - 1) * 50 / 100];
	out->latency_p99 = latency[(n - 1) * 99 / 100];
}

uint64_t
recorder_dropped(struct recorder *r, bool *empty)
{
	uint64_t dropped;
	pthread_mutex_lock(&r->lock);
	*empty = r->queued == 0 && r->lost == 0;
	dropped = r->dropped;
	pthread_mutex_unlock(&r->lock);
	return dropped;
}

int
recorder_read(struct recorder *r,
	      int (*read)(void *ctx, struct tally_store *store, struct tally_err *err), void *ctx,
	      struct tally_err *err)
{
	int rc;
	pthread_mutex_lock(&r->store_lock);
	rc = r->store == NULL ? tally_err_set(err, TALLY_SYS, "the ledger is not open")
			      : read(ctx, r->store, err);
	pthread_mutex_unlock(&r->store_lock);
	return rc;
}

struct newest {
	uint64_t *sequence;
	struct tally_buf *note;
};

static int
read_newest(void *ctx, struct tally_store *store, struct tally_err *err)
{
	const struct newest *n = ctx;
	return tally_store_last_note(store, n->sequence, n->note, err);
}

int
recorder_newest(struct recorder *r, uint64_t *sequence, struct tally_buf *note,
		struct tally_err *err)
{
	struct newest n = { sequence, note };
	return recorder_read(r, read_newest, &n, err);
}

static void
stop(struct recorder *r, bool at_once)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	r->round.over = at_once;
	if (!r->o.threads && !at_once)
		(void)turn(r);
	pthread_mutex_unlock(&r->lock);
	recorder_threads_stop(r);
}

void
recorder_finish(struct recorder *r)
{
	stop(r, false);
}

int
recorder_close(struct recorder *r, struct tally_err *err)
{
	int rc = 0;
	if (r == NULL)
		return 0;
	stop(r, false);
	if (r->queued + r->lost > 0 || (r->sealed < r->done && !r->closed)) {
		*err = r->failure;
		rc = tally_err_prefix(err, "%llu records not recorded, %llu not sealed",
				      (unsigned long long)(r->queued + r->lost),
				      (unsigned long long)(r->done - r->sealed));
	}
	recorder_abandon(r);
	return rc;
}

void
recorder_abandon(struct recorder *r)
{
	if (r == NULL)
		return;
	stop(r, true);
	recorder_drop(r, r->queued);
	seal_step_close(r->evidence.seal);
	recorder_release(r);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->progress);
	pthread_cond_destroy(&r->evidence_wake);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->store_lock);
	free(r->round.batch);
	free(r->ledger);
	free(r);
}
