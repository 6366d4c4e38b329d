/* SPDX-License-Identifier: Apache-2.0 */
/* What is held while it is needed: licences that begin and end, hosts that retire, and
 * what counts for nothing. By the rule packs that the product has. */
#include <stdio.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

#define FACTS  "cores_per_socket=8,8 max_sockets=2 cluster=c1 region=eu\n"
#define WIN    "vcpus=8 os=http://microsoft.com/win/2k22 edition=standard"
#define END    "h1 2026-02-02T00:00:00Z heartbeat\n"
#define END2   END "h2 2026-02-02T00:00:00Z heartbeat\n"
#define JAN    "2026-01-01", "2026-02-01", "UTC"
#define STD    "rule=windows-server-standard/host "
#define SQL    "rule=sql-server/vm product=sql-server-standard "
#define FLEET_ "scope=fleet"

static char told[4096];

static void
take_short(void *ctx, struct tally_report *r, const struct tally_report_options *o)
{
	struct tally_bytes lines;

	(void)ctx;
	(void)o;
	(void)tally_report_short(r, &lines);
	snprintf(told, sizeof(told), "%.*s", (int)lines.len, (const char *)lines.p);
}

/* What --strict says of January. */
static const char *
short_of(const char *lines)
{
	struct test_history h;

	test_history_init(&h);
	test_history_add(&h, lines);
	report_use(&h, JAN, take_short, NULL);
	test_history_deinit(&h);
	return told;
}

static size_t
findings(const struct tally_json *r, const char *kind)
{
	char where[64];

	snprintf(where, sizeof(where), "kind=%s", kind);
	return rows(r, "findings", where);
}

/* The need of the 90 days stands in the period, where it must be met. */
static void
what_ended_before_the_period_does_not_count_for_a_peak_before_it(void **state)
{
	static const char lines[] = "h1 2025-12-01T00:00:00Z host " FACTS
				    "h1 2025-12-15T00:00:00Z start a " WIN "\n" END;
	static const struct {
		const char *held, *entitled, *shortage;
	} cases[] = {
		{ "valid_to: 2026-01-01", "0",
		  "windows-server: 16 core short (windows-server-standard/host: 16 needed, 0 held "
		  "for it)\n" },
		{ "valid_from: 2025-12-31", "16", "" },
		{ "valid_from: 2026-01-02", "0",
		  "windows-server: 16 core short (windows-server-standard/host: 16 needed, 0 held "
		  "for it)\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char held[256];

		snprintf(held, sizeof(held),
			 "- {product: windows-server-standard, metric: core, quantity: 16, %s}\n",
			 cases[i].held);
		report_with(held, NULL);
		assert_figure(report_of(lines, JAN), "positions", STD FLEET_, "entitled",
			      cases[i].entitled);
		assert_string_equal(short_of(lines), cases[i].shortage);
	}
	/* One behind the other. */
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, valid_to: "
		    "2026-01-01}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16, valid_from: "
		    "2026-01-01, valid_to: 2026-01-15}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 17, valid_from: "
		    "2026-01-15}\n",
		    NULL);
	assert_figure(report_of(lines, JAN), "positions", STD FLEET_, "entitled", "16");
	assert_string_equal(short_of(lines), "");
}

