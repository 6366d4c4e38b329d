/* SPDX-License-Identifier: Apache-2.0 */
/* A report that supersedes another one, and says what became different. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

#define HOST "h1 00:00 host cores_per_socket=8\n"
#define LIFE                                                                                       \
	HOST "h1 10:00 start a vcpus=2 os=urn:x edition=e1 tenant=t name=n\n"                      \
	     "h1 14:00 stop a cause=shutdown\n"

#define ROSTER "- host: "

static struct test_history history;
static struct tally_buf old, made;
static struct tally_json_doc *doc;
static struct tally_err err;
static const char *roster; /* NULL: none is given */

/* No hash, but one that tells contents apart. */
static void
sum(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	uint64_t s = 14695981039346656037U;

	for (size_t i = 0; i < in.len; i++)
		s = (s ^ in.p[i]) * 1099511628211U;
	memset(out, 0, TALLY_HASH);
	tally_put_u64(out, s);
}

static int
make(const char *from, const char *to, const char *zone, const struct tally_bytes *compare)
{
	struct tally_report_options o = { .tool = "tally 0.1.0", .tzdata = "2025b", .sha256 = sum };
	struct tally_report_input input = { .name = "old.json" };
	struct tally_report_input list = { .name = "roster.yaml",
					   .content = tally_bytes_str(roster) };
	struct tally_report_ledger ledgers[16];
	struct tally_report *r;
	struct tally_zone *z;
	int rc;

	assert_int_equal(tally_zone_open(&z, zone, &err), 0);
	assert_int_equal(tally_zone_parse_t(z, from, &o.from, &err), 0);
	assert_int_equal(tally_zone_parse_t(z, to, &o.to, &err), 0);
	o.zone = z;
	o.roster = roster ? &list : NULL;
	if (compare) {
		input.content = *compare;
		o.old = &input;
	}
	for (size_t i = 0; i < history.count; i++)
		ledgers[i] = test_ledger_open(&history.ledgers[i]);
	rc = tally_report_make(&r, ledgers, history.count, &o, &err);
	tally_buf_clear(&made);
	if (rc == 0)
		tally_report_json(r, &made);
	if (rc == 0)
		tally_report_free(r);
	for (size_t i = 0; i < history.count; i++)
		test_ledger_close(&ledgers[i]);
	tally_zone_free(z);
	return rc;
}

/* The report of the day as `old`; then history goes on. */
static void
issue(const char *lines)
{
	test_history_deinit(&history);
	test_history_init(&history);
	test_history_add(&history, lines);
	assert_int_equal(make("2026-03-01", "2026-03-02", "UTC", NULL), 0);
	tally_buf_clear(&old);
	tally_buf_add_bytes(&old, tally_buf_view(&made));
}

static const struct tally_json *
issue_again(const char *lines)
{
	struct tally_bytes view = tally_buf_view(&old);

	test_history_add(&history, lines);
	if (make("2026-03-01", "2026-03-02", "UTC", &view) < 0)
		fail_msg("%s", err.text);
	tally_json_free(doc);
	assert_int_equal(tally_json_parse(&doc, tally_buf_view(&made), &err), 0);
	return tally_json_root(doc);
}

static const char *
text_of(const struct tally_json *object, const char *key)
{
	return (const char *)tally_json_string(tally_json_get(object, key)).p;
}

/* The finding whose text begins so. */
static const struct tally_json *
changed(const struct tally_json *report, const char *begin)
{
	const struct tally_json *list = tally_json_get(report, "findings");

	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *f = tally_json_at(list, i);

		if (strcmp(text_of(f, "kind"), "changed") == 0 &&
		    strncmp(text_of(f, "text"), begin, strlen(begin)) == 0)
			return f;
	}
	return NULL;
}

