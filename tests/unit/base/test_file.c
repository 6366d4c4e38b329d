/* SPDX-License-Identifier: Apache-2.0 */
/* Durable files: old or new, whole, whatever call fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"

struct place {
	char *dir;
	int fd;
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	p->dir = test_dir_make();
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return p->fd < 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	close(p->fd);
	test_dir_remove(p->dir);
	free(p);
	return 0;
}

/* "old", "new" or "none", so that a test can say what it wants in one line. */
static const char *
content(const struct place *p, const char *name, const char *old, const char *new)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_err err;
	const char *what = "torn";
	int r = tally_file_read(p->fd, name, 1 << 20, &b, &err);

	if (r == 0)
		what = "none";
	else if (r == 1 && tally_bytes_eq(tally_buf_view(&b), tally_bytes_str(old)))
		what = "old";
	else if (r == 1 && tally_bytes_eq(tally_buf_view(&b), tally_bytes_str(new)))
		what = "new";
	tally_buf_deinit(&b);
	return what;
}

static void
a_file_is_made_and_replaced_with_its_mode(void **state)
{
	struct place *p = *state;
	struct tally_err err;
	struct stat st;

	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("one"),
					    0640, true, &err),
			 0);
	assert_string_equal(content(p, "f", "one", "two"), "old");
	assert_string_equal(content(p, "f.prev", "one", "two"), "none");
	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("two"),
					    0600, false, &err),
			 0);
	assert_string_equal(content(p, "f", "one", "two"), "new");
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(test_dir_count(p->dir), 1);
	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes(NULL, 0),
					    0600, true, &err),
			 0);
	assert_string_equal(content(p, "f", "", "two"), "old");
	assert_string_equal(content(p, "f.prev", "one", "two"), "new");
	assert_int_equal(test_dir_count(p->dir), 2);
}

/* One round for each n, until n is past the last call. */
static void
every_fault(struct place *p, bool keep, bool stay_failed, bool torn, int error)
{
	unsigned n;

	for (n = 1;; n++) {
		struct test_disk d;
		struct tally_err err;
		const char *now;
		int r;

		assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f",
						    tally_bytes_str("older"), 0600, false, &err),
				 0);
		assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f",
						    tally_bytes_str("old content"), 0600, keep,
						    &err),
				 0);
		test_disk_init(&d, n, error);
		d.stay_failed = stay_failed;
		d.torn = torn;
		r = tally_file_replace(&d.table, p->fd, "f", tally_bytes_str("new content"), 0600,
				       keep, &err);
		now = content(p, "f", "old content", "new content");
		if (!d.failed) {
			assert_int_equal(r, 0);
			assert_string_equal(now, "new");
			break;
		}
		assert_int_equal(r, -1);
		assert_int_equal(err.code, error == ENOSPC ? TALLY_FULL : TALLY_SYS);
		/* Only the last call, the folder's sync, comes after the rename. */
		assert_string_equal(now, n == (keep ? 5U : 4U) ? "new" : "old");
		if (keep)
			assert_string_not_equal(content(p, "f.prev", "older", "old content"),
						"torn");
		assert_int_equal(test_dir_count(p->dir), keep ? 2 : 1);
	}
	assert_int_equal(n, keep ? 6 : 5);
}

static void
whatever_call_fails_the_file_is_old_or_new_and_whole(void **state)
{
	every_fault(*state, false, false, true, EIO);
	every_fault(*state, false, true, true, EIO);
	every_fault(*state, true, false, false, EIO);
	every_fault(*state, true, true, true, EIO);
}

static void
a_full_disk_is_told_apart(void **state)
{
	every_fault(*state, true, false, true, ENOSPC);
}

static ssize_t
one_byte(void *ctx, int fd, const void *p, size_t n)
{
	unsigned *calls = ctx;

	/* Interrupted every other time, and never more than one byte. */
	if (++*calls % 2) {
		errno = EINTR;
		return -1;
	}
	return write(fd, p, n ? 1 : 0);
}

static void
short_and_interrupted_writes_go_on(void **state)
{
	struct place *p = *state;
	struct tally_disk d = *tally_disk_real();
	struct tally_err err;
	unsigned calls = 0;

	d.ctx = &calls;
	d.write = one_byte;
	assert_int_equal(
		tally_file_replace(&d, p->fd, "f", tally_bytes_str("abcdef"), 0600, false, &err),
		0);
	assert_int_equal(calls, 12);
	assert_string_equal(content(p, "f", "abcdef", ""), "old");
}

static void
what_a_crash_left_does_no_harm(void **state)
{
	struct place *p = *state;
	struct tally_err err;
	char *a = test_path(p->dir, ".f.new"), *b = test_path(p->dir, ".f.old");

	test_file_write(a, "half", 4);
	test_file_write(b, "x", 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f",
						    tally_bytes_str("one"), 0600, true, &err),
				 0);
	assert_string_equal(content(p, "f", "one", ""), "old");
	assert_int_equal(test_dir_count(p->dir), 2);
	free(a);
	free(b);
}

