/* SPDX-License-Identifier: Apache-2.0 */
/* A file of any length through a buffer of fixed size. */
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

#define BUFFER (2 * (TALLY_NOTE_MAX + 4))

int
reader_open(struct reader *r, struct tally_export *x, const char *name, struct tally_err *err)
{
	memset(r, 0, sizeof(*r));
	r->file.fd = -1;
	r->name = name;
	switch (folder_file(&x->folder, name, &r->file, err)) {
	case FOUND:
		r->buffer = tally_alloc(BUFFER);
		r->dir = tally_strdup(x->folder.path);
		return 1;
	case ABSENT:
		problem(x->problems, "missing", x->folder.path, name, "not there");
		break;
	case STRANGE:
		problem(x->problems, "format", x->folder.path, name, "not a regular file");
		break;
	case BROKEN:
		return -1;
	}
	r->file.fd = -1;
	return 0;
}

void
reader_close(struct reader *r)
{
	stretch_close(&r->file);
	free(r->buffer);
	free(r->dir);
	r->buffer = NULL;
	r->dir = NULL;
}

static int
fill(struct reader *r, struct tally_err *err)
{
	ssize_t got;

	memmove(r->buffer, r->buffer + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	got = stretch_read(&r->file, r->buffer + r->len, BUFFER - r->len);
	if (got < 0)
		return tally_err_sys(err, "%s/%s", r->dir, r->name);
	r->len += (size_t)got;
	r->end = got == 0;
	return 0;
}

int
reader_take(struct reader *r, size_t n, const uint8_t **p, size_t *left, struct tally_err *err)
{
	TALLY_ASSERT(n <= BUFFER / 2);
	while (r->len - r->at < n && !r->end)
		if (fill(r, err) < 0)
			return -1;
	*left = r->len - r->at;
	if (*left < n)
		return 0;
	*p = r->buffer + r->at;
	r->at += n;
	return 1;
}
