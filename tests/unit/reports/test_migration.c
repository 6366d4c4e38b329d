/* SPDX-License-Identifier: Apache-2.0 */
/* Two sides of one migration, and one UUID that runs twice. */
#include "reportlib.h"

#define HOSTS                                                                                      \
	"h1 00:00 host cores_per_socket=8\nh2 00:00 host cores_per_socket=8\n"                     \
	"h3 00:00 host cores_per_socket=8\nh1 09:00 start a vcpus=2 os=urn:x edition=e tenant=t "  \
	"name=web software=s1 evidence=agent\n"
#define RUN(r, host, expected)                                                                     \
	assert_figure(r, "usage", "product=urn:x scope=host id=" host, "run_seconds", expected)

static void
a_migration_is_one_run_without_its_downtime(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS
		"h1 10:00:00 migrate-out a peer=h2\nh2 10:00:05 migrate-in a vcpus=2 peer=h1\n"
		"h2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600");
	RUN(r, "h2", "3595");
	assert_figure(r, "usage", "scope=fleet", "run_seconds", "7195");
	assert_figure(r, "vms", "", "hosts", "h1,h2");
	assert_figure(r, "vms", "", "run_seconds", "7195");
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 0);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 0);
}

static void
what_a_migrate_in_does_not_give_it_inherits(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h1 10:00:00 migrate-out a\nh2 10:00:00 migrate-in a vcpus=2 tenant=u\n"
		      "h2 11:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "vms", "", "product", "urn:x");
	assert_figure(r, "vms", "", "edition", "e");
	assert_figure(r, "vms", "", "name", "web");
	assert_figure(r, "vms", "", "software", "s1");
	assert_figure(r, "vms", "", "evidence", "agent");
	assert_figure(r, "vms", "", "tenant", "u");
	assert_figure(r, "usage", "scope=tenant id=t", "run_seconds", "3600");
}

static void
an_overlap_never_counts_twice(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS
		"h2 10:00:00 migrate-in a vcpus=2 peer=h1\nh1 10:00:40 migrate-out a peer=h2\n"
		"h2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3600");
	RUN(r, "h2", "3600");
	assert_figure(r, "usage", "scope=fleet", "peak", "1");
	assert_int_equal(rows(r, "findings", "kind=uuid-conflict"), 0);
}

static void
beyond_sixty_seconds_nothing_joins(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS "h2 10:00:00 migrate-in a vcpus=2\nh1 10:01:00.000000001 migrate-out a\n"
		      "h2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3660.000000001");
	assert_figure(r, "usage", "scope=fleet", "peak", "2");
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 1);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 1);
	assert_figure(r, "findings", "kind=uuid-conflict", "text",
		      "1 time that one UUID ran twice, not joined by a migration, 60.000000001 s "
		      "in all: VM "
		      "web (00000000-0000-0000-0000-000000000061) on h1 and h2 from "
		      "2026-03-01T10:00:00Z to "
		      "2026-03-01T10:01:00.000000001Z");
	/* At sixty exactly it does. */
	r = report_of_day(HOSTS "h2 10:00:00 migrate-in a vcpus=2\nh1 10:01:00 migrate-out a\n"
				"h2 11:00 stop a cause=shutdown\n");
	RUN(r, "h1", "3600");
}

static void
peers_that_disagree_do_not_join(void **state)
{
	const struct tally_json *r = report_of_day(
		HOSTS
		"h2 10:00:00 migrate-in a vcpus=2 peer=h3\nh1 10:00:10 migrate-out a peer=h2\n"
		"h2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3610");
	assert_figure(r, "findings", "kind=left-estate", "text",
		      "host h1: 1 migration to outside the ledgers of this report: VM "
		      "00000000-0000-0000-0000-000000000061 at 2026-03-01T10:00:10Z to h2");
}

