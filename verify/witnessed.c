/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks 16 and 17: cosignatures of pinned witnesses on notes and in receipts.
 * A quorum over a note says that its entries were there by a time; a receipt
 * that is itself an entry says that what stands behind it came later. Between
 * the two the entries' own clocks are held against it. Only what is pinned is
 * judged: lines of others are nobody's word.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/json.h"
#include "tally/time.h"
#include "verify_internal.h"

#define TOLERANCE 300  /* s that an entry's wall clock may be off */
#define LAG       3600 /* s that the newest entries may lie behind a quorum's time */

bool
witnesses_pinned(const struct anchors *a)
{
	bool any = a->policy && tally_policy_asks(a->policy);

	for (size_t i = 0; i < a->count && !a->policy; i++)
		any = any || a->keys[i].type == TALLY_SIG_COSIGNATURE;
	return any;
}

/* Without a policy any pinned witness is enough; with one, others must verify and do not count. */
static int
judge_others(const struct anchors *a, const struct tally_note *note, struct cosigned *out,
	     struct tally_err *err)
{
	for (size_t i = 0; i < a->count; i++) {
		uint64_t time;
		int r;

		if (a->keys[i].type != TALLY_SIG_COSIGNATURE)
			continue;
		r = tally_note_cosigned(note, &a->keys[i], &time, err);
		if (r < 0)
			return -1;
		if (r == 0 || a->policy)
			continue;
		out->by = !out->reached || time < out->by ? time : out->by;
		out->since = !out->reached || time > out->since ? time : out->since;
		out->reached = true;
	}
	return 0;
}

int
witnesses_judge(const struct anchors *a, const struct tally_note *note, struct cosigned *out,
		struct tally_err *err)
{
	bool signed_by[TALLY_POLICY_MAX] = { false };
	uint64_t time[TALLY_POLICY_MAX] = { 0 };

	*out = (struct cosigned){ .reached = false };
	if (judge_others(a, note, out, err) < 0)
		return -1;
	if (!a->policy)
		return 0;
	for (size_t i = 0; i < tally_policy_witnesses(a->policy); i++) {
		int r = tally_note_cosigned(note, &tally_policy_witness(a->policy, i)->key,
					    &time[i], err);

		if (r < 0)
			return -1;
		signed_by[i] = r > 0;
	}
	if (tally_policy_asks(a->policy) && tally_policy_reached(a->policy, signed_by)) {
		out->reached = true;
		tally_policy_times(a->policy, signed_by, time, &out->by, &out->since);
	}
	return 0;
}

/* Seconds of a signer as an instant; what no clock of ours can say is the last one. */
static int64_t
instant(uint64_t seconds, int64_t more)
{
	const uint64_t most = (uint64_t)(TALLY_WALL_MAX / TALLY_SECOND) - LAG;

	return ((int64_t)(seconds < most ? seconds : most) + more) * TALLY_SECOND;
}

static void
time_text(char out[TALLY_TIME_TEXT], int64_t ns)
{
	tally_wall_text(out, (struct tally_wall){ ns });
}

void
witnessed_entry(struct tally_export *x, uint64_t index, uint64_t wall, const char *file)
{
	struct witnessed *w = &x->witnessed;
	char said[TALLY_TIME_TEXT], known[TALLY_TIME_TEXT];
	int64_t at = wall < (uint64_t)TALLY_WALL_MAX ? (int64_t)wall : TALLY_WALL_MAX;

	w->latest = at > w->latest ? at : w->latest;
	if (!w->newest.has || at > w->newest.wall)
		w->newest = (struct witnessed_newest){ true, at, index };
	if (w->floor == w->floor_told || at >= instant(w->floor, -TOLERANCE))
		return;
	w->floor_told = w->floor;
	time_text(said, at);
	time_text(known, instant(w->floor, 0));
	problem_entry(x->problems, "tpm-17", x->folder.path, file, index,
		      "it says that it was appended at %s, but it stands behind a receipt of %s",
		      said, known);
}

/* An entry is told once, whatever covers it again. */
static void
was_told(struct witnessed *w, uint64_t index)
{
	if (w->newest.index == index)
		w->newest.has = false;
	for (size_t i = 0; i < WITNESSED_KNOWN; i++)
		if (w->known[i].newest.index == index)
			w->known[i].newest.has = false;
}

