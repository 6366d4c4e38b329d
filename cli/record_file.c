/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of recorded events, read through one window. It is somebody else's
 * and may change at any time: no mapping, and every read is bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "record.h"

#define WINDOW (RECORD_LINE_MAX + 1)
#define CHUNK  (256U * 1024)
#define FIRST  4096U /* lines that lie apart are fetched by themselves */

struct record_file {
	int fd;
	uint64_t size;
	uint64_t start; /* offset of the window in the file */
	size_t have, chunk;
	uint8_t window[WINDOW];
};

int
record_file_open(struct record_file **out, const char *path, struct tally_err *err)
{
	struct record_file *f;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	if (fstat(fd, &st) < 0) {
		(void)tally_err_sys(err, "%s", path);
		close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return tally_err_set(err, TALLY_USE,
				     "%s: no regular file; it is read more than once", path);
	}
	f = tally_alloc(sizeof(*f));
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	f->chunk = FIRST;
	*out = f;
	return 0;
}

void
record_file_close(struct record_file *f)
{
	if (!f)
		return;
	close(f->fd);
	free(f);
}

uint64_t
record_file_size(const struct record_file *f)
{
	return f->size;
}

/* Reads up to `room` bytes; fewer only at the end of the file. */
static ssize_t
read_at(const struct record_file *f, uint64_t offset, uint8_t *p, size_t room,
	struct tally_err *err)
{
	size_t got = 0;

	while (got < room) {
		ssize_t n = pread(f->fd, p + got, room - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tally_err_sys(err, "read");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Moves the window to `offset` and keeps what is already there of it. 0 at the end of the file. */
static int
fill(struct record_file *f, uint64_t offset, struct tally_err *err)
{
	bool onward = offset >= f->start && offset <= f->start + f->have;
	size_t kept = 0, room;
	ssize_t n;

	if (onward) {
		kept = (size_t)(f->start + f->have - offset);
		memmove(f->window, f->window + (offset - f->start), kept);
	}
	f->chunk = onward && f->chunk < CHUNK ? f->chunk * 2 : f->chunk;
	f->chunk = onward ? f->chunk : FIRST;
	f->start = offset;
	f->have = kept;
	room = WINDOW - kept < f->chunk ? WINDOW - kept : f->chunk;
	n = read_at(f, offset + kept, f->window + kept, room, err);
	if (n < 0)
		return -1;
	f->have += (size_t)n;
	return n > 0;
}

int
record_file_line(struct record_file *f, uint64_t offset, struct tally_bytes *line, bool *newline,
		 struct tally_err *err)
{
	const uint8_t *begin, *end;
	size_t left = 0;

	for (;;) {
		int more;

		if (offset >= f->start && offset < f->start + f->have) {
			begin = f->window + (offset - f->start);
			left = (size_t)(f->window + f->have - begin);
			end = memchr(begin, '\n', left);
			if (end) {
				*line = tally_bytes(begin, (size_t)(end - begin));
				*newline = true;
				return 1;
			}
			if (left > RECORD_LINE_MAX)
				return tally_err_set(err, TALLY_USE, "a line of more than %u bytes",
						     RECORD_LINE_MAX);
		}
		more = fill(f, offset, err);
		if (more < 0)
			return -1;
		if (!more)
			break;
	}
	*line = tally_bytes(f->window, f->have);
	*newline = false;
	return f->have > 0;
}

int
record_file_hash(struct record_file *f, uint8_t hash[TALLY_HASH], struct tally_err *err)
{
	struct tally_sha256 *h = tally_sha256_new();
	uint64_t offset = 0;
	ssize_t n;

	f->start = 0;
	f->have = 0;
	while ((n = read_at(f, offset, f->window, CHUNK, err)) > 0) {
		tally_sha256_add(h, f->window, (size_t)n);
		offset += (uint64_t)n;
	}
	tally_sha256_end(h, hash);
	tally_sha256_free(h);
	return n < 0 ? -1 : 0;
}
