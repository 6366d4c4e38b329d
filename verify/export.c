/* SPDX-License-Identifier: Apache-2.0 */
/* An export as a whole: which files there must be, in which order they are
 * looked at, and what is kept of them so that they can be read again safely. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tally/parse.h"
#include "verify_internal.h"

static const char format_line[] = "tallystick-export 1\n";

void
export_tile_name(char out[PATH_ROOM], int level, uint64_t n, unsigned width)
{
	static const char payload[] = "private/payload/";
	size_t before = level == LEVEL_PAYLOAD ? sizeof(payload) - 1 : 0;

	memcpy(out, payload, before);
	tally_tile_path(out + before, level == LEVEL_PAYLOAD ? -2 : level, n, width);
}

int
export_read(struct tally_export *x, const char *name, size_t size, bool exact,
	    struct tally_buf *out, struct tally_err *err)
{
	const char *dir = x->folder.path;

	switch (folder_read(&x->folder, name, size, out, err)) {
	case ABSENT:
		problem(x->problems, "missing", dir, name, "not there");
		return 0;
	case STRANGE:
		problem(x->problems, "format", dir, name, "not a regular file");
		return 0;
	case BROKEN:
		return -1;
	case FOUND:
		break;
	}
	if (out->len > size || (exact && out->len != size)) {
		problem(x->problems, "format", dir, name, "%s than %zu bytes",
			out->len > size ? "longer" : "shorter", size);
		return 0;
	}
	return 1;
}

/* One narrower tile; `name` is its number. */
static int
check_narrower(struct tally_export *x, const char *name, struct tally_bytes prefix,
	       const char *check, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	int r = export_read(x, name, prefix.len, true, &file, err);

	if (r > 0 && !tally_bytes_eq(tally_buf_view(&file), prefix))
		problem(x->problems, check, x->folder.path, name,
			"not the beginning of the wider one");
	tally_buf_deinit(&file);
	return r < 0 ? -1 : 0;
}

int
export_narrower(struct tally_export *x, int level, uint64_t n, unsigned width,
		struct tally_bytes content, const size_t *ends, const char *check,
		struct tally_err *err)
{
	char name[PATH_ROOM];
	struct dirent *d;
	uint64_t w;
	DIR *list;
	int fd, r = 0;
	enum found found;

	if (x->folder.archive) /* which has none: they would be strays */
		return 0;
	export_tile_name(name, level, n, TILE);
	memcpy(name + strlen(name), ".p", 3);
	found = folder_list(&x->folder, name, &fd, err);
	if (found != FOUND)
		return found == BROKEN ? -1 : 0; /* what is strange is told with the strays */
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return tally_err_sys(err, "%s/%s", x->folder.path, name);
	}
	while (r == 0 && (d = readdir(list)) != NULL) {
		/* Other names are strays. */
		if (!tally_parse_u64(&w, d->d_name, strlen(d->d_name), width - 1) || w == 0)
			continue;
		export_tile_name(name, level, n, (unsigned)w);
		r = check_narrower(x, name, tally_bytes(content.p, ends[w]), check, err);
	}
	closedir(list);
	return r;
}

void
export_digest(uint8_t out[TALLY_HASH], struct tally_bytes entries, struct tally_bytes payload)
{
	struct tally_sha256 *hash = tally_sha256_new();
	uint8_t length[8];

	tally_put_u64(length, entries.len);
	tally_sha256_add(hash, length, sizeof(length));
	tally_sha256_add(hash, entries.p, entries.len);
	tally_sha256_add(hash, payload.p, payload.len);
	tally_sha256_end(hash, out);
	tally_sha256_free(hash);
}

static int
check_format(struct tally_export *x, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	int r = export_read(x, "private/format", sizeof(format_line) - 1, false, &file, err);

	if (r > 0 && !tally_bytes_eq(tally_buf_view(&file), tally_bytes_str(format_line)))
		problem(x->problems, "format", x->folder.path, "private/format",
			"not the format that this version knows");
	tally_buf_deinit(&file);
	return r < 0 ? -1 : 0;
}

