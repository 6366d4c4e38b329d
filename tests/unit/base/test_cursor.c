/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor never reads past its end, and a failure stays. */
#include "testlib.h"
#include "tally/parse.h"

static const uint8_t bytes[] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'a', '\n', 'b'
};

static void
a_structure_is_read_in_order(void **state)
{
	struct tally_cursor c;
	struct tally_bytes line;

	(void)state;
	tally_cursor_init(&c, tally_bytes(bytes, sizeof(bytes)));
	assert_int_equal(tally_cursor_u8(&c), 1);
	assert_int_equal(tally_cursor_u16(&c), 0x0203);
	assert_int_equal(tally_cursor_u32(&c), 0x04050607);
	assert_true(tally_cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	line = tally_cursor_line(&c);
	assert_true(tally_bytes_eq(line, tally_bytes_str("a")));
	assert_int_equal(tally_cursor_left(&c), 1);
	assert_false(tally_cursor_done(&c));
	assert_int_equal(tally_cursor_take(&c, 1).p[0], 'b');
	assert_true(tally_cursor_done(&c));
}

static void
no_reader_passes_the_end_at_any_length(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		for (size_t want = 0; want <= sizeof(bytes); want++) {
			struct tally_cursor c;

			tally_cursor_init(&c, tally_bytes(bytes, len));
			assert_int_equal(tally_cursor_take(&c, want).len, want <= len ? want : 0);
			assert_int_equal(c.failed, want > len);
		}
		for (int reader = 0; reader < 4; reader++) {
			struct tally_cursor c;

			tally_cursor_init(&c, tally_bytes(bytes, len));
			if (reader == 0)
				tally_cursor_u8(&c);
			else if (reader == 1)
				tally_cursor_u16(&c);
			else if (reader == 2)
				tally_cursor_u32(&c);
			else
				tally_cursor_u64(&c);
			assert_int_equal(c.failed, len < (size_t)1 << reader);
		}
	}
}

static void
after_a_failure_everything_fails(void **state)
{
	struct tally_cursor c;

	(void)state;
	tally_cursor_init(&c, tally_bytes(bytes, 3));
	assert_int_equal(tally_cursor_u32(&c), 0);
	assert_int_equal(tally_cursor_u8(&c), 0);
	assert_int_equal(tally_cursor_take(&c, 0).len, 0);
	assert_int_equal(tally_cursor_left(&c), 0);
	assert_false(tally_cursor_done(&c));
}

static void
a_huge_length_does_not_wrap(void **state)
{
	struct tally_cursor c;

	(void)state;
	tally_cursor_init(&c, tally_bytes(bytes, sizeof(bytes)));
	tally_cursor_u8(&c);
	assert_int_equal(tally_cursor_take(&c, SIZE_MAX).len, 0);
	assert_true(c.failed);
}

static void
a_line_without_its_end_fails(void **state)
{
	struct tally_cursor c;

	(void)state;
	tally_cursor_init(&c, tally_bytes_str("one\n\nthree"));
	assert_int_equal(tally_cursor_line(&c).len, 3);
	assert_int_equal(tally_cursor_line(&c).len, 0);
	assert_false(c.failed);
	tally_cursor_line(&c);
	assert_true(c.failed);
	tally_cursor_init(&c, tally_bytes(NULL, 0));
	assert_true(tally_cursor_done(&c));
	tally_cursor_line(&c);
	assert_true(c.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_structure_is_read_in_order),
		cmocka_unit_test(no_reader_passes_the_end_at_any_length),
		cmocka_unit_test(after_a_failure_everything_fails),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(a_line_without_its_end_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
