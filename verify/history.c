/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every note, by sequence, beside the tree as it grows: text, order, signature,
 * and the root when the tree has the note's size. The newest one is the export's
 * checkpoint.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

#define NOTES "private/notes"
#define ROOTS 64 /* wrong roots that are remembered for each side of the tree */

struct history {
	struct tally_export *x;
	struct rows rows;
	struct reader reader;
	struct tally_bytes checkpoint;
	bool complete;     /* no note was passed over, none is cut */
	bool has;          /* `note` is the next one */
	unsigned failed;   /* notes that could not be parsed, one after another */
	uint64_t sequence; /* of the next one */
	uint64_t size;     /* of the one before */
	struct tally_buf bytes, scratch, last;
	struct tally_note note;
	struct tally_checkpoint head;
	uint64_t wrong[2][ROOTS];
	size_t wrongs[2];
};

#define TELL(h, check, ...)                                                                        \
	problem((h)->x->problems, check, (h)->x->folder.path, NOTES, __VA_ARGS__)

/* 1 the bytes of the next note, 0 the end or nothing that can be read, -1. */
static int
take_note(struct history *h, struct tally_err *err)
{
	const uint8_t *p;
	size_t left, length;
	int r;

	if (h->reader.file.fd < 0)
		return 0;
	r = reader_take(&h->reader, 4, &p, &left, err);
	if (r < 0 || (r == 0 && left == 0))
		return r;
	length = r > 0 ? tally_get_u32(p) : 0;
	if (r > 0 && length > 0 && length <= TALLY_NOTE_MAX) {
		r = reader_take(&h->reader, length, &p, &left, err);
		if (r < 0)
			return -1;
	} else {
		r = 0;
	}
	if (r == 0) {
		if (h->failed == 0)
			TELL(h, "format", "note %" PRIu64 " is cut short, or its length is wrong",
			     h->sequence);
		h->complete = false;
		reader_close(&h->reader);
		return 0;
	}
	tally_buf_clear(&h->bytes);
	tally_buf_add(&h->bytes, p, length);
	return 1;
}

/* Text and signature; false where the note is not to be trusted. */
static bool
check_note(struct history *h)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_export *x = h->x;
	int verified;

	tally_buf_clear(&h->scratch);
	if (tally_note_parse(&h->note, tally_buf_view(&h->bytes), &h->scratch, &err) < 0 ||
	    tally_checkpoint_parse(&h->head, h->note.text, false, &err) < 0) {
		/* Behind a wrong length nothing parses: one problem is enough. */
		if (h->failed++ == 0)
			TELL(h, "note", "note %" PRIu64 ": %s", h->sequence, err.text);
		else
			reader_close(&h->reader);
		return false;
	}
	h->failed = 0;
	if (!tally_bytes_eq(h->head.origin, tally_bytes_str(x->origin))) {
		TELL(h, "note", "note %" PRIu64 " is of another log", h->sequence);
		return false;
	}
	verified = x->has_key ? tally_note_verify(&h->note, &x->key, &err) : 1;
	if (verified < 0)
		TELL(h, "note", "note %" PRIu64 ": %s", h->sequence, err.text);
	else if (verified == 0 ||
		 (x->has_key && memcmp(h->note.line[0].id, x->key.id, sizeof(x->key.id)) != 0))
		TELL(h, "note", "note %" PRIu64 ": its first line is not the log's", h->sequence);
	return verified > 0;
}

static bool
check_size(struct history *h)
{
	if (h->head.size > h->x->size) {
		problem(h->x->problems, "note", h->x->folder.path, "checkpoint",
			"note %" PRIu64 " of private/notes is newer", h->sequence);
		return false;
	}
	if (h->head.size <= h->size) {
		TELL(h, "note", "note %" PRIu64 " is not of a larger tree than the one before",
		     h->sequence);
		return false;
	}
	return true;
}

