/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations as agents record them: the source says when it was left and, later,
 * that it ended; the target when it began to execute. Neither names the other.
 */
#include "reportlib.h"

#define HOSTS                                                                                      \
	"h1! 00:00 host cores_per_socket=8 boot=b1\nh2! 00:00 host cores_per_socket=8 boot=b2\n"   \
	"h1! 09:00 start a vcpus=2 os=urn:x domain_id=1 start_ticks=11\n"
#define IN_H2 "h2! 10:00:00.020 migrate-in a vcpus=2 state=5 os=urn:x domain_id=3 start_ticks=33\n"
#define RUN(r, host, expected)                                                                     \
	assert_figure(r, "usage", "product=urn:x scope=host id=" host, "run_seconds", expected)

static void
assert_no_finding(const struct tally_json *r, const char *where)
{
	if (rows(r, "findings", where) != 0)
		fail_msg("%s: %s", where, figure(r, "findings", where, "text"));
}

static void
assert_joined(const struct tally_json *r)
{
	assert_no_finding(r, "kind=left-estate");
	assert_no_finding(r, "kind=entered-estate");
	assert_no_finding(r, "kind=uuid-conflict");
	assert_figure(r, "usage", "scope=fleet product=urn:x", "peak", "1");
}

static void
a_migration_has_neither_overlap_nor_hole_beyond_its_downtime(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 10:00:00.006 suspend a cause=migrated\n" IN_H2
		      "h1! 10:00:02.100 migrate-out a\nh2! 11:00 stop a cause=shutdown\n"
		      "h1! 12:00 heartbeat\n");

	(void)state;
	RUN(r, "h1", "3600.006");
	RUN(r, "h2", "3599.98");
	assert_figure(r, "usage", "scope=fleet product=urn:x", "run_seconds", "7199.986");
	assert_figure(r, "vms", "", "hosts", "h1,h2");
	assert_joined(r);
}

static void
a_source_that_ends_first_by_an_exit_joins_the_same(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS
		"h1! 10:00:00.006 suspend a cause=postcopy\nh1! 10:00:00.010 migrate-out a\n" IN_H2
		"h2! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600.006");
	assert_joined(r);
}

static void
post_copy_ends_the_source_at_the_switch_over_however_long_it_goes_on(void **state)
{
	/* Meanwhile the VM goes on from h2 to h3 and h3 stops it. */
	const struct tally_json *r =
		report_of_day("h3! 00:00 host cores_per_socket=8 boot=b3\n" HOSTS
			      "h1! 10:00:00.006 suspend a cause=postcopy\n" IN_H2
			      "h2! 10:02:00.000 suspend a cause=migrated\n"
			      "h3! 10:02:00.010 migrate-in a vcpus=2 state=5 os=urn:x domain_id=4\n"
			      "h2! 10:02:02.000 migrate-out a\n"
			      "h1! 10:05:00 migrate-out a\nh3! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600.006");
	RUN(r, "h2", "119.98");
	RUN(r, "h3", "3479.99");
	assert_joined(r);
}

static void
a_migration_that_fails_is_one_run_on_the_source(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h2! 10:00:00 migration-failed a cause=failed\n"
		      "h1! 10:00:00.006 suspend a cause=migrated\n"
		      "h1! 10:00:01 resume a cause=migrated\nh1! 10:00:01 migration-failed a\n"
		      "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "7200");
	assert_figure(r, "usage", "product=urn:x scope=host id=h1", "states.paused", "0.994");
	assert_int_equal(rows(r, "vms", ""), 1);
	assert_joined(r);
}

static void
one_that_is_aborted_before_the_switch_over_is_nothing(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h2! 10:00:00 migration-failed a cause=failed\n"
				    "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "7200");
	assert_figure(r, "usage", "product=urn:x scope=host id=h1", "states.paused", "0");
	assert_joined(r);
}

static void
a_second_try_that_succeeds_ends_the_run_at_its_own_switch_over(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 09:30:00 suspend a cause=migrated\n"
		      "h1! 09:30:01 resume a cause=migrated\nh1! 09:30:01 migration-failed a\n"
		      "h1! 10:00:00.006 suspend a cause=migrated\n" IN_H2
		      "h1! 10:00:02.100 migrate-out a\nh2! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600.006");
	assert_joined(r);
}

static void
a_source_that_is_killed_behind_the_switch_over_ended_at_it(void **state)
{
	static const char *const ends[] = {
		"h1! 10:00:01.500 stop a cause=failed\n",
		"h1! 10:00:01.500 stop a cause=unknown\n",
		"h1! 10:00:11 stop a cause=vanished not_before=10:00:01\n",
		"h1!2 10:00:30 host-boot boot=b9\n", /* the whole host was lost */
		"",                                  /* nothing was ever heard again */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct tally_buf b = TALLY_BUF_INIT;
		const struct tally_json *r;

		tally_buf_addf(&b, "%s%s%s%s%s", HOSTS,
			       "h1! 10:00:00.006 suspend a cause=migrated\n", IN_H2, ends[i],
			       "h2! 11:00 stop a cause=shutdown\n");
		r = report_of_day(tally_buf_cstr(&b));
		RUN(r, "h1", "3600.006");
		RUN(r, "h2", "3599.98");
		assert_joined(r);
		assert_no_finding(r, "kind=stop-uncertain");
		tally_buf_deinit(&b);
	}
}

