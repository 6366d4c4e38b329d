/* SPDX-License-Identifier: Apache-2.0 */
/* Spans in and out, and decimal numbers. */
#include <string.h>
#include "testlib.h"
#include "tally/parse.h"

static void
seconds_are_exact_decimals(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = { { 0, "0" },
		      { 5400 * TALLY_SECOND, "5400" },
		      { 125000000, "0.125" },
		      { -1500000000, "-1.5" },
		      { -1, "-0.000000001" },
		      { 10, "0.00000001" },
		      { INT64_MAX, "9223372036.854775807" },
		      { INT64_MIN, "-9223372036.854775808" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TALLY_TIME_TEXT], wide[64];

		tally_span_text(text, (struct tally_span){ cases[i].ns });
		assert_string_equal(text, cases[i].text);
		tally_seconds_text(wide, cases[i].ns);
		assert_string_equal(wide, cases[i].text);
	}
}

static void
sums_past_64_bits_are_exact_too(void **state)
{
	tally_i128 most = (((tally_i128)1 << 126) - 1) * 2 + 1;
	char text[64];

	(void)state;
	tally_seconds_text(text, (tally_i128)INT64_MAX * 1000000 + 1);
	assert_string_equal(text, "9223372036854775.807000001");
	tally_seconds_text(text, most);
	assert_string_equal(text, "170141183460469231731687303715.884105727");
	tally_seconds_text(text, -most - 1);
	assert_string_equal(text, "-170141183460469231731687303715.884105728");
}

static void
spans_are_read_with_one_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = { { "10s", 10 * TALLY_SECOND },
		      { "500ms", 500000000 },
		      { "15m", 900 * TALLY_SECOND },
		      { "1h", 3600 * TALLY_SECOND },
		      { "2d", 172800 * TALLY_SECOND },
		      { "106751d", 106751 * INT64_C(86400) * TALLY_SECOND } };
	static const char *const wrong[] = { "",     "s",    "10",      "0s",
					     "010s", "1.5s", "-1s",     "+1s",
					     " 1s",  "1s ",  "1 s",     "1h30m",
					     "1w",   "1S",   "106752d", "99999999999999999999s",
					     "1mss" };
	struct tally_span d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(tally_span_parse(&d, cases[i].text, strlen(cases[i].text)));
		assert_true(d.ns == cases[i].ns);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(tally_span_parse(&d, wrong[i], strlen(wrong[i])));
}

static void
numbers_have_one_spelling_and_a_bound(void **state)
{
	static const char *const wrong[] = { "",
					     "00",
					     "01",
					     "-1",
					     "+1",
					     " 1",
					     "1 ",
					     "1a",
					     "0x1",
					     "18446744073709551616",
					     "99999999999999999999999" };
	uint64_t v;

	(void)state;
	assert_true(tally_parse_u64(&v, "0", 1, 0));
	assert_true(v == 0);
	assert_true(tally_parse_u64(&v, "18446744073709551615", 20, UINT64_MAX));
	assert_true(v == UINT64_MAX);
	assert_true(tally_parse_u64(&v, "100", 3, 100));
	assert_false(tally_parse_u64(&v, "101", 3, 100));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(tally_parse_u64(&v, wrong[i], strlen(wrong[i]), UINT64_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_are_exact_decimals),
		cmocka_unit_test(sums_past_64_bits_are_exact_too),
		cmocka_unit_test(spans_are_read_with_one_unit),
		cmocka_unit_test(numbers_have_one_spelling_and_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
