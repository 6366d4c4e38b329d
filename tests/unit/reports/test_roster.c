/* SPDX-License-Identifier: Apache-2.0 */
/* The roster as a file, and beside what the ledgers tell. */
#include <stdlib.h>
#include <string.h>
#include "../../../reports/roster.h"
#include "tally/err.h"
#include "testlib.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
bad_rosters_are_refused_at_their_place(void **state)
{
	static const char *const cases[][2] = {
		{ "", "r.yaml:1:1: no hosts" },
		{ "[]\n", "r.yaml:1:1: no hosts" },
		{ "hosts: []\n", "r.yaml:1:8: no hosts" },
		{ "hosts: h1\n", "r.yaml:1:8: a roster must be a list of maps" },
		{ "h1\n", "r.yaml:1:1: a roster must be a list of maps" },
		{ "host: [{host: a}]\n", "r.yaml:1:1: unknown key" },
		{ "hosts: [{host: a}]\nmore: 1\n", "r.yaml:2:1: unknown key" },
		{ "- h1\n", "r.yaml:1:3: must be a map" },
		{ "- {asset: a}\n", "r.yaml:1:3: key 'host' is missing" },
		{ "- {host: ''}\n", "r.yaml:1:10: 'host' must be a text of 1 to 255 bytes" },
		{ "- {host: [a]}\n", "r.yaml:1:10: 'host' must be a text" },
		{ "- {host: a, rack: 7}\n", "r.yaml:1:13: unknown key 'rack'" },
		{ "- {host: a, host: b}\n", "r.yaml:1:13: doubled key 'host'" },
		{ "- {host: a, from: 2026-02-30}\n", "r.yaml:1:19: 'from' must be a day" },
		{ "- {host: a, to: never}\n", "r.yaml:1:17: 'to' must be a day" },
		{ "- {host: a, from: 2026-02-01, to: 2026-02-01}\n",
		  "r.yaml:1:35: 'to' must lie behind 'from'" },
		{ "- {host: a}\n- {host: b}\n- {host: a, from: 2026-01-01}\n",
		  "r.yaml:3:3: another line of this host holds at the same time" },
		{ "- {host: a, from: 2026-02-01}\n- {host: a, to: 2026-02-02}\n",
		  "r.yaml:2:3: another line of this host holds at the same time" },
		{ "- {host: a\n", "r.yaml:2:1: " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tally_err err = TALLY_ERR_INIT;
		struct roster *r;

		if (roster_parse(&r, "r.yaml", tally_bytes_str(cases[i][0]), &err) == 0)
			fail_msg("taken: %s", cases[i][0]);
		assert_int_equal(err.code, TALLY_USE);
		if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0)
			fail_msg("%s\nnot: %s", err.text, cases[i][1]);
	}
}

/* The findings of March 2026, one a line. */
static void
judged(const char *roster, const struct roster_host *hosts, size_t n, const char *want)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_bytes *names = calloc(n + 1, sizeof(*names));
	struct tally_buf got = TALLY_BUF_INIT;
	struct tally_zone *utc;
	struct findings f;
	struct roster *r;

	if (roster_parse(&r, "r.yaml", tally_bytes_str(roster), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tally_zone_open(&utc, "UTC", &err), 0);
	assert_int_equal(roster_settle(r, utc, &err), 0);
	for (size_t i = 0; i < n; i++)
		names[i] = hosts[i].name;
	findings_init(&f, n);
	roster_judge(r, hosts, n, test_wall("2026-03-01T00:00:00Z").ns,
		     test_wall("2026-04-01T00:00:00Z").ns, &f);
	findings_finish(&f, names, names);
	for (size_t i = 0; i < f.count; i++) {
		tally_buf_addf(&got, "%s %s: ", finding_severity(f.list[i]->kind),
			       finding_name(f.list[i]->kind));
		tally_buf_add_bytes(&got, tally_buf_view(&f.list[i]->text));
		tally_buf_add_str(&got, "\n");
	}
	assert_string_equal(tally_buf_cstr(&got), want);
	tally_buf_deinit(&got);
	findings_deinit(&f);
	roster_free(r);
	tally_zone_free(utc);
	free(names);
}

static struct roster_host
host(const char *name, const char *asset, uint32_t ledger, const char *from, const char *to)
{
	return (struct roster_host){ .name = tally_bytes_str(name),
				     .asset = tally_bytes_str(asset),
				     .ledger = ledger,
				     .seen_from = test_wall(from).ns,
				     .seen_to = test_wall(to).ns,
				     .retired = INT64_MAX };
}

static void
hosts_that_report_as_asked_are_no_finding(void **state)
{
	struct roster_host hosts[] = {
		host("h1", "A1", 0, "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z"),
		host("h2", "", 1, "2026-03-01T23:59:59Z", "2026-03-31T00:00:01Z"),
	};

	(void)state;
	judged("hosts:\n  - {host: h1, asset: A1}\n  - {host: h2, asset: A2, to: 2026-04-01}\n"
	       "  - {host: h3, to: 2026-03-01}\n  - {host: h4, from: 2026-04-01}\n",
	       hosts, COUNT(hosts), "");
}

