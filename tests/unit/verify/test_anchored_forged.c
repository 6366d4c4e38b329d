/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors forged by somebody who has the log's key, or the whole host, but no TPM of
 * his own making; and a TPM that went back, or was set.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "liar.h"

/* Each byte of both attestations, one anchor each. */
static void
every_flipped_byte_of_an_anchor_is_found(void **state)
{
	uint64_t entries[600];
	struct tally_verify *v;
	size_t n = 0, all;
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	all = liar.counter.len + liar.time.len;
	assert_true(all > 400 && all < 600);
	for (; n < all; n++) {
		bool first = n < liar.counter.len;

		liar.how = first ? FLIP_COUNTER : FLIP_TIME;
		liar.at = first ? n : n - liar.counter.len;
		anchor(&l);
		entries[n] = liar.settled;
	}
	v = verdict(&l, "flipped");
	for (size_t i = 0; i < n; i++)
		if (!told(v, NULL, (int64_t)entries[i], "anchor: "))
			fail_msg("byte %zu: not found", i);
	tally_verify_free(v);
	ledger_deinit(&l);
}

static void
what_was_attested_for_another_note_is_found(void **state)
{
	struct ledger l;

	(void)state;
	for (enum lie how = OLD_COUNTER; how <= OLD_TIME; how++) {
		make(&l);
		anchor(&l);
		liar.how = how;
		anchor(&l);
		fails(&l, "tpm-7", (int64_t)liar.settled,
		      how == OLD_COUNTER ? "counter: attestation: it binds another value"
					 : "time: attestation: it binds another value");
		ledger_deinit(&l);
	}
}

static void
another_index_value_or_none_is_found(void **state)
{
	static const struct {
		enum lie how;
		const char *says;
	} cases[] = { { OTHER_INDEX, "of another NV index" },
		      { OTHER_VALUE, "the TPM certified 9, the intent says 8" },
		      { NO_COUNTER, "the counter is not certified" } };
	struct ledger l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		make(&l);
		liar.how = cases[i].how;
		anchor(&l);
		fails(&l, "tpm-12", (int64_t)liar.settled, cases[i].says);
		ledger_deinit(&l);
	}
}

static void
an_intent_of_another_session_is_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	liar.how = OTHER_SESSION;
	anchor(&l);
	fails(&l, "tpm-8", (int64_t)liar.intent, "of TPM session");
	ledger_deinit(&l);
}

/* Undefined and defined again a counter begins above all that it ever was; so does one
 * that somebody used for another history. The agent gives up the ledger ... */
static void
a_counter_that_is_ahead_closes_the_ledger(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.counter += 2;
	test_clock_advance(&l.clock, MINUTES(15));
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_non_null(strstr(l.err.text, "older copy of the ledger"));
	assert_non_null(strstr(tally_store_closed(l.store), "counter is 10, by the ledger 8"));
	assert_int_equal(tally_store_checkpoint(l.store, &l.err), -1);
	holds(&l, NULL);
	ledger_deinit(&l);
}

/* ... and where it is made not to look, the verifier does. */
static void
values_that_no_intent_accounts_for_are_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.counter += 2;
	liar.how = KNOW_NOTHING;
	anchor(&l);
	fails(&l, "tpm-12", (int64_t)liar.intent, "the counter is to be 11, but was 8");
	ledger_deinit(&l);
}

/* A TPM whose state was set back: only a software TPM can be. The ledger says so. */
static void
a_counter_that_went_back_is_told_and_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	anchor(&l);
	anchor(&l);
	l.tpm.counter -= 2;
	anchor(&l);
	fails(&l, "tpm-12", (int64_t)liar.settled, "the counter did not rise: 9 behind 10");
	ledger_deinit(&l);
}

static void
another_counter_of_the_session_is_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	faketpm_counter(&l.tpm, INDEX + 1);
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-12", -1, "names another NV counter");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	tally_buf_clear(&l.tpm.nv_public);
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-12", -1, "names no NV counter");
	ledger_deinit(&l);
}

