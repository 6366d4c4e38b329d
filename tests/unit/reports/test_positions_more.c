/* SPDX-License-Identifier: Apache-2.0 */
/* Positions where something changes under a VM that runs on: its host's processor, a
 * right that ends, the cluster of its host, a host that fails or is given up. */
#include <stdio.h>
#include "positionlib.h"
#include "tally/err.h"

#define DATABASE "software=oracle-database-enterprise"
#define ORACLE   "rule=oracle-database/processor"
#define SQL      "rule=sql-server/vm product=sql-server-enterprise"

static void
readings_of_hosts_whose_processor_changed_are_in_order(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	(void)state;
	for (unsigned i = 1; i <= 2; i++)
		tally_buf_addf(
			&b,
			"h%u 00:00 host cores_per_socket=3 cpu=Intel%%20Xeon partitioning=olvm\n"
			"h%u 00:00 start %c vcpus=4 pinned=0 " DATABASE "\n"
			"h%u 12:00 host cores_per_socket=2 cpu=other partitioning=x\n"
			"h%u 23:59 heartbeat\n",
			i, i, 'a' + (int)i, i, i);
	r = report_of_day(tally_buf_cstr(&b));
	/* 2 cores at 1.00 are more than 3 at 0.50, though both take two licences. */
	assert_reading(r, ORACLE " id=h1", "2", "2", "2");
	assert_reading(r, ORACLE FLEET, "4", "4", "4");
	assert_figure(r, "positions", ORACLE " id=h1", "at", "2026-03-01T12:00:00Z");
	tally_buf_deinit(&b);
}

static void
what_a_cluster_reaches_is_no_less_than_what_ran(void **state)
{
	const struct tally_json *r = report_of_day(
		"h1 00:00 host cores_per_socket=9 cluster=c cpu=Intel%20Xeon\n"
		"h2 00:00 host cores_per_socket=9 cluster=c cpu=Intel%20Xeon\n"
		"h3 00:00 host cores_per_socket=1 cluster=c cpu=Intel%20Xeon\n"
		"h3 00:00 start a vcpus=4 " DATABASE "\nh3 01:00 stop a cause=shutdown\n"
		"h1 02:00 host cores_per_socket=5 cluster=c cpu=Itanium\n"
		"h2 02:00 host cores_per_socket=5 cluster=c cpu=Itanium\n"
		"h1 03:00 start b vcpus=4 " DATABASE "\n"
		"h2 03:00 start c vcpus=4 " DATABASE "\n"
		"h1 04:00 heartbeat\nh2 04:00 heartbeat\n");

	(void)state;
	/* Two of five at 1.00 and one at 0.50; each host's own worst are the five as well. */
	assert_reading(r, ORACLE FLEET, "11", "11", "11");
}

static const char *const tested = "h1 2025-12-15T00:00:00Z host cores_per_socket=8,8 cluster=a\n"
				  "h1 2025-12-15T00:00:00Z start a vcpus=8 environment=test "
				  "software=sql-server-enterprise " WIN " edition=standard\n"
				  "h1 2026-02-01T00:00:00Z heartbeat\n";

#define JANUARY(lines) report_of(lines, "2026-01-01", "2026-02-01", "UTC")

static void
a_right_excludes_only_while_it_is_in_force(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with("- {product: sql-server-enterprise, metric: core, quantity: 9, "
		    "rights: [dev-test], valid_to: 2026-01-01}\n",
		    NULL);
	r = JANUARY(tested);
	assert_reading(r, SQL FLEET, "8", "8", "8");
	assert_figure(r, "positions", SQL FLEET, "excluded", "");
	report_with("- {product: sql-server-enterprise, metric: core, quantity: 9, "
		    "rights: [dev-test], valid_from: 2026-01-01}\n",
		    NULL);
	r = JANUARY(tested);
	assert_reading(r, SQL FLEET, "0", "0", "0");
	assert_figure(r, "positions", SQL FLEET, "excluded", "?");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "rights: [dev-test], valid_to: 2026-01-10}\n",
		    NULL);
	r = JANUARY(tested);
	assert_reading(r, STANDARD FLEET, "16", "16", "16");
	assert_figure(r, "positions", STANDARD FLEET, "at", "2026-01-10T00:00:00Z");
	assert_figure(r, "positions", STANDARD FLEET, "excluded", "?");
	report_with(NULL, NULL);
}

