/* SPDX-License-Identifier: Apache-2.0 */
/* Reports with entitlements and a roster, by the rule packs that the product has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

#define FACTS  "cores_per_socket=8,8 max_sockets=2 cluster=c1 region=eu\n"
#define TWO    "h1 2026-01-01T00:00:00Z host " FACTS "h2 2026-01-01T00:00:00Z host " FACTS
#define WIN    "vcpus=4 os=http://microsoft.com/win/2k22 edition=standard"
#define END    "h1 2026-04-30T00:00:00Z heartbeat\nh2 2026-04-30T00:00:00Z heartbeat\n"
#define MARCH  "2026-03-01", "2026-04-01", "UTC"
#define STD    "rule=windows-server-standard/host "
#define DC     "rule=windows-server-datacenter/host "
#define FLEET_ "scope=fleet"

/* A VM on h1, on h2 for a while, and on h1 again. */
static const char wandering[] = TWO "h1 2026-01-10T00:00:00Z start a " WIN "\n"
				    "h1 2026-03-10T00:00:00Z migrate-out a peer=h2\n"
				    "h2 2026-03-10T00:00:00Z migrate-in a vcpus=4 peer=h1\n"
				    "h2 2026-03-11T00:00:00Z migrate-out a peer=h1\n"
				    "h1 2026-03-11T00:00:00Z migrate-in a vcpus=4 peer=h2\n" END;

static void
positions_get_what_is_held_and_nothing_is_null(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 24, scope: "
		    "'host:h1'}\n",
		    NULL);
	r = report_of(TWO "h1 2026-03-02T00:00:00Z start a " WIN "\n"
			  "h2 2026-03-02T00:00:00Z start b " WIN "\n" END,
		      MARCH);
	assert_figure(r, "positions", STD FLEET_, "measured", "32");
	assert_figure(r, "positions", STD FLEET_, "entitled", "24");
	/* Of the 24 on h1 8 are of no use to h2. */
	assert_figure(r, "positions", STD FLEET_, "surplus.measured", "-16");
	assert_figure(r, "positions", STD FLEET_, "surplus.low", "-8");
	assert_figure(r, "positions", STD "scope=host id=h1", "surplus.measured", "8");
	assert_figure(r, "positions", STD "scope=host id=h2", "entitled", "null");
	assert_figure(r, "positions", STD "scope=host id=h2", "surplus.low", "null");
	assert_figure(r, "positions", DC FLEET_, "entitled", "null");
}

static void
what_is_bound_elsewhere_is_no_surplus(void **state)
{
	static const char one[] = TWO "h1 2026-03-02T00:00:00Z start a " WIN "\n" END;
	const struct tally_json *r;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 64, "
		    "assigned_host: h2}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 10}\n",
		    NULL);
	r = report_of(one, MARCH);
	assert_figure(r, "positions", STD FLEET_, "measured", "16");
	assert_figure(r, "positions", STD FLEET_, "entitled", "74");
	assert_figure(r, "positions", STD FLEET_, "surplus.low", "58");
	assert_figure(r, "positions", STD FLEET_, "surplus.measured", "-6");
	/* Each of the two may have to be licensed for it in the worst case. */
	assert_figure(r, "positions", STD FLEET_, "high", "32");
	assert_figure(r, "positions", STD FLEET_, "surplus.high", "-6");
	assert_figure(r, "positions", STD "scope=cluster id=c1", "surplus.measured", "-16");
	assert_figure(r, "positions", STD "scope=host id=h2", "surplus.measured", "64");
	/* Enough of what goes anywhere makes up for it. */
	report_with("- {product: windows-server-standard, metric: core, quantity: 64, "
		    "assigned_host: h2}\n"
		    "- {product: windows-server-standard, metric: core, quantity: 16}\n",
		    NULL);
	r = report_of(one, MARCH);
	assert_figure(r, "positions", STD FLEET_, "surplus.measured", "64");
}

static void
a_licence_on_record_cannot_follow_a_machine_that_wanders(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with(NULL, NULL);
	r = report_of(wandering, MARCH);
	assert_figure(r, "positions", STD FLEET_, "measured", "32");
	assert_figure(r, "positions", STD FLEET_, "low", "32");
	/* Once over is free, but where the licence was assigned just before. */
	r = report_of(TWO "h1 2026-01-10T00:00:00Z start a " WIN "\n"
			  "h1 2026-03-10T00:00:00Z migrate-out a peer=h2\n"
			  "h2 2026-03-10T00:00:00Z migrate-in a vcpus=4 peer=h1\n" END,
		      MARCH);
	assert_figure(r, "positions", STD FLEET_, "low", "16");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h1, assigned_date: 2026-01-09}\n",
		    NULL);
	r = report_of(TWO "h1 2026-01-10T00:00:00Z start a " WIN "\n"
			  "h1 2026-03-10T00:00:00Z migrate-out a peer=h2\n"
			  "h2 2026-03-10T00:00:00Z migrate-in a vcpus=4 peer=h1\n" END,
		      MARCH);
	assert_figure(r, "positions", STD FLEET_, "low", "32");
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "assigned_host: h1, assigned_date: 2025-12-10}\n",
		    NULL);
	r = report_of(TWO "h1 2026-01-10T00:00:00Z start a " WIN "\n"
			  "h1 2026-03-10T00:00:00Z migrate-out a peer=h2\n"
			  "h2 2026-03-10T00:00:00Z migrate-in a vcpus=4 peer=h1\n" END,
		      MARCH);
	assert_figure(r, "positions", STD FLEET_, "low", "16");
}

