/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that ask of each VM by itself: what is distinct in a period, and time with a
 * minimum and steps. */
#include <string.h>
#include "../../../reports/rule.h"
#include "reportlib.h"
#include "tally/err.h"

#define OS "os=http://x.example/1"

static void
by_rule(const char *rule)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_addf(&b,
		       "pack: p\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
		       "  - {rule: p/r, title: T, valid_from: 2020-01-01, unit: u, product: p,\n"
		       "    source: {text: t, read: 2026-01-01},\n"
		       "    guests: {os: [\"http://x.example/\"]},\n"
		       "    %s}\n",
		       rule);
	report_done();
	report_by_pack(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
}

static void
assert_measured(const struct tally_json *r, const char *where, const char *expected)
{
	assert_figure(r, "positions", where, "measured", expected);
}

/* Three that follow one another, of which one moves and one grows; a fourth unknown. */
static const char moves[] = "h1 00:00 host cores_per_socket=8 cluster=c\n"
			    "h2 00:00 host cores_per_socket=8 cluster=c\n"
			    "h1 01:00 start a vcpus=2 " OS "\n"
			    "h1 02:00 config a vcpus=6\n"
			    "h1 03:00 config a vcpus=1\n"
			    "h1 04:00 migrate-out a\nh2 04:00 migrate-in a vcpus=1\n"
			    "h2 05:00 stop a cause=shutdown\n"
			    "h2 06:00 start b vcpus=2 " OS "\nh2 07:00 stop b cause=shutdown\n"
			    "h1 08:00 start c vcpus=3 " OS "\nh1 09:00 stop c cause=shutdown\n"
			    "h1 10:00 start a vcpus=1 " OS "\nh1 10:30 stop a cause=shutdown\n"
			    "h1 11:00 start d vcpus=5\nh1 12:00 heartbeat\nh2 12:00 heartbeat\n";

static void
each_vm_counts_once_in_a_scope_with_the_most_it_was(void **state)
{
	const struct tally_json *r;

	(void)state;
	by_rule("metric: vm-cores, minimum: {per_vm: 2}, aggregation: distinct");
	r = report_of_day(moves);
	assert_measured(r, "scope=fleet", "11");
	assert_measured(r, "scope=cluster id=c", "11");
	assert_measured(r, "scope=host id=h1", "9");
	assert_measured(r, "scope=host id=h2", "4");
	assert_figure(r, "positions", "scope=fleet", "low", "11");
	assert_figure(r, "positions", "scope=fleet", "high", "16");
	assert_figure(r, "positions", "scope=fleet", "at", "2026-03-01T08:00:00Z");
	assert_figure(r, "positions", "scope=host id=h2", "at", "2026-03-01T06:00:00Z");
	assert_figure(r, "positions", "scope=fleet", "because.0.at", "2026-03-01T01:00:00Z");
	by_rule("metric: vm-cores, minimum: {per_vm: 2}");
	assert_measured(report_of_day(moves), "scope=fleet", "6");
}

static void
machines_are_counted_one_by_one_over_the_period(void **state)
{
	(void)state;
	by_rule("metric: instances, of: vms, aggregation: distinct");
	assert_measured(report_of_day(moves), "scope=fleet", "3");
	by_rule("metric: concurrent-peak, aggregation: distinct");
	assert_measured(report_of_day(moves), "scope=host id=h2", "2");
	by_rule("metric: capacity-tiers, of: vms, aggregation: distinct,\n"
		"    tiers: [{name: first, up_to: 4, factor: 1}, {name: rest, factor: 2}]");
	/* 6 + 2 + 3 vCPUs: 4 at once the price, 7 at twice. */
	assert_measured(report_of_day(moves), "scope=fleet", "18");
}

