/* SPDX-License-Identifier: Apache-2.0 */
/* What a SKU counts: a SKU of a rule counts what the rule's positions measure; and who
 * gets what lacks to a minimum. */
#include "chargelib.h"

#define HOST    "h1 2026-03-01T00:00:00Z host cores_per_socket=8,8 region=eu boot=1\n"
#define OF_A(x) HOST "h1 2026-03-02T00:00:00Z start a vcpus=4 memory_mib=1024 " x "\n" STOP
#define STOP    "h1 2026-03-03T00:00:00Z stop a cause=shutdown\n"
#define WINDOWS "os=http://microsoft.com/win/2k22"
#define PAYG                                                                                       \
	HEAD "  - {id: payg, meter: licence-hour, product: windows-server/payg, per: vcpu, " ONE

static void
a_rule_about_hosts_alone_bills_no_vm(void **state)
{
	static const char hosts[] =
		"pack: t\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
		"  - rule: rhel/socket-pairs\n    title: T\n    metric: socket-pairs\n"
		"    valid_from: 2013-10-01\n"
		"    source: {text: T, read: 2026-11-01}\n    unit: socket-pair\n"
		"    product: rhel\n    licences: [rhel]\n"
		"    hosts: {os: [\"http://redhat.com/rhel/\"]}\n"
		"    sockets_per_unit: 2\n";
	struct made m;

	(void)state;
	assert_int_equal(make(&m, OF_A("os=http://debian.org/debian/12"),
			      HEAD "  - {id: r, meter: licence-hour, product: rhel/socket-pairs, "
				   "per: vm, " ONE,
			      hosts, NULL),
			 0);
	holds(&m, "\"charges\": []");
	holds(&m, "1 SKU of the price list counted nothing: r");
	drop(&m);
}

static void
what_a_right_excludes_is_not_billed(void **state)
{
	static const char held[] = "- {product: windows-server-payg, metric: windows-server/payg, "
				   "quantity: 1, rights: [byol], reference: X}\n";
	static const char rules[] = CHARGE_PACK "    exclusions:\n"
						"      - {right: byol, environments: [byol]}\n";
	struct given g = { .lines = OF_A(WINDOWS " environment=byol"),
			   .prices = PAYG,
			   .rules = rules };
	struct made m;

	(void)state;
	assert_int_equal(make_given(&m, &g), 0);
	holds(&m, "\"billed\": \"96.00\"");
	drop(&m);
	g.held = held;
	assert_int_equal(make_given(&m, &g), 0);
	holds(&m, "\"charges\": []");
	holds(&m, "\"measured\": 0,");
	holds(&m, "\"why\": \"byol by X\"");
	drop(&m);
}

static void
an_unknown_os_is_billed_where_the_rule_counts_it(void **state)
{
	static const char counted[] =
		"pack: t\nversion: \"1\"\ntitle: T\nvendor: V\nrules:\n"
		"  - rule: windows-server/payg\n    title: T\n    metric: vcpu-hours\n"
		"    valid_from: 2024-11-01\n"
		"    source: {text: T, read: 2026-11-01}\n    unit: core-hour\n"
		"    product: windows-server\n    licences: [windows-server-payg]\n"
		"    guests: {os: [\"http://microsoft.com/win/2k\"], unknown_os: counted}\n";
	static const char lines[] =
		HOST "h1 2026-03-02T00:00:00Z start a vcpus=4 memory_mib=1024\n"
		     "h1 2026-03-02T00:00:00Z start b vcpus=1 memory_mib=1024 " WINDOWS "\n" STOP
		     "h1 2026-03-03T00:00:00Z stop b cause=shutdown\n";
	struct made m;

	(void)state;
	assert_int_equal(make(&m, lines, PAYG, counted, NULL), 0);
	holds(&m, "\"billed\": \"96.00\"");
	holds(&m, "\"measured\": 120,");
	drop(&m);
	assert_int_equal(make(&m, lines, PAYG, CHARGE_PACK, NULL), 0);
	assert_int_equal(occurs(&m, "\"billed\": "), 1);
	holds(&m, "\"billed\": \"24.00\"");
	holds(&m, "\"measured\": 24,");
	holds(&m, "knows: payg, 86400 s of an unknown OS or edition");
	drop(&m);
}

static void
a_minimum_of_vcpus_is_priced_and_not_consumed(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(
		make(&m, OF_A(WINDOWS),
		     HEAD "  - {id: c, meter: vcpu-hour, minimum_vcpus: 8, time_step: 25h, " ONE,
		     NULL, NULL),
		0);
	holds(&m, "\"quantity\": \"200\"");
	holds(&m, "\"consumed_quantity\": \"345600\"");
	drop(&m);
}

static void
what_lacks_to_the_minimum_goes_to_the_last_owner(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m,
			      HOST "h1 2026-03-02T00:00:00Z start a vcpus=1 cost_center=cc9\n"
				   "h1 2026-03-02T01:00:00Z tag a cost_center=cc1\n" STOP,
			      HEAD "  - {id: c, meter: vcpu-hour, minimum_charge: 100, " ONE, NULL,
			      NULL),
			 0);
	/* 24 hours were used; cc1 stands before cc9, and had the VM last: lines of usage, of
	 * the minimum, and the machine's row. */
	holds(&m, "\"billed\": \"76.00\"");
	assert_int_equal(occurs(&m, "\"cost_center\": \"cc1\""), 3);
	assert_int_equal(occurs(&m, "\"cost_center\": \"cc9\""), 1);
	drop(&m);
	assert_int_equal(make(&m,
			      HOST "h1 2026-03-02T00:00:00Z start a vcpus=1 cost_center=cc1\n"
				   "h1 2026-03-02T01:00:00Z tag a cost_center=cc9\n"
				   "h1 2026-03-02T02:00:00Z tag a cost_center=cc1\n" STOP,
			      HEAD "  - {id: c, meter: vcpu-hour, minimum_charge: 100, " ONE, NULL,
			      NULL),
			 0);
	assert_int_equal(occurs(&m, "\"cost_center\": \"cc1\""), 3);
	drop(&m);
}

static void
a_correction_nets_only_what_is_of_one_kind(void **state)
{
	struct made first, second;

	(void)state;
	assert_int_equal(
		make(&first, OF_A(WINDOWS), HEAD "  - {id: s, meter: vcpu-hour, " ONE, NULL, NULL),
		0);
	assert_int_equal(make(&second, OF_A(WINDOWS), HEAD "  - {id: s, meter: vm-hour, " ONE, NULL,
			      tally_buf_cstr(&first.json)),
			 0);
	assert_int_equal(occurs(&second, "\"class\": \"Correction\""), 2);
	holds(&second, "\"quantity\": \"-96\"");
	holds(&second, "\"quantity\": \"24\"");
	drop(&second);
	assert_int_equal(make(&second, OF_A(WINDOWS),
			      HEAD "  - {id: s, service: Other, meter: vcpu-hour, " ONE, NULL,
			      tally_buf_cstr(&first.json)),
			 0);
	holds(&second, "\"quantity\": \"-96\"");
	drop(&second);
	drop(&first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_about_hosts_alone_bills_no_vm),
		cmocka_unit_test(what_a_right_excludes_is_not_billed),
		cmocka_unit_test(an_unknown_os_is_billed_where_the_rule_counts_it),
		cmocka_unit_test(a_minimum_of_vcpus_is_priced_and_not_consumed),
		cmocka_unit_test(what_lacks_to_the_minimum_goes_to_the_last_owner),
		cmocka_unit_test(a_correction_nets_only_what_is_of_one_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
