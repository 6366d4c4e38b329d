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

/* What the journal takes from whoever has the host: an intent, and a gap as he likes it. */
static void
forge_intent(struct ledger *l, uint64_t counter)
{
	struct tally_anchor intent = { .has_counter = true,
				       .counter = counter,
				       .reset_count = l->tpm.reset_count,
				       .restart_count = l->tpm.restart_count };
	uint64_t index;

	assert_int_equal(liar.true_one.anchor_intend(l->store, &intent, &index, &l->err), 0);
}

static uint64_t
forge_gap(struct ledger *l, bool has_counter, uint64_t counter)
{
	struct tally_anchor gap = { .has_counter = has_counter,
				    .counter = counter,
				    .gap = "it is what it is" };
	uint8_t root[TALLY_HASH];
	uint64_t index;

	assert_int_equal(tally_store_head(l->store, &index, root, &l->err), 0);
	assert_int_equal(liar.true_one.anchor_settle(l->store, &gap, &l->err), 0);
	ledger_checkpoint(l);
	return index;
}

/* A TPM whose state was set back: only a software TPM can be. No value is used again, the
 * ledger says what was found, and holds ... */
static void
a_counter_that_went_back_is_told_and_brought_to_where_it_was(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	for (int i = 0; i < 3; i++)
		anchor(&l);
	l.tpm.counter -= 2;
	anchor(&l);
	assert_int_equal(l.tpm.counter, 11);
	holds(&l, "the TPM's counter was 8, by the ledger 10: the TPM was set back");
	/* Set back under an intent that is open, by a TPM that then fails on its way up. */
	l.tpm.calls = 0;
	l.tpm.fail_at = 4;
	test_clock_advance(&l.clock, MINUTES(15));
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_true(now.open);
	l.tpm.counter = 5;
	for (unsigned n = 5; n < 9; n += 3) {
		l.tpm.calls = 0;
		l.tpm.fail_at = n;
		assert_int_equal(try_anchor(&l, &now), -1);
	}
	assert_in_range(l.tpm.counter, 6, 10);
	l.tpm.fail_at = 0;
	anchor(&l);
	anchor(&l);
	assert_int_equal(l.tpm.counter, 13);
	holds(&l, "by the ledger 11: the TPM was set back");
	/* There is an end to it. */
	l.tpm.counter = 1;
	forge_intent(&l, 200000);
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_non_null(strstr(l.err.text, "too far behind"));
	assert_int_equal(l.tpm.counter, 1);
	ledger_deinit(&l);
}

/* ... and where one is used again all the same, the verifier tells. */
static void
a_value_that_is_used_again_is_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	for (int i = 0; i < 3; i++)
		anchor(&l);
	l.tpm.counter -= 2;
	liar.how = KNOW_NOTHING;
	anchor(&l);
	fails(&l, "tpm-12", (int64_t)liar.intent, "the counter is to be 9, but was 10");
	fails(&l, "tpm-12", (int64_t)liar.settled, "the counter did not rise: 9 behind 10");
	ledger_deinit(&l);
}

/* A gap on the disk would be where the ledger stands: it is not there before the ledger is
 * closed. */
