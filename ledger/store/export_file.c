/* SPDX-License-Identifier: Apache-2.0 */
/* The files of an export: made once, never replaced, folders as needed. What is
 * below private/ is the owner's alone. The whole is synced at the end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export_internal.h"
#include "tally/file.h"

static bool
is_private(const char *path)
{
	return strncmp(path, "private/", strlen("private/")) == 0;
}

static int
make_folders(struct store_export *x, const char *path, struct tally_err *err)
{
	char part[TALLY_TILE_PATH + 32];
	mode_t mode = is_private(path) ? 0700 : 0755;

	TALLY_ASSERT(strlen(path) < sizeof(part));
	for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
		size_t len = (size_t)(slash - path);

		memcpy(part, path, len);
		part[len] = '\0';
		if ((store_fault("mkdir") < 0 || mkdirat(x->dirfd, part, mode) < 0) &&
		    errno != EEXIST)
			return tally_err_sys(err, "%s", part);
	}
	return 0;
}

int
export_open(struct store_export *x, const char *path, struct tally_err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	mode_t mode = is_private(path) ? 0600 : 0644;
	int fd = store_fault("open") < 0 ? -1 : openat(x->dirfd, path, flags, mode);

	if (fd < 0 && errno == ENOENT) {
		if (make_folders(x, path, err) < 0)
			return -1;
		fd = openat(x->dirfd, path, flags, mode);
	}
	return fd < 0 ? tally_err_sys(err, "%s", path) : fd;
}

int
export_append(int fd, const char *path, struct tally_bytes content, struct tally_err *err)
{
	const struct tally_disk *disk = store_disk();

	while (content.len > 0) {
		ssize_t n = disk->write(disk->ctx, fd, content.p, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return tally_err_sys(err, "%s: write", path);
		}
		content = tally_bytes(content.p + n, content.len - (size_t)n);
	}
	return 0;
}

int
export_file(struct store_export *x, const char *path, struct tally_bytes content,
	    struct tally_err *err)
{
	int fd = export_open(x, path, err), r;

	if (fd < 0)
		return -1;
	r = export_append(fd, path, content, err);
	if (close(fd) < 0 && r == 0)
		r = tally_err_sys(err, "%s: close", path);
	return r;
}