static void
a_report_behind_a_correction_says_what_it_changed(void **state)
{
	const struct tally_json *r, *head, *old_head, *f, *input;
	struct tally_json_doc *before;

	(void)state;
	issue(LIFE);
	r = issue_again("h1! 20:00 tag a tenant=u from=11:00 to=12:00 by=ann reason=late\n");
	head = tally_json_get(r, "report");
	assert_int_equal(tally_json_parse(&before, tally_buf_view(&old), &err), 0);
	old_head = tally_json_get(tally_json_root(before), "report");
	assert_string_equal(text_of(head, "supersedes"), text_of(old_head, "id"));
	assert_string_not_equal(text_of(head, "id"), text_of(old_head, "id"));
	tally_json_free(before);
	input = tally_json_at(tally_json_get(head, "inputs"), 0);
	assert_string_equal(text_of(input, "name"), "old.json");
	f = changed(r, "usage: ");
	assert_non_null(f);
	assert_string_equal(text_of(f, "severity"), "info");
	assert_string_equal(
		text_of(f, "text"),
		"usage: 2 rows differ from the superseded report: product urn:x, edition e1, scope "
		"tenant, id t: average 0.166667 -> 0.125000, peak_seconds 14400 -> 10800, "
		"run_seconds "
		"14400 -> 10800, states.running 14400 -> 10800, vcpu_seconds 28800 -> 21600; new: "
		"product urn:x, edition e1, scope tenant, id u");
	f = tally_json_at(tally_json_get(f, "entries"), 0);
	assert_int_equal(tally_json_int(tally_json_get(f, "index")), 4);
	assert_string_equal(text_of(changed(r, "ledgers: "), "text"),
			    "ledgers: 1 row differs from the superseded report: origin "
			    "tallystick.invalid/h1: size 4 -> 5");
	assert_null(changed(r, "vms: ")); /* whose tenant is the last one */
	assert_null(changed(r, "coverage: "));
}

static void
late_knowledge_of_a_host_is_told_too(void **state)
{
	const struct tally_json *r;

	(void)state;
	issue(LIFE);
	r = issue_again("h1 15:00 start a vcpus=2 os=urn:x edition=e1 tenant=t name=n\n"
			"h1 16:00 stop a cause=shutdown\n"
			"h2 10:00 host cores_per_socket=8\nh2 11:00 heartbeat\n");
	assert_non_null(changed(r, "vms: 1 row differs"));
	assert_string_equal(text_of(changed(r, "coverage: "), "text"),
			    "coverage: 2 rows differ from the superseded report: host h1: "
			    "metered_seconds 50400 -> 57600, powered_seconds 50400 -> 57600; new: "
			    "host h2");
	assert_non_null(strstr(text_of(changed(r, "ledgers: "), "text"),
			       "size 4 -> 6; new: origin tallystick.invalid/h2"));
}

static void
what_is_gone_is_told(void **state)
{
	const struct tally_json *r;

	(void)state;
	issue(LIFE);
	r = issue_again("h1! 20:00 os a os=urn:y from=10:00\n");
	assert_string_equal(
		text_of(changed(r, "vms: "), "text"),
		"vms: 2 rows differ from the superseded report: gone: vm "
		"00000000-0000-0000-0000-000000000061, product urn:x, edition e1, first "
		"2026-03-01T10:00:00Z; new: vm 00000000-0000-0000-0000-000000000061, "
		"product urn:y, first 2026-03-01T10:00:00Z");
}

static void
where_nothing_differs_the_report_says_so(void **state)
{
	const struct tally_json *r;

	(void)state;
	issue(LIFE);
	r = issue_again("");
	assert_non_null(changed(r, "nothing differs from the superseded report"));
	assert_non_null(text_of(tally_json_get(r, "report"), "supersedes"));
}

/* Inputs that both reports have are no difference, and one that is changed is. */
static void
the_files_that_a_report_is_made_from_are_compared(void **state)
{
	const struct tally_json *r;

	(void)state;
	roster = ROSTER "h1\n";
	issue(LIFE);
	r = issue_again("");
	assert_null(changed(r, "inputs: "));
	roster = ROSTER "h2\n";
	r = issue_again("");
	assert_non_null(changed(r, "inputs: 1 row differs from the superseded report: name "
				   "roster.yaml: sha256 "));
	roster = NULL;
}

