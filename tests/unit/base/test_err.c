/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: texts, codes, cutting, exit codes. */
#include <errno.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"

static void
an_error_is_set_once_and_prefixed_outermost_first(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(tally_err_set(&err, TALLY_USE, "unknown key '%s'", "a"), -1);
	assert_int_equal(tally_err_prefix(&err, "rules/%s.yaml:%d:%d", "x", 14, 3), -1);
	assert_int_equal(tally_err_prefix(&err, "tally"), -1);
	assert_string_equal(err.text, "tally: rules/x.yaml:14:3: unknown key 'a'");
	assert_int_equal(err.code, TALLY_USE);
	tally_err_clear(&err);
	assert_int_equal(err.code, TALLY_OK);
	assert_string_equal(err.text, "");
}

static void
a_system_error_names_errno_and_keeps_it(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(tally_err_sys(&err, "open %s", "f"), -1);
	assert_string_equal(err.text, "open f: No such file or directory");
	assert_int_equal(err.code, TALLY_SYS);
	assert_int_equal(errno, ENOENT);
	errno = ENOSPC;
	(void)tally_err_sys(&err, "write");
	assert_int_equal(err.code, TALLY_FULL);
	errno = EDQUOT;
	(void)tally_err_sys(&err, "write");
	assert_int_equal(err.code, TALLY_FULL);
}

static void
a_long_text_is_cut_with_dots(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)tally_err_set(&err, TALLY_FAILS, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + sizeof(err.text) - 5, "x...");
	(void)tally_err_prefix(&err, "outer");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "outer: xxx", 10);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
	/* A text that just fits is whole. */
	text[sizeof(err.text) - 1] = '\0';
	(void)tally_err_set(&err, TALLY_FAILS, "%s", text);
	assert_string_equal(err.text, text);
}

static void
codes_map_to_the_frozen_exit_codes(void **state)
{
	static const struct {
		enum tally_code code;
		int exit;
	} cases[] = { { TALLY_FAILS, 1 }, { TALLY_USE, 2 },  { TALLY_SYS, 3 },
		      { TALLY_FULL, 3 },  { TALLY_HELD, 3 }, { TALLY_TPM, 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_err err = { cases[i].code, "" };

		assert_int_equal(tally_err_exit(&err), cases[i].exit);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_set_once_and_prefixed_outermost_first),
		cmocka_unit_test(a_system_error_names_errno_and_keeps_it),
		cmocka_unit_test(a_long_text_is_cut_with_dots),
		cmocka_unit_test(codes_map_to_the_frozen_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
