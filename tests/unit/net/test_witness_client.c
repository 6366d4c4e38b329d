/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a client asks, when, and what it makes of the answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client.h"

static void
all_are_asked_about_one_note_and_a_quorum_is_told_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(step(w, 0), 60);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->kept)), 3);
	assert_int_equal(w->reached, 1);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->reached_lines)), 3);
	assert_true(standing(w).size == 5 && standing(w).time == 50 && standing(w).owed == 0);
	assert_true(standing(w).asked && !standing(w).closed && standing(w).failing == 0);
	w->size = 300;
	assert_int_equal(step(w, 30), 30); /* not before its turn */
	assert_int_equal(w->posts[0], 1);
	tally_buf_clear(&w->kept);
	assert_int_equal(step(w, 30), 60);
	assert_int_equal(verified(w, 300, tally_buf_view(&w->kept)), 3);
	assert_int_equal(w->posts[0], 2);
	assert_int_equal(w->reached, 2);
	assert_true(step(w, 60) > 0 && w->posts[0] == 2); /* nothing is new */
}

static void
a_ledger_without_a_note_asks_nobody(void **state)
{
	struct world *w = *state;

	w->size = 0;
	assert_int_equal(step(w, 0), 60);
	assert_int_equal(w->posts[0], 0);
	assert_true(standing(w).asked); /* nobody has to wait */
}

static void
a_witness_that_is_down_is_asked_less_and_less_and_holds_nobody_up(void **state)
{
	struct world *w = *state;
	unsigned posts;

	w->trouble[2] = DOWN;
	assert_int_equal(step(w, 0), 5);
	assert_int_equal(w->reached, 1);
	assert_int_equal(standing(w).failing, 1);
	assert_string_equal(standing(w).failure, "w2: connection refused");
	assert_int_equal(step(w, 4), 1);
	assert_int_equal(w->posts[2], 1);
	assert_int_equal(step(w, 1), 10);
	assert_int_equal(step(w, 10), 20);
	assert_int_equal(w->posts[2], 3);
	for (int i = 0; i < 200; i++) {
		w->size++;
		step(w, 60);
	}
	posts = w->posts[2];
	assert_in_range(posts, 20, 32); /* in 200 minutes, every ten of them */
	assert_int_equal(w->posts[0], 201);
	w->trouble[2] = NONE;
	tally_buf_clear(&w->kept);
	step(w, 600);
	assert_int_equal(verified(w, w->size, tally_buf_view(&w->kept)), 1);
	assert_int_equal(standing(w).failing, 0);
	assert_string_equal(w->closed, "");
}

static void
what_an_outage_left_owed_is_covered_by_the_newest_note(void **state)
{
	struct world *w = *state;

	w->trouble[0] = w->trouble[1] = w->trouble[2] = DOWN;
	for (int i = 0; i < 30; i++) {
		step(w, 60);
		w->size += 7;
	}
	assert_int_equal(w->reached, 0);
	/* They have failed: so nobody waits for them. */
	assert_true(standing(w).asked && standing(w).owed > 0 && standing(w).size == 0);
	w->trouble[0] = w->trouble[1] = w->trouble[2] = NONE;
	step(w, 600);
	assert_int_equal(w->reached, 1);
	assert_true(w->reached_size == w->size);
	assert_true(standing(w).owed == 0 && standing(w).size == w->size);
}

static void
a_quorum_that_is_not_there_is_owed(void **state)
{
	struct world *w = *state;

	w->trouble[0] = w->trouble[1] = DOWN;
	step(w, 0);
	assert_int_equal(w->reached, 0);
	assert_true(standing(w).owed == 5);
	w->trouble[1] = NONE;
	w->size = 9; /* all the same, it is of the note that w2 has signed */
	step(w, 10);
	assert_int_equal(w->reached, 1);
	assert_true(w->reached_size == 5);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->reached_lines)), 2);
}

static void
a_receipt_that_the_ledger_does_not_take_is_offered_again(void **state)
{
	struct world *w = *state;

	w->full = true;
	step(w, 0);
	assert_true(standing(w).size == 0 && standing(w).owed == 5);
	w->full = false;
	step(w, 60);
	assert_int_equal(w->reached, 1);
	assert_true(w->reached_size == 5);
	assert_int_equal(verified(w, 5, tally_buf_view(&w->reached_lines)), 3);
	assert_true(standing(w).size == 5 && standing(w).owed == 0);
	assert_int_equal(w->posts[0], 1); /* nobody is asked again for that */
	step(w, 60);
	assert_int_equal(w->reached, 1);
}

static void
after_a_restart_it_asks_once_and_goes_on_from_what_it_knows(void **state)
{
	struct world *w = *state;

	step(w, 0);
	start_client(w);
	assert_false(standing(w).asked);
	assert_true(standing(w).size == 5);
	step(w, 1);
	assert_true(standing(w).asked);
	assert_int_equal(w->posts[0], 2); /* no conflict on the way */
	assert_int_equal(w->reached, 1);  /* and nothing new */
	w->size = 100;
	step(w, 60);
	assert_int_equal(w->posts[0], 3);
	assert_true(w->reached_size == 100);
}

