/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks 16 and 17: cosignatures of pinned witnesses on notes and in receipts.
 * Only what is pinned is judged: lines of others are nobody's word. What follows
 * from one that counts is in vouched.c.
 */
#include <inttypes.h>
#include <string.h>
#include "verify_internal.h"

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
		vouched_covered(x, &w->quorum, head->size, w->newest, c.by);
}

void
witnessed_checkpoint(struct tally_export *x, const struct tally_note *note)
{
	struct tally_err err = TALLY_ERR_INIT;

	if (witnesses_judge(x->anchors, note, &x->witnessed.head, &err) < 0)
		problem(x->problems, "tpm-17", x->folder.path, "checkpoint", "%s", err.text);
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
	struct witnessed_newest newest;
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
	/* Which entry was the latest at an older note is not known any more. */
	newest = of ? of->newest : (struct witnessed_newest){ .has = false };
	if (o->timestamp.len > 0) {
		timestamped_receipt(x, index, o, newest, file);
		return;
	}
	tally_checkpoint_text(&whole, x->origin, o->receipt_size, o->receipt_root.p);
	tally_buf_add_u8(&whole, '\n');
	tally_buf_add_bytes(&whole, o->cosignatures);
	if (tally_note_parse(&note, tally_buf_view(&whole), &scratch, &err) < 0 ||
	    witnesses_judge(x->anchors, &note, &c, &err) < 0) {
		problem_entry(x->problems, "tpm-17", x->folder.path, file, index, "receipt: %s",
			      err.text);
	} else if (c.reached) {
		vouched_covered(x, &x->witnessed.quorum, o->receipt_size, newest, c.by);
		vouched_since(x, &x->witnessed.quorum, index, c.since);
	}
	tally_buf_deinit(&whole), tally_buf_deinit(&scratch);
}
