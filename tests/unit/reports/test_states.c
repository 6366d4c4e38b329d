/* SPDX-License-Identifier: Apache-2.0 */
/* Running, paused, suspended, saved, standby: which clock runs. */
#include "reportlib.h"

#define HOST  "h1 00:00 host cores_per_socket=8,8 cluster=c1 region=eu boot=1\n"
#define FLEET "scope=fleet"

static void
paused_time_is_run_time(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=2\nh1 10:10 suspend a\nh1 10:30 resume a\n"
		     "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "run_seconds", "3600");
	assert_figure(r, "usage", FLEET, "states.running", "2400");
	assert_figure(r, "usage", FLEET, "states.paused", "1200");
	assert_figure(r, "usage", FLEET, "vcpu_seconds", "7200");
}

static void
a_vm_that_starts_paused_counts_as_paused(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 10:00 start a vcpus=2 paused=true\nh1 10:10 resume a\nh1 "
				   "11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "states.paused", "600");
	assert_figure(r, "usage", FLEET, "states.running", "3000");
}

static void
suspended_time_is_no_run_time(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 10:00 start a vcpus=2\nh1 10:10 suspend a "
				   "cause=pmsuspended\nh1 10:30 resume a cause=wakeup\n"
				   "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "run_seconds", "2400");
	assert_figure(r, "usage", FLEET, "states.suspended", "1200");
	assert_figure(r, "usage", FLEET, "vcpu_seconds", "4800");
	assert_figure(r, "usage", FLEET, "peak_seconds", "2400");
}

static void
saved_time_lasts_to_the_next_start_on_any_host(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h2 00:00 host cores_per_socket=8\nh1 10:00 start a vcpus=2 tenant=t\n"
		     "h1 11:00 stop a cause=saved\nh2 12:00 start a vcpus=2 cause=restore\nh2 "
		     "13:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=host id=h1", "states.saved", "3600");
	assert_figure(r, "usage", "scope=host id=h1", "run_seconds", "3600");
	assert_figure(r, "usage", "scope=tenant id=t", "states.saved", "3600");
	assert_figure(r, "usage", "scope=host id=h2", "states.saved", "0");
	assert_figure(r, "usage", "scope=host id=h2", "run_seconds", "3600");
	assert_figure(r, "usage", FLEET, "vcpu_seconds", "14400");
}

static void
saved_time_without_a_start_lasts_to_the_end_of_the_report(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=2\nh1 12:00 stop a cause=saved not_before=11:00\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "states.saved", "43200");
	assert_figure(r, "usage", FLEET, "run_seconds", "3600");
}

static void
a_row_with_nothing_but_saved_time_has_no_peak(void **state)
{
	const struct tally_json *r =
		report_of(HOST "h1 10:00 start a vcpus=2\nh1 11:00 stop a cause=saved\n",
			  "2026-03-02", "2026-03-03", "UTC");

	(void)state;
	assert_figure(r, "usage", FLEET, "states.saved", "86400");
	assert_figure(r, "usage", FLEET, "peak", "0");
	assert_figure(r, "usage", FLEET, "peak_at", "null");
	assert_int_equal(rows(r, "vms", ""), 0);
}

static void
a_standby_counts_nowhere(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=2\nh1 10:10 role a role=standby of=b\n"
		     "h1 10:30 role a role=primary\nh1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "run_seconds", "2400");
	assert_figure(r, "usage", FLEET, "states.suspended", "0");
	r = report_of_day(HOST "h1 10:00 start a vcpus=2\nh1 10:00 role a role=standby\n"
			       "h1 11:00 stop a cause=saved\n");
	assert_int_equal(rows(r, "usage", ""), 0);
}

static void
states_of_no_length_count_nowhere(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1 10:00 start a vcpus=2 os=urn:x\nh1 10:00 os a os=urn:y\n"
				   "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_int_equal(rows(r, "usage", "product=urn:x"), 0);
	assert_figure(r, "usage", "scope=fleet product=urn:y", "run_seconds", "3600");
	assert_int_equal(rows(r, "vms", ""), 1);
}

