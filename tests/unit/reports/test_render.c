/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The renderings of one history against golden files, and that the bytes
 * depend on nothing but the ledgers. With TALLY_GOLDEN_WRITE set, the files are
 * written anew instead of compared; look at what changed before keeping it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

static const char estate[] =
	"h1 2026-03-01T00:00:00Z host cores_per_socket=8,8 cluster=c1 region=eu boot=1\n"
	"h2 2026-03-01T00:00:00Z host cores_per_socket=16 cluster=c1 region=eu boot=1\n"
	"h1 01:00 start a vcpus=4 name=web1 os=http://microsoft.com/win/2k22 edition=standard "
	"evidence=operator "
	"tenant=acme cost_center=cc1 software=sql-server-standard\n"
	"h1 02:00 start b vcpus=2 name=%3dcmd|'x'!A1 tenant=%3d1,\"b os=http://redhat.com/rhel/9.2 "
	"evidence=agent\n"
	"h2 02:30 start c vcpus=1 name=line%0abreak%1b[31m%e2%80%ae\n"
	"h1 03:00 suspend a\n"
	"h1 03:30 resume a\n"
	"h1 04:00:00 migrate-out a peer=h2\n"
	"h2 04:00:00.25 migrate-in a vcpus=4 peer=h1\n"
	"h1 05:00 stop b cause=saved\n"
	"h2 06:00 config a vcpus=8\n"
	"h2 07:00 gap from=06:30 to=06:45 reason=connection%20lost\n"
	"h2 07:30 stop c cause=vanished not_before=07:00\n"
	"h2 08:00 os a os=http://microsoft.com/win/2k19 edition=datacenter evidence=disk\n"
	"h1 09:00 start b vcpus=2 cause=restore\n"
	"h1 10:00 heartbeat\n"
	"h2 10:00 stop a cause=shutdown\n"
	"h2 11:00 os a os=http://microsoft.com/win/2k25 evidence=vendor from=09:00 to=09:30 by=ann "
	"reason=wrong%20image\n";

static void
render(char format, struct tally_buf *out)
{
	struct test_history h;

	test_history_init(&h);
	test_history_add(&h, estate);
	report_bytes(&h, "2026-03", "2026-04", "Europe/Berlin", format, out);
	test_history_deinit(&h);
}

static void
compare_golden(char format, const char *name)
{
	const char *folder = getenv("TALLY_GOLDEN");
	struct tally_buf out = TALLY_BUF_INIT;
	char *path, *expected;
	size_t n;

	assert_non_null(folder);
	path = test_path(folder, name);
	render(format, &out);
	if (getenv("TALLY_GOLDEN_WRITE"))
		test_file_write(path, out.p, out.len);
	expected = test_file_read(path, &n);
	assert_non_null(expected);
	assert_string_equal(tally_buf_cstr(&out), expected);
	assert_int_equal(out.len, n);
	free(expected);
	free(path);
	tally_buf_deinit(&out);
}

static void
the_json_is_the_golden_one(void **state)
{
	(void)state;
	compare_golden('j', "report.json");
}

static void
the_csv_is_the_golden_one(void **state)
{
	(void)state;
	compare_golden('c', "report.csv");
}

static void
the_text_is_the_golden_one(void **state)
{
	(void)state;
	compare_golden('t', "report.txt");
}

static void
the_measurements_are_the_golden_ones(void **state)
{
	(void)state;
	compare_golden('x', "report.xml");
}

/* Names with quotes, controls and marks come from strangers. */
static void
the_measurements_are_plain_characters_between_tags_of_ours(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	const char *p;

	(void)state;
	render('x', &out);
	p = tally_buf_cstr(&out);
	assert_true(tally_utf8_valid(out.p, out.len));
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.p[i] >= 0x20 || out.p[i] == '\n');
	assert_null(strchr(p, '\''));
	assert_non_null(strstr(p, "=cmd|&#39;x&#39;!A1</AssetName>"));
	assert_non_null(strstr(p, "line&#10;break\xef\xbf\xbd[31m"));
	tally_buf_deinit(&out);
}

