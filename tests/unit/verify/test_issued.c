/* SPDX-License-Identifier: Apache-2.0 */
/* What entries say of a report's issue, where they say it badly, twice, or of others. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "fixture.h"
#include "tally/entry.h"
#include "tally/file.h"
#include "tally/parse.h"

#define FROM INT64_C(1772323200000000000) /* 2026-03-01 */
#define TO   INT64_C(1775001600000000000) /* 2026-04-01 */

static const char pack[] =
	"pack: test\nversion: \"1\"\ntitle: Test\nvendor: Nobody\n"
	"rules:\n"
	"  - rule: test/vm\n    title: Guests\n    metric: instances\n    of: vms\n"
	"    valid_from: 2020-01-01\n    source: {text: here, read: 2026-01-01}\n    unit: vm\n"
	"    product: test\n    guests: {os: [http://example.com/]}\n";
static struct ledger l;
static char *path, *rules, *by;
static struct tally_buf text;
static uint8_t digest[TALLY_HASH], id[TALLY_HASH];
static unsigned exports;

static int
set_up(void **state)
{
	char *argv[] = { "report", NULL,       "--from", "2026-03", "--to", "2026-04", "--rules",
			 NULL,     "--format", "json",   "-o",      NULL,   NULL };
	struct tally_err err = TALLY_ERR_INIT;
	const char *p;
	char *export;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 4);
	ledger_checkpoint(&l);
	path = test_path(l.root, "report.json");
	rules = test_path(l.root, "rules");
	assert_int_equal(tally_dir_make(rules, 0700, &err), 0);
	by = test_path(rules, "test.yaml");
	test_file_write(by, pack, sizeof(pack) - 1);
	argv[1] = export = ledger_export(&l, "first", false);
	argv[7] = rules;
	argv[11] = path;
	if (cli_report(12, argv, &err) != 0)
		fail_msg("%s", err.text);
	free(export); /* argv is in another order by now */
	assert_int_equal(tally_file_read(AT_FDCWD, path, 1 << 20, &text, &err), 1);
	tally_sha256(digest, tally_buf_view(&text));
	p = strstr(tally_buf_cstr(&text), "\"id\": \"");
	while (p && strspn(p + 7, "0123456789abcdef") != (size_t)2 * TALLY_HASH)
		p = strstr(p + 1, "\"id\": \"");
	assert_non_null(p);
	assert_true(tally_unhex(id, TALLY_HASH, p + 7, (size_t)2 * TALLY_HASH));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tally_buf_deinit(&text);
	free(path), free(rules), free(by);
	ledger_deinit(&l);
	return 0;
}

/* The report's own issue, before it is bent. */
static struct tally_event
issue(void)
{
	struct tally_event ev = { .kind = TALLY_REPORT_ISSUED };

	ev.o.report = tally_bytes(id, TALLY_HASH);
	ev.o.file_hash = tally_bytes(digest, TALLY_HASH);
	ev.o.has_period_from = ev.o.has_period_to = true;
	ev.o.period_from = FROM;
	ev.o.period_to = TO;
	return ev;
}

static uint64_t
append(const struct tally_event *ev)
{
	uint64_t index;

	test_clock_advance(&l.clock, TALLY_SECOND);
	assert_int_equal(tally_store_append_event(l.store, ev, &index, &l.err), 0);
	return index;
}

/* Of the ledger as it is now. */
static void
assert_told(const char *says, const char *says_not)
{
	struct tally_buf out = TALLY_BUF_INIT;
	const char *paths[] = { NULL, path, by, NULL };
	struct tally_verify *v;
	char name[16], *export;

	ledger_checkpoint(&l);
	snprintf(name, sizeof(name), "e%u", exports++);
	paths[0] = export = ledger_export(&l, name, false);
	v = verified(tally_buf_cstr(&l.vkey), paths);
	tally_verify_text(v, &out);
	assert_int_equal(tally_verify_exit(v), 0);
	if (!strstr(tally_buf_cstr(&out), says))
		fail_msg("'%s' is not told: %s", says, tally_buf_cstr(&out));
	if (says_not && strstr(tally_buf_cstr(&out), says_not))
		fail_msg("'%s' is told: %s", says_not, tally_buf_cstr(&out));
	tally_verify_free(v);
	tally_buf_deinit(&out);
	free(export);
}

