/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledgers and exports as sources of entries. Nothing is opened twice: LMDB
 * would lose its locks, and one host's figures would be there twice. A ledger's
 * entries are hashed by a thread of its own while the report is made of them;
 * an export was verified when it was opened.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tally/err.h"
#include "tally/merkle.h"
#include "tally/verify.h"
#include "ledger.h"
#include "source.h"

/* One thread at a time draws the line; another one has nothing newer to show. */
static void
show(struct cli_counted *c, uint64_t more)
{
	static atomic_flag drawing = ATOMIC_FLAG_INIT;
	uint64_t before = atomic_fetch_add(c->count, more);

	if (before / 4096 == (before + more) / 4096 || atomic_flag_test_and_set(&drawing))
		return;
	cli_progress_show(c->progress, before + more, 0);
	atomic_flag_clear(&drawing);
}

static int
counted_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct cli_counted *c = ctx;

	show(c, 1);
	return c->inner.next(c->inner.ctx, out, err);
}

static int
counted_rows(void *ctx, const struct tally_index_row **rows, size_t *n, struct tally_err *err)
{
	struct cli_counted *c = ctx;
	int r = c->inner.rows(c->inner.ctx, rows, n, err);

	if (r > 0)
		show(c, *n);
	return r;
}

static int
counted_leave_out(void *ctx, int64_t from, uint64_t *whole, struct tally_err *err)
{
	struct cli_counted *c = ctx;

	return c->inner.leave_out(c->inner.ctx, from, whole, err);
}

static int
counted_rewind(void *ctx, struct tally_err *err)
{
	struct cli_counted *c = ctx;

	return c->inner.rewind(c->inner.ctx, err);
}

static void
close_counted(struct cli_counted *c)
{
	if (c->inner.close)
		c->inner.close(c->inner.ctx);
	c->inner.close = NULL;
}

static struct tally_entries
count(struct cli_sources *s, struct cli_counted *c)
{
	c->progress = &s->progress;
	c->count = &s->entries;
	return (struct tally_entries){ c,
				       counted_next,
				       counted_rewind,
				       NULL,
				       c->inner.rows ? counted_rows : NULL,
				       c->inner.leave_out ? counted_leave_out : NULL };
}

static void *
check_entries(void *ctx)
{
	struct cli_sources *s = ctx;
	struct tally_entry e;
	int n = 0;

	for (size_t i = 0; i < s->count && n == 0; i++) {
		struct tally_entries *from = &s->items[i].checked;

		while (from->next && (n = from->next(from->ctx, &e, &s->damage)) > 0)
			;
	}
	return NULL;
}

/* Where there can be no second thread, this one does it, first. */
static void
begin_check(struct cli_sources *s)
{
	s->checking = pthread_create(&s->checker, NULL, check_entries, s) == 0;
	if (!s->checking)
		check_entries(s);
}

static void
end_check(struct cli_sources *s)
{
	if (s->checking)
		(void)pthread_join(s->checker, NULL);
	s->checking = false;
}

int
cli_sources_check(struct cli_sources *s, struct tally_err *err)
{
	end_check(s);
	if (s->damage.code == TALLY_OK)
		return 0;
	*err = s->damage;
	return -1;
}

static bool
holds(const char *folder, const char *name)
{
	struct tally_buf path = TALLY_BUF_INIT;
	struct stat st;
	bool there;

	tally_buf_addf(&path, "%s/%s", folder, name);
	there = stat(tally_buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode);
	tally_buf_deinit(&path);
	return there;
}

