/* SPDX-License-Identifier: Apache-2.0 */
/* CSV that no spreadsheet runs, and text that no terminal obeys. */
#include "testlib.h"
#include "tally/csv.h"

static void
cells_are_separated_and_quoted_where_they_must_be(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	tally_csv_text(&b, tally_bytes_str("plain"));
	tally_csv_number(&b, "-1.5");
	tally_csv_text(&b, tally_bytes_str("a,b"));
	tally_csv_text(&b, tally_bytes_str("say \"x\""));
	tally_csv_text(&b, tally_bytes_str(""));
	tally_csv_text(&b, tally_bytes_str("two\nlines\n"));
	tally_csv_text(&b, tally_bytes_str("last"));
	tally_csv_end(&b);
	tally_csv_text(&b, tally_bytes_str(""));
	tally_csv_number(&b, "7");
	tally_csv_end(&b);
	tally_csv_number(&b, "8");
	tally_csv_end(&b);
	assert_string_equal(tally_buf_cstr(&b),
			    "plain,-1.5,\"a,b\",\"say \"\"x\"\"\",,\"two\nlines\n\",last\r\n"
			    "\"\",7\r\n8\r\n");
	tally_buf_deinit(&b);
}

static void
formulas_get_an_apostrophe_and_numbers_do_not(void **state)
{
	static const char *const cases[][2] = {
		{ "=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1\r\n" },
		{ "+1", "'+1\r\n" },
		{ "-1", "'-1\r\n" },
		{ "@SUM(A1)", "'@SUM(A1)\r\n" },
		{ "\tx", "'\tx\r\n" },
		{ "\rx", "\"'\rx\"\r\n" },
		{ "\n=1", "\"'\n=1\"\r\n" },
		{ "a=1", "a=1\r\n" },
		{ "=\"a\"", "\"'=\"\"a\"\"\"\r\n" },
	};
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tally_buf_clear(&b);
		tally_csv_text(&b, tally_bytes_str(cases[i][0]));
		tally_csv_end(&b);
		assert_string_equal(tally_buf_cstr(&b), cases[i][1]);
	}
	/* A NUL is neither a separator nor the start of a formula. */
	tally_buf_clear(&b);
	tally_csv_text(&b, tally_bytes("\0a", 2));
	assert_int_equal(b.len, 2);
	tally_buf_deinit(&b);
}

static void
what_a_terminal_obeys_is_shown_instead(void **state)
{
	static const char *const cases[][2] = {
		{ "plain \xc3\xa9 \xf0\x9f\x98\x80", "plain \xc3\xa9 \xf0\x9f\x98\x80" },
		{ "\x1b]0;x\x07", "\\x1b]0;x\\x07" },
		{ "a\r\nb\t\x7f", "a\\x0d\\x0ab\\x09\\x7f" },
		{ "\xc2\x9b", "\\u{9b}" },
		{ "\xe2\x80\xae\xe2\x81\xa6", "\\u{202e}\\u{2066}" },
		{ "\xe2\x80\xa8\xef\xbb\xbf", "\\u{2028}\\u{feff}" },
		{ "\xf3\xa0\x81\x81", "\\u{e0041}" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "", "" },
	};
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tally_buf_clear(&b);
		tally_printable(&b, tally_bytes_str(cases[i][0]));
		assert_string_equal(tally_buf_cstr(&b), cases[i][1]);
	}
	tally_buf_clear(&b);
	tally_printable(&b, tally_bytes("a\0b", 3));
	assert_string_equal(tally_buf_cstr(&b), "a\\x00b");
	tally_buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_separated_and_quoted_where_they_must_be),
		cmocka_unit_test(formulas_get_an_apostrophe_and_numbers_do_not),
		cmocka_unit_test(what_a_terminal_obeys_is_shown_instead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
