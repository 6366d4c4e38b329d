/* SPDX-License-Identifier: Apache-2.0 */
/* What a gist keeps, rule by rule. That it is enough, `reports resume` shows. */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/gist.h"
#include "tally/index.h"
#include "testlib.h"

#define HOUR (3600 * TALLY_SECOND)

/* An entry, an hour behind the one before it. */
struct line {
	unsigned kind;
	char vm; /* 0: none */
	bool live;
	const char *os, *tenant, *name;
	int back;  /* its instant lies so many hours earlier */
	int beats; /* of a heartbeat: `to` lies so many hours later */
	unsigned boot;
};
#define FACTS                                                                                      \
	{                                                                                          \
		TALLY_HOST_FACTS                                                                   \
	}
#define VM(kind, vm, ...)                                                                          \
	{                                                                                          \
		TALLY_##kind, vm, __VA_ARGS__                                                      \
	}

struct encoded {
	struct tally_header h;
	struct tally_buf group[TALLY_GROUPS];
	struct tally_bytes views[TALLY_GROUPS];
};

static void
encode(struct encoded *out, const struct line *l, uint64_t index)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_event ev = { .kind = l->kind };
	int64_t at = ((int64_t)index + 1 - l->back) * HOUR;

	*out = (struct encoded){ .h = { .kind = (uint8_t)l->kind,
					.flags = l->live ? 0 : TALLY_FLAG_IMPORTED,
					.boot = l->boot,
					.index = index,
					.wall = (uint64_t)at,
					.uptime = (uint64_t)at } };
	ev.m.has_time = true;
	ev.m.time = (uint64_t)at;
	if (l->beats > 0) {
		ev.m.has_to = true;
		ev.m.to = (uint64_t)(at + l->beats * HOUR);
	}
	ev.i.has_vm = l->vm;
	ev.i.vm[15] = (uint8_t)l->vm;
	ev.m.os = tally_bytes_str(l->os);
	ev.i.tenant = tally_bytes_str(l->tenant);
	ev.i.name = tally_bytes_str(l->name);
	assert_int_equal(tally_event_encode(&ev, out->group, &err), 0);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		out->views[k] = tally_buf_view(&out->group[k]);
}

static void
release(struct encoded *e)
{
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&e->group[k]);
}

static void
add(struct tally_gist *g, const struct line *lines, uint64_t index)
{
	struct encoded e;

	encode(&e, &lines[index], index);
	tally_gist_add(g, &e.h, e.views);
	release(&e);
}

/* Which are kept: a dot or a letter for each. From whatever entry a gist goes on with
 * what an older one kept, that is the same. */
static void
expect(const struct line *lines, size_t n, const char *kept, int64_t horizon)
{
	for (uint64_t from = 0; from <= n; from++) {
		struct tally_gist *old = tally_gist_new(), *g = tally_gist_new();
		char got[64] = { 0 };
		const uint64_t *rows;
		size_t count;

		assert_true(n < sizeof(got));
		for (uint64_t i = 0; i < from; i++)
			add(old, lines, i);
		count = tally_gist_rows(old, &rows);
		for (size_t i = 0; i < count; i++)
			add(g, lines, rows[i]);
		tally_gist_goes_on(g, from, tally_gist_horizon(old));
		for (uint64_t i = from; i < n; i++)
			add(g, lines, i);
		memset(got, '.', n);
		count = tally_gist_rows(g, &rows);
		for (size_t i = 0; i < count; i++)
			got[rows[i]] = 'x';
		assert_string_equal(got, kept);
		assert_int_equal(tally_gist_next(g), n);
		assert_int_equal(tally_gist_horizon(g), horizon);
		tally_gist_free(old);
		tally_gist_free(g);
	}
}
#define EXPECT(lines, kept, hours) expect(lines, sizeof(lines) / sizeof(*lines), kept, hours * HOUR)

static void
a_run_goes_when_another_begins_anew(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(STARTED, 'a', .os = "urn:x"),
		VM(CONFIG, 'a', 0),
		VM(OS_CLAIM, 'a', .os = "urn:y"),
		VM(STOPPED, 'a', 0),
		VM(STARTED, 'b', 0),
		VM(STARTED, 'a', 0),
		VM(CONFIG, 'a', 0),
	};

	(void)state;
	expect(lines, 6, "xxxxxx", 6 * HOUR);
	EXPECT(lines, "x....xxx", 8);
}