static void
a_right_of_a_cluster_ends_where_the_host_leaves_it(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with("- {product: sql-server-enterprise, metric: core, quantity: 9, "
		    "rights: [dev-test], scope: \"cluster:a\"}\n",
		    NULL);
	r = JANUARY("h1 2025-12-15T00:00:00Z host cores_per_socket=8,8 cluster=a\n"
		    "h1 2025-12-15T00:00:00Z start a vcpus=8 environment=test "
		    "software=sql-server-enterprise\n"
		    "h1 2026-01-10T00:00:00Z host cores_per_socket=8,8 cluster=b\n"
		    "h1 2026-02-01T00:00:00Z heartbeat\n");
	assert_reading(r, SQL FLEET, "8", "8", "8");
	assert_reading(r, SQL " scope=cluster id=a", "0", "0", "0");
	assert_reading(r, SQL " scope=cluster id=b", "8", "8", "8");
	assert_figure(r, "positions", SQL FLEET, "at", "2026-01-10T00:00:00Z");
	report_with(NULL, NULL);
}

/* A VM that goes from h2 to h1 and on to h3; h1 had failed at some time before. */
static void
a_repaired_host_keeps_what_comes_to_it(void **state)
{
	static const char *const hosts =
		"h1 %s host cores_per_socket=8,8 cluster=c boot=1\n"
		"h1 %s host-failed\nh1 %s host cores_per_socket=8,8 cluster=c boot=2\n"
		"h2 2026-01-02T00:00:00Z host cores_per_socket=8,8 cluster=c\n"
		"h3 2026-01-02T00:00:00Z host cores_per_socket=8,8 cluster=c\n"
		"h2 2026-01-05T00:00:00Z start a vcpus=1 " WIN "\n"
		"h2 2026-01-10T00:00:00Z stop a cause=shutdown\n"
		"h1 2026-01-10T00:00:00Z start a vcpus=1 " WIN "\n"
		"h1 2026-01-15T00:00:00Z stop a cause=shutdown\n"
		"h3 2026-01-15T00:00:00Z start a vcpus=1 " WIN "\n"
		"h3 2026-02-01T00:00:00Z heartbeat\n";
	static const char *const when[][3] = {
		{ "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z", "2025-06-03T00:00:00Z" },
		{ "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char lines[2048];

		snprintf(lines, sizeof(lines), hosts, when[i][0], when[i][1], when[i][2]);
		assert_reading(JANUARY(lines), STANDARD FLEET, "32", "48", "48");
	}
}

static void
a_standby_counts_until_a_right_excludes_it(void **state)
{
	static const char *const lines = "h1 00:00 host cores_per_socket=8,8\nh1 01:00 start a "
					 "vcpus=8 software=sql-server-enterprise\n"
					 "h1 01:00 start b vcpus=6 software=sql-server-enterprise\n"
					 "h1 01:00 role b role=standby\nh1 02:00 heartbeat\n";
	const struct tally_json *r = report_of_day(lines);

	(void)state;
	assert_reading(r, SQL FLEET, "14", "14", "14");
	report_with("- {product: sql-server-enterprise, metric: core, quantity: 8, rights: [dr]}\n",
		    NULL);
	r = report_of_day(lines);
	assert_reading(r, SQL FLEET, "8", "8", "8");
	assert_figure(r, "positions", SQL FLEET, "excluded", "?");
	report_with(NULL, NULL);
	/* Hours are of whoever runs: there is no right that would take it out. */
	r = report_of_day("h1 01:00 start a vcpus=1 " WIN "\nh1 01:00 role a role=standby\n"
			  "h1 02:00 heartbeat\n");
	assert_reading(r, "rule=windows-server/payg" FLEET, "0", "0", "0");
}

static void
a_cluster_tells_of_who_came_with_a_host(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8 cluster=a\n"
			      "h1 01:00 start a vcpus=8 software=sql-server-enterprise\n"
			      "h1 10:00 host cores_per_socket=8,8 cluster=b\nh1 20:00 heartbeat\n");

	(void)state;
	assert_reading(r, SQL " scope=cluster id=b", "8", "8", "8");
	assert_figure(r, "positions", SQL " scope=cluster id=b", "because", "?");
	assert_figure(r, "positions", SQL " scope=cluster id=b", "evidence.imported", "1.000000");
	assert_figure(r, "positions", SQL FLEET, "because", "?");
	r = report_of_day("h1 00:00 host cores_per_socket=8,8 cluster=a\n"
			  "h1 01:00 start a vcpus=2 " WIN "\n"
			  "h1 10:00 host cores_per_socket=8,8 cluster=b\nh1 20:00 heartbeat\n");
	assert_figure(r, "positions", "rule=windows-server/payg" FLEET, "because", "?");
	assert_figure(r, "positions", "rule=windows-server/payg scope=cluster id=b", "because",
		      "?");
}

