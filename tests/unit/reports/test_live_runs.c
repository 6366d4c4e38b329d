/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of a live part: gaps, exits, crashes, and what an agent does not know. */
#include "reportlib.h"

#define HOST  "h1! 09:00 host cores_per_socket=8 boot=b1\n"
#define START "h1! 09:00 start a vcpus=2 os=urn:x domain_id=1 start_ticks=11\n"
#define RUN(r, expected)                                                                           \
	assert_figure(r, "usage", "product=urn:x scope=host id=h1", "run_seconds", expected)
#define STATE(r, state, expected)                                                                  \
	assert_figure(r, "usage", "product=urn:x scope=host id=h1", "states." state, expected)

static void
an_exit_while_the_manager_was_away_ends_the_run_exactly(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00:04 gap-begin from=10:00:00 reason=connection%20lost\n"
			   "h1! 10:10:00 stop a cause=unknown\n"
			   "h1! 10:20:00 gap-end\nh1! 11:00 heartbeat\n");

	(void)state;
	RUN(r, "4200");
	assert_int_equal(rows(r, "findings", "kind=stop-uncertain"), 0);
}

static void
what_vanished_while_the_manager_was_away_counts_to_its_bound(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00:04 gap-begin from=10:00:00 reason=connection%20lost\n"
			   "h1! 10:20:00 gap-end\n"
			   "h1! 10:20:01 stop a cause=vanished not_before=10:00:00\n");

	(void)state;
	RUN(r, "3600");
	assert_int_equal(rows(r, "findings", "kind=stop-uncertain"), 1);
}

/* Its cause came seconds later, and other things were recorded meanwhile. */
static void
a_stop_that_is_recorded_late_counts_at_its_own_instant(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 09:00 start b vcpus=1 os=urn:y domain_id=2 start_ticks=12\n"
			   "h1! 10:00:02.500 suspend b cause=paused\n"
			   "h1! 10:00:02.600 heartbeat\n"
			   "h1! 10:00 stop a cause=failed\n"
			   "h1! 10:00:03 start a vcpus=2 os=urn:x domain_id=3 start_ticks=13\n"
			   "h1! 10:30 crashed a cause=crashed\nh1! 10:30:05 heartbeat\n"
			   "h1! 10:30:01 stop a cause=crashed\n");

	(void)state;
	RUN(r, "5397");
	STATE(r, "crashed", "1");
	assert_figure(r, "usage", "product=urn:y scope=host id=h1", "run_seconds", "5405");
	assert_int_equal(rows(r, "findings", "kind=stop-uncertain"), 0);
	assert_int_equal(rows(r, "findings", "kind=uuid-conflict"), 0);
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 0);
}

static void
the_same_process_on_both_sides_of_an_agents_absence_ran_through(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START
		"h1! 10:00 heartbeat from=09:00 to=10:00\n"
		"h1! 10:30 agent-start\nh1! 10:30 gap from=10:00 to=10:30 reason=agent%20down\n"
		"h1! 10:30 baseline a vcpus=2 state=5 domain_id=1 start_ticks=11\n"
		"h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "7200");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 0);
	assert_figure(r, "coverage", "host=h1", "metered_seconds", "3600");
	assert_int_equal(rows(r, "findings", "kind=gap"), 1);
}

static void
another_process_behind_an_agents_absence_ran_from_there_on(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START
		"h1! 10:00 heartbeat from=09:00 to=10:00\n"
		"h1! 10:30 agent-start\nh1! 10:30 gap from=10:00 to=10:30 reason=agent%20down\n"
		"h1! 10:30 stop a cause=vanished not_before=10:00\n"
		"h1! 10:30 baseline a vcpus=2 os=urn:x state=5 domain_id=1 start_ticks=99\n"
		"h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "5400");
}

static void
a_process_that_was_not_known_at_the_start_is_the_same_when_it_is(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1! 09:00 start a vcpus=2 os=urn:x domain_id=1\n"
		     "h1! 10:00 baseline a vcpus=2 state=5 domain_id=1 start_ticks=11\n"
		     "h1! 10:30 baseline a vcpus=2 state=5 domain_id=1 start_ticks=11\n"
		     "h1! 11:00 baseline a vcpus=2 os=urn:x state=5 domain_id=1 start_ticks=12\n"
		     "h1! 12:00 stop a cause=shutdown\n");

	(void)state;
	/* Known from 10:00 on, and another one at 11:00: the first counts to 10:30. */
	RUN(r, "9000");
	assert_int_equal(rows(r, "findings", "kind=missed-stop"), 1);
}

static void
a_gap_inside_another_does_not_move_its_begin(void **state)
{
	/* The agent died while it had no connection. */
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00:04 gap-begin from=10:00:00 reason=connection%20lost\n"
			   "h1! 10:10 agent-start\n"
			   "h1! 10:10 gap from=10:00:04 to=10:10 reason=agent%20down\n"
			   "h1! 10:11 gap-end\nh1! 10:11 stop a cause=vanished\n");

	(void)state;
	RUN(r, "3600");
	assert_figure(r, "coverage", "host=h1", "gaps", "?,?");
}

