/* SPDX-License-Identifier: Apache-2.0 */
/* CSV that no spreadsheet runs, and text that no terminal obeys. */
#include "testlib.h"
#include "tally/csv.h"
#include "tally/err.h"

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

/* What comes out, as "cell@line:column" with | between cells and / between rows. */
static void
assert_reads(const char *in, const char *expected)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *c;

	if (tally_csv_parse(&c, "f.csv", tally_bytes_str(in), &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->rows[i].count; k++) {
			const struct tally_csv_cell *cell = &c->rows[i].cells[k];

			tally_buf_addf(&b, "%s%.*s@%u:%u",
				       k   ? "|"
				       : i ? "/"
					   : "",
				       (int)cell->text.len, (const char *)cell->text.p, cell->line,
				       cell->column);
		}
	assert_string_equal(tally_buf_cstr(&b), expected);
	tally_buf_deinit(&b);
	tally_csv_free(c);
}

static void
cells_are_read_with_their_places(void **state)
{
	(void)state;
	assert_reads("a,b\nc,d\n", "a@1:1|b@1:3/c@2:1|d@2:3");
	assert_reads("a,b\r\nc,d", "a@1:1|b@1:3/c@2:1|d@2:3");
	assert_reads("a,b\rc,d\r", "a@1:1|b@1:3/c@2:1|d@2:3");
	assert_reads("\xef\xbb\xbf"
		     "a,,\n,",
		     "a@1:1|@1:3|@1:4/@2:1|@2:2");
	assert_reads("\xc3\xa4\xe2\x82\xac,x\n", "\xc3\xa4\xe2\x82\xac@1:1|x@1:4");
	assert_reads(" a , \" b \" ,c\n", "a@1:2| b @1:6|c@1:13");
	assert_reads("\"say \"\"x\"\"\",\"two\nlines\",z\nq,r,s\n",
		     "say \"x\"@1:1|two\nlines@1:13|z@2:8/q@3:1|r@3:3|s@3:5");
	assert_reads("a\n\n\r\n \t\nb\n", "a@1:1/b@5:1");
	assert_reads("", "");
	assert_reads("=cmd|'/c calc'!A1,+1\n", "=cmd|'/c calc'!A1@1:1|+1@1:19");
}

static void
assert_refused(const char *in, size_t len, const char *expected)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *c;

	assert_int_equal(tally_csv_parse(&c, "f.csv", tally_bytes(in, len), &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, expected);
}
#define REFUSED(in, expected) assert_refused(in, sizeof(in) - 1, expected)

static void
what_is_no_csv_is_refused_with_its_place(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	REFUSED("a,b\nc\"d,e\n",
		"f.csv:2:2: a quotation mark stands where none can, or one is missing");
	REFUSED("a,\"b\"c\n",
		"f.csv:1:6: a quotation mark stands where none can, or one is missing");
	REFUSED("a,b\nc,\"d\ne", "f.csv:2:3: the quotation mark that opens here is never closed");
	REFUSED("a,b\n\xc3\xa4,\xff\n", "f.csv:2:3: this is not UTF-8");
	REFUSED("a,b\nx,\xc3", "f.csv:2:3: this is not UTF-8");
	REFUSED("a,b\nx\0y,\n", "f.csv:2:2: a NUL byte");
	for (int i = 0; i <= TALLY_CSV_COLUMNS; i++)
		tally_buf_add_str(&b, i ? ",x" : "x");
	assert_refused((const char *)b.p, b.len, "f.csv:1:513: a row has more than 256 cells");
	tally_buf_deinit(&b);
}

static void
columns_are_found_by_their_names(void **state)
{
	static const char *const names[] = { "vm", "tenant", "reason" };
	static const char *const bad[][2] = {
		{ "", "f.csv:1:1: no row that names the columns" },
		{ "\n\n", "f.csv:1:1: no row that names the columns" },
		{ "vm,owner\n", "f.csv:1:4: unknown column 'owner'" },
		{ "vm,\n", "f.csv:1:4: unknown column ''" },
		{ "vm,\x1b[2J\n", "f.csv:1:4: unknown column '\\x1b[2J'" },
		{ "vm,reason,vm\n", "f.csv:1:11: the column 'vm' is there twice" },
		{ "vm,reason\na,b\nc\n",
		  "f.csv:3:1: the row has 1 cells, the first row names 2 columns" },
		{ "vm,reason\na,b,c\n",
		  "f.csv:2:5: the row has 3 cells, the first row names 2 columns" },
	};
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *c;
	size_t at[3];

	(void)state;
	assert_int_equal(tally_csv_parse(&c, "f.csv", tally_bytes_str("reason,vm\nx,y\n"), &err),
			 0);
	assert_int_equal(tally_csv_columns(c, names, 3, at, &err), 0);
	assert_true(at[0] == 1 && at[1] == SIZE_MAX && at[2] == 0);
	tally_csv_free(c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tally_csv_parse(&c, "f.csv", tally_bytes_str(bad[i][0]), &err), 0);
		assert_int_equal(tally_csv_columns(c, names, 3, at, &err), -1);
		assert_string_equal(err.text, bad[i][1]);
		tally_csv_free(c);
	}
}

/* What our writer wrote comes back, but for the apostrophe that it put there. */
static void
what_was_written_is_read_again(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *c;

	(void)state;
	tally_csv_text(&b, tally_bytes_str(""));
	tally_csv_text(&b, tally_bytes_str(" a, \"b\"\r\nc "));
	tally_csv_text(&b, tally_bytes_str("=1"));
	tally_csv_end(&b);
	assert_int_equal(tally_csv_parse(&c, "f", tally_buf_view(&b), &err), 0);
	assert_int_equal(c->count, 1);
	assert_int_equal(c->rows[0].count, 3);
	assert_int_equal(c->rows[0].cells[0].text.len, 0);
	assert_true(tally_bytes_eq(c->rows[0].cells[1].text, tally_bytes_str(" a, \"b\"\r\nc ")));
	assert_true(tally_bytes_eq(c->rows[0].cells[2].text, tally_bytes_str("'=1")));
	tally_csv_free(c);
	tally_buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_separated_and_quoted_where_they_must_be),
		cmocka_unit_test(formulas_get_an_apostrophe_and_numbers_do_not),
		cmocka_unit_test(cells_are_read_with_their_places),
		cmocka_unit_test(what_is_no_csv_is_refused_with_its_place),
		cmocka_unit_test(columns_are_found_by_their_names),
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(what_a_terminal_obeys_is_shown_instead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
