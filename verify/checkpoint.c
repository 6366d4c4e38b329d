/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `checkpoint` and `vkey` at the top of an export. The pinned key of this origin
 * decides; without one the key in `vkey` does, which shows that the parts agree
 * and no more.
 */
#include <string.h>
#include "verify_internal.h"

#define VKEY_MAX 1024

/* The key in the file. 1, 0 told, -1. */
static int
read_vkey(struct tally_export *x, struct tally_vkey *key, struct tally_err *err)
{
	struct tally_buf file = TALLY_BUF_INIT;
	struct tally_err bad = TALLY_ERR_INIT;
	int r = export_read(x, "vkey", VKEY_MAX, false, &file, err);

	if (r > 0 && (file.len == 0 || file.p[file.len - 1] != '\n' ||
		      tally_vkey_parse(key, tally_bytes(file.p, file.len - 1), &bad) < 0)) {
		problem(x->problems, "format", x->folder.path, "vkey", "%s",
			bad.code == TALLY_OK ? "not one line" : bad.text);
		r = 0;
	}
	if (r > 0 && key->type != TALLY_SIG_ED25519) {
		problem(x->problems, "format", x->folder.path, "vkey", "not the key of a log");
		r = 0;
	}
	tally_buf_deinit(&file);
	return r;
}

static int
read_checkpoint(struct tally_export *x, struct tally_buf *file, struct tally_buf *scratch,
		struct tally_note *note, struct tally_checkpoint *head, struct tally_err *err)
{
	struct tally_err bad = TALLY_ERR_INIT;
	int r = export_read(x, "checkpoint", TALLY_NOTE_MAX, false, file, err);

	if (r > 0 && (tally_note_parse(note, tally_buf_view(file), scratch, &bad) < 0 ||
		      tally_checkpoint_parse(head, note->text, false, &bad) < 0)) {
		problem(x->problems, "note", x->folder.path, "checkpoint", "%s", bad.text);
		return 0;
	}
	for (size_t i = 0; r > 0 && i < note->lines; i++)
		if ((i == 0) != tally_bytes_eq(note->line[i].name, head->origin)) {
			problem(x->problems, "note", x->folder.path, "checkpoint",
				"not one signature line of its log, and the first");
			return 0;
		}
	return r;
}

static bool
use_key(struct tally_export *x, const struct tally_note *note, const struct tally_vkey *key)
{
	struct tally_err err = TALLY_ERR_INIT;

	/* Neither a witness's key nor an enroller's makes a log. */
	if (key->type != TALLY_SIG_ED25519 || tally_note_verify(note, key, &err) != 1)
		return false;
	x->key = *key;
	x->has_key = true;
	return true;
}

/* 1 a pinned key of this origin verifies, 0 there is none of it, -1 none does. */
static int
try_anchors(struct tally_export *x, const struct anchors *anchors, const struct tally_note *note)
{
	int result = 0;

	for (size_t i = 0; i < anchors->count && result <= 0; i++) {
		const struct tally_vkey *key = &anchors->keys[i];

		if (key->type != TALLY_SIG_ED25519 || strcmp(key->name, x->origin) != 0)
			continue;
		result = use_key(x, note, key) ? 1 : -1;
	}
	return result;
}

/* Which key it is; false where nothing verifies the checkpoint. */
static bool
choose_key(struct tally_export *x, const struct anchors *anchors, const struct tally_note *note,
	   const struct tally_vkey *file)
{
	int pinned = try_anchors(x, anchors, note);
	const char *dir = x->folder.path;
	bool same_name = file && strcmp(file->name, x->origin) == 0;

	if (pinned > 0) {
		x->anchored = true;
		if (file && !tally_vkey_eq(file, &x->key))
			problem(x->problems, "note", dir, "vkey",
				"not the key that signs the checkpoint");
		return true;
	}
	if (pinned < 0) {
		/* Another key of this name: forged, or cut off from what was pinned. */
		problem(x->problems, "anchor", dir, "checkpoint",
			"the pinned key of %s does not verify it", x->origin);
		return file && same_name && use_key(x, note, file);
	}
	if (file && !same_name) {
		problem(x->problems, "note", dir, "checkpoint", "of %s, but vkey is of %s",
			x->origin, file->name);
		problem(x->problems, "note", dir, "vkey", "of %s, but the checkpoint is of %s",
			file->name, x->origin);
		return false;
	}
	if (file && !use_key(x, note, file)) {
		problem(x->problems, "note", dir, "checkpoint",
			"its signature does not verify with the key in vkey");
		return false;
	}
	return true;
}

int
checkpoint_check(struct tally_export *x, const struct anchors *anchors, struct tally_buf *file,
		 struct tally_err *err)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_checkpoint head;
	struct tally_vkey vkey;
	struct tally_note note;
	int has_vkey = read_vkey(x, &vkey, err), r = -1;

	if (has_vkey >= 0)
		r = read_checkpoint(x, file, &scratch, &note, &head, err);
	if (r > 0) {
		x->origin = tally_strndup((const char *)head.origin.p, head.origin.len);
		x->size = head.size;
		memcpy(x->root, head.root, TALLY_HASH);
		r = choose_key(x, anchors, &note, has_vkey > 0 ? &vkey : NULL);
		if (!x->private)
			witnessed_checkpoint(x, &note);
	}
	tally_buf_deinit(&scratch);
	return r;
}
