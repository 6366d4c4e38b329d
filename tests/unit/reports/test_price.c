/* SPDX-License-Identifier: Apache-2.0 */
/* Price lists: what is taken, and what is refused at which place. */
#include <stdio.h>
#include <string.h>
#include "../reports/price.h"
#include "tally/err.h"
#include "tally/report.h"
#include "testlib.h"

#define HEAD                                                                                       \
	"currency: EUR\n"                                                                          \
	"provider: ACME IT\n"                                                                      \
	"billing_account: {id: acme}\n"                                                            \
	"skus:\n"

static struct tally_prices *
list_of(const char *text)
{
	struct tally_prices *p = NULL;
	struct tally_err err = TALLY_ERR_INIT;

	if (tally_prices_parse(&p, "p.yaml", tally_bytes_str(text), &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void
assert_refused(const char *text, const char *expected)
{
	struct tally_prices *p = NULL;
	struct tally_err err = TALLY_ERR_INIT;

	if (tally_prices_parse(&p, "p.yaml", tally_bytes_str(text), &err) == 0)
		fail_msg("taken: %s", text);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, expected);
}

static void
a_small_list_has_its_defaults(void **state)
{
	struct tally_prices *p = list_of(HEAD "  - id: vm\n"
					      "    meter: vm-hour\n"
					      "    prices: [{from: 2026-01-01, rate: 0.0100}]\n");
	const struct price_sku *sku = prices_sku(p, 0);
	const struct price_tier *tier = price_tier(sku_price(sku, 0), 0);

	(void)state;
	assert_int_equal(p->minor_digits, 2);
	assert_string_equal(p->publisher, "ACME IT");
	assert_string_equal(p->issuer, "ACME IT");
	assert_null(p->account.name);
	assert_false(p->by_day);
	assert_int_equal(p->quantity_decimals, 9);
	assert_int_equal(p->money, MONEY_EXACT);
	assert_string_equal(sku->name, "vm");
	assert_string_equal(sku->service, "Virtual Machines");
	assert_string_equal(sku->service_category, "Compute");
	assert_int_equal(sku->meter, METER_VM_HOUR);
	assert_int_equal(sku->kind, PRODUCT_ANY);
	assert_int_equal(sku->tier_scope, TIERS_ACCOUNT);
	assert_true(tier->last && tier->rate.digits == 1 && tier->rate.scale == 2);
	tally_prices_free(p);
}

static void
every_key_is_taken(void **state)
{
	struct tally_prices *p = list_of(
		"currency: JPY\nprovider: P\npublisher: Q\ninvoice_issuer: R\n"
		"billing_account: {id: '47', name: Holding}\ncharge_period: day\n"
		"quantity_decimals: 4\nrounding: {mode: half-even, at: line}\n"
		"skus:\n"
		"  - id: win\n    name: Windows Server\n    service: Licences\n"
		"    service_category: Other\n    meter: licence-hour\n"
		"    product: windows-server/payg\n    per: vcpu\n    minimum_vcpus: 8\n"
		"    minimum_time: 60s\n    time_step: 1h\n    minimum_charge: 1.5\n"
		"    tier_scope: cost-center\n    prices:\n"
		"      - from: 2026-01-01\n        to: 2026-07-01\n"
		"        tiers: [{up_to: 100.5, rate: 6}, {up_to: 1000, rate: 5.5}, {rate: 5}]\n"
		"      - {from: 2026-07-01, rate: 4.999999999999}\n"
		"  - {id: db, meter: licence-hour, per: vm, product: sql-server-standard,\n"
		"     prices: [{from: 2026-01-01, rate: '1'}]}\n"
		"  - {id: rhel, meter: vm-hour, product: rhel, prices: [{from: 2026-01-01, rate: "
		"0}]}\n"
		"  - {id: uri, meter: gib-hour, product: 'http://debian.org/debian/12',\n"
		"     prices: [{from: 2026-01-01, rate: 1}]}\n");
	const struct price_sku *sku = prices_sku(p, 0);

	(void)state;
	assert_int_equal(p->minor_digits, 0);
	assert_string_equal(p->account.name, "Holding");
	assert_true(p->by_day && p->quantity_decimals == 4);
	assert_true(p->rounding == DECIMAL_HALF_EVEN && p->money == MONEY_LINE);
	assert_int_equal(sku->meter, METER_CORE_HOUR);
	assert_int_equal(sku->kind, PRODUCT_RULE);
	assert_int_equal(sku->minimum_vcpus, 8);
	assert_true(sku->minimum_time.ns == 60 * TALLY_SECOND &&
		    sku->time_step.ns == 3600 * TALLY_SECOND);
	assert_true(sku->minimum_charge.digits == 15 && sku->minimum_charge.scale == 1);
	assert_int_equal(sku->tier_scope, TIERS_COST_CENTER);
	assert_int_equal(sku_price(sku, 0)->tiers.count, 3);
	assert_int_equal(sku_price(sku, 0)->to.month, 7);
	assert_int_equal(prices_sku(p, 1)->kind, PRODUCT_SOFTWARE);
	assert_int_equal(prices_sku(p, 1)->meter, METER_LICENCE_HOUR);
	assert_int_equal(prices_sku(p, 2)->kind, PRODUCT_FAMILY);
	assert_int_equal(prices_sku(p, 3)->kind, PRODUCT_OS);
	tally_prices_free(p);
}

static void
a_head_that_is_wrong_is_refused_at_its_place(void **state)
{
#define SKUS "skus: [{id: a, meter: vm-hour, prices: [{from: 2026-01-01, rate: 1}]}]\n"
	static const char *const cases[][2] = {
		{ "", "p.yaml:1:1: key 'currency' is missing" },
		{ "curency: EUR\n", "p.yaml:1:1: unknown key 'curency'" },
		{ "currency: EUR\ncurrency: USD\n", "p.yaml:2:1: doubled key 'currency'" },
		{ "currency: EUX\nprovider: P\nbilling_account: {id: a}\n" SKUS,
		  "p.yaml:1:11: 'currency' is none of ISO 4217, such as EUR" },
		{ "currency: eur\nprovider: P\nbilling_account: {id: a}\n" SKUS,
		  "p.yaml:1:11: 'currency' is none of ISO 4217, such as EUR" },
		{ "currency: R E\nprovider: P\nbilling_account: {id: a}\n" SKUS,
		  "p.yaml:1:11: 'currency' is none of ISO 4217, such as EUR" },
		{ "currency: EUR\nprovider: '  '\nbilling_account: {id: a}\n" SKUS,
		  "p.yaml:2:11: 'provider' is blank" },
		{ "currency: EUR\nprovider: \"a\\nb\"\nbilling_account: {id: a}\n" SKUS,
		  "p.yaml:2:11: 'provider' has a control character in it" },
		{ "currency: EUR\nprovider: P\nbilling_account: {name: a}\n" SKUS,
		  "p.yaml:3:18: key 'id' is missing" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a, x: 1}\n" SKUS,
		  "p.yaml:3:26: unknown key 'x'" },
		{ "currency: EUR\nprovider: P\nbilling_account: a\n" SKUS,
		  "p.yaml:3:18: 'billing_account' must be a map" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\ncharge_period: "
		  "week\n" SKUS,
		  "p.yaml:4:16: 'charge_period' must be one of month, day" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\nquantity_decimals: "
		  "10\n" SKUS,
		  "p.yaml:4:20: 'quantity_decimals' must be from 0 to 9" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\n"
		  "rounding: {mode: down, at: line}\n" SKUS,
		  "p.yaml:4:18: 'mode' must be one of half-up, half-even, up" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\n"
		  "rounding: {mode: up, at: total}\n" SKUS,
		  "p.yaml:4:26: 'at' must be one of none, line, invoice" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\nrounding: {mode: "
		  "up}\n" SKUS,
		  "p.yaml:4:11: key 'at' is missing" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\nskus: []\n",
		  "p.yaml:4:7: 'skus' is empty" },
		{ "currency: EUR\nprovider: P\nbilling_account: {id: a}\nskus: a\n",
		  "p.yaml:4:7: 'skus' must be a list of maps" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(cases[i][0], cases[i][1]);
}

static void
a_sku_that_is_wrong_is_refused_at_its_place(void **state)
{
#define PRICES "prices: [{from: 2026-01-01, rate: 1}]"
#define TIERS  "prices: [{from: 2026-01-01, tiers: [{up_to: 1, rate: 2}, {rate: 1}]}]"
	static const char *const cases[][2] = {
		{ "  - {id: a, " PRICES "}\n", "p.yaml:5:5: key 'meter' is missing" },
		{ "  - {id: a, meter: vm-hour}\n", "p.yaml:5:5: key 'prices' is missing" },
		{ "  - {id: a, meter: hour, " PRICES "}\n",
		  "p.yaml:5:20: 'meter' must be one of vcpu-hour, gib-hour, vm-hour, "
		  "licence-hour" },
		{ "  - {id: a, meter: licence-hour, per: vm, " PRICES "}\n",
		  "p.yaml:5:5: key 'product' is missing: a licence-hour is of something" },
		{ "  - {id: a, meter: licence-hour, product: rhel, " PRICES "}\n",
		  "p.yaml:5:5: key 'per' is missing: a licence-hour per vm or per vcpu" },
		{ "  - {id: a, meter: licence-hour, product: rhel, per: core, " PRICES "}\n",
		  "p.yaml:5:54: 'per' must be one of vm, vcpu" },
		{ "  - {id: a, meter: vm-hour, per: vm, " PRICES "}\n",
		  "p.yaml:5:34: 'per' is for meter licence-hour alone" },
		{ "  - {id: a, meter: vm-hour, minimum_vcpus: 4, " PRICES "}\n",
		  "p.yaml:5:44: 'minimum_vcpus' is for meters of vCPUs alone" },
		{ "  - {id: a, meter: vm-hour, product: Windows Server, " PRICES "}\n",
		  "p.yaml:5:38: 'product' must be an OS family, an OS's URI, a rule's id or the id "
		  "of a "
		  "software" },
		{ "  - {id: a, meter: vm-hour, service_category: Computing, " PRICES "}\n",
		  "p.yaml:5:47: 'service_category' is none of FOCUS 1.2" },
		{ "  - {id: a, meter: vm-hour, tier_scope: fleet, " PRICES "}\n",
		  "p.yaml:5:41: 'tier_scope' must be one of account, cost-center, vm" },
		{ "  - {id: a, meter: vm-hour, minimum_time: 0s, " PRICES "}\n",
		  "p.yaml:5:43: 'minimum_time' must be a span such as 500ms, 10s, 15m, 1h or 2d" },
		{ "  - {id: a, meter: vm-hour, time_step: 500ms, " PRICES "}\n",
		  "p.yaml:5:40: 'time_step' must be from 1 s to 2678400 s" },
		{ "  - {id: a, meter: vm-hour, minimum_charge: -1, " PRICES "}\n",
		  "p.yaml:5:45: 'minimum_charge' is negative" },
		{ "  - {id: a, meter: vm-hour, " PRICES "}\n  - {id: a, meter: gib-hour, " PRICES
		  "}\n",
		  "p.yaml:6:10: 'id' stands at line 5 already" },
		{ "  - {id: t, meter: vm-hour, " TIERS "}\n  - {id: t/2, meter: vm-hour, " PRICES
		  "}\n",
		  "p.yaml:6:10: 'id' and that of line 5: one of them names a tier of the other's "
		  "prices" },
		{ "  - {id: t/1, meter: vm-hour, " PRICES "}\n  - {id: t, meter: vm-hour, " TIERS
		  "}\n",
		  "p.yaml:6:10: 'id' and that of line 5: one of them names a tier of the other's "
		  "prices" },
		{ "  - {id: ' ', meter: vm-hour, " PRICES "}\n", "p.yaml:5:10: 'id' is blank" },
		{ "  - {id: a, meter: vm-hour, prices: []}\n", "p.yaml:5:37: 'prices' is empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[1024];

		snprintf(text, sizeof(text), HEAD "%s", cases[i][0]);
		assert_refused(text, cases[i][1]);
	}
}

static void
a_price_that_is_wrong_is_refused_at_its_place(void **state)
{
	static const char *const cases[][2] = {
		{ "{from: 2026-01-01}", "5:2: key 'rate' is missing, or 'tiers'" },
		{ "{from: 2026-01-01, rate: 1, tiers: [{rate: 1}]}",
		  "5:27: 'rate' and 'tiers' exclude each other" },
		{ "{from: 2026-01-01, rate: -0.01}", "5:27: 'rate' is negative" },
		{ "{from: 2026-01-01, rate: -0}", "5:27: 'rate' is negative" },
		{ "{from: 2026-01-01, rate: 1000000000.01}",
		  "5:27: 'rate' is more than 1000000000" },
		{ "{from: 2026-01-01, rate: 99999999999999999999999999999999999999999999}",
		  "5:27: 'rate' is more than 1000000000" },
		{ "{from: 2026-01-01, rate: 0.0000000000001}",
		  "5:27: 'rate' has more than 12 decimals" },
		{ "{from: 2026-01-01, rate: 1e3}",
		  "5:27: 'rate' must be a decimal number such as 0.046" },
		{ "{from: 2026-01-01, rate: free}",
		  "5:27: 'rate' must be a decimal number such as 0.046" },
		{ "{from: 2026-01-01, rate: '0,05'}",
		  "5:27: 'rate' must be a decimal number such as 0.046" },
		{ "{from: 2026-02-29, rate: 1}", "5:9: 'from' must be a day such as 2026-01-01" },
		{ "{from: 2026-1-001, rate: 1}", "5:9: 'from' must be a day such as 2026-01-01" },
		{ "{from: 01.01.2026, rate: 1}", "5:9: 'from' must be a day such as 2026-01-01" },
		{ "{from: 2026, rate: 1}", "5:9: 'from' must be a text of 10 to 10 bytes" },
		{ "{from: 2026-01-02, to: 2026-01-02, rate: 1}",
		  "5:25: 'to' must lie behind 'from'" },
		{ "{from: 2026-01-01, to: 2026-02-01, rate: 1}, {from: 2026-01-31, rate: 1}",
		  "5:54: overlap: the price before it holds until 2026-02-01" },
		{ "{from: 2026-01-01, to: 2026-02-01, rate: 1}, {from: 2026-02-02, rate: 1}",
		  "5:54: hole: no price from 2026-02-01 to 2026-02-02" },
		{ "{from: 2026-01-01, rate: 1}, {from: 2026-01-01, rate: 1}",
		  "5:38: 'from' must lie behind that of the price before it" },
		{ "{from: 2026-01-01, tiers: []}", "5:28: 'tiers' is empty" },
		{ "{from: 2026-01-01, tiers: [{rate: 2}, {rate: 1}]}",
		  "5:29: key 'up_to' is missing: only the last tier has no end" },
		{ "{from: 2026-01-01, tiers: [{up_to: 5, rate: 1}]}",
		  "5:37: 'up_to' in the last tier: what lies above it has no price" },
		{ "{from: 2026-01-01, tiers: [{up_to: 5, rate: 2}, {up_to: 5.0, rate: 2}, {rate: "
		  "1}]}",
		  "5:58: 'up_to' must be more than that of the tier before it" },
		{ "{from: 2026-01-01, tiers: [{up_to: 0, rate: 2}, {rate: 1}]}",
		  "5:37: 'up_to' must be more than 0" },
		{ "{from: 2026-01-01, tiers: [{up_to: 0.0000000001, rate: 2}, {rate: 1}]}",
		  "5:37: 'up_to' has more than 9 decimals" },
		{ "{from: 2026-01-01, tiers: [{up_to: x, rate: 2}, {rate: 1}]}",
		  "5:37: 'up_to' must be a decimal number such as 1000" },
		{ "{from: 2026-01-01, tiers: [{up_to: 1000000001, rate: 2}, {rate: 1}]}",
		  "5:37: 'up_to' is more than 1000000000" },
		{ "{from: 2026-01-01, tiers: [{up_to: 1, rate: -2}, {rate: 1}]}",
		  "5:46: 'rate' is negative" },
		{ "{from: 2026-01-01, rte: 1}", "5:21: unknown key 'rte'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[1024], expected[256];

		snprintf(text, sizeof(text), HEAD "- {id: a, meter: vm-hour, prices: [\n %s]}\n",
			 cases[i][0]);
		/* The list stands on line 6, a blank ahead of it. */
		snprintf(expected, sizeof(expected), "p.yaml:6%s", cases[i][1] + 1);
		assert_refused(text, expected);
	}
}

static void
currencies_have_the_minor_digits_of_iso_4217(void **state)
{
	(void)state;
	assert_int_equal(currency_digits("EUR"), 2);
	assert_int_equal(currency_digits("USD"), 2);
	assert_int_equal(currency_digits("JPY"), 0);
	assert_int_equal(currency_digits("XPF"), 0);
	assert_int_equal(currency_digits("KWD"), 3);
	assert_int_equal(currency_digits("UYW"), 4);
	assert_int_equal(currency_digits("CLF"), 4);
	assert_int_equal(currency_digits("ZWG"), 2);
	assert_int_equal(currency_digits("AED"), 2);
	assert_int_equal(currency_digits("XAU"), -1);
	assert_int_equal(currency_digits("E R"), -1);
	assert_int_equal(currency_digits("UR "), -1);
	assert_int_equal(currency_digits(""), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_list_has_its_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(a_head_that_is_wrong_is_refused_at_its_place),
		cmocka_unit_test(a_sku_that_is_wrong_is_refused_at_its_place),
		cmocka_unit_test(a_price_that_is_wrong_is_refused_at_its_place),
		cmocka_unit_test(currencies_have_the_minor_digits_of_iso_4217),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
