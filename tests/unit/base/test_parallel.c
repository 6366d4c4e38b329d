/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on several threads: each once, at the same time, also where none can be had. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "testlib.h"
#include "tally/parallel.h"

#define JOBS 1000

/* How many threads may be made from here on; --wrap. */
static int allowed;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	if (allowed == 0)
		return EAGAIN;
	allowed--;
	return __real_pthread_create(t, a, f, arg);
}

static int threads_at_first; /* a sanitizer may have one of its own */

static int
count_own_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	if (!d)
		return -1;
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Until the process has no threads but those that it had at first. */
static void
wait_until_alone(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int n = 0; n < 20000 && count_own_threads() != threads_at_first; n++)
		nanosleep(&pause, NULL);
	assert_int_equal(count_own_threads(), threads_at_first);
}

static void
count(void *arg, size_t i)
{
	atomic_int *times = arg;

	atomic_fetch_add(&times[i], 1);
}

static void
each_once(int threads)
{
	static const size_t sizes[] = { 0, 1, 2, 7, JOBS };

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		atomic_int times[JOBS] = { 0 };

		allowed = threads;
		tally_parallel(sizes[k], count, times);
		for (size_t i = 0; i < JOBS; i++)
			assert_int_equal(atomic_load(&times[i]), i < sizes[k]);
	}
}

static void
each_job_is_done_once(void **state)
{
	(void)state;
	each_once(100);
}

static void
jobs_are_done_where_no_thread_can_be_made(void **state)
{
	(void)state;
	wait_until_alone();
	each_once(0);
	wait_until_alone();
	each_once(1);
}

static void
threads_end_when_nothing_comes(void **state)
{
	(void)state;
	each_once(100);
	wait_until_alone();
	each_once(100);
}

static void
many_short_pieces_are_done_whole(void **state)
{
	(void)state;
	allowed = 100;
	for (int k = 0; k < 20000; k++) {
		atomic_int times[3] = { 0 };

		tally_parallel(3, count, times);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(atomic_load(&times[i]), 1);
	}
}

static void
call_again(void *arg, size_t i)
{
	atomic_int *times = arg;

	tally_parallel(10, count, &times[i * 10]);
}

static void
a_job_may_have_jobs(void **state)
{
	atomic_int times[100] = { 0 };

	(void)state;
	allowed = 100;
	tally_parallel(10, call_again, times);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(atomic_load(&times[i]), 1);
}

/* Two jobs that wait for each other, but not for ever. */
static void
meet(void *arg, size_t i)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	atomic_int *there = arg;

	atomic_store(&there[i], 1);
	for (int n = 0; n < 20000 && atomic_load(&there[1 - i]) == 0; n++)
		nanosleep(&pause, NULL);
	if (atomic_load(&there[1 - i]) == 1)
		atomic_fetch_add(&there[2], 1);
}

static void
two_jobs_run_at_the_same_time(void **state)
{
	atomic_int there[3] = { 0 };
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	if (CPU_COUNT(&cpus) < 2) {
		print_message("skipped: a second processor is missing\n");
		skip();
	}
	allowed = 100;
	tally_parallel(2, meet, there);
	assert_int_equal(atomic_load(&there[2]), 2);
}

static void
look_at_mask(void *arg, size_t i)
{
	pthread_t *caller = arg;
	sigset_t mask;

	(void)i;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGTERM) != !pthread_equal(*caller, pthread_self()))
		raise(SIGABRT);
}

static void
signals_are_left_to_the_caller(void **state)
{
	pthread_t self = pthread_self();
	sigset_t mask;

	(void)state;
	allowed = 100;
	tally_parallel(JOBS, look_at_mask, &self);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_is_done_once),
		cmocka_unit_test(jobs_are_done_where_no_thread_can_be_made),
		cmocka_unit_test(threads_end_when_nothing_comes),
		cmocka_unit_test(many_short_pieces_are_done_whole),
		cmocka_unit_test(a_job_may_have_jobs),
		cmocka_unit_test(two_jobs_run_at_the_same_time),
		cmocka_unit_test(signals_are_left_to_the_caller),
	};

	threads_at_first = count_own_threads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