static void
reading_is_bounded_and_takes_regular_files_only(void **state)
{
	struct place *p = *state;
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_err err;
	char *path = test_path(p->dir, "f");

	test_file_write(path, "12345", 5);
	tally_buf_add_str(&b, ">");
	assert_int_equal(tally_file_read(p->fd, "absent", 5, &b, &err), 0);
	assert_int_equal(tally_file_read(p->fd, "f", 5, &b, &err), 1);
	assert_string_equal(tally_buf_cstr(&b), ">12345");
	assert_int_equal(tally_file_read(p->fd, "f", 4, &b, &err), -1);
	assert_string_equal(err.text, "f: more than 4 bytes");
	assert_int_equal(err.code, TALLY_SYS);
	assert_int_equal(symlinkat("f", p->fd, "link"), 0);
	assert_int_equal(tally_file_read(p->fd, "link", 5, &b, &err), -1);
	assert_string_equal(err.text, "link: a symbolic link");
	assert_int_equal(mkfifoat(p->fd, "fifo", 0600), 0);
	assert_int_equal(tally_file_read(p->fd, "fifo", 5, &b, &err), -1);
	assert_string_equal(err.text, "fifo: not a regular file");
	assert_int_equal(tally_file_read(AT_FDCWD, p->dir, 5, &b, &err), -1);
	assert_int_equal(tally_file_read(AT_FDCWD, path, 5, &b, &err), 1);
	assert_string_equal(tally_buf_cstr(&b), ">1234512345");
	tally_buf_deinit(&b);
	free(path);
}

static void
a_folder_is_made_once(void **state)
{
	struct place *p = *state;
	struct tally_err err;
	struct stat st;
	char *path = test_path(p->dir, "sub//"), *under = test_path(p->dir, "no/where");
	char *file = test_path(p->dir, "file");

	assert_int_equal(tally_dir_make(path, 0700, &err), 0);
	assert_int_equal(tally_dir_make(path, 0700, &err), 0);
	assert_int_equal(fstatat(p->fd, "sub", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(tally_dir_make(under, 0700, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	test_file_write(file, "", 0);
	assert_int_equal(tally_dir_make(file, 0700, &err), -1);
	assert_non_null(strstr(err.text, ": not a folder"));
	free(path);
	free(under);
	free(file);
}

static void
folders_above_are_made_where_they_are_missing(void **state)
{
	struct place *p = *state;
	struct tally_err err;
	struct stat st;
	char *path = test_path(p->dir, "a/b//c/"), *file = test_path(p->dir, "file");
	char *under = test_path(p->dir, "file/b/c");

	assert_int_equal(tally_dir_make_above(path, 0755, &err), 0);
	assert_int_equal(tally_dir_make_above(path, 0755, &err), 0);
	assert_int_equal(fstatat(p->fd, "a/b", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fstatat(p->fd, "a/b/c", &st, 0), -1);
	assert_int_equal(tally_dir_make_above("here", 0755, &err), 0);
	assert_int_equal(tally_dir_make_above("/", 0755, &err), 0);
	test_file_write(file, "", 0);
	assert_int_equal(tally_dir_make_above(under, 0755, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	free(path);
	free(file);
	free(under);
}

static void
what_root_writes_into_somebody_s_folder_is_his(void **state)
{
	struct place *p = *state;
	struct tally_err err;
	struct stat st;

	if (geteuid() != 0) {
		print_message("skipped: not root, who alone can give files away\n");
		skip();
	}
	assert_int_equal(fchown(p->fd, 12345, 23456), 0);
	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("a"),
					    0600, false, &err),
			 0);
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_true(st.st_uid == 12345 && st.st_gid == 23456);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* In a folder of his own it stays root's. */
	assert_int_equal(fchown(p->fd, 0, 0), 0);
	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("b"),
					    0600, true, &err),
			 0);
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
}

/* A root that may give nothing away: of a container, or over root_squash. */
static int chown_errno;

int __real_fchown(int fd, uid_t owner, gid_t group);
int __wrap_fchown(int fd, uid_t owner, gid_t group);

int
__wrap_fchown(int fd, uid_t owner, gid_t group)
{
	if (chown_errno == 0)
		return __real_fchown(fd, owner, group);
	errno = chown_errno;
	return -1;
}

static void
what_a_root_that_may_give_nothing_away_writes_stays_its_own(void **state)
{
	static const int why[] = { EPERM, EINVAL };
	struct place *p = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct stat st;

	if (geteuid() != 0) {
		print_message("skipped: not root, who alone can give files away\n");
		skip();
	}
	assert_int_equal(fchown(p->fd, 12345, 23456), 0);
	for (size_t i = 0; i < sizeof(why) / sizeof(*why); i++) {
		int r;

		chown_errno = why[i];
		r = tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("a"), 0600,
				       true, &err);
		chown_errno = 0;
		if (r < 0)
			fail_msg("%s", err.text);
		assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	/* Nothing else is passed over. */
	chown_errno = EIO;
	assert_int_equal(tally_file_replace(tally_disk_real(), p->fd, "f", tally_bytes_str("b"),
					    0600, false, &err),
			 -1);
	chown_errno = 0;
	assert_non_null(strstr(err.text, "set owner"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_made_and_replaced_with_its_mode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			whatever_call_fails_the_file_is_old_or_new_and_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(what_root_writes_into_somebody_s_folder_is_his,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_a_root_that_may_give_nothing_away_writes_stays_its_own, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(short_and_interrupted_writes_go_on, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_crash_left_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_is_bounded_and_takes_regular_files_only,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_above_are_made_where_they_are_missing,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
