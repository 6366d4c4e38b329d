/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back to a ledger from outside: signature lines of others on its
 * notes, and the end of its signing, for good, where a witness holds another
 * history than this one. Appending goes on: what happened is still worth having.
 */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

#define CLOSED     "closed" /* in meta: why */
#define CLOSED_MAX 1000

struct lines {
	uint64_t sequence;
	struct tally_bytes text; /* signature lines */
	size_t added;
};

/* The lines behind a note's own text, as a note of that text. */
static int
parse_lines(struct tally_note *out, const struct tally_note *note, struct tally_bytes lines,
	    struct tally_buf *whole, struct tally_buf *scratch, struct tally_err *err)
{
	tally_buf_add_bytes(whole, note->text);
	tally_buf_add_u8(whole, '\n');
	tally_buf_add_bytes(whole, lines);
	return tally_note_parse(out, tally_buf_view(whole), scratch, err);
}

/* Appends those whose signer has none there. Our own name is the log's alone. */
static int
merge(struct tally_buf *value, struct lines *c, const struct tally_note *note,
      const struct tally_note *more, const char *origin, struct tally_err *err)
{
	c->added = 0;
	for (size_t i = 0; i < more->lines; i++) {
		const struct tally_note_line *l = &more->line[i];
		char name[TALLY_NAME_MAX + 1];

		if (tally_bytes_eq(l->name, tally_bytes_str(origin)))
			return tally_err_set(err, TALLY_USE, "a line in the log's own name");
		if (tally_note_find(note, l->name, l->id))
			continue;
		memcpy(name, l->name.p, l->name.len);
		name[l->name.len] = '\0';
		tally_note_add_line(value, name, l->id, tally_bytes(l->sig, l->sig_len));
		c->added++;
	}
	if (note->lines + c->added > TALLY_NOTE_LINES || value->len > TALLY_NOTE_MAX)
		return tally_err_set(err, TALLY_USE, "more signatures than a note can carry");
	return 0;
}

static int
cosigned_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	struct tally_buf value = TALLY_BUF_INIT, whole = TALLY_BUF_INIT;
	struct tally_buf scratch[2] = { TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_note note, more;
	struct lines *c = ctx;
	struct tally_bytes old;
	int r = store_get(txn, s->note, store_key(&c->sequence), &old, err);

	if (r == 0)
		r = tally_err_set(err, TALLY_FAILS, "missing");
	if (r > 0) {
		tally_buf_add_bytes(&value, old); /* LMDB may move it while it is replaced */
		r = tally_note_parse(&note, old, &scratch[0], err);
	}
	if (r == 0)
		r = parse_lines(&more, &note, c->text, &whole, &scratch[1], err);
	if (r == 0)
		r = merge(&value, c, &note, &more, s->origin, err);
	if (r == 0 && c->added > 0)
		r = store_put(s, txn, s->note, store_key(&c->sequence), tally_buf_view(&value), 0,
			      err);
	tally_buf_deinit(&value), tally_buf_deinit(&whole);
	tally_buf_deinit(&scratch[0]), tally_buf_deinit(&scratch[1]);
	return r;
}

int
tally_store_cosigned(struct tally_store *s, uint64_t sequence, struct tally_bytes lines,
		     struct tally_err *err)
{
	struct lines c = { .sequence = sequence, .text = lines };

	if (store_check_whole(s, err) < 0 || store_write(s, cosigned_body, &c, err) < 0)
		return tally_err_prefix(err, "%s: note %llu", s->path,
					(unsigned long long)sequence);
	return 0;
}

static int
close_body(struct tally_store *s, MDB_txn *txn, void *ctx, struct tally_err *err)
{
	return store_put(s, txn, s->meta, tally_bytes_str(CLOSED), tally_bytes_str(ctx), 0, err);
}

int
tally_store_close_signing(struct tally_store *s, const char *why, struct tally_err *err)
{
	char *text;

	if (s->closed)
		return 0;
	text = tally_strndup(why, strnlen(why, CLOSED_MAX));
	if (store_check_whole(s, err) < 0 || store_write(s, close_body, text, err) < 0) {
		free(text);
		return tally_err_prefix(err, "%s: closing", s->path);
	}
	s->closed = text;
	return 0;
}

const char *
tally_store_closed(const struct tally_store *s)
{
	return s->closed;
}

int
store_read_closed(struct tally_store *s, MDB_txn *txn, struct tally_err *err)
{
	struct tally_bytes why;
	int r = store_get(txn, s->meta, tally_bytes_str(CLOSED), &why, err);

	if (r > 0)
		s->closed = tally_strndup((const char *)why.p, why.len);
	return r < 0 ? -1 : 0;
}
