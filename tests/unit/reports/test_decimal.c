/* SPDX-License-Identifier: Apache-2.0 */
/* Exact decimals and ratios: spellings, the middle of a rounding, and what does not fit. */
#include <string.h>
#include "../reports/decimal.h"
#include "testlib.h"

static struct decimal
of(const char *text)
{
	struct decimal d;

	if (decimal_parse(&d, tally_bytes_str(text), DECIMAL_SCALE_MAX) != DECIMAL_TAKEN)
		fail_msg("not taken: %s", text);
	return d;
}

static const char *
shown(struct decimal d)
{
	static char text[DECIMAL_TEXT];

	decimal_text(text, d, 0);
	return text;
}

/* 2^127 - 1 */
#define LARGEST "170141183460469231731687303715884105727"

static void
a_number_has_one_value_however_it_is_spelt(void **state)
{
	static const char *const cases[][2] = {
		{ "0", "0" },         { "-0", "0" },
		{ "0.000", "0" },     { "18.40", "18.4" },
		{ "0.046", "0.046" }, { "-0.05", "-0.05" },
		{ "1000", "1000" },   { "100.0010", "100.001" },
		{ LARGEST, LARGEST }, { "-" LARGEST, "-" LARGEST },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(shown(of(cases[i][0])), cases[i][1]);
}

static void
what_is_no_number_is_refused(void **state)
{
	static const char *const cases[] = { "",    "-",    "+1",  " 1",  "1 ",  ".5",    "5.",
					     "1e3", "0x10", "01",  "00",  "1,0", "1.2.3", "--1",
					     "NaN", "1_0",  "-.1", "1.-", "inf" };
	struct decimal d = { 7, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(decimal_parse(&d, tally_bytes_str(cases[i]), 12),
				 DECIMAL_MALFORMED);
	assert_int_equal(decimal_parse(&d, tally_bytes_str("0.1234567890123"), 12),
			 DECIMAL_TOO_FINE);
	assert_int_equal(decimal_parse(&d, tally_bytes_str(LARGEST "0"), 12), DECIMAL_TOO_LARGE);
	assert_int_equal(
		decimal_parse(&d, tally_bytes_str("170141183460469231731687303715884105728"), 12),
		DECIMAL_TOO_LARGE);
	assert_true(d.digits == 7 && d.scale == 0);
}

static void
texts_have_as_many_decimals_as_asked_for_at_least(void **state)
{
	char text[DECIMAL_TEXT];

	(void)state;
	decimal_text(text, of("18.4"), 2);
	assert_string_equal(text, "18.40");
	decimal_text(text, of("0"), 2);
	assert_string_equal(text, "0.00");
	decimal_text(text, of("-0.00123"), 2);
	assert_string_equal(text, "-0.00123");
	decimal_text(text, of("5"), 0);
	assert_string_equal(text, "5");
	decimal_text(text, of("-" LARGEST), DECIMAL_SCALE_MAX);
	assert_string_equal(text, "-" LARGEST ".000000000000000000000000000000000000");
}

static void
rounding_knows_the_middle_and_both_signs(void **state)
{
	static const struct {
		const char *from;
		const char *to[3]; /* half up, half even, up */
	} cases[] = {
		{ "2.345", { "2.35", "2.34", "2.35" } },
		{ "2.355", { "2.36", "2.36", "2.36" } },
		{ "-2.345", { "-2.35", "-2.34", "-2.35" } },
		{ "2.344999", { "2.34", "2.34", "2.35" } },
		{ "2.345001", { "2.35", "2.35", "2.35" } },
		{ "2.340000000000000000000001", { "2.34", "2.34", "2.35" } },
		{ "-0.004", { "0", "0", "-0.01" } },
		{ "0.005", { "0.01", "0", "0.01" } },
		{ "7", { "7", "7", "7" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (int how = DECIMAL_HALF_UP; how <= DECIMAL_UP; how++) {
			struct decimal d;

			assert_true(decimal_round(&d, of(cases[i].from), 2,
						  (enum decimal_rounding)how));
			assert_string_equal(shown(d), cases[i].to[how]);
		}
}

static void
nothing_wraps_and_what_does_not_fit_says_so(void **state)
{
	struct decimal d = of("7"), large = of(LARGEST),
		       small = of("0.000000000000000000000000000000000001");
	struct ratio r = { 3, 1 };
	int64_t minor = 7;
	int c = 7;

	(void)state;
	assert_false(decimal_add(&d, large, of("1")));
	assert_false(decimal_sub(&d, of("-" LARGEST), of("2")));
	assert_false(decimal_mul(&d, large, of("2")));
	assert_false(decimal_add(&d, large, of("0.1")));
	assert_false(decimal_mul(&d, small, of("0.1"))); /* a 37th decimal */
	assert_false(decimal_cmp(&c, large, small));
	assert_string_equal(shown(of("7")), "7");
	assert_false(decimal_minor(&minor, of("0.001"), 2));
	assert_false(decimal_minor(&minor, of("92233720368547758.08"), 2));
	assert_false(decimal_minor(&minor, large, 2));
	assert_int_equal(minor, 7);
	assert_true(decimal_minor(&minor, of("-92233720368547758.08"), 2));
	assert_true(minor == INT64_MIN);
	assert_true(decimal_minor(&minor, of("18.4"), 2));
	assert_int_equal(minor, 1840);
	assert_false(ratio_make(&r, 1, 0));
	assert_false(ratio_make(&r, 1, -1));
	assert_false(ratio_round(&d, (struct ratio){ large.digits, 3 }, 3, DECIMAL_HALF_UP));
	assert_true(r.num == 3 && r.den == 1 && c == 7);
}

static void
ratios_are_exact_until_they_are_rounded(void **state)
{
	struct ratio third, r;
	struct decimal d;

	(void)state;
	assert_true(ratio_make(&third, 1200, 3600));
	assert_true(third.num == 1 && third.den == 3);
	assert_true(ratio_make(&r, (tally_i128)2160 * 1200, 3600));
	assert_true(ratio_exact(&d, r));
	assert_string_equal(shown(d), "720"); /* never 719.99 or 720.02 */
	assert_false(ratio_exact(&d, third));
	assert_true(ratio_round(&d, third, 9, DECIMAL_HALF_UP));
	assert_string_equal(shown(d), "0.333333333");
	assert_true(ratio_make(&r, -2, 3));
	assert_true(ratio_round(&d, r, 3, DECIMAL_HALF_UP));
	assert_string_equal(shown(d), "-0.667");
	assert_true(ratio_make(&r, 1, 1024));
	assert_true(ratio_exact(&d, r));
	assert_string_equal(shown(d), "0.0009765625");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_one_value_however_it_is_spelt),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(texts_have_as_many_decimals_as_asked_for_at_least),
		cmocka_unit_test(rounding_knows_the_middle_and_both_signs),
		cmocka_unit_test(nothing_wraps_and_what_does_not_fit_says_so),
		cmocka_unit_test(ratios_are_exact_until_they_are_rounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
