/* SPDX-License-Identifier: Apache-2.0 */
/* What a page's pictures are drawn from, where there is too much of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "../../../reports/report_internal.h"
#include "reportlib.h"
#include "tally/err.h"

#define CHANGES 41000 /* a second each; more than a page draws */

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
	report_page_json(r, &out);
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

/* A machine that is suspended and resumed each second of half a day, and one for a second. */
static void
draw(const char *from, const char *to, const char *how)
{
	struct test_history h;
	struct tally_buf lines = TALLY_BUF_INIT;

	tally_buf_add_str(&lines, "h1 2026-03-01T00:00:00Z host cores_per_socket=8 boot=1\n"
				  "h1 00:00:00 start a vcpus=1\n");
	for (unsigned i = 1; i <= CHANGES; i++) {
		tally_buf_addf(&lines, "h1 %02u:%02u:%02u %s\n", i / 3600, i / 60 % 60, i % 60,
			       i % 2 ? how : "resume a");
		if (i == 10)
			tally_buf_add_str(&lines, "h1 00:00:10 start b vcpus=1\n"
						  "h1 00:00:11 stop b cause=shutdown\n");
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
	assert_in_range(lanes, 2, 40000);
	assert_in_range(gap, 1001, 86400);
	assert_true(run > 40000 * INT64_C(1000));
	draw("2026-03-01", "2026-03-02", "suspend a cause=pmsuspended");
	assert_in_range(lanes, 2, 40000);
	assert_in_range(gap, 1001, 86400);
	assert_true(run > 40000 * INT64_C(1000));
}

static void
few_stretches_are_all_drawn(void **state)
{
	(void)state;
	draw("2026-03-01", "2026-03-01T11:00:00Z", "suspend a");
	assert_in_range(lanes, 39000, 40000);
	assert_int_equal(gap, 0);
	assert_int_equal(run, 19801000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_stretches_are_taken_together_and_the_page_says_how),
		cmocka_unit_test(few_stretches_are_all_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
