/* SPDX-License-Identifier: Apache-2.0 */
/* A host's wall clock is set while machines run: they count for as long as they ran,
 * by CLOCK_BOOTTIME. Times are those of the wall clock. */
#include "positionlib.h"
#include "reportlib.h"

#define HOST "h1! 00:00 host cores_per_socket=8 boot=1\n"
#define RUN(r, seconds)                                                                            \
	assert_figure(r, "usage", "scope=fleet product=unclassified", "run_seconds", seconds)
#define APRIL "2026-04-01T"
#define MARCH "2026-03-31T"

static void
what_a_clock_jumps_over_is_no_run_time(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=2\n"
							"h1! 11:30 clock-step seconds=1800\n"
							"h1! 12:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "5400");
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "10800");
	assert_figure(r, "usage", "scope=fleet", "peak_seconds", "5400");
	assert_figure(r, "vms", "", "run_seconds", "5400");
	assert_figure(r, "vms", "", "first", "2026-03-01T10:00:00Z");
	assert_figure(r, "vms", "", "last", "2026-03-01T12:00:00Z");
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "41400");
	assert_int_equal(rows(r, "findings", "kind=clock-step"), 1);
}

static void
what_a_clock_goes_through_again_is_run_time_once_more(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=2\n"
							"h1! 11:00 clock-step seconds=-3600\n"
							"h1! 12:30 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "12600");
	assert_figure(r, "usage", "scope=fleet", "vcpu_seconds", "25200");
	assert_figure(r, "vms", "", "run_seconds", "12600");
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "48600");
}

static void
who_runs_only_while_a_clock_goes_through_an_hour_again_is_seen(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=2\n"
							"h1! 11:00 clock-step seconds=-3600\n"
							"h1! 11:10 start b vcpus=1\n"
							"h1! 11:40 stop b cause=shutdown\n"
							"h1! 12:30 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "14400");
	assert_figure(r, "usage", "scope=fleet", "peak", "2");
	assert_figure(r, "usage", "scope=fleet", "peak_seconds", "1800");
	assert_figure(r, "usage", "scope=fleet", "peak_at", "2026-03-01T12:10:00Z");
}

static void
a_clock_that_is_put_right_again_leaves_nothing(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
							"h1! 11:00 clock-step seconds=-3600\n"
							"h1! 12:30 clock-step seconds=3600\n"
							"h1! 13:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "10800");
	assert_figure(r, "vms", "", "last", "2026-03-01T13:00:00Z");
	r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
			       "h1! 12:00 clock-step seconds=3600\n"
			       "h1! 11:30 clock-step seconds=-3600\n"
			       "h1! 12:30 stop a cause=shutdown\n");
	RUN(r, "9000");
}

static void
a_month_has_no_hour_too_many_and_none_is_lost_at_its_end(void **state)
{
	static const char forward[] = "h1! " MARCH "22:00:00Z host cores_per_socket=8\n"
				      "h1! " MARCH "23:00:00Z start a vcpus=1\n"
				      "h1! " APRIL "00:30:00Z clock-step seconds=3600\n"
				      "h1! " APRIL "02:00:00Z stop a cause=shutdown\n";
	static const char backward[] = "h1! " MARCH "22:00:00Z host cores_per_socket=8\n"
				       "h1! " MARCH "23:00:00Z start a vcpus=1\n"
				       "h1! " MARCH "23:30:00Z clock-step seconds=-3600\n"
				       "h1! " APRIL "01:00:00Z stop a cause=shutdown\n";

	(void)state;
	RUN(report_of(forward, "2026-03", "2026-04", "UTC"), "1800");
	RUN(report_of(forward, "2026-04", "2026-05", "UTC"), "5400");
	RUN(report_of(forward, "2026-03", "2026-05", "UTC"), "7200");
	RUN(report_of(backward, "2026-03", "2026-04", "UTC"), "3600");
	RUN(report_of(backward, "2026-04", "2026-05", "UTC"), "7200");
	RUN(report_of(backward, "2026-03", "2026-05", "UTC"), "10800");
	/* The period begins and ends in what was jumped over. */
	RUN(report_of(forward, "2026-03-31T23:45:00Z", "2026-05", "UTC"), "5400");
	RUN(report_of(forward, "2026-03", "2026-04-01T00:15:00Z", "UTC"), "1800");
}

