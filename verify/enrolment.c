/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment records in the log (checks 5, 13 and 14), and what follows from them
 * for the sessions behind them and for the class (check 18). A record counts only
 * where a pinned enroller has signed it, or where it is pinned itself; nothing in
 * an export makes an enroller or a root.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tally/enrol.h"
#include "tally/time.h"
#include "verify_internal.h"

/* By which a record's entry may stand behind the end of its enroller's key. */
#define LATE (30 * 86400 * TALLY_SECOND)

/* One record on its way. */
struct taking {
	struct tally_export *x;
	const struct anchors *anchors;
	const struct session *session;
	uint64_t index;
	int64_t wall; /* of its entry */
	const char *file;
	struct tally_enrolment_file f;
	enum tally_class class;
	bool sound;
};

#define TELL(t, check, ...)                                                                        \
	((t)->sound = false, problem_entry((t)->x->problems, check, (t)->x->folder.path,           \
					   (t)->file, (t)->index, __VA_ARGS__))

/* The later one is more than `most` behind the other; no sum can overflow. */
static bool
is_beyond(int64_t later, int64_t earlier, int64_t most)
{
	return later > earlier && (uint64_t)later - (uint64_t)earlier > (uint64_t)most;
}

/* Dated when its enroller's key was valid, and in the ledger not long after: whoever
 * has stolen a key that was given up can choose the date only. */
static bool
is_in_span(struct taking *t, const struct enroller *e)
{
	if (t->f.e.time < e->from || t->f.e.time >= e->until)
		TELL(t, "tpm-14",
		     "enrolment record: dated when the key of its enroller %s was not valid",
		     e->key.name);
	else if (is_beyond(t->wall, e->until, LATE))
		TELL(t, "tpm-14",
		     "enrolment record: its entry was appended more than 30 days after the end of "
		     "the key of its enroller %s",
		     e->key.name);
	else
		return true;
	return false;
}

static void
keep(struct tally_buf *to, struct tally_bytes from)
{
	tally_buf_clear(to);
	tally_buf_add_bytes(to, from);
}

/* Whose key it is has to be known when a session has it. */
static void
pass_over(struct taking *t)
{
	struct enrolled *to = &t->x->enrolled;

	keep(&to->passed[1], tally_buf_view(&to->passed[0]));
	keep(&to->passed[0], t->f.e.ak_public);
}

/* Whether somebody pinned signed it. What nobody pinned signed is passed over. */
static bool
is_vouched_for(struct taking *t)
{
	const struct anchors *a = t->anchors;
	struct tally_err err = TALLY_ERR_INIT;
	bool revoked = false;

	for (size_t i = 0; i < a->n_records; i++)
		if (tally_bytes_eq(tally_buf_view(&a->records[i]), t->f.note.text))
			return true;
	for (size_t i = 0; i < a->n_enrollers; i++) {
		const struct enroller *e = &a->enrollers[i];
		int r = tally_note_verify(&t->f.note, &e->key, &err);

		if (r < 0)
			TELL(t, "tpm-14",
			     "enrolment record: the signature of the pinned enroller "
			     "%s does not verify",
			     e->key.name);
		if (r < 0)
			return false;
		if (r > 0 && !e->revoked)
			return is_in_span(t, e);
		revoked = revoked || r > 0;
	}
	pass_over(t);
	remark(t->x->problems,
	       "%s: entry %" PRIu64 ": an enrolment record %s: it counts for nothing",
	       t->x->folder.path, t->index,
	       revoked ? "of an enroller whose key is revoked"
		       : "that no pinned enroller has signed");
	return false;
}

static void
check_place(struct taking *t)
{
	const struct tally_export *x = t->x;
	const struct session *s = t->session;
	struct tally_misfit misfit[TALLY_MISFITS];
	struct tally_record_place p = { .origin = tally_bytes_str(x->origin),
					.key = x->has_key ? &x->key : NULL,
					.wall = t->wall,
					.succeeds = x->succeeds,
					.prev_origin = tally_buf_view(&x->prev_origin),
					.prev_size = x->prev_size,
					.prev_root = x->prev_root,
					.blind = s->blind };
	size_t n;

	if (s->open) {
		p.ek = s->st.ek_public;
		p.ak = s->st.ak_public;
		p.nv = s->st.nv_public;
	}
	if (x->enrolled.any)
		p.enrolled = tally_buf_view(&x->enrolled.ak);
	n = tally_record_misfits(&t->f, &p, misfit);
	for (size_t i = 0; i < n; i++)
		TELL(t, misfit[i].check, "enrolment record: %s", misfit[i].text);
}