/* A chain: each names the one before it. */
static void
a_report_that_superseded_one_is_superseded_by_the_next(void **state)
{
	const struct tally_json *r;
	char first[65];

	(void)state;
	issue(LIFE);
	r = issue_again("h1! 20:00 tag a tenant=u from=11:00\n");
	snprintf(first, sizeof(first), "%s", text_of(tally_json_get(r, "report"), "id"));
	tally_buf_clear(&old);
	tally_buf_add_bytes(&old, tally_buf_view(&made));
	r = issue_again("h1! 21:00 tag a tenant=w from=11:00\n");
	assert_string_equal(text_of(tally_json_get(r, "report"), "supersedes"), first);
	assert_string_equal(
		text_of(changed(r, "vms: "), "text"),
		"vms: 1 row differs from the superseded report: vm "
		"00000000-0000-0000-0000-000000000061, product urn:x, edition e1, first "
		"2026-03-01T10:00:00Z: tenant u -> w");
}

static void
of_many_rows_a_hundred_are_told_and_all_are_counted(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r;
	const char *p;
	unsigned told = 0;

	(void)state;
	tally_buf_add_str(&lines, HOST);
	for (int i = 0; i < 150; i++)
		tally_buf_addf(&lines,
			       "h1 10:00 start 00000000-0000-4000-8000-%012d vcpus=1 os=urn:x\n",
			       i);
	tally_buf_add_str(&lines, "h1 12:00 heartbeat\n");
	issue(tally_buf_cstr(&lines));
	tally_buf_clear(&lines);
	for (int i = 0; i < 150; i++)
		tally_buf_addf(&lines,
			       "h1! 20:00 tag 00000000-0000-4000-8000-%012d tenant=u from=09:00\n",
			       i);
	r = issue_again(tally_buf_cstr(&lines));
	p = text_of(changed(r, "vms: 150 rows differ"), "text");
	assert_non_null(strstr(p, "; and 50 more"));
	for (; (p = strstr(p, "tenant ")); p++)
		told++;
	assert_int_equal(told, 100);
	assert_int_equal(tally_json_count(tally_json_get(changed(r, "vms: "), "entries")), 100);
	tally_buf_deinit(&lines);
}

static void
replace(struct tally_buf *text, const char *was, const char *is)
{
	const char *at = strstr(tally_buf_cstr(text), was);
	struct tally_buf out = TALLY_BUF_INIT;

	assert_non_null(at);
	tally_buf_add(&out, text->p, (size_t)(at - (const char *)text->p));
	tally_buf_add_str(&out, is);
	tally_buf_add_str(&out, at + strlen(was));
	tally_buf_deinit(text);
	*text = out;
}

/* The old report, changed so, is refused like this. */
static void
assert_refused(const char *was, const char *is, const char *expected)
{
	struct tally_bytes view;

	issue(LIFE);
	if (was)
		replace(&old, was, is);
	else
		tally_buf_clear(&old);
	if (!was)
		tally_buf_add_str(&old, is);
	view = tally_buf_view(&old);
	assert_int_equal(make("2026-03-01", "2026-03-02", "UTC", &view), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, expected);
}

static void
what_is_no_report_is_refused(void **state)
{
	(void)state;
	assert_refused(NULL, "hello\n", "old.json:1:5: invalid token near 'hello'");
	assert_refused(NULL, "[]", "old.json: report: no such object: this is no report in JSON");
	assert_refused(NULL, "{\"report\":1}",
		       "old.json: report: no such object: this is no report in JSON");
	assert_refused("\"id\": \"", "\"id\": \"x",
		       "old.json: report.id: not 64 hexadecimal digits");
	assert_refused("\"usage\": [", "\"usages\": [",
		       "old.json: usage: no array: this is no report");
	assert_refused("\"positions\": []", "\"positions\": [[]]",
		       "old.json: positions[0]: no object");
	assert_refused("\"ledgers\": [", "\"ledger\": [",
		       "old.json: evidence.ledgers: it names no ledgers");
	assert_refused("\"size\": 4", "\"size\": -4",
		       "old.json: evidence.ledgers[0]: no origin, or no size");
}