static void
the_nearest_pairs_join_first(void **state)
{
	/* In on h2 at :20, out of h1 at :30 and of h3 at :25: h3's is nearer. */
	const struct tally_json *r =
		report_of_day(HOSTS "h3 09:00 start a vcpus=2\nh2 10:00:20 migrate-in a "
				    "vcpus=2\nh3 10:00:25 migrate-out a\n"
				    "h1 10:00:30 migrate-out a\nh2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3630");
	assert_figure(r, "usage", "scope=host id=h3", "run_seconds", "3620");
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 1);
}

static void
there_and_back_within_a_minute_joins_both_ways(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h1 10:00:00 migrate-out a\nh2 10:00:01 migrate-in a vcpus=2\n"
				    "h2 10:00:20 migrate-out a\nh1 10:00:21 migrate-in a vcpus=2\n"
				    "h1 10:00:40 migrate-out a\nh2 10:00:41 migrate-in a "
				    "vcpus=2\nh2 11:00 stop a cause=shutdown\n");

	(void)state;
	RUN(r, "h1", "3619");
	RUN(r, "h2", "3578");
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 0);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 0);
}

static void
one_uuid_that_runs_twice_counts_twice(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h2 10:00 start a vcpus=2 os=urn:x\nh1 11:00 stop a "
				    "cause=shutdown\nh2 12:00 stop a cause=shutdown\n");

	(void)state;
	assert_figure(r, "usage", "scope=fleet edition=e", "run_seconds", "7200");
	assert_figure(r, "usage", "scope=fleet edition=", "run_seconds", "7200");
	assert_figure(r, "findings", "kind=uuid-conflict", "severity", "error");
}

static void
a_late_migrate_out_behind_the_period_still_ends_the_run_at_the_migrate_in(void **state)
{
	const struct tally_json *r =
		report_of(HOSTS "h2 10:00:00 migrate-in a vcpus=2\nh1 10:00:40 migrate-out a\nh2 "
				"11:00 stop a cause=shutdown\n",
			  "2026-03-01", "2026-03-01T10:00:30Z", "UTC");

	(void)state;
	RUN(r, "h1", "3600");
	RUN(r, "h2", "30");
}

static void
many_moves_at_once_each_find_the_nearest(void **state)
{
	/* One VM that moves every 3 s, with a second of downtime. */
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	tally_buf_add_str(&lines, HOSTS);
	for (unsigned i = 0; i < 400; i++) {
		unsigned from = 36000 + i * 3;

		tally_buf_addf(&lines, "h%u %02u:%02u:%02u migrate-out a\n", 1 + i % 2, from / 3600,
			       from / 60 % 60, from % 60);
		from++;
		tally_buf_addf(&lines, "h%u %02u:%02u:%02u migrate-in a vcpus=2\n", 1 + (i + 1) % 2,
			       from / 3600, from / 60 % 60, from % 60);
	}
	tally_buf_add_str(&lines, "h1 12:00 heartbeat\nh2 12:00 heartbeat\n");
	r = report_of_day(tally_buf_cstr(&lines));
	assert_figure(r, "usage", "scope=fleet", "run_seconds", "10400"); /* 3 h less 400 s */
	assert_int_equal(rows(r, "findings", "kind=left-estate"), 0);
	assert_int_equal(rows(r, "findings", "kind=entered-estate"), 0);
	tally_buf_deinit(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_migration_is_one_run_without_its_downtime),
		cmocka_unit_test(what_a_migrate_in_does_not_give_it_inherits),
		cmocka_unit_test(an_overlap_never_counts_twice),
		cmocka_unit_test(beyond_sixty_seconds_nothing_joins),
		cmocka_unit_test(peers_that_disagree_do_not_join),
		cmocka_unit_test(the_nearest_pairs_join_first),
		cmocka_unit_test(there_and_back_within_a_minute_joins_both_ways),
		cmocka_unit_test(one_uuid_that_runs_twice_counts_twice),
		cmocka_unit_test(
			a_late_migrate_out_behind_the_period_still_ends_the_run_at_the_migrate_in),
		cmocka_unit_test(many_moves_at_once_each_find_the_nearest),
	};
	int failed = cmocka_run_group_tests_name("reports migration", tests, NULL, NULL);

	report_done();
	return failed;
}