static void
the_text_holds_no_control_character_but_the_newline(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;

	(void)state;
	render('t', &out);
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.p[i] == '\n' || (out.p[i] >= 0x20 && out.p[i] != 0x7f));
	assert_null(strstr(tally_buf_cstr(&out), "\xe2\x80\xae"));
	tally_buf_deinit(&out);
}

/* The longest line of the text, in code points. */
static size_t
longest(const struct tally_buf *text)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < text->len; i++) {
		if (text->p[i] == '\n') {
			most = n > most ? n : most;
			n = 0;
		} else {
			n += (text->p[i] & 0xc0) != 0x80;
		}
	}
	return most;
}

static void
the_text_keeps_to_its_width(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;

	(void)state;
	render('t', &out);
	assert_in_range(longest(&out), 100, 160);
	tally_buf_deinit(&out);
}

static void
the_order_of_the_ledgers_changes_no_byte(void **state)
{
	struct tally_buf a = TALLY_BUF_INIT, b = TALLY_BUF_INIT;
	struct test_history h;
	struct test_ledger first;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, estate);
	report_bytes(&h, "2026-03-01", "2026-03-02", "UTC", 'j', &a);
	first = h.ledgers[0];
	h.ledgers[0] = h.ledgers[1];
	h.ledgers[1] = first;
	report_bytes(&h, "2026-03-01", "2026-03-02", "UTC", 'j', &b);
	assert_string_equal(tally_buf_cstr(&a), tally_buf_cstr(&b));
	tally_buf_deinit(&a);
	tally_buf_deinit(&b);
	test_history_deinit(&h);
}

static struct tally_buf hashed;

static void
keep_hashed(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	tally_buf_add_bytes(&hashed, in);
	memset(out, 0xab, TALLY_HASH);
}

static void
item(struct tally_buf *b, const void *p, size_t n)
{
	tally_buf_add_u32(b, (uint32_t)n);
	tally_buf_add(b, p, n);
}

static void
the_id_is_the_hash_of_what_the_format_lists(void **state)
{
	struct tally_buf expected = TALLY_BUF_INIT, json = TALLY_BUF_INIT;
	struct tally_report_options o = { .tool = "t", .tzdata = "z", .sha256 = keep_hashed };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report_ledger l;
	struct tally_report *r;
	struct tally_zone *z;
	struct test_history h;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, "h1 00:00 host cores_per_socket=8\n");
	l = test_ledger_open(&h.ledgers[0]);
	assert_int_equal(tally_zone_open(&z, "UTC", &err), 0);
	o.zone = z;
	o.from = test_wall("2026-03-01T00:00:00.5Z");
	o.to = test_wall("2026-03-02T00:00:00Z");
	assert_int_equal(tally_report_make(&r, &l, 1, &o, &err), 0);
	tally_report_json(r, &json);
	tally_buf_add(&expected, "tally/report/v1", 16);
	item(&expected, "2026-03-01T00:00:00.5Z", 22);
	item(&expected, "2026-03-02T00:00:00Z", 20);
	item(&expected, "UTC", 3);
	item(&expected, "h1", 2);
	item(&expected, "tallystick.invalid/h1", 21);
	item(&expected, "2", 1);
	item(&expected, l.root, TALLY_HASH);
	assert_true(tally_bytes_eq(tally_buf_view(&expected), tally_buf_view(&hashed)));
	assert_non_null(strstr(tally_buf_cstr(&json), "\"id\": \"abababab"));
	tally_report_free(r);
	test_ledger_close(&l);
	tally_zone_free(z);
	test_history_deinit(&h);
	tally_buf_deinit(&expected);
	tally_buf_deinit(&json);
	tally_buf_deinit(&hashed);
}

