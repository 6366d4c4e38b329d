/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_FILE_H
#define TALLY_FILE_H
/*
 * Durable files. The calls that can fail on a real disk go through a function
 * table, so that a test can make the n-th of them fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "tally/bytes.h"

struct tally_err;

struct tally_disk {
	void *ctx;
	ssize_t (*write)(void *ctx, int fd, const void *p, size_t n);
	int (*fdatasync)(void *ctx, int fd);
	int (*fsync)(void *ctx, int fd);
	int (*rename)(void *ctx, int fromdir, const char *from, int todir, const char *to);
};
const struct tally_disk *tally_disk_real(void);

/* Temporary file beside it, write, fdatasync, rename, fsync of the folder:
 * after a crash the file holds the old or the new content, whole. What root
 * writes into a folder of somebody else is that one's, as its other files are:
 * secrets of mode 0600, too, which its owner then reads, and could replace
 * anyhow. Where root may not give files away (EPERM, EINVAL) they stay root's,
 * and the folder's owner does not read those.
 * `keep`: the previous content stays as NAME.prev. `dirfd` is an open folder
 * (no AT_FDCWD: it is synced); `name` has no slash. */
int tally_file_replace(const struct tally_disk *disk, int dirfd, const char *name,
		       struct tally_bytes content, mode_t mode, bool keep, struct tally_err *err);
/* Appends. 1 read, 0 no such file, -1 error (TALLY_SYS); more than `max` bytes
 * is an error, and so is anything that is no regular file (symbolic links are
 * not followed). */
int tally_file_read(int dirfd, const char *name, size_t max, struct tally_buf *out,
		    struct tally_err *err);
/* A lock for as long as the descriptor is open; TALLY_HELD where somebody else has it. -1 fails. */
int tally_file_lock(int dirfd, const char *name, struct tally_err *err);
/* A folder made durably (mkdir, fsync of the parent); fine where it exists. */
int tally_dir_make(const char *path, mode_t mode, struct tally_err *err);
/* The folders above `path`, those that are not there. */
int tally_dir_make_above(const char *path, mode_t mode, struct tally_err *err);
/* A new output file of the user's: "-" is standard output. `out` is written
 * whole to a temporary file and renamed, so a failure leaves the old one. */
int tally_output_write(const char *path, struct tally_bytes content, struct tally_err *err);

#endif
