/* SPDX-License-Identifier: Apache-2.0 */
/* Output files of the user's. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"

static void
a_new_file_has_the_mode_of_the_umask(void **state)
{
	char *dir = test_dir_make(), *path = test_path(dir, "out"), *text;
	struct tally_err err;
	struct stat st;
	mode_t old = umask(027);

	(void)state;
	assert_int_equal(tally_output_write(path, tally_bytes_str("abc"), &err), 0);
	umask(old);
	text = test_file_read(path, NULL);
	assert_string_equal(text, "abc");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(test_dir_count(dir), 1);
	free(text);
	free(path);
	test_dir_remove(dir);
}

static void
an_old_file_keeps_its_mode_and_a_link_stays_one(void **state)
{
	char *dir = test_dir_make(), *path = test_path(dir, "out"), *link = test_path(dir, "link");
	struct tally_err err;
	struct stat st;
	char *text;

	(void)state;
	test_file_write(path, "old", 3);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(symlink("out", link), 0);
	assert_int_equal(tally_output_write(link, tally_bytes_str("new"), &err), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0604);
	text = test_file_read(path, NULL);
	assert_string_equal(text, "new");
	free(text);
	free(path);
	free(link);
	test_dir_remove(dir);
}

static void
a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
	char *dir = test_dir_make(), *path = test_path(dir, "out"), *text;
	struct rlimit limit, small;
	struct tally_err err;
	static const uint8_t big[100000];

	(void)state;
	test_file_write(path, "old", 3);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 5000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(tally_output_write(path, tally_bytes(big, sizeof(big)), &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(err.code, TALLY_SYS);
	assert_non_null(strstr(err.text, "out: write: File too large"));
	text = test_file_read(path, NULL);
	assert_string_equal(text, "old");
	assert_int_equal(test_dir_count(dir), 1);
	free(text);
	free(path);
	test_dir_remove(dir);
}

static void
devices_are_written_to_and_folders_refused(void **state)
{
	char *dir = test_dir_make(), *under = test_path(dir, "no/where");
	struct tally_err err;

	(void)state;
	assert_int_equal(tally_output_write("/dev/null", tally_bytes_str("x"), &err), 0);
	assert_int_equal(tally_output_write("/dev/full", tally_bytes_str("x"), &err), -1);
	assert_int_equal(err.code, TALLY_FULL);
	assert_int_equal(tally_output_write(dir, tally_bytes_str("x"), &err), -1);
	assert_non_null(strstr(err.text, ": is a folder"));
	assert_int_equal(tally_output_write(under, tally_bytes_str("x"), &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	free(under);
	test_dir_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_has_the_mode_of_the_umask),
		cmocka_unit_test(an_old_file_keeps_its_mode_and_a_link_stays_one),
		cmocka_unit_test(a_failed_write_leaves_the_old_file_and_no_other),
		cmocka_unit_test(devices_are_written_to_and_folders_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
