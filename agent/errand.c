/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of an errand. */
#include "errand.h"

#include <errno.h>

#include "tally/err.h"
#include "tally/wait.h"

#define PATIENCE (10 * TALLY_SECOND) /* at a stop */

void
errand_init(struct errand *e, const struct errand_work *work, const struct tally_clock *clock)
{
	*e = (struct errand){ .work = *work, .clock = clock };
	pthread_mutex_init(&e->lock, NULL);
	tally_cond_init(&e->wake);
}

static void
wait_until(struct errand *e, int64_t at)
{
	int64_t ns = 60 * TALLY_SECOND;
	struct timespec t;
	if (at != INT64_MAX && at - tally_clock_now(e->clock).uptime.ns < ns)
		ns = at - tally_clock_now(e->clock).uptime.ns;
	t = tally_deadline((struct tally_span){ ns });
	(void)pthread_cond_timedwait(&e->wake, &e->lock, &t);
}

static void *
run(void *ctx)
{
	struct errand *e = ctx;
	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		struct tally_uptime now = tally_clock_now(e->clock).uptime, next;
		pthread_mutex_unlock(&e->lock);
		next = e->work.step(e->work.ctx, now, false);
		pthread_mutex_lock(&e->lock);
		if (!e->stop)
			wait_until(e, next.ns);
	}
	if (e->last) {
		pthread_mutex_unlock(&e->lock);
		(void)e->work.step(e->work.ctx, tally_clock_now(e->clock).uptime, true);
		pthread_mutex_lock(&e->lock);
	}
	e->ended = true;
	pthread_cond_broadcast(&e->wake);
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

int
errand_start(struct errand *e, const char *name, struct tally_err *err)
{
	int rc = pthread_create(&e->thread, NULL, run, e);
	if (rc != 0) {
		errno = rc;
		return tally_err_sys(err, "%s: thread", name);
	}
	e->runs = true;
	return 0;
}

bool
errand_stops(struct errand *e)
{
	bool stop;
	pthread_mutex_lock(&e->lock);
	stop = e->stop;
	pthread_mutex_unlock(&e->lock);
	return stop;
}

static void
end_thread(struct errand *e, bool last)
{
	const struct timespec end = tally_deadline((struct tally_span){ last ? PATIENCE : 0 });
	int rc = 0;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	e->last = last;
	pthread_cond_broadcast(&e->wake);
	while (!e->ended && rc == 0)
		rc = pthread_cond_timedwait(&e->wake, &e->lock, &end);
	pthread_mutex_unlock(&e->lock);
	if (rc != 0)
		e->work.cancel(e->work.ctx);
	pthread_join(e->thread, NULL);
}

void
errand_end(struct errand *e, bool last)
{
	if (e->runs)
		end_thread(e, last);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
}
