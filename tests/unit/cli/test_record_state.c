/* SPDX-License-Identifier: Apache-2.0 */
/* What a host's events may say after one another. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "record.h"

#define A "6b1c5a8e-8d0b-4a56-9a53-0a9e9a7d2c11"
#define B "00000000-0000-0000-0000-000000000002"

struct host {
	struct record_parser *p;
	struct record_state *s;
	uint64_t line, run;
	struct tally_err err;
};

static struct host
host_new(void)
{
	return (struct host){ .p = record_parser_new("e"), .s = record_state_new() };
}

static void
host_free(struct host *h)
{
	record_parser_free(h->p);
	record_state_free(h->s);
}

/* An event at this second with these further keys. */
static int
event(struct host *h, unsigned second, const char *name, const char *keys)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct record_line l;
	int r;

	h->err = (struct tally_err)TALLY_ERR_INIT;
	tally_buf_addf(&b,
		       "{\"time\":\"2026-03-01T00:00:%02uZ\",\"host\":\"h\",\"event\":\"%s\"%s}",
		       second, name, keys);
	assert_int_equal(record_parse(h->p, tally_buf_view(&b), ++h->line, &l, &h->err), 0);
	r = record_state_check(h->s, h->p, &l, &h->run, &h->err);
	tally_buf_deinit(&b);
	return r;
}
#define START(vm) ",\"vm\":\"" vm "\",\"vcpus\":1"
#define STOP(vm)  ",\"vm\":\"" vm "\",\"cause\":\"shutdown\""
#define VM(vm)    ",\"vm\":\"" vm "\""

static void
runs_are_numbered_and_events_belong_to_theirs(void **state)
{
	struct host h = host_new();

	(void)state;
	assert_int_equal(event(&h, 1, "start", START(A)), 0);
	assert_int_equal(h.run, 1);
	assert_int_equal(event(&h, 1, "start", START(B)), 0);
	assert_int_equal(h.run, 2);
	assert_int_equal(event(&h, 2, "suspend", VM(A)), 0);
	assert_int_equal(h.run, 1);
	assert_int_equal(event(&h, 2, "heartbeat", ""), 0);
	assert_int_equal(h.run, 0);
	/* Without baseline a new run begins, with it the run goes on. */
	assert_int_equal(event(&h, 3, "start", START(A)), 0);
	assert_int_equal(h.run, 3);
	assert_int_equal(event(&h, 4, "start", START(A) ",\"baseline\":true"), 0);
	assert_int_equal(h.run, 3);
	assert_int_equal(event(&h, 5, "stop", STOP(A)), 0);
	assert_int_equal(h.run, 3);
	assert_int_equal(event(&h, 6, "start", START(A) ",\"baseline\":true"), 0);
	assert_int_equal(h.run, 4);
	assert_int_equal(event(&h, 6, "migrate-out", VM(A)), 0);
	assert_int_equal(event(&h, 7, "migrate-in", START(A)), 0);
	assert_int_equal(h.run, 5);
	host_free(&h);
}

static void
a_time_that_goes_back_is_refused(void **state)
{
	struct host h = host_new();

	(void)state;
	assert_int_equal(event(&h, 5, "heartbeat", ""), 0);
	assert_int_equal(event(&h, 5, "heartbeat", ""), 0);
	assert_int_equal(event(&h, 4, "heartbeat", ""), -1);
	assert_int_equal(h.err.code, TALLY_USE);
	assert_string_equal(h.err.text, "e:3:9: the time goes back: the last event of this host "
					"was at 2026-03-01T00:00:05Z");
	host_free(&h);
}

static void
events_of_a_machine_that_does_not_run_are_refused(void **state)
{
	static const char *const names[] = { "suspend", "resume",      "reboot",
					     "config",  "migrate-out", "role",
					     "os",      "tag",         "software" };
	struct host h = host_new();
	struct tally_buf expected = TALLY_BUF_INIT;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			assert_int_equal(event(&h, 9, names[i], VM(A)), -1);
			tally_buf_clear(&expected);
			tally_buf_addf(&expected,
				       "e:%llu:%zu: %s of a VM that does not run on this host",
				       (unsigned long long)h.line, 59 + strlen(names[i]), names[i]);
			assert_string_equal(h.err.text, tally_buf_cstr(&expected));
		}
		assert_int_equal(event(&h, 9, "stop", STOP(A)), -1);
		assert_int_equal(event(&h, 9, "start", START(A)), 0);
		assert_int_equal(event(&h, 9, "stop", STOP(A)), 0);
	}
	tally_buf_deinit(&expected);
	host_free(&h);
}