/* Everything behind the checkpoint. */
static int
check_inside(struct tally_export *x, const struct anchors *anchors, struct tally_bytes checkpoint,
	     struct tally_err *err)
{
	struct session session = { 0 };
	struct history *history = NULL;
	int r = 0;

	if (x->private)
		r = history_open(&history, x, &session, checkpoint, err);
	if (r == 0)
		r = tree_check(x, anchors, history, &session, err);
	if (session.unsafe > 0)
		remark(x->problems,
		       "%s: %" PRIu64 " quotes were made while the TPM's clock was not safe",
		       x->folder.path, session.unsafe);
	anchored_end(x);
	history_free(history);
	sessions_deinit(&session);
	if (r == 0)
		r = strays_check(x, err);
	return r;
}

static int
check(struct tally_export *x, const struct anchors *anchors, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	size_t before = x->problems->count;
	enum found found;
	int r;

	found = folder_has(&x->folder, "private", err);
	if (found == BROKEN)
		return -1;
	x->private = found == FOUND;
	if (found == STRANGE)
		problem(x->problems, "format", x->folder.path, "private", "not a folder");
	r = checkpoint_check(x, anchors, &file, err);
	if (r >= 0 && x->private && check_format(x, err) < 0)
		r = -1;
	/* A checkpoint that nobody signed says nothing about the rest. */
	if (r > 0)
		r = check_inside(x, anchors, tally_buf_view(&file), err);
	tally_buf_deinit(&file);
	x->sound = r == 0 && x->problems->count == before;
	if (r == 0 && witnessed_end(x, x->sound, err) < 0)
		r = -1;
	x->sound = x->sound && x->problems->count == before;
	x->anchors = NULL;
	return r < 0 ? -1 : 0;
}

int
export_check(struct tally_export **out, const struct place *place, const struct anchors *anchors,
	     struct problems *problems, struct tally_err *err)
{
	struct tally_export *x = tally_alloc(sizeof(*x));

	x->problems = problems ? problems : &x->own;
	x->anchors = anchors;
	if (folder_open(&x->folder, place, err) < 0 || check(x, anchors, err) < 0) {
		tally_export_close(x);
		return -1;
	}
	*out = x;
	return 0;
}

void
tally_export_close(struct tally_export *x)
{
	if (!x)
		return;
	folder_close(&x->folder);
	problems_deinit(&x->own);
	tally_buf_deinit(&x->transport);
	tally_buf_deinit(&x->prev_origin);
	tally_buf_deinit(&x->enrolled.ek);
	tally_buf_deinit(&x->enrolled.ak);
	tally_buf_deinit(&x->enrolled.before);
	for (size_t i = 0; i < 2; i++)
		tally_buf_deinit(&x->enrolled.passed[i]);
	tally_buf_deinit(&x->enrolled.asset);
	tally_buf_deinit(&x->enrolled.nv);
	anchored_deinit(&x->anchors_made);
	free(x->digest);
	free(x->issues.p);
	free(x->witnessed.claim);
	free(x->origin);
	free(x);
}

const char *
tally_export_origin(const struct tally_export *x)
{
	return x->origin;
}

uint64_t
tally_export_size(const struct tally_export *x)
{
	return x->size;
}

const uint8_t *
tally_export_root(const struct tally_export *x)
{
	return x->root;
}

int
tally_export_open(struct tally_export **out, const char *dir, struct tally_err *err)
{
	struct anchors none = { .roots = tally_roots_new() };
	struct place place = { .path = dir };
	struct tally_export *x;
	int r = export_check(&x, &place, &none, NULL, err);

	anchors_deinit(&none);
	if (r < 0)
		return -1;
	if (x->own.count > 0) {
		const struct problem *p = &x->own.items[0];

		(void)tally_err_set(err, TALLY_FAILS, "%s: %s", p->file, p->text);
	} else if (!x->private) {
		(void)tally_err_set(err, TALLY_USE, "%s: a public mirror discloses nothing", dir);
	} else {
		*out = x;
		return 0;
	}
	tally_export_close(x);
	return -1;
}