static void
a_licence_must_last_as_long_as_the_need_is_at_its_peak(void **state)
{
	static const struct {
		const char *lines, *held, *entitled;
	} cases[] = {
		{ "h1 2026-01-01T00:00:00Z start a vcpus=8 software=sql-server-standard\n",
		  "valid_to: 2026-01-02", "0" },
		{ "h1 2026-01-01T00:00:00Z start a vcpus=8 software=sql-server-standard\n",
		  "valid_from: 2026-01-02", "0" },
		/* Only while it ran. */
		{ "h1 2026-01-03T00:00:00Z start a vcpus=8 software=sql-server-standard\n"
		  "h1 2026-01-05T00:00:00Z stop a cause=shutdown\n",
		  "valid_from: 2026-01-03, valid_to: 2026-01-05", "8" },
		/* Again at the peak, behind the end. */
		{ "h1 2026-01-03T00:00:00Z start a vcpus=8 software=sql-server-standard\n"
		  "h1 2026-01-05T00:00:00Z stop a cause=shutdown\n"
		  "h1 2026-01-20T00:00:00Z start a vcpus=8 software=sql-server-standard\n",
		  "valid_from: 2026-01-03, valid_to: 2026-01-15", "0" },
		/* Again, but less. */
		{ "h1 2026-01-03T00:00:00Z start a vcpus=8 software=sql-server-standard\n"
		  "h1 2026-01-05T00:00:00Z stop a cause=shutdown\n"
		  "h1 2026-01-20T00:00:00Z start a vcpus=7 software=sql-server-standard\n",
		  "valid_from: 2026-01-03, valid_to: 2026-01-15", "8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char held[256], lines[1024];

		snprintf(held, sizeof(held),
			 "- {product: sql-server-standard, metric: core, quantity: 8, %s}\n",
			 cases[i].held);
		snprintf(lines, sizeof(lines), "h1 2026-01-01T00:00:00Z host " FACTS "%s" END,
			 cases[i].lines);
		report_with(held, NULL);
		assert_figure(report_of(lines, JAN), "positions", SQL FLEET_, "entitled",
			      cases[i].entitled);
		assert_true((short_of(lines)[0] == '\0') == (cases[i].entitled[0] == '8'));
	}
}

static void
what_is_assigned_to_one_host_is_of_no_use_to_another(void **state)
{
	static const char lines[] =
		"h1 2026-01-01T00:00:00Z host " FACTS "h2 2026-01-01T00:00:00Z host " FACTS
		"h1 2026-01-02T00:00:00Z start a " WIN "\nh2 2026-01-02T00:00:00Z start b " WIN
		"\n" END2;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 32, "
		    "assigned_host: h1}\n",
		    NULL);
	assert_string_equal(short_of(lines),
			    "windows-server: 16 core short (windows-server-standard"
			    "/host: 32 needed, 16 held for it)\n");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h1}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h2}\n",
		    NULL);
	assert_string_equal(short_of(lines), "");
	/* A host of which no ledger tells. */
	report_with("- {product: windows-server-standard, metric: core, quantity: 32, "
		    "assigned_host: h9}\n",
		    NULL);
	assert_figure(report_of(lines, JAN), "positions", STD FLEET_, "entitled", "0");
	assert_string_equal(short_of(lines),
			    "windows-server: 32 core short (windows-server-standard"
			    "/host: 32 needed, 0 held for it)\n");
	assert_int_equal(findings(report_of(lines, JAN), "entitlement-unmatched"), 1);
}

static void
clusters_may_be_licensed_each_in_its_own_way(void **state)
{
	static const char lines[] =
		"h1 2026-01-01T00:00:00Z host cores_per_socket=8,8 cluster=a region=eu\n"
		"h2 2026-01-01T00:00:00Z host cores_per_socket=8,8 cluster=b region=eu\n"
		"h1 2026-01-02T00:00:00Z start a " WIN "\nh1 2026-01-02T00:00:00Z start b " WIN
		"\nh1 2026-01-02T00:00:00Z start c " WIN "\nh2 2026-01-02T00:00:00Z start d " WIN
		"\n" END2;

	(void)state;
	report_with("- {product: windows-server-datacenter, metric: core, quantity: 16, scope: "
		    "'cluster:a'}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16, scope: "
		    "'cluster:b'}\n",
		    NULL);
	assert_string_equal(short_of(lines), "");
	report_with("- {product: windows-server-datacenter, metric: core, quantity: 16, scope: "
		    "'cluster:a'}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 15, scope: "
		    "'cluster:b'}\n",
		    NULL);
	assert_string_equal(short_of(lines), "windows-server: 1 core short (windows-server-standard"
					     "/host: 48 needed, 47 held for it)\n");
}

static void
a_host_that_retired_keeps_its_place(void **state)
{
	static const char lines[] =
		"h1 2026-01-01T00:00:00Z host " FACTS "h2 2026-01-01T00:00:00Z host " FACTS
		"h1 2026-01-02T00:00:00Z start a " WIN "\n"
		"h1 2026-01-05T00:00:00Z host-retired\n"
		"h2 2026-01-10T00:00:00Z start b " WIN "\nh2 2026-02-02T00:00:00Z heartbeat\n";

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h1, assigned_date: 2025-01-01}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h2, assigned_date: 2025-01-01}\n",
		    NULL);
	assert_figure(report_of(lines, JAN), "positions", STD "scope=cluster id=c1", "entitled",
		      "32");
}

