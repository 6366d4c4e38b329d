/* SPDX-License-Identifier: Apache-2.0 */
/* The whole file against itself and against what the ledgers hold of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/store.h"
#include "cli.h"
#include "record.h"

#define VM "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"

static const char good[] =
	"{\"tally-events\":1}\n"
	"{\"time\":\"2026-03-01T00:00:01Z\",\"host\":\"b\",\"event\":\"heartbeat\"}\n"
	"{\"time\":\"2026-03-01T00:00:00Z\",\"host\":\"a\",\"event\":\"start\",\"vm\":\"" VM
	"\",\"vcpus\":1}\n"
	"{\"time\":\"2026-03-01T00:00:02Z\",\"host\":\"b\",\"event\":\"heartbeat\"}\n"
	"{\"time\":\"2026-03-01T00:00:05Z\",\"host\":\"a\",\"event\":\"stop\",\"vm\":\"" VM
	"\",\"cause\":\"shutdown\"}";

struct scene {
	char *dir, *file;
	struct record_plan plan;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->dir = test_dir_make();
	s->file = test_path(s->dir, "events.jsonl");
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	test_dir_remove(s->dir);
	free(s->file);
	free(s);
	return 0;
}

static int
plan(struct scene *s, const char *text)
{
	struct cli_progress progress = { 0 };

	s->err = (struct tally_err)TALLY_ERR_INIT;
	test_file_write(s->file, text, strlen(text));
	return record_plan_make(&s->plan, s->dir, s->file, &progress, &s->err);
}

/* The error behind the file's path. */
static const char *
told(const struct scene *s)
{
	size_t n = strlen(s->file);

	assert_int_equal(strncmp(s->err.text, s->file, n), 0);
	return s->err.text + n;
}

static void
hosts_and_places_are_remembered(void **state)
{
	struct scene *s = *state;
	const struct record_host *a, *b;

	assert_int_equal(plan(s, good), 0);
	assert_true(s->plan.lines == 5 && s->plan.events == 4);
	assert_string_equal(s->plan.name, "events.jsonl");
	assert_int_equal(s->plan.count, 2);
	a = s->plan.hosts[0];
	b = s->plan.hosts[1];
	assert_string_equal(a->name, "a");
	assert_string_equal(b->name, "b");
	assert_int_equal(a->progress, RECORD_NEW);
	assert_false(a->exists);
	assert_int_equal(a->count, 2);
	assert_true(a->places[0].line == 3 && a->places[1].line == 5 && a->places[1].run == 1);
	assert_true(b->places[0].offset == 19 && b->places[0].run == 0);
	assert_int_equal(a->batches, 1);
	record_plan_deinit(&s->plan);
}

static void
a_fault_anywhere_refuses_the_file(void **state)
{
	static const struct {
		const char *more, *error;
	} rows[] = {
		{ "\n\n", ":6:1: a blank line" },
		{ "\n{\"time\":\"2026-03-01T00:00:06Z\",\"host\":\"a\",\"event\":\"stop\",\"vm\":"
		  "\"" VM "\",\"cause\":\"saved\"}",
		  ":6:63: stop of a VM that does not run on this host" },
		{ "\n{\"time\":\"2026-03-01T00:00:04Z\",\"host\":\"a\",\"event\":\"heartbeat\"}\n",
		  ":6:9: the time goes back: the last event of this host was at "
		  "2026-03-01T00:00:05Z" },
		{ "\n{\"tally-events\":1}\n", ":6:1: 'time' is missing" },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally_buf text = TALLY_BUF_INIT;

		tally_buf_addf(&text, "%s%s", good, rows[i].more);
		assert_int_equal(plan(s, tally_buf_cstr(&text)), -1);
		assert_int_equal(tally_err_exit(&s->err), 2);
		assert_string_equal(told(s), rows[i].error);
		record_plan_deinit(&s->plan);
		tally_buf_deinit(&text);
	}
	assert_int_equal(test_dir_count(s->dir), 1);
}

static void
a_file_without_events_is_refused(void **state)
{
	static const char *const texts[] = { "", "{\"tally-events\":1}\n" };
	struct scene *s = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(plan(s, texts[i]), -1);
		assert_int_equal(tally_err_exit(&s->err), 2);
		assert_string_equal(told(s), ": no event in it");
		record_plan_deinit(&s->plan);
	}
}

