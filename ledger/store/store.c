/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a ledger. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/file.h"

static int
get_text(struct tally_store *s, MDB_txn *txn, const char *name, char **out, struct tally_err *err)
{
	struct tally_bytes value;
	int r = store_get(txn, s->meta, tally_bytes_str(name), &value, err);

	if (r < 0)
		return -1;
	if (r == 0 || value.len == 0 || memchr(value.p, 0, value.len) != NULL)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: no %s", name);
	*out = tally_strndup((const char *)value.p, value.len);
	return 0;
}

/* With the log's key beside it, this was a ledger. */
static enum tally_code
no_ledger(const struct tally_store *s)
{
	return faccessat(s->dirfd, "keys/log.vkey", F_OK, 0) == 0 ? TALLY_FAILS : TALLY_USE;
}

static int
parse_meta(struct tally_store *s, MDB_txn *txn, struct tally_err *err)
{
	struct tally_bytes format, vkey;
	int r = store_get(txn, s->meta, tally_bytes_str("format"), &format, err);

	if (r < 0)
		return -1;
	if (r == 0 || format.len != 4)
		return tally_err_set(err, no_ledger(s), "data.mdb: no ledger (no format)");
	if (tally_get_u32(format.p) != STORE_FORMAT)
		return tally_err_set(err, TALLY_USE,
				     "data.mdb: ledger format %u, this program knows %d",
				     tally_get_u32(format.p), STORE_FORMAT);
	if (get_text(s, txn, "origin", &s->origin, err) < 0 ||
	    get_text(s, txn, "transport", &s->transport, err) < 0 ||
	    store_read_closed(s, txn, err) < 0)
		return -1;
	r = store_get(txn, s->meta, tally_bytes_str("vkey"), &vkey, err);
	if (r == 0)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: no vkey");
	if (r < 0)
		return -1;
	if (tally_vkey_parse(&s->vkey, vkey, err) < 0) {
		err->code = TALLY_FAILS;
		return tally_err_prefix(err, "data.mdb: vkey");
	}
	if (strcmp(s->vkey.name, s->origin) != 0)
		return tally_err_set(err, TALLY_FAILS, "data.mdb: the vkey is of another origin");
	return 0;
}

static int
read_meta(struct tally_store *s, struct tally_err *err)
{
	MDB_txn *txn;
	int r;

	if (store_short_begin(s, &txn, err) < 0)
		return -1;
	r = parse_meta(s, txn, err);
	store_short_end(s, txn);
	return r;
}

static int
read_key(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf text = TALLY_BUF_INIT;
	int r = tally_file_read(s->dirfd, "keys/log.key", 4096, &text, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_SYS, "keys/log.key: missing");
	else if (r > 0 && (r = tally_logkey_parse(&s->key, tally_buf_view(&text), err)) < 0)
		tally_err_prefix_(err, "keys/log.key");
	if (text.len > 0)
		explicit_bzero(text.p, text.len);
	tally_buf_deinit(&text);
	if (r == 0 && !tally_vkey_eq(tally_logkey_vkey(s->key), &s->vkey))
		r = tally_err_set(err, TALLY_FAILS, "keys/log.key: the key of another ledger");
	return r;
}

static int
open_folder(struct tally_store *s, struct tally_err *err)
{
	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd >= 0)
		return 0;
	if (errno == ENOTDIR)
		return tally_err_set(err, TALLY_USE, "no ledger here (not a folder)");
	errno = errno ? errno : ENOENT;
	tally_err_sys_(err, "open");
	return -1;
}

static int
open_parts(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_checkpoint cp;
	struct tally_frontier head;
	uint64_t sequence;
	int r;

	if (open_folder(s, err) < 0 || store_file_check(s, err) < 0)
		return -1;
	if (s->write && store_lock(s, err) < 0)
		return -1;
	if (store_env_open(s, false, err) < 0) {
		if (err->code == TALLY_USE)
			err->code = no_ledger(s);
		return -1;
	}
	if (read_meta(s, err) < 0)
		return -1;
	if (s->write)
		return read_key(s, err) < 0 ? -1 : store_reopen(s, err);
	r = tally_store_last_note(s, &sequence, &note, err);
	if (r > 0)
		r = store_note_check(s, tally_buf_view(&note), &cp, &scratch, err);
	else if (r == 0)
		cp.size = 0;
	if (r == 0 && (r = store_head(s, &head, err)) == 0 && cp.size > head.size)
		r = tally_err_set(err, TALLY_FAILS,
				  "the newest note is of %llu entries, the head of %llu",
				  (unsigned long long)cp.size, (unsigned long long)head.size);
	tally_buf_deinit(&note);
	tally_buf_deinit(&scratch);
	return r;
}

int
tally_store_open(struct tally_store **out, const char *path, enum tally_store_mode mode,
		 const struct tally_clock *clock, struct tally_err *err)
{
	struct tally_store *s = tally_alloc(sizeof(*s));

	s->path = tally_strdup(path);
	s->dirfd = s->lockfd = -1;
	s->write = mode == TALLY_STORE_WRITE;
	s->clock = clock ? clock : tally_clock_real();
	s->boot_known = s->clock->boot_id(s->clock->ctx, s->boot_id) == 0;
	if (!s->boot_known)
		memset(s->boot_id, 0, sizeof(s->boot_id));
	if (open_parts(s, err) < 0) {
		tally_err_prefix_(err, "%s", path);
		tally_store_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
tally_store_close(struct tally_store *s)
{
	if (!s)
		return;
	store_env_close(s);
	tally_logkey_free(s->key);
	tally_buf_deinit(&s->tip_bytes);
	tally_buf_deinit(&s->index_tail);
	tally_index_writer_free(s->indexer);
	tally_buf_deinit(&s->gist_tail);
	tally_gist_free(s->gist_of);
	free(s->origin);
	free(s->transport);
	free(s->closed);
	free(s->path);
	/* Last: until now nobody else could write. */
	if (s->lockfd >= 0)
		close(s->lockfd);
	if (s->dirfd >= 0)
		close(s->dirfd);
	free(s);
}

const char *
tally_store_origin(const struct tally_store *s)
{
	return s->origin;
}

const struct tally_vkey *
tally_store_vkey(const struct tally_store *s)
{
	return &s->vkey;
}

struct tally_signer
tally_store_signer(struct tally_store *s)
{
	TALLY_ASSERT(s->key);
	return tally_logkey_signer(s->key);
}

const char *
tally_store_path(const struct tally_store *s)
{
	return s->path;
}

const char *
tally_store_transport(const struct tally_store *s)
{
	return s->transport;
}
