/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledgers on read-only and on full file systems. Needs root and mounts, in a
 * mount namespace of a child's own, so nothing stays mounted.
 */
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_MOUNT 77 /* the child's way to say that this machine cannot */

/* In a child an assert of cmocka would run the other tests a second time. */
#define check(cond)     ((cond) ? (void)0 : check_failed(#cond, __LINE__, NULL))
#define check_err(cond) ((cond) ? (void)0 : check_failed(#cond, __LINE__, &err))
static _Noreturn void
check_failed(const char *cond, int line, const struct tally_err *err)
{
	fprintf(stderr, "test_media.c:%d: %s%s%s\n", line, cond, err ? ": " : "",
		err ? err->text : "");
	_exit(1);
}

static void
in_child(int (*body)(struct fixture *f))
{
	struct fixture f;
	int status;
	pid_t child;

	fixture_init(&f);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(NO_MOUNT);
		_exit(body(&f));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	fixture_deinit(&f);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_MOUNT) {
		print_message("skipped: this machine gives no right to mount "
			      "(root, CAP_SYS_ADMIN), or no loop device\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As append_serials, without asserts. */
static int
append(struct tally_store *s, uint64_t serial, size_t n, struct tally_err *err)
{
	struct batch b;
	uint64_t first;
	int r;

	batch_init(&b, serial, n, 600);
	r = tally_store_append(s, b.entry, n, &first, err);
	batch_deinit(&b);
	return r;
}

static int
open_at(struct fixture *f, struct tally_store **s, enum tally_store_mode mode,
	struct tally_err *err)
{
	return tally_store_open(s, f->path, mode, &f->clock.clock, err);
}

static int
read_only(struct fixture *f)
{
	struct tally_init_options o = { .origin = "example.org/log" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	char path[128];

	if (mount("none", f->root, "tmpfs", 0, "size=8m") < 0)
		return NO_MOUNT;
	check_err(tally_store_create(f->path, &o, &err) == 0);
	check_err(open_at(f, &s, TALLY_STORE_WRITE, &err) == 0);
	check_err(append(s, 0, 100, &err) == 0);
	check_err(tally_store_checkpoint(s, &err) == 1);
	tally_store_close(s);
	/* Not even lock.mdb is there, as on a copy made for an auditor. */
	snprintf(path, sizeof(path), "%s/lock.mdb", f->path);
	check(unlink(path) == 0);
	check(mount("none", f->root, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	check(check_ledger(f->path, 100) == 100);
	check(access(path, F_OK) != 0);
	check(open_at(f, &s, TALLY_STORE_WRITE, &err) == -1);
	check(err.code == TALLY_SYS);
	check_err(open_at(f, &s, TALLY_STORE_READ, &err) == 0);
	check(tally_store_checkpoint(s, &err) == -1);
	check(append(s, 100, 1, &err) == -1);
	tally_store_close(s);
	return 0;
}

static void
a_ledger_on_read_only_media_is_read(void **state)
{
	(void)state;
	in_child(read_only);
}

/* A file that gives its room back when it is removed. */
static void
put_ballast(struct fixture *f, size_t bytes)
{
	char path[128], zero[4096] = { 1 };
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", f->root);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0);
	for (size_t n = 0; n < bytes; n += sizeof(zero))
		check(write(fd, zero, sizeof(zero)) == (ssize_t)sizeof(zero));
	check(fsync(fd) == 0);
	close(fd);
}

static void
drop_ballast(struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ballast", f->root);
	check(unlink(path) == 0);
}

/* Appends until the disk is full; what was acknowledged by then. */
static uint64_t
fill(struct fixture *f, uint64_t n)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;
	int r;

	for (int again = 0; again < 20; again++) {
		check_err(open_at(f, &s, TALLY_STORE_WRITE, &err) == 0);
		while ((r = append(s, n, again == 0 ? 50 : 1, &err)) == 0)
			n += again == 0 ? 50 : 1;
		check_err(err.code == TALLY_FULL);
		/* Refused, not crashed: also the second time, also a checkpoint. */
		check(append(s, n, 1, &err) == -1);
		check(tally_store_checkpoint(s, &err) == -1);
		tally_store_close(s);
		check(check_ledger(f->path, n) >= n);
	}
	return n;
}

static int
fill_and_go_on(struct fixture *f)
{
	struct tally_init_options o = { .origin = "example.org/log" };
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t root[TALLY_HASH];
	struct tally_store *s;
	uint64_t n, size;

	check_err(tally_store_create(f->path, &o, &err) == 0);
	put_ballast(f, 1 << 20);
	n = fill(f, 0);
	check(n > 100);
	check_err(open_at(f, &s, TALLY_STORE_WRITE, &err) == 0);
	check_err(tally_store_head(s, &size, root, &err) == 0);
	check(tally_store_export(s, f->out, false, NULL, NULL, &err) == -1);
	tally_store_close(s);
	check(access(f->out, F_OK) != 0);

	drop_ballast(f);
	check_err(open_at(f, &s, TALLY_STORE_WRITE, &err) == 0);
	check_err(append(s, size, 10, &err) == 0);
	check_err(tally_store_checkpoint(s, &err) == 1);
	tally_store_close(s);
	check(check_ledger(f->path, size + 10) == size + 10);
	return 0;
}

static int
on_tmpfs(struct fixture *f)
{
	if (mount("none", f->root, "tmpfs", 0, "size=4m") < 0)
		return NO_MOUNT;
	return fill_and_go_on(f);
}

static int
on_loop(struct fixture *f)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "cd %s && truncate -s 12M image && PATH=$PATH:/sbin:/usr/sbin && "
		 "mke2fs -q -F -t ext4 image && mkdir disk && mount -o loop image disk",
		 f->root);
	if (system(command) != 0)
		return NO_MOUNT;
	snprintf(command, sizeof(command), "%s/disk", f->root);
	check(strlen(command) < sizeof(f->root));
	memcpy(f->root, command, strlen(command) + 1);
	snprintf(f->path, sizeof(f->path), "%s/ledger", f->root);
	snprintf(f->out, sizeof(f->out), "%s/export", f->root);
	return fill_and_go_on(f);
}

static void
a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(void **state)
{
	(void)state;
	in_child(on_tmpfs);
}

static void
a_full_ext4_on_a_loop_device_loses_nothing_either(void **state)
{
	(void)state;
	in_child(on_loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ledger_on_read_only_media_is_read),
		cmocka_unit_test(a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room),
		cmocka_unit_test(a_full_ext4_on_a_loop_device_loses_nothing_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
