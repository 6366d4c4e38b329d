/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LMDB environment and its transactions. Default sync mode only: WRITEMAP
 * dies of SIGBUS on a full disk, NOSYNC and NOMETASYNC lose acknowledged
 * records. The map is large and sparse; a full or resized one is followed.
 * Readers are tied to no thread; on media without a writable lock.mdb they
 * read without LMDB's lock, if nobody holds the ledger.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "store_internal.h"

#define HEADER_MAX 32768 /* LMDB's largest page */

size_t store_map_size = (size_t)64 << 30;

void
store_mdb_err_(struct tally_err *err, int rc, const char *fmt, ...)
{
	enum tally_code code = TALLY_SYS;
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL)
		code = TALLY_FULL;
	if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_BAD_VALSIZE)
		code = TALLY_FAILS;
	if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_INCOMPATIBLE)
		code = TALLY_USE;
	tally_err_set_(err, code, "%s: %s", what, mdb_strerror(rc));
}

/* lock.mdb is mapped for writing: a hole in it would be a SIGBUS on a full
 * disk, so its blocks are there before LMDB looks. Before the environment is
 * open, because closing any descriptor of it drops LMDB's own locks. */
static int
reserve_lock_file(struct tally_store *s)
{
	int fd = openat(s->dirfd, "lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return errno;
	/* Where it has its blocks it is left alone: somebody may be using it, and
	 * on some file systems libc allocates by writing. */
	if (store_fault("fallocate") < 0 || fstat(fd, &st) < 0)
		rc = errno;
	else if (st.st_blocks * 512 < STORE_LOCK_BYTES)
		rc = posix_fallocate(fd, 0, STORE_LOCK_BYTES);
	close(fd);
	return rc;
}

static int
open_databases(struct tally_store *s, bool create, struct tally_err *err)
{
	unsigned make = create ? MDB_CREATE : 0;
	struct {
		const char *name;
		unsigned flags;
		MDB_dbi *dbi;
	} list[] = {
		{ "leaf", MDB_INTEGERKEY, &s->leaf },
		{ "node", MDB_INTEGERKEY, &s->node },
		{ NULL, 0, &s->head },
		{ "note", MDB_INTEGERKEY, &s->note },
		{ "att", MDB_INTEGERKEY, &s->att },
		{ "meta", 0, &s->meta },
		{ "index", MDB_INTEGERKEY, &s->index },
		{ "gist", MDB_INTEGERKEY, &s->gist },
	};
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return store_mdb_err(err, rc, "data.mdb: begin");
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		rc = mdb_dbi_open(txn, list[i].name, list[i].flags | make, list[i].dbi);
		if (list[i].dbi == &s->index)
			s->has_index = rc == 0;
		if (list[i].dbi == &s->gist)
			s->has_gist = rc == 0;
		if (rc == MDB_NOTFOUND && (list[i].dbi == &s->index || list[i].dbi == &s->gist))
			continue; /* of an older version */
		if (rc) {
			mdb_txn_abort(txn);
			if (rc == MDB_NOTFOUND)
				return tally_err_set(err, TALLY_USE,
						     "data.mdb: no ledger (no database '%s')",
						     list[i].name);
			return store_mdb_err(err, rc, "data.mdb: database '%s'", list[i].name);
		}
	}
	/* Also a reader's handles stay only after a commit. */
	rc = mdb_txn_commit(txn);
	return rc ? store_mdb_err(err, rc, "data.mdb: open the databases") : 0;
}

/* Pages that the newest header counts but the file does not have would be a
 * SIGBUS later. */
static int
check_length(struct tally_store *s, struct tally_err *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	struct stat st;
	size_t want;

	mdb_env_info(s->env, &info);
	mdb_env_stat(s->env, &stat);
	if (fstatat(s->dirfd, "data.mdb", &st, 0) < 0)
		return tally_err_sys(err, "data.mdb");
	if (__builtin_mul_overflow(info.me_last_pgno + 1, (size_t)stat.ms_psize, &want) ||
	    (uint64_t)st.st_size < want)
		return tally_err_set(err, TALLY_FAILS,
				     "data.mdb: truncated: %llu bytes, %zu expected",
				     (unsigned long long)st.st_size, want);
	return 0;
}

int
store_file_check(struct tally_store *s, struct tally_err *err)
{
	struct stat st;

	if (fstatat(s->dirfd, "data.mdb", &st, 0) < 0) {
		if (errno == ENOENT)
			return tally_err_set(err, TALLY_USE, "no ledger here (no data.mdb)");
		return tally_err_sys(err, "data.mdb");
	}
	if (!S_ISREG(st.st_mode))
		return tally_err_set(err, TALLY_USE, "data.mdb: not a regular file");
	if (st.st_size == 0) /* LMDB would make a new one of it */
		return tally_err_set(err, TALLY_FAILS, "data.mdb: empty");
	return 0;
}

/* Which flags this open gets: a reader that cannot have lock.mdb goes without
 * it, which is safe as long as there is no writer. */
