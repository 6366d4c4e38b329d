/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's two threads: the writer, and the one that waits for the TPM. */
#include "recorder_internal.h"

#include <errno.h>

#include "tally/wait.h"

#define GIVE_UP (10 * TALLY_SECOND) /* a TPM that hangs at a stop */

void
recorder_wait(struct recorder *r, pthread_cond_t *on, int64_t at)
{
	int64_t longest = 60 * TALLY_SECOND, ns = longest;
	struct timespec t;
	if (at != INT64_MAX)
		ns = at - tally_clock_now(r->o.clock).uptime.ns;
	t = tally_deadline((struct tally_span){ ns < longest ? ns : longest });
	(void)pthread_cond_timedwait(on, &r->lock, &t);
}

static void *
write_all(void *ctx)
{
	struct recorder *r = ctx;
	enum recorder_plan plan;
	int64_t at;
	pthread_mutex_lock(&r->lock);
	while ((plan = recorder_plan(r, &at)) != RECORDER_END) {
		if (plan == RECORDER_ROUND)
			recorder_round(r);
		else
			recorder_wait(r, &r->wake, at);
	}
	r->ended = true;
	pthread_cond_broadcast(&r->progress);
	pthread_cond_signal(&r->evidence_wake);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* The writer ends last of those who may ask. */
static void *
attest_all(void *ctx)
{
	struct recorder *r = ctx;
	pthread_mutex_lock(&r->lock);
	while (r->evidence.asked || !r->ended) {
		if (r->evidence.asked)
			recorder_evidence_round(r);
		else
			pthread_cond_wait(&r->evidence_wake, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int
start(pthread_t *thread, bool *runs, void *(*f)(void *), struct recorder *r, struct tally_err *err)
{
	int rc = pthread_create(thread, NULL, f, r);
	if (rc != 0) {
		errno = rc;
		return tally_err_sys(err, "recorder's thread");
	}
	*runs = true;
	return 0;
}

int
recorder_threads_start(struct recorder *r, struct tally_err *err)
{
	/* The writer waits for what it asked for, so who answers is there before it. */
	if (r->o.attest && start(&r->attester, &r->attester_runs, attest_all, r, err) < 0)
		return -1;
	return start(&r->writer, &r->writer_runs, write_all, r, err);
}

void
recorder_threads_stop(struct recorder *r)
{
	struct timespec end = tally_deadline((struct tally_span){ GIVE_UP });
	int rc = 0;
	pthread_mutex_lock(&r->lock);
	if (!r->writer_runs) /* it never began */
		r->ended = true;
	pthread_cond_signal(&r->wake);
	pthread_cond_signal(&r->evidence_wake);
	while (r->writer_runs && !r->ended && rc == 0)
		rc = pthread_cond_timedwait(&r->progress, &r->lock, &end);
	pthread_mutex_unlock(&r->lock);
	if (rc != 0)
		seal_step_cancel(r->evidence.seal);
	if (r->writer_runs)
		pthread_join(r->writer, NULL);
	if (r->attester_runs)
		pthread_join(r->attester, NULL);
	r->writer_runs = r->attester_runs = false;
}
