/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors, end to end: made by a seal that is stopped before and behind each of its
 * steps, and judged by the verifier.
 */
#include <errno.h>
#include <string.h>
#include "liar.h"

static void
anchors_rise_over_sessions_and_stand_before_the_verifier(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	for (int i = 0; i < 3; i++)
		anchor(&l);
	assert_int_equal(l.tpm.counter, 10);
	faketpm_restart(&l.tpm);
	reseal(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	faketpm_reset(&l.tpm);
	reseal(&l);
	anchor(&l);
	assert_int_equal(l.tpm.counter, 12);
	assert_int_equal(l.tpm.increments, 5);
	holds(&l, "TPM boots with a session: 3, without: 1; suspends: 1; unclean stops: 0");
	ledger_deinit(&l);
}

static void
a_tpm_without_a_counter_anchors_the_time_alone(void **state)
{
	struct ledger l;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	faketpm_counter(&l.tpm, INDEX);
	tally_buf_clear(&l.tpm.nv_public);
	reseal(&l);
	anchor(&l);
	anchor(&l);
	assert_int_equal(l.tpm.increments, 0);
	holds(&l, NULL);
	/* Later it has one. */
	faketpm_counter(&l.tpm, INDEX);
	reseal(&l);
	anchor(&l);
	assert_int_equal(l.tpm.increments, 1);
	holds(&l, NULL);
	ledger_deinit(&l);
}

static void
anchors_are_made_as_often_as_they_may(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	/* A session that begins has one at once; then the newest must be old enough. */
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 1);
	assert_int_equal(now.day, 1);
	test_clock_advance(&l.clock, MINUTES(15) - 1);
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 0);
	assert_int_equal(now.age, MINUTES(15) - 1);
	test_clock_advance(&l.clock, 1);
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 1);
	for (int i = 2; i < TALLY_ANCHOR_CAP; i++) {
		test_clock_advance(&l.clock, TALLY_SECOND);
		assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 1);
	}
	assert_int_equal(now.day, TALLY_ANCHOR_CAP);
	assert_int_equal(l.tpm.increments, TALLY_ANCHOR_CAP);
	assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 0);
	assert_int_equal(now.free_in,
			 MINUTES(24 * 60 - 15) - (TALLY_ANCHOR_CAP - 2) * TALLY_SECOND);
	test_clock_advance(&l.clock, now.free_in);
	assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 1);
	ledger_checkpoint(&l);
	holds(&l, NULL);
	ledger_deinit(&l);
}

/* The fault of the disk: the n-th of its calls fails, and all that follow. */
static unsigned disk_calls, disk_fails;

static int
fail_disk(void *ctx, const char *call)
{
	(void)ctx;
	(void)call;
	if (disk_fails == 0 || ++disk_calls < disk_fails)
		return 0;
	errno = EIO;
	return -1;
}

/* What happens to the machine while the anchor is not made. */
enum turn { GOES_ON, RESUMES, BOOTS };

/* The ledger is closed as it is and opened again, with its TPM in another state. */
static void
come_back(struct ledger *l, enum turn turn)
{
	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	if (turn == RESUMES)
		faketpm_restart(&l->tpm);
	if (turn == BOOTS)
		faketpm_reset(&l->tpm);
	reseal(l);
}

/* One anchor that is stopped by `stop`: false where nothing was left to be stopped. */
static bool
is_stopped(struct ledger *l, unsigned n, int where)
{
	struct tally_anchors now;
	int r;

	ledger_append(l, 2);
	test_clock_advance(&l->clock, MINUTES(15));
	if (where == 2) {
		disk_calls = 0;
		disk_fails = n;
	} else {
		l->tpm.calls = 0;
		l->tpm.fail_at = n;
		l->tpm.late = where == 1;
	}
	r = try_anchor(l, &now);
	disk_fails = 0;
	l->tpm.fail_at = 0;
	assert_true(r != 0);
	return r < 0;
}

/* Stopped at every command of the TPM, before and behind it, and at every call that
 * changes the disk: the counter never has more than one for each intent. */
static void
an_anchor_that_was_stopped_anywhere_is_ended_once(void **state)
{
	(void)state;
	tally_store_fault_hook(fail_disk, NULL);
	for (int where = 0; where < 3; where++) {
		bool stopped = true;

		for (unsigned n = 1; stopped; n++) {
			struct tally_anchors now;
			struct ledger l;
			uint64_t before;

			make(&l);
			anchor(&l);
			before = l.tpm.counter;
			stopped = is_stopped(&l, n, where);
			come_back(&l, (enum turn)(n % 3));
			if (stopped && try_anchor(&l, &now) != 1)
				fail_msg("%d, %u: %s", where, n, l.err.text);
			ledger_checkpoint(&l);
			if (l.tpm.counter != before + 1)
				fail_msg("%d, %u: counted %d times", where, n,
					 (int)(l.tpm.counter - before));
			anchor(&l);
			holds(&l, NULL);
			ledger_deinit(&l);
		}
	}
	tally_store_fault_hook(NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anchors_rise_over_sessions_and_stand_before_the_verifier),
		cmocka_unit_test(a_tpm_without_a_counter_anchors_the_time_alone),
		cmocka_unit_test(anchors_are_made_as_often_as_they_may),
		cmocka_unit_test(an_anchor_that_was_stopped_anywhere_is_ended_once),
	};
	int r = cmocka_run_group_tests_name("verify anchored", tests, NULL, NULL);

	liar_free();
	return r;
}
