/* SPDX-License-Identifier: Apache-2.0 */
/* What a page's pictures are drawn from, in periods that few ask for. */
#include <stdio.h>
#include <string.h>
#include "../../../reports/report_internal.h"
#include "reportlib.h"

#define DRAWN 4000
#define MANY  (DRAWN + 1) /* one more than the page may draw */

static const char pack[] =
	"pack: test\nversion: \"1\"\ntitle: Test\nvendor: Nobody\n"
	"rules:\n"
	"  - rule: test/vm\n    title: Guests\n    metric: instances\n    of: vms\n"
	"    valid_from: 1970-01-01\n    source: {text: here, read: 2026-01-01}\n    unit: vm\n"
	"    product: test\n    guests: {os: [http://example.com/]}\n";

static void
write_page(void *ctx, struct tally_report *r, const struct tally_report_options *o)
{
	(void)o;
	report_page_json(r, &(struct report_cut){ .lanes = DRAWN }, ctx);
}

static void
assert_told(const struct test_history *h, const char *from, const char *to, const char *says)
{
	struct tally_buf page = TALLY_BUF_INIT;

	report_use(h, from, to, "UTC", write_page, &page);
	if (!strstr(tally_buf_cstr(&page), says))
		fail_msg("%s to %s: not there: %s", from, to, says);
	tally_buf_deinit(&page);
}

static void
a_curve_stands_for_each_product_in_the_order_of_their_begins(void **state)
{
	struct test_history h;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, "h1 2026-03-01T00:00:00Z host cores_per_socket=8\n"
			     "h1 01:00 start a vcpus=1 os=http://example.com/2 edition=x\n"
			     "h1 02:00 start b vcpus=1 os=http://example.com/1\n"
			     "h1 03:00 start c vcpus=1 os=http://example.com/2 edition=x\n"
			     "h1 03:00 stop a cause=shutdown\n"
			     "h1 04:00 start d vcpus=1 os=http://example.com/2\n"
			     "h1 05:00 stop c cause=shutdown\n"
			     "h1 05:00 stop d cause=shutdown\n"
			     "h1 06:00 stop b cause=shutdown\n");
	assert_told(
		&h, "2026-03-01", "2026-03-02",
		"\"curves\":[{\"edition\":\"x\",\"exact\":true,\"points\":[3600000,1,10800000,1,"
		"18000000,0],\"product\":\"http://example.com/2\"},"
		"{\"edition\":\"\",\"exact\":true,\"points\":[7200000,1,21600000,0],"
		"\"product\":\"http://example.com/1\"},"
		"{\"edition\":\"\",\"exact\":true,\"points\":[14400000,1,18000000,0],"
		"\"product\":\"http://example.com/2\"}]");
	test_history_deinit(&h);
}

/* How many stretches and VMs a page of the period has, and over which gap it closed them. */
static void
assert_drawn(const struct test_history *h, const char *from, const char *to, int64_t gap)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_json_doc *page;
	const struct tally_json *all;

	report_use(h, from, to, "UTC", write_page, &out);
	assert_int_equal(tally_json_parse(&page, tally_buf_view(&out), &err), 0);
	all = tally_json_root(page);
	assert_int_equal(tally_json_count(tally_json_get(tally_json_get(all, "lanes"), "state")),
			 MANY);
	assert_int_equal(tally_json_count(tally_json_get(all, "vms")), MANY);
	assert_int_equal(tally_json_int(tally_json_get(all, "gap")), gap);
	tally_json_free(page);
	tally_buf_deinit(&out);
}

/* As much as can be asked for, and as little: the widest gap leaves each VM its one stretch. */
static void
more_machines_than_are_drawn_end_in_the_longest_and_the_shortest_period(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct test_history h;

	(void)state;
	tally_buf_add_str(&lines, "h1 2026-03-01T00:00:00Z host cores_per_socket=8\n");
	for (int i = 0; i < MANY; i++)
		tally_buf_addf(&lines,
			       "h1 01:00 start 00000000-0000-4000-8000-%012x vcpus=1 "
			       "os=http://example.com/1\n",
			       (unsigned)i + 256);
	tally_buf_add_str(&lines, "h1 02:00 heartbeat\n");
	test_history_init(&h);
	test_history_add(&h, tally_buf_cstr(&lines));
	report_by_pack(pack);
	assert_drawn(&h, "1970-01-01", "2261-12-31T23:59:59Z", INT64_C(9214646399001));
	assert_drawn(&h, "2026-03-01T01:00:00Z", "2026-03-01T01:00:00.0000015Z", 1);
	test_history_deinit(&h);
	tally_buf_deinit(&lines);
	report_done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_curve_stands_for_each_product_in_the_order_of_their_begins),
		cmocka_unit_test(
			more_machines_than_are_drawn_end_in_the_longest_and_the_shortest_period),
	};

	return cmocka_run_group_tests_name("reports page data", tests, NULL, NULL);
}