static void
a_retired_host_is_as_large_as_it_was(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=20,20\nh1 05:00 host-retired\n"
			      "h1 11:00 start a vcpus=2 " WIN "\nh1 12:00 heartbeat\n");

	(void)state;
	assert_reading(r, STANDARD FLEET, "40", "40", "40");
	assert_figure(r, "positions", STANDARD FLEET, "unresolved", "?");
	/* A host that nobody uses is none. */
	r = report_of_day(
		"h1 00:00 host cores_per_socket=20,20 hypervisor=vmware\n"
		"h1 05:00 host-retired\nh2 06:00 host cores_per_socket=20 hypervisor=vmware\n"
		"h2 12:00 heartbeat\n");
	assert_reading(r, "rule=vmware/cores" FLEET, "40", "40", "40");
}

static void
a_host_described_before_the_window_is_described(void **state)
{
	const struct tally_json *r =
		report_of("h1 2025-12-01T00:00:00Z start a vcpus=2 "
			  "software=oracle-database-enterprise\n"
			  "h1 2025-12-01T00:01:00Z host cores_per_socket=8,8 cpu=Xeon\n"
			  "h1 2026-02-01T00:00:00Z heartbeat\n",
			  "2026-01-01", "2026-02-01", "UTC");

	(void)state;
	assert_reading(r, ORACLE FLEET, "8", "8", "8");
	assert_figure(r, "positions", ORACLE FLEET, "unresolved", "");
}

static void
who_made_high_in_another_month_is_told(void **state)
{
	const struct tally_json *r =
		report_of("h1 2026-01-01T00:00:00Z host cores_per_socket=8,8\n"
			  "h1 2026-01-05T00:00:00Z start a vcpus=2 edition=standard " WIN "\n"
			  "h1 2026-01-05T00:00:00Z start d vcpus=2\n"
			  "h1 2026-01-06T00:00:00Z stop a cause=shutdown\n"
			  "h1 2026-01-06T00:00:00Z stop d cause=shutdown\n"
			  "h1 2026-02-05T00:00:00Z start b vcpus=2\n"
			  "h1 2026-02-05T00:00:00Z start c vcpus=2\n"
			  "h1 2026-02-05T00:00:00Z start d vcpus=2\n"
			  "h1 2026-03-01T00:00:00Z heartbeat\n",
			  "2026-01-01", "2026-03-01", "UTC");

	(void)state;
	assert_reading(r, "rule=windows-server-standard/spla-month" FLEET, "16", "16", "32");
	assert_figure(r, "positions", "rule=windows-server-standard/spla-month" FLEET, "from",
		      "2026-01-01T00:00:00Z");
	assert_figure(r, "positions", "rule=windows-server-standard/spla-month" FLEET, "unresolved",
		      "?,?,?");
}

