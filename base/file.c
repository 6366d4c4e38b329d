/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable files. At every moment NAME holds the old or the new content, whole:
 * the new one is on the disk before the rename, and the folder is synced after
 * it. A failure leaves no temporary file behind; one that a crash left is
 * removed by the next replacement.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/file.h"

static int
write_all(const struct tally_disk *disk, int fd, struct tally_bytes content)
{
	while (content.len > 0) {
		ssize_t n = disk->write(disk->ctx, fd, content.p, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		content = tally_bytes(content.p + n, content.len - (size_t)n);
	}
	return 0;
}

/* What root writes into somebody's folder is his, who has to read it afterwards. A root that may
 * give nothing away, as in a container or over the network, writes all the same. */
static int
give_to_owner(int dirfd, int fd)
{
	struct stat dir, file;

	if (geteuid() != 0)
		return 0;
	if (fstat(dirfd, &dir) < 0 || fstat(fd, &file) < 0)
		return -1;
	if (dir.st_uid == file.st_uid)
		return 0;
	if (fchown(fd, dir.st_uid, dir.st_gid) == 0)
		return 0;
	return errno == EPERM || errno == EINVAL ? 0 : -1;
}

/* Fills the open temporary file and closes it in any case. */
static int
fill(const struct tally_disk *disk, int dirfd, int fd, struct tally_bytes content, mode_t mode,
     const char *name, struct tally_err *err)
{
	int r = 0;

	if (give_to_owner(dirfd, fd) < 0)
		r = tally_err_sys(err, "%s: set owner", name);
	else if (fchmod(fd, mode) < 0)
		r = tally_err_sys(err, "%s: set mode", name);
	else if (write_all(disk, fd, content) < 0)
		r = tally_err_sys(err, "%s: write", name);
	else if (disk->fdatasync(disk->ctx, fd) < 0)
		r = tally_err_sys(err, "%s: sync", name);
	if (close(fd) < 0 && r == 0)
		r = tally_err_sys(err, "%s: close", name);
	return r;
}

/* NAME.prev becomes a second name of the present content, so that NAME itself
 * is never absent. */
static int
keep_previous(const struct tally_disk *disk, int dirfd, const char *name, struct tally_err *err)
{
	char *linked = NULL, *prev = NULL;
	int r = 0;

	if (asprintf(&linked, ".%s.old", name) < 0 || asprintf(&prev, "%s.prev", name) < 0)
		abort();
	unlinkat(dirfd, linked, 0);
	if (linkat(dirfd, name, dirfd, linked, 0) < 0) {
		if (errno != ENOENT)
			r = tally_err_sys(err, "%s: link", name);
	} else {
		if (disk->rename(disk->ctx, dirfd, linked, dirfd, prev) < 0)
			r = tally_err_sys(err, "%s: rename", prev);
		/* Still there after a failure, and where both were one file already. */
		unlinkat(dirfd, linked, 0);
	}
	free(linked);
	free(prev);
	return r;
}

int
tally_file_replace(const struct tally_disk *disk, int dirfd, const char *name,
		   struct tally_bytes content, mode_t mode, bool keep, struct tally_err *err)
{
	char *temporary = NULL;
	int fd, r;

	TALLY_ASSERT(!strchr(name, '/'));
	if (asprintf(&temporary, ".%s.new", name) < 0)
		abort();
	unlinkat(dirfd, temporary, 0);
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = tally_err_sys(err, "%s: create", name);
		free(temporary);
		return r;
	}
	r = fill(disk, dirfd, fd, content, mode, name, err);
	if (r == 0 && keep)
		r = keep_previous(disk, dirfd, name, err);
	if (r == 0 && disk->rename(disk->ctx, dirfd, temporary, dirfd, name) < 0)
		r = tally_err_sys(err, "%s: rename", name);
	if (r < 0)
		unlinkat(dirfd, temporary, 0);
	else if (disk->fsync(disk->ctx, dirfd) < 0)
		r = tally_err_sys(err, "%s: sync the folder", name);
	free(temporary);
	return r;
}

static int
read_open(int fd, const char *name, size_t max, struct tally_buf *out, struct tally_err *err)
{
	size_t before = out->len, have = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return tally_err_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return tally_err_set(err, TALLY_SYS, "%s: not a regular file", name);
	/* The size is a hint only: it is 0 under /proc, and the file may grow. */
	if (st.st_size > 0 && (uint64_t)st.st_size <= max)
		tally_buf_reserve(out, (size_t)st.st_size + 1);
	for (;;) {
		ssize_t n;

		tally_buf_reserve(out, 4096);
		n = read(fd, out->p + out->len, out->cap - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			out->len = before;
			return tally_err_sys(err, "%s: read", name);
		}
		if (n == 0)
			return 1;
		out->len += (size_t)n;
		have += (size_t)n;
		if (have > max) {
			out->len = before;
			return tally_err_set(err, TALLY_SYS, "%s: more than %zu bytes", name, max);
		}
	}
}

int
tally_file_read(int dirfd, const char *name, size_t max, struct tally_buf *out,
		struct tally_err *err)
{
	/* Without O_NONBLOCK a FIFO of that name would hold us up for ever. */
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == ELOOP)
		return tally_err_set(err, TALLY_SYS, "%s: a symbolic link", name);
	if (fd < 0)
		return tally_err_sys(err, "%s", name);
	r = read_open(fd, name, max, out, err);
	close(fd);
	return r;
}

/* The folder that holds `path`, to be freed. */
static char *
parent_of(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	if (len == 0)
		return tally_strdup(".");
	while (len > 1 && path[len - 1] == '/')
		len--;
	return tally_strndup(path, len);
}

static int
sync_folder(const char *path, struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	if (fsync(fd) < 0)
		r = tally_err_sys(err, "%s: sync", path);
	close(fd);
	return r;
}

int
tally_dir_make(const char *path, mode_t mode, struct tally_err *err)
{
	struct stat st;
	char *parent;
	int r;

	if (mkdir(path, mode) < 0) {
		if (errno != EEXIST || stat(path, &st) < 0)
			return tally_err_sys(err, "%s", path);
		if (!S_ISDIR(st.st_mode))
			return tally_err_set(err, TALLY_SYS, "%s: not a folder", path);
		return 0;
	}
	parent = parent_of(path);
	r = sync_folder(parent, err);
	free(parent);
	return r;
}

int
tally_dir_make_above(const char *path, mode_t mode, struct tally_err *err)
{
	char *parent = parent_of(path);
	struct stat st;
	int r = 0;

	/* What is there may belong to somebody else: it is not made, nor synced. */
	if (stat(parent, &st) < 0) {
		if (errno != ENOENT)
			r = tally_err_sys(err, "%s", parent);
		else if (strcmp(parent, path) != 0)
			r = tally_dir_make_above(parent, mode, err);
		if (r == 0)
			r = tally_dir_make(parent, mode, err);
	}
	free(parent);
	return r;
}

int
tally_file_lock(int dirfd, const char *name, struct tally_err *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return tally_err_sys(err, "%s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		(void)tally_err_set(err, TALLY_HELD, "%s: it is held", name);
	else
		(void)tally_err_sys(err, "%s", name);
	close(fd);
	return -1;
}
