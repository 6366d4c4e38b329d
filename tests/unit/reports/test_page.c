/* SPDX-License-Identifier: Apache-2.0 */
/* What a page's pictures are drawn from, where there is too much of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "../../../reports/report_internal.h"
#include "chargelib.h"

#define CHANGES 4100 /* ten seconds each */
#define DRAWN   4000 /* and fewer stretches than that may be drawn */

/* Lanes of the last page's pictures, the gap that they were closed over, and how long is
 * drawn as running, in ms. */
static size_t lanes;
static int64_t gap, run;

static void
take_page(void *ctx, struct tally_report *r, const struct tally_report_options *o)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_json_doc *page;
	const struct tally_json *all, *state, *length;

	(void)ctx;
	(void)o;
	report_page_json(r, &(struct report_cut){ .lanes = DRAWN }, &out);
	assert_int_equal(tally_json_parse(&page, tally_buf_view(&out), &err), 0);
	all = tally_json_get(tally_json_root(page), "lanes");
	state = tally_json_get(all, "state");
	length = tally_json_get(all, "length");
	lanes = tally_json_count(state);
	run = 0;
	for (size_t i = 0; i < lanes; i++)
		if (tally_json_int(tally_json_at(state, i)) == 0)
			run += tally_json_int(tally_json_at(length, i));
	gap = tally_json_int(tally_json_get(tally_json_root(page), "gap"));
	tally_json_free(page);
	tally_buf_deinit(&out);
}

/* A machine that is suspended or resumed each ten seconds of half a day, and one that runs for one
 * second. */
static void
draw(const char *from, const char *to, const char *how)
{
	struct test_history h;
	struct tally_buf lines = TALLY_BUF_INIT;

	tally_buf_add_str(&lines, "h1 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n"
				  "h1 00:00:00 start a vcpus=1\n");
	for (unsigned i = 1; i <= CHANGES; i++) {
		tally_buf_addf(&lines, "h1 %02u:%02u:%02u %s\n", i / 360, i / 6 % 60, i % 6 * 10,
			       i % 2 ? how : "resume a");
		if (i == 10)
			tally_buf_add_str(&lines, "h1 00:01:40 start b vcpus=1\n"
						  "h1 00:01:41 stop b cause=shutdown\n");
	}
	tally_buf_add_u8(&lines, 0);
	test_history_init(&h);
	test_history_add(&h, (const char *)lines.p);
	report_by_all_packs();
	report_use(&h, from, to, "UTC", take_page, NULL);
	report_done();
	test_history_deinit(&h);
	tally_buf_deinit(&lines);
}

static void
too_many_stretches_are_taken_together_and_the_page_says_how(void **state)
{
	(void)state;
	draw("2026-03-01", "2026-03-02", "suspend a");
	assert_in_range(lanes, 2, DRAWN);
	assert_in_range(gap, 10001, 86400);
	assert_true(run > DRAWN * INT64_C(10000));
	draw("2026-03-01", "2026-03-02", "suspend a cause=pmsuspended");
	assert_in_range(lanes, 2, DRAWN);
	assert_in_range(gap, 10001, 86400);
	assert_true(run > DRAWN * INT64_C(10000));
}

static void
few_stretches_are_all_drawn(void **state)
{
	(void)state;
	draw("2026-03-01", "2026-03-01T11:00:00Z", "suspend a");
	assert_in_range(lanes, 3900, DRAWN);
	assert_int_equal(gap, 0);
	assert_int_equal(run, 19801000);
}

