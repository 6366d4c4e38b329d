/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder beside a TPM that is slow, fails, or hangs: nothing waits for it
 * but what asks for evidence. */
#include "testlib.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faketpm.h"
#include "interpose.h"
#include "recorder.h"
#include "tally/entry.h"
#include "tally/err.h"

struct world {
	char *dir, *ledger;
	struct faketpm tpm;
	struct tpm_starter starter;
	struct test_clock clock;
	struct recorder *r;
	unsigned starts, stops;
	bool no_start;
	/* The hook: blocks in the quotes while `shut`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool shut, cancelled;
	unsigned inside; /* quotes that are blocked, or were */
	/* Or it lets the world go on. */
	unsigned puts;
};

static int
start(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
      struct tally_err *err)
{
	struct world *w = ctx;
	(void)dir;
	(void)transport;
	w->starts++;
	if (w->no_start)
		return tally_err_set(err, TALLY_TPM, "no such helper");
	*out = &w->tpm.table;
	return 0;
}

static void
stop(void *ctx, struct tally_tpm *tpm)
{
	struct world *w = ctx;
	assert_ptr_equal(tpm, &w->tpm.table);
	w->stops++;
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	w->starter = (struct tpm_starter){ w, start, stop };
	faketpm_init(&w->tpm);
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	if (tally_store_create(w->ledger, &o, &err) < 0)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	recorder_abandon(w->r);
	assert_int_equal(w->starts - (w->no_start ? w->starts : 0), w->stops);
	faketpm_deinit(&w->tpm);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static unsigned threads_made, no_thread; /* the n-th, from 1, cannot be had; 0: all can */

/* The linker puts it before libc's. */
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *ctx);

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *ctx)
{
	return ++threads_made == no_thread ? EAGAIN : __real_pthread_create(t, a, f, ctx);
}

static int
try_open(struct world *w, bool threads, int64_t attest_interval)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct recorder_options o = { .ledger = w->ledger,
					    .clock = threads ? tally_clock_real() : &w->clock.table,
					    .queue = 1024,
					    .interval = { threads ? TALLY_SECOND / 100
								  : TALLY_SECOND },
					    .retry = { TALLY_SECOND / 50 },
					    .attest = true,
					    .tpm = &w->starter,
					    .threads = threads };
	if (recorder_open(&w->r, &o, &err) < 0)
		fail_msg("%s", err.text);
	recorder_attest_interval(w->r, (struct tally_span){ attest_interval });
	return recorder_start(w->r, &err);
}

static void
open_recorder(struct world *w, bool threads, int64_t attest_interval)
{
	assert_int_equal(try_open(w, threads, attest_interval), 0);
}

static void
put(struct world *w)
{
	struct tally_event ev = { .kind = TALLY_HEARTBEAT };
	ev.m.has_count = true;
	ev.m.count = w->puts++;
	recorder_put(w->r, &ev);
}

static struct recorder_status
status(struct world *w)
{
	struct recorder_status s;
	recorder_status(w->r, &s);
	return s;
}

static int
close_recorder(struct world *w, struct tally_err *err)
{
	int rc = recorder_close(w->r, err);
	w->r = NULL;
	return rc;
}

/* Of the closed ledger: how many rows of a state; each row but a lost
 * one chains to the one before, as a verifier wants it. */
static unsigned
rows(const struct world *w, enum tally_row_state state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s = NULL;
	struct tally_row row, last = { 0 };
	unsigned n = 0;
	assert_int_equal(tally_store_open(&s, w->ledger, TALLY_STORE_READ, NULL, &err), 0);
	for (uint64_t i = 0; tally_store_row(s, i, &row, &err) == 1; i++) {
		if (i > 0 && row.session == last.session) {
			assert_memory_equal(row.before, last.after, TALLY_HASH);
			assert_true(row.note >= last.note);
		}
		last = row;
		n += row.state == (uint8_t)state;
	}
	tally_store_close(s);
	return n;
}

