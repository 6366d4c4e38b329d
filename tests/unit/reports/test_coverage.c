/* SPDX-License-Identifier: Apache-2.0 */
/* How long a host was powered and metered; live parts, gaps and incarnations. */
#include "reportlib.h"

#define COVERAGE(r, field, expected) assert_figure(r, "coverage", "host=h1", field, expected)
#define RUN(r, expected)             assert_figure(r, "usage", "scope=fleet", "run_seconds", expected)

static void
an_import_is_powered_from_its_first_to_its_last_event(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 01:00 host cores_per_socket=8\nh1 03:00 heartbeat\nh1 05:00 heartbeat\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "14400");
	COVERAGE(r, "metered_seconds", "14400");
	COVERAGE(r, "unattested_seconds", "0");
	COVERAGE(r, "coverage", "1.000000");
	assert_int_equal(rows(r, "findings", "kind=coverage-low"), 0);
}

static void
gaps_are_not_metered_and_overlaps_not_twice(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 01:00 host cores_per_socket=8\nh1 03:00 gap from=02:00 to=02:30 reason=lost\n"
		"h1 03:00 gap from=02:15 to=02:45\nh1 05:00 heartbeat\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "14400");
	COVERAGE(r, "metered_seconds", "11700");
	COVERAGE(r, "unattested_seconds", "2700");
	COVERAGE(r, "coverage", "0.812500");
	assert_figure(
		r, "findings", "kind=gap", "text",
		"host h1: 2 gaps in what was recorded, 3600 s in all: 2026-03-01T02:00:00Z to "
		"2026-03-01T02:30:00Z (lost); 2026-03-01T02:15:00Z to 2026-03-01T02:45:00Z");
	assert_figure(r, "findings", "kind=coverage-low", "text",
		      "1 host was metered too little: h1 0.812500, 2700 s of its powered time "
		      "unattested");
}

static void
gaps_are_clipped_to_powered_time_inside_the_period(void **state)
{
	const struct tally_json *r =
		report_of("h1 01:00 host cores_per_socket=8\nh1 03:00 gap from=00:30 to=02:30\nh1 "
			  "05:00 heartbeat\n"
			  "h1 05:00 gap from=06:00 to=07:00\n",
			  "2026-03-01T02:00:00Z", "2026-03-02T00:00:00Z", "UTC");

	(void)state;
	COVERAGE(r, "powered_seconds", "10800");
	COVERAGE(r, "metered_seconds", "9000");
	assert_int_equal(tally_json_count(tally_json_get(
				 tally_json_at(tally_json_get(r, "coverage"), 0), "gaps")),
			 1);
}