/* A ledger for host a with what an import of `text` stores in its first `entries` events. */
static void
make_ledger(struct scene *s, const char *text, uint64_t announced, unsigned entries)
{
	struct tally_init_options o = { .origin = "example.com/a", .host = "a" };
	struct tally_event import = { .kind = TALLY_IMPORT },
			   beat = { .kind = TALLY_HEARTBEAT, .imported = true };
	struct tally_bytes groups[TALLY_GROUPS];
	struct tally_buf bytes[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	char *path = test_path(s->dir, "a");
	uint8_t hash[TALLY_HASH], seed[TALLY_SEED] = { 1 };
	struct tally_prepared prepared;
	struct tally_store *store;
	uint64_t index;

	assert_int_equal(tally_store_create(path, &o, &s->err), 0);
	assert_int_equal(tally_store_open(&store, path, TALLY_STORE_WRITE, NULL, &s->err), 0);
	tally_sha256(hash, tally_bytes_str(text));
	import.o.file_hash = tally_bytes(hash, TALLY_HASH);
	import.o.file_name = tally_bytes_str("other.jsonl");
	import.o.has_records = true;
	import.o.records = announced;
	assert_int_equal(tally_store_append_event(store, &import, &index, &s->err), 0);
	beat.m.has_time = true;
	beat.m.time = (uint64_t)test_wall("2026-03-01T00:00:00Z").ns;
	assert_int_equal(tally_event_encode(&beat, bytes, &s->err), 0);
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		groups[g] = tally_buf_view(&bytes[g]);
	for (unsigned i = 0; i < entries; i++) {
		tally_prepare(&prepared, TALLY_HEARTBEAT, TALLY_FLAG_IMPORTED, seed, groups);
		assert_int_equal(tally_store_append(store, &prepared, 1, &index, &s->err), 0);
	}
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&bytes[g]);
	tally_store_close(store);
	free(path);
}

static void
a_broken_off_import_of_this_file_goes_on(void **state)
{
	struct scene *s = *state;

	make_ledger(s, good, 2, 1);
	assert_int_equal(plan(s, good), 0);
	assert_int_equal(s->plan.hosts[0]->progress, RECORD_PARTIAL);
	assert_true(s->plan.hosts[0]->exists && s->plan.hosts[0]->have == 1 &&
		    s->plan.hosts[0]->size == 2);
	assert_int_equal(s->plan.hosts[1]->progress, RECORD_NEW);
	record_plan_deinit(&s->plan);
}

static void
a_complete_import_is_seen_and_its_missing_checkpoint_too(void **state)
{
	struct scene *s = *state;

	make_ledger(s, good, 2, 2);
	assert_int_equal(plan(s, good), 0);
	assert_int_equal(s->plan.hosts[0]->progress, RECORD_DONE);
	assert_false(s->plan.hosts[0]->sealed);
	record_plan_deinit(&s->plan);
}

static void
a_broken_off_import_of_another_file_comes_first(void **state)
{
	struct scene *s = *state;

	make_ledger(s, "x", 2, 1);
	assert_int_equal(plan(s, good), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text,
			       "/a: the import of 'other.jsonl' (entry 0) was broken off at 1 of 2 "
			       "events: record that file again first"));
	record_plan_deinit(&s->plan);
}

static void
events_behind_the_last_import_are_refused(void **state)
{
	struct scene *s = *state;
	static const char early[] =
		"{\"time\":\"2026-02-28T23:59:59Z\",\"host\":\"a\",\"event\":\"heartbeat\"}\n";

	make_ledger(s, "x", 1, 1);
	assert_int_equal(plan(s, early), -1);
	assert_string_equal(told(s), ":1:9: the time goes back: the last event of this host was at "
				     "2026-03-01T00:00:00Z");
	record_plan_deinit(&s->plan);
	assert_int_equal(plan(s, good), 0);
	assert_int_equal(s->plan.hosts[0]->progress, RECORD_NEW);
	assert_true(s->plan.hosts[0]->exists);
	record_plan_deinit(&s->plan);
}

static void
a_folder_of_the_hosts_name_that_is_no_ledger_is_refused(void **state)
{
	struct scene *s = *state;
	char *path = test_path(s->dir, "a");

	test_file_write(path, "x", 1);
	assert_int_equal(plan(s, good), -1);
	record_plan_deinit(&s->plan);
	free(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hosts_and_places_are_remembered),
		CASE(a_fault_anywhere_refuses_the_file),
		CASE(a_file_without_events_is_refused),
		CASE(a_broken_off_import_of_this_file_goes_on),
		CASE(a_complete_import_is_seen_and_its_missing_checkpoint_too),
		CASE(a_broken_off_import_of_another_file_comes_first),
		CASE(events_behind_the_last_import_are_refused),
		CASE(a_folder_of_the_hosts_name_that_is_no_ledger_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
