/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of guests on a host that nobody has described, or not yet: never 0. */
#include <string.h>
#include "reportlib.h"

#define ORACLE "rule=oracle-database/processor"
#define DARK                                                                                       \
	"h1 01:00 start a vcpus=6 os=http://redhat.com/rhel/9.0 "                                  \
	"software=oracle-database-enterprise\n"                                                    \
	"h1 01:00 start b vcpus=2 os=http://suse.com/sles/15\n"

static void
assert_all(const struct tally_json *r, const char *rule, const char *scope, const char *expected)
{
	static const char *const readings[] = { "low", "measured", "high" };
	struct tally_buf where = TALLY_BUF_INIT;

	tally_buf_addf(&where, "%s %s", rule, scope);
	for (size_t i = 0; i < 3; i++)
		assert_figure(r, "positions", tally_buf_cstr(&where), readings[i], expected);
	tally_buf_deinit(&where);
}

static void
a_host_without_facts_is_none_of_no_cores(void **state)
{
	const struct tally_json *r = report_of_day(DARK "h1 02:00 heartbeat\n");

	(void)state;
	assert_all(r, ORACLE, "scope=fleet", "6");
	assert_all(r, ORACLE, "scope=host id=h1", "6");
	assert_all(r, "rule=rhel/virtual-datacenter", "scope=fleet", "1");
	assert_all(r, "rule=sles/unlimited", "scope=fleet", "1");
	assert_int_equal(rows(r, "findings", "kind=no-host-facts severity=warning"), 1);
}

/* 6 at 1.00 until the facts come; then 16 x 0.50, or 4 x 0.50, which is less. */
static void
what_was_not_known_yet_counts_until_it_is(void **state)
{
	const struct tally_json *r;

	(void)state;
	r = report_of_day(DARK "h1 03:00 host cores_per_socket=8,8 cpu=Xeon\nh1 04:00 heartbeat\n");
	assert_all(r, ORACLE, "scope=fleet", "8");
	r = report_of_day(DARK "h1 03:00 host cores_per_socket=2,2 cpu=Xeon\nh1 04:00 heartbeat\n");
	assert_all(r, ORACLE, "scope=fleet", "6");
}

static void
a_host_without_facts_and_without_guests_that_count_is_nothing(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 01:00 start b vcpus=2 os=http://suse.com/sles/15\n"
			      "h2 00:00 host cores_per_socket=4 cpu=Xeon\n"
			      "h2 01:00 start c vcpus=2 software=oracle-database-enterprise\n"
			      "h1 02:00 heartbeat\nh2 02:00 heartbeat\n");

	(void)state;
	assert_all(r, ORACLE, "scope=fleet", "2");
	assert_int_equal(rows(r, "positions", "rule=vmware/cores"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_without_facts_is_none_of_no_cores),
		cmocka_unit_test(what_was_not_known_yet_counts_until_it_is),
		cmocka_unit_test(a_host_without_facts_and_without_guests_that_count_is_nothing),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports unknown hosts", tests, NULL, NULL);
	report_done();
	return failed;
}
