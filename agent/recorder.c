/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's thread. Invariants: `queue` is in the order of put(); a record
 * leaves it only after its commit; `done` counts committed records, `sealed`
 * those under a checkpoint. Store and seal are touched by the thread alone once
 * it runs.
 */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seal_step.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"

#define BATCH_RECORDS 4096
#define BATCH_BYTES   (1 << 20)

struct record {
	struct record *next;
	struct tally_prepared entry; /* its groups lie behind this struct */
	size_t bytes;
};

/* What one round does, and what it knows from one time to the next. */
struct round {
	struct tally_prepared *batch;
	size_t n, committed; /* of the batch */
	bool due;            /* a checkpoint too */
	uint64_t goal;       /* `done` behind it */
	struct recorder_note note;
	int64_t last_checkpoint, retry_at; /* uptime */
	size_t doubted;                    /* records whose commit failed, ... */
	uint64_t doubted_at;               /* ... and the index that the first would have */
	struct tally_err told;
	bool over; /* it failed, and a stop is wanted */
};

struct recorder {
	struct recorder_options o;
	char *ledger;
	struct tally_store *store;
	struct seal_step *seal;
	pthread_t thread;
	bool running, stop;
	pthread_mutex_t lock;
	pthread_cond_t wake, progress;
	struct record *first, **last;
	size_t queued;
	uint64_t put, done, sealed, lost_total, checkpoints;
	uint64_t lost; /* since the last gap record */
	struct tally_now lost_from;
	const char *lost_why;
	struct recorder_note note; /* the newest */
	uint64_t wanted;           /* a checkpoint over this many records is awaited */
	struct tally_err failure;  /* of the last round, for those who wait */
	struct round round;        /* the writer's */
	bool writing;              /* without threads: inside a round */
};

static struct record *
record_new(const struct tally_event *ev, struct tally_err *err)
{
	struct tally_buf group[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_bytes view[TALLY_GROUPS];
	uint8_t seed[TALLY_SEED];
	struct record *rec = NULL;
	size_t bytes = 0;
	uint8_t *p;
	if (tally_event_encode(ev, group, err) < 0)
		goto out;
	for (int i = 0; i < TALLY_GROUPS; i++)
		bytes += group[i].len;
	rec = tally_alloc(sizeof(*rec) + bytes);
	p = (uint8_t *)(rec + 1);
	for (int i = 0; i < TALLY_GROUPS; i++) {
		if (group[i].len > 0)
			memcpy(p, group[i].p, group[i].len);
		view[i] = tally_bytes(p, group[i].len);
		p += group[i].len;
	}
	tally_seed(seed);
	/* The commitments are made here, by the producer, not by the writer. */
	tally_prepare(&rec->entry, (uint8_t)ev->kind, 0, seed, view);
	rec->bytes = bytes;
out:
	for (int i = 0; i < TALLY_GROUPS; i++)
		tally_buf_deinit(&group[i]);
	return rec;
}

static void
enqueue(struct recorder *r, struct record *rec)
{
	rec->next = NULL;
	*r->last = rec;
	r->last = &rec->next;
	r->queued++;
	r->put++;
}

/* A loss becomes a record as soon as there is room: one place is always kept for it. */
static void
enqueue_loss(struct recorder *r)
{
	struct tally_now now = tally_clock_now(r->o.clock);
	struct tally_event ev = { .kind = TALLY_GAP };
	struct tally_err err = TALLY_ERR_INIT;
	struct record *rec;
	if (r->lost == 0 || r->queued + 1 >= r->o.queue)
		return;
	ev.m.has_from = ev.m.has_to = ev.m.has_count = true;
	ev.m.from = (uint64_t)r->lost_from.wall.ns;
	ev.m.to = (uint64_t)now.wall.ns;
	ev.m.count = r->lost;
	ev.m.reason = tally_bytes_str(r->lost_why);
	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_AGENT;
	rec = record_new(&ev, &err);
	TALLY_ASSERT(rec != NULL);
	r->lost = 0;
	enqueue(r, rec);
}

static void
lose(struct recorder *r, const char *why)
{
	if (r->lost++ == 0) {
		r->lost_from = tally_clock_now(r->o.clock);
		r->lost_why = why;
	}
	r->lost_total++;
}

void
recorder_put(struct recorder *r, const struct tally_event *ev)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct record *rec = record_new(ev, &err);
	if (rec == NULL)
		tally_log(TALLY_LOG_ERR, "a record of kind %u is lost: %s", ev->kind, err.text);
	pthread_mutex_lock(&r->lock);
	enqueue_loss(r);
	if (rec != NULL && r->queued + 1 < r->o.queue) {
		enqueue(r, rec);
	} else {
		lose(r, rec != NULL ? "queue overflow" : "malformed record");
		free(rec);
		enqueue_loss(r);
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

/* Up to a batch from the front, which stays in the queue until it is committed. */
static size_t
peek_batch(struct recorder *r, struct tally_prepared *batch)
{
	size_t n = 0, bytes = 0;
	for (struct record *rec = r->first; rec != NULL && n < BATCH_RECORDS; rec = rec->next) {
		bytes += rec->bytes;
		if (n > 0 && bytes > BATCH_BYTES)
			break;
		batch[n++] = rec->entry;
	}
	return n;
}

static void
drop_batch(struct recorder *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record *rec = r->first;
		r->first = rec->next;
		free(rec);
	}
	if (r->first == NULL)
		r->last = &r->first;
	r->queued -= n;
	r->done += n;
}

static int
reopen(struct recorder *r, struct tally_err *err)
{
	if (tally_store_open(&r->store, r->ledger, TALLY_STORE_WRITE, r->o.clock, err) < 0)
		return -1;
	r->seal = seal_step_new(r->store, r->o.attest, r->o.ledger_pcr, r->o.tpm, r->o.clock);
	return 0;
}

/* The writer reads it: a process may have a ledger open only once. */
static int
newest_note(struct tally_store *store, struct recorder_note *out, struct tally_err *err)
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
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	return rc;
}