static void
absent_silent_and_retired_hosts_are_missing(void **state)
{
	struct roster_host hosts[] = {
		host("h1", "", 0, "2026-03-02T00:00:00Z", "2026-03-31T23:00:00Z"),
		host("h2", "", 1, "2026-01-01T00:00:00Z", "2026-03-30T23:59:59Z"),
		host("h3", "", 2, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
		host("h4", "", 3, "2026-01-01T00:00:00Z", "2026-03-10T00:00:00Z"),
	};

	(void)state;
	hosts[3].retired = test_wall("2026-03-10T00:00:00Z").ns;
	judged("- {host: h1}\n- {host: h2}\n- {host: h3}\n- {host: h4}\n"
	       "- {host: h5, asset: A5, reason: new in Kiel}\n",
	       hosts, COUNT(hosts),
	       "error roster-missing: 5 hosts of the roster are absent: "
	       "h1 tells nothing before 2026-03-02T00:00:00Z; "
	       "h2 tells nothing behind 2026-03-30T23:59:59Z; "
	       "h3 has a ledger that tells nothing of this time; "
	       "h4 was retired on 2026-03-10T00:00:00Z; "
	       "h5 (asset A5, new in Kiel) has no ledger here\n");
}

static void
a_retired_host_whose_line_ends_with_it_is_not_missing(void **state)
{
	struct roster_host hosts[] = {
		host("h1", "", 0, "2026-01-01T00:00:00Z", "2026-03-10T12:00:00Z"),
	};

	(void)state;
	hosts[0].retired = test_wall("2026-03-10T12:00:00Z").ns;
	judged("- {host: h1, to: 2026-03-11}\n", hosts, 1, "");
	judged("- {host: h1, to: 2026-03-10}\n- {host: h1, from: 2026-03-10, to: 2026-04-02}\n",
	       hosts, 1,
	       "error roster-missing: 1 host of the roster is absent: "
	       "h1 was retired on 2026-03-10T12:00:00Z\n");
}

static void
who_reports_without_a_line_is_extra_from_then_on(void **state)
{
	struct roster_host hosts[] = {
		host("h1", "", 0, "2026-01-01T00:00:00Z", "2026-03-31T23:00:00Z"),
		host("h2", "", 1, "2026-01-01T00:00:00Z", "2026-03-31T23:00:00Z"),
		host("h3", "", 2, "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"),
		host("h4", "", 3, "2026-03-05T00:00:00Z", "2026-03-31T23:00:00Z"),
	};

	(void)state;
	judged("- {host: h1, to: 2026-03-10}\n- {host: h1, from: 2026-03-10, to: 2026-03-20}\n"
	       "- {host: h4, from: 2026-03-05}\n",
	       hosts, COUNT(hosts),
	       "warning roster-extra: 2 hosts report that no line of the roster asks for: "
	       "h1 from 2026-03-20T00:00:00Z on; h2 from 2026-03-01T00:00:00Z on\n");
}

static void
another_asset_is_another_identity_and_a_replacement_is_told(void **state)
{
	struct roster_host hosts[] = {
		host("h1", "B9", 0, "2026-01-01T00:00:00Z", "2026-03-31T23:00:00Z"),
		host("h2", "B2", 1, "2026-01-01T00:00:00Z", "2026-03-31T23:00:00Z"),
		host("h3", "B3", 2, "2026-01-01T00:00:00Z", "2026-03-31T23:00:00Z"),
	};

	(void)state;
	judged("- {host: h1, asset: A1}\n"
	       "- {host: h2, asset: A2, to: 2026-03-10}\n"
	       "- {host: h2, asset: B2, from: 2026-03-10, reason: board broke}\n"
	       "- {host: h3, asset: A3, to: 2026-02-10}\n"
	       "- {host: h3, asset: B3, from: 2026-02-10}\n",
	       hosts, COUNT(hosts),
	       "warning identity-changed: host h1: 1 change of the host's identity: "
	       "h1 (asset A1) says that it is asset B9\n"
	       "warning identity-changed: host h2: 1 change of the host's identity: "
	       "h2 (asset B2, board broke) is another machine since 2026-03-10T00:00:00Z\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_rosters_are_refused_at_their_place),
		cmocka_unit_test(hosts_that_report_as_asked_are_no_finding),
		cmocka_unit_test(absent_silent_and_retired_hosts_are_missing),
		cmocka_unit_test(a_retired_host_whose_line_ends_with_it_is_not_missing),
		cmocka_unit_test(who_reports_without_a_line_is_extra_from_then_on),
		cmocka_unit_test(another_asset_is_another_identity_and_a_replacement_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