static void
check_certificates(struct taking *t)
{
	const struct tally_enrolment *e = &t->f.e;
	struct tally_chain chain = { .class = TALLY_CLASS_SOFTWARE };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_ek ek;
	int r = 0;

	if (e->certificates > 0 && tally_ek_parse(&ek, e->certified_public, &err) == 0)
		r = tally_chain_check(t->anchors->roots, e->certificate, e->certificates, &ek,
				      e->time, &chain, &err);
	if (r < 0)
		TELL(t, "tpm-13", "enrolment record: %s", err.text);
	t->class = tally_enrolment_class(e, r, &chain, tally_roots_count(t->anchors->roots) > 0);
	if (r == 0 && e->certificates > 0)
		remark(t->x->problems,
		       "%s: entry %" PRIu64 ": the TPM's certificate leads to no pinned root",
		       t->x->folder.path, t->index);
	tally_chain_deinit(&chain);
}

static void
accept(struct taking *t)
{
	struct enrolled *to = &t->x->enrolled;
	const struct tally_enrolment *e = &t->f.e;

	if (!to->any || t->class < to->class)
		to->class = t->class;
	if (!to->any)
		to->first = t->index;
	else
		keep(&to->before, tally_buf_view(&to->ak));
	to->any = true;
	keep(&to->ek, e->ek_public);
	keep(&to->ak, e->ak_public);
	keep(&to->asset, e->asset);
	keep(&to->nv, e->nv);
	memcpy(to->host_id, e->host_id, TALLY_HASH);
}

void
enrolment_take(struct tally_export *x, const struct anchors *anchors, const struct session *session,
	       uint64_t index, uint64_t wall, struct tally_bytes record, const char *file)
{
	struct taking t = { .x = x,
			    .anchors = anchors,
			    .session = session,
			    .index = index,
			    .wall = wall < (uint64_t)TALLY_WALL_MAX ? (int64_t)wall
								    : TALLY_WALL_MAX,
			    .file = file,
			    .sound = true };
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_err err = TALLY_ERR_INIT;

	if (tally_enrolment_file_read(&t.f, "enrolment record", record, false, arena, &err) < 0) {
		TELL(&t, "tpm-1", "%s", err.text);
	} else if (is_vouched_for(&t)) {
		check_place(&t);
		check_certificates(&t);
		if (t.sound)
			accept(&t);
	}
	tally_enrolment_file_deinit(&t.f);
	tally_arena_free(arena);
}

static bool
is_either(struct tally_bytes key, const struct tally_buf *one, const struct tally_buf *other)
{
	return tally_bytes_eq(key, tally_buf_view(one)) ||
	       tally_bytes_eq(key, tally_buf_view(other));
}

void
enrolment_session(struct tally_export *x, const struct session *s, const char *file)
{
	struct enrolled *e = &x->enrolled;

	if (!e->any)
		return;
	if (!tally_bytes_eq(s->st.ek_public, tally_buf_view(&e->ek))) {
		problem_entry(x->problems, "tpm-5", x->folder.path, file, s->index,
			      "the session statement is of another TPM than was enrolled");
	} else if (is_either(s->st.ak_public, &e->ak, &e->before)) {
		return;
	} else if (is_either(s->st.ak_public, &e->passed[0], &e->passed[1])) {
		/* Nobody says that it is forged, and nobody who is pinned that it is not. */
		e->lapsed = true;
		remark(x->problems,
		       "%s: entry %" PRIu64 ": the session statement is of an attestation key that "
		       "no record that counts is of: from here on none vouches",
		       x->folder.path, s->index);
	} else {
		problem_entry(x->problems, "tpm-5", x->folder.path, file, s->index,
			      "the session statement is of another attestation key than was "
			      "enrolled");
	}
}

