/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces are made once and shared by the two cursors; the last one frees them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "indexed.h"
#include "tally/err.h"
#include "tally/index.h"

#define PIECE   5U
#define SEGMENT 3U /* pieces */

struct pieces {
	struct tally_buf *items;
	uint64_t *first;
	size_t count;
	unsigned users;
};
struct cursor {
	struct pieces *pieces;
	struct tally_index_reader *reader;
	size_t next;
	const struct tally_index_row *rows; /* of cursor_next */
	size_t n, at;
};

static void
die(const struct tally_err *err)
{
	fprintf(stderr, "indexed.c: %s\n", err->text);
	abort();
}

static void
add_piece(struct pieces *p, struct tally_index_writer *w)
{
	uint8_t before[TALLY_HASH] = { 0 };
	struct tally_buf *b;

	p->items = tally_realloc_array(p->items, p->count + 1, sizeof(*p->items));
	p->first = tally_realloc_array(p->first, p->count + 1, sizeof(*p->first));
	b = &p->items[p->count];
	*b = (struct tally_buf)TALLY_BUF_INIT;
	p->first[p->count++] = tally_index_first(w);
	tally_index_piece(w, b);
	if (p->count % SEGMENT != 0)
		return;
	memcpy(before, b->p + b->len - TALLY_HASH, TALLY_HASH);
	tally_index_writer_begin(w, tally_index_next(w), before, true);
}

static bool
make(struct pieces *p, const struct tally_entries *from)
{
	struct tally_index_writer *w = tally_index_writer_new();
	const uint8_t none[TALLY_HASH] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entry e;
	bool whole = true;
	int r;

	if (from->rewind(from->ctx, &err) < 0)
		die(&err);
	tally_index_writer_begin(w, 0, none, true);
	while (whole && (r = from->next(from->ctx, &e, &err)) > 0) {
		whole = e.mask == (1u << TALLY_GROUPS) - 1;
		tally_index_add(w, &e.header, e.group);
		if (tally_index_next(w) - tally_index_first(w) == PIECE)
			add_piece(p, w);
	}
	if (whole && r < 0)
		die(&err);
	if (tally_index_next(w) > tally_index_first(w))
		add_piece(p, w);
	tally_index_writer_free(w);
	return whole;
}

static void
drop(struct pieces *p)
{
	if (--p->users > 0)
		return;
	for (size_t i = 0; i < p->count; i++)
		tally_buf_deinit(&p->items[i]);
	free(p->items);
	free(p->first);
	free(p);
}

static int
cursor_rows(void *ctx, const struct tally_index_row **rows, size_t *n, struct tally_err *err)
{
	struct cursor *c = ctx;
	int r = tally_index_rows(c->reader, rows, n, err);

	if (r == 0 && c->next < c->pieces->count) {
		size_t i = c->next++;

		if (tally_index_feed(c->reader, c->pieces->first[i],
				     tally_buf_view(&c->pieces->items[i]), err) < 0)
			return -1;
		r = tally_index_rows(c->reader, rows, n, err);
	}
	return r;
}

static int
cursor_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct cursor *c = ctx;
	const struct tally_index_row *row;

	if (c->at == c->n) {
		int r = cursor_rows(c, &c->rows, &c->n, err);

		if (r <= 0)
			return r;
		c->at = 0;
	}
	row = &c->rows[c->at++];
	out->header = row->header;
	out->mask = (1u << TALLY_GROUPS) - 1;
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		out->group[k] = row->group[k] && tally_body_is_whole(row->header.kind)
					? row->group[k]->bytes
					: tally_bytes(NULL, 0);
	return 1;
}

static int
cursor_rewind(void *ctx, struct tally_err *err)
{
	struct cursor *c = ctx;

	(void)err;
	tally_index_reader_reset(c->reader);
	c->next = c->n = c->at = 0;
	return 0;
}

static void
cursor_close(void *ctx)
{
	struct cursor *c = ctx;

	tally_index_reader_free(c->reader);
	drop(c->pieces);
	free(c);
}

static struct tally_entries
cursor_open(struct pieces *p)
{
	struct cursor *c = tally_alloc(sizeof(*c));

	c->pieces = p;
	c->reader = tally_index_reader_new();
	p->users++;
	return (struct tally_entries){ c, cursor_next, cursor_rewind, cursor_close, cursor_rows };
}

bool
test_indexed_open(struct tally_report_ledger *out, const struct tally_report_ledger *plain)
{
	struct pieces *p = tally_alloc(sizeof(*p));

	p->users = 1;
	if (!make(p, &plain->entries)) {
		drop(p);
		return false;
	}
	*out = *plain;
	out->entries = cursor_open(p);
	out->entries2 = cursor_open(p);
	drop(p);
	return true;
}

void
test_indexed_close(struct tally_report_ledger *l)
{
	l->entries.close(l->entries.ctx);
	l->entries2.close(l->entries2.ctx);
}