static void
a_ledger_that_cannot_be_closed_is_not_gone_on_with(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.counter += 2;
	for (int i = 0; i < 3; i++) {
		liar.how = i < 2 ? NO_CLOSING : HONEST;
		test_clock_advance(&l.clock, MINUTES(15));
		assert_int_equal(try_anchor(&l, &now), -1);
		assert_int_equal(tally_store_closed(l.store) != NULL, i == 2);
	}
	assert_int_equal(l.tpm.counter, 10);
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

/* An agent that finds the counter ahead signs no more, so a gap that says so and is
 * signed was not written by one: the values it passes over bind the history that is
 * kept back. */
static void
a_gap_does_not_excuse_values_that_bind_another_history(void **state)
{
	static const struct {
		bool open, has_counter;
		uint64_t counter;
		const char *says;
	} cases[] = { { false, true, 9, "a gap at counter 9, not behind 8" },
		      { false, false, 0, "a gap without the session's NV counter" },
		      { true, true, 9, "a gap at counter 9, not behind 8" },
		      { true, true, 8, "a gap at counter 8, not behind 8" },
		      { true, true, 10, "a gap at counter 10, not behind 8" },
		      { true, false, 0, "a gap without the session's NV counter" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ledger l;
		uint64_t gap;
		char *copy;

		make(&l);
		anchor(&l);
		copy = copy_ledger(&l);
		anchor(&l);
		faketpm_reset(&l.tpm);
		go_on_with(&l, copy);
		if (cases[i].open)
			forge_intent(&l, 9);
		gap = forge_gap(&l, cases[i].has_counter, cases[i].counter);
		liar.how = KNOW_NOTHING;
		anchor(&l);
		fails(&l, "tpm-12", (int64_t)gap, cases[i].says);
		ledger_deinit(&l);
		free(copy);
	}
}

/* A counter that is behind hides nothing: its TPM went back. */
static void
a_gap_behind_is_told(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	forge_gap(&l, true, 7);
	holds(&l, "a gap of the anchors: it is what it is");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	forge_intent(&l, 9);
	forge_gap(&l, true, 7);
	holds(&l, "a gap of the anchors: it is what it is");
	ledger_deinit(&l);
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

/* Only the first attestation behind a start of the TPM may come from before a power cut. */
static void
a_clock_that_goes_back_again_is_none_of_a_power_cut(void **state)
{
	struct ledger l;

	(void)state;
	for (int i = 0; i < 3; i++) {
		make(&l);
		anchor(&l);
		if (i == 0)
			faketpm_restart(&l.tpm); /* saved in an orderly way */
		else
			faketpm_reset(&l.tpm);
		l.tpm.clock -= i < 2 ? 4096 : 0;
		l.tpm.safe = false;
		reseal(&l);
		l.tpm.clock -= i < 1 ? 0 : 4096;
		ledger_append(&l, 1);
		ledger_checkpoint(&l);
		fails(&l, "tpm-9", -1, "the TPM's clock went back by 40");
		ledger_deinit(&l);
	}
}

/* A Clear takes the attestation key and sets the counts and the clock to zero; the endorsement
 * key stays. A renewed attestation key does not make it another TPM. */
static void
a_clear_does_not_hide_behind_a_new_attestation_key(void **state)
{
	struct ledger l;

	(void)state;
	for (int cleared = 0; cleared < 2; cleared++) {
		make(&l);
		anchor(&l);
		EVP_PKEY_free(l.tpm.ak);
		l.tpm.ak = faketpm_key();
		tally_buf_clear(&l.tpm.ak_public);
		faketpm_public_ak(&l.tpm.ak_public, l.tpm.ak, 0x00050472);
		if (cleared) {
			l.tpm.reset_count = 0;
			l.tpm.clock = 0;
		}
		faketpm_reset(&l.tpm);
		reseal(&l);
		anchor(&l);
		if (cleared)
			fails(&l, "tpm-9", -1, "the TPM went back from session 2.0 to 1.0");
		else
			holds(&l, NULL);
		ledger_deinit(&l);
	}
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
		cmocka_unit_test(a_counter_that_went_back_is_told_and_brought_to_where_it_was),
		cmocka_unit_test(a_value_that_is_used_again_is_found),
		cmocka_unit_test(a_ledger_that_cannot_be_closed_is_not_gone_on_with),
		cmocka_unit_test(another_counter_of_the_session_is_found),
		cmocka_unit_test(a_restored_backup_signs_no_more),
		cmocka_unit_test(one_value_over_two_roots_is_the_proof_of_a_fork),
		cmocka_unit_test(a_gap_does_not_excuse_values_that_bind_another_history),
		cmocka_unit_test(a_gap_behind_is_told),
		cmocka_unit_test(sessions_and_clocks_that_go_back_are_found),
		cmocka_unit_test(what_a_power_cut_takes_from_the_clock_is_a_mark),
		cmocka_unit_test(a_clock_that_goes_back_again_is_none_of_a_power_cut),
		cmocka_unit_test(a_clear_does_not_hide_behind_a_new_attestation_key),
		cmocka_unit_test(a_clock_that_was_set_is_told),
	};
	int r = cmocka_run_group_tests_name("verify anchored_forged", tests, NULL, NULL);

	liar_free();
	return r;
}
