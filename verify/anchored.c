/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors: intents, and what came of them (checks 7, 9 and 12). An intent is bound by
 * the first note that covers it; what the TPM certified over that note is one value of
 * its counter. A counter only rises, so one value that binds two notes proves that there
 * are two histories, and a value that no intent accounts for that one may be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/row.h"
#include "verify_internal.h"

#define LOOSE ((uint64_t)(3600 * TALLY_SECOND)) /* ns without an anchor that are worth a word */

#define TELL(x, check, file, index, ...)                                                           \
	problem_entry((x)->problems, check, (x)->folder.path, file, index, __VA_ARGS__)

/* The counter that a session names: enrolled, or at least that of the sessions before. */
void
anchored_session(struct tally_export *x, const struct session *s, const char *file)
{
	struct anchored *a = &x->anchors_made;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_bytes known = tally_buf_view(&a->counter_name);
	uint8_t name[34] = { 0 };
	uint32_t index;

	if (s->st.nv_public.p) {
		if (tally_counter_public(s->st.nv_public, &index, &err) < 0)
			TELL(x, "tpm-12", file, s->index, "session statement: %s", err.text);
		tally_tpm_name(name, s->st.nv_public);
	}
	if (x->enrolled.any && x->enrolled.nv.len > 0)
		known = tally_buf_view(&x->enrolled.nv);
	if (known.len > 0 && !s->st.nv_public.p)
		TELL(x, "tpm-12", file, s->index,
		     "the session statement names no NV counter; there was one before");
	else if (known.len > 0 && !tally_bytes_eq(known, tally_bytes(name, sizeof(name))))
		TELL(x, "tpm-12", file, s->index,
		     "the session statement names another NV counter than %s",
		     x->enrolled.any && x->enrolled.nv.len > 0 ? "was enrolled"
							       : "those before it");
	if (known.len == 0 && s->st.nv_public.p)
		tally_buf_add(&a->counter_name, name, sizeof(name));
}

void
anchored_note(struct tally_export *x, const struct tally_note *note, uint64_t size)
{
	struct anchored *a = &x->anchors_made;

	if (!a->open || a->bound || size <= a->intent)
		return;
	a->bound = true;
	tally_q_checkpoint(a->q, note->text);
}

void
anchored_receipt(struct tally_export *x, uint64_t index)
{
	x->anchors_made.has_receipt = true;
	x->anchors_made.receipt = index;
}

/* Each of these entries names the intent before it. */
static void
check_link(struct tally_export *x, uint64_t index, const struct tally_operations *o,
	   const char *file)
{
	const struct anchored *a = &x->anchors_made;

	if (o->has_anchor != a->any || (a->any && o->anchor != a->intent))
		TELL(x, "tpm-12", file, index, "it does not follow the anchor's intent before it");
}

void
anchored_intent(struct tally_export *x, const struct session *s, uint64_t index,
		const struct tally_operations *o, const char *file)
{
	struct anchored *a = &x->anchors_made;

	check_link(x, index, o, file);
	if (a->open && !s->blind)
		TELL(x, "tpm-12", file, index, "nothing came of the intent in entry %" PRIu64,
		     a->intent);
	if (!s->blind && !s->open)
		TELL(x, "tpm-8", file, index, "anchor: no session statement before it");
	else if (!s->blind &&
		 (o->reset_count != s->st.reset_count || o->restart_count != s->st.restart_count))
		TELL(x, "tpm-8", file, index,
		     "anchor: of TPM session %u.%u, not the statement's %u.%u", o->reset_count,
		     o->restart_count, s->st.reset_count, s->st.restart_count);
	if (!s->blind && s->open && o->has_counter != (s->st.nv_public.p != NULL))
		TELL(x, "tpm-12", file, index, "anchor: %s",
		     o->has_counter ? "the session has no NV counter"
				    : "without the session's NV counter");
	if (a->known && o->has_counter && o->counter != a->value + 1)
		TELL(x, "tpm-12", file, index,
		     "anchor: the counter is to be %" PRIu64 ", but was %" PRIu64
		     ": what the values between them bound is not in this ledger",
		     o->counter, a->value);
	if (o->has_newest_receipt != a->has_receipt ||
	    (a->has_receipt && o->newest_receipt != a->receipt))
		TELL(x, "tpm-12", file, index, "anchor: it does not name the newest receipt");
	a->any = a->open = true;
	a->bound = false;
	a->intent = index;
	a->counts = o->has_counter;
	a->counter = o->counter;
}

