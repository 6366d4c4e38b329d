/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enroller's register: a folder with every record that was issued, one file each.
 * It answers one question: does this machine, or this TPM, already stand here as
 * something else? Whoever opens it has it alone until he closes it, so that what was
 * checked is still so when the record is added.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tally/csv.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/file.h"
#include "enrol.h"
#include "pins.h"

#define LOCK ".lock" /* of no record's name, and no file of pins */

/* What a record says, in the arena. */
struct known {
	const char *name; /* of its file */
	struct tally_bytes origin, vkey, asset, prev_origin;
	bool succeeds;
	uint64_t prev_size;
	uint8_t prev_root[TALLY_HASH], host_id[TALLY_HASH];
};
struct enrol_register {
	const struct tally_disk *disk;
	char *dir;
	int fd, lock;
	struct tally_arena *arena;
	struct known *known;
	size_t n;
};

static struct tally_bytes
keep(struct tally_arena *arena, struct tally_bytes b)
{
	uint8_t *p = tally_arena_alloc(arena, b.len + 1);

	if (b.len > 0)
		memcpy(p, b.p, b.len);
	p[b.len] = 0;
	return tally_bytes(p, b.len);
}

static void
learn(struct enrol_register *r, const char *name, const struct tally_enrolment *e)
{
	struct known k = { .origin = keep(r->arena, e->origin),
			   .vkey = keep(r->arena, e->vkey),
			   .asset = keep(r->arena, e->asset),
			   .succeeds = e->succeeds };

	k.name = (const char *)keep(r->arena, tally_bytes_str(name)).p;
	if (e->succeeds)
		k.prev_origin = keep(r->arena, e->prev_origin);
	k.prev_size = e->prev_size;
	memcpy(k.prev_root, e->prev_root, TALLY_HASH);
	memcpy(k.host_id, e->host_id, TALLY_HASH);
	r->known = tally_realloc_array(r->known, r->n + 1, sizeof(*r->known));
	r->known[r->n++] = k;
}

static int
take(void *ctx, const char *name, struct tally_bytes content, struct tally_err *err)
{
	struct tally_arena *arena = tally_arena_new(4096);
	const char *slash = strrchr(name, '/');
	struct enrol_register *r = ctx;
	struct tally_enrolment_file f;
	int status = tally_enrolment_file_read(&f, name, content, false, arena, err);

	if (status == 0)
		learn(r, slash ? slash + 1 : name, &f.e);
	tally_enrolment_file_deinit(&f);
	tally_arena_free(arena);
	return status;
}

static int
take_lock(struct enrol_register *r, struct tally_err *err)
{
	r->lock = tally_file_lock(r->fd, LOCK, err);
	if (r->lock >= 0)
		return 0;
	return err->code == TALLY_HELD
		       ? tally_err_set(err, TALLY_HELD, "%s: another enroller is at it", r->dir)
		       : tally_err_prefix(err, "%s", r->dir);
}

int
enrol_register_open(struct enrol_register **out, const char *dir, const struct tally_disk *disk,
		    struct tally_err *err)
{
	struct enrol_register *r;