static void
a_host_without_powered_time_has_no_coverage(void **state)
{
	const struct tally_json *r = report_of_day("h1 01:00 host cores_per_socket=8\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "0");
	COVERAGE(r, "coverage", "null");
}

static void
a_gap_inside_an_imported_run_is_run_time(void **state)
{
	(void)state;
	RUN(report_of_day("h1 01:00 host cores_per_socket=8\nh1 01:00 start a vcpus=1\n"
			  "h1 03:00 gap from=02:00 to=02:30\nh1 04:00 stop a cause=shutdown\n"),
	    "10800");
}

static void
a_live_host_is_metered_by_heartbeats_and_close_entries(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1! 10:00:00 host cores_per_socket=8\nh1! 10:00:20 agent-start\nh1! 10:00:41 "
		"agent-config\n"
		"h1! 10:10:00 heartbeat from=10:05:00 to=10:09:50\nh1! 10:20:00 agent-stop\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "1200");
	COVERAGE(r, "metered_seconds", "310"); /* 20 s and 290 s */
	COVERAGE(r, "coverage", "0.258333");
}

static void
time_between_two_boots_is_not_powered(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1! 10:00:00 host cores_per_socket=8\nh1! 10:10:00 heartbeat from=10:00:00 "
		"to=10:10:00\n"
		"h1!2 11:00:00 host-boot\nh1!2 11:00:30 heartbeat from=11:00:00 to=11:00:30\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "630");
	COVERAGE(r, "metered_seconds", "630");
}

static void
a_live_gap_lasts_from_its_begin_to_its_end(void **state)
{
	const struct tally_json *r =
		report_of_day("h1! 10:00:00 host cores_per_socket=8\nh1! 10:10:00 heartbeat "
			      "from=10:00:00 to=10:10:00\n"
			      "h1! 10:10:05 gap-begin from=10:09:00 reason=connection%20lost\nh1! "
			      "10:30:00 gap-end\n"
			      "h1! 10:40:00 heartbeat from=10:30:00 to=10:40:00\n");

	(void)state;
	COVERAGE(r, "powered_seconds", "2400");
	COVERAGE(r, "metered_seconds", "1140");
	assert_figure(r, "findings", "kind=gap", "text",
		      "host h1: 1 gap in what was recorded, 1260 s in all: 2026-03-01T10:09:00Z to "
		      "2026-03-01T10:30:00Z (connection lost)");
}

#define LIVE                                                                                       \
	"h1! 10:00 host cores_per_socket=8\nh1! 10:00 baseline a vcpus=1 domain_id=3 "             \
	"start_ticks=77\n"
#define GAP "h1! 10:20:10 gap-begin from=10:20:00\nh1! 10:40 gap-end\n"

static void
a_live_gap_counts_where_the_same_incarnation_stands_on_both_sides(void **state)
{
	(void)state;
	RUN(report_of_day(LIVE GAP "h1! 10:40 baseline a vcpus=1 domain_id=3 start_ticks=77\n"
				   "h1! 11:00 stop a cause=shutdown\n"),
	    "3600");
	/* A stop that is seen as an event behind the gap says the same. */
	RUN(report_of_day(LIVE GAP "h1! 11:00 stop a cause=shutdown\n"), "3600");
}

static void
another_incarnation_behind_a_live_gap_ends_the_run_at_its_begin(void **state)
{
	const struct tally_json *r =
		report_of_day(LIVE GAP "h1! 10:40 baseline a vcpus=1 domain_id=4 start_ticks=99\n"
				       "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "2400");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 1);
	RUN(report_of_day(LIVE GAP "h1! 10:41 stop a cause=vanished\n"), "1200");
}

static void
another_incarnation_without_a_gap_ends_the_run_at_the_previous_entry(void **state)
{
	(void)state;
	RUN(report_of_day(
		    LIVE
		    "h1! 10:30 heartbeat\nh1! 10:40 baseline a vcpus=1 domain_id=3 start_ticks=78\n"
		    "h1! 11:00 stop a cause=shutdown\n"),
	    "3000");
}

static void
another_boot_of_a_live_host_ends_its_runs(void **state)
{
	const struct tally_json *r =
		report_of_day(LIVE "h1! 10:30 heartbeat\nh1!2 12:00 host-boot\n"
				   "h1!2 12:00 stop a cause=vanished not_before=10:10\n");

	(void)state;
	RUN(r, "1800");
	assert_int_equal(rows(r, "findings", "kind=host-crash"), 1);
}

static void
the_two_parts_of_a_ledger_are_read_apart(void **state)
{
	/* The import's open run ends with the import; the live one goes on by itself. */
	const struct tally_json *r =
		report_of_day("h1! 10:00 host cores_per_socket=8 cluster=c2 boot=2\nh1! 10:00 "
			      "baseline a vcpus=1\n"
			      "h1! 11:00 stop a cause=shutdown\n"
			      "h1 05:00 host cores_per_socket=8 cluster=c1 boot=1\nh1 06:00 start "
			      "a vcpus=1\nh1 08:00 heartbeat\n");

	(void)state;
	RUN(r, "10800");
	assert_figure(r, "usage", "scope=cluster id=c1", "run_seconds", "7200");
	assert_figure(r, "usage", "scope=cluster id=c2", "run_seconds", "3600");
	COVERAGE(r, "powered_seconds", "14400");
	assert_int_equal(rows(r, "findings", "kind=host-crash"), 0);
	assert_figure(r, "findings", "kind=imported", "text",
		      "1 host whose run time rests on imported records, 7200 s in all, 66.67 % of "
		      "the run "
		      "time: h1 7200 s");
}

static void
imports_that_are_nearly_all_or_nearly_nothing_are_not_told_as_such(void **state)
{
	const struct tally_json *r =
		report_of_day("h1! 22:00 host cores_per_socket=8\nh1! 22:00 start a vcpus=1\n"
			      "h1! 22:00:01 stop a cause=shutdown\n"
			      "h1 00:00 host cores_per_socket=8\nh1 00:00 start a vcpus=1\n"
			      "h1 20:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "findings", "kind=imported", "text",
		      "1 host whose run time rests on imported records, 72000 s in all, 99.99 % of "
		      "the run time: h1 72000 s");
	r = report_of_day("h1! 02:00 host cores_per_socket=8\nh1! 02:00 start a vcpus=1\n"
			  "h1! 22:00 stop a cause=shutdown\n"
			  "h1 00:00 host cores_per_socket=8\nh1 00:00 start a vcpus=1\n"
			  "h1 00:00:01 stop a cause=shutdown\n");
	assert_figure(r, "findings", "kind=imported", "text",
		      "1 host whose run time rests on imported records, 1 s in all, 0.01 % of "
		      "the run time: h1 1 s");
}

static void
instants_inside_a_part_do_not_go_back(void **state)
{
	const struct tally_json *r =
		report_of_day("h1! 10:00 host cores_per_socket=8\nh1! 11:00 start a vcpus=1\nh1! "
			      "10:30 clock-step seconds=-1800\n"
			      "h1! 10:40 stop a cause=shutdown\nh1! 12:00 start b vcpus=1\nh1! "
			      "12:10 stop b cause=shutdown\n");

	(void)state;
	RUN(r, "1200");
	assert_figure(r, "findings", "kind=clock-step", "text",
		      "host h1: 1 step of the wall clock: by -1800 s at 2026-03-01T11:00:00Z");
	/* Nothing says that the clock was set. */
	r = report_of_day("h1! 10:00 host cores_per_socket=8\nh1! 11:00 start a vcpus=1\nh1! "
			  "10:30 resume a\nh1! 10:40 stop a cause=shutdown\nh1! 12:00 start b "
			  "vcpus=1\nh1! 12:10 stop b cause=shutdown\n");
	RUN(r, "600");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_import_is_powered_from_its_first_to_its_last_event),
		cmocka_unit_test(gaps_are_not_metered_and_overlaps_not_twice),
		cmocka_unit_test(gaps_are_clipped_to_powered_time_inside_the_period),
		cmocka_unit_test(a_host_without_powered_time_has_no_coverage),
		cmocka_unit_test(a_gap_inside_an_imported_run_is_run_time),
		cmocka_unit_test(a_live_host_is_metered_by_heartbeats_and_close_entries),
		cmocka_unit_test(time_between_two_boots_is_not_powered),
		cmocka_unit_test(a_live_gap_lasts_from_its_begin_to_its_end),
		cmocka_unit_test(a_live_gap_counts_where_the_same_incarnation_stands_on_both_sides),
		cmocka_unit_test(another_incarnation_behind_a_live_gap_ends_the_run_at_its_begin),
		cmocka_unit_test(
			another_incarnation_without_a_gap_ends_the_run_at_the_previous_entry),
		cmocka_unit_test(another_boot_of_a_live_host_ends_its_runs),
		cmocka_unit_test(the_two_parts_of_a_ledger_are_read_apart),
		cmocka_unit_test(
			imports_that_are_nearly_all_or_nearly_nothing_are_not_told_as_such),
		cmocka_unit_test(instants_inside_a_part_do_not_go_back),
	};
	int failed = cmocka_run_group_tests_name("reports coverage", tests, NULL, NULL);

	report_done();
	return failed;
}
