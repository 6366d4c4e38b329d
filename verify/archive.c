/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a bundle's archive. No name, size or offset in it is believed: members must lie
 * one behind the other from the first byte to the directory, the directory must end where
 * the archive does, names must ascend, and each header must be, byte for byte, the one
 * that follows from name, size and CRC. Memory: the directory (bounded) and one buffer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tally/zip.h"
#include "archived.h"
#include "verify_internal.h"

#define DIRECTORY_MAX (UINT32_C(32) << 20)
#define RECORD_MIN    47 /* bytes of a record of the directory */
#define CHUNK         (UINT32_C(128) << 10)

/* While it is opened. */
struct opening {
	struct archive *a;
	struct problems *problems;
	const char *path;
	uint64_t size, pos; /* of the archive; where the next member begins */
	struct tally_zip_end end;
	struct tally_buf directory, made, piece;
	struct tally_sha256 *hash;
};

#define TELL(o, file, ...) (problem((o)->problems, "bundle", (o)->path, file, __VA_ARGS__), 0)

/* All of n bytes. 1, 0 where the file is shorter, -1. */
static int
pull(int fd, void *p, size_t n, uint64_t at, struct tally_err *err)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (uint8_t *)p + got, n - got, (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return tally_err_sys(err, "read");
		if (r == 0)
			return 0;
		got += (size_t)r;
	}
	return 1;
}

bool
archive_recognised(int fd, uint64_t size)
{
	static const uint8_t begin[] = { 'P', 'K', 3, 4 }, end[] = { 'P', 'K', 5, 6 };
	uint8_t first[4] = { 0 }, last[4] = { 0 };
	struct tally_err ignored = TALLY_ERR_INIT;

	return size >= 22 && pull(fd, first, 4, 0, &ignored) > 0 &&
	       pull(fd, last, 4, size - 22, &ignored) > 0 &&
	       (memcmp(first, begin, 4) == 0 || memcmp(last, end, 4) == 0);
}