static void
a_source_that_is_killed_before_the_switch_over_just_stopped(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h1! 10:00:01.500 stop a cause=failed\n"
				    "h2! 10:00:01.600 migration-failed a cause=failed\n");

	(void)state;
	RUN(r, "h1", "3601.5");
	assert_joined(r);
}

static void
both_killed_at_the_switch_over_is_a_stop_where_it_was_seen(void **state)
{
	/* Nothing joins: it was suspended here, and ended here. */
	const struct tally_json *r =
		report_of_day(HOSTS "h1! 10:00:00.006 suspend a cause=migrated\n"
				    "h2! 10:00:00.500 migration-failed a cause=failed\n"
				    "h1! 10:00:01.500 stop a cause=failed\n");

	(void)state;
	RUN(r, "h1", "3601.5");
	assert_joined(r);
}

static void
a_target_that_is_killed_lets_the_source_go_on(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS
		"h1! 10:00:00.006 suspend a cause=migrated\n"
		"h2! 10:00:00.100 migration-failed a cause=failed\n"
		"h1! 10:00:00.200 resume a cause=migrated\nh1! 10:00:00.200 migration-failed a\n"
		"h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "7200");
	assert_joined(r);
}

static void
a_host_without_an_agent_is_outside_the_estate_in_both_directions(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 10:00:00.006 suspend a cause=migrated\nh1! 10:00:02 migrate-out a\n"
		      "h1! 10:30:00 migrate-in a vcpus=2 state=5 os=urn:x domain_id=2\n"
		      "h1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "5400.006");
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 1);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 1);
	assert_figure(r, "findings", "kind=left-estate", "text",
		      "host h1: 1 migration to outside the ledgers of this report: VM "
		      "00000000-0000-0000-0000-000000000061 at 2026-03-01T10:00:00.006Z");
}

static void
there_and_back_within_a_minute_joins_both_ways(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 10:00:00.000 suspend a cause=migrated\n" IN_H2
		      "h1! 10:00:02.000 migrate-out a\n"
		      "h2! 10:00:20.000 suspend a cause=migrated\n"
		      "h1! 10:00:20.010 migrate-in a vcpus=2 state=5 os=urn:x domain_id=2\n"
		      "h2! 10:00:22.000 migrate-out a\nh1! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "7179.99");
	RUN(r, "h2", "19.98");
	assert_joined(r);
}

static void
a_target_whose_clock_is_behind_ends_the_source_at_its_own_begin(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS IN_H2 "h1! 10:00:03 suspend a cause=migrated\n"
			    "h1! 10:00:05 migrate-out a\nh2! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600.02");
	RUN(r, "h2", "3599.98");
	assert_joined(r);
}

static void
a_paused_vm_moves_paused(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 09:30 suspend a cause=paused\n"
		      "h2! 10:00:00 migrate-in a vcpus=2 state=6 os=urn:x domain_id=3\n"
		      "h1! 10:00:02 migrate-out a\nh2! 11:00 stop a cause=destroyed\n");

	(void)state;
	RUN(r, "h1", "3600");
	assert_figure(r, "usage", "product=urn:x scope=host id=h2", "states.paused", "3600");
	assert_joined(r);
}

static void
a_migration_while_the_sources_manager_was_away_joins_by_its_time(void **state)
{
	/* Its process was seen to end; or nothing was seen at all. */
	static const char *const ends[] = {
		"h1! 10:00:01.500 stop a cause=unknown\n",
		"h1! 10:00:11 stop a cause=vanished not_before=09:59:50\n",
		"h1! 10:00:11 stop a cause=vanished\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct tally_buf b = TALLY_BUF_INIT;
		const struct tally_json *r;

		tally_buf_addf(&b, "%s%s%s%s%s%s", HOSTS,
			       "h1! 09:59:55 gap-begin from=09:59:50 reason=connection%20lost\n",
			       IN_H2, ends[i], "h1! 10:00:20 gap-end\n",
			       "h2! 11:00 stop a cause=shutdown\n");
		r = report_of_day(tally_buf_cstr(&b));
		RUN(r, "h1", "3600.02");
		RUN(r, "h2", "3599.98");
		assert_joined(r);
		assert_no_finding(r, "kind=stop-uncertain");
		tally_buf_deinit(&b);
	}
}

