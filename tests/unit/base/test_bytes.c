/* SPDX-License-Identifier: Apache-2.0 */
/* Views, big-endian numbers, hex, base64, UTF-8, UUIDs. */
#include <string.h>
#include "testlib.h"

static void
views_compare_by_bytes_and_then_by_length(void **state)
{
	struct tally_bytes a = tally_bytes_str("a"), ab = tally_bytes_str("ab");
	struct tally_bytes high = tally_bytes("\xff", 1), none = tally_bytes(NULL, 0);

	(void)state;
	assert_true(tally_bytes_eq(none, tally_bytes_str("")));
	assert_true(tally_bytes_eq(none, tally_bytes_str(NULL)));
	assert_false(tally_bytes_eq(a, ab));
	assert_int_equal(tally_bytes_cmp(a, ab), -1);
	assert_int_equal(tally_bytes_cmp(ab, a), 1);
	assert_int_equal(tally_bytes_cmp(high, ab), 1);
	assert_int_equal(tally_bytes_cmp(none, a), -1);
	assert_int_equal(tally_bytes_cmp(none, none), 0);
}

static void
numbers_are_big_endian(void **state)
{
	uint8_t p[8];

	(void)state;
	tally_put_u64(p, UINT64_C(0x0102030405060788));
	assert_memory_equal(p, "\x01\x02\x03\x04\x05\x06\x07\x88", 8);
	assert_true(tally_get_u64(p) == UINT64_C(0x0102030405060788));
	tally_put_u64(p, UINT64_MAX - 1);
	assert_true(tally_get_u64(p) == UINT64_MAX - 1);
	tally_put_u32(p, 0xfedcba98);
	assert_memory_equal(p, "\xfe\xdc\xba\x98", 4);
	assert_true(tally_get_u32(p) == 0xfedcba98);
	tally_put_u16(p, 0xfe01);
	assert_memory_equal(p, "\xfe\x01", 2);
	assert_int_equal(tally_get_u16(p), 0xfe01);
}

static void
hex_goes_both_ways_and_is_exact(void **state)
{
	uint8_t p[3] = { 0, 0, 0 };
	char text[7];

	(void)state;
	assert_true(tally_unhex(p, 3, "00aBfF", 6));
	assert_memory_equal(p, "\x00\xab\xff", 3);
	tally_hex(text, p, 3);
	assert_string_equal(text, "00abff");
	assert_false(tally_unhex(p, 3, "00abf", 5));
	assert_false(tally_unhex(p, 3, "00abff0", 7));
	assert_false(tally_unhex(p, 3, "00abfg", 6));
	assert_false(tally_unhex(p, 3, "0 abff", 6));
	assert_true(tally_unhex(p, 0, "", 0));
	assert_false(tally_unhex(p, SIZE_MAX / 2 + 2, "", 2));
}

static void
base64_takes_the_one_canonical_text(void **state)
{
	/* RFC 4648 section 10. */
	static const char *const cases[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" },
						{ "\xfb\xff\xfe", "+//+" } };
	static const char *const wrong[] = { "Z",        "Zg",   "Zg=",  "Zh==",     "Zm9=",
					     "Zg==Zg==", "=Zg=", "Z===", "====",     "Zm9v\n",
					     "Zm 9",     "Zm-_", "Zg=a", "Zm9vY===", "Zm9vYh==" };
	struct tally_buf b = TALLY_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tally_buf_clear(&b);
		tally_buf_add_base64(&b, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(tally_buf_cstr(&b), cases[i][1]);
		tally_buf_clear(&b);
		tally_buf_add_str(&b, ">");
		assert_true(tally_unbase64(&b, cases[i][1], strlen(cases[i][1])));
		assert_string_equal(tally_buf_cstr(&b) + 1, cases[i][0]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tally_buf_clear(&b);
		tally_buf_add_str(&b, ">");
		assert_false(tally_unbase64(&b, wrong[i], strlen(wrong[i])));
		assert_string_equal(tally_buf_cstr(&b), ">");
	}
	tally_buf_deinit(&b);
}

static void
utf8_has_no_overlong_forms_and_no_surrogates(void **state)
{
	static const char *const good[] = { "",
					    "plain text that is longer than eight",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf",
					    "eight by \xc3\xa9 and more text" };
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc2",
					   "\xe0\x9f\xbf",
					   "\xed\xa0\x80",
					   "\xed\xbf\xbf",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "long enough text \xe2\x82",
					   "\xe2\x28\xa1" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(tally_utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(tally_utf8_valid(bad[i], strlen(bad[i])));
	assert_true(tally_utf8_valid("a\0b", 3));
	assert_true(tally_utf8_valid(NULL, 0));
}

static void
uuids_are_read_in_either_case_and_written_in_lower(void **state)
{
	static const char *const wrong[] = { "",
					     "0123456789ab-cdef-0123-4567-89abcdef",
					     "01234567-89ab-cdef-0123-456789abcde",
					     "01234567-89ab-cdef-0123-456789abcdef0",
					     "01234567-89ab-cdef-0123-456789abcdeg",
					     "01234567_89ab-cdef-0123-456789abcdef",
					     "0123456789abcdef0123456789abcdef",
					     "{1234567-89ab-cdef-0123-456789abcde}" };
	const char *upper = "01234567-89AB-CDEF-0123-456789ABCDEF";
	uint8_t uuid[TALLY_UUID];
	char text[TALLY_UUID_TEXT];

	(void)state;
	assert_true(tally_uuid_parse(uuid, upper, 36));
	assert_memory_equal(uuid,
			    "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
	tally_uuid_text(text, uuid);
	assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(tally_uuid_parse(uuid, wrong[i], strlen(wrong[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_compare_by_bytes_and_then_by_length),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(hex_goes_both_ways_and_is_exact),
		cmocka_unit_test(base64_takes_the_one_canonical_text),
		cmocka_unit_test(utf8_has_no_overlong_forms_and_no_surrogates),
		cmocka_unit_test(uuids_are_read_in_either_case_and_written_in_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