/* It may be the one; and nobody is told that there is none. */
static void
where_an_issue_is_not_disclosed_nobody_knows(void **state)
{
	struct tally_event other = issue();
	struct tally_buf out = TALLY_BUF_INIT, json = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH] = { 9 };
	const char *paths[] = { NULL, path, by, NULL };
	struct tally_verify *v;
	char name[64], *export;
	struct edit e;
	uint64_t at;

	(void)state;
	other.o.report = other.o.file_hash = tally_bytes(hash, TALLY_HASH);
	other.o.period_to -= 1;
	at = append(&other);
	ledger_checkpoint(&l);
	paths[0] = export = ledger_export(&l, "hidden", false);
	snprintf(name, sizeof(name), "private/payload/000.p/%u", (unsigned)at + 1);
	e = edit_open(export, name);
	edit_withhold(&e, at);
	v = verified(tally_buf_cstr(&l.vkey), paths);
	tally_verify_text(v, &out);
	tally_verify_json(v, &json);
	assert_int_equal(tally_verify_exit(v), 0);
	if (!strstr(tally_buf_cstr(&out), "report.json: whether it was issued or superseded cannot "
					  "be told: 1 entry that issues a report was not seen") ||
	    strstr(tally_buf_cstr(&out), "no entry says") ||
	    strstr(tally_buf_cstr(&json), "\"issued\":"))
		fail_msg("%s%s", tally_buf_cstr(&out), tally_buf_cstr(&json));
	tally_verify_free(v);
	edit_close(&e);
	tally_buf_deinit(&out), tally_buf_deinit(&json);
	free(export);
}

/* In the order of their entries: the ledger grows from case to case. */
static void
what_does_not_say_which_report_of_which_period_issues_nothing(void **state)
{
	struct tally_event bad[6];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		bad[i] = issue();
	bad[0].o.report = bad[1].o.file_hash = tally_bytes(NULL, 0);
	bad[2].o.has_period_from = bad[3].o.has_period_to = false;
	bad[4].o.period_to = bad[4].o.period_from;
	bad[5].o.period_to = UINT64_MAX;
	for (size_t i = 0; i < 6; i++)
		(void)append(&bad[i]);
	assert_told("report.json: no entry says that it was issued", "its id was issued");
}

static void
an_issue_of_the_period_before_it_is_no_rival_and_one_behind_it_is(void **state)
{
	struct tally_event other = issue(), elsewhen = issue();
	uint8_t hash[TALLY_HASH] = { 1 };
	char says[160], hex[2 * TALLY_HASH + 1];
	uint64_t at;

	(void)state;
	other.o.report = other.o.file_hash = elsewhen.o.report = tally_bytes(hash, TALLY_HASH);
	elsewhen.o.period_to -= 1;
	tally_hex(hex, hash, TALLY_HASH);
	(void)append(&elsewhen);
	assert_told("no entry says that it was issued", "issued for its period");
	at = append(&other);
	snprintf(says, sizeof(says),
		 "issued for its period, and not behind it: report %s: entry %u", hex,
		 (unsigned)at);
	assert_told(says, NULL);
	other = issue();
	at = append(&other);
	snprintf(says, sizeof(says), "report.json: issued: entry %u of " ORIGIN, (unsigned)at);
	assert_told(says, "issued for its period");
	other.o.report = other.o.file_hash = tally_bytes(hash, TALLY_HASH);
	(void)append(&other);
	assert_told("issued for its period, and not behind it", NULL);
}

static void
of_two_successors_the_newer_is_told(void **state)
{
	struct tally_event next = issue();
	uint8_t hash[TALLY_HASH] = { 2 };
	char says[160], hex[2 * TALLY_HASH + 1];
	uint64_t at = 0;

	(void)state;
	next.o.report = next.o.file_hash = tally_bytes(hash, TALLY_HASH);
	next.o.supersedes = tally_bytes(id, TALLY_HASH);
	for (hash[0] = 2; hash[0] < 4; hash[0]++) {
		at = append(&next);
		tally_hex(hex, hash, TALLY_HASH);
	}
	snprintf(says, sizeof(says), "superseded by report %s: entry %u of " ORIGIN, hex,
		 (unsigned)at);
	assert_told(says, "issued for its period");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_an_issue_is_not_disclosed_nobody_knows),
		cmocka_unit_test(what_does_not_say_which_report_of_which_period_issues_nothing),
		cmocka_unit_test(an_issue_of_the_period_before_it_is_no_rival_and_one_behind_it_is),
		cmocka_unit_test(of_two_successors_the_newer_is_told),
	};

	return cmocka_run_group_tests_name("verify issued", tests, set_up, tear_down);
}