/* The end says where the directory lies. */
static int
read_end(struct opening *o, struct tally_err *err)
{
	size_t n = o->size < TALLY_ZIP_TAIL ? (size_t)o->size : TALLY_ZIP_TAIL;
	struct tally_err bad = TALLY_ERR_INIT;
	uint8_t tail[TALLY_ZIP_TAIL];
	int r = pull(o->a->fd, tail, n, o->size - n, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return TELL(o, NULL, "it became shorter");
	if (tally_zip_read_end(&o->end, tally_bytes(tail, n), &bad) < 0)
		return TELL(o, NULL, "%s", bad.text);
	tally_zip_end(&o->made, o->end.count, o->end.at, o->end.size);
	if (o->end.size > o->size || o->end.at > o->size - o->end.size ||
	    o->size - o->end.size - o->end.at != o->made.len)
		return TELL(o, NULL,
			    "its directory does not lie before its end: something stands before "
			    "the archive, behind it, or in it");
	if (o->end.size > DIRECTORY_MAX || o->end.count > o->end.size / RECORD_MIN)
		return TELL(o, NULL, "a directory of %" PRIu64 " bytes for %" PRIu64 " members",
			    o->end.size, o->end.count);
	return 1;
}

/* One record of the directory: the next member in order and place. */
static int
take_record(struct opening *o, size_t i, size_t *at, char **name)
{
	struct archive *a = o->a;
	struct tally_err bad = TALLY_ERR_INIT;
	struct tally_zip_member m;
	struct tally_bytes text;
	bool last = i + 1 == o->end.count;
	int order;

	if (tally_zip_read_central(&m, &text, tally_buf_view(&o->directory), at, &bad) < 0)
		return TELL(o, NULL, "%s", bad.text);
	memcpy(*name, text.p, text.len);
	a->files[i].name = *name;
	*name += text.len + 1;
	order = i == 0 ? 1 : strcmp(a->files[i].name, a->files[i - 1].name);
	if (order == 0 || (!last && strcmp(a->files[i].name, ARCHIVE_MANIFEST) == 0))
		return TELL(o, a->files[i].name, "stands there twice, or in another's place");
	if (last && strcmp(a->files[i].name, ARCHIVE_MANIFEST) != 0)
		return TELL(o, ARCHIVE_MANIFEST, "is not the last member");
	if (order < 0 && !last)
		return TELL(o, a->files[i].name, "its name does not come behind the one before");
	if (m.at != o->pos)
		return TELL(o, a->files[i].name, "does not begin where the one before it ends");
	m.name = a->files[i].name;
	tally_buf_clear(&o->made);
	tally_zip_local(&o->made, &m);
	if (o->made.len > o->end.at - o->pos || m.size > o->end.at - o->pos - o->made.len)
		return TELL(o, m.name, "is longer than what is there");
	a->files[i].size = m.size;
	a->at[i] = o->pos + o->made.len;
	o->pos = a->at[i] + m.size;
	return 1;
}

/* All of the directory; the CRCs stay in it until the members are read. */
static int
read_directory(struct opening *o, struct tally_err *err)
{
	size_t n = (size_t)o->end.count, at = 0;
	struct archive *a = o->a;
	char *name;
	int r = pull(a->fd, tally_buf_grow(&o->directory, (size_t)o->end.size), (size_t)o->end.size,
		     o->end.at, err);

	if (r <= 0)
		return r < 0 ? -1 : TELL(o, NULL, "it became shorter");
	a->files = tally_alloc((n + 1) * sizeof(*a->files));
	a->at = tally_alloc((n + 1) * sizeof(*a->at));
	/* A record is longer than its name and a NUL. */
	name = a->names = tally_alloc(o->directory.len + 1);
	for (; a->count < n; a->count++)
		if ((r = take_record(o, a->count, &at, &name)) <= 0)
			return r;
	if (n == 0)
		return TELL(o, ARCHIVE_MANIFEST, "not there");
	if (at != o->directory.len)
		return TELL(o, NULL, "bytes are left over in its directory");
	if (o->pos != o->end.at)
		return TELL(o, NULL, "something stands between its members and its directory");
	return 1;
}

/* A member's header and content, each byte once. */
static int
read_member(struct opening *o, size_t i, size_t *at, struct tally_err *err)
{
	struct tally_bundle_file *file = &o->a->files[i];
	struct tally_err never = TALLY_ERR_INIT;
	struct tally_zip_member m;
	struct tally_bytes text;
	uint64_t left = file->size;
	uint32_t crc = 0;
	int r;

	TALLY_ASSERT(tally_zip_read_central(&m, &text, tally_buf_view(&o->directory), at, &never) ==
		     0);
	m.name = file->name;
	tally_buf_clear(&o->made);
	tally_zip_local(&o->made, &m);
	r = pull(o->a->fd, o->piece.p, o->made.len, m.at, err);
	if (r > 0 && memcmp(o->piece.p, o->made.p, o->made.len) != 0)
		return TELL(o, file->name, "its header is not what the directory says of it");
	while (r > 0 && left > 0) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		r = pull(o->a->fd, o->piece.p, n, o->a->at[i] + file->size - left, err);
		if (r > 0) {
			crc = tally_crc32(crc, o->piece.p, n);
			tally_sha256_add(o->hash, o->piece.p, n);
		}
		left -= n;
	}
	if (r <= 0)
		return r < 0 ? -1 : TELL(o, file->name, "it became shorter");
	tally_sha256_end(o->hash, file->sha256);
	return crc == m.crc ? 1 : TELL(o, file->name, "damaged: its CRC is another one");
}

/* The manifest is made again from what was read. Where it says something else, by which
 * member that is. */
