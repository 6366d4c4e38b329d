/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces are made once and shared by the two cursors; the last one frees them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "indexed.h"
#include "tally/err.h"
#include "tally/gist.h"
#include "tally/index.h"

#define PIECE   5U
#define SEGMENT 3U /* pieces */

struct item {
	struct tally_buf bytes;
	uint64_t first;
	uint8_t hash[TALLY_HASH];
};
/* Of all entries before `next`. */
struct gist {
	struct tally_buf bytes;
	uint64_t next;
	int64_t horizon;
	size_t pieces; /* before it */
};
struct kept {
	struct tally_header header;
	struct tally_buf group[TALLY_GROUPS];
};
struct pieces {
	struct item *items;
	size_t count;
	struct gist *gists;
	size_t n_gists;
	struct kept *entries; /* while the others are made */
	size_t n_entries;
	unsigned users;
};
struct cursor {
	struct pieces *pieces;
	struct tally_index_reader *reader;
	size_t next, skip; /* piece; the number of the gist that is read first, from 1 */
	const struct tally_index_row *rows; /* of cursor_next */
	size_t n, at;
};

_Atomic uint64_t test_indexed_count;

static void
die(const struct tally_err *err)
{
	fprintf(stderr, "indexed.c: %s\n", err->text);
	abort();
}

static void
add_entry(struct pieces *p, const struct tally_entry *e)
{
	struct kept *k;

	p->entries = tally_realloc_array(p->entries, p->n_entries + 1, sizeof(*p->entries));
	k = &p->entries[p->n_entries++];
	*k = (struct kept){ .header = e->header };
	for (unsigned i = 0; i < TALLY_GROUPS; i++)
		tally_buf_add_bytes(&k->group[i], e->group[i]);
}

static void
groups_of(const struct kept *k, struct tally_bytes out[TALLY_GROUPS])
{
	for (unsigned i = 0; i < TALLY_GROUPS; i++)
		out[i] = tally_buf_view(&k->group[i]);
}

static void
add_to_gist(const struct pieces *p, struct tally_gist *g, uint64_t from, uint64_t to)
{
	struct tally_bytes groups[TALLY_GROUPS];

	for (uint64_t i = from; i < to; i++) {
		groups_of(&p->entries[i], groups);
		tally_gist_add(g, &p->entries[i].header, groups);
	}
}

/* Made of what the one before kept, `from`, and the entries that came since. */
static struct tally_gist *
add_gist(struct pieces *p, struct tally_gist *from, const uint8_t before[TALLY_HASH], uint64_t next)
{
	struct tally_gist *g = tally_gist_new();
	struct tally_index_writer *w = tally_index_writer_new();
	const uint64_t *rows;
	size_t n = tally_gist_rows(from, &rows);
	struct gist *out;

	for (size_t i = 0; i < n; i++)
		add_to_gist(p, g, rows[i], rows[i] + 1);
	tally_gist_goes_on(g, tally_gist_next(from), tally_gist_horizon(from));
	add_to_gist(p, g, tally_gist_next(from), next);
	n = tally_gist_rows(g, &rows);
	p->gists = tally_realloc_array(p->gists, p->n_gists + 1, sizeof(*p->gists));
	out = &p->gists[p->n_gists++];
	*out = (struct gist){ .next = next, .horizon = tally_gist_horizon(g), .pieces = p->count };
	tally_index_gist_begin(w, next, before);
	for (size_t i = 0; i < n; i++) {
		struct tally_bytes groups[TALLY_GROUPS];

		groups_of(&p->entries[rows[i]], groups);
		tally_index_gist_add(w, &p->entries[rows[i]].header, groups);
	}
	tally_index_gist(w, out->horizon, &out->bytes);
	tally_gist_free(from);
	tally_index_writer_free(w);
	return g;
}

