/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says of its charges, beside them: findings, what changed, and how long
 * it may become. */
#include <string.h>
#include "chargelib.h"

#define HOST "h1 2026-03-01T00:00:00Z host cores_per_socket=8,8 region=eu boot=1\n"
#define LIFE                                                                                       \
	HOST "h1 2026-03-02T00:00:00Z start a vcpus=4 memory_mib=1024 cost_center=cc1\n"           \
	     "h1 2026-03-22T00:00:00Z stop a cause=shutdown\n"
#define VM_HOUR HEAD "  - {id: vm, meter: vm-hour, " ONE

static void
a_part_of_a_billing_month_is_told(void **state)
{
	struct given g = { .lines = LIFE, .prices = VM_HOUR };
	struct made m;

	(void)state;
	assert_int_equal(make_given(&m, &g), 0);
	assert_int_equal(occurs(&m, "\"billing-part\""), 0);
	drop(&m);
	g.from = "2026-02-10T00:00:00Z";
	g.to = "2026-03-16T00:00:00Z";
	assert_int_equal(make_given(&m, &g), 0);
	/* Nothing is charged for February. */
	holds(&m, "1 billing month is charged in part: its invoice, tiers and minimum charges are "
		  "of that part alone: acme-2026-03");
	drop(&m);
}

static void
a_product_that_nothing_names_is_told(void **state)
{
	struct made m;

	(void)state;
	assert_int_equal(make(&m,
			      HOST "h1 2026-03-02T00:00:00Z start a vcpus=4 software=own-thing\n"
				   "h1 2026-03-22T00:00:00Z stop a cause=shutdown\n",
			      HEAD
			      "  - {id: typo, meter: vm-hour, product: windows-servr, " ONE
			      "  - {id: pack, meter: vm-hour, product: windows-server-payg, " ONE
			      "  - {id: own, meter: vm-hour, product: own-thing, " ONE
			      "  - {id: family, meter: vm-hour, product: sles, " ONE,
			      CHARGE_PACK, NULL),
			 0);
	holds(&m,
	      "1 SKU of the price list is for a product that no OS family, rule pack or machine "
	      "has: typo, windows-servr");
	drop(&m);
}

static void
changed_charges_are_told_by_what_they_bill(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct made first, second, third;

	(void)state;
	assert_int_equal(make(&first, LIFE, VM_HOUR, NULL, NULL), 0);
	tally_buf_add_str(&lines, LIFE "h1 2026-03-23T00:00:00Z tag a cost_center=cc2 "
				       "from=2026-03-04T00:00:00Z to=2026-03-05T00:00:00Z by=ann "
				       "reason=late\n");
	assert_int_equal(
		make(&second, tally_buf_cstr(&lines), VM_HOUR, NULL, tally_buf_cstr(&first.json)),
		0);
	holds(&second,
	      "charges: 2 rows differ from the superseded report: new: vm "
	      "00000000-0000-0000-0000-000000000061, sku vm, kind usage, charge_from "
	      "2026-03-01T00:00:00Z, cost_center cc1, quantity -24, billed -24.00, invoice "
	      "acme-2026-03-R1; new: vm ");
	/* The report that the second one superseded is an input of it and not of the third. */
	assert_int_equal(
		make(&third, tally_buf_cstr(&lines), VM_HOUR, NULL, tally_buf_cstr(&second.json)),
		0);
	holds(&third, "nothing differs from the superseded report");
	drop(&first);
	drop(&second);
	drop(&third);
	tally_buf_deinit(&lines);
}

/* Of each line its cost centre and the operator's entries behind it, "cc1 cc2(h2 3)". */
static void
owners_are(struct made *m, const char *expected)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_json_doc *doc;
	const struct tally_json *lines;

	assert_int_equal(tally_json_parse(&doc, tally_buf_view(&m->json), &m->err), 0);
	lines = tally_json_get(tally_json_root(doc), "charges");
	for (size_t i = 0; i < tally_json_count(lines); i++) {
		const struct tally_json *line = tally_json_at(lines, i);
		const struct tally_json *owner = tally_json_get(line, "owner");

		tally_buf_add_str(&text, i ? " " : "");
		tally_buf_add_bytes(&text, tally_json_string(tally_json_get(line, "cost_center")));
		for (size_t k = 0; k < tally_json_count(owner); k++) {
			const struct tally_json *e = tally_json_at(owner, k);
			struct tally_bytes origin = tally_json_string(tally_json_get(e, "origin"));

			tally_buf_addf(&text, "(%.2s %lld)",
				       (const char *)origin.p + origin.len - 2,
				       (long long)tally_json_int(tally_json_get(e, "index")));
		}
	}
	assert_string_equal(tally_buf_cstr(&text), expected);
	tally_buf_deinit(&text);
	tally_json_free(doc);
}