static void
time_counts_in_the_cluster_of_that_time(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1 10:00 start a vcpus=2\nh1 10:15 host cores_per_socket=8 cluster=c2\n"
		     "h1 11:00 stop a cause=saved\nh1 12:00 host cores_per_socket=8 cluster=c3\n");

	(void)state;
	assert_figure(r, "usage", "scope=cluster id=c1", "run_seconds", "900");
	assert_figure(r, "usage", "scope=cluster id=c2", "run_seconds", "2700");
	assert_figure(r, "usage", "scope=cluster id=c2", "states.saved", "3600");
	assert_figure(r, "usage", "scope=cluster id=c3", "states.saved", "43200");
	assert_figure(r, "usage", "scope=region id=eu", "run_seconds", "900");
	assert_figure(r, "usage", "scope=region id=", "run_seconds", "2700");
}

static void
time_before_the_first_facts_has_no_cluster(void **state)
{
	const struct tally_json *r = report_of_day("h1 10:00 start a vcpus=2\n"
						   "h1 10:30 host cores_per_socket=8 cluster=c1\n"
						   "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=cluster id=", "run_seconds", "1800");
	assert_figure(r, "usage", "scope=cluster id=c1", "run_seconds", "1800");
	assert_figure(r, "findings", "kind=no-host-facts", "text",
		      "host h1: 1 event lies before the first facts of the host");
}

static void
any_recorded_event_before_the_first_facts_is_a_finding(void **state)
{
	const struct tally_json *r = report_of_day("h1 10:00 heartbeat\n"
						   "h1 10:10 agent-start\n"
						   "h1 10:30 host cores_per_socket=8\n"
						   "h1 11:00 heartbeat\n");

	(void)state;
	assert_figure(r, "findings", "kind=no-host-facts", "text",
		      "host h1: 2 events lie before the first facts of the host");
	r = report_of_day("h1! 10:00 agent-start\n"
			  "h1! 10:30 host cores_per_socket=8\n"
			  "h1! 11:00 heartbeat\n");
	assert_int_equal(0, rows(r, "findings", "kind=no-host-facts"));
}

static void
live_states_are_those_that_the_entry_gives(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1! 10:00 host cores_per_socket=8\nh1! 10:00 baseline a vcpus=1 state=6\n"
		"h1! 10:10 resume a\nh1! 10:20 crashed a\nh1! 10:30 stop a cause=destroyed\n");

	(void)state;
	assert_figure(r, "usage", FLEET, "states.paused", "600");
	assert_figure(r, "usage", FLEET, "states.running", "600");
	assert_figure(r, "usage", FLEET, "states.crashed", "600");
	assert_figure(r, "usage", FLEET, "run_seconds", "1200");
}

/* The estate's window then begins with the period. */
static void
what_changes_as_the_period_begins_changes_once(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with(NULL, "- {host: h1}\n");
	r = report_of("h1 08:00 host cores_per_socket=8\nh1 08:00 start a vcpus=2 os=urn:x\n"
		      "h1 10:00 config a vcpus=4\nh1 12:00 stop a\n",
		      "2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z", "UTC");
	report_with(NULL, NULL);
	assert_figure(r, "usage", "product=urn:x scope=fleet", "run_seconds", "7200");
	assert_figure(r, "usage", "product=urn:x scope=fleet", "vcpu_seconds", "28800");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_as_the_period_begins_changes_once),
		cmocka_unit_test(paused_time_is_run_time),
		cmocka_unit_test(a_vm_that_starts_paused_counts_as_paused),
		cmocka_unit_test(suspended_time_is_no_run_time),
		cmocka_unit_test(saved_time_lasts_to_the_next_start_on_any_host),
		cmocka_unit_test(saved_time_without_a_start_lasts_to_the_end_of_the_report),
		cmocka_unit_test(a_row_with_nothing_but_saved_time_has_no_peak),
		cmocka_unit_test(a_standby_counts_nowhere),
		cmocka_unit_test(states_of_no_length_count_nowhere),
		cmocka_unit_test(time_counts_in_the_cluster_of_that_time),
		cmocka_unit_test(time_before_the_first_facts_has_no_cluster),
		cmocka_unit_test(any_recorded_event_before_the_first_facts_is_a_finding),
		cmocka_unit_test(live_states_are_those_that_the_entry_gives),
	};
	int failed = cmocka_run_group_tests_name("reports states", tests, NULL, NULL);

	report_done();
	return failed;
}
