/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of real processes: children of this test. */
#include "testlib.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "process_watch.h"
#include "tally/err.h"

struct child {
	pid_t pid;
	uint64_t start_ticks;
	uint8_t uuid[TALLY_UUID];
};

static struct child
child_start(uint8_t number)
{
	struct child c = { .pid = fork(), .uuid = { number } };
	struct process_stat st;
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		alarm(60); /* in case that the test dies */
		for (;;)
			pause();
	}
	assert_int_equal(process_stat_read(&st, "/proc", (uint32_t)c.pid), 1);
	c.start_ticks = st.start_ticks;
	return c;
}

static void
child_kill(const struct child *c)
{
	assert_int_equal(kill(c->pid, SIGKILL), 0);
}

static void
child_reap(const struct child *c)
{
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
}

static void
watch_child(struct process_watch *w, const struct child *c)
{
	process_watch_add(w, c->uuid, (uint32_t)c->pid, c->start_ticks);
}

static void
expect_exit(struct process_watch *w, const struct child *c)
{
	struct tally_observation o;
	struct pollfd p = { .fd = process_watch_fd(w), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(process_watch_next(w, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_EXIT);
	assert_int_equal(o.domain.pid, c->pid);
	assert_int_equal(o.domain.start_ticks, c->start_ticks);
	assert_memory_equal(o.domain.uuid, c->uuid, TALLY_UUID);
}

static void
expect_nothing(struct process_watch *w)
{
	struct tally_observation o;
	struct pollfd p = { .fd = process_watch_fd(w), .events = POLLIN };
	assert_int_equal(process_watch_next(w, &o), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static struct process_watch *
watch_new(void)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct process_watch *w = process_watch_new(tally_clock_real(), &err);
	if (w == NULL)
		fail_msg("%s", err.text);
	return w;
}

/* A zombie that nobody reaps has ended all the same. */
static void
each_end_is_told_once_at_its_instant_and_before_it_is_reaped(void **state)
{
	struct process_watch *w = watch_new();
	struct child a = child_start(1), b = child_start(2);
	struct tally_now before;
	struct tally_observation o;
	struct pollfd p = { .fd = process_watch_fd(w), .events = POLLIN };
	(void)state;
	watch_child(w, &a);
	watch_child(w, &b);
	watch_child(w, &b);
	assert_int_equal(process_watch_count(w), 2);
	expect_nothing(w);
	before = tally_clock_now(tally_clock_real());
	child_kill(&b);
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(process_watch_count(w), 1);
	assert_int_equal(process_watch_next(w, &o), 1);
	assert_int_equal(o.domain.pid, b.pid);
	assert_true(o.at.uptime.ns >= before.uptime.ns);
	assert_true(o.at.uptime.ns <= tally_clock_now(tally_clock_real()).uptime.ns);
	expect_nothing(w);
	child_kill(&a);
	expect_exit(w, &a);
	expect_nothing(w);
	child_reap(&a);
	child_reap(&b);
	process_watch_free(w);
}

/* The instant is the end's, however late somebody asks. */
static void
an_end_keeps_its_instant_while_nobody_asks(void **state)
{
	struct process_watch *w = watch_new();
	struct child a = child_start(1);
	struct tally_now seen;
	struct tally_observation o;
	(void)state;
	watch_child(w, &a);
	child_kill(&a);
	child_reap(&a);
	while (process_watch_count(w) > 0)
		(void)usleep(1000);
	seen = tally_clock_now(tally_clock_real());
	(void)usleep(20000);
	assert_int_equal(process_watch_next(w, &o), 1);
	assert_true(o.at.uptime.ns <= seen.uptime.ns);
	process_watch_free(w);
}

static void
a_process_that_has_ended_before_it_is_watched_is_an_exit_now(void **state)
{
	struct process_watch *w = watch_new();
	struct child a = child_start(1), b = child_start(2);
	(void)state;
	child_kill(&a);
	child_reap(&a);
	watch_child(w, &a);
	expect_exit(w, &a);
	/* Its pid is another process's now: that one is not watched. */
	b.start_ticks++;
	watch_child(w, &b);
	expect_exit(w, &b);
	assert_int_equal(process_watch_count(w), 0);
	process_watch_add(w, b.uuid, 0, 0);
	expect_nothing(w);
	child_kill(&b);
	child_reap(&b);
	expect_nothing(w);
	process_watch_free(w);
}

static void
without_descriptors_nothing_is_watched_and_later_it_is(void **state)
{
	struct process_watch *w = watch_new();
	struct child a = child_start(1);
	struct rlimit all, none;
	int lowest = dup(0);
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 3; /* the standard ones */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	watch_child(w, &a);
	none.rlim_cur = (rlim_t)lowest + 1; /* a pidfd, and then no more */
	assert_int_equal(close(lowest), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	watch_child(w, &a);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(process_watch_count(w), 0);
	expect_nothing(w);
	watch_child(w, &a);
	assert_int_equal(process_watch_count(w), 1);
	child_kill(&a);
	expect_exit(w, &a);
	child_reap(&a);
	process_watch_free(w);
}

static void
a_hundred_ends_at_once_are_a_hundred_exits(void **state)
{
	struct process_watch *w = watch_new();
	struct child c[100];
	struct tally_observation o;
	bool seen[100] = { false };
	(void)state;
	for (uint8_t i = 0; i < 100; i++) {
		c[i] = child_start(i);
		watch_child(w, &c[i]);
	}
	for (size_t i = 0; i < 100; i++)
		child_kill(&c[i]);
	for (size_t i = 0; i < 100; i++)
		child_reap(&c[i]);
	while (process_watch_count(w) > 0)
		(void)usleep(1000);
	for (size_t n = 0; n < 100; n++) {
		assert_int_equal(process_watch_next(w, &o), 1);
		assert_true(o.domain.uuid[0] < 100);
		assert_false(seen[o.domain.uuid[0]]);
		seen[o.domain.uuid[0]] = true;
	}
	expect_nothing(w);
	process_watch_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_told_once_at_its_instant_and_before_it_is_reaped),
		cmocka_unit_test(an_end_keeps_its_instant_while_nobody_asks),
		cmocka_unit_test(a_process_that_has_ended_before_it_is_watched_is_an_exit_now),
		cmocka_unit_test(without_descriptors_nothing_is_watched_and_later_it_is),
		cmocka_unit_test(a_hundred_ends_at_once_are_a_hundred_exits),
	};
	return cmocka_run_group_tests_name("agent process watch", tests, NULL, NULL);
}