	if (tally_dir_make(dir, 0700, err) < 0)
		return -1;
	r = tally_alloc(sizeof(*r));
	r->disk = disk;
	r->dir = tally_strdup(dir);
	r->arena = tally_arena_new(65536);
	r->lock = -1;
	r->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		(void)tally_err_sys(err, "%s", dir);
	if (r->fd < 0 || take_lock(r, err) < 0 || pins_each(dir, take, r, err) < 0) {
		enrol_register_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
enrol_register_close(struct enrol_register *r)
{
	if (!r)
		return;
	if (r->lock >= 0)
		close(r->lock);
	if (r->fd >= 0)
		close(r->fd);
	tally_arena_free(r->arena);
	free(r->known);
	free(r->dir);
	free(r);
}

static int
refuse(const struct enrol_register *r, const struct known *old, struct enrol_finding *found,
       const char *what, struct tally_err *err)
{
	struct tally_buf origin = TALLY_BUF_INIT;
	char id[17];
	int status;

	found->alarm = what;
	tally_hex(id, old->host_id, 8);
	tally_printable(&origin, old->origin);
	status = tally_err_set(
		err, TALLY_FAILS,
		"alarm: %s (TPM %s, log %s, in %s/%s), and the new ledger does not succeed "
		"that log: 'tally host replace' makes one that does",
		what, id, tally_buf_cstr(&origin), r->dir, old->name);
	tally_buf_deinit(&origin);
	return status;
}

/* Whether another log goes on from this one: the new one, or one that is known. */
static bool
is_history(const struct enrol_register *r, const struct tally_enrolment *e,
	   struct tally_bytes origin)
{
	bool found = e->succeeds && tally_bytes_eq(e->prev_origin, origin);

	for (size_t i = 0; i < r->n && !found; i++)
		found = r->known[i].succeeds && tally_bytes_eq(r->known[i].prev_origin, origin);
	return found;
}

static int
look(const struct enrol_register *r, const struct known *k, const struct tally_enrolment *e,
     struct enrol_finding *found, struct tally_err *err)
{
	bool same_tpm = memcmp(k->host_id, e->host_id, TALLY_HASH) == 0;
	bool same_log = tally_bytes_eq(k->origin, e->origin);
	bool same_key = tally_bytes_eq(k->vkey, e->vkey);
	bool same_asset = e->asset.len > 0 && tally_bytes_eq(k->asset, e->asset);
	bool same_past =
		e->succeeds && k->succeeds && tally_bytes_eq(e->prev_origin, k->prev_origin);

	if (same_tpm && same_log && same_key) {
		found->again = true;
		found->confirmed =
			found->confirmed || (same_past && e->prev_size == k->prev_size &&
					     memcmp(e->prev_root, k->prev_root, TALLY_HASH) == 0);
	} else if (same_tpm && same_log) {
		return refuse(r, k, found, "the log is enrolled with another key", err);
	} else if (same_log) {
		return refuse(r, k, found, "the log is enrolled with another TPM", err);
	} else if (same_past) {
		return refuse(r, k, found, "another log succeeds the old one", err);
	} else if ((same_tpm || same_asset) && !is_history(r, e, k->origin)) {
		return refuse(r, k, found,
			      same_tpm ? "the TPM is enrolled for another log"
				       : "the machine is enrolled with another TPM",
			      err);
	}
	return 0;
}

int
enrol_register_check(const struct enrol_register *r, const struct tally_enrolment *e,
		     struct enrol_finding *found, struct tally_err *err)
{
	*found = (struct enrol_finding){ .again = false };
	for (size_t i = 0; i < r->n; i++)
		if (look(r, &r->known[i], e, found, err) < 0)
			return -1;
	return 0;
}

/* No two records have one name. */
static void
name_record(struct tally_buf *name, const struct tally_enrolment *e, struct tally_bytes record)
{
	uint8_t hash[TALLY_HASH];
	char id[17], of[17];

	tally_sha256(hash, record);
	tally_hex(id, e->host_id, 8);
	tally_hex(of, hash, 8);
	tally_buf_addf(name, "%s-%s.record", id, of);
}

static bool
is_known(const struct enrol_register *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->known[i].name, name) == 0)
			return true;
	return false;
}

bool
enrol_register_has(const struct enrol_register *r, const struct tally_enrolment *e,
		   struct tally_bytes record)
{
	struct tally_buf name = TALLY_BUF_INIT;
	bool known;

	name_record(&name, e, record);
	known = is_known(r, tally_buf_cstr(&name));
	tally_buf_deinit(&name);
	return known;
}

int
enrol_register_add(struct enrol_register *r, const struct tally_enrolment *e,
		   struct tally_bytes record, struct tally_err *err)
{
	struct tally_buf name = TALLY_BUF_INIT;
	int status = 0;

	name_record(&name, e, record);
	if (!is_known(r, tally_buf_cstr(&name))) {
		status = tally_file_replace(r->disk, r->fd, tally_buf_cstr(&name), record, 0600,
					    false, err);
		if (status == 0)
			learn(r, tally_buf_cstr(&name), e);
		else
			(void)tally_err_prefix(err, "%s", r->dir);
	}
	tally_buf_deinit(&name);
	return status;
}
