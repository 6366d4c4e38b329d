/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_VERIFY_ARCHIVED_H
#define TALLY_VERIFY_ARCHIVED_H
/*
 * The ZIP archive that a bundle is (FORMAT.md section 27). Opened, it is known to the last
 * byte: every header was made again and compared, every member hashed once. What is read
 * of it later is read in place; nothing is unpacked, so nothing can swell.
 */
#include "tally/bundle.h"
#include "tally/bytes.h"

struct problems;

struct archive {
	int fd;
	struct tally_bundle_file *files; /* ascending by name, behind them the manifest */
	uint64_t *at;                    /* where the content of each begins */
	size_t count;
	char *names;
};
/* Whether these are the first or the last bytes of an archive, be one of them damaged. */
bool archive_recognised(int fd, uint64_t size);
/* Takes the descriptor. 1 whole, 0 a problem was told (check `bundle`), -1. */
int archive_open(struct archive **out, int fd, const char *path, struct problems *problems,
		 struct tally_err *err);
void archive_close(struct archive *a);
/* The index of a member, or SIZE_MAX. */
size_t archive_find(const struct archive *a, const char *name);
/* Members below `prefix`: the first one, and one behind the last. */
void archive_range(const struct archive *a, const char *prefix, size_t *first, size_t *end);
/* A member whole, hashed again: TALLY_FAILS where it changed since. */
int archive_read(const struct archive *a, size_t member, struct tally_buf *out,
		 struct tally_err *err);
#define ARCHIVE_MANIFEST "manifest.json"

#endif
