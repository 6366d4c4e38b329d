/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that take jobs one by one from a counter, the caller's like all others: so the
 * largest jobs go first, and whoever has a small one takes the next. Work often comes in
 * many short pieces, and making a thread, or waking one, may take as long as a piece: so
 * threads stay a moment, and look out for more before they sleep.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include "tally/parallel.h"

/* Each holds memory of its own. */
#define THREADS_MAX 8
#define LOOKS       10000    /* before a thread sleeps: a few hundred microseconds */
#define STAYS_NS    20000000 /* asleep, before it ends */

struct work {
	atomic_size_t next;
	size_t n;
	void (*job)(void *arg, size_t i);
	void *arg;
};

static struct {
	pthread_mutex_t lock; /* of all but the atomic ones, which it only helps to wait for */
	pthread_cond_t more, left;
	bool taken;         /* one caller at a time */
	size_t threads;     /* that were made and have not ended */
	struct work *work;  /* NULL: none, and nobody may begin with it */
	size_t open;        /* threads that may still begin with it */
	atomic_uint turn;   /* grows with each piece of work */
	atomic_uint inside; /* threads that look at `work` */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .more = PTHREAD_COND_INITIALIZER,
	   .left = PTHREAD_COND_INITIALIZER };

static void
take_jobs(struct work *w)
{
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->n)
		w->job(w->arg, i);
}

static void
look_out(atomic_uint *word, unsigned seen, bool until_equal)
{
	for (unsigned i = 0; i < LOOKS && (atomic_load(word) == seen) != until_equal; i++)
#ifdef __x86_64__
		__builtin_ia32_pause();
#else
		atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* With the lock: whether there is more than what was seen; else it is time to end. */
static bool
sleep_on(unsigned seen)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += STAYS_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (atomic_load(&pool.turn) == seen)
		if (pthread_cond_timedwait(&pool.more, &pool.lock, &until) != 0)
			return atomic_load(&pool.turn) != seen;
	return true;
}

static void *
help(void *ctx)
{
	unsigned seen = 0;

	(void)ctx;
	pthread_mutex_lock(&pool.lock);
	do {
		struct work *w = pool.open > 0 ? pool.work : NULL;

		seen = atomic_load(&pool.turn);
		if (w) {
			pool.open--;
			atomic_fetch_add(&pool.inside, 1);
		}
		pthread_mutex_unlock(&pool.lock);
		if (w)
			take_jobs(w);
		if (w && atomic_fetch_sub(&pool.inside, 1) == 1) {
			pthread_mutex_lock(&pool.lock);
			pthread_cond_signal(&pool.left);
			pthread_mutex_unlock(&pool.lock);
		}
		look_out(&pool.turn, seen, false);
		pthread_mutex_lock(&pool.lock);
	} while (sleep_on(seen));
	pool.threads--;
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

size_t
tally_parallel_threads(void)
{
	cpu_set_t cpus;
	size_t n = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (size_t)CPU_COUNT(&cpus);
	return n > THREADS_MAX ? THREADS_MAX : n;
}

/* With the lock. */
static void
make_threads(size_t wanted)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool.threads < wanted && pthread_create(&thread, NULL, help, NULL) == 0) {
		pthread_detach(thread);
		pool.threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* false: another caller has them. */
static bool
ask_for_help(struct work *w, size_t helpers)
{
	bool had;

	pthread_mutex_lock(&pool.lock);
	had = !pool.taken;
	if (had) {
		pool.taken = true;
		pool.work = w;
		pool.open = helpers;
		atomic_fetch_add(&pool.turn, 1);
		make_threads(helpers);
		pthread_cond_broadcast(&pool.more);
	}
	pthread_mutex_unlock(&pool.lock);
	return had;
}

/* Nobody begins any more, and all who did are done. */
static void
end_help(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.work = NULL;
	pthread_mutex_unlock(&pool.lock);
	look_out(&pool.inside, 0, true);
	pthread_mutex_lock(&pool.lock);
	while (atomic_load(&pool.inside) > 0)
		pthread_cond_wait(&pool.left, &pool.lock);
	pool.taken = false;
	pthread_mutex_unlock(&pool.lock);
}

void
tally_parallel(size_t n, void (*job)(void *arg, size_t i), void *arg)
{
	struct work w = { .n = n, .job = job, .arg = arg };
	size_t most = tally_parallel_threads(), threads = n < most ? n : most;
	bool helped = threads > 1 && ask_for_help(&w, threads - 1);

	take_jobs(&w);
	if (helped)
		end_help();
}