/* 0 where it is that value over that note; the row of the check-list and the text else. */
static int
check_certified(struct tally_export *x, const struct session *s, struct tally_bytes bytes,
		unsigned *check, struct tally_err *err)
{
	const struct anchored *a = &x->anchors_made;
	struct tally_attested attested;
	uint64_t value;

	*check = 1;
	if (tally_attested_parse(&attested, bytes, err) < 0 ||
	    tally_counter_check(s->key, &s->st, &attested, a->q, &value, check, err) < 0)
		return -1;
	*check = 12;
	if (value != a->counter)
		return tally_err_set(err, TALLY_FAILS,
				     "the TPM certified %" PRIu64 ", the intent says %" PRIu64,
				     value, a->counter);
	return 0;
}

static void
keep_certified(struct tally_export *x, const struct session *s, uint64_t index)
{
	struct anchored *a = &x->anchors_made;
	struct anchored_value v = { .value = a->counter, .index = index };

	tally_host_id(v.tpm, s->st.ek_public);
	tally_tpm_name(v.tpm + TALLY_HASH, s->st.nv_public);
	memcpy(v.q, a->q, sizeof(v.q));
	if (a->count == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 64;
		a->certified = tally_realloc_array(a->certified, a->cap, sizeof(*a->certified));
	}
	a->certified[a->count++] = v;
}

static void
tell_check(struct tally_export *x, unsigned check, const char *file, uint64_t index,
	   const char *what, const struct tally_err *err)
{
	char name[16];

	snprintf(name, sizeof(name), "tpm-%u", check);
	TELL(x, name, file, index, "anchor: %s: %s", what, err->text);
}

static void
check_attested(struct tally_export *x, struct session *s, uint64_t index,
	       const struct tally_operations *o, const char *file)
{
	const struct anchored *a = &x->anchors_made;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_attested attested;
	struct tally_tpm_time time;
	unsigned check = 1;
	char where[32];

	if (a->counts != (o->certification.p != NULL))
		TELL(x, "tpm-12", file, index, "anchor: %s",
		     a->counts ? "the counter is not certified"
			       : "a certification that no intent asked for");
	else if (a->counts && check_certified(x, s, o->certification, &check, &err) < 0)
		tell_check(x, check, file, index, "counter", &err);
	else if (a->counts)
		keep_certified(x, s, index);
	check = 1;
	if (tally_attested_parse(&attested, o->tpm_time, &err) < 0 ||
	    tally_time_check(s->key, &s->st, &attested, a->q, &time, &check, &err) < 0) {
		tell_check(x, check, file, index, "time", &err);
		return;
	}
	s->unsafe += !time.safe;
	clocks_time(x, &time, file, index);
	snprintf(where, sizeof(where), "entry %" PRIu64, index);
	firmware_seen(x, s, time.firmware, file, where);
}

/* An agent whose counter is ahead signs no more, and one whose counter is behind brings it to
 * its value; so a gap may tell of one that is behind, or of a session that has none. What
 * else is passed over is what binds the history that is kept back. */
static void
take_gap(struct tally_export *x, const struct session *s, uint64_t index,
	 const struct tally_operations *o, const char *file)
{
	struct anchored *a = &x->anchors_made;

	a->gaps++;
	remark(x->problems, "%s: entry %" PRIu64 ": a gap of the anchors: %.*s", x->folder.path,
	       index, (int)o->detail.len, o->detail.p ? (const char *)o->detail.p : "");
	if (!a->known && a->open && a->counts && a->counter > 0) {
		a->known = true;
		a->value = a->counter - 1;
	}
	a->open = false;
	if (o->has_counter && a->known && o->counter >= a->value)
		TELL(x, "tpm-12", file, index,
		     "a gap at counter %" PRIu64 ", not behind %" PRIu64
		     ": what the values that it passes over bound is not in this ledger",
		     o->counter, a->value);
	else if (!o->has_counter && !s->blind && s->open && s->st.nv_public.p)
		TELL(x, "tpm-12", file, index, "a gap without the session's NV counter");
	a->known = a->known && (o->has_counter || (s->open && s->st.nv_public.p));
}

void
anchored_take(struct tally_export *x, struct session *s, uint64_t index,
	      const struct tally_operations *o, const char *file)
{
	struct anchored *a = &x->anchors_made;

	check_link(x, index, o, file);
	if (!o->tpm_time.p) {
		take_gap(x, s, index, o, file);
		return;
	}
	if (!a->open)
		TELL(x, "tpm-12", file, index, "an anchor that nothing was intended for");
	else if (!s->blind && !s->open)
		TELL(x, "tpm-8", file, index, "anchor: no session statement before it");
	else if (!a->bound)
		TELL(x, "tpm-7", file, index, "anchor: no note covers its intent");
	else if (!s->blind)
		check_attested(x, s, index, o, file);
	if (o->detail.len > 0)
		remark(x->problems, "%s: entry %" PRIu64 ": %.*s", x->folder.path, index,
		       (int)o->detail.len, (const char *)o->detail.p);
	if (a->open && a->counts) {
		a->newest = index;
		a->wall = x->attested.last.wall;
	}
	a->known = a->open && a->counts;
	a->value = a->counter;
	a->open = false;
}

