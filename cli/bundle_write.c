/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive of a bundle (FORMAT.md section 27). The same members give the same bytes. A
 * file is read twice, once for its hash and CRC, which stand before it, and once more into
 * the archive; it must not have changed between. The new file is its owner's alone: it
 * holds names and salts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/bundle.h"
#include "tally/entry.h"
#include "tally/zip.h"
#include "bundle.h"
#include "cli.h"

#define CHUNK (UINT32_C(1) << 20)

struct writer {
	int fd;
	uint64_t at;
	struct tally_buf directory, header;
	struct tally_bundle_file *files;
	struct tally_sha256 *hash;
	uint8_t *piece;
};

static int
put(struct writer *w, struct tally_bytes b, struct tally_err *err)
{
	w->at += b.len;
	while (b.len > 0) {
		ssize_t n = write(w->fd, b.p, b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tally_err_sys(err, "write");
		b = tally_bytes(b.p + n, b.len - (size_t)n);
	}
	return 0;
}

/* One pass over a file; `into` NULL: only size and CRC, and the hash, which goes on. */
static int
read_file(struct writer *w, const char *path, struct writer *into, struct tally_zip_member *m,
	  struct tally_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = 0;
	ssize_t n;

	if (fd < 0)
		return tally_err_sys(err, "%s", path);
	m->size = 0;
	m->crc = 0;
	while (status == 0 && (n = read(fd, w->piece, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			status = tally_err_sys(err, "%s", path);
			break;
		}
		m->size += (size_t)n;
		m->crc = tally_crc32(m->crc, w->piece, (size_t)n);
		if (into)
			status = put(into, tally_bytes(w->piece, (size_t)n), err);
		else
			tally_sha256_add(w->hash, w->piece, (size_t)n);
	}
	close(fd);
	return status;
}

static int
put_header(struct writer *w, struct tally_zip_member *m, struct tally_err *err)
{
	m->at = w->at;
	tally_zip_central(&w->directory, m);
	tally_buf_clear(&w->header);
	tally_zip_local(&w->header, m);
	return put(w, tally_buf_view(&w->header), err);
}

static int
put_content(struct writer *w, const char *name, struct tally_bytes content, size_t i,
	    struct tally_err *err)
{
	struct tally_zip_member m = { .name = name, .size = content.len };

	m.crc = tally_crc32(0, content.p, content.len);
	w->files[i].name = name;
	w->files[i].size = content.len;
	tally_sha256(w->files[i].sha256, content);
	return put_header(w, &m, err) < 0 ? -1 : put(w, content, err);
}

static int
put_file(struct writer *w, const struct bundle_item *item, size_t i, struct tally_err *err)
{
	struct tally_zip_member m = { .name = item->name }, again;

	if (read_file(w, item->path, NULL, &m, err) < 0)
		return -1;
	w->files[i].name = item->name;
	w->files[i].size = m.size;
	tally_sha256_end(w->hash, w->files[i].sha256);
	if (put_header(w, &m, err) < 0 || read_file(w, item->path, w, &again, err) < 0)
		return -1;
	if (again.size != m.size || again.crc != m.crc)
		return tally_err_set(err, TALLY_FAILS, "%s: changed while it was read", item->path);
	return 0;
}

static int
put_all(struct writer *w, const struct bundle_items *items, struct tally_err *err)
{
	struct tally_buf manifest = TALLY_BUF_INIT;
	struct cli_progress progress;
	int status = 0;

	cli_progress_begin(&progress, "bundle: files");
	for (size_t i = 0; i < items->n && status == 0; i++) {
		const struct bundle_item *item = &items->p[i];

		status = item->path ? put_file(w, item, i, err)
				    : put_content(w, item->name, tally_buf_view(&item->content), i,
						  err);
		cli_progress_show(&progress, i, items->n);
	}
	cli_progress_end(&progress);
	if (status == 0) {
		tally_bundle_manifest(&manifest, w->files, items->n);
		status = put_content(w, "manifest.json", tally_buf_view(&manifest), items->n, err);
	}
	if (status == 0) {
		tally_buf_clear(&w->header);
		tally_zip_end(&w->header, items->n + 1, w->at, w->directory.len);
		status = put(w, tally_buf_view(&w->directory), err);
	}
	if (status == 0)
		status = put(w, tally_buf_view(&w->header), err);
	tally_buf_deinit(&manifest);
	return status;
}

/* Behind the last byte: the file stands, under its name. */
static int
settle(struct writer *w, const char *temporary, const char *out, struct tally_err *err)
{
	if (fdatasync(w->fd) < 0)
		return tally_err_sys(err, "%s: sync", out);
	if (rename(temporary, out) < 0)
		return tally_err_sys(err, "%s: rename", out);
	return 0;
}

int
bundle_write(struct bundle_items *items, const char *out, struct tally_err *err)
{
	struct writer w = { .hash = tally_sha256_new(), .piece = tally_alloc(CHUNK) };
	struct tally_buf temporary = TALLY_BUF_INIT;
	int status = bundle_settle(items, err);

	w.files = tally_alloc((items->n + 1) * sizeof(*w.files));
	tally_buf_addf(&temporary, "%s.XXXXXX", out);
	(void)tally_buf_cstr(&temporary);
	w.fd = status < 0 ? -1 : mkostemp((char *)temporary.p, O_CLOEXEC);
	if (status == 0 && w.fd < 0)
		status = tally_err_sys(err, "%s", out);
	if (status == 0 && (status = put_all(&w, items, err)) == 0)
		status = settle(&w, (const char *)temporary.p, out, err);
	if (w.fd >= 0)
		close(w.fd);
	if (w.fd >= 0 && status < 0)
		unlink((const char *)temporary.p);
	tally_buf_deinit(&temporary);
	tally_buf_deinit(&w.directory);
	tally_buf_deinit(&w.header);
	tally_sha256_free(w.hash);
	free(w.files);
	free(w.piece);
	return status;
}