/* All entries under this size were there by `by`; `newest` is the latest of them. */
static void
covered(struct tally_export *x, uint64_t size, struct witnessed_newest newest,
	const struct cosigned *c)
{
	struct witnessed *w = &x->witnessed;
	char said[TALLY_TIME_TEXT], known[TALLY_TIME_TEXT];

	if (!w->reached || size >= w->size) {
		w->reached = true;
		w->size = size;
		w->by = c->by;
	}
	if (!newest.has || newest.wall <= instant(c->by, TOLERANCE))
		return;
	time_text(said, newest.wall);
	time_text(known, instant(c->by, 0));
	problem_entry(x->problems, "tpm-17", x->folder.path, NULL, newest.index,
		      "it says that it was appended at %s, but witnesses had signed it by %s", said,
		      known);
	was_told(w, newest.index);
}

void
witnessed_note(struct tally_export *x, uint64_t sequence, const struct tally_note *note,
	       const struct tally_checkpoint *head)
{
	struct witnessed *w = &x->witnessed;
	struct tally_err err = TALLY_ERR_INIT;
	struct cosigned c;

	w->known[w->next].size = head->size;
	memcpy(w->known[w->next].root, head->root, TALLY_HASH);
	w->known[w->next].newest = w->newest;
	w->next = (w->next + 1) % WITNESSED_KNOWN;
	if (note->lines == tally_note_lines_of(note, head->origin))
		return;
	if (witnesses_judge(x->anchors, note, &c, &err) < 0)
		problem(x->problems, "tpm-17", x->folder.path, "private/notes",
			"note %" PRIu64 ": %s", sequence, err.text);
	else if (c.reached)
		covered(x, head->size, w->newest, &c);
}

void
witnessed_checkpoint(struct tally_export *x, const struct tally_note *note)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct cosigned c;

	if (witnesses_judge(x->anchors, note, &c, &err) < 0) {
		problem(x->problems, "tpm-17", x->folder.path, "checkpoint", "%s", err.text);
	} else if (c.reached) {
		x->witnessed.reached = true;
		x->witnessed.size = x->size;
		x->witnessed.by = c.by;
	}
}

/* Whether the receipt's checkpoint is one of ours: at once where its note was seen lately. Gives
 * that note; for any other one the root is looked up at the end, and NULL is given. */
static const struct witnessed_known *
remember(struct tally_export *x, uint64_t index, uint64_t size, const uint8_t root[TALLY_HASH])
{
	struct witnessed *w = &x->witnessed;
	struct witnessed_claim *claim;

	for (size_t i = 0; i < WITNESSED_KNOWN; i++)
		if (w->known[i].size == size && size > 0 &&
		    memcmp(w->known[i].root, root, TALLY_HASH) == 0)
			return &w->known[i];
	if (w->claims == w->claims_cap) {
		w->claims_cap = w->claims_cap ? 2 * w->claims_cap : 16;
		w->claim = tally_realloc_array(w->claim, w->claims_cap, sizeof(*w->claim));
	}
	claim = &w->claim[w->claims++];
	claim->index = index;
	claim->size = size;
	memcpy(claim->root, root, TALLY_HASH);
	return NULL;
}

void
witnessed_receipt(struct tally_export *x, uint64_t index, const struct tally_operations *o,
		  const char *file)
{
	struct tally_buf whole = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	const struct witnessed_known *of;
	struct witnessed *w = &x->witnessed;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;
	struct cosigned c;

	if (!o->has_receipt_size || !o->receipt_root.p || o->receipt_size > index ||
	    o->receipt_size == 0 || (o->cosignatures.len > 0) == (o->timestamp.len > 0)) {
		problem_entry(x->problems, "tpm-17", x->folder.path, file, index,
			      "a receipt that is for no checkpoint before it");
		return;
	}
	of = remember(x, index, o->receipt_size, o->receipt_root.p);
	if (o->cosignatures.len == 0)
		return;
	tally_checkpoint_text(&whole, x->origin, o->receipt_size, o->receipt_root.p);
	tally_buf_add_u8(&whole, '\n');
	tally_buf_add_bytes(&whole, o->cosignatures);
	if (tally_note_parse(&note, tally_buf_view(&whole), &scratch, &err) < 0 ||
	    witnesses_judge(x->anchors, &note, &c, &err) < 0) {
		problem_entry(x->problems, "tpm-17", x->folder.path, file, index, "receipt: %s",
			      err.text);
	} else if (c.reached) {
		/* Which entry was the latest at an older note is not known any more. */
		covered(x, o->receipt_size,
			of ? of->newest : (struct witnessed_newest){ false, 0, 0 }, &c);
		if (!w->window) {
			w->window = true;
			w->from = index;
			w->since = c.since;
		}
		w->floor = c.since > w->floor ? c.since : w->floor;
	}
	tally_buf_deinit(&whole), tally_buf_deinit(&scratch);
}