/* The folder of a ledger, copied; its copy opened in the place of the first. */
static void
go_on_with(struct ledger *l, const char *path)
{
	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	assert_int_equal(chmod(path, 0700), 0);
	if (tally_store_open(&l->store, path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	reseal(l);
}

static char *
copy_ledger(struct ledger *l)
{
	char *copy = test_path(l->root, "copy");

	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	copy_export(l->path, copy);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	reseal(l);
	return copy;
}

static void
a_restored_backup_signs_no_more(void **state)
{
	struct tally_anchors now;
	struct ledger l;
	char *copy;

	(void)state;
	make(&l);
	anchor(&l);
	copy = copy_ledger(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	go_on_with(&l, copy);
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_non_null(strstr(tally_store_closed(l.store), "older copy"));
	ledger_deinit(&l);
	free(copy);
}

/* Whoever has the log's key and the host goes on from a copy, and has the TPM certify
 * one value for both histories. Each stands by itself; together they are the proof. */
static void
one_value_over_two_roots_is_the_proof_of_a_fork(void **state)
{
	const char *paths[3] = { NULL };
	struct tally_verify *v;
	struct ledger l;
	char *copy, *dir[2];

	(void)state;
	make(&l);
	anchor(&l);
	copy = copy_ledger(&l);
	anchor(&l);
	dir[0] = ledger_export(&l, "first", false);
	l.tpm.counter--; /* his certificates do not go with increments */
	faketpm_reset(&l.tpm);
	go_on_with(&l, copy);
	ledger_append(&l, 6);
	anchor(&l);
	dir[1] = ledger_export(&l, "second", false);
	for (int i = 0; i < 2; i++) {
		v = verified_one((const char *)l.vkey.p, dir[i]);
		assert_int_equal(tally_verify_exit(v), 0);
		tally_verify_free(v);
		paths[i] = dir[i];
	}
	v = verified((const char *)l.vkey.p, paths);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(told(v, "tpm-12", -1, "proof of a fork"));
	assert_true(told(v, "tpm-16", -1, ""));
	tally_verify_free(v);
	ledger_deinit(&l);
	free(copy), free(dir[0]), free(dir[1]);
}

static void
sessions_and_clocks_that_go_back_are_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.reset_count--;
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-9", -1, "the TPM went back from session 2.0 to 1.0");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	l.tpm.clock -= 60000;
	anchor(&l);
	fails(&l, "tpm-9", (int64_t)liar.settled, "its clock by 840");
	l.tpm.clock -= 20 * 60000;
	anchor(&l);
	fails(&l, "tpm-9", -1, "clock went back by");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	l.tpm.time = 5;
	anchor(&l);
	fails(&l, "tpm-9", (int64_t)liar.settled, "time went back by");
	ledger_deinit(&l);
}

static void
what_a_power_cut_takes_from_the_clock_is_a_mark(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	l.tpm.clock -= 4096;
	l.tpm.safe = false;
	reseal(&l);
	anchor(&l);
	holds(&l, "unclean stops: 1");
	/* More than any TPM could lose, or none said to be. */
	faketpm_advance(&l.tpm, UINT64_C(1) << 23);
	anchor(&l);
	faketpm_reset(&l.tpm);
	l.tpm.clock -= (UINT64_C(1) << 22) + 1000;
	reseal(&l);
	anchor(&l);
	fails(&l, "tpm-9", -1, "clock went back by");
	ledger_deinit(&l);
}

static void
a_clock_that_was_set_is_told(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	anchor(&l);
	holds(&l, NULL);
	l.tpm.clock += 60000;
	anchor(&l);
	holds(&l, "clock was set ahead (ClockSet) 1 times");
	ledger_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_byte_of_an_anchor_is_found),
		cmocka_unit_test(what_was_attested_for_another_note_is_found),
		cmocka_unit_test(another_index_value_or_none_is_found),
		cmocka_unit_test(an_intent_of_another_session_is_found),
		cmocka_unit_test(a_counter_that_is_ahead_closes_the_ledger),
		cmocka_unit_test(values_that_no_intent_accounts_for_are_found),
		cmocka_unit_test(a_counter_that_went_back_is_told_and_found),
		cmocka_unit_test(another_counter_of_the_session_is_found),
		cmocka_unit_test(a_restored_backup_signs_no_more),
		cmocka_unit_test(one_value_over_two_roots_is_the_proof_of_a_fork),
		cmocka_unit_test(sessions_and_clocks_that_go_back_are_found),
		cmocka_unit_test(what_a_power_cut_takes_from_the_clock_is_a_mark),
		cmocka_unit_test(a_clock_that_was_set_is_told),
	};
	int r = cmocka_run_group_tests_name("verify anchored_forged", tests, NULL, NULL);

	liar_free();
	return r;
}
