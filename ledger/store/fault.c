/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test hook: called before each call of the store that changes the disk.
 * LMDB's own system calls are failed from outside, by a test that interposes
 * them.
 */
#include <errno.h>
#include <stdio.h>
#include "store_internal.h"
#include "tally/file.h"

static int (*fault_hook)(void *ctx, const char *call);
static void *fault_ctx;

void
tally_store_fault_hook(int (*hook)(void *ctx, const char *call), void *ctx)
{
	fault_hook = hook;
	fault_ctx = ctx;
}

int
store_fault(const char *call)
{
	if (!fault_hook)
		return 0;
	errno = EIO;
	return fault_hook(fault_ctx, call);
}

static ssize_t
hooked_write(void *ctx, int fd, const void *p, size_t n)
{
	const struct tally_disk *real = tally_disk_real();

	(void)ctx;
	return store_fault("write") < 0 ? -1 : real->write(real->ctx, fd, p, n);
}

static int
hooked_fdatasync(void *ctx, int fd)
{
	const struct tally_disk *real = tally_disk_real();

	(void)ctx;
	return store_fault("fdatasync") < 0 ? -1 : real->fdatasync(real->ctx, fd);
}

static int
hooked_fsync(void *ctx, int fd)
{
	const struct tally_disk *real = tally_disk_real();

	(void)ctx;
	return store_fault("fsync") < 0 ? -1 : real->fsync(real->ctx, fd);
}

static int
hooked_rename(void *ctx, int fromdir, const char *from, int todir, const char *to)
{
	const struct tally_disk *real = tally_disk_real();

	(void)ctx;
	return store_fault("rename") < 0 ? -1 : real->rename(real->ctx, fromdir, from, todir, to);
}

const struct tally_disk *
store_disk(void)
{
	static const struct tally_disk hooked = { NULL, hooked_write, hooked_fdatasync,
						  hooked_fsync, hooked_rename };

	return &hooked;
}
