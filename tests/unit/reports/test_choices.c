/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to license one use side by side: the cheapest lawful one, and how much of each
 * costs as much as another. Standard costs 66.8125 a core, Datacenter 384.6875. */
#include <string.h>
#include "reportlib.h"

#define WIN      "os=http://microsoft.com/win/2k22"
#define STANDARD "rule=windows-server-standard/host"
#define CENTER   "rule=windows-server-datacenter/host"
#define BY_VM    "rule=windows-server/vm"
#define FLEET    " scope=fleet"

static void
assert_reading(const struct tally_json *r, const char *where, const char *low, const char *measured,
	       const char *high)
{
	assert_figure(r, "positions", where, "low", low);
	assert_figure(r, "positions", where, "measured", measured);
	assert_figure(r, "positions", where, "high", high);
}

/* One host of 16 cores with so many guests of two vCPUs. */
static const struct tally_json *
guests(unsigned n)
{
	struct tally_buf b = TALLY_BUF_INIT;
	const struct tally_json *r;

	tally_buf_add_str(&b, "h1 00:00 host cores_per_socket=8,8\n");
	for (unsigned i = 0; i < n; i++)
		tally_buf_addf(&b, "h1 01:00 start %c vcpus=2 " WIN "\n", (char)('a' + i));
	tally_buf_add_str(&b, "h1 02:00 heartbeat\n");
	r = report_of_day(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return r;
}

static void
datacenter_is_cheaper_from_eleven_guests_on_a_host(void **state)
{
	const struct tally_json *r = guests(10);

	(void)state;
	assert_reading(r, STANDARD FLEET, "80", "80", "80");
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.rule",
		      "windows-server-standard/host");
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.quantity", "80");
	/* 16 x 384.6875 / 66.8125 = 92.1; 80 x 66.8125 / 384.6875 = 13.9. */
	assert_figure(r, "positions", STANDARD FLEET, "choices.0.rule",
		      "windows-server-datacenter/host");
	assert_figure(r, "positions", STANDARD FLEET, "choices.0.quantity", "16");
	assert_figure(r, "positions", STANDARD FLEET, "choices.0.lawful", "true");
	assert_figure(r, "positions", STANDARD FLEET, "choices.0.break_even", "92");
	assert_figure(r, "positions", CENTER FLEET, "choices.0.rule",
		      "windows-server-standard/host");
	assert_figure(r, "positions", CENTER FLEET, "choices.0.break_even", "13");
	r = guests(11);
	assert_reading(r, STANDARD FLEET, "96", "96", "96");
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.rule",
		      "windows-server-datacenter/host");
	assert_figure(r, "positions", STANDARD " scope=host id=h1", "cheapest.quantity", "16");
	assert_figure(r, "positions", STANDARD FLEET, "choices.0.break_even", "92");
	assert_figure(r, "positions", CENTER FLEET, "choices.0.break_even", "16");
}

static void
by_the_vm_is_no_choice_without_maintenance(void **state)
{
	const struct tally_json *r = guests(1);

	(void)state;
	/* 16 cores either way: by the VM the customer's minimum. */
	assert_reading(r, BY_VM FLEET, "16", "16", "16");
	assert_figure(r, "positions", BY_VM " scope=host id=h1", "measured", "8");
	assert_figure(r, "positions", BY_VM " scope=host id=h1", "cheapest.rule",
		      "windows-server-standard/host");
	assert_figure(r, "positions", STANDARD " scope=host id=h1", "choices.1.rule",
		      "windows-server/vm");
	assert_figure(r, "positions", STANDARD " scope=host id=h1", "choices.1.lawful", "false");
	assert_figure(r, "positions", STANDARD " scope=host id=h1", "choices.1.break_even", "8");
}

static void
by_the_vm_is_a_choice_as_far_as_maintenance_reaches(void **state)
{
#define HELD(n)                                                                                    \
	"- {product: windows-server-standard, metric: cores, quantity: " n                         \
	", maintenance_from: 2025-01-01, maintenance_to: 2027-01-01}\n"
	const struct tally_json *r;

	(void)state;
	report_with(HELD("15"), NULL);
	r = guests(1);
	assert_figure(r, "positions", BY_VM " scope=host id=h1", "cheapest.rule",
		      "windows-server/vm");
	assert_figure(r, "positions", STANDARD FLEET, "choices.1.rule", "windows-server/vm");
	assert_figure(r, "positions", STANDARD FLEET, "choices.1.lawful", "false");
	report_with(HELD("16"), NULL);
	r = guests(1);
	assert_figure(r, "positions", STANDARD FLEET, "choices.1.lawful", "true");
	report_with(NULL, NULL);
#undef HELD
}

static void
standard_is_no_choice_where_a_datacenter_guest_runs(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8 cluster=c1\n"
			      "h2 00:00 host cores_per_socket=8,8 cluster=c2\n"
			      "h1 01:00 start a vcpus=2 edition=datacenter " WIN "\n"
			      "h2 01:00 start b vcpus=2 edition=Standard " WIN "\n"
			      "h2 01:00 start c vcpus=2 " WIN "\n"
			      "h1 02:00 heartbeat\nh2 02:00 heartbeat\n");

	(void)state;
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.rule",
		      "windows-server-datacenter/host");
	assert_figure(r, "positions", STANDARD FLEET, "cheapest.quantity", "32");
	assert_figure(r, "positions", CENTER FLEET, "choices.0.lawful", "false");
	assert_figure(r, "positions", STANDARD " scope=host id=h1", "cheapest.rule",
		      "windows-server-datacenter/host");
	assert_figure(r, "positions", STANDARD " scope=cluster id=c1", "cheapest.rule",
		      "windows-server-datacenter/host");
	assert_figure(r, "positions", STANDARD " scope=host id=h2", "cheapest.rule",
		      "windows-server-standard/host");
	assert_figure(r, "positions", STANDARD " scope=cluster id=c2", "cheapest.rule",
		      "windows-server-standard/host");
}