static int
choose_flags(struct tally_store *s, unsigned *flags, struct tally_err *err)
{
	int rc = reserve_lock_file(s);

	*flags = MDB_NOTLS | (s->write ? 0 : (unsigned)MDB_RDONLY);
	if (rc == 0)
		return 0;
	if (s->write || (rc != EROFS && rc != EACCES && rc != EPERM && rc != ENOSPC)) {
		errno = rc;
		return tally_err_sys(err, "lock.mdb");
	}
	if (store_is_held(s->dirfd))
		return tally_err_set(err, TALLY_HELD,
				     "lock.mdb cannot be written, and a writer holds the ledger");
	*flags |= MDB_NOLOCK;
	return 0;
}

/* Where a header's write failed, memory may hold one that the disk does not: the
 * commit looks done, and a second failure like it would let LMDB overwrite pages
 * that the disk's older header still needs. So a writer first makes the disk's
 * headers those that are read: the same bytes, written again and synced. */
static int
settle_headers(struct tally_store *s, struct tally_err *err)
{
	uint8_t pages[2 * HEADER_MAX];
	size_t want = 2 * (size_t)sysconf(_SC_PAGESIZE);
	int fd = openat(s->dirfd, "data.mdb", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return tally_err_sys(err, "data.mdb");
	n = pread(fd, pages, want < sizeof(pages) ? want : sizeof(pages), 0);
	errno = n < 0 ? errno : EIO; /* of a short write */
	if (n < 0 || store_fault("write") < 0 || pwrite(fd, pages, (size_t)n, 0) != n ||
	    store_fault("fsync") < 0 || fdatasync(fd) < 0)
		r = tally_err_sys(err, "data.mdb: headers");
	if (close(fd) < 0 && r == 0)
		r = tally_err_sys(err, "data.mdb: close");
	return r;
}

int
store_env_open(struct tally_store *s, bool create, struct tally_err *err)
{
	unsigned flags;
	int rc, dead;

	if (!create && store_file_check(s, err) < 0)
		return -1;
	if (choose_flags(s, &flags, err) < 0)
		return -1;
	if (!create && s->write && settle_headers(s, err) < 0)
		return -1;
	rc = mdb_env_create(&s->env);
	if (rc)
		return store_mdb_err(err, rc, "LMDB");
	mdb_env_set_maxdbs(s->env, 16);
	mdb_env_set_mapsize(s->env, store_map_size);
	rc = mdb_env_open(s->env, s->path, flags, 0600);
	if (rc) {
		mdb_env_close(s->env);
		s->env = NULL;
		return store_mdb_err(err, rc, "data.mdb");
	}
	store_guard_begin(s->env, s->path);
	if (check_length(s, err) < 0)
		return -1;
	if (s->write)
		mdb_reader_check(s->env, &dead);
	return open_databases(s, create, err);
}

void
store_env_close(struct tally_store *s)
{
	if (!s->env)
		return;
	TALLY_ASSERT(s->readers == 0);
	if (s->short_rd)
		mdb_txn_abort(s->short_rd);
	s->short_rd = NULL;
	store_guard_end(s->env);
	mdb_env_close(s->env);
	s->env = NULL;
}

/* Somebody else has grown the map beyond ours. */
static int
follow_resize(struct tally_store *s, int rc)
{
	if (rc != MDB_MAP_RESIZED || s->readers > 0)
		return rc;
	return mdb_env_set_mapsize(s->env, 0);
}

int
store_read_begin(struct tally_store *s, MDB_txn **out, struct tally_err *err)
{
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, out);

	if (rc == MDB_MAP_RESIZED && (rc = follow_resize(s, rc)) == 0)
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, out);
	if (rc)
		return store_mdb_err(err, rc, "data.mdb: read");
	s->readers++;
	return 0;
}

void
store_read_end(struct tally_store *s, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	s->readers--;
}

int
store_short_begin(struct tally_store *s, MDB_txn **out, struct tally_err *err)
{
	int rc;

	if (!s->short_rd) {
		if (store_read_begin(s, &s->short_rd, err) < 0) {
			s->short_rd = NULL;
			return -1;
		}
		*out = s->short_rd;
		return 0;
	}
	rc = mdb_txn_renew(s->short_rd);
	if (rc == MDB_MAP_RESIZED && (rc = follow_resize(s, rc)) == 0)
		rc = mdb_txn_renew(s->short_rd);
	if (rc)
		return store_mdb_err(err, rc, "data.mdb: read");
	s->readers++;
	*out = s->short_rd;
	return 0;
}

void
store_short_end(struct tally_store *s, MDB_txn *txn)
{
	TALLY_ASSERT(txn == s->short_rd);
	mdb_txn_reset(txn);
	s->readers--;
}