static int
open_entries(struct cli_source *src, struct tally_store *store, struct tally_err *err)
{
	const struct tally_report_ledger *l = &src->ledger;
	int r = tally_store_entries_indexed(store, l->size, &src->counted[0].inner, err);

	if (r > 0)
		r = tally_store_entries_indexed(store, l->size, &src->counted[1].inner, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	r = tally_store_entries_under(store, l->size, l->root, &src->checked, err);
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = tally_store_entries_unchecked(store, 0, l->size, &src->counted[i].inner, err);
	return r;
}

static int
ledger_root_at(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	struct tally_nodes nodes = tally_store_nodes(ctx);

	return tally_root_at(root, size, &nodes, err);
}

static int
export_root_at(void *ctx, uint64_t size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	return tally_export_root_at(ctx, size, root, err);
}

static int
open_ledger(struct cli_sources *s, struct cli_source *src, struct tally_err *err)
{
	uint8_t root[TALLY_HASH];
	struct cli_newest newest;
	uint64_t size = 0;
	int r;

	if (tally_store_open(&src->store, src->path, TALLY_STORE_READ, tally_clock_real(), err) < 0)
		return -1;
	r = cli_newest_read(&newest, src->store, err);
	if (r == 0)
		r = cli_no_checkpoint(src->path, err);
	if (r > 0) {
		src->ledger.origin = tally_store_origin(src->store);
		src->ledger.size = newest.checkpoint.size;
		memcpy(src->ledger.root, newest.checkpoint.root, TALLY_HASH);
		r = tally_store_head(src->store, &size, root, err);
		src->ledger.beyond = size - src->ledger.size;
		src->ledger.root_at = ledger_root_at;
		src->ledger.root_ctx = src->store;
	}
	cli_newest_deinit(&newest);
	if (r == 0)
		r = open_entries(src, src->store, err);
	src->ledger.entries = count(s, &src->counted[0]);
	src->ledger.entries2 = count(s, &src->counted[1]);
	return r < 0 ? -1 : 0;
}

static int
open_export(struct cli_sources *s, struct cli_source *src, struct tally_err *err)
{
	int r = 0;

	if (tally_export_open(&src->export, src->path, err) < 0)
		return -1;
	src->ledger.origin = tally_export_origin(src->export);
	src->ledger.size = tally_export_size(src->export);
	memcpy(src->ledger.root, tally_export_root(src->export), TALLY_HASH);
	src->ledger.root_at = export_root_at;
	src->ledger.root_ctx = src->export;
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = tally_export_entries(src->export, src->ledger.size, &src->counted[i].inner,
					 err);
	src->ledger.entries = count(s, &src->counted[0]);
	src->ledger.entries2 = count(s, &src->counted[1]);
	return r < 0 ? -1 : 0;
}

static int
open_one(struct cli_sources *s, const char *path, struct tally_err *err)
{
	struct cli_source *src = &s->items[s->count++];
	struct stat st;
	int status;

	src->path = path;
	if (stat(path, &st) < 0)
		return tally_err_sys(err, "%s", path);
	src->device = st.st_dev;
	src->inode = st.st_ino;
	for (size_t i = 0; i + 1 < s->count; i++)
		if (s->items[i].device == st.st_dev && s->items[i].inode == st.st_ino)
			return tally_err_set(err, TALLY_USE, "%s: is given twice", path);
	if (holds(path, "data.mdb"))
		status = open_ledger(s, src, err);
	else if (holds(path, "checkpoint"))
		status = open_export(s, src, err);
	else
		return tally_err_set(err, TALLY_USE, "%s: neither a ledger nor an export", path);
	for (size_t i = 0; status == 0 && i + 1 < s->count; i++)
		if (strcmp(s->items[i].ledger.origin, src->ledger.origin) == 0)
			return tally_err_set(err, TALLY_USE, "%s and %s are the same ledger, '%s'",
					     s->items[i].path, path, src->ledger.origin);
	return status;
}

int
cli_sources_open(struct cli_sources *s, const char *const *paths, size_t n, struct tally_err *err)
{
	*s = (struct cli_sources){ 0 };
	s->items = tally_alloc(n * sizeof(*s->items));
	s->ledgers = tally_alloc(n * sizeof(*s->ledgers));
	cli_progress_begin(&s->progress, "entries read");
	for (size_t i = 0; i < n; i++) {
		if (open_one(s, paths[i], err) < 0)
			return -1;
		s->ledgers[i] = s->items[i].ledger;
	}
	begin_check(s);
	return 0;
}

int
cli_sources_open_head(struct cli_sources *s, struct tally_store *store, struct tally_err *err)
{
	struct cli_source *src;
	int r;

	*s = (struct cli_sources){ 0 };
	s->items = src = tally_alloc(sizeof(*s->items));
	s->ledgers = tally_alloc(sizeof(*s->ledgers));
	s->count = 1;
	cli_progress_begin(&s->progress, "entries read");
	r = tally_store_head(store, &src->ledger.size, src->ledger.root, err);
	if (r == 0)
		r = open_entries(src, store, err);
	src->ledger.origin = tally_store_origin(store);
	src->ledger.entries = count(s, &src->counted[0]);
	src->ledger.entries2 = count(s, &src->counted[1]);
	s->ledgers[0] = src->ledger;
	if (r == 0)
		begin_check(s);
	return r < 0 ? -1 : 0;
}

void
cli_sources_deinit(struct cli_sources *s)
{
	cli_progress_end(&s->progress);
	end_check(s);
	for (size_t i = 0; i < s->count; i++) {
		if (s->items[i].checked.close)
			s->items[i].checked.close(s->items[i].checked.ctx);
		close_counted(&s->items[i].counted[0]);
		close_counted(&s->items[i].counted[1]);
		tally_store_close(s->items[i].store);
		tally_export_close(s->items[i].export);
	}
	free(s->items);
	free(s->ledgers);
}