static void
tell_witnessed(const struct tally_export *x)
{
	const struct witnessed *w = &x->witnessed;
	char by[TALLY_TIME_TEXT], since[TALLY_TIME_TEXT];

	if (!witnesses_pinned(x->anchors))
		return;
	if (!w->reached) {
		remark(x->problems,
		       "%s: no quorum of the pinned witnesses has signed any of its checkpoints",
		       x->folder.path);
		return;
	}
	time_text(by, instant(w->by, 0));
	remark(x->problems,
	       "%s: a quorum of the pinned witnesses has signed %" PRIu64 " of its %" PRIu64
	       " entries, by %s",
	       x->folder.path, w->size, x->size, by);
	if (!w->window || w->from >= w->size)
		return;
	time_text(since, instant(w->since, 0));
	remark(x->problems,
	       "%s: entries %" PRIu64 " to %" PRIu64 " were appended between %s and %s",
	       x->folder.path, w->from, w->size - 1, since, by);
}

int
witnessed_end(struct tally_export *x, bool sound, struct tally_err *err)
{
	const struct witnessed *w = &x->witnessed;
	uint8_t root[TALLY_HASH];

	for (size_t i = 0; i < w->claims && sound; i++) {
		int r = export_root_at(x, w->claim[i].size, root, err);

		if (r < 0)
			return -1;
		if (r == 0 || memcmp(root, w->claim[i].root, TALLY_HASH) != 0)
			problem_entry(x->problems, "tpm-16", x->folder.path, NULL,
				      w->claim[i].index,
				      "a receipt for %" PRIu64 " entries of another history",
				      w->claim[i].size);
	}
	tell_witnessed(x);
	return 0;
}

void
witnessed_require(struct tally_verify *v)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct target *t = &v->targets[i];
		const struct witnessed *w = t->export ? &t->export->witnessed : &t->witnessed;

		if (t->kind == TARGET_REPORT)
			continue;
		if (!witnesses_pinned(&v->anchors))
			problem(&v->problems, "require", t->path, NULL, "no witness is pinned");
		else if (!w->reached)
			problem(&v->problems, "require", t->path, NULL,
				"no quorum of the pinned witnesses has signed it");
		else if (t->export && w->size < t->export->size && w->latest > instant(w->by, LAG))
			problem(&v->problems, "require", t->path, NULL,
				"its newest entry is more than an hour behind the newest "
				"checkpoint, "
				"of %" PRIu64
				" entries, that a quorum of the pinned witnesses has signed",
				w->size);
	}
}

static void
put_time(struct tally_jsonw *j, const char *key, uint64_t seconds)
{
	char text[TALLY_TIME_TEXT];

	time_text(text, instant(seconds, 0));
	tally_jsonw_key(j, key);
	tally_jsonw_str(j, text);
}

void
witnessed_json(const struct tally_verify *v, struct tally_jsonw *j)
{
	tally_jsonw_array(j);
	for (size_t i = 0; i < v->count; i++) {
		const struct target *t = &v->targets[i];
		const struct witnessed *w = t->export ? &t->export->witnessed : &t->witnessed;

		if (!w->reached)
			continue;
		tally_jsonw_object(j);
		put_time(j, "by", w->by);
		tally_jsonw_key(j, "entries");
		tally_jsonw_u64(j, w->size);
		tally_jsonw_key(j, "file");
		tally_jsonw_str(j, t->path);
		tally_jsonw_key(j, "from");
		if (w->window && w->from < w->size) {
			tally_jsonw_u64(j, w->from);
			put_time(j, "since", w->since);
		} else {
			tally_jsonw_null(j);
			tally_jsonw_key(j, "since");
			tally_jsonw_null(j);
		}
		tally_jsonw_end(j);
	}
	tally_jsonw_end(j);
}
