/* SPDX-License-Identifier: Apache-2.0 */
/* The real disk behind the table of calls that tests make fail. */
#include <stdio.h>
#include <unistd.h>
#include "tally/file.h"

static ssize_t
real_write(void *ctx, int fd, const void *p, size_t n)
{
	(void)ctx;
	return write(fd, p, n);
}

static int
real_fdatasync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd);
}

static int
real_fsync(void *ctx, int fd)
{
	(void)ctx;
	return fsync(fd);
}

static int
real_rename(void *ctx, int fromdir, const char *from, int todir, const char *to)
{
	(void)ctx;
	return renameat(fromdir, from, todir, to);
}

const struct tally_disk *
tally_disk_real(void)
{
	static const struct tally_disk real = { NULL, real_write, real_fdatasync, real_fsync,
						real_rename };

	return &real;
}