static void
sql_server_by_the_vm_and_by_the_host_are_one_choice(void **state)
{
	const struct tally_json *r =
		report_of_day("h1 00:00 host cores_per_socket=8,8\n"
			      "h1 01:00 start a vcpus=6 software=sql-server-enterprise\n"
			      "h1 01:00 start b vcpus=6 software=sql-server-standard\n"
			      "h1 03:00 start c vcpus=12 software=sql-server-enterprise\n"
			      "h1 04:00 heartbeat\n");
	static const char host[] = "rule=sql-server-enterprise/host" FLEET,
			  vm[] = "rule=sql-server/vm product=sql-server-enterprise" FLEET;

	(void)state;
	assert_figure(r, "positions", host, "measured", "16");
	assert_figure(r, "positions", vm, "measured", "18");
	assert_figure(r, "positions", vm, "cheapest.rule", "sql-server-enterprise/host");
	assert_figure(r, "positions", host, "choices.0.rule", "sql-server/vm");
	assert_figure(r, "positions", host, "choices.0.break_even", "18");
	assert_figure(r, "positions", vm, "choices.0.break_even", "16");
	/* Standard is licensed in no other way: there is no choice. */
	assert_figure(r, "positions", "rule=sql-server/vm product=sql-server-standard" FLEET,
		      "cheapest", "null");
}

static void
a_rule_without_a_group_or_a_need_has_no_choice(void **state)
{
	const struct tally_json *r = report_of_day("h1 00:00 host cores_per_socket=8,8\n"
						   "h1 01:00 start a vcpus=2 " WIN "\n"
						   "h2 00:00 host cores_per_socket=8,8\n"
						   "h1 02:00 heartbeat\nh2 02:00 heartbeat\n");

	(void)state;
	assert_figure(r, "positions", STANDARD " scope=host id=h2", "cheapest", "null");
	assert_figure(r, "positions", "rule=windows-server/payg" FLEET, "cheapest", "null");
}

/* The rules of hosts look at the last 90 days, and there it was gone. */
static void
what_measured_nothing_is_no_cheap_choice(void **state)
{
	const struct tally_json *r = report_of("h1 2026-01-01T00:00:00Z host cores_per_socket=8,8\n"
					       "h1 2026-01-01T00:00:00Z start a vcpus=2 " WIN "\n"
					       "h1 2026-02-01T00:00:00Z stop a\n"
					       "h1 2026-06-01T00:00:00Z heartbeat\n",
					       "2026-01-01", "2026-06-01", "UTC");

	(void)state;
	assert_figure(r, "positions", BY_VM FLEET, "measured", "16");
	assert_figure(r, "positions", CENTER FLEET, "measured", "0");
	assert_figure(r, "positions", BY_VM FLEET, "cheapest", "null");
}

static void
the_text_shows_each_model_with_its_break_even(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct test_history h;

	(void)state;
	tally_buf_add_str(&lines, "h1 00:00 host cores_per_socket=8,8 cluster=c1\n"
				  "h2 00:00 host cores_per_socket=8,8 cluster=c2\n"
				  "h2 01:00 start z vcpus=2 edition=datacenter " WIN "\n");
	for (unsigned i = 0; i < 10; i++)
		tally_buf_addf(&lines, "h1 01:00 start %c vcpus=2 " WIN "\n", (char)('a' + i));
	tally_buf_add_str(&lines, "h1 02:00 heartbeat\nh2 02:00 heartbeat\n");
	test_history_init(&h);
	test_history_add(&h, tally_buf_cstr(&lines));
	report_bytes(&h, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "UTC", 't', &text);
#define SHOWS(line) assert_non_null(strstr(tally_buf_cstr(&text), line))
	SHOWS("\nCheapest lawful model\n"
	      "  model                           product         scope  needs  break-even  "
	      "state\n");
	SHOWS("  windows-server-datacenter/host  windows-server  c1        16          13  "
	      "dearer\n");
	SHOWS("  windows-server-standard/host    windows-server  c1        80          92  "
	      "cheapest\n");
	SHOWS("  windows-server-datacenter/host  windows-server  c2        16           -  "
	      "cheapest\n");
	SHOWS("  windows-server-standard/host    windows-server  c2        16          92  other "
	      "editions run\n");
	SHOWS("  windows-server/vm               windows-server  c1        80          80  too "
	      "little maintenance\n");
#undef SHOWS
	test_history_deinit(&h);
	tally_buf_deinit(&text);
	tally_buf_deinit(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datacenter_is_cheaper_from_eleven_guests_on_a_host),
		cmocka_unit_test(by_the_vm_is_no_choice_without_maintenance),
		cmocka_unit_test(by_the_vm_is_a_choice_as_far_as_maintenance_reaches),
		cmocka_unit_test(standard_is_no_choice_where_a_datacenter_guest_runs),
		cmocka_unit_test(sql_server_by_the_vm_and_by_the_host_are_one_choice),
		cmocka_unit_test(a_rule_without_a_group_or_a_need_has_no_choice),
		cmocka_unit_test(what_measured_nothing_is_no_cheap_choice),
		cmocka_unit_test(the_text_shows_each_model_with_its_break_even),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests_name("reports choices", tests, NULL, NULL);
	report_done();
	return failed;
}