static uint64_t
entries(const struct world *w)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s = NULL;
	uint8_t root[TALLY_HASH];
	uint64_t size = 0;
	assert_int_equal(tally_store_open(&s, w->ledger, TALLY_STORE_READ, NULL, &err), 0);
	assert_int_equal(tally_store_head(s, &size, root, &err), 0);
	tally_store_close(s);
	return size;
}

/* Blocks in a quote until it is told, or given up. */
static void
block(void *ctx, const char *call)
{
	struct world *w = ctx;
	if (strcmp(call, "quote") != 0)
		return;
	pthread_mutex_lock(&w->lock);
	if (w->shut)
		w->inside++;
	pthread_cond_broadcast(&w->changed);
	while (w->shut && !w->cancelled)
		pthread_cond_wait(&w->changed, &w->lock);
	if (w->cancelled)
		w->tpm.fail_at = w->tpm.calls;
	pthread_mutex_unlock(&w->lock);
}

static void
set_shut(struct world *w, bool shut)
{
	pthread_mutex_lock(&w->lock);
	w->shut = shut;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
wait_until_inside(struct world *w, unsigned n)
{
	pthread_mutex_lock(&w->lock);
	while (w->inside < n)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* The test's time-out is the only bound: no speed is asserted. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		usleep(1000);                                                                      \
	} while (!(condition))

static void
appends_and_notes_do_not_wait_for_a_quote(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	uint64_t notes;
	w->tpm.hook = block;
	w->tpm.hook_ctx = w;
	open_recorder(w, true, 0);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	set_shut(w, true);
	put(w);
	wait_until_inside(w, 1);
	notes = status(w).checkpoints;
	for (int i = 0; i < 3; i++) {
		put(w);
		UNTIL(status(w).appended == w->puts);
		UNTIL(status(w).checkpoints > notes);
		notes = status(w).checkpoints;
	}
	assert_int_equal(status(w).attested.sequence, note.sequence);
	set_shut(w, false);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	assert_int_equal(status(w).evidence, RECORDER_ATTESTING);
	assert_int_equal(close_recorder(w, &err), 0);
	assert_int_equal(rows(w, TALLY_ROW_PENDING), 0);
	assert_int_equal(rows(w, TALLY_ROW_DONE), w->tpm.quotes - 1); /* one is the statement's */
}

static void
a_helper_that_takes_long_to_start_delays_no_note(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	w->tpm.hook = block; /* the first quote is the session statement's */
	w->tpm.hook_ctx = w;
	w->shut = true;
	open_recorder(w, true, 0);
	put(w);
	UNTIL(status(w).checkpoints == 1);
	wait_until_inside(w, 1);
	assert_int_equal(status(w).evidence, RECORDER_WAITING);
	put(w);
	UNTIL(status(w).checkpoints == 2);
	set_shut(w, false);
	UNTIL(status(w).has_attested);
	assert_int_equal(close_recorder(w, &err), 0);
}

static void
a_tpm_that_fails_is_left_alone_and_tried_again(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	int64_t now;
	unsigned calls;
	open_recorder(w, false, 0);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	w->tpm.fail_at = w->tpm.calls + 2; /* extends, and does not quote */
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_false(note.attested);
	assert_int_equal(status(w).evidence, RECORDER_FAILED);
	assert_non_null(strstr(status(w).failure.text, "told to fail"));
	assert_int_equal(w->stops, 1);
	calls = w->tpm.calls;
	now = w->clock.now.uptime.ns;
	/* It is let alone: ten seconds, then twenty, and so on up to five minutes. */
	for (int64_t pause = 10; pause < 1000; pause *= 2) {
		int64_t next = now + (pause < 300 ? pause : 300) * TALLY_SECOND;
		put(w);
		while (w->clock.now.uptime.ns < next - 10 * TALLY_SECOND) {
			test_clock_advance(&w->clock, 10 * TALLY_SECOND);
			put(w);
			(void)recorder_step(w->r);
		}
		assert_int_equal(w->tpm.calls, calls);
		assert_true(recorder_step(w->r).ns <= next);
		test_clock_advance(&w->clock, next - w->clock.now.uptime.ns);
		(void)recorder_step(w->r);
		assert_true(w->tpm.calls > calls);
		calls = w->tpm.calls;
		now = next;
	}
	assert_true(status(w).checkpoints > 50); /* notes went on */
	w->tpm.fail_at = 0;
	test_clock_advance(&w->clock, 300 * TALLY_SECOND);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	assert_int_equal(status(w).evidence, RECORDER_ATTESTING);
	assert_int_equal(close_recorder(w, &err), 0);
	assert_int_equal(rows(w, TALLY_ROW_PENDING), 0);
	assert_int_equal(rows(w, TALLY_ROW_LOST), 0); /* the pending row was gone on with */
}

static void
a_helper_that_cannot_start_costs_evidence_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	w->no_start = true;
	open_recorder(w, true, 0);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_false(note.attested);
	assert_int_equal(note.size, 1);
	assert_int_equal(w->starts, 1);
	assert_int_equal(close_recorder(w, &err), 0);
	assert_int_equal(w->starts, 1);
}

static void
give_up(void *ctx)
{
	struct faketpm *f = ctx;
	struct world *w = f->hook_ctx;
	pthread_mutex_lock(&w->lock);
	w->cancelled = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
a_tpm_that_hangs_at_a_stop_is_given_up(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	w->tpm.hook = block;
	w->tpm.hook_ctx = w;
	w->tpm.table.cancel = give_up;
	w->shut = true;
	open_recorder(w, true, 0);
	put(w);
	wait_until_inside(w, 1);
	put(w);
	assert_int_equal(close_recorder(w, &err), 0); /* all is recorded, and sealed */
	assert_true(w->cancelled);
	assert_int_equal(entries(w), 2);
}

static void
hardware_signs_no_more_often_than_it_may_and_the_newest_note_last(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	unsigned quotes;
	uint64_t notes;
	open_recorder(w, false, 10 * TALLY_SECOND);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	quotes = w->tpm.quotes;
	notes = status(w).checkpoints;
	for (int i = 0; i < 9; i++) {
		test_clock_advance(&w->clock, TALLY_SECOND);
		put(w);
		(void)recorder_step(w->r);
	}
	assert_int_equal(w->tpm.quotes, quotes);
	assert_int_equal(status(w).checkpoints, notes + 9);
	/* Nothing new: the note that stands there gets its evidence. */
	test_clock_advance(&w->clock, TALLY_SECOND);
	assert_int_equal(recorder_step(w->r).ns, INT64_MAX);
	assert_int_equal(w->tpm.quotes, quotes + 1);
	assert_int_equal(status(w).attested.size, w->puts + 1); /* and the session's entry */
	assert_int_equal(status(w).checkpoints, notes + 9);
	/* One who waits does not wait for that. */
	test_clock_advance(&w->clock, TALLY_SECOND);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	assert_int_equal(close_recorder(w, &err), 0);
	assert_int_equal(rows(w, TALLY_ROW_DONE), 3);
}

/* The world goes on while the simulated TPM works. */
static void
go_on(void *ctx, const char *call)
{
	struct world *w = ctx;
	struct recorder_status s;
	uint64_t appended;
	(void)call;
	if (w->inside++ > 200)
		return;
	appended = status(w).appended;
	put(w);
	test_clock_advance(&w->clock, TALLY_SECOND);
	(void)recorder_step(w->r);
	s = status(w);
	assert_int_equal(s.appended, appended + 1);
}

static void
without_threads_the_world_goes_on_inside_a_command(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	uint64_t sequence;
	open_recorder(w, false, 0);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	w->tpm.hook = go_on;
	w->tpm.hook_ctx = w;
	put(w);
	test_clock_advance(&w->clock, TALLY_SECOND);
	(void)recorder_step(w->r); /* and each note in it has another one behind it */
	w->tpm.hook = NULL;
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	sequence = note.sequence;
	assert_int_equal(close_recorder(w, &err), 0);
	assert_true(rows(w, TALLY_ROW_DONE) > 10);
	assert_true(sequence > rows(w, TALLY_ROW_DONE)); /* not every note has a row */
	assert_int_equal(rows(w, TALLY_ROW_PENDING), 0);
}

static void
a_statement_that_finds_no_quiet_moment_is_tried_again_soon(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	w->tpm.hook = go_on;
	w->tpm.hook_ctx = w;
	open_recorder(w, false, 0);
	put(w);
	(void)recorder_step(w->r);
	assert_int_equal(status(w).evidence, RECORDER_FAILED);
	assert_non_null(strstr(status(w).failure.text, "does not stand still"));
	w->tpm.hook = NULL;
	test_clock_advance(&w->clock, 2 * TALLY_SECOND);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	assert_true(note.attested);
	assert_int_equal(w->starts, 1); /* it was not the TPM's fault */
	assert_int_equal(status(w).appended, w->puts);
}

/* At each call of the disk: also those inside the evidence side's journal. */
static void
a_disk_that_dies_under_the_evidence_costs_no_record(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder_note note;
	bool failed = true;
	open_recorder(w, false, 0);
	put(w);
	assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
	for (unsigned long n = 1; failed; n++) {
		disk_watch(w->ledger, n, n % 2 ? DISK_DIES : DISK_REFUSES, EIO);
		put(w);
		test_clock_advance(&w->clock, TALLY_SECOND);
		(void)recorder_step(w->r);
		test_clock_advance(&w->clock, TALLY_SECOND);
		(void)recorder_step(w->r);
		(void)disk_unwatch(&failed);
		test_clock_advance(&w->clock, 600 * TALLY_SECOND);
		(void)recorder_step(w->r);
		put(w);
		assert_int_equal(recorder_checkpoint(w->r, &note, &err), 0);
		assert_true(note.attested);
		assert_int_equal(status(w).appended, w->puts);
	}
	assert_int_equal(w->starts, 1); /* it was not the TPM's fault */
	assert_int_equal(close_recorder(w, &err), 0);
	assert_int_equal(rows(w, TALLY_ROW_PENDING), 0);
}

static void
the_time_from_put_to_commit_is_measured(void **state)
{
	struct world *w = *state;
	open_recorder(w, false, 0);
	assert_int_equal(status(w).latency_p99, 0);
	for (int i = 0; i < 2000; i++) {
		put(w);
		if (i >= 1980) /* the last 20 wait 5 ms, those before none */
			test_clock_advance(&w->clock, 5 * TALLY_SECOND / 1000);
		(void)recorder_step(w->r);
	}
	assert_int_equal(status(w).latency_p50, 0);
	assert_int_equal(status(w).latency_p99, 5000);
}

/* A recorder that has only one of its threads ends all the same. */
static void
a_thread_that_cannot_be_had_is_an_error_and_no_hang(void **state)
{
	struct world *w = *state;
	for (unsigned n = 1; n <= 2; n++) {
		threads_made = 0;
		no_thread = n;
		assert_int_equal(try_open(w, true, 0), -1);
		no_thread = 0;
		put(w);
		usleep(100000); /* a writer that is there has handed it on */
		recorder_abandon(w->r);
		w->r = NULL;
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(appends_and_notes_do_not_wait_for_a_quote),
		CASE(a_helper_that_takes_long_to_start_delays_no_note),
		CASE(a_tpm_that_fails_is_left_alone_and_tried_again),
		CASE(a_helper_that_cannot_start_costs_evidence_and_nothing_else),
		CASE(a_tpm_that_hangs_at_a_stop_is_given_up),
		CASE(hardware_signs_no_more_often_than_it_may_and_the_newest_note_last),
		CASE(without_threads_the_world_goes_on_inside_a_command),
		CASE(a_statement_that_finds_no_quiet_moment_is_tried_again_soon),
		CASE(a_disk_that_dies_under_the_evidence_costs_no_record),
		CASE(the_time_from_put_to_commit_is_measured),
		CASE(a_thread_that_cannot_be_had_is_an_error_and_no_hang),
	};
	return cmocka_run_group_tests_name("agent evidence", tests, NULL, NULL);
}
