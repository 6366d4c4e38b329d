/* SPDX-License-Identifier: Apache-2.0 */
/* When the recorder makes anchors: at the begin of a session, each quarter of an hour,
 * at the end, and for those who ask; and what it does without. */
#include "testlib.h"

#include <stdlib.h>
#include <string.h>

#include "faketpm.h"
#include "recorder.h"
#include "tally/err.h"

#define MINUTE (60 * TALLY_SECOND)

struct world {
	char *dir, *ledger;
	struct faketpm tpm;
	struct tpm_starter starter;
	struct test_clock clock;
	struct recorder *r;
	struct tally_err err;
};

static int
start(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
      struct tally_err *err)
{
	struct world *w = ctx;
	(void)dir;
	(void)transport;
	(void)err;
	*out = &w->tpm.table;
	return 0;
}

static void
stop(void *ctx, struct tally_tpm *tpm)
{
	(void)ctx;
	(void)tpm;
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	w->starter = (struct tpm_starter){ w, start, stop };
	faketpm_init(&w->tpm);
	faketpm_counter(&w->tpm, 0x01800001);
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	if (tally_store_create(w->ledger, &o, &w->err) < 0)
		fail_msg("%s", w->err.text);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	recorder_abandon(w->r);
	faketpm_deinit(&w->tpm);
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static void
open_recorder(struct world *w)
{
	const struct recorder_options o = { .ledger = w->ledger,
					    .clock = &w->clock.table,
					    .queue = 64,
					    .interval = { TALLY_SECOND },
					    .retry = { TALLY_SECOND },
					    .attest = true,
					    .tpm = &w->starter };
	if (recorder_open(&w->r, &o, &w->err) < 0)
		fail_msg("%s", w->err.text);
}

static void
close_recorder(struct world *w)
{
	if (recorder_close(w->r, &w->err) < 0)
		fail_msg("%s", w->err.text);
	w->r = NULL;
}

/* Something happens, and whatever is due is done. */
static void
record(struct world *w)
{
	struct tally_event ev = { .kind = TALLY_AGENT_START };
	recorder_put(w->r, &ev);
	(void)recorder_step(w->r);
}

/* So long nothing happens. */
static void
idle(struct world *w, int64_t ns)
{
	struct tally_uptime next;
	int64_t end = w->clock.now.uptime.ns + ns;
	while ((next = recorder_step(w->r)).ns <= end)
		test_clock_advance(&w->clock, next.ns - w->clock.now.uptime.ns);
	test_clock_advance(&w->clock, end - w->clock.now.uptime.ns);
}

static void
anchors_come_with_the_session_each_quarter_of_an_hour_and_at_the_end(void **state)
{
	struct world *w = *state;
	open_recorder(w);
	record(w);
	assert_int_equal(w->tpm.increments, 1);
	/* Nothing at all happens, and they come all the same. */
	idle(w, 14 * MINUTE);
	assert_int_equal(w->tpm.increments, 1);
	idle(w, 61 * MINUTE);
	assert_int_equal(w->tpm.increments, 6);
	test_clock_advance(&w->clock, MINUTE);
	close_recorder(w);
	assert_int_equal(w->tpm.increments, 7);
	/* The same session goes on, and its newest anchor is young; a boot has one. */
	open_recorder(w);
	record(w);
	assert_int_equal(w->tpm.increments, 7);
	close_recorder(w);
	assert_int_equal(w->tpm.increments, 8);
	faketpm_reset(&w->tpm);
	open_recorder(w);
	record(w);
	assert_int_equal(w->tpm.increments, 9);
}

static void
one_who_asks_for_a_checkpoint_has_an_old_anchor_renewed_under_it(void **state)
{
	const struct tally_event ev = { .kind = TALLY_AGENT_START };
	struct world *w = *state;
	struct recorder_note note;
	struct tally_anchors now;
	uint64_t size;
	uint8_t root[TALLY_HASH];
	open_recorder(w);
	record(w);
	test_clock_advance(&w->clock, 10 * MINUTE);
	assert_int_equal(recorder_checkpoint(w->r, &note, &w->err), 0);
	assert_int_equal(w->tpm.increments, 1);
	recorder_put(w->r, &ev);
	test_clock_advance(&w->clock, 5 * MINUTE);
	assert_int_equal(recorder_checkpoint(w->r, &note, &w->err), 0);
	assert_true(note.attested);
	assert_int_equal(w->tpm.increments, 2);
	assert_int_equal(tally_store_anchors(recorder_store(w->r), &now, &w->err), 0);
	assert_int_equal(now.age, 0);
	assert_int_equal(tally_store_head(recorder_store(w->r), &size, root, &w->err), 0);
	assert_int_equal(note.size, size); /* the anchor itself lies under it */
}

/* Neither way does it matter where the wall clock is set, nor that the host boots. */
static void
no_more_than_the_cap_are_made_in_a_day_however_the_clock_is_set(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 120; i++) {
		open_recorder(w);
		record(w);
		close_recorder(w); /* one each */
		test_clock_advance(&w->clock, TALLY_SECOND);
	}
	assert_int_equal(w->tpm.increments, TALLY_ANCHOR_CAP);
	for (int i = 0; i < 3; i++) {
		test_clock_step(&w->clock, 2 * 1440 * MINUTE);
		if (i == 2) {
			faketpm_reset(&w->tpm);
			test_clock_reboot(&w->clock, 2 * 1440 * MINUTE);
		}
		open_recorder(w);
		record(w);
		close_recorder(w);
	}
	assert_int_equal(w->tpm.increments, TALLY_ANCHOR_CAP);
	test_clock_step(&w->clock, -60 * 1440 * MINUTE);
	open_recorder(w);
	record(w);
	idle(w, 1435 * MINUTE);
	assert_int_equal(w->tpm.increments, TALLY_ANCHOR_CAP);
	idle(w, 65 * MINUTE);
	assert_in_range(w->tpm.increments, TALLY_ANCHOR_CAP + 4, TALLY_ANCHOR_CAP + 6);
}