/* The only exclusion of the Standard model's position of the fleet. */
static const char *
why_excluded(const struct tally_json *r)
{
	const struct tally_json *list = tally_json_get(r, "positions");

	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *p = tally_json_at(list, i);
		const struct tally_json *excluded = tally_json_get(p, "excluded");

		if (!tally_bytes_eq(tally_json_string(tally_json_get(p, "rule")),
				    tally_bytes_str("windows-server-standard/host")) ||
		    !tally_bytes_eq(tally_json_string(tally_json_get(p, "scope")),
				    tally_bytes_str("fleet")))
			continue;
		assert_int_equal(tally_json_count(excluded), 1);
		return (const char *)tally_json_string(
			       tally_json_get(tally_json_at(excluded, 0), "why"))
			.p;
	}
	return "no position";
}

static void
a_right_takes_machines_out_and_says_so(void **state)
{
	static const char lines[] =
		TWO "h1 2026-03-02T00:00:00Z start a " WIN " environment=test\n"
		    "h2 2026-03-02T00:00:00Z start b " WIN " environment=test\n" END;
	const struct tally_json *r;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 16}\n", NULL);
	r = report_of(lines, MARCH);
	assert_figure(r, "positions", STD FLEET_, "measured", "32");
	report_with("- {product: windows-server-standard, metric: user, quantity: 16, "
		    "rights: [dev-test], scope: 'host:h1', reference: MSDN}\n",
		    NULL);
	r = report_of(lines, MARCH);
	assert_figure(r, "positions", STD FLEET_, "measured", "16");
	assert_string_equal(why_excluded(r), "dev-test by MSDN");
	assert_figure(r, "positions", STD "scope=host id=h1", "measured", "0");
}

static size_t
findings(const struct tally_json *r, const char *kind)
{
	char where[64];

	snprintf(where, sizeof(where), "kind=%s", kind);
	return rows(r, "findings", where);
}

static void
the_roster_is_judged_and_both_files_are_inputs(void **state)
{
	const struct tally_json *r;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 16, "
		    "valid_to: 2026-03-20}\n",
		    "- {host: h1}\n- {host: h9}\n");
	r = report_of(wandering, MARCH);
	assert_int_equal(findings(r, "roster-missing"), 1);
	assert_int_equal(findings(r, "roster-extra"), 1);
	assert_int_equal(findings(r, "entitlement-expired"), 1);
	assert_int_equal(tally_json_count(tally_json_get(tally_json_get(r, "report"), "inputs")),
			 2);
	report_with(NULL, "- {host: h1}\n- {host: h2}\n");
	r = report_of(wandering, MARCH);
	assert_int_equal(findings(r, "roster-missing"), 0);
	assert_int_equal(findings(r, "roster-extra"), 0);
}

static void
a_greater_edition_than_is_held_is_a_finding(void **state)
{
	static const char lines[] =
		TWO "h1 2026-03-02T00:00:00Z start a vcpus=4 os=http://microsoft.com/win/2k22 "
		    "edition=datacenter\n" END;
	const struct tally_json *r;

	(void)state;
	report_with("- {product: windows-server-standard, metric: core, quantity: 16}\n", NULL);
	r = report_of(lines, MARCH);
	assert_int_equal(findings(r, "edition-mismatch"), 1);
	report_with("- {product: windows-server-datacenter, metric: core, quantity: 16}\n", NULL);
	r = report_of(lines, MARCH);
	assert_int_equal(findings(r, "edition-mismatch"), 0);
}

static void
an_input_is_known_by_what_it_holds(void **state)
{
	static const struct {
		const char *name, *text;
		enum tally_report_role role;
	} files[] = {
		{ "a.yaml", "- {product: p, metric: m, quantity: 1}\n", TALLY_REPORT_ENTITLEMENTS },
		{ "a.csv", "product,metric,quantity\np,m,1\n", TALLY_REPORT_ENTITLEMENTS },
		{ "a.yaml", "hosts: [{host: h1}]\n", TALLY_REPORT_ROSTER },
		{ "a.yaml", "prices: []\n", TALLY_REPORT_OTHER },
		{ "a.yaml", "", TALLY_REPORT_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct tally_report_input in = { files[i].name, tally_bytes_str(files[i].text) };

		assert_int_equal(tally_report_role(&in), files[i].role);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_get_what_is_held_and_nothing_is_null),
		cmocka_unit_test(what_is_bound_elsewhere_is_no_surplus),
		cmocka_unit_test(a_licence_on_record_cannot_follow_a_machine_that_wanders),
		cmocka_unit_test(a_right_takes_machines_out_and_says_so),
		cmocka_unit_test(the_roster_is_judged_and_both_files_are_inputs),
		cmocka_unit_test(a_greater_edition_than_is_held_is_a_finding),
		cmocka_unit_test(an_input_is_known_by_what_it_holds),
	};
	int failed;

	report_by_all_packs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	report_done();
	return failed;
}
