/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a record fits to where it stands in a ledger: what a verifier holds it
 * against (checks 5, 12 and 14), and what nobody should store who could know better.
 */
#include <string.h>
#include "tally/enrol.h"
#include "tally/err.h"
#include "tally/store.h"
#include "tally/time.h"

#define AHEAD (3600 * TALLY_SECOND) /* by which an enroller's clock may be before the host's */

/* No sum can overflow. */
static bool
is_ahead(int64_t later, int64_t earlier)
{
	return later > earlier && (uint64_t)later - (uint64_t)earlier > (uint64_t)AHEAD;
}

static bool
is_other_succession(const struct tally_enrolment *e, const struct tally_record_place *p)
{
	if (e->succeeds != p->succeeds)
		return true;
	return e->succeeds &&
	       (!tally_bytes_eq(e->prev_origin, p->prev_origin) || e->prev_size != p->prev_size ||
		memcmp(e->prev_root, p->prev_root, TALLY_HASH) != 0);
}

/* A record's attestation key is that of the session that it stands in; or, for a key
 * that is to come, that session's key was enrolled itself. */
static const char *
misfit_of_keys(const struct tally_enrolment *e, const struct tally_record_place *p)
{
	if (p->ek.len == 0)
		return "no session statement before it";
	if (!tally_bytes_eq(e->ek_public, p->ek))
		return "of another TPM than the session's";
	if (!tally_bytes_eq(e->ak_public, p->ak) &&
	    !(p->enrolled.len > 0 && tally_bytes_eq(p->enrolled, p->ak)))
		return "of another attestation key than the session's";
	return NULL;
}

static bool
is_other_counter(const struct tally_enrolment *e, const struct tally_record_place *p)
{
	uint8_t name[34];

	if (p->blind || p->ek.len == 0 || e->nv.len == 0)
		return false;
	if (p->nv.len == 0)
		return true;
	tally_tpm_name(name, p->nv);
	return !tally_bytes_eq(e->nv, tally_bytes(name, sizeof(name)));
}

size_t
tally_record_misfits(const struct tally_enrolment_file *f, const struct tally_record_place *p,
		     struct tally_misfit out[TALLY_MISFITS])
{
	const struct tally_enrolment *e = &f->e;
	const char *keys = p->blind ? NULL : misfit_of_keys(e, p);
	size_t n = 0;

	if (!tally_bytes_eq(e->origin, p->origin) || (p->key && !tally_vkey_eq(&f->log, p->key)))
		out[n++] = (struct tally_misfit){ "tpm-14", "of another log" };
	if (is_ahead(e->time, p->wall))
		out[n++] = (struct tally_misfit){ "tpm-14", "dated after the entry that holds it" };
	if (is_other_succession(e, p))
		out[n++] = (struct tally_misfit){
			"tpm-14", "its succession is not that of the ledger's first entry"
		};
	if (keys)
		out[n++] = (struct tally_misfit){ "tpm-5", keys };
	if (is_other_counter(e, p))
		out[n++] = (struct tally_misfit){ "tpm-12",
						  "of another NV counter than the session's" };
	return n;
}

/* Whether a line of both is of one key. What it says nobody here can verify: an enroller's
 * key is pinned off the host. */
static bool
share_signer(const struct tally_note *a, const struct tally_note *b)
{
	for (size_t i = 0; i < a->lines; i++)
		if (tally_note_find(b, a->line[i].name, a->line[i].id))
			return true;
	return false;
}

/* What speaks against a record behind another one, beside its place. */
static const char *
misfit_of_order(const struct tally_enrolment_file *f, const struct tally_enrolment_file *before,
		const struct tally_record_place *p)
{
	if (f->e.time < before->e.time)
		return "older than the ledger's newest record";
	if (!tally_bytes_eq(f->e.ak_public, p->ak) && !share_signer(&f->note, &before->note))
		return "of a new attestation key, but not of the enroller of the ledger's newest "
		       "record: he has to enrol the present key first";
	return NULL;
}

static int
check_place(const struct tally_enrolment_file *f, struct tally_record_place *p,
	    const struct tally_record_ledger *l, const char **misfit, struct tally_err *err)
{
	struct tally_bytes record = tally_buf_view(&l->has->record);
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_enrolment_file before = { 0 };
	struct tally_misfit found[TALLY_MISFITS];
	struct tally_statement st;
	int r = 0;

	if (l->has->statement.len > 0) {
		r = tally_statement_decode(&st, tally_buf_view(&l->has->statement), arena, err);
		p->ek = st.ek_public;
		p->ak = st.ak_public;
		p->nv = st.nv_public;
	}
	if (r == 0 && record.len > 0) {
		r = tally_enrolment_file_read(&before, "the record before it", record, false, arena,
					      err);
		p->enrolled = before.e.ak_public;
	}
	if (r == 0 && tally_record_misfits(f, p, found) > 0)
		*misfit = found[0].text;
	else if (r == 0 && record.len > 0)
		*misfit = misfit_of_order(f, &before, p);
	tally_enrolment_file_deinit(&before);
	tally_arena_free(arena);
	return r;
}

int
tally_record_fits(const struct tally_enrolment_file *f, const char *name, struct tally_bytes note,
		  const struct tally_record_ledger *l, struct tally_err *err)
{
	struct tally_record_place p = { .origin = tally_bytes_str(l->key->name),
					.key = l->key,
					.wall = l->wall,
					.succeeds = l->has->succeeds,
					.prev_origin = tally_buf_view(&l->has->prev_origin),
					.prev_size = l->has->prev_size,
					.prev_root = l->has->prev_root };
	const char *misfit = NULL;

	if (tally_bytes_eq(note, tally_buf_view(&l->has->record)))
		return 1;
	if (check_place(f, &p, l, &misfit, err) < 0)
		return -1;
	if (misfit)
		return tally_err_set(err, TALLY_FAILS,
				     "%s: no record for this ledger, as it stands now: %s", name,
				     misfit);
	return 0;
}