/* The history as text of 80 columns, in `out`. */
static void
render_narrow(const char *lines, struct tally_buf *out)
{
	struct test_history h;

	test_history_init(&h);
	test_history_add(&h, lines);
	report_bytes(&h, "2026-03-01", "2026-03-02", "UTC", 'n', out);
	test_history_deinit(&h);
}

static void
a_narrow_text_stays_inside_its_width(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	size_t width = 0;

	(void)state;
	render_narrow(estate, &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "\n  web1  00000000-0000-0000-0000-"));
	for (const char *p = tally_buf_cstr(&out); *p; p++) {
		width = *p == '\n' ? 0 : width + ((*p & 0xc0) != 0x80);
		assert_in_range(width, 0, 80);
	}
	tally_buf_deinit(&out);
}

static void
a_text_rounds_and_leaves_out_what_is_not_there(void **state)
{
	struct tally_buf out = TALLY_BUF_INIT;
	const char *text;

	(void)state;
	render_narrow("h1 00:00 host cores_per_socket=8\n"
		      "h1 01:00:00.999999999 start a vcpus=1\n"
		      "h1 01:00:10.0005 stop a cause=shutdown\n"
		      "h1 02:00 start b vcpus=1 os=http://x/y\n"
		      "h1 02:00:00.000000007 stop b cause=shutdown\n",
		      &out);
	text = tally_buf_cstr(&out);
	assert_non_null(strstr(text, "\n    fleet          9.001  "));
	assert_non_null(strstr(text, "  2026-03-01T01:00:00Z  0.000104\n"));
	assert_non_null(strstr(text, "\n    fleet    0.000000007  "));
	assert_null(strstr(text, "region"));
	assert_null(strstr(text, "tenant"));
	assert_null(strstr(text, "Other states"));
	assert_non_null(strstr(text, ", on h1: unclassified\n"));
	tally_buf_clear(&out);
	render_narrow("h1 00:00 host cores_per_socket=8 region=eu\n"
		      "h1 01:00 start a vcpus=1\n"
		      "h1 02:00 suspend a\n"
		      "h1 03:00 stop a cause=shutdown\n",
		      &out);
	text = tally_buf_cstr(&out);
	assert_non_null(strstr(text, "\n    scope      paused s\n"));
	assert_non_null(strstr(text, "\n    region eu      3600\n"));
	tally_buf_deinit(&out);
}

static void
a_report_of_no_ledger_is_empty_and_well_formed(void **state)
{
	struct test_history h;
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_json_doc *doc;
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	test_history_init(&h);
	report_bytes(&h, "2026-03-01", "2026-03-02", "UTC", 'j', &out);
	assert_int_equal(tally_json_parse(&doc, tally_buf_view(&out), &err), 0);
	assert_int_equal(tally_json_type(tally_json_get(
				 tally_json_get(tally_json_root(doc), "report"), "issued")),
			 TALLY_JSON_NULL);
	tally_json_free(doc);
	tally_buf_clear(&out);
	report_bytes(&h, "2026-03-01", "2026-03-02", "UTC", 't', &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "nothing ran"));
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_json_is_the_golden_one),
		cmocka_unit_test(the_csv_is_the_golden_one),
		cmocka_unit_test(the_text_is_the_golden_one),
		cmocka_unit_test(the_measurements_are_the_golden_ones),
		cmocka_unit_test(the_measurements_are_plain_characters_between_tags_of_ours),
		cmocka_unit_test(a_narrow_text_stays_inside_its_width),
		cmocka_unit_test(a_text_rounds_and_leaves_out_what_is_not_there),
		cmocka_unit_test(the_text_holds_no_control_character_but_the_newline),
		cmocka_unit_test(the_text_keeps_to_its_width),
		cmocka_unit_test(the_order_of_the_ledgers_changes_no_byte),
		cmocka_unit_test(the_id_is_the_hash_of_what_the_format_lists),
		cmocka_unit_test(a_report_of_no_ledger_is_empty_and_well_formed),
	};

	return cmocka_run_group_tests_name("reports render", tests, NULL, NULL);
}
