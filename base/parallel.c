/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take jobs one by one from a counter, the caller's like all others:
 * so the largest jobs go first, and whoever has a small one takes the next. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include "tally/parallel.h"

/* Each holds memory of its own. */
#define THREADS_MAX 8

struct work {
	atomic_size_t next;
	size_t n;
	void (*job)(void *arg, size_t i);
	void *arg;
};

static void *
take_jobs(void *ctx)
{
	struct work *w = ctx;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->n)
		w->job(w->arg, i);
	return NULL;
}

static size_t
count_threads(size_t jobs)
{
	cpu_set_t cpus;
	size_t n = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (size_t)CPU_COUNT(&cpus);
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	return n < jobs ? n : jobs;
}

void
tally_parallel(size_t n, void (*job)(void *arg, size_t i), void *arg)
{
	struct work w = { .n = n, .job = job, .arg = arg };
	pthread_t threads[THREADS_MAX];
	size_t wanted = count_threads(n), made = 0;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (made + 1 < wanted && pthread_create(&threads[made], NULL, take_jobs, &w) == 0)
		made++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)take_jobs(&w);
	while (made > 0)
		pthread_join(threads[--made], NULL);
}
