/* SPDX-License-Identifier: Apache-2.0 */
/* What begins a run, continues it and ends it (docs/FORMAT.md section 10). */
#include "reportlib.h"

#define RUN(report, expected) assert_figure(report, "usage", "scope=fleet", "run_seconds", expected)
#define HOST                  "h1 00:00 host cores_per_socket=8,8 cluster=c1 region=eu boot=1\n"

static void
a_run_lasts_from_its_start_to_its_stop(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1 10:00 start a vcpus=4\n"
							"h1 12:30:00.125 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "9000.125");
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "36000.5");
	assert_figure(r, "usage", "scope=host id=h1", "run_seconds", "9000.125");
	assert_figure(r, "usage", "scope=cluster id=c1", "run_seconds", "9000.125");
	assert_figure(r, "usage", "scope=region id=eu", "run_seconds", "9000.125");
	assert_figure(r, "vms", "", "run_seconds", "9000.125");
	assert_figure(r, "vms", "", "first", "2026-03-01T10:00:00Z");
	assert_figure(r, "vms", "", "last", "2026-03-01T12:30:00.125Z");
}

static void
only_time_inside_the_period_counts(void **state)
{
	const struct tally_json *r =
		report_of(HOST "h1 10:00 start a vcpus=1\nh1 12:00 stop a cause=shutdown\n",
			  "2026-03-01T10:30:00Z", "2026-03-01T11:00:00Z", "UTC");

	(void)state;
	RUN(r, "1800");
	assert_figure(r, "vms", "", "first", "2026-03-01T10:30:00Z");
	assert_figure(r, "vms", "", "last", "2026-03-01T11:00:00Z");
	r = report_of(HOST "h1 10:00 start a vcpus=1\nh1 12:00 stop a cause=shutdown\n",
		      "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", "UTC");
	assert_int_equal(rows(r, "usage", ""), 0);
	assert_int_equal(rows(r, "vms", ""), 0);
}

static void
a_reboot_of_the_guest_does_not_break_its_run(void **state)
{
	(void)state;
	RUN(report_of_day(HOST "h1 10:00 start a vcpus=1\nh1 10:30 reboot a cause=guest\n"
			       "h1 11:00 stop a cause=shutdown\n"),
	    "3600");
}

static void
a_baseline_of_a_running_vm_continues_its_run(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=2\nh1 10:10 heartbeat\n"
		     "h1 10:30 start a vcpus=4 baseline=true\nh1 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "3600");
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "10800");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 0);
}

static void
a_baseline_of_a_vm_that_does_not_run_begins_a_run(void **state)
{
	(void)state;
	RUN(report_of_day(
		    HOST
		    "h1 10:30 start a vcpus=4 baseline=true\nh1 11:00 stop a cause=shutdown\n"),
	    "1800");
}

static void
a_start_of_a_running_vm_ends_the_old_run_at_the_hosts_previous_entry(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=1\nh1 10:10 heartbeat\nh2 10:20 heartbeat\n"
		     "h1 10:30 start a vcpus=1\nh1 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "2400");
	assert_figure(r, "findings", "kind=missed-stop", "text",
		      "host h1: 1 run ended without a recorded stop: VM "
		      "00000000-0000-0000-0000-000000000061 counts to 2026-03-01T10:10:00Z, began "
		      "again at "
		      "2026-03-01T10:30:00Z");
}

static void
a_missed_stop_behind_the_start_itself_leaves_an_empty_run(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=1 os=urn:x\nh1 10:30 start a vcpus=1 os=urn:y\n"
		     "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "1800");
	assert_int_equal(rows(r, "vms", ""), 1);
}

static void
a_new_boot_ends_the_hosts_runs_at_its_previous_entry(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=1\nh1 10:00 start b vcpus=1\nh1 10:20 heartbeat\n"
		     "h1 12:00 host cores_per_socket=8 boot=2\nh1 12:10 start a vcpus=1\n"
		     "h1 12:20 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "3000");
	assert_figure(r, "findings", "kind=host-crash", "severity", "warning");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 0);
}

static void
host_facts_of_the_same_boot_or_the_first_that_name_one_end_nothing(void **state)
{
	(void)state;
	RUN(report_of_day(
		    "h1 00:00 host cores_per_socket=8\nh1 10:00 start a vcpus=1\n"
		    "h1 10:10 host cores_per_socket=8 boot=1\nh1 10:20 host cores_per_socket=8\n"
		    "h1 10:30 host cores_per_socket=8 boot=1\nh1 11:00 stop a cause=shutdown\n"),
	    "3600");
}