static void
a_line_names_the_operators_entries_behind_its_owner(void **state)
{
	static const char claims[] =
		LIFE "h2 2026-03-01T00:00:00Z host cores_per_socket=8\n"
		     "h2! 2026-03-23T00:00:00Z tag a cost_center=cc2 from=2026-03-04T00:00:00Z "
		     "to=2026-03-05T00:00:00Z by=ann reason=late\n"
		     "h1! 2026-03-24T00:00:00Z tag a cost_center=cc2 from=2026-03-06T00:00:00Z "
		     "to=2026-03-07T00:00:00Z by=bob reason=later\n"
		     /* Hidden by those for all of its time. */
		     "h1 2026-03-22T01:00:00Z tag a cost_center=cc3 from=2026-03-06T00:00:00Z "
		     "to=2026-03-07T00:00:00Z by=eve reason=wrong\n";
	struct made first, second;

	(void)state;
	assert_int_equal(make(&first, claims, VM_HOUR, NULL, NULL), 0);
	owners_are(&first, "cc1 cc2(h1 4)(h2 2)");
	assert_int_equal(make(&second, claims, VM_HOUR, NULL, tally_buf_cstr(&first.json)), 0);
	owners_are(&second, "cc1 cc2(h1 4)(h2 2)");
	holds(&second, "nothing differs from the superseded report");
	drop(&first);
	drop(&second);
}

static void
an_issued_line_keeps_the_names_that_billed_it(void **state)
{
	static const char renamed[] = "currency: EUR\nprovider: NEWCO\ninvoice_issuer: NEWBILL\n"
				      "billing_account: {id: acme, name: New}\nskus:\n"
				      "  - {id: vm, meter: vm-hour, " ONE;
	struct tally_buf lines = TALLY_BUF_INIT, csv = TALLY_BUF_INIT;
	struct made first, second;

	(void)state;
	assert_int_equal(make(&first, LIFE, VM_HOUR, NULL, NULL), 0);
	tally_buf_add_str(&lines, LIFE "h1 2026-03-23T00:00:00Z tag a cost_center=cc2 "
				       "from=2026-03-04T00:00:00Z to=2026-03-05T00:00:00Z by=ann "
				       "reason=late\n");
	assert_int_equal(
		make(&second, tally_buf_cstr(&lines), renamed, NULL, tally_buf_cstr(&first.json)),
		0);
	assert_int_equal(occurs(&second, "\"class\": \"Correction\""), 2);
	tally_report_focus(second.report, &csv);
	assert_non_null(strstr(tally_buf_cstr(&csv), "480.00,acme,,EUR"));
	assert_non_null(strstr(tally_buf_cstr(&csv), "-24.00,acme,New,EUR"));
	assert_int_equal(occurs(&second, "\"provider\": \"ACME IT\""), 1);
	assert_int_equal(occurs(&second, "\"provider\": \"NEWCO\""), 2);
	assert_int_equal(occurs(&second, "\"invoice_issuer\": \"NEWBILL\""), 2);
	tally_buf_deinit(&csv);
	tally_buf_deinit(&lines);
	drop(&first);
	drop(&second);
}

static void
a_need_over_ninety_days_says_so_in_the_xml(void **state)
{
	static const char rules[] = CHARGE_PACK
		"  - rule: windows-server/ninety\n    title: T\n    metric: vm-cores\n"
		"    valid_from: 2024-11-01\n    source: {text: T, read: 2026-11-01}\n"
		"    unit: core-licence\n    product: windows-server\n    licences: [w]\n"
		"    guests: {os: [\"http://microsoft.com/win/2k\"]}\n    window: 90d\n";
	struct tally_buf xml = TALLY_BUF_INIT;
	struct made m;
	const char *need;

	(void)state;
	assert_int_equal(make(&m,
			      HOST "h1 2026-03-02T00:00:00Z start a vcpus=4 "
				   "os=http://microsoft.com/win/2k22\n"
				   "h1 2026-03-22T00:00:00Z stop a cause=shutdown\n",
			      NULL, rules, NULL),
			 0);
	tally_report_rum(m.report, &xml);
	need = strstr(tally_buf_cstr(&xml), "windows-server/ninety");
	assert_non_null(need);
	need = strstr(need, "<StartTime>");
	assert_non_null(need);
	assert_memory_equal(need, "<StartTime>2026-01-01T00:00:00Z<", 32);
	tally_buf_deinit(&xml);
	drop(&m);
}

static void
a_report_that_nobody_could_read_again_is_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(tally_report_fits(TALLY_REPORT_MAX, &err), 0);
	assert_int_equal(tally_report_fits((uint64_t)TALLY_REPORT_MAX + 1, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text,
			    "the report has 268435457 bytes, and more than 268435456 would "
			    "not be read again: a shorter period, or fewer ledgers");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_of_a_billing_month_is_told),
		cmocka_unit_test(a_product_that_nothing_names_is_told),
		cmocka_unit_test(changed_charges_are_told_by_what_they_bill),
		cmocka_unit_test(a_line_names_the_operators_entries_behind_its_owner),
		cmocka_unit_test(an_issued_line_keeps_the_names_that_billed_it),
		cmocka_unit_test(a_need_over_ninety_days_says_so_in_the_xml),
		cmocka_unit_test(a_report_that_nobody_could_read_again_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
