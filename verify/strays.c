/* SPDX-License-Identifier: Apache-2.0 */
/* Names under tile/ and private/ that the tree does not ask for: a file nobody
 * checks could be taken for a part of the evidence. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "archived.h"
#include "verify_internal.h"

#define DEPTH 12

/* A tile of this tree, or a narrower one of the same number. */
static bool
tile_belongs(const struct tally_export *x, const char *path)
{
	static const char payload[] = "private/payload/";
	size_t prefix = sizeof(payload) - 1;
	struct tally_err err = TALLY_ERR_INIT;
	unsigned width;
	uint64_t n;
	int level;

	if (strncmp(path, payload, prefix) == 0) {
		if (tally_tile_parse(path + prefix, &level, &n, &width, &err) < 0 || level != -2)
			return false;
	} else if (tally_tile_parse(path, &level, &n, &width, &err) < 0 || level == -2) {
		return false;
	}
	return width <= tally_tile_width(x->size, level > 0 ? (unsigned)level : 0, n);
}

static bool
file_belongs(const struct tally_export *x, const char *path)
{
	return strcmp(path, "private/format") == 0 || strcmp(path, "private/notes") == 0 ||
	       strcmp(path, "private/evidence") == 0 || tile_belongs(x, path);
}

static int list(struct tally_export *x, int fd, const char *path, unsigned depth,
		struct tally_err *err);

/* One name: a folder is gone into, a file must belong. */
static int
look(struct tally_export *x, int at, const char *path, const char *name, unsigned depth,
     struct tally_err *err)
{
	char full[PATH_ROOM];
	struct stat st;
	int fd;

	if (snprintf(full, sizeof(full), "%s/%s", path, name) >= (int)sizeof(full) ||
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (S_ISDIR(st.st_mode) ? depth == DEPTH
				 : !S_ISREG(st.st_mode) || !file_belongs(x, full))) {
		problem(x->problems, "format", x->folder.path, full, "does not belong there");
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 1;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return tally_err_sys(err, "%s/%s", x->folder.path, full);
	return list(x, fd, full, depth + 1, err);
}

/* The number of names, -1. An empty folder does not belong either. */
static int
list(struct tally_export *x, int fd, const char *path, unsigned depth, struct tally_err *err)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int r = 0, any = 0;

	if (!d) {
		close(fd);
		return tally_err_sys(err, "%s/%s", x->folder.path, path);
	}
	while (r >= 0 && x->problems->count < PROBLEMS_MAX && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = look(x, dirfd(d), path, e->d_name, depth, err);
		any = 1;
	}
	closedir(d);
	if (r >= 0 && !any)
		problem(x->problems, "format", x->folder.path, path, "an empty folder");
	return r < 0 ? -1 : 0;
}

/* In an archive every name is one of the export's own, and no tile has a narrower one. */
static bool
member_belongs(const struct tally_export *x, const char *path)
{
	static const char payload[] = "private/payload/";
	size_t prefix = strncmp(path, payload, sizeof(payload) - 1) == 0 ? sizeof(payload) - 1 : 0;
	struct tally_err err = TALLY_ERR_INIT;
	unsigned width;
	uint64_t n;
	int level;

	if (strcmp(path, "checkpoint") == 0 || strcmp(path, "vkey") == 0)
		return true;
	if (!file_belongs(x, path))
		return false;
	return tally_tile_parse(path + prefix, &level, &n, &width, &err) < 0 ||
	       width == tally_tile_width(x->size, level > 0 ? (unsigned)level : 0, n);
}

static int
check_members(struct tally_export *x)
{
	const struct archive *a = x->folder.archive;
	size_t skip = strlen(x->folder.prefix), i, end;

	for (archive_range(a, x->folder.prefix, &i, &end); i < end; i++)
		if (!member_belongs(x, a->files[i].name + skip))
			problem(x->problems, "format", x->folder.path, a->files[i].name + skip,
				"does not belong there");
	return 0;
}

int
strays_check(struct tally_export *x, struct tally_err *err)
{
	static const char *const roots[] = { "tile", "private" };

	if (x->folder.archive)
		return check_members(x);
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		int fd;

		switch (folder_list(&x->folder, roots[i], &fd, err)) {
		case FOUND:
			if (list(x, fd, roots[i], 0, err) < 0)
				return -1;
			break;
		case BROKEN:
			return -1;
		case STRANGE:
			problem(x->problems, "format", x->folder.path, roots[i], "not a folder");
			break;
		case ABSENT:
			break;
		}
	}
	return 0;
}