static void
a_failed_or_retired_host_ends_its_runs_at_that_instant(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST
		"h1 10:00 start a vcpus=1\nh1 10:30 host-failed reason=fan\nh1 11:00 heartbeat\n");

	(void)state;
	RUN(r, "1800");
	assert_figure(
		r, "findings", "kind=host-failed", "text",
		"host h1: 1 failure of the host: at 2026-03-01T10:30:00Z: fan (open runs: 1)");
	RUN(report_of_day(HOST
			  "h1 10:00 start a vcpus=1\nh1 10:15 host-retired\nh1 11:00 heartbeat\n"),
	    "900");
}

static void
an_open_run_ends_at_the_hosts_last_entry(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=1\nh1 10:20 heartbeat\nh2 11:00 heartbeat\n");

	(void)state;
	RUN(r, "1200");
	assert_figure(r, "findings", "kind=gap", "text",
		      "host h1: 1 gap in what was recorded: nothing is recorded behind "
		      "2026-03-01T10:20:00Z (runs that are open and count to it: 1)");
}

static void
an_open_run_ends_at_the_end_of_the_period_where_that_comes_first(void **state)
{
	const struct tally_json *r =
		report_of(HOST "h1 10:00 start a vcpus=1\nh1 12:00 heartbeat\n", "2026-03-01",
			  "2026-03-01T11:00:00Z", "UTC");

	(void)state;
	RUN(r, "3600");
	assert_int_equal(rows(r, "findings", "kind=gap"), 0);
}

static void
an_import_entry_between_witnesses_nothing(void **state)
{
	(void)state;
	RUN(report_of_day(HOST "h1 10:00 start a vcpus=1\nh1 10:20 heartbeat\nh1 10:40 import\n"),
	    "1200");
}

static void
a_stop_with_not_before_counts_to_that(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 10:00 start a vcpus=1 name=db\nh1 10:40 heartbeat\n"
				   "h1 11:00 stop a cause=vanished not_before=10:30\n");

	(void)state;
	RUN(r, "1800");
	assert_figure(r, "vms", "", "last", "2026-03-01T10:30:00Z");
	assert_figure(
		r, "findings", "kind=stop-uncertain", "text",
		"host h1: 1 stop may have been earlier than it was seen, 1800 s in all: VM db "
		"(00000000-0000-0000-0000-000000000061) counts to 2026-03-01T10:30:00Z, its stop "
		"was "
		"seen at 2026-03-01T11:00:00Z");
}

static void
a_not_before_behind_the_period_shortens_nothing_in_it(void **state)
{
	const struct tally_json *r = report_of(
		HOST "h1 10:00 start a vcpus=1\nh1 14:00 stop a cause=vanished not_before=13:00\n",
		"2026-03-01", "2026-03-01T12:00:00Z", "UTC");

	(void)state;
	RUN(r, "7200");
	assert_int_equal(rows(r, "findings", "kind=stop-uncertain"), 0);
	/* And one that is inside acts though its stop is not. */
	RUN(report_of(HOST
		      "h1 10:00 start a vcpus=1\nh1 14:00 stop a cause=vanished not_before=11:00\n",
		      "2026-03-01", "2026-03-01T12:00:00Z", "UTC"),
	    "3600");
}

static void
what_ends_and_begins_at_one_instant_peaks_at_one(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 00:00:00 start a vcpus=1\nh1 00:00:10 start b vcpus=1\n"
		     "h1 00:00:10 stop a cause=shutdown\nh1 00:00:20 stop b cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=fleet", "peak", "1");
	assert_figure(r, "usage", "scope=fleet", "peak_at", "2026-03-01T00:00:00Z");
	assert_figure(r, "usage", "scope=fleet", "peak_seconds", "20");
}

static void
a_peak_tells_its_first_instant_and_all_of_its_time(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 01:00 start a vcpus=1\nh1 02:00 start b vcpus=1\nh1 02:10 "
				   "stop b cause=shutdown\n"
				   "h1 03:00 start b vcpus=1\nh1 03:30 stop b cause=shutdown\nh1 "
				   "04:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=fleet", "peak", "2");
	assert_figure(r, "usage", "scope=fleet", "peak_at", "2026-03-01T02:00:00Z");
	assert_figure(r, "usage", "scope=fleet", "peak_seconds", "2400");
}

static void
hot_plug_splits_vcpu_seconds(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 00:00 start a vcpus=2\nh1 10:00 config a vcpus=4\n"
				   "h1 2026-03-02T00:00:00Z stop a cause=shutdown\n");

	(void)state;
	/* 10 h x 2 + 14 h x 4 = 76 vCPU-h */
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "273600");
	assert_figure(r, "vms", "", "vcpu_seconds", "273600");
}