static void
a_young_ledger_beside_an_old_one_is_told(void **state)
{
	static const char hosts[] =
		"h1 2025-06-01T00:00:00Z host cores_per_socket=8,8 cluster=c1\n"
		"h1 2025-06-01T00:00:00Z start a vcpus=2 os=http://microsoft.com/win/2k22\n"
		"h1 2026-03-31T00:00:00Z heartbeat\n"
		"h2 2026-03-15T00:00:00Z host cores_per_socket=8,8 cluster=c2\n"
		"h2 2026-03-15T00:00:00Z start b vcpus=2 os=http://microsoft.com/win/2k22\n"
		"h2 2026-03-31T00:00:00Z heartbeat\n"
		"h3 2026-03-15T00:00:00Z host cores_per_socket=8,8 cluster=c3\n"
		"h3 2026-03-31T00:00:00Z heartbeat\n";
	const struct tally_json *r;

	(void)state;
	r = report_of(hosts, "2026-03-01", "2026-04-01", "UTC");
	assert_int_equal(rows(r, "findings", "kind=short-history"), 1);
	assert_figure(r, "findings", "kind=short-history", "text",
		      "host h2: 2 rules look at days of which no ledger tells: "
		      "windows-server-datacenter/host, begun 2026-03-15T00:00:00Z; "
		      "windows-server-standard/host, begun 2026-03-15T00:00:00Z");
#define SHORT(where, is)                                                                           \
	assert_figure(r, "positions", "rule=windows-server-standard/host scope=" where,            \
		      "short_history", is)
	SHORT("host id=h1", "false");
	SHORT("host id=h2", "true");
	SHORT("cluster id=c1", "false");
	SHORT("cluster id=c2", "true");
	SHORT("cluster id=c3", "false");
	SHORT("fleet", "true");
#undef SHORT
}

static void
hosts_without_a_cluster_reach_no_other_and_that_is_told(void **state)
{
	static const char hosts[] =
		"h1 00:00 host cores_per_socket=16,16 cpu=Intel%20Xeon\n"
		"h1 01:00 start a vcpus=4 software=oracle-database-enterprise\n"
		"h1 03:00 heartbeat\n"
		"h2 00:00 host cores_per_socket=16,16 cpu=Intel%20Xeon\nh2 03:00 heartbeat\n";
	const struct tally_json *r;

	(void)state;
	r = report_of_day(hosts);
	assert_figure(r, "positions", "rule=oracle-database/processor scope=fleet", "high", "16");
	assert_figure(r, "positions", "rule=oracle-database/processor scope=cluster id=", "high",
		      "16");
	assert_figure(r, "findings", "kind=no-cluster", "text",
		      "1 rule by clusters counts hosts that tell of none, each by itself: "
		      "oracle-database/processor (1)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readings_of_hosts_whose_processor_changed_are_in_order),
		cmocka_unit_test(what_a_cluster_reaches_is_no_less_than_what_ran),
		cmocka_unit_test(a_right_excludes_only_while_it_is_in_force),
		cmocka_unit_test(a_repaired_host_keeps_what_comes_to_it),
		cmocka_unit_test(a_standby_counts_until_a_right_excludes_it),
		cmocka_unit_test(a_cluster_tells_of_who_came_with_a_host),
		cmocka_unit_test(a_retired_host_is_as_large_as_it_was),
		cmocka_unit_test(a_host_described_before_the_window_is_described),
		cmocka_unit_test(who_made_high_in_another_month_is_told),
		cmocka_unit_test(a_right_of_a_cluster_ends_where_the_host_leaves_it),
		cmocka_unit_test(a_young_ledger_beside_an_old_one_is_told),
		cmocka_unit_test(hosts_without_a_cluster_reach_no_other_and_that_is_told),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports positions more", tests, NULL, NULL);
	report_done();
	return failed;
}
