/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new ledger: folder, lock, keys, database, meta; no entry yet. The folder
 * may be there already if it holds nothing but tpm/, whose host_id names the
 * ledger. What a failure leaves is taken away again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/file.h"

#define ORIGIN_PREFIX "tallystick.invalid/"

/* tallystick.invalid/<host>-<8 hex>; what a key name may not hold becomes '-'. */
static char *
default_origin(const char *host)
{
	struct tally_buf b = TALLY_BUF_INIT;
	uint8_t random[TALLY_SEED];
	char hex[9], own[256] = "";

	if (!host) {
		if (gethostname(own, sizeof(own) - 1) < 0 || own[0] == '\0')
			memcpy(own, "host", sizeof("host"));
		host = own;
	}
	tally_seed(random);
	tally_hex(hex, random, 4);
	tally_buf_add_str(&b, ORIGIN_PREFIX);
	for (size_t i = 0; host[i] && i < 200; i++) {
		char c = host[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '.' || c == '_';

		tally_buf_add_u8(&b, plain ? (uint8_t)c : '-');
	}
	tally_buf_addf(&b, "-%s", hex);
	tally_buf_add_u8(&b, 0);
	return (char *)b.p;
}

/* -1 TALLY_USE where something is in the folder. 1 where it was made here. */
static int
make_folder(const char *path, struct tally_err *err)
{
	struct dirent *d;
	DIR *dir;

	if (mkdir(path, 0700) == 0)
		return 1;
	if (errno != EEXIST)
		return tally_err_sys(err, "make the folder");
	dir = opendir(path);
	if (!dir && errno == ENOTDIR)
		return tally_err_set(err, TALLY_USE, "exists and is no folder");
	if (!dir)
		return tally_err_sys(err, "open");
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    strcmp(d->d_name, "tpm") == 0)
			continue;
		tally_err_set_(err, TALLY_USE, "exists and holds '%s'", d->d_name);
		closedir(dir);
		return -1;
	}
	closedir(dir);
	if (chmod(path, 0700) < 0)
		return tally_err_sys(err, "set mode");
	return 0;
}

static int
make_key(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf secret = TALLY_BUF_INIT, public = TALLY_BUF_INIT;
	int fd, r = -1;

	if (tally_logkey_generate(&s->key, s->origin, err) < 0)
		return -1;
	s->vkey = *tally_logkey_vkey(s->key);
	if (mkdirat(s->dirfd, "keys", 0700) < 0)
		return tally_err_sys(err, "keys");
	fd = openat(s->dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return tally_err_sys(err, "keys");
	tally_logkey_text(s->key, &secret);
	if (secret.len == 0 || secret.p[secret.len - 1] != '\n')
		tally_buf_add_u8(&secret, '\n');
	tally_vkey_text(&public, &s->vkey);
	tally_buf_add_u8(&public, '\n');
	if (tally_file_replace(store_disk(), fd, "log.key", tally_buf_view(&secret), 0600, false,
			       err) == 0 &&
	    tally_file_replace(store_disk(), fd, "log.vkey", tally_buf_view(&public), 0644, false,
			       err) == 0)
		r = 0;
	close(fd);
	explicit_bzero(secret.p, secret.len);
	tally_buf_deinit(&secret);
	tally_buf_deinit(&public);
	return r;
}

static int
meta_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	struct tally_buf vkey = TALLY_BUF_INIT;
	uint8_t format[4];
	int r = 0;

	(void)ctx;
	tally_put_u32(format, STORE_FORMAT);
	tally_vkey_text(&vkey, &s->vkey);
	if (store_put(s, txn, s->meta, tally_bytes_str("origin"), tally_bytes_str(s->origin), 0,
		      err) < 0 ||
	    store_put(s, txn, s->meta, tally_bytes_str("transport"), tally_bytes_str(s->transport),
		      0, err) < 0 ||
	    store_put(s, txn, s->meta, tally_bytes_str("vkey"), tally_buf_view(&vkey), 0, err) <
		    0 ||
	    store_put(s, txn, s->meta, tally_bytes_str("format"),
		      tally_bytes(format, sizeof(format)), 0, err) < 0)
		r = -1;
	tally_buf_deinit(&vkey);
	return r;
}

static int
sync_folder(struct tally_store *s, struct tally_err *err)
{
	int parent = openat(s->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (store_fault("fsync") < 0 || fsync(s->dirfd) < 0 ||
	    (parent >= 0 && fsync(parent) < 0 && errno != EINVAL))
		r = tally_err_sys(err, "sync");
	if (parent >= 0)
		close(parent);
	return r;
}

static bool
is_made(struct tally_store *s)
{
	struct stat st;

	return fstatat(s->dirfd, "keys", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(s->dirfd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The lock, and a second look behind it: from then on what is in the folder is
 * ours to take away (`*ours`). */
static int
claim(struct tally_store *s, bool *ours, struct tally_err *err)
{
	int r;

	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return tally_err_sys(err, "open");
	r = store_lock(s, err);
	if (s->lockfd >= 0 && is_made(s))
		return tally_err_set(err, TALLY_USE, "exists");
	*ours = s->lockfd >= 0;
	return r;
}

static int
make(struct tally_store *s, struct tally_err *err)
{
	if (make_key(s, err) < 0)
		return -1;
	if (mkdirat(s->dirfd, "tpm", 0700) < 0 && errno != EEXIST)
		return tally_err_sys(err, "tpm");
	if (store_env_open(s, true, err) < 0 || store_write(s, meta_body, NULL, err) < 0)
		return -1;
	return sync_folder(s, err);
}

static void
take_away(struct tally_store *s, bool folder)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "keys/log.key",
					     "keys/log.vkey", "lock" };

	store_env_close(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(s->dirfd, files[i], 0);
	unlinkat(s->dirfd, "keys", AT_REMOVEDIR);
	if (folder) {
		unlinkat(s->dirfd, "tpm", AT_REMOVEDIR);
		rmdir(s->path);
	}
}

int
tally_store_create(const char *path, const struct tally_init_options *o, struct tally_err *err)
{
	struct tally_store *s = tally_alloc(sizeof(*s));
	bool ours = false;
	int made, r = -1;

	s->path = tally_strdup(path);
	s->dirfd = s->lockfd = -1;
	s->write = true;
	s->clock = tally_clock_real();
	s->origin = o->origin ? tally_strdup(o->origin) : default_origin(o->host);
	s->transport = tally_strdup(o->transport ? o->transport : "libtpms");
	if (!tally_name_valid(tally_bytes_str(s->origin))) {
		tally_err_set_(err, TALLY_USE,
			       "no name for a log: 1 to 255 bytes, no white space, no '+'");
	} else if ((made = make_folder(path, err)) >= 0) {
		r = claim(s, &ours, err);
		if (r == 0)
			r = make(s, err);
		if (r < 0 && ours)
			take_away(s, made > 0);
	}
	if (r < 0)
		tally_err_prefix_(err, "%s", path);
	tally_store_close(s);
	return r;
}