void
enrolment_entry(struct tally_export *x, unsigned kind, uint64_t index)
{
	bool metered = kind == TALLY_HEARTBEAT || kind == TALLY_IMPORT ||
		       (kind >= TALLY_DEFINED && kind <= TALLY_UNMANAGED_VM);

	if (metered && !x->has_metered) {
		x->has_metered = true;
		x->first_metered = index;
	}
}

enum tally_class
enrolment_class(struct tally_export *x)
{
	struct tally_bytes transport = tally_buf_view(&x->transport);
	enum tally_class class = tally_class_of(x->anchored, transport), better;

	if (!x->anchored || !x->enrolled.any)
		return class;
	if (x->enrolled.lapsed)
		return class;
	better = tally_class_enrolled(x->enrolled.class, transport);
	if (better > class && x->has_metered && x->first_metered < x->enrolled.first) {
		remark(x->problems,
		       "%s: enrolled as %s in entry %" PRIu64 ", but entry %" PRIu64
		       " was metered before: the record vouches for what comes behind it",
		       x->folder.path, tally_class_name(better), x->enrolled.first,
		       x->first_metered);
		return class;
	}
	if (better > class && !attested_reaches(x)) {
		remark(x->problems,
		       "%s: enrolled as %s, but entries from %" PRIu64
		       " on are not attested: no quote covers them",
		       x->folder.path, tally_class_name(better), x->attested.size);
		return class;
	}
	return better;
}

/* Whether one of two ledgers says that it goes on from the other. */
static bool
is_successor(const struct tally_export *new, const struct tally_export *old)
{
	return new->succeeds &&tally_bytes_eq(tally_buf_view(&new->prev_origin),
					      tally_bytes_str(old->origin));
}

void
enrolment_mark(const struct tally_export *a, struct tally_export *b)
{
	b->superseded = b->superseded || (a->enrolled.any && is_successor(a, b));
}

/* The old ledger's root where the new one says that it ended. */
static int
check_succession(struct tally_export *new, struct tally_export *old, struct tally_err *err)
{
	uint8_t root[TALLY_HASH];

	if (new->prev_size <= old->size) {
		if (export_root_at(old, new->prev_size, root, err) < 0)
			return -1;
		if (memcmp(root, new->prev_root, TALLY_HASH) != 0)
			problem_entry(new->problems, "tpm-14", new->folder.path, NULL, 0,
				      "the ledger that it succeeds has another root at %" PRIu64
				      " entries",
				      new->prev_size);
	}
	if (old->size > new->prev_size)
		remark(new->problems,
		       "%s: goes on for %" PRIu64 " entries behind its succession by %s",
		       old->folder.path, old->size - new->prev_size, new->origin);
	return 0;
}

int
enrolment_compare(struct tally_export *a, struct tally_export *b, struct tally_err *err)
{
	const struct enrolled *ea = &a->enrolled, *eb = &b->enrolled;

	if (is_successor(a, b))
		return check_succession(a, b, err);
	if (is_successor(b, a))
		return check_succession(b, a, err);
	if (a->succeeds && b->succeeds &&
	    tally_bytes_eq(tally_buf_view(&a->prev_origin), tally_buf_view(&b->prev_origin))) {
		problem(b->problems, "tpm-14", b->folder.path, NULL,
			"it succeeds the log that %s succeeds, too", a->origin);
		return 0;
	}
	/* What was succeeded is history, and not what the machine is now. */
	if (!ea->any || !eb->any || a->superseded || b->superseded)
		return 0;
	if (memcmp(ea->host_id, eb->host_id, TALLY_HASH) == 0)
		problem(b->problems, "tpm-14", b->folder.path, NULL,
			"its TPM is enrolled for %s, too, and neither log succeeds the other",
			a->origin);
	else if (ea->asset.len > 0 &&
		 tally_bytes_eq(tally_buf_view(&ea->asset), tally_buf_view(&eb->asset)))
		problem(b->problems, "tpm-14", b->folder.path, NULL,
			"its asset is enrolled with another TPM for %s, and neither log succeeds "
			"the other",
			a->origin);
	return 0;
}