static void
a_correction_may_come_when_the_machine_is_gone(void **state)
{
	struct host h = host_new();

	(void)state;
	assert_int_equal(event(&h, 1, "start", START(A)), 0);
	assert_int_equal(event(&h, 2, "stop", STOP(A)), 0);
	assert_int_equal(event(&h, 3, "os", VM(A) ",\"os\":null,\"from\":\"2026-03-01T00:00:01Z\""),
			 0);
	assert_int_equal(h.run, 1);
	assert_int_equal(
		event(&h, 3, "tag", VM(A) ",\"tenant\":\"x\",\"from\":\"2026-03-01T00:00:01Z\""),
		0);
	assert_int_equal(event(&h, 3, "software",
			       VM(B) ",\"add\":[\"x\"],\"from\":\"2026-03-01T00:00:01Z\""),
			 0);
	assert_int_equal(h.run, 0);
	host_free(&h);
}

static void
a_new_boot_a_failure_and_a_retirement_end_every_run(void **state)
{
	static const char *const ends[][2] = {
		{ "host", ",\"cores_per_socket\":[1],\"boot\":\"2\"" },
		{ "host-failed", "" },
		{ "host-retired", "" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct host h = host_new();

		assert_int_equal(event(&h, 1, "host", ",\"cores_per_socket\":[1],\"boot\":\"1\""),
				 0);
		assert_int_equal(event(&h, 1, "start", START(A)), 0);
		assert_int_equal(event(&h, 2, "host", ",\"cores_per_socket\":[1],\"boot\":\"1\""),
				 0);
		assert_int_equal(event(&h, 2, "host", ",\"cores_per_socket\":[1]"), 0);
		assert_int_equal(event(&h, 2, "reboot", VM(A)), 0);
		assert_int_equal(event(&h, 3, ends[i][0], ends[i][1]), 0);
		assert_int_equal(event(&h, 4, "reboot", VM(A)), -1);
		host_free(&h);
	}
}

static void
the_first_boot_that_is_told_ends_nothing(void **state)
{
	struct host h = host_new();

	(void)state;
	assert_int_equal(event(&h, 1, "start", START(A)), 0);
	assert_int_equal(event(&h, 2, "host", ",\"cores_per_socket\":[1],\"boot\":\"1\""), 0);
	assert_int_equal(event(&h, 3, "stop", STOP(A)), 0);
	host_free(&h);
}

static void
not_before_lies_within_the_run(void **state)
{
	struct host h = host_new();

	(void)state;
	assert_int_equal(event(&h, 10, "start", START(A)), 0);
	assert_int_equal(event(&h, 20, "stop", STOP(A) ",\"not_before\":\"2026-03-01T00:00:09Z\""),
			 -1);
	assert_string_equal(h.err.text,
			    "e:2:134: 'not_before' lies outside the run, 2026-03-01T00:00:10Z to "
			    "2026-03-01T00:00:20Z");
	assert_int_equal(event(&h, 20, "stop", STOP(A) ",\"not_before\":\"2026-03-01T00:00:21Z\""),
			 -1);
	assert_int_equal(event(&h, 20, "stop", STOP(A) ",\"not_before\":\"2026-03-01T00:00:10Z\""),
			 0);
	assert_int_equal(event(&h, 20, "start", START(A)), 0);
	assert_int_equal(event(&h, 30, "stop", STOP(A) ",\"not_before\":\"2026-03-01T00:00:30Z\""),
			 0);
	host_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_numbered_and_events_belong_to_theirs),
		cmocka_unit_test(a_time_that_goes_back_is_refused),
		cmocka_unit_test(events_of_a_machine_that_does_not_run_are_refused),
		cmocka_unit_test(a_correction_may_come_when_the_machine_is_gone),
		cmocka_unit_test(a_new_boot_a_failure_and_a_retirement_end_every_run),
		cmocka_unit_test(the_first_boot_that_is_told_ends_nothing),
		cmocka_unit_test(not_before_lies_within_the_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
