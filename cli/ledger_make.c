/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new ledger: TPM, log key, database, the first entry, the session's
 * statement, a checkpoint. It is made in a hidden folder beside its place,
 * locked meanwhile, and renamed when it is whole; what a crash leaves there is
 * cleared away by the next attempt. Only what a TPM of others holds for us is kept,
 * for the next attempt to take up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally/err.h"
#include "tally/file.h"
#include "cli.h"
#include "ledger.h"

/* A folder's own descriptor holds the lock, so that it goes with the rename. */
struct making {
	char *parent, *hidden; /* paths */
	int fd;
	bool shared;                           /* the TPM is not the folder's own */
	const struct cli_succession *old;      /* NULL: it begins by itself */
	const struct cli_passwords *passwords; /* NULL: there are none */
};

static int
split(struct making *m, const char *path, struct tally_err *err)
{
	size_t length = strlen(path), base;
	struct tally_buf hidden = TALLY_BUF_INIT;

	while (length > 1 && path[length - 1] == '/')
		length--;
	for (base = length; base > 0 && path[base - 1] != '/'; base--)
		;
	if (length - base == 0 || length - base > 240 ||
	    (path[length - 1] == '.' &&
	     (length - base == 1 || (length - base == 2 && path[base] == '.'))))
		return tally_err_set(err, TALLY_USE, "%s: no name for a new folder", path);
	m->parent = base > 0 ? tally_strndup(path, base) : tally_strdup("./");
	tally_buf_addf(&hidden, "%s.%.*s.new", m->parent, (int)(length - base), path + base);
	m->hidden = tally_strdup(tally_buf_cstr(&hidden));
	tally_buf_deinit(&hidden);
	return 0;
}

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	unsigned names = 0;

	if (!d)
		return false;
	while ((e = readdir(d)) != NULL)
		names += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return names == 0;
}

/* nftw has no context: the length of the folder's path, and whether its counter is kept. */
static size_t skip;
static bool kept;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static const char *const keep[] = { "/tpm", "/tpm/nv", "/tpm/state.key" };

	(void)st, (void)type;
	for (size_t i = 0; kept && i < sizeof(keep) / sizeof(*keep); i++)
		if (strcmp(path + skip, keep[i]) == 0)
			return 0;
	return ftw->level == 0 ? 0 : remove(path);
}

static int
clear_folder(const struct making *m, struct tally_err *err)
{
	skip = strlen(m->hidden);
	kept = m->shared && faccessat(m->fd, "tpm/nv", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (nftw(m->hidden, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		return tally_err_sys(err, "%s: remove what an earlier attempt left", m->hidden);
	return 0;
}

static int
begin(struct making *m, const char *path, struct tally_err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !is_empty(path))
		return tally_err_set(err, TALLY_USE, "%s: exists already", path);
	if (split(m, path, err) < 0)
		return -1;
	if (mkdir(m->hidden, 0700) < 0 && errno != EEXIST)
		return tally_err_sys(err, "%s", errno == ENOENT ? m->parent : m->hidden);
	m->fd = open(m->hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m->fd < 0)
		return tally_err_sys(err, "%s", m->hidden);
	if (flock(m->fd, LOCK_EX | LOCK_NB) < 0) {
		close(m->fd);
		m->fd = -1;
		if (errno != EWOULDBLOCK)
			return tally_err_sys(err, "%s", m->hidden);
		return tally_err_set(err, TALLY_HELD, "%s: another process is making it", path);
	}
	return clear_folder(m, err);
}

/* tallystick.invalid/<host>-<8 hex of host_id>; what a key's name may not hold becomes '-'. */
static int
default_origin(struct tally_buf *out, struct tally_tpm *tpm, const char *host,
	       struct tally_err *err)
{
	struct tally_tpm_info info;
	uint8_t id[TALLY_HASH];
	char hex[9];

	if (tpm->info(tpm->ctx, &info, err) < 0)
		return -1;
	tally_host_id(id, info.ek_public);
	tally_hex(hex, id, 4);
	tally_buf_add_str(out, "tallystick.invalid/");
	for (const char *c = host; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';
		tally_buf_add_u8(out, plain ? (uint8_t)*c : '-');
	}
	tally_buf_addf(out, "-%s", hex);
	return 0;
}

static int
copy_password(const char *from, int dir, const char *name, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int status = cli_read_input(from, 4096, &text, err);

	if (status == 0)
		status = tally_file_replace(tally_disk_real(), dir, name, tally_buf_view(&text),
					    0600, false, err);
	if (text.p)
		explicit_bzero(text.p, text.cap);
	tally_buf_deinit(&text);
	return status;
}

static int
copy_passwords(const struct cli_passwords *from, const char *path, struct tally_err *err)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;

	if (dir < 0)
		return tally_err_sys(err, "%s", path);
	if (from->endorsement)
		status = copy_password(from->endorsement, dir, "endorsement.password", err);
	if (status == 0 && from->owner)
		status = copy_password(from->owner, dir, "owner.password", err);
	close(dir);
	return status;
}

/* The new TPM names the ledger, so it is made first, and stopped again. */
static int
make_tpm(const struct making *m, const char *transport, const char *host, struct tally_buf *origin,
	 struct tally_err *err)
{
	struct tally_buf dir = TALLY_BUF_INIT;
	struct tally_tpm *tpm = NULL;
	int status;

	tally_buf_addf(&dir, "%s/tpm", m->hidden);
	status = mkdir(tally_buf_cstr(&dir), 0700);
	if (status < 0 && errno == EEXIST && m->shared)
		status = 0;
	else if (status < 0)
		(void)tally_err_sys(err, "%s", tally_buf_cstr(&dir));
	if (status == 0 && m->passwords)
		status = copy_passwords(m->passwords, tally_buf_cstr(&dir), err);
	if (status == 0)
		status = tally_tpm_start(&tpm, NULL, tally_buf_cstr(&dir), transport, true, err);
	if (status == 0 && origin->len == 0)
		status = default_origin(origin, tpm, host, err);
	tally_tpm_stop(tpm);
	tally_buf_deinit(&dir);
	return status;
}

static int
append_begin(struct tally_store *s, const char *host, const struct cli_succession *old,
	     struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };
	struct tally_buf vkey = TALLY_BUF_INIT;
	uint64_t index;
	int status;

	tally_vkey_text(&vkey, tally_store_vkey(s));
	ev.i.host = tally_bytes_str(host);
	ev.o.version = tally_bytes_str(TALLY_VERSION);
	ev.o.origin = tally_bytes_str(tally_store_origin(s));
	ev.o.vkey = tally_buf_view(&vkey);
	if (old) {
		ev.o.prev_origin = tally_bytes_str(old->origin);
		ev.o.has_prev_size = true;
		ev.o.prev_size = old->size;
		ev.o.prev_root = tally_bytes(old->root, TALLY_HASH);
	}
	status = tally_store_append_event(s, &ev, &index, err);
	tally_buf_deinit(&vkey);
	return status;
}

