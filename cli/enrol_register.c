/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enroller's register: a folder with every record that was issued, one file each.
 * It answers one question: does this machine, or this TPM, already stand here as
 * something else?
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tally/csv.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/file.h"
#include "enrol.h"
#include "pins.h"

struct looking {
	const struct tally_enrolment *e;
	bool *again;
	struct tally_buf succeeded; /* origins that others go on from, a line each */
};

static bool
is_history(const struct looking *l, struct tally_bytes origin)
{
	struct tally_bytes rest = tally_buf_view(&l->succeeded);

	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.p, '\n', rest.len);
		size_t n = (size_t)(end - rest.p);

		if (tally_bytes_eq(tally_bytes(rest.p, n), origin))
			return true;
		rest = tally_bytes(end + 1, rest.len - n - 1);
	}
	return false;
}

static int
refuse(const char *name, const char *what, const struct tally_enrolment *old, struct tally_err *err)
{
	struct tally_buf origin = TALLY_BUF_INIT;
	char id[17];
	int r;

	tally_hex(id, old->host_id, 8);
	tally_printable(&origin, old->origin);
	r = tally_err_set(err, TALLY_FAILS,
			  "alarm: %s (TPM %s, log %s, in %s), and the new ledger does not succeed "
			  "that log: 'tally host replace' makes one that does",
			  what, id, tally_buf_cstr(&origin), name);
	tally_buf_deinit(&origin);
	return r;
}

static int
look(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	const struct looking *l = ctx;
	const struct tally_enrolment *e = l->e;
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f;
	int r = tally_enrolment_file_read(&f, name, content, false, arena, err);
	bool same_tpm, same_log, same_key, same_asset;

	if (r == 0) {
		same_tpm = memcmp(f.e.host_id, e->host_id, TALLY_HASH) == 0;
		same_log = tally_bytes_eq(f.e.origin, e->origin);
		same_key = tally_bytes_eq(f.e.vkey, e->vkey);
		same_asset = e->asset.len > 0 && tally_bytes_eq(f.e.asset, e->asset);
		if (same_tpm && same_log && same_key)
			*l->again = true;
		else if (same_tpm && same_log)
			r = refuse(name, "the log is enrolled with another key", &f.e, err);
		else if (same_log)
			r = refuse(name, "the log is enrolled with another TPM", &f.e, err);
		else if (e->succeeds && f.e.succeeds &&
			 tally_bytes_eq(e->prev_origin, f.e.prev_origin))
			r = refuse(name, "another log succeeds the old one", &f.e, err);
		else if (is_history(l, f.e.origin))
			r = 0;
		else if (same_tpm)
			r = refuse(name, "the TPM is enrolled for another log", &f.e, err);
		else if (same_asset)
			r = refuse(name, "the machine is enrolled with another TPM", &f.e, err);
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

/* First of all: which logs are history. */
static int
note_succession(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	struct looking *l = ctx;
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file f;
	int r = tally_enrolment_file_read(&f, name, content, false, arena, err);

	if (r == 0 && f.e.succeeds) {
		tally_buf_add_bytes(&l->succeeded, f.e.prev_origin);
		tally_buf_add_u8(&l->succeeded, '\n');
	}
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return r;
}

int
enrol_register_check(const char *dir, const struct tally_enrolment *e, bool *again,
		     struct tally_err *err)
{
	struct looking l = { .e = e, .again = again };
	int r = tally_dir_make(dir, 0700, err);

	*again = false;
	if (e->succeeds) {
		tally_buf_add_bytes(&l.succeeded, e->prev_origin);
		tally_buf_add_u8(&l.succeeded, '\n');
	}
	if (r == 0)
		r = pins_each(dir, note_succession, &l, err);
	if (r == 0)
		r = pins_each(dir, look, &l, err);
	tally_buf_deinit(&l.succeeded);
	return r;
}

int
enrol_register_add(const char *dir, const struct tally_enrolment *e, struct tally_bytes record,
		   struct tally_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
	struct tally_buf name = TALLY_BUF_INIT;
	uint8_t hash[TALLY_HASH];
	char id[17], of[17];

	if (fd < 0)
		return tally_err_sys(err, "%s", dir);
	tally_sha256(hash, record); /* no two records have one name */
	tally_hex(id, e->host_id, 8);
	tally_hex(of, hash, 8);
	tally_buf_addf(&name, "%s-%s.record", id, of);
	status = tally_file_replace(tally_disk_real(), fd, tally_buf_cstr(&name), record, 0600,
				    false, err);
	if (status < 0)
		(void)tally_err_prefix(err, "%s", dir);
	tally_buf_deinit(&name);
	close(fd);
	return status;
}
