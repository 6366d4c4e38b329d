/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer: a flock on `lock`, which holds the holder's pid and a newline.
 * The kernel releases it with its holder, so a lock of a dead process is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/parse.h"

/* What the file says, 0 where it says nothing (the holder is just starting). */
static uint64_t
read_pid(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t pid;

	if (n < 2 || text[n - 1] != '\n' || !tally_parse_u64(&pid, text, (size_t)n - 1, UINT32_MAX))
		return 0;
	return pid;
}

/* Over the old text, then cut: a file that has its block needs no space. */
static int
write_pid(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (store_fault("write") < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return -1;
	return ftruncate(fd, len);
}

int
store_lock(struct tally_store *s, struct tally_err *err)
{
	int fd = openat(s->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint64_t pid;

	if (fd < 0)
		return tally_err_sys(err, "lock");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int saved = errno;

		pid = read_pid(fd);
		close(fd);
		errno = saved;
		if (saved != EWOULDBLOCK)
			return tally_err_sys(err, "lock");
		if (pid == 0)
			return tally_err_set(err, TALLY_HELD, "held by another process");
		return tally_err_set(err, TALLY_HELD, "held by process %llu",
				     (unsigned long long)pid);
	}
	s->lockfd = fd; /* held from here on, also where the pid cannot be written */
	return write_pid(fd) < 0 ? tally_err_sys(err, "lock: write") : 0;
}

bool
store_is_held(int dirfd)
{
	int fd = openat(dirfd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool held;

	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}
