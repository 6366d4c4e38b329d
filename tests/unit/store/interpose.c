/* SPDX-License-Identifier: Apache-2.0 */
/* See interpose.h. System calls are made directly: libc's names are ours here. */
#include "interpose.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include "tally/store.h"

static struct {
	bool on, failed;
	char folder[256];
	unsigned long seen, fail_at;
	enum disk_failure how;
	int error;
} disk;

static bool
is_watched(int fd)
{
	char link[64], target[512];
	ssize_t n;

	if (!disk.on)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	return strncmp(target, disk.folder, strlen(disk.folder)) == 0;
}

/* True where this call is the one that fails. */
static bool
counts(void)
{
	disk.seen++;
	if (disk.fail_at == 0 || disk.seen < disk.fail_at ||
	    (disk.seen > disk.fail_at && disk.how != DISK_DIES))
		return false;
	disk.failed = true;
	return true;
}

static bool
fails(int fd)
{
	int saved = errno;
	bool r = is_watched(fd) && counts();

	errno = saved;
	return r;
}

static int
hook(void *ctx, const char *call)
{
	(void)ctx;
	(void)call;
	/* A refusal is the only manner that this one has. */
	if (!disk.on || disk.how != DISK_REFUSES || !counts())
		return 0;
	errno = disk.error;
	return -1;
}

void
disk_watch(const char *folder, unsigned long n, enum disk_failure how, int error)
{
	memset(&disk, 0, sizeof(disk));
	snprintf(disk.folder, sizeof(disk.folder), "%s", folder);
	disk.fail_at = n;
	disk.how = how;
	disk.error = error;
	disk.on = true;
	tally_store_fault_hook(hook, NULL);
}

unsigned long
disk_unwatch(bool *failed)
{
	tally_store_fault_hook(NULL, NULL);
	disk.on = false;
	*failed = disk.failed;
	return disk.seen;
}

static ssize_t
failing(ssize_t written)
{
	(void)written;
	errno = disk.error;
	return -1;
}

/* How much of `n` the failing call still writes. */
static size_t
part(size_t n)
{
	if (disk.how == DISK_REFUSES || disk.seen > disk.fail_at)
		return 0;
	return disk.how == DISK_TEARS ? n / 2 : n;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at) /* pwrite64 to the linker */
{
	if (fails(fd))
		return failing(part(n) ? syscall(SYS_pwrite64, fd, p, part(n), at) : 0);
	return syscall(SYS_pwrite64, fd, p, n, at);
}

/* The name that LMDB calls; here the headers have renamed it. */
ssize_t plain_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");
ssize_t
plain_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (fails(fd))
		return failing(part(n) ? syscall(SYS_write, fd, p, part(n)) : 0);
	return syscall(SYS_write, fd, p, n);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	if (fails(fd)) {
		int some = (int)part((size_t)n);

		return failing(some ? syscall(SYS_writev, fd, v, some) : 0);
	}
	return syscall(SYS_writev, fd, v, n);
}

int
fdatasync(int fd)
{
	if (fails(fd))
		return (int)failing(disk.how == DISK_LIES ? syscall(SYS_fdatasync, fd) : 0);
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	if (fails(fd))
		return (int)failing(disk.how == DISK_LIES ? syscall(SYS_fsync, fd) : 0);
	return (int)syscall(SYS_fsync, fd);
}

int
msync(void *p, size_t n, int flags)
{
	if (disk.on && counts())
		return (int)failing(0);
	return (int)syscall(SYS_msync, p, n, flags);
}