static void
what_it_has_forgotten_the_witness_tells(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->root, "witnesses"), *text;
	size_t n;

	step(w, 0);
	text = test_file_read(path, &n);
	for (size_t cut = 0; cut < n; cut += 13) {
		test_file_write(path, text, cut);
		start_client(w);
		w->size++;
		step(w, 60);
		assert_int_equal(standing(w).failing, 0);
		assert_true(standing(w).size == w->size);
	}
	assert_int_equal(unlink(path), 0);
	start_client(w);
	w->size++;
	step(w, 60);
	assert_true(standing(w).size == w->size);
	assert_string_equal(w->closed, "");
	free(text);
	free(path);
}

static void
answers_that_prove_nothing_are_failures_and_close_nothing(void **state)
{
	static const struct {
		enum trouble trouble;
		const char *told;
	} cases[] = {
		{ GARBAGE, "w0: note: malformed signature line 1" },
		{ OTHER_NOTE, "w0: note: the signature of witness.example.com/1 does not verify" },
		{ OTHER_TEXT, "w0: its answer is more than signature lines" },
		{ EARLY, "w0: the time of its cosignature is 301 s behind this host's clock" },
		{ LATE, "w0: the time of its cosignature is 301 s ahead of this host's clock" },
		{ STATUS_500, "w0: it answers 500: < [31m sorry>" },
		{ CONFLICT_TEXT, "w0: it answers 409: five " },
		{ SIZE_AGAIN, "w0: it names the size that it was asked from as a conflict" },
		{ SIZE_OTHER, "w0: it names another size each time" },
		{ SIZE_PLAIN, "w0: it answers 409: 1000 " },
		{ STATUS_422, "w0: it answers 422" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		start_client(w);
		w->trouble[0] = cases[i].trouble;
		w->size++;
		step(w, 1000);
		assert_int_equal(standing(w).failing, 1);
		/* All have one name, so that the key alone tells them apart. */
		if (cases[i].trouble == OTHER_NOTE)
			assert_non_null(strstr(standing(w).failure, "w0: "));
		else
			assert_string_equal(standing(w).failure, cases[i].told);
		assert_string_equal(w->closed, "");
		assert_false(standing(w).closed);
		assert_true(standing(w).size == w->size); /* the other two are enough */
		assert_int_equal(verified(w, w->size, tally_buf_view(&w->reached_lines)), 2);
	}
}

/* A proxy, or a witness in a bad moment. */
static void
what_would_close_the_log_is_asked_about_again(void **state)
{
	static const enum trouble once[] = { SIZE_ONCE, STATUS_422_ONCE };
	struct world *w = *state;

	step(w, 0);
	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++) {
		w->trouble[0] = once[i];
		w->size++;
		step(w, 60);
		assert_string_equal(w->closed, "");
		assert_int_equal(standing(w).failing, 0);
		assert_int_equal(verified(w, w->size, tally_buf_view(&w->reached_lines)), 3);
	}
}

static void
assert_closed(struct world *w, const char *why)
{
	unsigned posts = w->posts[0] + w->posts[1] + w->posts[2];

	assert_true(standing(w).closed && standing(w).asked);
	if (!strstr(w->closed, why))
		fail_msg("closed: %s", w->closed);
	assert_string_equal(standing(w).failure, w->closed);
	assert_int_equal(step(w, 1000), -1);
	assert_int_equal(w->posts[0] + w->posts[1] + w->posts[2], posts);
}

static void
another_root_at_a_witnessed_size_closes_the_log(void **state)
{
	struct world *w = *state;

	step(w, 0);
	w->log.branch = 1;
	w->log.fork = 4;
	start_client(w);
	step(w, 60);
	assert_closed(w, "witness w0 (witness.example.com/1) has cosigned another history of this "
			 "log: its first 5 entries have another root there");
}

static void
a_history_that_does_not_grow_out_of_the_witnessed_one_closes_the_log(void **state)
{
	struct world *w = *state;

	step(w, 0);
	w->log.branch = 1;
	w->log.fork = 4;
	w->size = 9;
	step(w, 60);
	assert_closed(w, "the 5 entries that it knows are not the first of these 9");
}

static void
a_ledger_that_is_behind_its_witness_closes(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->root, "witnesses");

	w->size = 20;
	step(w, 0);
	/* Set back with what it knew of its witnesses, or without. */
	w->size = 11;
	start_client(w);
	step(w, 60);
	assert_closed(w, "has cosigned 20 entries of this log, and here only 11 were ever signed");
	w->closed[0] = '\0';
	assert_int_equal(unlink(path), 0);
	start_client(w);
	step(w, 60);
	assert_closed(w, "has cosigned 20 entries");
	free(path);
}