/* Two tenants, two cost centres, two months: lines as exact as money gets. */
static void
sums_stand_for_lines_and_nothing_is_lost(void **state)
{
	const struct report_cut cut = {
		.lanes = 10, .charges = true, .because = true, .vms = true
	};
	struct tally_buf out = TALLY_BUF_INIT;
	struct made m;

	(void)state;
	assert_int_equal(
		make_given(
			&m,
			&(struct given){
				.lines = "h1 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n"
					 "h1 2026-03-31T23:00:00Z start a vcpus=1 tenant=x1 "
					 "cost_center=cc1\n"
					 "h1 2026-03-31T23:00:00Z start b vcpus=2 tenant=x1 "
					 "cost_center=cc1\n"
					 "h1 2026-03-31T23:00:00Z start c vcpus=4 tenant=t2 "
					 "cost_center=cc1\n"
					 "h1 2026-04-01T01:00:00Z heartbeat\n",
				.prices = HEAD "  - {id: vcpu, meter: vcpu-hour, " PRICE,
				.from = "2026-03-01T00:00:00Z",
				.to = "2026-05-01T00:00:00Z" }),
		0);
	assert_int_equal(occurs(&m, "\"kind\": \"usage\""), 6);
	report_page_json(m.report, &cut, &out);
	assert_non_null(strstr(tally_buf_cstr(&out), "\"left_out\":{\"because\":0,\"charges\":"));
	assert_non_null(strstr(tally_buf_cstr(&out),
			       "{\"billed\":\"0.138\",\"cost_center\":\"cc1\",\"currency\":\"EUR\","
			       "\"invoice\":\"acme-2026-03\",\"lines\":2,\"tenant\":\"x1\"}"));
	assert_non_null(strstr(tally_buf_cstr(&out),
			       "{\"billed\":\"0.184\",\"cost_center\":\"cc1\",\"currency\":\"EUR\","
			       "\"invoice\":\"acme-2026-04\",\"lines\":1,\"tenant\":\"t2\"}"));
	/* By name, though the other tenant was seen first. */
	assert_true(strstr(tally_buf_cstr(&out), "\"tenant\":\"t2\"") <
		    strstr(tally_buf_cstr(&out), "\"tenant\":\"x1\""));
	tally_buf_clear(&out);
	report_json(m.report, &out, true, &cut);
	assert_non_null(strstr(tally_buf_cstr(&out), "{\"charges\":[],"));
	assert_non_null(strstr(tally_buf_cstr(&out), "\"vms\":[]}"));
	tally_buf_deinit(&out);
	drop(&m);
}

static void
write_page(void *ctx, struct tally_report *r, const struct tally_report_options *o)
{
	(void)o;
	tally_report_html(r, tally_bytes_str("null"), ctx);
}

/* So many machines, each with a row and a bar, that no page holds all that is said of them. */
static void
no_page_is_larger_than_it_may_be(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT, page = TALLY_BUF_INIT;
	struct test_history h;
	uint32_t seed = 1;

	(void)state;
	tally_buf_add_str(&lines, "h1 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n");
	for (unsigned i = 0; i < 12000; i++) {
		seed = seed * 1664525U + 1013904223U;
		tally_buf_addf(&lines,
			       "h1 %02u:%02u start %08x-%04x-4000-8000-%012x vcpus=1 "
			       "os=http://microsoft.com/win/2k22 name=n%x\n",
			       1 + i / 1200, i / 20 % 60, seed, seed >> 9 & 0xffff, i, seed >> 7);
	}
	tally_buf_add_str(&lines, "h1 12:00 heartbeat\n");
	test_history_init(&h);
	test_history_add(&h, tally_buf_cstr(&lines));
	report_by_all_packs();
	report_use(&h, "2026-03-01", "2026-03-02", "UTC", write_page, &page);
	report_done();
	assert_in_range(page.len, 500000, 2000100);
	test_history_deinit(&h);
	tally_buf_deinit(&lines);
	tally_buf_deinit(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_stretches_are_taken_together_and_the_page_says_how),
		cmocka_unit_test(few_stretches_are_all_drawn),
		cmocka_unit_test(sums_stand_for_lines_and_nothing_is_lost),
		cmocka_unit_test(no_page_is_larger_than_it_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