/* The next note that can be trusted; the rows of others are passed over. */
static int
load(struct history *h, struct tally_err *err)
{
	int r;

	h->has = false;
	while ((r = take_note(h, err)) > 0) {
		if (check_note(h) && check_size(h)) {
			h->has = true;
			return 0;
		}
		h->complete = false;
		if (rows_at(&h->rows, h->sequence++, NULL, err) < 0)
			return -1;
	}
	return r;
}

int
history_open(struct history **out, struct tally_export *x, struct session *session,
	     struct tally_bytes checkpoint, struct tally_err *err)
{
	struct history *h = tally_alloc(sizeof(*h));
	int r;

	h->x = x;
	h->checkpoint = checkpoint;
	h->reader.file.fd = h->rows.reader.file.fd = -1;
	r = reader_open(&h->reader, x, NOTES, err);
	h->complete = r > 0;
	if (r < 0 || rows_open(&h->rows, x, session, err) < 0 || load(h, err) < 0) {
		history_free(h);
		return -1;
	}
	*out = h;
	return 0;
}

uint64_t
history_next(const struct history *h)
{
	return h->has ? h->head.size : UINT64_MAX;
}

/* This note is done. It stays as `checkpoint` would have it, which is as public as that. */
static void
pass_on(struct history *h)
{
	struct tally_vkey first = { .type = TALLY_SIG_ED25519 };
	struct tally_err err = TALLY_ERR_INIT;

	/* Without a key the first line counts as the log's. */
	tally_buf_clear(&h->last);
	memcpy(first.name, h->x->origin, strlen(h->x->origin));
	memcpy(first.id, h->note.line[0].id, sizeof(first.id));
	if (tally_note_public(&h->last, &h->note, &first, &err) < 0)
		tally_buf_clear(&h->last);
	h->size = h->head.size;
	h->sequence++;
}

int
history_at(struct history *h, uint64_t size, const uint8_t root[2][TALLY_HASH],
	   struct tally_err *err)
{
	while (h->has && h->head.size == size) {
		for (int side = 0; side < 2; side++)
			if (memcmp(h->head.root, root[side], TALLY_HASH) != 0 &&
			    h->wrongs[side] < ROOTS)
				h->wrong[side][h->wrongs[side]++] = h->sequence;
		if (memcmp(h->head.root, root[0], TALLY_HASH) == 0 ||
		    memcmp(h->head.root, root[1], TALLY_HASH) == 0) {
			witnessed_note(h->x, h->sequence, &h->note, &h->head);
			anchored_note(h->x, &h->note, size);
		}
		if (rows_at(&h->rows, h->sequence, &h->note, err) < 0)
			return -1;
		if (h->rows.quoted)
			attested_note(h->x, size);
		pass_on(h);
		if (load(h, err) < 0)
			return -1;
	}
	return 0;
}

static void
check_newest(struct history *h)
{
	if (h->complete && !tally_bytes_eq(tally_buf_view(&h->last), h->checkpoint)) {
		TELL(h, "missing", "the newest note is not the checkpoint");
		h->complete = false;
	}
}

int
history_drain(struct history *h, struct tally_err *err)
{
	/* Without the tree nothing is known of sessions, so nothing of rows. */
	while (h->has) {
		pass_on(h);
		if (load(h, err) < 0)
			return -1;
	}
	check_newest(h);
	return 0;
}

int
history_end(struct history *h, int truth, struct tally_err *err)
{
	int side = truth < 0 ? 0 : truth;
	size_t tell = truth < 0 && h->wrongs[side] > 1 ? 1 : h->wrongs[side];

	for (size_t i = 0; i < tell; i++)
		TELL(h, "note", "note %" PRIu64 " has another root than the tree at its size",
		     h->wrong[side][i]);
	check_newest(h);
	return rows_end(&h->rows, h->complete, err);
}

void
history_free(struct history *h)
{
	if (!h)
		return;
	reader_close(&h->reader);
	rows_close(&h->rows);
	tally_buf_deinit(&h->bytes);
	tally_buf_deinit(&h->scratch);
	tally_buf_deinit(&h->last);
	free(h);
}