static void
add_piece(struct pieces *p, struct tally_index_writer *w, struct tally_gist **gist)
{
	struct item *item;

	p->items = tally_realloc_array(p->items, p->count + 1, sizeof(*p->items));
	item = &p->items[p->count];
	*item = (struct item){ .first = tally_index_first(w) };
	p->count++;
	tally_index_piece(w, &item->bytes);
	memcpy(item->hash, item->bytes.p + item->bytes.len - TALLY_HASH, TALLY_HASH);
	if (p->count % SEGMENT != 0)
		return;
	tally_index_writer_begin(w, tally_index_next(w), item->hash, true);
	*gist = add_gist(p, *gist, item->hash, tally_index_next(w));
}

static bool
make(struct pieces *p, const struct tally_entries *from)
{
	struct tally_index_writer *w = tally_index_writer_new();
	struct tally_gist *gist = tally_gist_new();
	const uint8_t none[TALLY_HASH] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_entry e;
	bool whole = true;
	int r = 0;

	if (from->rewind(from->ctx, &err) < 0)
		die(&err);
	tally_index_writer_begin(w, 0, none, true);
	while (whole && (r = from->next(from->ctx, &e, &err)) > 0) {
		whole = e.mask == (1u << TALLY_GROUPS) - 1;
		add_entry(p, &e);
		tally_index_add(w, &e.header, e.group);
		if (tally_index_next(w) - tally_index_first(w) == PIECE)
			add_piece(p, w, &gist);
	}
	if (whole && r < 0)
		die(&err);
	if (tally_index_next(w) > tally_index_first(w))
		add_piece(p, w, &gist);
	tally_index_writer_free(w);
	tally_gist_free(gist);
	for (size_t i = 0; i < p->n_entries; i++)
		for (unsigned k = 0; k < TALLY_GROUPS; k++)
			tally_buf_deinit(&p->entries[i].group[k]);
	free(p->entries);
	return whole;
}

static void
drop(struct pieces *p)
{
	if (--p->users > 0)
		return;
	for (size_t i = 0; i < p->count; i++)
		tally_buf_deinit(&p->items[i].bytes);
	for (size_t i = 0; i < p->n_gists; i++)
		tally_buf_deinit(&p->gists[i].bytes);
	free(p->items);
	free(p->gists);
	free(p);
}

/* The gist or the next piece: 1, 0, -1. */
static int
feed(struct cursor *c, struct tally_err *err)
{
	const struct pieces *p = c->pieces;
	const struct item *i = &p->items[c->next];

	if (c->next == 0 && c->skip > 0) {
		const struct gist *g = &p->gists[c->skip - 1];

		c->next = g->pieces;
		tally_index_reader_after(c->reader, p->items[g->pieces - 1].hash);
		return tally_index_feed(c->reader, g->next, tally_buf_view(&g->bytes), err) < 0 ? -1
												: 1;
	}
	if (c->next == p->count)
		return 0;
	c->next++;
	return tally_index_feed(c->reader, i->first, tally_buf_view(&i->bytes), err) < 0 ? -1 : 1;
}

static int
cursor_rows(void *ctx, const struct tally_index_row **rows, size_t *n, struct tally_err *err)
{
	struct cursor *c = ctx;
	int r = tally_index_rows(c->reader, rows, n, err);

	if (r == 0 && (r = feed(c, err)) > 0)
		r = tally_index_rows(c->reader, rows, n, err);
	test_indexed_count += r > 0 ? *n : 0;
	return r;
}

static int
cursor_leave_out(void *ctx, int64_t from, uint64_t *whole, struct tally_err *err)
{
	struct cursor *c = ctx;
	const struct gist *g = c->pieces->gists;

	(void)err;
	for (c->skip = c->pieces->n_gists; c->skip > 0 && g[c->skip - 1].horizon >= from;)
		c->skip--;
	*whole = c->skip > 0 ? g[c->skip - 1].next : 0;
	return 0;
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
	return (struct tally_entries){ c,           cursor_next,     cursor_rewind, cursor_close,
				       cursor_rows, cursor_leave_out };
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