static int
by_tpm(const void *a, const void *b)
{
	const struct anchored_value *l = a, *r = b;

	return memcmp(l->tpm, r->tpm, sizeof(l->tpm));
}

static int
by_value(const void *a, const void *b)
{
	const struct anchored_value *l = a, *r = b;
	int order = by_tpm(a, b);

	if (order != 0)
		return order;
	if (l->value != r->value)
		return l->value < r->value ? -1 : 1;
	return l->index < r->index ? -1 : l->index > r->index;
}

static int
by_index(const void *a, const void *b)
{
	const struct anchored_value *l = a, *r = b;
	int order = by_tpm(a, b);

	return order != 0 ? order : l->index < r->index ? -1 : l->index > r->index;
}

/* Of each counter, in the order of the log; then by their values, as they are compared. Notes of
 * one tree are of one history, whatever values bind them. */
static void
check_rising(struct tally_export *x)
{
	const struct anchored *a = &x->anchors_made;
	const struct anchored_value *most = a->certified;
	char file[PATH_ROOM];

	if (a->count < 2)
		return;
	qsort(a->certified, a->count, sizeof(*a->certified), by_index);
	for (size_t i = 1; i < a->count; i++) {
		const struct anchored_value *v = &a->certified[i];
		uint64_t first = v->index - v->index % TILE, left = x->size - first;

		if (by_tpm(most, v) != 0 || most->value < v->value) {
			most = v;
			continue;
		}
		export_tile_name(file, -1, first / TILE, left < TILE ? (unsigned)left : TILE);
		TELL(x, "tpm-12", file, v->index,
		     "the counter did not rise: %" PRIu64 " behind %" PRIu64 " in entry %" PRIu64,
		     v->value, most->value, most->index);
	}
	qsort(a->certified, a->count, sizeof(*a->certified), by_value);
}

/* Anchors that stop are no fault of a ledger, which goes on without them; but so does one that
 * has to hide what the counter binds elsewhere. */
static void
tell_loose_end(const struct tally_export *x)
{
	const struct anchored *a = &x->anchors_made;
	uint64_t last = x->attested.last.wall;

	if (a->count > 0 && last > a->wall && last - a->wall > LOOSE)
		remark(x->problems,
		       "%s: the newest anchor is in entry %" PRIu64 ", %" PRIu64
		       " minutes before the newest entry: what stands behind it no value of the "
		       "TPM's counter binds",
		       x->folder.path, a->newest, (last - a->wall) / (60 * TALLY_SECOND));
}

void
anchored_end(struct tally_export *x)
{
	const struct anchored *a = &x->anchors_made;

	if (a->open)
		remark(x->problems, "%s: entry %" PRIu64 ": an anchor that is not made yet",
		       x->folder.path, a->intent);
	check_rising(x);
	tell_loose_end(x);
	clocks_end(x);
}

/* The first that is not before `v`, in their order. */
static size_t
find(const struct anchored *in, const struct anchored_value *v)
{
	size_t low = 0, high = in->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_value(&in->certified[middle], v) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Both are sorted; a counter is one of one TPM, for two may have the same index and value. */
void
anchored_compare(const struct tally_export *a, struct tally_export *b)
{
	const struct anchored *theirs = &a->anchors_made, *ours = &b->anchors_made;
	size_t i = 0;

	while (i < ours->count) {
		struct anchored_value v = ours->certified[i];
		size_t k;

		v.index = 0;
		k = find(theirs, &v);
		if (k == theirs->count || by_tpm(&theirs->certified[k], &v) != 0) {
			v.value = v.index = UINT64_MAX; /* on to the next counter */
			i = find(ours, &v);
			continue;
		}
		if (theirs->certified[k].value == v.value &&
		    memcmp(theirs->certified[k].q, v.q, sizeof(v.q)) != 0) {
			TELL(b, "tpm-12", NULL, ours->certified[i].index,
			     "%" PRIu64
			     " of one counter binds one history here and another one in entry "
			     "%" PRIu64 " of %s: proof of a fork",
			     v.value, theirs->certified[k].index, a->folder.path);
			return;
		}
		i++;
	}
}

void
anchored_deinit(struct anchored *a)
{
	tally_buf_deinit(&a->counter_name);
	free(a->certified);
}