static void
a_report_of_something_else_is_refused(void **state)
{
	struct tally_bytes view;

	(void)state;
	assert_refused("\"to\": \"2026-03-02T00:00:00Z\"", "\"to\": \"2026-03-03T00:00:00Z\"",
		       "old.json: report.to: another period: '2026-03-03T00:00:00Z', not "
		       "'2026-03-02T00:00:00Z'");
	assert_refused("\"timezone\": \"UTC\"", "\"timezone\": \"\\u001b[2J\"",
		       "old.json: report.timezone: another calendar: '\\x1b[2J', not 'UTC'");
	assert_refused("\"origin\": \"tallystick.invalid/h1\"",
		       "\"origin\": \"tallystick.invalid/h9\"",
		       "old.json: evidence.ledgers[0]: another estate: no ledger here is "
		       "'tallystick.invalid/h9'");
	assert_refused("\"size\": 4", "\"size\": 5",
		       "old.json: evidence.ledgers[0]: it rests on more entries than are here of "
		       "'tallystick.invalid/h1'");
	issue(LIFE);
	view = tally_buf_view(&old);
	assert_int_equal(make("2026-03-02", "2026-03-03", "UTC", &view), -1);
	assert_non_null(strstr(err.text, "old.json: report.from: another period"));
}

static void
another_history_of_the_same_length_is_refused(void **state)
{
	struct tally_bytes view;
	char *root;

	(void)state;
	issue(LIFE);
	root = strstr(tally_buf_cstr(&old), "\"root\": \"") + 9;
	*root = *root == 'A' ? 'B' : 'A';
	view = tally_buf_view(&old);
	assert_int_equal(make("2026-03-01", "2026-03-02", "UTC", &view), -1);
	assert_string_equal(err.text, "old.json: evidence.ledgers[0]: it rests on another history "
				      "of 'tallystick.invalid/h1'");
}

static void
another_history_that_has_grown_since_is_refused(void **state)
{
	struct tally_bytes view;
	char *root;

	(void)state;
	issue(LIFE);
	root = strstr(tally_buf_cstr(&old), "\"root\": \"") + 9;
	*root = *root == 'A' ? 'B' : 'A';
	test_history_add(&history, "h1! 20:00 tag a tenant=u from=11:00\n");
	view = tally_buf_view(&old);
	assert_int_equal(make("2026-03-01", "2026-03-02", "UTC", &view), -1);
	assert_string_equal(err.text, "old.json: evidence.ledgers[0]: it rests on another history "
				      "of 'tallystick.invalid/h1'");
}

/* What a stranger wrote into it is shown, cut, and breaks nothing. */
static void
values_of_any_kind_and_length_are_told_in_short(void **state)
{
	struct tally_buf long_one = TALLY_BUF_INIT;
	const struct tally_json *r;
	const char *text;

	(void)state;
	issue(LIFE);
	tally_buf_add_str(&long_one, "\"tenant\": [1.5, true, null, {\"a\": \"");
	for (int i = 0; i < 5000; i++)
		tally_buf_add_str(&long_one, "\xc3\xa4");
	tally_buf_add_str(&long_one, "\"}]");
	replace(&old, "\"tenant\": \"t\"", tally_buf_cstr(&long_one));
	r = issue_again("");
	text = text_of(changed(r, "vms: "), "text");
	assert_non_null(strstr(text, ": tenant [1.5, true, null, {a: \xc3\xa4"));
	assert_non_null(strstr(text, "\xc3\xa4... -> t"));
	assert_true(strlen(text) < 400);
	tally_buf_deinit(&long_one);
}

static int
tear_down(void **state)
{
	(void)state;
	test_history_deinit(&history);
	tally_buf_deinit(&old);
	tally_buf_deinit(&made);
	tally_json_free(doc);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_behind_a_correction_says_what_it_changed),
		cmocka_unit_test(late_knowledge_of_a_host_is_told_too),
		cmocka_unit_test(what_is_gone_is_told),
		cmocka_unit_test(where_nothing_differs_the_report_says_so),
		cmocka_unit_test(the_files_that_a_report_is_made_from_are_compared),
		cmocka_unit_test(a_report_that_superseded_one_is_superseded_by_the_next),
		cmocka_unit_test(of_many_rows_a_hundred_are_told_and_all_are_counted),
		cmocka_unit_test(what_is_no_report_is_refused),
		cmocka_unit_test(a_report_of_something_else_is_refused),
		cmocka_unit_test(another_history_of_the_same_length_is_refused),
		cmocka_unit_test(another_history_that_has_grown_since_is_refused),
		cmocka_unit_test(values_of_any_kind_and_length_are_told_in_short),
	};

	return cmocka_run_group_tests_name("reports compare", tests, NULL, tear_down);
}
