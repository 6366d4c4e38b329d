/* SPDX-License-Identifier: Apache-2.0 */
/* A new ledger is whole or not there, whatever fails and whatever was left behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"
#include "ledger.h"

struct scene {
	char *dir, *path, *hidden;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->dir = test_dir_make();
	s->path = test_path(s->dir, "ledger");
	s->hidden = test_path(s->dir, ".ledger.new");
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	tally_store_fault_hook(NULL, NULL);
	test_dir_remove(s->dir);
	free(s->path);
	free(s->hidden);
	free(s);
	return 0;
}

static int
make(struct scene *s, const char *host)
{
	s->err = (struct tally_err)TALLY_ERR_INIT;
	return cli_ledger_make(s->path, "libtpms", host, NULL, &s->err);
}

/* Begins with ledger-begin, and an attested checkpoint covers all of it. */
static void
check_whole(struct scene *s)
{
	struct cli_newest newest;
	struct tally_store *store;
	struct tally_buf record = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH];
	uint64_t size;

	assert_int_equal(tally_store_open(&store, s->path, TALLY_STORE_READ, NULL, &s->err), 0);
	assert_int_equal(tally_store_head(store, &size, root, &s->err), 0);
	assert_true(size == 2);
	assert_int_equal(cli_newest_read(&newest, store, &s->err), 1);
	assert_true(newest.checkpoint.size == 2 && newest.note.lines == 2);
	cli_newest_deinit(&newest);
	assert_int_equal(tally_store_entry(store, 0, &record, NULL, NULL, &s->err), 1);
	assert_int_equal(record.p[1], TALLY_LEDGER_BEGIN);
	tally_buf_deinit(&record);
	tally_store_close(store);
}

static void
a_ledger_is_named_by_its_host_and_its_tpm(void **state)
{
	struct scene *s = *state;
	struct tally_store *store;
	const char *origin;

	assert_int_equal(make(s, "rack 1+x"), 0);
	check_whole(s);
	assert_int_equal(test_dir_count(s->dir), 1);
	assert_int_equal(tally_store_open(&store, s->path, TALLY_STORE_READ, NULL, &s->err), 0);
	origin = tally_store_origin(store);
	assert_int_equal(strncmp(origin, "tallystick.invalid/rack-1-x-", 28), 0);
	assert_int_equal(strspn(origin + 28, "0123456789abcdef"), 8);
	assert_int_equal(strlen(origin), 36);
	tally_store_close(store);
}

static void
what_is_there_is_refused_and_an_empty_folder_is_taken(void **state)
{
	struct scene *s = *state;
	char *inside = test_path(s->path, "file");

	assert_int_equal(mkdir(s->path, 0755), 0);
	test_file_write(inside, "x", 1);
	assert_int_equal(make(s, "h"), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "/ledger: exists already"));
	assert_int_equal(test_dir_count(s->dir), 1);
	unlink(inside);
	assert_int_equal(make(s, "h"), 0);
	check_whole(s);
	free(inside);
}

static void
names_that_are_none_are_refused(void **state)
{
	static const char *const paths[] = { "/", ".", "..", "x/.", "x/.." };
	struct tally_err err;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		err = (struct tally_err)TALLY_ERR_INIT;
		assert_int_equal(cli_ledger_make(paths[i], "libtpms", "h", NULL, &err), -1);
		assert_int_equal(tally_err_exit(&err), 2);
	}
}

static void
what_a_crash_left_is_cleared_away(void **state)
{
	struct scene *s = *state;
	char *inside = test_path(s->hidden, "tpm"), *deep = test_path(inside, "state");

	assert_int_equal(mkdir(s->hidden, 0700), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	test_file_write(deep, "torn", 4);
	assert_int_equal(make(s, "h"), 0);
	check_whole(s);
	assert_int_equal(test_dir_count(s->dir), 1);
	free(inside);
	free(deep);
}

static void
two_at_once_do_not_mix(void **state)
{
	struct scene *s = *state;
	int fd;

	assert_int_equal(mkdir(s->hidden, 0700), 0);
	fd = open(s->hidden, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	assert_int_equal(make(s, "h"), -1);
	assert_int_equal(s->err.code, TALLY_HELD);
	assert_int_equal(tally_err_exit(&s->err), 3);
	close(fd);
	assert_int_equal(make(s, "h"), 0);
	check_whole(s);
}

struct fault {
	unsigned left;
	bool hit;
};

static int
fail_once(void *ctx, const char *call)
{
	struct fault *f = ctx;

	(void)call;
	if (f->hit || --f->left > 0)
		return 0;
	f->hit = true;
	errno = ENOSPC;
	return -1;
}

static void
at_every_fault_nothing_is_left(void **state)
{
	struct scene *s = *state;
	unsigned n = 0;

	for (bool more = true; more;) {
		struct fault f = { .left = ++n };
		int r;

		tally_store_fault_hook(fail_once, &f);
		r = make(s, "h");
		tally_store_fault_hook(NULL, NULL);
		more = f.hit;
		if (r < 0) {
			assert_int_equal(tally_err_exit(&s->err), 3);
			assert_int_equal(test_dir_count(s->dir), 0);
		} else {
			check_whole(s);
			assert_int_equal(rename(s->path, s->hidden), 0); /* to be cleared away */
		}
	}
	assert_true(n > 10);
}

static void
without_a_helper_there_is_no_ledger(void **state)
{
	struct scene *s = *state;
	char *helper = strdup(getenv("TALLY_TPM_HELPER"));

	setenv("TALLY_TPM_HELPER", "/bin/false", 1);
	assert_int_equal(make(s, "h"), -1);
	setenv("TALLY_TPM_HELPER", helper, 1);
	assert_int_equal(s->err.code, TALLY_TPM);
	assert_int_equal(test_dir_count(s->dir), 0);
	free(helper);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_ledger_is_named_by_its_host_and_its_tpm),
		CASE(what_is_there_is_refused_and_an_empty_folder_is_taken),
		CASE(names_that_are_none_are_refused),
		CASE(what_a_crash_left_is_cleared_away),
		CASE(two_at_once_do_not_mix),
		CASE(at_every_fault_nothing_is_left),
		CASE(without_a_helper_there_is_no_ledger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