static int
check_manifest(struct opening *o, struct tally_err *err)
{
	struct tally_buf is = TALLY_BUF_INIT;
	size_t n = o->a->count - 1, same = 0, member = 0;
	uint8_t hash[TALLY_HASH];
	const uint8_t *p;

	tally_buf_clear(&o->made);
	tally_bundle_manifest(&o->made, o->a->files, n);
	tally_sha256(hash, tally_buf_view(&o->made));
	if (memcmp(hash, o->a->files[n].sha256, TALLY_HASH) == 0)
		return 1;
	if (o->a->files[n].size > DIRECTORY_MAX * UINT64_C(4))
		return TELL(o, ARCHIVE_MANIFEST, "too long for what is there");
	if (archive_read(o->a, n, &is, err) < 0) {
		tally_buf_deinit(&is);
		return -1;
	}
	while (same < is.len && same < o->made.len && is.p[same] == o->made.p[same])
		same++;
	p = o->made.p;
	while ((p = memmem(p, (size_t)(o->made.p + same - p), "\"name\"", 6)) != NULL) {
		member++;
		p += 6;
	}
	tally_buf_deinit(&is);
	return TELL(o, member > 0 ? o->a->files[member - 1].name : ARCHIVE_MANIFEST,
		    "is not what the manifest says");
}

static int
open_all(struct opening *o, struct tally_err *err)
{
	size_t at = 0;
	int r = read_end(o, err);

	if (r > 0)
		r = read_directory(o, err);
	tally_buf_reserve(&o->piece, CHUNK);
	for (size_t i = 0; r > 0 && i < o->a->count; i++)
		r = read_member(o, i, &at, err);
	return r > 0 ? check_manifest(o, err) : r;
}

int
archive_open(struct archive **out, int fd, const char *path, struct problems *problems,
	     struct tally_err *err)
{
	struct opening o = { .problems = problems, .path = path, .hash = tally_sha256_new() };
	struct stat st;
	int r;

	o.a = tally_alloc(sizeof(*o.a));
	o.a->fd = fd;
	if (fstat(fd, &st) < 0) {
		r = tally_err_sys(err, "%s", path);
	} else {
		o.size = (uint64_t)st.st_size;
		r = open_all(&o, err);
		if (r < 0)
			(void)tally_err_prefix(err, "%s", path);
	}
	tally_buf_deinit(&o.directory);
	tally_buf_deinit(&o.made);
	tally_buf_deinit(&o.piece);
	tally_sha256_free(o.hash);
	if (r > 0) {
		*out = o.a;
		return 1;
	}
	archive_close(o.a);
	return r;
}

void
archive_close(struct archive *a)
{
	if (!a)
		return;
	close(a->fd);
	free(a->files);
	free(a->at);
	free(a->names);
	free(a);
}

/* The first member whose name is not less than this one; the manifest is not among them. */
static size_t
lower_bound(const struct archive *a, const char *name)
{
	size_t from = 0, to = a->count - 1;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(a->files[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

size_t
archive_find(const struct archive *a, const char *name)
{
	size_t i = lower_bound(a, name);

	return i + 1 < a->count && strcmp(a->files[i].name, name) == 0 ? i : SIZE_MAX;
}

void
archive_range(const struct archive *a, const char *prefix, size_t *first, size_t *end)
{
	size_t n = strlen(prefix);

	*first = *end = lower_bound(a, prefix);
	while (*end + 1 < a->count && strncmp(a->files[*end].name, prefix, n) == 0)
		++*end;
}

int
archive_read(const struct archive *a, size_t member, struct tally_buf *out, struct tally_err *err)
{
	const struct tally_bundle_file *file = &a->files[member];
	size_t before = out->len, n = (size_t)file->size;
	uint8_t hash[TALLY_HASH];
	int r = pull(a->fd, tally_buf_grow(out, n), n, a->at[member], err);

	if (r < 0)
		return -1;
	tally_sha256(hash, tally_bytes(out->p + before, n));
	if (r > 0 && memcmp(hash, file->sha256, TALLY_HASH) == 0)
		return 0;
	return tally_err_set(err, TALLY_FAILS, "%s: changed while it was read", file->name);
}
