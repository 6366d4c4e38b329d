/* SPDX-License-Identifier: Apache-2.0 */
/* Check 17: timestamps of RFC 3161 in receipts, whose they are, and the time that they leave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "tally/entry.h"
#include "tally/note.h"
#include "testtsa.h"

struct world {
	struct testca root, other;
	struct testtsa tsa;
	struct ledger l;
	struct tally_buf pins, others; /* the log, and one of the roots */
};

static void
pin(struct world *w, struct tally_buf *out, const struct testca *ca)
{
	tally_buf_add(out, w->l.vkey.p, strlen((const char *)w->l.vkey.p));
	tally_buf_add_str(out, "roots timestamp\n");
	testca_pem(out, ca->certificate);
}

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	testca_init(&w->root, "Timestamp Root", NULL);
	testca_init(&w->other, "Somebody", NULL);
	testtsa_init(&w->tsa, &w->root, NULL, false);
	ledger_init(&w->l, ORIGIN, "h1", false);
	ledger_append(&w->l, 10);
	ledger_checkpoint(&w->l);
	pin(w, &w->pins, &w->root);
	pin(w, &w->others, &w->other);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	ledger_deinit(&w->l);
	testtsa_deinit(&w->tsa);
	testca_deinit(&w->root), testca_deinit(&w->other);
	tally_buf_deinit(&w->pins), tally_buf_deinit(&w->others);
	free(w);
	return 0;
}

/* A receipt of the newest note with a token as wished, over it or another imprint; its index.
 * `bend`: a byte of the token, from its end. */
static uint64_t
stamp(struct world *w, const struct testtsa *tsa, const struct testtsa_wish *wish, bool other,
      size_t bend)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT, token = TALLY_BUF_INIT;
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct tally_checkpoint head;
	uint8_t imprint[TALLY_HASH];
	struct tally_note note;
	uint64_t sequence, index;
	struct ledger *l = &w->l;

	assert_int_equal(tally_store_last_note(l->store, &sequence, &bytes, &l->err), 1);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &l->err), 0);
	assert_int_equal(tally_checkpoint_parse(&head, note.text, false, &l->err), 0);
	tally_sha256(imprint, note.text);
	imprint[0] ^= other;
	testtsa_token(&token, tsa, imprint, wish);
	if (bend > 0)
		token.p[token.len - bend] ^= 1;
	ev.o.has_receipt_size = true;
	ev.o.receipt_size = head.size;
	ev.o.receipt_root = tally_bytes(head.root, TALLY_HASH);
	ev.o.timestamp = tally_buf_view(&token);
	assert_int_equal(tally_store_append_event(l->store, &ev, &index, &l->err), 0);
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch), tally_buf_deinit(&token);
	return index;
}

/* Exports what there is, with some entries behind the receipt. */
static char *
finish(struct world *w, bool public)
{
	ledger_append(&w->l, 5);
	ledger_checkpoint(&w->l);
	return ledger_export(&w->l, "export", public);
}

/* The exit code, with --require timestamp or without, and a piece of the text; of the JSON too,
 * where one is given. */
static void
gives(const struct tally_buf *pins, bool require, const char *dir, int code, const char *says,
      const char *json)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &err), 0);
	if (tally_verify_anchor(v, "pins", tally_buf_view(pins), &err) < 0 ||
	    (require && tally_verify_require(v, "timestamp", &err) < 0) ||
	    tally_verify_path(v, dir, &err) < 0 || tally_verify_run(v, &err) < 0)
		fail_msg("%s", err.text);
	tally_verify_text(v, &text);
	if (tally_verify_exit(v) != code || !strstr(tally_buf_cstr(&text), says))
		fail_msg("%d: not '%s' in:\n%s", tally_verify_exit(v), says, tally_buf_cstr(&text));
	tally_buf_clear(&text);
	tally_verify_json(v, &text);
	if (!strstr(tally_buf_cstr(&text), json ? json : "\"timestamped\": ["))
		fail_msg("not '%s' in:\n%s", json, tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	tally_verify_free(v);
}

static void
a_timestamp_of_a_pinned_authority_bounds_the_time_of_entries(void **state)
{
	struct world *w = *state;
	char *dir;

	stamp(w, &w->tsa, &(struct testtsa_wish){ .time = "20260301000020Z", .accuracy = 2 }, false,
	      0);
	ledger_append(&w->l, 3);
	ledger_checkpoint(&w->l);
	stamp(w, &w->tsa, &(struct testtsa_wish){ .time = "20260301000040Z", .accuracy = 2 }, false,
	      0);
	dir = finish(w, false);
	gives(&w->pins, true, dir, 0,
	      "a timestamp of a pinned authority (Clock, policy 1.2.3.4.1) covers",
	      "\"authority\": \"Clock\"");
	gives(&w->pins, true, dir, 0, "entries, by 2026-03-01T00:00:42Z", NULL);
	gives(&w->pins, true, dir, 0,
	      "were appended between 2026-03-01T00:00:18Z and 2026-03-01T00:00:42Z",
	      "\"since\": \"2026-03-01T00:00:18Z\"");
	free(dir);
}