static void
maintenance_makes_no_greater_edition_of_a_licence(void **state)
{
	static const char guest[] =
		"h1 2025-12-01T00:00:00Z host " FACTS
		"h1 2025-12-15T00:00:00Z start a vcpus=8 os=http://microsoft.com/win/2k22 "
		"edition=Datacenter\n" END;
	static const struct {
		const char *held;
		size_t found;
	} cases[] = {
		{ "- {product: windows-server-standard, metric: core, quantity: 16, rights: "
		  "[software-assurance]}\n",
		  1 },
		{ "- {product: windows-server-datacenter, metric: core, quantity: 16, rights: "
		  "[software-assurance]}\n",
		  0 },
		/* Bought while the guest ran. */
		{ "- {product: windows-server-standard, metric: core, quantity: 16, valid_from: "
		  "2026-01-01}\n",
		  1 },
		/* Only before the period. */
		{ "- {product: windows-server-standard, metric: core, quantity: 16, valid_to: "
		  "2025-12-31}\n"
		  "- {product: windows-server-datacenter, metric: core, quantity: 16, valid_from: "
		  "2025-12-31}\n",
		  0 },
		{ "- {product: windows-server-standard, metric: core, quantity: 16}\n"
		  "- {product: windows-server-datacenter, metric: core, quantity: 16, valid_to: "
		  "2026-01-20}\n",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		report_with(cases[i].held, NULL);
		assert_int_equal(findings(report_of(guest, JAN), "edition-mismatch"),
				 cases[i].found);
	}
	/* An edition's case is nobody's. */
	report_with(cases[0].held, NULL);
	assert_int_equal(
		findings(report_of("h1 2026-01-01T00:00:00Z host " FACTS
				   "h1 2026-01-01T00:00:00Z start a vcpus=8 "
				   "os=http://microsoft.com/win/2k22 edition=Standard\n" END,
				   JAN),
			 "edition-mismatch"),
		0);
}

static const char guests[] = "h1 2026-01-01T00:00:00Z host " FACTS
			     "h1 2026-01-01T00:00:00Z start a " WIN " environment=Test\n" END;

static void
what_lacks_maintenance_is_told_and_a_right_counts_for_something(void **state)
{
	(void)state;
	report_with("- {product: windows-server, metric: core, quantity: 16}\n", NULL);
	assert_int_equal(findings(report_of(guests, JAN), "entitlement-unmatched"), 1);
	report_with("- {product: windows-server, metric: core, quantity: 16, rights: "
		    "[software-assurance]}\n",
		    NULL);
	assert_int_equal(findings(report_of(guests, JAN), "entitlement-unmatched"), 0);
	report_with("- {product: windows-server-standard, metric: users, quantity: 16, rights: "
		    "[dev-test]}\n",
		    NULL);
	assert_int_equal(findings(report_of(guests, JAN), "entitlement-unmatched"), 0);
	assert_figure(report_of(guests, JAN), "positions", STD FLEET_, "measured", "0");
	report_with("- {product: windows-server-standard, metric: users, quantity: 16, rights: "
		    "[license-mobility]}\n",
		    NULL);
	assert_int_equal(findings(report_of(guests, JAN), "entitlement-unmatched"), 1);
}

static void
words_are_known_in_any_case_and_a_right_is_of_its_host(void **state)
{
	(void)state;
	report_with("- {product: windows-server-standard, metric: Cores, quantity: 16}\n", NULL);
	assert_figure(report_of(guests, JAN), "positions", STD FLEET_, "entitled", "16");
	report_with("- {product: windows-server-standard, metric: 2-Core-Packs, quantity: 8}\n",
		    NULL);
	assert_figure(report_of(guests, JAN), "positions", STD FLEET_, "entitled", "16");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, rights: "
		    "[dev-test], assigned_host: h1}\n",
		    NULL);
	assert_figure(report_of(guests, JAN), "positions", STD FLEET_, "measured", "0");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, rights: "
		    "[dev-test], assigned_host: h2}\n",
		    NULL);
	assert_figure(report_of(guests, JAN), "positions", STD FLEET_, "measured", "16");
}

/* How many stand in a list of the monthly rule's position of the fleet. */
static size_t
listed(const struct tally_json *r, const char *list)
{
	const struct tally_json *all = tally_json_get(r, "positions");

	for (size_t i = 0; i < tally_json_count(all); i++) {
		const struct tally_json *p = tally_json_at(all, i);

		if (tally_bytes_eq(tally_json_string(tally_json_get(p, "rule")),
				   tally_bytes_str("windows-server-standard/spla-month")) &&
		    tally_bytes_eq(tally_json_string(tally_json_get(p, "scope")),
				   tally_bytes_str("fleet")))
			return tally_json_count(tally_json_get(p, list));
	}
	fail_msg("no position of the monthly rule");
	return 0;
}