static void
claims_stay_as_long_as_who_moves_in_may_take_them_up(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(STARTED, 'a', .tenant = "t"),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', .name = "n"),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', 0),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', .name = "m"),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', 0),
	};

	(void)state;
	expect(lines, 7, "xxxxxxx", 7 * HOUR);
	expect(lines, 8, "xxx....x", 8 * HOUR);
	EXPECT(lines, "xxx....xxx", 10);
}

static void
who_moved_in_and_changed_claims_stays_until_a_run_begins_anew(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(MIGRATED_IN, 'a', 0),
		VM(TAGS, 'a', .tenant = "t"),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', .tenant = "t"),
		VM(MIGRATED_OUT, 'a', 0),
		VM(STARTED, 'a', 0),
	};

	(void)state;
	expect(lines, 6, "xxxxxx", 6 * HOUR);
	EXPECT(lines, "x.....x", 7);
}

static void
who_was_suspended_and_resumed_just_runs(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(STARTED, 'a', 0),
		VM(SUSPENDED, 'a', 0),
		VM(RESUMED, 'a', 0),
		VM(CONFIG, 'a', 0),
		VM(REBOOTED, 'a', 0),
		VM(SUSPENDED, 'a', 0),
		VM(RESUMED, 'a', 0),
		VM(SUSPENDED, 'a', 0),
	};

	(void)state;
	EXPECT(lines, "xx..x..xx", 9);
}

static void
a_run_that_ended_where_the_next_began_is_not_without_it(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(STARTED, 'a', .tenant = "t"),
		VM(MIGRATED_IN, 'a', 0),
		VM(MIGRATED_OUT, 'a', 0),
		VM(MIGRATED_IN, 'a', 0),
	};

	(void)state;
	EXPECT(lines, "xxxxx", 5);
}

static void
heartbeats_and_what_belongs_to_no_run_go(void **state)
{
	static const struct line lines[] = {
		FACTS,
		{ TALLY_HEARTBEAT, .beats = 9 },
		VM(CONFIG, 'a', 0),
		VM(STOPPED, 'a', 0),
		{ TALLY_GAP },
		{ TALLY_HEARTBEAT },
	};

	(void)state;
	EXPECT(lines, "x...xx", 11);
}

/* Sessions and imports stay: they say whose ledger it is. And the last entry does. */
static void
what_is_of_no_time_moves_no_clock(void **state)
{
	static const struct line lines[] = {
		{ TALLY_HOST_FACTS, .live = true },      VM(STARTED, 'a', .live = true),
		VM(STOPPED, 'a', .live = true),          { TALLY_SESSION_STATEMENT, .live = true },
		{ TALLY_RECEIPT, .live = true },         { TALLY_ENROLMENT, .live = true },
		{ TALLY_OPERATOR_ACTION, .live = true }, { TALLY_IMPORT, .live = true },
	};

	(void)state;
	EXPECT(lines, "xxxx...x", 3);
}

/* It tells how many entries there are, and when the ledger ended. */
static void
the_last_entry_stays_whatever_it_is(void **state)
{
	static const struct line lines[] = {
		{ TALLY_HOST_FACTS, .live = true },
		{ TALLY_RECEIPT, .live = true },
		VM(STARTED, 'a', .live = true),
		{ TALLY_RECEIPT, .live = true },
	};

	(void)state;
	EXPECT(lines, "x.xx", 3);
}

static void
what_comes_before_the_facts_stays(void **state)
{
	static const struct line lines[] = {
		VM(HEARTBEAT, 0, 0),
		VM(STARTED, 'a', 0),
		VM(STOPPED, 'a', 0),
		VM(STARTED, 'a', 0),
		VM(CONFIG, 'b', 0),
		VM(HEARTBEAT, 0, 0),
		FACTS,
		VM(CONFIG, 'b', 0),
		VM(STOPPED, 'a', 0),
		VM(STARTED, 'a', 0),
	};

	(void)state;
	EXPECT(lines, "xxxxxxx.xx", 10);
}

static void
the_entry_behind_which_time_goes_back_stays_with_its_run(void **state)
{
	static const struct line lines[] = {
		FACTS,
		VM(STARTED, 'a', 0),
		VM(CONFIG, 'a', 0),
		VM(STOPPED, 'a', .back = 2),
		VM(STARTED, 'a', 0),
		{ TALLY_HEARTBEAT },
		{ TALLY_GAP, .back = 2 },
	};

	(void)state;
	EXPECT(lines, "xxxxxxx", 6);
}

