/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static export (FORMAT.md section 8): the tree of the newest checkpoint as
 * tiles that any HTTP server can serve, and private/ beside it. Every record is
 * made anew from the stored bytes and the whole hashed to the checkpoint's
 * root. `checkpoint` is written last, after all else is on the disk, so an
 * export that was cut short has none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export_internal.h"
#include "tally/file.h"

static int
put_tile(struct store_export *x, unsigned level, struct tally_err *err)
{
	struct export_level *l = &x->level[level];
	char path[TALLY_TILE_PATH];

	tally_tile_path(path, (int)level, l->tile, l->width);
	return export_file(x, path, tally_bytes(l->hash, l->width * (size_t)TALLY_HASH), err);
}

/* The root of a full tile is a hash of the level above. */
static int
add_hash(struct store_export *x, unsigned level, const uint8_t hash[TALLY_HASH],
	 struct tally_err *err)
{
	struct export_level *l = &x->level[level];

	memcpy(l->hash[l->width++], hash, TALLY_HASH);
	if (l->width < EXPORT_TILE)
		return 0;
	if (put_tile(x, level, err) < 0)
		return -1;
	for (unsigned n = EXPORT_TILE; n > 1; n /= 2) {
		for (unsigned i = 0; i < n / 2; i++)
			tally_hash_node(l->hash[i], l->hash[2 * i], l->hash[2 * i + 1]);
	}
	l->width = 0;
	l->tile++;
	TALLY_ASSERT(level + 1 < EXPORT_LEVELS);
	return add_hash(x, level + 1, l->hash[0], err);
}

static int
flush_bundle(struct store_export *x, uint64_t next, struct tally_err *err)
{
	uint64_t bundle = (next - 1) / EXPORT_TILE;
	unsigned width = (unsigned)(next - bundle * EXPORT_TILE);
	char path[TALLY_TILE_PATH];

	tally_tile_path(path, -1, bundle, width);
	if (export_file(x, path, tally_buf_view(&x->bundle), err) < 0)
		return -1;
	tally_buf_clear(&x->bundle);
	if (!x->public_only && export_payload_flush(x, bundle, width, err) < 0)
		return -1;
	if (x->progress)
		x->progress(x->progress_ctx, next, x->size);
	return 0;
}

static int
add_entry(struct store_export *x, struct store_leaf *leaf, struct tally_frontier *f,
	  struct tally_err *err)
{
	uint8_t record[TALLY_RECORD], hash[TALLY_HASH];
	uint64_t next = leaf->header.index + 1;

	store_leaf_record(leaf, record);
	tally_hash_leaf(hash, tally_bytes(record, sizeof(record)));
	tally_frontier_add(f, hash, NULL, NULL);
	tally_buf_add_u16(&x->bundle, TALLY_RECORD);
	tally_buf_add(&x->bundle, record, sizeof(record));
	if (!x->public_only)
		export_payload_add(x, leaf);
	if (add_hash(x, 0, hash, err) < 0)
		return -1;
	return next % EXPORT_TILE == 0 || next == x->size ? flush_bundle(x, next, err) : 0;
}

static int
export_tree(struct store_export *x, struct tally_err *err)
{
	struct tally_frontier f;
	struct store_scan scan;
	struct store_leaf leaf;
	uint8_t root[TALLY_HASH];
	int r;

	tally_frontier_init(&f);
	store_scan_init(&scan, x->s, 0, x->size);
	while ((r = store_scan_next(&scan, &leaf, err)) > 0) {
		r = add_entry(x, &leaf, &f, err);
		if (r < 0)
			break;
	}
	store_scan_end(&scan);
	for (unsigned level = 0; level < EXPORT_LEVELS && r == 0; level++) {
		if (x->level[level].width > 0)
			r = put_tile(x, level, err);
	}
	if (r < 0)
		return -1;
	tally_frontier_root(&f, root);
	if (memcmp(root, x->root, TALLY_HASH) != 0)
		return tally_err_set(err, TALLY_FAILS,
				     "the entries do not hash to the newest checkpoint's root");
	return 0;
}

static int
get_note(struct tally_store *s, MDB_txn *txn, uint64_t sequence, struct tally_buf *out,
	 struct tally_err *err)
{
	struct tally_bytes value;
	int r = store_get(txn, s->note, store_key(&sequence), &value, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "note %llu: missing",
				     (unsigned long long)sequence);
	tally_buf_add_bytes(out, value);
	return 0;
}

