/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile names in fixed fields. */
#include "testlib.h"

#include <string.h>

#include "tally/bytes.h"
#include "text.h"

static void
a_long_name_is_cut_between_characters(void **state)
{
	char out[8];
	(void)state;
	text_copy(out, sizeof(out), "abcdefghij");
	assert_string_equal(out, "abcdefg");
	text_copy(out, sizeof(out), "abcde\xc3\xa4\xc3\xa4");
	assert_string_equal(out, "abcde\xc3\xa4");
	text_copy(out, sizeof(out), "abcdef\xc3\xa4");
	assert_string_equal(out, "abcdef");
}

static void
broken_bytes_become_question_marks_and_the_rest_stays(void **state)
{
	char out[64];
	(void)state;
	text_copy(out, sizeof(out),
		  "a\xff"
		  "b\xc3"
		  "c\xed\xa0\x80"
		  "d\xf0\x9f\x98\x80");
	assert_true(tally_utf8_valid(out, strlen(out)));
	assert_string_equal(out, "a?b?c???d\xf0\x9f\x98\x80");
	text_copy(out, sizeof(out), NULL);
	assert_string_equal(out, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_name_is_cut_between_characters),
		cmocka_unit_test(broken_bytes_become_question_marks_and_the_rest_stays),
	};
	return cmocka_run_group_tests_name("agent text", tests, NULL, NULL);
}