static void
an_exit_that_is_recorded_late_ends_no_later_for_its_migration(void **state)
{
	/* The process ended first, and its record waited behind another's. */
	const struct tally_json *r = report_of_day(
		HOSTS "h1! 09:00 start b vcpus=1 os=urn:y domain_id=2\n"
		      "h2! 10:00:01 migrate-in a vcpus=2 state=5 os=urn:x domain_id=3\n"
		      "h1! 10:00:02 config b vcpus=2\nh1! 10:00:00 stop a cause=unknown\n"
		      "h2! 11:00 stop a cause=shutdown\nh1! 11:00 stop b cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600");
	RUN(r, "h2", "3599");
	assert_joined(r);
}

static void
a_stop_that_nobody_explains_yields_to_a_migrated_out(void **state)
{
	/* h3 had it too, and says that it migrated; the stop on h1 is a stop. */
	const struct tally_json *r =
		report_of_day("h3! 00:00 host cores_per_socket=8 boot=b3\n"
			      "h3! 09:00 start a vcpus=2 os=urn:x domain_id=9\n" HOSTS IN_H2
			      "h1! 10:00:01 stop a cause=unknown\nh3! 10:00:40 migrate-out a\n"
			      "h2! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3601");
	RUN(r, "h3", "3600.02");
}

static void
a_stop_with_a_reason_is_no_migration(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS IN_H2 "h1! 10:00:01 stop a cause=destroyed\n"
					  "h2! 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3601");
	assert_int_equal(rows(r, "findings", "kind=uuid-conflict"), 1);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 1);
}

static void
an_import_knows_nothing_of_departures(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 00:00 host cores_per_socket=8\nh1 09:00 start a vcpus=2 os=urn:x\n"
		"h1 10:00 suspend a cause=migrated\nh1 10:00:02 migrate-out a\n");

	(void)state;
	RUN(r, "h1", "3602");
}

static void
many_moves_of_one_vm_each_find_their_own(void **state)
{
	/* Every 3 s, 10 ms of downtime, the migrated-out two seconds late. */
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	tally_buf_add_str(&lines, HOSTS);
	for (unsigned i = 0; i < 300; i++) {
		unsigned s = 36000 + i * 3;

		tally_buf_addf(&lines, "h%u! %02u:%02u:%02u suspend a cause=migrated\n", 1 + i % 2,
			       s / 3600, s / 60 % 60, s % 60);
		tally_buf_addf(&lines,
			       "h%u! %02u:%02u:%02u.010 migrate-in a vcpus=2 state=5 os=urn:x "
			       "domain_id=%u\n",
			       1 + (i + 1) % 2, s / 3600, s / 60 % 60, s % 60, i + 5);
		s += 2;
		tally_buf_addf(&lines, "h%u! %02u:%02u:%02u migrate-out a\n", 1 + i % 2, s / 3600,
			       s / 60 % 60, s % 60);
	}
	tally_buf_add_str(&lines, "h1! 12:00 heartbeat\nh2! 12:00 heartbeat\n");
	r = report_of_day(tally_buf_cstr(&lines));
	assert_figure(r, "usage", "scope=fleet product=urn:x", "run_seconds", "10797");
	assert_joined(r);
	tally_buf_deinit(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_migration_has_neither_overlap_nor_hole_beyond_its_downtime),
		cmocka_unit_test(a_source_that_ends_first_by_an_exit_joins_the_same),
		cmocka_unit_test(
			post_copy_ends_the_source_at_the_switch_over_however_long_it_goes_on),
		cmocka_unit_test(a_migration_that_fails_is_one_run_on_the_source),
		cmocka_unit_test(one_that_is_aborted_before_the_switch_over_is_nothing),
		cmocka_unit_test(a_second_try_that_succeeds_ends_the_run_at_its_own_switch_over),
		cmocka_unit_test(a_source_that_is_killed_behind_the_switch_over_ended_at_it),
		cmocka_unit_test(a_source_that_is_killed_before_the_switch_over_just_stopped),
		cmocka_unit_test(both_killed_at_the_switch_over_is_a_stop_where_it_was_seen),
		cmocka_unit_test(a_target_that_is_killed_lets_the_source_go_on),
		cmocka_unit_test(a_host_without_an_agent_is_outside_the_estate_in_both_directions),
		cmocka_unit_test(there_and_back_within_a_minute_joins_both_ways),
		cmocka_unit_test(a_target_whose_clock_is_behind_ends_the_source_at_its_own_begin),
		cmocka_unit_test(a_paused_vm_moves_paused),
		cmocka_unit_test(a_migration_while_the_sources_manager_was_away_joins_by_its_time),
		cmocka_unit_test(an_exit_that_is_recorded_late_ends_no_later_for_its_migration),
		cmocka_unit_test(a_stop_that_nobody_explains_yields_to_a_migrated_out),
		cmocka_unit_test(a_stop_with_a_reason_is_no_migration),
		cmocka_unit_test(an_import_knows_nothing_of_departures),
		cmocka_unit_test(many_moves_of_one_vm_each_find_their_own),
	};
	int failed = cmocka_run_group_tests_name("reports live moves", tests, NULL, NULL);

	report_done();
	return failed;
}