static void
a_host_without_facts_is_told_where_it_has_none_in_the_window(void **state)
{
	(void)state;
	report_with(NULL, NULL);
	assert_int_equal(listed(report_of("h1 2025-12-20T00:00:00Z start a " WIN "\n"
					  "h1 2025-12-20T00:01:00Z host " FACTS END,
					  JAN),
				"unresolved"),
			 0);
	assert_int_equal(listed(report_of("h1 2025-12-20T00:00:00Z start a " WIN "\n"
					  "h1 2026-01-01T00:01:00Z host " FACTS END,
					  JAN),
				"unresolved"),
			 1);
}

static void
a_product_that_is_held_has_a_position_though_no_guest_is_known_to_run_it(void **state)
{
	static const char unknown[] = "h1 2026-01-01T00:00:00Z host " FACTS
				      "h1 2026-01-01T00:00:00Z start a vcpus=8\n" END;

	(void)state;
	report_with(NULL, NULL);
	assert_int_equal(rows(report_of(unknown, JAN), "positions", STD FLEET_), 0);
	report_with("- {product: windows-server-standard, metric: core, quantity: 16}\n", NULL);
	assert_figure(report_of(unknown, JAN), "positions", STD FLEET_, "high", "16");
	assert_figure(report_of(unknown, JAN), "positions", STD FLEET_, "measured", "0");
	assert_int_equal(
		rows(report_of(unknown, JAN), "positions", "rule=rhel/vm-pairs scope=fleet"), 0);
}

/* Guests by pairs, and a cluster's sockets for any number of them, license the same use. */
static void
one_of_two_models_suffices_where_no_price_is_known_either(void **state)
{
	static const char lines[] =
		"h1 2026-01-01T00:00:00Z host cores_per_socket=8,8,8\n"
		"h1 2026-01-02T00:00:00Z start a vcpus=2 os=http://redhat.com/rhel/9.2\n"
		"h1 2026-01-02T00:00:00Z start b vcpus=2 os=http://redhat.com/rhel/9.2\n"
		"h1 2026-01-02T00:00:00Z start c vcpus=2 os=http://redhat.com/rhel/9.2\n"
		"h1 2026-01-02T00:00:00Z start d vcpus=2 os=http://ubuntu.com/ubuntu/24.04\n" END;

	(void)state;
	report_with("- {product: rhel, metric: rhel/vm-pairs, quantity: 2}\n"
		    "- {product: rhel-vdc, metric: rhel/virtual-datacenter, quantity: 1}\n"
		    "- {product: ubuntu-pro, metric: ubuntu-pro/vm, quantity: 1}\n",
		    NULL);
	assert_string_equal(short_of(lines), "");
	assert_figure(report_of(lines, JAN), "positions", "rule=rhel/vm-pairs scope=fleet",
		      "cheapest", "null");
	report_with("- {product: rhel, metric: rhel/vm-pairs, quantity: 1}\n", NULL);
	assert_non_null(strstr(short_of(lines), "rhel/vm-pairs"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_two_models_suffices_where_no_price_is_known_either),
		cmocka_unit_test(what_ended_before_the_period_does_not_count_for_a_peak_before_it),
		cmocka_unit_test(a_licence_must_last_as_long_as_the_need_is_at_its_peak),
		cmocka_unit_test(what_is_assigned_to_one_host_is_of_no_use_to_another),
		cmocka_unit_test(clusters_may_be_licensed_each_in_its_own_way),
		cmocka_unit_test(a_host_that_retired_keeps_its_place),
		cmocka_unit_test(maintenance_makes_no_greater_edition_of_a_licence),
		cmocka_unit_test(what_lacks_maintenance_is_told_and_a_right_counts_for_something),
		cmocka_unit_test(words_are_known_in_any_case_and_a_right_is_of_its_host),
		cmocka_unit_test(a_host_without_facts_is_told_where_it_has_none_in_the_window),
		cmocka_unit_test(
			a_product_that_is_held_has_a_position_though_no_guest_is_known_to_run_it),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	report_done();
	return failed;
}
