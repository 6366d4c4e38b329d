/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of an export. Every part of a name is opened without following symbolic
 * links, so nothing outside the export is ever taken for a part of it; the
 * export's own path may be one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "verify_internal.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

int
folder_open(struct folder *f, const char *path, struct tally_err *err)
{
	f->parent_fd = -1;
	f->path = tally_strdup(path);
	f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd < 0 ? tally_err_sys(err, "%s", path) : 0;
}

static void
forget_parent(struct folder *f)
{
	if (f->parent_fd >= 0)
		close(f->parent_fd);
	f->parent_fd = -1;
}

void
folder_close(struct folder *f)
{
	forget_parent(f);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	free(f->path);
	f->path = NULL;
}

/* What errno of an open says about what is there. */
static enum found
judge(struct folder *f, const char *name, struct tally_err *err)
{
	if (errno == ENOENT)
		return ABSENT;
	if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO || errno == EISDIR)
		return STRANGE;
	(void)tally_err_sys(err, "%s/%s", f->path, name);
	return BROKEN;
}

/* Opens `name`, one part after another. */
static enum found
walk(struct folder *f, const char *name, int *fd, struct tally_err *err)
{
	int at = f->fd;

	while (*name) {
		size_t n = strcspn(name, "/");
		char part[PATH_ROOM];
		int next;

		TALLY_ASSERT(n < sizeof(part));
		memcpy(part, name, n);
		part[n] = '\0';
		next = openat(at, part, FOLDER_FLAGS);
		if (at != f->fd) {
			int saved = errno;

			close(at);
			errno = saved;
		}
		if (next < 0)
			return judge(f, part, err);
		at = next;
		name += n + (name[n] == '/');
	}
	*fd = at;
	return FOUND;
}

/* Tiles are read in order, so the folder of one is mostly that of the last. */
static enum found
open_parent(struct folder *f, const char *parent, struct tally_err *err)
{
	enum found found;

	if (f->parent_fd >= 0 && strcmp(f->parent, parent) == 0)
		return FOUND;
	forget_parent(f);
	found = walk(f, parent, &f->parent_fd, err);
	if (found == FOUND)
		memcpy(f->parent, parent, strlen(parent) + 1);
	return found;
}

enum found
folder_file(struct folder *f, const char *name, int *fd, struct tally_err *err)
{
	const char *slash = strrchr(name, '/');
	char parent[PATH_ROOM];
	int at = f->fd;
	struct stat st;
	enum found found;

	if (slash) {
		size_t n = (size_t)(slash - name);

		TALLY_ASSERT(n < sizeof(parent));
		memcpy(parent, name, n);
		parent[n] = '\0';
		found = open_parent(f, parent, err);
		if (found != FOUND)
			return found;
		at = f->parent_fd;
		slash++;
	} else {
		slash = name;
	}
	/* Without O_NONBLOCK a FIFO of that name would hold us up for ever. */
	*fd = openat(at, slash, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0)
		return judge(f, name, err);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return FOUND;
	close(*fd);
	return STRANGE;
}

enum found
folder_list(struct folder *f, const char *name, int *fd, struct tally_err *err)
{
	return walk(f, name, fd, err);
}

enum found
folder_read(struct folder *f, const char *name, size_t max, struct tally_buf *out,
	    struct tally_err *err)
{
	enum found found;
	ssize_t got = 1;
	int fd;

	tally_buf_clear(out);
	found = folder_file(f, name, &fd, err);
	if (found != FOUND)
		return found;
	while (got > 0 && out->len <= max) {
		size_t room = max + 1 - out->len, n = room < 65536 ? room : 65536;

		tally_buf_reserve(out, n);
		got = read(fd, out->p + out->len, n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			out->len += (size_t)got;
	}
	if (got < 0) {
		(void)tally_err_sys(err, "%s/%s", f->path, name);
		found = BROKEN;
	}
	close(fd);
	return found;
}
