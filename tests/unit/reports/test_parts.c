/* SPDX-License-Identifier: Apache-2.0 */
/* What the timeline is built of: maps, texts, sets of numbers, spans, columns. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "../../../reports/columns.h"
#include "../../../reports/spans.h"
#include "../../../reports/table.h"

static void
a_map_finds_what_was_put_there(void **state)
{
	struct map m = { 0 };
	uint8_t key[16] = { 0 };
	static int values[5000];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5000; i++) {
			void **place;

			tally_put_u32(key + (i % 2 ? 0 : 12), i + 1);
			tally_put_u32(key + (i % 2 ? 12 : 0), 0);
			place = map_place(&m, key);
			if (round == 0) {
				assert_null(*place);
				*place = &values[i];
			}
			assert_ptr_equal(*place, &values[i]);
		}
	}
	assert_int_equal(m.used, 5000);
	map_deinit(&m);
}

static void
a_text_is_kept_once_and_the_empty_one_is_number_zero(void **state)
{
	struct strings s;
	uint32_t a, b;

	(void)state;
	strings_init(&s);
	assert_int_equal(strings_add(&s, tally_bytes_str("")), 0);
	a = strings_add(&s, tally_bytes_str("abcdefgh"));
	b = strings_add(&s, tally_bytes("abcdefgh\0", 9));
	assert_int_not_equal(a, b);
	for (unsigned i = 0; i < 1000; i++)
		strings_add(&s, tally_bytes(&i, sizeof(i)));
	assert_int_equal(strings_add(&s, tally_bytes_str("abcdefgh")), a);
	assert_int_equal(strings_get(&s, b).len, 9);
	strings_deinit(&s);
}

static void
a_set_of_numbers_holds_each_once_in_order(void **state)
{
	struct ids set = { 0 }, copy = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		ids_add(&set, i * 37 % 50);
	assert_int_equal(set.n, 50);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(set.p[i], i);
	ids_remove(&set, 7);
	ids_remove(&set, 7);
	ids_remove(&set, 1000);
	assert_int_equal(set.n, 49);
	assert_int_equal(set.p[7], 8);
	ids_copy(&copy, &set);
	assert_memory_equal(copy.p, set.p, 49 * sizeof(*set.p));
	ids_deinit(&set);
	ids_deinit(&copy);
}

static void
spans_join_where_they_touch(void **state)
{
	struct spans s = { 0 };

	(void)state;
	spans_add(&s, 10, 20);
	spans_add(&s, 30, 40);
	spans_add(&s, 5, 10);
	spans_add(&s, 25, 25);
	spans_add(&s, 20, 30);
	spans_settle(&s);
	assert_int_equal(s.n, 1);
	assert_true(spans_sum(&s) == 35);
	spans_deinit(&s);
}

static void
spans_of_many_pieces_take_the_room_of_what_is_left(void **state)
{
	struct spans s = { 0 };

	(void)state;
	for (int64_t i = 0; i < 100000; i++)
		spans_add(&s, (i * 7919) % 1000, (i * 7919) % 1000 + 1);
	assert_true(s.cap < 5000);
	assert_true(spans_sum(&s) == 1000);
	spans_deinit(&s);
}

static void
spans_are_cut_and_subtracted(void **state)
{
	struct spans s = { 0 }, other = { 0 };

	(void)state;
	spans_add(&s, 0, 10);
	spans_add(&s, 20, 30);
	spans_add(&other, 25, 100);
	spans_add(&other, 5, 22);
	spans_cut(&s, &other);
	assert_true(spans_sum(&s) == 12); /* 5-10, 20-22, 25-30 */
	assert_int_equal(s.n, 3);
	spans_deinit(&other);
	spans_add(&other, 6, 21);
	spans_subtract(&s, &other);
	assert_true(spans_sum(&s) == 7); /* 5-6, 21-22, 25-30 */
	spans_subtract(&s, &s);
	assert_true(spans_sum(&s) == 0);
	spans_deinit(&s);
	spans_deinit(&other);
}

static void
columns_align_and_cut_the_widest_text(void **state)
{
	static const char *const heads[] = { "-name", ">n" };
	static const char *const fronts[] = { "<name", ">n" };
	struct columns c;
	struct tally_buf out = TALLY_BUF_INIT;

	(void)state;
	columns_init(&c, heads, 2);
	columns_str(&c, "caf\xc3\xa9");
	columns_str(&c, "7");
	columns_str(&c, "a name that is long");
	columns_str(&c, "1234");
	columns_print(&c, &out, 80);
	assert_string_equal(tally_buf_cstr(&out), "  name                    n\n"
						  "  caf\xc3\xa9                    7\n"
						  "  a name that is long  1234\n");
	tally_buf_clear(&out);
	columns_print(&c, &out, 18);
	assert_string_equal(tally_buf_cstr(&out), "  name           n\n"
						  "  caf\xc3\xa9           7\n"
						  "  a name th\xe2\x80\xa6  1234\n");
	c.heads = fronts;
	tally_buf_clear(&out);
	columns_print(&c, &out, 18);
	assert_string_equal(tally_buf_cstr(&out), "  name           n\n"
						  "  caf\xc3\xa9           7\n"
						  "  \xe2\x80\xa6t is long  1234\n");
	columns_deinit(&c);
	tally_buf_clear(&out);
	tally_buf_add_str(&out, "12");
	columns_wrap(&out, tally_bytes_str("one two three"), 2, 9);
	assert_string_equal(tally_buf_cstr(&out), "12one two\n  three\n");
	tally_buf_clear(&out);
	columns_wrap(&out, tally_bytes_str("a caf\xc3\xa9-bar b"), 2, 7);
	assert_string_equal(tally_buf_cstr(&out), "a\n  caf\xc3\xa9-\n  bar b\n");
	tally_buf_deinit(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_finds_what_was_put_there),
		cmocka_unit_test(a_text_is_kept_once_and_the_empty_one_is_number_zero),
		cmocka_unit_test(a_set_of_numbers_holds_each_once_in_order),
		cmocka_unit_test(spans_join_where_they_touch),
		cmocka_unit_test(spans_of_many_pieces_take_the_room_of_what_is_left),
		cmocka_unit_test(spans_are_cut_and_subtracted),
		cmocka_unit_test(columns_align_and_cut_the_widest_text),
	};

	return cmocka_run_group_tests_name("reports parts", tests, NULL, NULL);
}
