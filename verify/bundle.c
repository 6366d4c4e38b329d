/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle (FORMAT.md section 27): when its archive is known to the last byte, what it
 * holds goes the way of all paths. Its reports are made again from its own exports, packs
 * and inputs alone: what is installed here, or is given beside it, is no part of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/bundle.h"
#include "tally/json.h"
#include "tally/parse.h"
#include "tally/report.h"
#include "archived.h"
#include "verify_internal.h"

#define REPORT                "report/"

#define TELL(v, t, file, ...) problem(&(v)->problems, "bundle", (t)->path, file, __VA_ARGS__)

/* What it is filled with. */
struct filling {
	struct tally_verify *v;
	const struct archive *archive;
	size_t target; /* of the bundle: adding others moves it */
	uint64_t inputs;
	const char *newest; /* member of a ledger */
	uint64_t ledgers, highest;
};

static char *
path_of(const struct filling *f, const char *name)
{
	struct tally_buf b = TALLY_BUF_INIT;
	char *out;

	tally_buf_addf(&b, "%s/%s", f->v->targets[f->target].path, name);
	out = tally_strdup(tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return out;
}

/* A new target of this bundle. */
static struct target *
add_target(struct filling *f, const char *name)
{
	char *path = path_of(f, name);
	struct target *t = verify_add_target(f->v, path);

	free(path);
	t->bundle = f->target + 1;
	return t;
}

/* "ledgers/N/", once for each N, which are numbered without a hole. Members are sorted: those of
 * one ledger stand together. */
static bool
add_ledger(struct filling *f, const char *name)
{
	const char *number = name + strlen("ledgers/"), *slash = strchr(number, '/');
	struct target *t;
	char *prefix;
	uint64_t n;

	if (!slash || !tally_parse_u64(&n, number, (size_t)(slash - number), UINT32_MAX))
		return false;
	if (f->ledgers > 0 && strncmp(name, f->newest, (size_t)(slash + 1 - name)) == 0)
		return true;
	f->newest = name;
	f->ledgers++;
	f->highest = n > f->highest ? n : f->highest;
	prefix = tally_strndup(name, (size_t)(slash + 1 - name));
	prefix[strlen(prefix) - 1] = '\0';
	t = add_target(f, prefix);
	prefix[strlen(prefix)] = '/';
	t->kind = TARGET_EXPORT;
	t->prefix = prefix;
	return true;
}

/* 1, 0 where it was told that it is too long, -1. */
static int
read_bounded(struct filling *f, size_t member, uint64_t most, struct tally_buf *out,
	     struct tally_err *err)
{
	const struct tally_bundle_file *file = &f->archive->files[member];

	if (file->size > most) {
		TELL(f->v, &f->v->targets[f->target], file->name, "more than %" PRIu64 " bytes",
		     most);
		return 0;
	}
	return archive_read(f->archive, member, out, err) < 0 ? -1 : 1;
}

static void
add_report(struct filling *f, size_t member, bool main, struct tally_buf *content)
{
	struct target *t = add_target(f, f->archive->files[member].name);

	t->kind = TARGET_REPORT;
	t->main = main;
	t->content = *content;
	*content = (struct tally_buf)TALLY_BUF_INIT;
}

static int
add_main(struct filling *f, size_t member, struct tally_err *err)
{
	struct tally_buf content = TALLY_BUF_INIT;
	int r = read_bounded(f, member, TALLY_REPORT_MAX, &content, err);

	if (r > 0)
		add_report(f, member, true, &content);
	tally_buf_deinit(&content);
	return r < 0 ? -1 : 0;
}

/* A file that reports were made from; one of them may be a report that was superseded. */
static int
add_other(struct filling *f, size_t member, struct tally_err *err)
{
	uint64_t left = TALLY_BUNDLE_INPUTS_MAX - f->inputs,
		 most = left < TALLY_BUNDLE_INPUT_MAX ? left : TALLY_BUNDLE_INPUT_MAX;
	const char *name = f->archive->files[member].name;
	struct tally_buf content = TALLY_BUF_INIT;
	int r = read_bounded(f, member, most, &content, err);

	if (r > 0)
		f->inputs += content.len;
	if (r > 0 && report_recognised(tally_buf_view(&content)))
		add_report(f, member, false, &content);
	else if (r > 0)
		verify_add_input(f->v, name, tally_buf_view(&content), true)->bundle =
			f->target + 1;
	tally_buf_deinit(&content);
	return r < 0 ? -1 : 0;
}

static bool
begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

static int
fill(struct filling *f, struct tally_err *err)
{
	const struct archive *a = f->archive;
	int r = 0;

	for (size_t i = 0; i + 1 < a->count && r == 0; i++) {
		const char *name = a->files[i].name;

		if (strcmp(name, REPORT "report.json") == 0)
			r = add_main(f, i, err);
		else if (begins(name, "rules/") || begins(name, "inputs/"))
			r = add_other(f, i, err);
		else if (begins(name, "ledgers/")
				 ? !add_ledger(f, name)
				 : !begins(name, REPORT) && strcmp(name, "bundle.json") != 0)
			TELL(f->v, &f->v->targets[f->target], name, "does not belong there");
	}
	if (r == 0 && (f->ledgers == 0 || f->highest != f->ledgers - 1))
		TELL(f->v, &f->v->targets[f->target], "ledgers", "not numbered from 0 on");
	return r;
}

int
bundle_open(struct tally_verify *v, size_t target, struct tally_err *err)
{
	static const char *const needed[] = { "bundle.json", REPORT "report.json" };
	struct filling f = { .v = v, .target = target };
	struct archive *archive = NULL;
	int fd = v->targets[target].fd, r;

	v->targets[target].fd = -1;
	r = archive_open(&archive, fd, v->targets[target].path, &v->problems, err);
	if (r <= 0)
		return r;
	v->targets[target].archive = archive;
	f.archive = archive;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (archive_find(archive, needed[i]) == SIZE_MAX)
			TELL(v, &v->targets[target], needed[i], "not there");
	return fill(&f, err);
}

/* The formats that were made again. */
struct formats {
	struct tally_verify *v;
	const struct target *bundle;
	size_t seen;
};

/* Where two texts part: the line. */
static size_t
line_of(struct tally_bytes a, struct tally_bytes b)
{
	size_t line = 1;

	for (size_t i = 0; i < a.len && i < b.len && a.p[i] == b.p[i]; i++)
		line += a.p[i] == '\n';
	return line;
}

static int
compare_format(void *ctx, const char *name, struct tally_bytes made, struct tally_err *err)
{
	struct formats *f = ctx;
	const struct archive *a = f->bundle->archive;
	struct tally_buf full = TALLY_BUF_INIT, is = TALLY_BUF_INIT;
	size_t member;
	int r = 0;

	tally_buf_addf(&full, REPORT "%s", name);
	member = archive_find(a, tally_buf_cstr(&full));
	f->seen += member != SIZE_MAX;
	if (member == SIZE_MAX)
		TELL(f->v, f->bundle, tally_buf_cstr(&full), "not there");
	else if (a->files[member].size > TALLY_REPORT_MAX)
		TELL(f->v, f->bundle, tally_buf_cstr(&full), "too long");
	else if ((r = archive_read(a, member, &is, err)) == 0 &&
		 !tally_bytes_eq(tally_buf_view(&is), made))
		problem(&f->v->problems, "report", f->bundle->path, tally_buf_cstr(&full),
			"line %zu is not what comes out of the entries",
			line_of(tally_buf_view(&is), made));
	tally_buf_deinit(&full);
	tally_buf_deinit(&is);
	return r;
}

/* A remark a line. */
static void
tell_lacks(struct tally_verify *v, const struct target *bundle, struct tally_bytes lines)
{
	while (lines.len > 0) {
		const uint8_t *end = memchr(lines.p, '\n', lines.len);
		size_t n = end ? (size_t)(end - lines.p) : lines.len;

		remark(&v->problems, "%s: what is held does not cover %.*s", bundle->path, (int)n,
		       (const char *)lines.p);
		n += end != NULL;
		lines = tally_bytes(lines.p + n, lines.len - n);
	}
}

/* bundle.json is one of two: without, and with the word on what lacks. */
static int
compare_about(struct tally_verify *v, const struct target *bundle, const struct tally_json *head,
	      const struct tally_report *r, struct tally_err *err)
{
	struct tally_bundle_about about = { 0 };
	struct tally_buf is = TALLY_BUF_INIT, plain = TALLY_BUF_INIT, strict = TALLY_BUF_INIT;
	size_t member = archive_find(bundle->archive, "bundle.json");
	int status = 0;

	if (member == SIZE_MAX)
		return 0; /* told */
	if (bundle->archive->files[member].size > TALLY_BUNDLE_INPUT_MAX) {
		TELL(v, bundle, "bundle.json", "too long");
		return 0;
	}
	status = archive_read(bundle->archive, member, &is, err);
	tally_bundle_about(&plain, head, &about);
	about.strict = true;
	(void)tally_report_short(r, &about.lacks);
	tally_bundle_about(&strict, head, &about);
	if (status == 0 && tally_bytes_eq(tally_buf_view(&is), tally_buf_view(&strict))) {
		tell_lacks(v, bundle, about.lacks);
	} else if (status == 0 && !tally_bytes_eq(tally_buf_view(&is), tally_buf_view(&plain))) {
		TELL(v, bundle, "bundle.json", "line %zu is not what the report says",
		     line_of(tally_buf_view(&is), tally_buf_view(&plain)));
	}
	tally_buf_deinit(&is);
	tally_buf_deinit(&plain);
	tally_buf_deinit(&strict);
	return status;
}

int
bundle_report(struct tally_verify *v, const struct target *t, const struct tally_json *head,
	      const struct tally_report *r, struct tally_err *err)
{
	struct formats f = { .v = v, .bundle = &v->targets[t->bundle - 1] };
	const struct tally_json *made_for = tally_json_get(head, "for");
	size_t first, end;

	/* What a licensor gets to see, and what that cannot show. */
	if (made_for) {
		struct tally_bytes of = tally_json_string(tally_json_get(made_for, "licensor"));

		remark_verdict(&v->problems, "%s: for %.*s. %s", f.bundle->path, (int)of.len,
			       (const char *)of.p, TALLY_BUNDLE_INCOMPLETE);
	}
	if (tally_report_files(r, compare_format, &f, err) < 0)
		return -1;
	archive_range(f.bundle->archive, REPORT, &first, &end);
	if (end - first > f.seen)
		TELL(v, f.bundle, REPORT, "holds %zu files that are no format of the report",
		     end - first - f.seen);
	return compare_about(v, f.bundle, head, r, err);
}

/* A report that another one here supersedes cannot be the newest: by such steps each leads to
 * the main one, and with it its ledgers. */
static void
tell_unnamed(struct tally_verify *v, const struct target *t)
{
	if (t->main || t->named || v->problems.count > 0)
		return;
	problem(&v->problems, "bundle", t->path, NULL, "no report in it %s it",
		t->kind == TARGET_REPORT ? "supersedes" : "rests on");
}

void
bundle_close(struct tally_verify *v, size_t target)
{
	struct target *t = &v->targets[target];

	t->anchored = t->archive != NULL;
	for (size_t i = 0; i < v->count; i++)
		if (v->targets[i].bundle == target + 1) {
			t->anchored = t->anchored && v->targets[i].anchored;
			tell_unnamed(v, &v->targets[i]);
		}
	for (size_t i = 0; i < v->n_inputs; i++)
		if (v->inputs[i].bundle == target + 1 && !v->inputs[i].named &&
		    v->problems.count == 0)
			TELL(v, t, v->inputs[i].name, "no report in it was made from it");
}