static void
a_boot_ends_runs_and_stays_on_both_sides(void **state)
{
	static const struct line lines[] = {
		{ TALLY_HOST_FACTS, .live = true, .boot = 1 },
		VM(STARTED, 'a', .live = true, .boot = 1),
		VM(STARTED, 'b', .live = true, .boot = 1),
		{ TALLY_HEARTBEAT, .live = true, .boot = 1 },
		{ TALLY_HEARTBEAT, .live = true, .boot = 1 },
		{ TALLY_HEARTBEAT, .live = true, .boot = 2 },
		VM(BASELINE, 'a', .live = true, .boot = 2),
		VM(BASELINE, 'a', .live = true, .boot = 2),
	};

	(void)state;
	EXPECT(lines, "x.x.xxxx", 8);
}

/* The piece of a gist that keeps entries 1, 2 and 5 of 8. */
static void
make_piece(struct tally_buf *out, const uint8_t before[TALLY_HASH])
{
	static const struct line lines[] = { FACTS, VM(STARTED, 'a', 0), VM(CONFIG, 'a', 0), FACTS,
					     FACTS, VM(STARTED, 'b', 0) };
	struct tally_index_writer *w = tally_index_writer_new();

	tally_index_gist_begin(w, 8, before);
	for (uint64_t i = 1; i < 6; i += i == 2 ? 3 : 1) {
		struct encoded e;

		encode(&e, &lines[i], i);
		tally_index_gist_add(w, &e.h, e.views);
		release(&e);
	}
	tally_index_gist(w, 77, out);
	tally_index_writer_free(w);
}

static int
read_piece(struct tally_bytes piece, uint64_t next, const uint8_t before[TALLY_HASH],
	   const char **kept, struct tally_err *err)
{
	static char got[9];
	struct tally_index_reader *r = tally_index_reader_new();
	const struct tally_index_row *rows;
	size_t n;
	int rc;

	memset(got, '.', 8);
	tally_index_reader_after(r, before);
	rc = tally_index_feed(r, next, piece, err) < 0 ? -1 : 1;
	while (rc > 0 && (rc = tally_index_rows(r, &rows, &n, err)) > 0)
		for (size_t i = 0; i < n; i++) {
			assert_true(rows[i].header.index < 8);
			got[rows[i].header.index] = 'x';
		}
	tally_index_reader_free(r);
	*kept = got;
	return rc;
}

static void
a_gist_is_read_as_it_was_written_and_only_in_its_place(void **state)
{
	struct tally_buf piece = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t before[TALLY_HASH] = { 1 };
	struct tally_index_head head;
	const char *kept;

	(void)state;
	make_piece(&piece, before);
	assert_int_equal(tally_index_head(&head, tally_buf_view(&piece), &err), 0);
	assert_true(head.gist && head.anew);
	assert_int_equal(head.horizon, 77);
	assert_int_equal(head.entries, 3);
	assert_int_equal(read_piece(tally_buf_view(&piece), 8, before, &kept, &err), 0);
	assert_string_equal(kept, ".xx..x..");
	assert_int_equal(read_piece(tally_buf_view(&piece), 9, before, &kept, &err), -1);
	before[0]++;
	assert_int_equal(read_piece(tally_buf_view(&piece), 8, before, &kept, &err), -1);
	before[0]--;
	for (size_t i = 0; i < piece.len; i++) {
		piece.p[i] ^= 4;
		assert_int_equal(read_piece(tally_buf_view(&piece), 8, before, &kept, &err), -1);
		piece.p[i] ^= 4;
	}
	tally_buf_deinit(&piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_goes_when_another_begins_anew),
		cmocka_unit_test(claims_stay_as_long_as_who_moves_in_may_take_them_up),
		cmocka_unit_test(who_moved_in_and_changed_claims_stays_until_a_run_begins_anew),
		cmocka_unit_test(who_was_suspended_and_resumed_just_runs),
		cmocka_unit_test(a_run_that_ended_where_the_next_began_is_not_without_it),
		cmocka_unit_test(heartbeats_and_what_belongs_to_no_run_go),
		cmocka_unit_test(what_is_of_no_time_moves_no_clock),
		cmocka_unit_test(the_last_entry_stays_whatever_it_is),
		cmocka_unit_test(what_comes_before_the_facts_stays),
		cmocka_unit_test(the_entry_behind_which_time_goes_back_stays_with_its_run),
		cmocka_unit_test(a_boot_ends_runs_and_stays_on_both_sides),
		cmocka_unit_test(a_gist_is_read_as_it_was_written_and_only_in_its_place),
	};

	return cmocka_run_group_tests_name("log gist", tests, NULL, NULL);
}