static unsigned tries;

static void
count_and_fail(void *ctx, const char *call)
{
	struct world *w = ctx;
	bool counter = strcmp(call, "counter_increment") == 0;
	tries += counter;
	w->tpm.fail_at = counter ? w->tpm.calls : 0;
}

/* The first anchor of a session is due at once, but not again at each checkpoint. */
static void
an_anchor_that_fails_is_tried_again_after_longer_and_longer_pauses(void **state)
{
	struct world *w = *state;
	open_recorder(w);
	w->tpm.hook = count_and_fail;
	w->tpm.hook_ctx = w;
	tries = 0;
	for (int i = 0; i < 150; i++) {
		record(w);
		test_clock_advance(&w->clock, 2 * TALLY_SECOND);
	}
	assert_in_range(tries, 4, 6);
	/* Never more than five minutes. */
	idle(w, 60 * MINUTE);
	assert_in_range(tries, 12 + 4, 12 + 7);
	w->tpm.hook = NULL;
	w->tpm.fail_at = 0;
	idle(w, 6 * MINUTE);
	assert_int_equal(w->tpm.increments, 1);
	/* Those behind it come at their time. */
	idle(w, 15 * MINUTE);
	assert_int_equal(w->tpm.increments, 2);
	/* Another failure begins with short pauses again. */
	tries = 0;
	w->tpm.hook = count_and_fail;
	idle(w, 16 * MINUTE);
	assert_in_range(tries, 3, 6);
}

/* The counter fails for good: the notes keep their evidence, and the failure is told. */
static void
fail_increment(void *ctx, const char *call)
{
	struct world *w = ctx;
	w->tpm.fail_at = strcmp(call, "counter_increment") == 0 ? w->tpm.calls : 0;
}

static void
an_anchor_that_fails_leaves_the_notes_their_evidence(void **state)
{
	struct world *w = *state;
	struct recorder_status s;
	open_recorder(w);
	w->tpm.hook = fail_increment;
	w->tpm.hook_ctx = w;
	for (int i = 0; i < 100; i++) {
		record(w);
		test_clock_advance(&w->clock, 2 * TALLY_SECOND);
	}
	recorder_status(w->r, &s);
	assert_true(s.has_attested);
	assert_int_equal(s.evidence, RECORDER_ATTESTING);
	assert_int_equal(w->tpm.increments, 0);
	assert_true(w->tpm.quotes > 90);
	/* When it works again, the intent that is open is ended. */
	w->tpm.hook = NULL;
	w->tpm.fail_at = 0;
	idle(w, 6 * MINUTE);
	record(w);
	assert_int_equal(w->tpm.increments, 1);
}

static void
a_counter_that_is_ahead_closes_the_ledger_and_records_go_on(void **state)
{
	struct world *w = *state;
	struct recorder_status s;
	uint64_t appended;
	open_recorder(w);
	record(w);
	w->tpm.counter += 3;
	idle(w, 16 * MINUTE);
	recorder_status(w->r, &s);
	assert_true(s.closed);
	assert_non_null(strstr(s.closed_why, "older copy of the ledger"));
	appended = s.appended;
	test_clock_advance(&w->clock, MINUTE);
	record(w);
	recorder_status(w->r, &s);
	assert_int_equal(s.appended, appended + 1);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(anchors_come_with_the_session_each_quarter_of_an_hour_and_at_the_end),
		CASE(one_who_asks_for_a_checkpoint_has_an_old_anchor_renewed_under_it),
		CASE(no_more_than_the_cap_are_made_in_a_day_however_the_clock_is_set),
		CASE(an_anchor_that_fails_leaves_the_notes_their_evidence),
		CASE(an_anchor_that_fails_is_tried_again_after_longer_and_longer_pauses),
		CASE(a_counter_that_is_ahead_closes_the_ledger_and_records_go_on),
	};
	return cmocka_run_group_tests_name("anchors", tests, NULL, NULL);
}