static int
take_view(struct tally_store *s, MDB_txn *txn, struct export_view *v, struct tally_err *err)
{
	struct tally_bytes value;
	uint64_t number;
	int r = store_last(txn, s->note, &v->note_seq, &value, err);

	if (r == 0)
		return tally_err_set(err, TALLY_USE, "no checkpoint yet");
	if (r < 0)
		return -1;
	tally_buf_add_bytes(&v->note, value);
	r = store_last(txn, s->att, &number, &value, err);
	if (r <= 0)
		return r;
	if (value.len != TALLY_ROW)
		return tally_err_set(err, TALLY_FAILS, "evidence row %llu: %zu bytes",
				     (unsigned long long)number, value.len);
	if (tally_row_read(&v->row, value.p, err) < 0)
		return -1;
	v->has_row = true;
	return get_note(s, txn, v->row.note, &v->row_note, err);
}

static int
read_view(struct store_export *x, struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	MDB_txn *txn;
	int r;

	if (store_short_begin(x->s, &txn, err) < 0)
		return -1;
	r = take_view(x->s, txn, &x->view, err);
	store_short_end(x->s, txn);
	if (r == 0)
		r = store_note_check(x->s, tally_buf_view(&x->view.note), &cp, &scratch, err);
	if (r == 0) {
		x->size = cp.size;
		memcpy(x->root, cp.root, TALLY_HASH);
	}
	tally_buf_deinit(&scratch);
	return r;
}

static int
sync_all(struct store_export *x, struct tally_err *err)
{
	if (store_fault("syncfs") < 0 || syncfs(x->dirfd) < 0)
		return tally_err_sys(err, "sync");
	return 0;
}

static int
put_checkpoint(struct store_export *x, struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_note note;
	int r = tally_note_parse(&note, tally_buf_view(&x->view.note), &scratch, err);

	if (r == 0)
		r = tally_note_public(&out, &note, &x->s->vkey, err);
	if (r == 0)
		r = tally_file_replace(store_disk(), x->dirfd, "checkpoint", tally_buf_view(&out),
				       0644, false, err);
	tally_buf_deinit(&scratch);
	tally_buf_deinit(&out);
	return r;
}

static int
export_all(struct store_export *x, struct tally_err *err)
{
	struct tally_buf vkey = TALLY_BUF_INIT;
	int r = read_view(x, err);

	tally_vkey_text(&vkey, &x->s->vkey);
	tally_buf_add_u8(&vkey, '\n');
	if (r == 0)
		r = export_file(x, "vkey", tally_buf_view(&vkey), err);
	if (r == 0 && !x->public_only)
		r = export_private_begin(x, err);
	if (r == 0)
		r = export_tree(x, err);
	if (r == 0 && !x->public_only)
		r = export_history(x, err);
	if (r == 0)
		r = sync_all(x, err);
	if (r == 0)
		r = put_checkpoint(x, err);
	tally_buf_deinit(&vkey);
	return r;
}

/* 1 made, 0 there and empty, -1. */
static int
make_empty(const char *dir, struct tally_err *err)
{
	struct dirent *d;
	bool empty = true;
	DIR *list;

	if (mkdir(dir, 0755) == 0)
		return 1;
	if (errno != EEXIST)
		return tally_err_sys(err, "%s", dir);
	list = opendir(dir);
	if (!list && errno == ENOTDIR)
		return tally_err_set(err, TALLY_USE, "%s: not a folder", dir);
	if (!list)
		return tally_err_sys(err, "%s", dir);
	while ((d = readdir(list)) != NULL)
		empty = empty && (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0);
	closedir(list);
	return empty ? 0 : tally_err_set(err, TALLY_USE, "%s: not empty", dir);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	if (at->level > 0)
		remove(path);
	return 0;
}

int
tally_store_export(struct tally_store *s, const char *dir, bool public_only,
		   void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
		   struct tally_err *err)
{
	struct store_export *x;
	int made = make_empty(dir, err), r = -1;

	if (made < 0)
		return -1;
	x = tally_alloc(sizeof(*x));
	x->s = s;
	x->public_only = public_only;
	x->progress = progress;
	x->progress_ctx = ctx;
	x->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dirfd < 0)
		tally_err_sys_(err, "%s", dir);
	else if ((r = export_all(x, err)) < 0)
		tally_err_prefix_(err, "export %s to %s", s->path, dir);
	if (x->dirfd >= 0)
		close(x->dirfd);
	/* It was empty: what is in it now is half an export. */
	if (r < 0) {
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (made > 0)
			rmdir(dir);
	}
	tally_buf_deinit(&x->view.note);
	tally_buf_deinit(&x->view.row_note);
	tally_buf_deinit(&x->bundle);
	tally_buf_deinit(&x->payload);
	free(x);
	return r;
}
