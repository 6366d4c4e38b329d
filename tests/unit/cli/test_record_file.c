/* SPDX-License-Identifier: Apache-2.0 */
/* The window over the file: every line whole, in any order, of any length that is allowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "testlib.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "record.h"

static struct record_file *
open_text(const char *dir, const void *p, size_t n)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct record_file *f;
	char *path = test_path(dir, "f");

	test_file_write(path, p, n);
	assert_int_equal(record_file_open(&f, path, &err), 0);
	free(path);
	return f;
}

static void
lines_are_read_forward_and_at_any_offset(void **state)
{
	enum { LINES = 9000 };
	static uint64_t offset[LINES];
	static size_t length[LINES];
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	char *dir = test_dir_make();
	struct tally_bytes line;
	struct record_file *f;
	uint64_t at = 0, step = 4001;
	bool newline;

	(void)state;
	for (size_t i = 0; i < LINES; i++) {
		offset[i] = text.len;
		length[i] = i % 97 == 0 ? i * 7 : i % 61;
		for (size_t k = 0; k < length[i]; k++)
			tally_buf_add_u8(&text, (uint8_t)('a' + (i + k) % 26));
		tally_buf_add_u8(&text, '\n');
	}
	f = open_text(dir, text.p, text.len);
	assert_true(record_file_size(f) == text.len);
	for (size_t i = 0; i < LINES; i++) {
		assert_int_equal(record_file_line(f, at, &line, &newline, &err), 1);
		assert_true(newline && line.len == length[i]);
		assert_memory_equal(line.p, text.p + offset[i], line.len);
		at += line.len + 1;
	}
	assert_int_equal(record_file_line(f, at, &line, &newline, &err), 0);
	for (size_t i = 0, n = 0; n < LINES; n++, i = (size_t)((i + step) % LINES)) {
		assert_int_equal(record_file_line(f, offset[i], &line, &newline, &err), 1);
		assert_int_equal(line.len, length[i]);
		assert_memory_equal(line.p, text.p + offset[i], line.len);
	}
	record_file_close(f);
	tally_buf_deinit(&text);
	test_dir_remove(dir);
}

static void
a_line_has_a_bound(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char *dir = test_dir_make(), *text = malloc(RECORD_LINE_MAX + 2);
	struct tally_bytes line;
	struct record_file *f;
	bool newline;

	(void)state;
	memset(text, 'x', RECORD_LINE_MAX + 2);
	f = open_text(dir, text, RECORD_LINE_MAX);
	assert_int_equal(record_file_line(f, 0, &line, &newline, &err), 1);
	assert_true(!newline && line.len == RECORD_LINE_MAX);
	record_file_close(f);
	text[RECORD_LINE_MAX] = '\n';
	f = open_text(dir, text, RECORD_LINE_MAX + 1);
	assert_int_equal(record_file_line(f, 0, &line, &newline, &err), 1);
	assert_true(newline && line.len == RECORD_LINE_MAX);
	record_file_close(f);
	text[RECORD_LINE_MAX] = 'x';
	text[RECORD_LINE_MAX + 1] = '\n';
	f = open_text(dir, text, RECORD_LINE_MAX + 2);
	assert_int_equal(record_file_line(f, 0, &line, &newline, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, "a line of more than 1048576 bytes");
	record_file_close(f);
	free(text);
	test_dir_remove(dir);
}

static void
the_last_line_may_lack_its_newline(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char *dir = test_dir_make();
	uint8_t hash[TALLY_HASH], expected[TALLY_HASH];
	struct tally_bytes line;
	struct record_file *f;
	bool newline;

	(void)state;
	f = open_text(dir, "ab\n\ncd", 6);
	assert_int_equal(record_file_line(f, 0, &line, &newline, &err), 1);
	assert_true(newline && line.len == 2);
	assert_int_equal(record_file_line(f, 3, &line, &newline, &err), 1);
	assert_true(newline && line.len == 0);
	assert_int_equal(record_file_line(f, 4, &line, &newline, &err), 1);
	assert_true(!newline && tally_bytes_eq(line, tally_bytes_str("cd")));
	assert_int_equal(record_file_line(f, 6, &line, &newline, &err), 0);
	assert_int_equal(record_file_hash(f, hash, &err), 0);
	tally_sha256(expected, tally_bytes_str("ab\n\ncd"));
	assert_memory_equal(hash, expected, TALLY_HASH);
	assert_int_equal(record_file_line(f, 0, &line, &newline, &err), 1);
	assert_true(tally_bytes_eq(line, tally_bytes_str("ab")));
	record_file_close(f);
	test_dir_remove(dir);
}

static void
what_is_no_regular_file_is_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char *dir = test_dir_make(), *path = test_path(dir, "fifo");
	struct record_file *f;

	(void)state;
	assert_int_equal(record_file_open(&f, path, &err), -1);
	assert_int_equal(tally_err_exit(&err), 3);
	assert_int_equal(record_file_open(&f, dir, &err), -1);
	assert_int_equal(tally_err_exit(&err), 2);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(record_file_open(&f, path, &err), -1);
	assert_int_equal(tally_err_exit(&err), 2);
	free(path);
	test_dir_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_forward_and_at_any_offset),
		cmocka_unit_test(a_line_has_a_bound),
		cmocka_unit_test(the_last_line_may_lack_its_newline),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