static void
a_crash_that_is_preserved_runs_no_more(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00 crashed a cause=crashed\nh1! 11:00 stop a cause=destroyed\n");

	(void)state;
	RUN(r, "3600");
	STATE(r, "crashed", "3600");
}

static void
a_crash_that_restarts_goes_on_in_its_run(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00 crashed a cause=crashed\nh1! 10:00:02 resume a\n"
			   "h1! 11:00 stop a cause=destroyed\n");

	(void)state;
	RUN(r, "7198");
	assert_int_equal(rows(r, "vms", ""), 1);
}

static void
a_crash_that_destroys_ends_at_the_crash(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START
		"h1! 10:00 crashed a cause=crashed\nh1! 10:00:00.300 stop a cause=crashed\n");

	(void)state;
	RUN(r, "3600");
	STATE(r, "crashed", "0.3");
}

static void
a_suspended_guest_runs_again_at_its_wakeup(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00 suspend a cause=pmsuspended state=7\n"
			   "h1! 10:30 resume a cause=wakeup\nh1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "5400");
	STATE(r, "suspended", "1800");
}

static void
claims_that_a_baseline_takes_back_are_unknown_from_there_on(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST "h1! 09:00 start a vcpus=2 os=urn:x tenant=acme domain_id=1\n"
		     "h1! 10:00 baseline a vcpus=2 state=5 tenant= domain_id=1\n"
		     "h1! 10:30 os-claim a os= evidence=none\nh1! 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "product=urn:x scope=tenant id=acme", "run_seconds", "3600");
	RUN(r, "5400");
	assert_figure(r, "usage", "product=unclassified scope=host id=h1", "run_seconds", "1800");
}

static void
a_reboot_by_the_host_is_a_run_for_each_boot(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST START "h1! 10:00 stop a cause=shutdown\n"
			   "h1! 10:00:00.020 start a vcpus=2 os=urn:x domain_id=1 start_ticks=11\n"
			   "h1! 10:00:00.020 rebooted a cause=host\n"
			   "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "7199.98");
}

static void
one_uuid_twice_on_one_host_is_an_error_and_counts_once(void **state)
{
	const struct tally_json *r = report_of_day(HOST START "h1! 10:00 conflict a domain_id=2\n"
							      "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "7200");
	assert_figure(r, "findings", "kind=uuid-conflict", "severity", "error");
}

/* A part reads one entry ahead, over all that is not its own: an index holds what the
 * present entry says for as long. */
static void
entries_of_a_part_may_lie_far_apart_in_its_ledger(void **state)
{
	static const char *const live[] = {
		START, "h1! 10:00 suspend a cause=paused\n", "h1! 11:00 resume a cause=unpaused\n",
		"h1! 12:00 migrate-out a cause=migrated peer=h2\nh1! 12:00:05 heartbeat\n"
	};
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	tally_buf_add_str(&lines, HOST "h1 01:00 host cores_per_socket=8 boot=b0\n");
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		tally_buf_addf(&lines, "%s", live[i]);
		for (unsigned k = 0; k < 70; k++)
			tally_buf_addf(&lines,
				       "h1 0%zu:%02u:%02u start %c vcpus=1 os=urn:%u name=n%zu\n",
				       2 + i, k / 6, k % 6, 'b' + (char)(k % 20), k, i);
	}
	r = report_of_day(tally_buf_cstr(&lines));
	RUN(r, "10800");
	STATE(r, "paused", "3600");
	tally_buf_deinit(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_while_the_manager_was_away_ends_the_run_exactly),
		cmocka_unit_test(what_vanished_while_the_manager_was_away_counts_to_its_bound),
		cmocka_unit_test(a_stop_that_is_recorded_late_counts_at_its_own_instant),
		cmocka_unit_test(the_same_process_on_both_sides_of_an_agents_absence_ran_through),
		cmocka_unit_test(another_process_behind_an_agents_absence_ran_from_there_on),
		cmocka_unit_test(a_process_that_was_not_known_at_the_start_is_the_same_when_it_is),
		cmocka_unit_test(a_gap_inside_another_does_not_move_its_begin),
		cmocka_unit_test(a_crash_that_is_preserved_runs_no_more),
		cmocka_unit_test(a_crash_that_restarts_goes_on_in_its_run),
		cmocka_unit_test(a_crash_that_destroys_ends_at_the_crash),
		cmocka_unit_test(a_suspended_guest_runs_again_at_its_wakeup),
		cmocka_unit_test(claims_that_a_baseline_takes_back_are_unknown_from_there_on),
		cmocka_unit_test(a_reboot_by_the_host_is_a_run_for_each_boot),
		cmocka_unit_test(one_uuid_twice_on_one_host_is_an_error_and_counts_once),
		cmocka_unit_test(entries_of_a_part_may_lie_far_apart_in_its_ledger),
	};
	int failed = cmocka_run_group_tests_name("reports live runs", tests, NULL, NULL);

	report_done();
	return failed;
}