static void
what_leads_to_another_root_counts_for_nothing(void **state)
{
	struct world *w = *state;
	struct tally_buf bare = TALLY_BUF_INIT;
	char *dir;

	stamp(w, &w->tsa, NULL, false, 0);
	dir = finish(w, false);
	gives(&w->others, false, dir, 0,
	      "1 timestamp of no pinned authority, which counts for nothing", NULL);
	gives(&w->others, true, dir, 1, "no timestamp of a pinned authority covers it [require]",
	      NULL);
	tally_buf_add_str(&bare, (const char *)w->l.vkey.p);
	gives(&bare, true, dir, 1, "no authority of timestamps is pinned [require]", NULL);
	/* Roots of manufacturers are none of timestamps. */
	testca_pem(&bare, w->root.certificate);
	gives(&bare, true, dir, 1, "no authority of timestamps is pinned [require]", NULL);
	tally_buf_deinit(&bare);
	free(dir);
}

static void
a_token_that_does_not_hold_is_told_with_its_entry(void **state)
{
	static const struct {
		struct testtsa_wish wish;
		struct testca_leaf leaf;
		bool other;
		size_t bend;
		const char *says;
	} cases[] = {
		{ .other = true, .says = "over something else than this checkpoint" },
		{ .bend = 3, .says = "its signature does not verify" },
		{ .leaf = { .cn = "Clock", .eku = "" }, .says = "not for timestamps alone" },
		{ .leaf = { .cn = "Clock", .to = "20260228000000Z" }, .says = "expired" },
		{ .wish = { .trailing = true }, .says = "malformed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *w = *state;
		struct tally_verify *v;
		struct testtsa tsa;
		uint64_t index;
		char *dir;

		testtsa_init(&tsa, &w->root, cases[i].leaf.cn ? &cases[i].leaf : NULL, false);
		index = stamp(w, &tsa, &cases[i].wish, cases[i].other, cases[i].bend);
		dir = finish(w, false);
		gives(&w->pins, false, dir, 1, cases[i].says, NULL);
		v = verified_one(tally_buf_cstr(&w->pins), dir);
		assert_int_equal(tally_verify_problems(v), 1);
		assert_string_equal(tally_verify_problem(v, 0)->check, "tpm-17");
		assert_true(tally_verify_problem(v, 0)->entry == index);
		tally_verify_free(v);
		free(dir);
		testtsa_deinit(&tsa);
		tear_down(state);
		set_up(state);
	}
}

static void
entries_outside_of_what_timestamps_leave_do_not_hold(void **state)
{
	struct world *w = *state;
	char *dir;

	stamp(w, &w->tsa, &(struct testtsa_wish){ .time = "20260228235000Z" }, false, 0);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1, "but a timestamp covers it by 2026-02-28T23:50:01Z [tpm-17]",
	      NULL);
	gives(&w->others, false, dir, 0, "it holds", NULL);
	free(dir);
	tear_down(state);
	set_up(state);
	w = *state;
	stamp(w, &w->tsa, &(struct testtsa_wish){ .time = "20260301002000Z" }, false, 0);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1,
	      "but it stands behind a receipt of 2026-03-01T00:19:59Z [tpm-17]", NULL);
	free(dir);
}

/* Entries at these clocks, the newest of them under a note. */
static void
append_at(struct world *w, int64_t step)
{
	test_clock_step(&w->l.clock, step * TALLY_SECOND);
	ledger_append(&w->l, 3);
	ledger_checkpoint(&w->l);
}

/* The host boots, and its clock begins with that step. */
static void
reboot(struct world *w, int64_t step)
{
	struct ledger *l = &w->l;

	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	test_clock_reboot(&l->clock, step * TALLY_SECOND);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	ledger_reboot(l);
}

static void
anew(void **state, struct world **w, char *dir)
{
	free(dir);
	tear_down(state);
	set_up(state);
	*w = *state;
}

static void
a_clock_that_was_put_right_condemns_nothing(void **state)
{
	static const struct testtsa_wish at = { .time = "20260301000100Z" };
	struct world *w = *state;
	char *dir;

	/* Ahead, and right again before the timestamp. */
	append_at(w, 3600);
	append_at(w, -3600);
	stamp(w, &w->tsa, &at, false, 0);
	dir = finish(w, false);
	gives(&w->pins, true, dir, 0, "its clock was set back by 3600 s at entry 15", NULL);
	anew(state, &w, dir);
	/* Behind it, for the authority was slow. */
	append_at(w, 3600);
	stamp(w, &w->tsa, &at, false, 0);
	append_at(w, -3600);
	dir = finish(w, false);
	gives(&w->pins, true, dir, 0, "its clock was set back by", NULL);
	anew(state, &w, dir);
	/* By a boot, and a clock that begins right. */
	append_at(w, 3600);
	reboot(w, -3600);
	append_at(w, 0);
	stamp(w, &w->tsa, &at, false, 0);
	dir = finish(w, false);
	gives(&w->pins, true, dir, 0, "its clock was set back by 3600 s", NULL);
	anew(state, &w, dir);
	/* Of a host that begins in the past. */
	stamp(w, &w->tsa, &at, false, 0);
	append_at(w, -86400);
	append_at(w, 86400);
	dir = finish(w, false);
	gives(&w->pins, true, dir, 0, "its clock was set forward by 86400 s at entry 16", NULL);
	free(dir);
}

