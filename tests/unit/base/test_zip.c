/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an archive that are no content: made, and read again. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/err.h"
#include "tally/zip.h"

static void
a_crc_is_the_one_that_everybody_knows(void **state)
{
	static const char digits[] = "123456789";
	uint8_t many[1000];
	uint32_t crc = 0;

	(void)state;
	assert_int_equal(tally_crc32(0, digits, 9), 0xcbf43926);
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t)(i * 7);
	for (size_t i = 0, n = 1; i < sizeof(many); i += n, n = n * 2 % 97 + 1) {
		n = i + n > sizeof(many) ? sizeof(many) - i : n;
		crc = tally_crc32(crc, many + i, n);
	}
	assert_int_equal(crc, tally_crc32(0, many, sizeof(many)));
}

static void
names_stay_inside(void **state)
{
	static const char *const good[] = { "a", "a/b", "a.b",    "ledgers/0/tile/0/x001/000.p/7",
					    "-", "_x",  "A-Z/0_9" };
	static const char *const bad[] = { "",     "/a",    "a/",       "a//b", ".",     "..",
					   "../a", "a/..",  ".a",       "a/.b", "a\\b",  "a b",
					   "c:a",  "a\x7f", "\xc3\xa9", "a\n",  "a/./b", "~" };
	char longest[TALLY_ZIP_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(tally_zip_name_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(tally_zip_name_valid(bad[i], strlen(bad[i])));
	assert_false(tally_zip_name_valid("a\0b", 3));
	memset(longest, 'a', sizeof(longest));
	assert_true(tally_zip_name_valid(longest, TALLY_ZIP_NAME_MAX));
	assert_false(tally_zip_name_valid(longest, TALLY_ZIP_NAME_MAX + 1));
}

static void
records_are_read_as_they_were_made_and_zip64_only_where_it_must_be(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 0xfffffffe, 0xffffffff, 0x100000000, 1ULL << 60 };
	const size_t n = sizeof(numbers) / sizeof(*numbers);

	(void)state;
	for (size_t i = 0; i < n * n; i++) {
		struct tally_zip_member m = { "a/b", numbers[i / n], numbers[i % n], 0x12345678 };
		struct tally_err err = TALLY_ERR_INIT;
		struct tally_buf out = TALLY_BUF_INIT;
		struct tally_zip_member is;
		struct tally_bytes name;
		bool wide = m.size >= 0xffffffff || m.at >= 0xffffffff;
		size_t at = 0;

		tally_zip_central(&out, &m);
		assert_int_equal(
			tally_zip_read_central(&is, &name, tally_buf_view(&out), &at, &err), 0);
		assert_true(at == out.len && is.size == m.size && is.at == m.at);
		assert_int_equal(is.crc, m.crc);
		assert_true(tally_bytes_eq(name, tally_bytes_str("a/b")));
		assert_int_equal(out.len > 46 + 3, wide);
		tally_buf_deinit(&out);
	}
}

static void
every_bit_of_a_record_and_of_an_end_counts(void **state)
{
	struct tally_zip_member m = { "a/b", 0x100000000, 0x100000000, 0x12345678 }, is;
	struct tally_buf record = TALLY_BUF_INIT, end = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_zip_end e;
	struct tally_bytes name;

	(void)state;
	tally_zip_central(&record, &m);
	tally_zip_end(&end, 70000, 0x100000000, 46 * 70000);
	assert_int_equal(tally_zip_read_end(&e, tally_buf_view(&end), &err), 0);
	assert_true(e.count == 70000 && e.at == 0x100000000 && e.size == 46 * 70000);
	for (size_t bit = 0; bit < 8 * record.len; bit++) {
		size_t at = 0;
		int r;

		record.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		r = tally_zip_read_central(&is, &name, tally_buf_view(&record), &at, &err);
		/* What is told differs then, and the reader holds that against the content. */
		assert_true(r < 0 || is.crc != m.crc || is.size != m.size || is.at != m.at ||
			    !tally_bytes_eq(name, tally_bytes_str("a/b")));
		record.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * end.len; bit++) {
		end.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_true(tally_zip_read_end(&e, tally_buf_view(&end), &err) < 0 ||
			    e.count != 70000 || e.at != 0x100000000 || e.size != 46 * 70000);
		end.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	tally_buf_deinit(&record);
	tally_buf_deinit(&end);
}

static void
what_is_cut_is_refused_without_being_read(void **state)
{
	struct tally_zip_member m = { "a/b", 5, 0, 1 }, is;
	struct tally_buf record = TALLY_BUF_INIT, end = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_zip_end e;
	struct tally_bytes name;

	(void)state;
	tally_zip_central(&record, &m);
	tally_zip_end(&end, 1, 0, record.len);
	for (size_t n = 0; n < record.len; n++) {
		uint8_t *copy = malloc(n + 1);
		size_t at = 0;

		assert_non_null(copy);
		memcpy(copy, record.p, n);
		assert_int_equal(
			tally_zip_read_central(&is, &name, tally_bytes(copy, n), &at, &err), -1);
		free(copy);
	}
	for (size_t n = 0; n < end.len; n++)
		assert_int_equal(tally_zip_read_end(&e, tally_bytes(end.p, n), &err), -1);
	tally_buf_deinit(&record);
	tally_buf_deinit(&end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crc_is_the_one_that_everybody_knows),
		cmocka_unit_test(names_stay_inside),
		cmocka_unit_test(
			records_are_read_as_they_were_made_and_zip64_only_where_it_must_be),
		cmocka_unit_test(every_bit_of_a_record_and_of_an_end_counts),
		cmocka_unit_test(what_is_cut_is_refused_without_being_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