static void
the_average_is_run_time_over_the_period(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST
		"h1 00:00 start a vcpus=1\nh1 00:00 start b vcpus=1\nh1 06:00 start c vcpus=1\n"
		"h1 09:00 stop c cause=shutdown\nh1 12:00 stop b cause=shutdown\n"
		"h1 2026-03-02T00:00:00Z stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=fleet", "average", "1.625000");
	assert_figure(r, "usage", "scope=fleet", "peak", "3");
}

static void
a_month_in_berlin_has_its_own_length(void **state)
{
	const struct tally_json *r = report_of(
		"h1 2026-01-01T00:00:00Z host cores_per_socket=8\n"
		"h1 2026-01-01T00:00:00Z start a vcpus=1\nh1 2026-12-01T00:00:00Z heartbeat\n",
		"2026-03", "2026-04", "Europe/Berlin");

	(void)state;
	RUN(r, "2674800"); /* 743 h */
	assert_figure(r, "usage", "scope=fleet", "average", "1.000000");
	RUN(report_of(
		    "h1 2026-01-01T00:00:00Z host cores_per_socket=8\n"
		    "h1 2026-01-01T00:00:00Z start a vcpus=1\nh1 2026-12-01T00:00:00Z heartbeat\n",
		    "2026-10", "2026-11", "Europe/Berlin"),
	    "2682000"); /* 745 h */
}

static void
a_vm_that_runs_over_the_whole_period_without_an_event_in_it_counts(void **state)
{
	(void)state;
	RUN(report_of("h1 2026-01-01T00:00:00Z host cores_per_socket=8\n"
		      "h1 2026-01-02T00:00:00Z start a vcpus=1\n"
		      "h1 2026-06-01T00:00:00Z stop a cause=shutdown\n",
		      "2026-03-01", "2026-03-02", "UTC"),
	    "86400");
}

static void
events_of_a_vm_that_does_not_run_mean_nothing(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST
		"h1 10:00 stop a cause=shutdown\nh1 10:05 resume a\nh1 10:10 config a vcpus=3\n"
		"h1 10:20 tag a tenant=t\nh1 11:00 migrate-out a\n");

	(void)state;
	assert_int_equal(rows(r, "usage", ""), 0);
}

static void
a_kind_that_is_not_known_means_nothing_but_is_counted(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 10:00 start a vcpus=1\nh1 10:30 200 a vcpus=9\n"
				   "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "3600");
	assert_figure(r, "findings", "kind=unknown-kind", "text",
		      "host h1: 1 entry is of a kind that this version does not know");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_lasts_from_its_start_to_its_stop),
		cmocka_unit_test(only_time_inside_the_period_counts),
		cmocka_unit_test(a_reboot_of_the_guest_does_not_break_its_run),
		cmocka_unit_test(a_baseline_of_a_running_vm_continues_its_run),
		cmocka_unit_test(a_baseline_of_a_vm_that_does_not_run_begins_a_run),
		cmocka_unit_test(
			a_start_of_a_running_vm_ends_the_old_run_at_the_hosts_previous_entry),
		cmocka_unit_test(a_missed_stop_behind_the_start_itself_leaves_an_empty_run),
		cmocka_unit_test(a_new_boot_ends_the_hosts_runs_at_its_previous_entry),
		cmocka_unit_test(
			host_facts_of_the_same_boot_or_the_first_that_name_one_end_nothing),
		cmocka_unit_test(a_failed_or_retired_host_ends_its_runs_at_that_instant),
		cmocka_unit_test(an_open_run_ends_at_the_hosts_last_entry),
		cmocka_unit_test(an_open_run_ends_at_the_end_of_the_period_where_that_comes_first),
		cmocka_unit_test(an_import_entry_between_witnesses_nothing),
		cmocka_unit_test(a_stop_with_not_before_counts_to_that),
		cmocka_unit_test(a_not_before_behind_the_period_shortens_nothing_in_it),
		cmocka_unit_test(what_ends_and_begins_at_one_instant_peaks_at_one),
		cmocka_unit_test(a_peak_tells_its_first_instant_and_all_of_its_time),
		cmocka_unit_test(hot_plug_splits_vcpu_seconds),
		cmocka_unit_test(the_average_is_run_time_over_the_period),
		cmocka_unit_test(a_month_in_berlin_has_its_own_length),
		cmocka_unit_test(
			a_vm_that_runs_over_the_whole_period_without_an_event_in_it_counts),
		cmocka_unit_test(events_of_a_vm_that_does_not_run_mean_nothing),
		cmocka_unit_test(a_kind_that_is_not_known_means_nothing_but_is_counted),
	};
	int failed = cmocka_run_group_tests_name("reports runs", tests, NULL, NULL);

	report_done();
	return failed;
}