static void
a_clock_that_is_not_put_right_by_as_much_does_not_hold(void **state)
{
	static const struct testtsa_wish at = { .time = "20260301000100Z" };
	struct world *w = *state;
	char *dir;

	append_at(w, 3600);
	append_at(w, -3000);
	stamp(w, &w->tsa, &at, false, 0);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1, "but a timestamp covers it by 2026-03-01T00:01:01Z [tpm-17]",
	      NULL);
	anew(state, &w, dir);
	/* What was put right before does not excuse what comes later. */
	append_at(w, 3600);
	append_at(w, -3600);
	append_at(w, 3600);
	stamp(w, &w->tsa, &at, false, 0);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1, "[tpm-17]", NULL);
	anew(state, &w, dir);
	stamp(w, &w->tsa, &at, false, 0);
	append_at(w, -86400);
	append_at(w, 80000);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1, "but it stands behind a receipt of", NULL);
	anew(state, &w, dir);
	/* A boot that begins right says nothing of how far the one before it was behind. */
	stamp(w, &w->tsa, &at, false, 0);
	append_at(w, -86400);
	reboot(w, 86400);
	append_at(w, 0);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 1, "but it stands behind a receipt of", NULL);
	free(dir);
}

static void
what_lies_an_hour_behind_the_newest_timestamp_is_not_enough(void **state)
{
	struct world *w = *state;
	char *dir;

	stamp(w, &w->tsa, &(struct testtsa_wish){ .time = "20260301000020Z" }, false, 0);
	test_clock_advance(&w->l.clock, 3700 * TALLY_SECOND);
	dir = finish(w, false);
	gives(&w->pins, false, dir, 0, "it holds", NULL);
	gives(&w->pins, true, dir, 1, "is more than an hour behind the newest checkpoint", NULL);
	free(dir);
}

static void
a_mirror_shows_no_timestamps(void **state)
{
	struct world *w = *state;
	char *dir;

	stamp(w, &w->tsa, NULL, false, 0);
	dir = finish(w, true);
	gives(&w->pins, true, dir, 1, "no timestamp of a pinned authority covers it [require]",
	      "\"timestamped\": []");
	free(dir);
}

/* More notes than are remembered lie between a receipt and its note: the root is looked up. */
static void
receipts_that_come_late_are_held_against_the_tree(void **state)
{
	struct world *w = *state;
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct tally_buf tokens[40] = { { 0 } };
	uint8_t root[40][TALLY_HASH], imprint[TALLY_HASH];
	struct tally_nodes nodes = tally_store_nodes(w->l.store);
	char *dir;

	for (unsigned i = 0; i < 600; i++) {
		ledger_append(&w->l, 1);
		ledger_checkpoint(&w->l);
	}
	for (unsigned i = 0; i < 40; i++) {
		struct tally_buf text = TALLY_BUF_INIT;
		uint64_t index;

		ev.o.has_receipt_size = true;
		ev.o.receipt_size = 60 - i; /* the newer ones first */
		assert_int_equal(tally_root_at(root[i], 60 - i, &nodes, &w->l.err), 0);
		ev.o.receipt_root = tally_bytes(root[i], TALLY_HASH);
		tally_checkpoint_text(&text, ORIGIN, 60 - i, root[i]);
		tally_sha256(imprint, tally_buf_view(&text));
		testtsa_token(&tokens[i], &w->tsa, imprint,
			      &(struct testtsa_wish){ .time = "20260301000120Z" });
		ev.o.timestamp = tally_buf_view(&tokens[i]);
		assert_int_equal(tally_store_append_event(w->l.store, &ev, &index, &w->l.err), 0);
		tally_buf_deinit(&text);
	}
	dir = finish(w, false);
	gives(&w->pins, false, dir, 0, "covers 60 of its", NULL);
	for (unsigned i = 0; i < 40; i++)
		tally_buf_deinit(&tokens[i]);
	free(dir);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_timestamp_of_a_pinned_authority_bounds_the_time_of_entries),
		TEST(what_leads_to_another_root_counts_for_nothing),
		TEST(a_token_that_does_not_hold_is_told_with_its_entry),
		TEST(entries_outside_of_what_timestamps_leave_do_not_hold),
		TEST(a_clock_that_was_put_right_condemns_nothing),
		TEST(a_clock_that_is_not_put_right_by_as_much_does_not_hold),
		TEST(what_lies_an_hour_behind_the_newest_timestamp_is_not_enough),
		TEST(a_mirror_shows_no_timestamps),
		TEST(receipts_that_come_late_are_held_against_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