static void
of_what_is_distinct_a_window_sees_its_own(void **state)
{
	(void)state;
	by_rule("metric: instances, of: vms, aggregation: distinct, window: month");
	assert_measured(report_of("h1 2026-03-01T00:00:00Z host cores_per_socket=8\n"
				  "h1 2026-03-01T01:00:00Z start a vcpus=1 " OS "\n"
				  "h1 2026-03-02T01:00:00Z start b vcpus=1 " OS "\n"
				  "h1 2026-03-03T01:00:00Z stop a cause=shutdown\n"
				  "h1 2026-04-03T01:00:00Z start c vcpus=1 " OS "\n"
				  "h1 2026-04-04T01:00:00Z stop b cause=shutdown\n"
				  "h1 2026-04-05T01:00:00Z start a vcpus=1 " OS "\n"
				  "h1 2026-04-30T01:00:00Z heartbeat\n",
				  "2026-03-01", "2026-05-01", "UTC"),
			"scope=fleet", "3");
}

static void
each_vms_time_has_its_own_minimum_and_steps(void **state)
{
	static const char day[] =
		"h1 00:00 host cores_per_socket=8 cluster=c\n"
		"h2 00:00 host cores_per_socket=8 cluster=c\n"
		"h1 01:00 start a vcpus=2 " OS "\nh1 01:10 stop a cause=shutdown\n"
		"h1 02:00 start a vcpus=2 " OS "\nh1 02:10 stop a cause=shutdown\n"
		"h1 03:00 start b vcpus=4 " OS "\nh1 04:00 migrate-out b\n"
		"h2 04:00 migrate-in b vcpus=4\nh2 04:30 stop b cause=shutdown\n"
		"h1 05:00 heartbeat\nh2 05:00 heartbeat\n";

	(void)state;
	by_rule("metric: run-hours, time: {minimum: 30m, step: 1h}");
	/* 20 minutes are one hour, 90 are two; on each host b has its own hours. */
	assert_measured(report_of_day(day), "scope=fleet", "3");
	assert_measured(report_of_day(day), "scope=host id=h1", "2");
	assert_measured(report_of_day(day), "scope=host id=h2", "1");
	by_rule("metric: run-hours, time: {minimum: 30m}, decimals: 2");
	assert_measured(report_of_day(day), "scope=fleet", "2");
	by_rule("metric: vcpu-hours, time: {step: 1h}");
	assert_measured(report_of_day(day), "scope=fleet", "10");
	by_rule("metric: vcpu-hours, decimals: 2, rounding: half-up");
	assert_measured(report_of_day(day), "scope=fleet", "6.67");
}

static void
what_cannot_be_distinct_is_refused_with_its_place(void **state)
{
	static const char *const rules[] = {
		"metric: host-cores, guests: {os: [\"http://x.example/\"]}",
		"metric: instances, of: hosts, guests: {os: [\"http://x.example/\"]}",
		"metric: run-hours, guests: {os: [\"http://x.example/\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct tally_err err = TALLY_ERR_INIT;
		struct tally_buf b = TALLY_BUF_INIT;
		struct tally_pack *pack;

		tally_buf_addf(&b,
			       "pack: p\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
			       "  - {rule: p/r, title: T, valid_from: 2020-01-01, unit: u,\n"
			       "    source: {text: t, read: 2026-01-01}, product: p, %s,\n"
			       "    aggregation: distinct}\n",
			       rules[i]);
		assert_int_equal(tally_pack_parse(&pack, "p.yaml", tally_buf_view(&b), &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		assert_memory_equal(err.text, "p.yaml:8:", 9);
		tally_buf_deinit(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vm_counts_once_in_a_scope_with_the_most_it_was),
		cmocka_unit_test(machines_are_counted_one_by_one_over_the_period),
		cmocka_unit_test(of_what_is_distinct_a_window_sees_its_own),
		cmocka_unit_test(each_vms_time_has_its_own_minimum_and_steps),
		cmocka_unit_test(what_cannot_be_distinct_is_refused_with_its_place),
	};
	int failed = cmocka_run_group_tests_name("reports by VM", tests, NULL, NULL);

	report_done();
	return failed;
}
