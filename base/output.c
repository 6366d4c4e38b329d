/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that the user asked for by -o. A regular file is replaced whole or
 * not at all; what is none (a terminal, a pipe, /dev/null) is written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/file.h"

static int
write_fd(int fd, const char *what, struct tally_bytes content, struct tally_err *err)
{
	while (content.len > 0) {
		ssize_t n = write(fd, content.p, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tally_err_sys(err, "%s: write", what);
		content = tally_bytes(content.p + n, content.len - (size_t)n);
	}
	return 0;
}

static int
write_special(const char *path, struct tally_bytes content, struct tally_err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	r = write_fd(fd, path, content, err);
	close(fd);
	return r;
}

/* What the mode of a new file would be; of an old one it stays. */
static mode_t
mode_for(const struct stat *old)
{
	mode_t mask;

	if (old)
		return old->st_mode & 0777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int
write_regular(const char *path, const struct stat *old, struct tally_bytes content,
	      struct tally_err *err)
{
	char *temporary = NULL;
	int fd, r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		abort();
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = tally_err_sys(err, "%s", path);
		free(temporary);
		return r;
	}
	r = write_fd(fd, path, content, err);
	if (r == 0 && (fchmod(fd, mode_for(old)) < 0 || fdatasync(fd) < 0))
		r = tally_err_sys(err, "%s: sync", path);
	if (close(fd) < 0 && r == 0)
		r = tally_err_sys(err, "%s: close", path);
	if (r == 0 && rename(temporary, path) < 0)
		r = tally_err_sys(err, "%s: rename", path);
	if (r < 0)
		unlink(temporary);
	free(temporary);
	return r;
}

int
tally_output_write(const char *path, struct tally_bytes content, struct tally_err *err)
{
	struct stat st;
	char *target;
	int r;

	if (strcmp(path, "-") == 0)
		return write_fd(STDOUT_FILENO, "standard output", content, err);
	if (stat(path, &st) < 0)
		return write_regular(path, NULL, content, err);
	if (S_ISDIR(st.st_mode))
		return tally_err_set(err, TALLY_SYS, "%s: is a folder", path);
	if (!S_ISREG(st.st_mode))
		return write_special(path, content, err);
	/* A link stays a link: it is its target that is replaced. */
	target = realpath(path, NULL);
	if (!target)
		return tally_err_sys(err, "%s", path);
	r = write_regular(target, &st, content, err);
	free(target);
	return r;
}