static int
fill(const struct making *m, const char *transport, const char *host, struct tally_buf *origin,
     struct tally_err *err)
{
	struct tally_init_options o = { .host = host, .transport = transport };
	struct cli_ledger l = { 0 };
	int status;

	if (make_tpm(m, transport, host, origin, err) < 0)
		return -1;
	o.origin = tally_buf_cstr(origin);
	if (m->old && strcmp(o.origin, m->old->origin) == 0)
		return tally_err_set(err, TALLY_USE,
				     "the old log has this origin already: give another with "
				     "--origin");
	if (tally_store_create(m->hidden, &o, err) < 0 ||
	    cli_ledger_open(&l, m->hidden, false, err) < 0)
		return -1;
	status = append_begin(l.store, host, m->old, err);
	if (status == 0)
		status = cli_ledger_seal(&l, false, err);
	if (status == 0 && cli_ledger_checkpoint(&l, err) < 0)
		status = -1;
	return cli_ledger_close(&l, status, err);
}

static int
finish(const struct making *m, const char *path, struct tally_err *err)
{
	int parent = open(m->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;

	if (parent < 0)
		return tally_err_sys(err, "%s", m->parent);
	if (fsync(m->fd) < 0 || rename(m->hidden, path) < 0 || fsync(parent) < 0)
		status = errno == ENOTEMPTY || errno == EEXIST
				 ? tally_err_set(err, TALLY_USE, "%s: exists already", path)
				 : tally_err_sys(err, "%s", path);
	close(parent);
	return status;
}

static int
make(const char *path, const char *transport, const char *host, const char *origin,
     const struct cli_succession *old, const struct cli_passwords *passwords, struct tally_err *err)
{
	struct making m = { .fd = -1,
			    .shared = strcmp(transport, "libtpms") != 0,
			    .old = old,
			    .passwords = passwords };
	struct tally_buf name = TALLY_BUF_INIT;
	char own[256] = "";
	int status;

	if (gethostname(own, sizeof(own) - 1) < 0 || !own[0])
		memcpy(own, "host", sizeof("host"));
	if (origin)
		tally_buf_add_str(&name, origin);
	status = begin(&m, path, err);
	if (status == 0)
		status = fill(&m, transport, host ? host : own, &name, err);
	if (status == 0)
		status = finish(&m, path, err);
	if (status < 0 && m.fd >= 0) {
		struct tally_err ignored = TALLY_ERR_INIT;
		if (clear_folder(&m, &ignored) == 0)
			(void)rmdir(m.hidden);
	}
	if (m.fd >= 0)
		close(m.fd);
	tally_buf_deinit(&name);
	free(m.parent);
	free(m.hidden);
	return status;
}

int
cli_ledger_make(const char *path, const char *transport, const char *host, const char *origin,
		struct tally_err *err)
{
	return make(path, transport, host, origin, NULL, NULL, err);
}

int
cli_ledger_succeed(const char *path, const char *transport, const char *origin,
		   const struct cli_succession *old, const struct cli_passwords *passwords,
		   struct tally_err *err)
{
	return make(path, transport, NULL, origin, old, passwords, err);
}