static void
a_month_of_720_hours_stays_one(void **state)
{
	static const char stepped[] = "h1! 2026-03-31T00:00:00Z host cores_per_socket=8\n"
				      "h1! 2026-03-31T00:00:00Z start a vcpus=1\n"
				      "h1! 2026-04-10T11:00:00Z clock-step seconds=-3600\n"
				      "h1! 2026-05-02T00:00:00Z heartbeat\n";

	(void)state;
	RUN(report_of(stepped, "2026-04", "2026-05", "UTC"), "2592000");
}

static void
a_step_while_no_agent_looked_is_one(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
							"h1! 11:00 heartbeat\n"
							"h1! 13:00 agent-start seconds=3600\n"
							"h1! 13:00 start a baseline=true vcpus=1\n"
							"h1! 14:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "10800");
}

static void
what_a_host_is_off_for_brings_its_time_back(void **state)
{
	const struct tally_json *r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
							"h1! 11:00 clock-step seconds=-3600\n"
							"h1! 11:30 stop a cause=shutdown\n"
							"h1!2 13:00 host-boot boot=2\n"
							"h1!2 14:00 start a vcpus=1\n"
							"h1!2 15:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "12600");
	assert_figure(r, "vms", "", "last", "2026-03-01T15:00:00Z");
	/* But not where it is too short. */
	r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
			       "h1! 11:00 clock-step seconds=-3600\n"
			       "h1! 11:30 stop a cause=shutdown\n"
			       "h1!2 12:00 host-boot boot=2\n"
			       "h1!2 12:00 start a vcpus=1\n"
			       "h1!2 13:00 stop a cause=shutdown\n");
	RUN(r, "12600");
	assert_figure(r, "vms", "", "last", "2026-03-01T14:00:00Z");
	/* Of its clock being set back while it was off nothing tells but the order. */
	r = report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
			       "h1! 12:00 stop a cause=shutdown\n"
			       "h1!2 11:00 host-boot boot=2\n"
			       "h1!2 11:10 start a vcpus=1\n"
			       "h1!2 11:40 stop a cause=shutdown\n");
	RUN(r, "9000");
}

static void
what_is_told_of_the_past_goes_with_the_clock(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h1! 10:00 start a vcpus=1\n"
				   "h1! 11:00 clock-step seconds=-3600\n"
				   "h1! 12:30 stop a cause=vanished not_before=12:00\n");

	(void)state;
	RUN(r, "10800");
	assert_int_equal(rows(r, "findings", "kind=stop-uncertain"), 1);
}

static void
an_import_tells_of_steps_in_a_time_that_went_on(void **state)
{
	const struct tally_json *r = report_of_day("h1 00:00 host cores_per_socket=8\n"
						   "h1 10:00 start a vcpus=1\n"
						   "h1 11:00 clock-step seconds=1800\n"
						   "h1 11:30 clock-step seconds=-3600\n"
						   "h1 12:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "7200");
}

static void
rules_and_money_count_what_ran(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_by_all_packs();
	r = report_of_day(HOST "h1! 10:00 start a vcpus=4 os=http://microsoft.com/win/2k22\n"
			       "h1! 11:30 clock-step seconds=1800\n"
			       "h1! 12:00 stop a cause=shutdown\n");
	assert_figure(r, "positions", "rule=windows-server/payg scope=fleet", "measured", "6");
	r = report_of_day(HOST "h1! 10:00 start a vcpus=4 os=http://microsoft.com/win/2k22\n"
			       "h1! 11:00 clock-step seconds=-3600\n"
			       "h1! 12:30 stop a cause=shutdown\n");
	assert_figure(r, "positions", "rule=windows-server/payg scope=fleet", "measured", "14");
	report_done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_clock_jumps_over_is_no_run_time),
		cmocka_unit_test(what_a_clock_goes_through_again_is_run_time_once_more),
		cmocka_unit_test(who_runs_only_while_a_clock_goes_through_an_hour_again_is_seen),
		cmocka_unit_test(a_clock_that_is_put_right_again_leaves_nothing),
		cmocka_unit_test(a_month_has_no_hour_too_many_and_none_is_lost_at_its_end),
		cmocka_unit_test(a_month_of_720_hours_stays_one),
		cmocka_unit_test(a_step_while_no_agent_looked_is_one),
		cmocka_unit_test(what_a_host_is_off_for_brings_its_time_back),
		cmocka_unit_test(what_is_told_of_the_past_goes_with_the_clock),
		cmocka_unit_test(an_import_tells_of_steps_in_a_time_that_went_on),
		cmocka_unit_test(rules_and_money_count_what_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
