/* SPDX-License-Identifier: Apache-2.0 */
/* Charges inside a report: from ledgers and a price list to lines, findings, inputs,
 * FOCUS, and what a report does that supersedes another. */
#include <stdlib.h>
#include <string.h>
#include "chargelib.h"

#define WINDOWS "os=http://microsoft.com/win/2k22"

/* 100 hours of 4 vCPUs. */
static const char windows[] =
	"h1 2026-03-01T00:00:00Z host cores_per_socket=8,8 region=eu boot=1\n"
	"h1 2026-03-02T00:00:00Z start a vcpus=4 memory_mib=2048 name=web " WINDOWS
	" cost_center=cc1\n"
	"h1 2026-03-06T04:00:00Z stop a cause=shutdown\n";

static void
windows_by_the_core_hour_costs_what_it_has_to(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m, windows,
			      HEAD
			      "  - {id: payg, meter: licence-hour, product: windows-server/payg, "
			      "per: vcpu, " PRICE,
			      CHARGE_PACK, NULL),
			 0);
	assert_int_equal(occurs(&m, "\"kind\": \"usage\""), 1);
	holds(&m, "\"billed\": \"18.40\"");
	holds(&m, "\"quantity\": \"400\"");
	holds(&m, "\"price\": \"0.046\"");
	holds(&m, "\"cost_center\": \"cc1\"");
	holds(&m, "\"region\": \"eu\"");
	holds(&m, "\"rule_pack\": \"t@1\"");
	holds(&m, "\"first_index\": 2");
	holds(&m, "\"name\": \"p.yaml\"");
	drop(&m);
}

static void
a_report_without_a_price_list_has_no_charges(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m, windows, NULL, NULL, NULL), 0);
	holds(&m, "\"charges\": []");
	drop(&m);
}

static void
what_could_not_be_counted_is_told(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m,
			      "h1 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n"
			      "h1 2026-03-02T00:00:00Z start a name=web\n"
			      "h1 2026-03-02T02:00:00Z stop a cause=shutdown\n",
			      HEAD
			      "  - {id: cpu, meter: vcpu-hour, " PRICE
			      "  - {id: rhel, meter: vm-hour, product: rhel, " PRICE
			      "  - {id: sql, meter: vm-hour, product: sql-server-standard, " PRICE,
			      NULL, NULL),
			 0);
	holds(&m, "\"charges\": []");
	holds(&m, "2 SKUs of the price list could not count run time whose vCPUs, memory, OS or "
		  "edition nobody knows: cpu, 7200 s; rhel, 7200 s of an unknown OS or edition");
	holds(&m, "1 SKU of the price list counted nothing: sql");
	drop(&m);
}

static void
a_late_owner_gets_corrections_beside_what_was_billed(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct made first, second;

	(void)state;
	assert_int_equal(
		make(&first, windows, HEAD "  - {id: vm, meter: vm-hour, " PRICE, NULL, NULL), 0);
	tally_buf_add_str(&lines, windows);
	tally_buf_add_str(&lines, "h1 2026-03-07T00:00:00Z tag a cost_center=cc2 "
				  "from=2026-03-04T00:00:00Z to=2026-03-05T00:00:00Z by=ann "
				  "reason=late\n");
	assert_int_equal(make(&second, tally_buf_cstr(&lines),
			      HEAD "  - {id: vm, meter: vm-hour, " PRICE, NULL,
			      tally_buf_cstr(&first.json)),
			 0);
	assert_int_equal(occurs(&first, "\"class\": \"Correction\""), 0);
	assert_int_equal(occurs(&second, "\"class\": \"Correction\""), 2);
	holds(&second, "\"quantity\": \"100\"");
	holds(&second, "\"quantity\": \"-24\"");
	holds(&second, "\"quantity\": \"24\"");
	holds(&second, "\"invoice\": \"acme-2026-03-R1\"");
	drop(&first);
	drop(&second);
	tally_buf_deinit(&lines);
}

static void
charges_are_not_lost_for_want_of_a_price_list(void **state)
{
	struct made first, second;

	(void)state;
	assert_int_equal(
		make(&first, windows, HEAD "  - {id: vm, meter: vm-hour, " PRICE, NULL, NULL), 0);
	assert_int_equal(make(&second, windows, NULL, NULL, tally_buf_cstr(&first.json)), -1);
	assert_int_equal(second.err.code, TALLY_USE);
	assert_string_equal(second.err.text,
			    "old.json: it has charges: without a price list they would be lost");
	drop(&first);
	drop(&second);
}

static void
what_no_price_covers_is_no_free_time(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m, windows,
			      HEAD "  - {id: vm, meter: vm-hour, prices: [{from: 2026-03-03, rate: "
				   "1}]}\n",
			      NULL, NULL),
			 -1);
	assert_int_equal(m.err.code, TALLY_USE);
	assert_string_equal(m.err.text, "p.yaml:5:5: SKU 'vm' has no price at "
					"2026-03-02T00:00:00Z, when it is used");
	drop(&m);
}

static void
the_order_of_ledgers_changes_no_charge(void **state)
{
	static const char other[] = "h2 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n"
				    "h2 2026-03-01T00:00:00Z start b vcpus=2 name=x\n"
				    "h2 2026-03-09T00:00:00Z stop b cause=shutdown\n";
	struct tally_buf one = TALLY_BUF_INIT, two = TALLY_BUF_INIT;
	struct tally_buf a = TALLY_BUF_INIT, b = TALLY_BUF_INIT;
	struct made m, n;

	(void)state;
	tally_buf_addf(&one, "%s%s", windows, other);
	tally_buf_addf(&two, "%s%s", other, windows);
	assert_int_equal(make(&m, tally_buf_cstr(&one), HEAD "  - {id: v, meter: vcpu-hour, " PRICE,
			      NULL, NULL),
			 0);
	assert_int_equal(make(&n, tally_buf_cstr(&two), HEAD "  - {id: v, meter: vcpu-hour, " PRICE,
			      NULL, NULL),
			 0);
	assert_string_equal(tally_buf_cstr(&m.json), tally_buf_cstr(&n.json));
	tally_report_focus(m.report, &a);
	tally_report_focus(n.report, &b);
	assert_string_equal(tally_buf_cstr(&a), tally_buf_cstr(&b));
	assert_non_null(strstr(tally_buf_cstr(&a), "BilledCost,BillingAccountId,"));
	tally_buf_deinit(&a);
	tally_buf_deinit(&b);
	tally_buf_deinit(&one);
	tally_buf_deinit(&two);
	drop(&m);
	drop(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_by_the_core_hour_costs_what_it_has_to),
		cmocka_unit_test(a_report_without_a_price_list_has_no_charges),
		cmocka_unit_test(what_could_not_be_counted_is_told),
		cmocka_unit_test(a_late_owner_gets_corrections_beside_what_was_billed),
		cmocka_unit_test(charges_are_not_lost_for_want_of_a_price_list),
		cmocka_unit_test(what_no_price_covers_is_no_free_time),
		cmocka_unit_test(the_order_of_ledgers_changes_no_charge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