/* After a failure the environment is not trusted: it is opened again, and its
 * tail verified, at the next round. */
static void
release(struct recorder *r)
{
	seal_step_close(r->seal);
	tally_store_close(r->store);
	r->seal = NULL;
	r->store = NULL;
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
			      first->commitment, sizeof(first->commitment)) == 0)
		d->committed = d->doubted;
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
	return 0;
}

/* Without the lock: append, and checkpoint where it is due. */
static int
write_round(struct recorder *r, struct round *d, struct tally_err *err)
{
	int rc = r->store == NULL ? reopen(r, err) : 0;
	d->committed = 0;
	if (rc == 0 && d->doubted > 0)
		rc = settle_doubt(r, d, err);
	if (rc == 0)
		rc = append(r, d, err);
	if (rc == 0 && d->due)
		rc = seal_step_checkpoint(r->seal, err);
	if (rc == 0 && d->due)
		rc = newest_note(r->store, &d->note, err);
	if (rc < 0)
		release(r);
	return rc;
}

/* Until that uptime, or until something is put; a minute at the most. */
static void
wait_for(struct recorder *r, int64_t at)
{
	int64_t ns =
		at == INT64_MAX ? 60 * TALLY_SECOND : at - tally_clock_now(r->o.clock).uptime.ns;
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (ns > 60 * TALLY_SECOND)
		ns = 60 * TALLY_SECOND;
	ns = (ns > 0 ? ns : 0) + t.tv_nsec;
	t.tv_sec += (time_t)(ns / TALLY_SECOND);
	t.tv_nsec = (long)(ns % TALLY_SECOND);
	(void)pthread_cond_timedwait(&r->wake, &r->lock, &t);
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

/* Whether a round is to be made now; else `*at` is when there will be one, where
 * nothing is put before: INT64_MAX never. */
static bool
plan(struct recorder *r, struct round *d, int64_t *at)
{
	int64_t now = tally_clock_now(r->o.clock).uptime.ns;
	bool unsealed = r->put > r->sealed;
	d->due = unsealed &&
		 (r->wanted > r->sealed || r->stop || now - d->last_checkpoint >= r->o.interval.ns);
	*at = INT64_MAX;
	if (r->stop && (!unsealed || d->over))
		return false;
	if (now < d->retry_at && !r->stop) { /* records that come do not hurry it */
		*at = d->retry_at;
		return false;
	}
	if (r->queued == 0 && !d->due) {
		if (unsealed)
			*at = d->last_checkpoint + r->o.interval.ns;
		return false;
	}
	d->n = peek_batch(r, d->batch);
	d->goal = r->done + d->n;
	return true;
}

static void
end_round(struct recorder *r, struct round *d, int rc, const struct tally_err *err)
{
	int64_t now = tally_clock_now(r->o.clock).uptime.ns;
	drop_batch(r, d->committed);
	enqueue_loss(r);
	if (d->due)
		d->last_checkpoint = now;
	if (rc == 0 && d->due) {
		r->sealed = d->goal;
		r->note = d->note;
		r->checkpoints++;
	}
	r->failure = *err;
	tell(&d->told, err);
	if (rc < 0) {
		d->retry_at = now + r->o.retry.ns;
		d->over = r->stop;
	}
	pthread_cond_broadcast(&r->progress);
}

/* With the lock held, which it lets go of while it writes. */
static void
one_round(struct recorder *r)
{
	struct tally_err err = TALLY_ERR_INIT;
	int rc;
	TALLY_ASSERT(!r->writing);
	r->writing = true;
	pthread_mutex_unlock(&r->lock);
	rc = write_round(r, &r->round, &err);
	pthread_mutex_lock(&r->lock);
	end_round(r, &r->round, rc, &err);
	r->writing = false;
}

static void *
run(void *ctx)
{
	struct recorder *r = ctx;
	pthread_mutex_lock(&r->lock);
	for (;;) {
		int64_t at;
		if (plan(r, &r->round, &at))
			one_round(r);
		else if (r->stop)
			break;
		else
			wait_for(r, at);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct tally_uptime
recorder_step(struct recorder *r)
{
	int64_t at = INT64_MAX;
	TALLY_ASSERT(!r->o.threads);
	pthread_mutex_lock(&r->lock);
	while (!r->writing && plan(r, &r->round, &at))
		one_round(r);
	pthread_mutex_unlock(&r->lock);
	return (struct tally_uptime){ at };
}

int
recorder_open(struct recorder **out, const struct recorder_options *o, struct tally_err *err)
{
	struct recorder *r = tally_alloc(sizeof(*r));
	pthread_condattr_t attr;
	r->o = *o;
	r->ledger = tally_strdup(o->ledger);
	r->last = &r->first;
	r->round.batch = tally_alloc(BATCH_RECORDS * sizeof(*r->round.batch));
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_cond_init(&r->progress, &attr);
	pthread_condattr_destroy(&attr);
	if (reopen(r, err) < 0) {
		recorder_abandon(r);
		return -1;
	}
	*out = r;
	return 0;
}

int
recorder_start(struct recorder *r, struct tally_err *err)
{
	int rc = r->o.threads ? pthread_create(&r->thread, NULL, run, r) : 0;
	if (rc != 0) {
		errno = rc;
		return tally_err_sys(err, "writer's thread");
	}
	r->running = r->o.threads;
	return 0;
}

struct tally_store *
recorder_store(struct recorder *r)
{
	return r->store;
}

int
recorder_checkpoint(struct recorder *r, struct recorder_note *out, struct tally_err *err)
{
	int rc = 0;
	uint64_t goal;
	pthread_mutex_lock(&r->lock);
	goal = r->put;
	if (r->wanted < goal)
		r->wanted = goal;
	r->failure.code = TALLY_OK;
	pthread_cond_signal(&r->wake);
	while (r->sealed < goal && rc == 0) {
		int64_t at;
		if (r->o.threads)
			pthread_cond_wait(&r->progress, &r->lock);
		else if (plan(r, &r->round, &at))
			one_round(r);
		else
			rc = tally_err_set(err, TALLY_SYS,
					   "the ledger has failed; the next try is not due yet");
		if (r->failure.code != TALLY_OK) {
			*err = r->failure;
			rc = -1;
		}
	}
	*out = r->note;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

void
recorder_status(struct recorder *r, struct recorder_status *out)
{
	pthread_mutex_lock(&r->lock);
	*out = (struct recorder_status){ .appended = r->done,
					 .queued = r->queued,
					 .lost = r->lost_total,
					 .checkpoints = r->checkpoints,
					 .attesting = r->o.attest };
	pthread_mutex_unlock(&r->lock);
}

int
recorder_close(struct recorder *r, struct tally_err *err)
{
	int rc = 0;
	if (r == NULL)
		return 0;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (r->running)
		pthread_join(r->thread, NULL);
	else if (!r->o.threads)
		(void)recorder_step(r);
	r->running = false;
	if (r->queued + r->lost > 0 || r->sealed < r->done) {
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
	if (r->running) {
		pthread_mutex_lock(&r->lock);
		r->stop = r->round.over = true;
		pthread_cond_signal(&r->wake);
		pthread_mutex_unlock(&r->lock);
		pthread_join(r->thread, NULL);
	}
	while (r->first != NULL)
		drop_batch(r, 1);
	release(r);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->progress);
	pthread_mutex_destroy(&r->lock);
	free(r->round.batch);
	free(r->ledger);
	free(r);
}
