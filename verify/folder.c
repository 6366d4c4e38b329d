/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of an export, in a folder or in a bundle's archive. In a folder every part of a
 * name is opened without following symbolic links, so nothing outside the export is ever
 * taken for a part of it; the export's own path may be one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "archived.h"
#include "verify_internal.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

int
folder_open(struct folder *f, const struct place *place, struct tally_err *err)
{
	f->parent_fd = -1;
	f->path = tally_strdup(place->path);
	f->archive = place->archive;
	f->prefix = tally_strdup(place->archive ? place->prefix : "");
	f->fd = -1;
	if (f->archive)
		return 0;
	f->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd < 0 ? tally_err_sys(err, "%s", place->path) : 0;
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
	free(f->prefix);
	f->path = NULL;
	f->prefix = NULL;
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

/* A member of the archive, which is there as it was hashed. */
static enum found
find_member(const struct folder *f, const char *name, struct stretch *out)
{
	struct tally_buf full = TALLY_BUF_INIT;
	size_t i;

	tally_buf_addf(&full, "%s%s", f->prefix, name);
	i = archive_find(f->archive, tally_buf_cstr(&full));
	tally_buf_deinit(&full);
	if (i == SIZE_MAX)
		return ABSENT;
	*out = (struct stretch){ f->archive->fd, false, f->archive->at[i],
				 f->archive->at[i] + f->archive->files[i].size };
	return FOUND;
}

enum found
folder_file(struct folder *f, const char *name, struct stretch *out, struct tally_err *err)
{
	const char *slash = strrchr(name, '/');
	char parent[PATH_ROOM];
	int at = f->fd;
	struct stat st;
	enum found found;

	if (f->archive)
		return find_member(f, name, out);
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
	*out = (struct stretch){ openat(at, slash, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
				 true, 0, UINT64_MAX };
	if (out->fd < 0)
		return judge(f, name, err);
	if (fstat(out->fd, &st) == 0 && S_ISREG(st.st_mode))
		return FOUND;
	stretch_close(out);
	return STRANGE;
}

ssize_t
stretch_read(struct stretch *s, void *p, size_t n)
{
	uint64_t left = s->end - s->at;
	ssize_t got;

	n = n < left ? n : (size_t)left;
	if (n == 0)
		return 0;
	do
		got = pread(s->fd, p, n, (off_t)s->at);
	while (got < 0 && errno == EINTR);
	s->at += got > 0 ? (uint64_t)got : 0;
	return got;
}

void
stretch_close(struct stretch *s)
{
	if (s->own && s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

enum found
folder_list(struct folder *f, const char *name, int *fd, struct tally_err *err)
{
	TALLY_ASSERT(!f->archive);
	return walk(f, name, fd, err);
}

enum found
folder_has(struct folder *f, const char *name, struct tally_err *err)
{
	struct tally_buf full = TALLY_BUF_INIT;
	size_t first, end;
	enum found found;
	int fd = -1;

	if (!f->archive) {
		found = walk(f, name, &fd, err);
		if (fd >= 0)
			close(fd);
		return found;
	}
	tally_buf_addf(&full, "%s%s/", f->prefix, name);
	archive_range(f->archive, tally_buf_cstr(&full), &first, &end);
	tally_buf_deinit(&full);
	return first < end ? FOUND : ABSENT;
}

enum found
folder_read(struct folder *f, const char *name, size_t max, struct tally_buf *out,
	    struct tally_err *err)
{
	struct stretch file;
	enum found found;
	ssize_t got = 1;

	tally_buf_clear(out);
	found = folder_file(f, name, &file, err);
	if (found != FOUND)
		return found;
	while (got > 0 && out->len <= max) {
		size_t room = max + 1 - out->len, n = room < 65536 ? room : 65536;

		tally_buf_reserve(out, n);
		got = stretch_read(&file, out->p + out->len, n);
		if (got > 0)
			out->len += (size_t)got;
	}
	if (got < 0) {
		(void)tally_err_sys(err, "%s/%s", f->path, name);
		found = BROKEN;
	}
	stretch_close(&file);
	return found;
}
