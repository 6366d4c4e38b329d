/* SPDX-License-Identifier: Apache-2.0 */
/* An offline proof that one entry is in the log (docs/FORMAT.md section 9). */
#include <inttypes.h>
#include <string.h>
#include "verify_internal.h"

#define TELL(v, t, check, ...) problem(&(v)->problems, check, (t)->path, NULL, __VA_ARGS__)

/* The checkpoint under the proof: signed by the pinned key of its origin? */
static void
check_signature(struct tally_verify *v, struct target *t, const struct tally_note *note,
		struct tally_bytes origin)
{
	struct tally_err err = TALLY_ERR_INIT;
	bool named = false;

	if (tally_note_lines_of(note, origin) == 0)
		TELL(v, t, "note", "no signature line of its log");
	for (size_t i = 0; i < v->anchors.count && !t->anchored; i++) {
		const struct tally_vkey *key = &v->anchors.keys[i];

		if (key->type != TALLY_SIG_ED25519 ||
		    !tally_bytes_eq(tally_bytes_str(key->name), origin))
			continue;
		named = true;
		t->anchored = tally_note_verify(note, key, &err) == 1;
	}
	if (named && !t->anchored)
		TELL(v, t, "anchor", "the pinned key of its log does not verify the checkpoint");
}

static void
check_inclusion(struct tally_verify *v, struct target *t, const struct tally_tlog_proof *p,
		const struct tally_checkpoint *head)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_header header;
	uint8_t leaf[TALLY_HASH];

	if (p->extra.len != TALLY_RECORD) {
		TELL(v, t, "format", "its extra line is no entry");
		return;
	}
	if (tally_record_read(&header, p->extra.p, &err) < 0)
		problem_entry(&v->problems, "record", t->path, NULL, p->index, "%s", err.text);
	else if (header.index != p->index)
		problem_entry(&v->problems, "record", t->path, NULL, p->index,
			      "the record says that it is entry %" PRIu64, header.index);
	tally_hash_leaf(leaf, p->extra);
	if (tally_check_inclusion(p->index, head->size, leaf, p->hash[0], p->hashes, head->root,
				  &err) < 0)
		problem_entry(&v->problems, "proof", t->path, NULL, p->index, "%s", err.text);
}

/* Where an export of the same log is at hand, it must have this checkpoint's root. */
static int
compare_exports(struct tally_verify *v, struct target *t, const struct tally_checkpoint *head,
		struct tally_err *err)
{
	uint8_t root[TALLY_HASH];

	for (size_t i = 0; i < v->count; i++) {
		struct tally_export *x = v->targets[i].export;

		if (!x || !x->sound || head->size > x->size ||
		    !tally_bytes_eq(tally_bytes_str(x->origin), head->origin))
			continue;
		if (export_root_at(x, head->size, root, err) < 0)
			return -1;
		if (memcmp(root, head->root, TALLY_HASH) != 0)
			TELL(v, t, "tpm-16", "another history of the log than in %s",
			     x->folder.path);
	}
	return 0;
}

/* Of two proofs under checkpoints of one size the roots must agree, too. */
static void
compare_proofs(struct tally_verify *v, struct target *t, const struct tally_checkpoint *head)
{
	t->size = head->size;
	memcpy(t->root, head->root, TALLY_HASH);
	t->origin = tally_strndup((const char *)head->origin.p, head->origin.len);
	for (struct target *o = v->targets; o < t; o++)
		if (o->kind == TARGET_PROOF && o->origin && o->size == t->size &&
		    strcmp(o->origin, t->origin) == 0 && memcmp(o->root, t->root, TALLY_HASH) != 0)
			TELL(v, t, "tpm-16", "another history of the log than in %s", o->path);
}

static void
check_witnesses(struct tally_verify *v, struct target *t, const struct tally_note *note,
		struct tally_bytes record)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_header h;
	struct cosigned c;

	if (witnesses_judge(&v->anchors, note, &c, &err) < 0)
		TELL(v, t, "tpm-17", "%s", err.text);
	else if (c.reached)
		t->witnessed.quorum =
			(struct vouched){ .reached = true, .size = t->size, .by = c.by };
	if (record.len == TALLY_RECORD && tally_record_read(&h, record.p, &err) == 0 &&
	    vouched_late(&t->witnessed.quorum, (int64_t)h.wall))
		problem_entry(&v->problems, "tpm-17", t->path, NULL, h.index,
			      "it says that it was appended behind the time by which witnesses had "
			      "signed it");
}

int
proof_check(struct tally_verify *v, struct target *t, struct tally_err *err)
{
	struct tally_buf extra = TALLY_BUF_INIT, signatures = TALLY_BUF_INIT;
	struct tally_err bad = TALLY_ERR_INIT;
	struct tally_checkpoint head;
	struct tally_tlog_proof p;
	struct tally_note note;
	int r = 0;

	if (tally_tlog_proof_parse(&p, tally_buf_view(&t->content), &extra, &bad) < 0) {
		TELL(v, t, "format", "%s", bad.text);
	} else if (tally_note_parse(&note, p.checkpoint, &signatures, &bad) < 0 ||
		   tally_checkpoint_parse(&head, note.text, false, &bad) < 0) {
		TELL(v, t, "note", "%s", bad.text);
	} else {
		check_signature(v, t, &note, head.origin);
		check_inclusion(v, t, &p, &head);
		compare_proofs(v, t, &head);
		check_witnesses(v, t, &note, p.extra);
		r = compare_exports(v, t, &head, err);
	}
	t->class = tally_class_of(t->anchored, tally_bytes(NULL, 0));
	tally_buf_deinit(&extra);
	tally_buf_deinit(&signatures);
	return r;
}