/* Twice the map. Not under an open reader of ours: its pages would move. */
static int
grow_map(struct tally_store *s, struct tally_err *err)
{
	MDB_envinfo info;
	size_t size;
	int rc;

	if (s->readers > 0)
		return tally_err_set(err, TALLY_FULL, "data.mdb: the map is full while it is read");
	mdb_env_info(s->env, &info);
	if (__builtin_mul_overflow(info.me_mapsize, (size_t)2, &size))
		return tally_err_set(err, TALLY_FULL, "data.mdb: the map cannot grow");
	rc = mdb_env_set_mapsize(s->env, size);
	return rc ? store_mdb_err(err, rc, "data.mdb: map of %zu bytes", size) : 0;
}

/* A write that a full disk cut short comes back from LMDB as EIO. */
static int
commit_error(struct tally_store *s, int rc)
{
	struct statvfs fs;

	if (rc == EIO && fstatvfs(s->dirfd, &fs) == 0 && fs.f_bavail * fs.f_frsize < 65536)
		return ENOSPC;
	return rc;
}

static int
commit(struct tally_store *s, MDB_txn *txn, struct tally_err *err)
{
	int rc;

	if (store_fault("commit") < 0) {
		rc = errno;
		mdb_txn_abort(txn);
	} else {
		store_guard_writing = 1;
		rc = mdb_txn_commit(txn);
		store_guard_writing = 0;
	}
	if (rc == 0)
		return 0;
	if (rc == MDB_MAP_FULL) { /* found before anything was written */
		s->map_full = true;
		return store_mdb_err(err, rc, "commit");
	}
	s->broken = true;
	return store_mdb_err(err, commit_error(s, rc), "commit");
}

int
store_check_whole(const struct tally_store *s, struct tally_err *err)
{
	if (s->broken)
		return tally_err_set(err, TALLY_SYS,
				     "a commit failed: the ledger must be opened again");
	return 0;
}

int
store_write(struct tally_store *s, store_body *body, void *ctx, struct tally_err *err)
{
	TALLY_ASSERT(s->write);
	for (;;) {
		MDB_txn *txn;
		int rc;

		if (store_check_whole(s, err) < 0)
			return -1;
		s->map_full = false;
		rc = mdb_txn_begin(s->env, NULL, 0, &txn);
		if (rc == MDB_MAP_RESIZED && (rc = follow_resize(s, rc)) == 0)
			rc = mdb_txn_begin(s->env, NULL, 0, &txn);
		if (rc)
			return store_mdb_err(err, rc, "data.mdb: begin");
		s->index_is_new = s->gist_is_new = false;
		if (body(s, txn, ctx, err) < 0)
			mdb_txn_abort(txn);
		else if (commit(s, txn, err) == 0)
			return 0;
		if (s->index_is_new) /* and gone with the transaction */
			s->has_index = false;
		if (s->gist_is_new)
			s->has_gist = false;
		if (!s->map_full || grow_map(s, err) < 0)
			return -1;
	}
}

int
store_put(struct tally_store *s, MDB_txn *txn, MDB_dbi dbi, struct tally_bytes key,
	  struct tally_bytes value, unsigned flags, struct tally_err *err)
{
	MDB_val k = { key.len, (void *)(uintptr_t)key.p };
	MDB_val v = { value.len, (void *)(uintptr_t)value.p };
	int rc = 0;

	if (store_fault("put") < 0)
		rc = errno;
	store_guard_writing = 1;
	if (rc == 0)
		rc = mdb_put(txn, dbi, &k, &v, flags);
	store_guard_writing = 0;
	if (rc == MDB_MAP_FULL)
		s->map_full = true;
	return rc ? store_mdb_err(err, rc, "put") : 0;
}

int
store_get(MDB_txn *txn, MDB_dbi dbi, struct tally_bytes key, struct tally_bytes *out,
	  struct tally_err *err)
{
	MDB_val k = { key.len, (void *)(uintptr_t)key.p }, v;
	int rc = mdb_get(txn, dbi, &k, &v);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return store_mdb_err(err, rc, "get");
	*out = store_val(v);
	return 1;
}

int
store_last(MDB_txn *txn, MDB_dbi dbi, uint64_t *key, struct tally_bytes *value,
	   struct tally_err *err)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc)
		return store_mdb_err(err, rc, "cursor");
	rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return store_mdb_err(err, rc, "last");
	if (k.mv_size != sizeof(*key))
		return tally_err_set(err, TALLY_FAILS, "data.mdb: a key of %zu bytes", k.mv_size);
	memcpy(key, k.mv_data, sizeof(*key));
	*value = store_val(v);
	return 1;
}

int
store_before(MDB_txn *txn, MDB_dbi dbi, uint64_t *key, struct tally_bytes *value,
	     struct tally_err *err)
{
	MDB_val k = { sizeof(*key), key }, v;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc)
		return store_mdb_err(err, rc, "cursor");
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	rc = mdb_cursor_get(cursor, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return store_mdb_err(err, rc, "before");
	memcpy(key, k.mv_data, sizeof(*key));
	*value = store_val(v);
	return 1;
}