static void
a_size_that_was_signed_meanwhile_is_no_reason_to_close(void **state)
{
	struct world *w = *state;
	struct tally_buf body = TALLY_BUF_INIT;

	w->trouble[0] = DOWN;
	step(w, 0);
	/* Somebody else (an operator's command) had a newer note of ours cosigned. */
	w->trouble[0] = NONE;
	w->size = 8;
	memlog_request(&w->log, 0, 8, &body);
	assert_int_equal(witness_ask(w->witness[0], tally_buf_view(&body), 1, NULL), 200);
	assert_int_equal(step(w, 10), 0); /* on with the newest note at once */
	step(w, 0);
	assert_string_equal(w->closed, "");
	assert_true(standing(w).size == 8 && standing(w).failing == 0);
	assert_int_equal(verified(w, 8, tally_buf_view(&w->reached_lines)), 3);
	tally_buf_deinit(&body);
}

static void
a_ledger_that_cannot_be_read_is_not_asked_without_a_pause(void **state)
{
	struct world *w = *state;
	struct tally_buf body = TALLY_BUF_INIT;

	w->unreadable = true;
	assert_int_equal(step(w, 0), 60);
	w->unreadable = false;
	w->trouble[0] = DOWN;
	step(w, 60);
	w->trouble[0] = NONE;
	w->size = 8;
	memlog_request(&w->log, 0, 8, &body);
	assert_int_equal(witness_ask(w->witness[0], tally_buf_view(&body), 1, NULL), 200);
	assert_int_equal(step(w, 10), 0);
	/* It has a newer note, and now it does not give it. */
	w->unreadable = true;
	for (int64_t wait = 0, waited = 0; waited < 600; waited += wait) {
		wait = step(w, wait);
		assert_true(wait >= 5);
	}
	assert_in_range(w->posts[0], 3, 30);
	w->unreadable = false;
	step(w, 600);
	step(w, 600);
	assert_string_equal(w->closed, "");
	assert_true(standing(w).size == 8 && standing(w).failing == 0);
	tally_buf_deinit(&body);
}

static void
a_disk_that_fails_costs_no_cosignature(void **state)
{
	struct world *w = *state;

	for (unsigned n = 1; n < 8; n++) {
		test_disk_init(&w->disk, n, ENOSPC);
		start_client(w);
		w->size++;
		step(w, 60);
		assert_true(w->disk.failed || n > 4);
		assert_true(standing(w).size == w->size);
	}
}

static void
refuses(struct world *w, const char *part, const char *told)
{
	struct tally_buf text = TALLY_BUF_INIT, vkey = TALLY_BUF_INIT;

	tally_vkey_text(&vkey, tally_witness_vkey(w->witness[0]));
	tally_buf_addf(&text, "%switness a %s%s\nquorum a\n", part[0] == 'l' ? part : "",
		       tally_buf_cstr(&vkey), part[0] == 'l' ? " http://w0" : part);
	tally_policy_free(w->policy);
	assert_int_equal(tally_policy_parse(&w->policy, "p", tally_buf_view(&text), &w->err), 0);
	assert_int_equal(try_client(w), -1);
	assert_string_equal(w->err.text, told);
	assert_int_equal(w->err.code, TALLY_USE);
	tally_buf_deinit(&text), tally_buf_deinit(&vkey);
}

static void
policies_that_cannot_be_fulfilled_are_refused_at_the_start(void **state)
{
	refuses(*state, "", "the witnesses that have a URL cannot reach the quorum");
	refuses(*state, " ftp://a", "witness a: its URL is no http(s) URL without a user");
	refuses(*state, " http://u@a", "witness a: its URL is no http(s) URL without a user");
	refuses(*state, " https://u:p@a", "witness a: its URL is no http(s) URL without a user");
	refuses(*state, " http://:p@a", "witness a: its URL is no http(s) URL without a user");
	refuses(*state, "log log.example/a+c1f9cf96+Af0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\n",
		"the policy names logs, but not example.com/log");
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
	const struct CMUnitTest tests[] = {
		WORLD(all_are_asked_about_one_note_and_a_quorum_is_told_once),
		WORLD(a_ledger_without_a_note_asks_nobody),
		WORLD(a_witness_that_is_down_is_asked_less_and_less_and_holds_nobody_up),
		WORLD(what_an_outage_left_owed_is_covered_by_the_newest_note),
		WORLD(a_quorum_that_is_not_there_is_owed),
		WORLD(a_receipt_that_the_ledger_does_not_take_is_offered_again),
		WORLD(after_a_restart_it_asks_once_and_goes_on_from_what_it_knows),
		WORLD(what_it_has_forgotten_the_witness_tells),
		WORLD(answers_that_prove_nothing_are_failures_and_close_nothing),
		WORLD(what_would_close_the_log_is_asked_about_again),
		WORLD(another_root_at_a_witnessed_size_closes_the_log),
		WORLD(a_history_that_does_not_grow_out_of_the_witnessed_one_closes_the_log),
		WORLD(a_ledger_that_is_behind_its_witness_closes),
		WORLD(a_size_that_was_signed_meanwhile_is_no_reason_to_close),
		WORLD(a_ledger_that_cannot_be_read_is_not_asked_without_a_pause),
		WORLD(a_disk_that_fails_costs_no_cosignature),
		WORLD(policies_that_cannot_be_fulfilled_are_refused_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
