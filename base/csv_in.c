/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV in, by libcsv. It tells no places, so it is fed byte by byte: a cell is
 * there when the byte behind it was taken, and began behind the one before it.
 */
#include <csv.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/err.h"

#define ROW_FIRST 8 /* cells that a row has room for at first */

struct reading {
	struct tally_csv *csv;
	struct tally_csv_cell *row; /* the one under way */
	size_t n, cap;
	bool too_wide;
	unsigned line, column;       /* of the byte under way */
	struct tally_csv_cell begin; /* of the cell under way: its place only */
	bool fresh;                  /* it has no byte yet */
};

void
tally_csv_error_(const struct tally_csv *c, const struct tally_csv_cell *cell,
		 struct tally_err *err, const char *fmt, ...)
{
	char what[768];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	tally_err_set_(err, TALLY_USE, "%s:%u:%u: %s", c->name, cell->line, cell->column, what);
}

static void
on_cell(void *text, size_t len, void *ctx)
{
	struct reading *r = ctx;
	struct tally_csv_cell *cell;
	uint8_t *copy;

	if (r->n == TALLY_CSV_COLUMNS) {
		r->too_wide = true;
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : ROW_FIRST;
		r->row = tally_realloc_array(r->row, r->cap, sizeof(*r->row));
	}
	cell = &r->row[r->n++];
	*cell = r->begin;
	copy = tally_arena_alloc(r->csv->arena, len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	cell->text = tally_bytes(copy, len);
	r->fresh = true;
}

static void
on_row(int end, void *ctx)
{
	struct reading *r = ctx;
	struct tally_csv *c = r->csv;
	struct tally_csv_row *row;

	(void)end;
	if (r->n == 0)
		return;
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->rows = tally_realloc_array(c->rows, c->cap, sizeof(*c->rows));
	}
	row = &c->rows[c->count++];
	row->count = r->n;
	row->cells = tally_arena_alloc(c->arena, r->n * sizeof(*row->cells));
	memcpy(row->cells, r->row, r->n * sizeof(*row->cells));
	r->n = 0;
}

/* Moves the place behind byte i. */
static void
pass(struct reading *r, struct tally_bytes in, size_t i)
{
	uint8_t c = in.p[i];

	if (c == '\n' || (c == '\r' && (i + 1 == in.len || in.p[i + 1] != '\n'))) {
		r->line++;
		r->column = 1;
	} else if (i + 1 == in.len || (in.p[i + 1] & 0xc0) != 0x80) {
		r->column++;
	}
}

static int
check_row(const struct reading *r, struct tally_err *err)
{
	if (!r->too_wide)
		return 0;
	return tally_csv_error(r->csv, &r->begin, err, "a row has more than %d cells",
			       TALLY_CSV_COLUMNS);
}

static int
feed(struct reading *r, struct csv_parser *p, struct tally_bytes in, struct tally_err *err)
{
	struct tally_csv_cell here = { 0 };

	for (size_t i = 0; i < in.len; i++) {
		here.line = r->line;
		here.column = r->column;
		if (r->fresh) {
			r->begin = here;
			/* Neither blanks before a cell nor what ends a line begin one. */
			r->fresh = memchr(" \t\r\n", in.p[i], 4) != NULL;
		}
		if (csv_parse(p, &in.p[i], 1, on_cell, on_row, r) != 1)
			return tally_csv_error(r->csv, &here, err, "%s",
					       csv_error(p) == CSV_EPARSE
						       ? "a quotation mark stands where none can, "
							 "or one is missing"
						       : csv_strerror(csv_error(p)));
		if (check_row(r, err) < 0)
			return -1;
		pass(r, in, i);
	}
	here.line = r->line;
	here.column = r->column;
	if (r->fresh)
		r->begin = here;
	if (csv_fini(p, on_cell, on_row, r) != 0)
		return tally_csv_error(r->csv, &r->begin, err,
				       "the quotation mark that opens here is never closed");
	return check_row(r, err);
}

/* Bytes that no text of ours has, before anything is made of them. */
static int
check_text(struct reading *r, struct tally_bytes in, struct tally_err *err)
{
	struct tally_csv_cell here = { 0 };
	const char *what = NULL;
	size_t i;

	if (in.len > TALLY_CSV_MAX)
		return tally_err_set(err, TALLY_USE, "%s:1:1: more than %u bytes", r->csv->name,
				     TALLY_CSV_MAX);
	if (in.len == 0 || (!memchr(in.p, 0, in.len) && tally_utf8_valid(in.p, in.len)))
		return 0;
	for (i = 0; i < in.len && !what; i++) {
		size_t n = in.p[i] < 0x80 ? 1 : in.p[i] < 0xe0 ? 2 : in.p[i] < 0xf0 ? 3 : 4;

		here.line = r->line;
		here.column = r->column;
		if (in.p[i] == 0)
			what = "a NUL byte";
		else if (n > in.len - i || !tally_utf8_valid(&in.p[i], n))
			what = "this is not UTF-8";
		else
			pass(r, in, i += n - 1);
	}
	TALLY_ASSERT(what);
	return tally_csv_error(r->csv, &here, err, "%s", what);
}

int
tally_csv_parse(struct tally_csv **out, const char *name, struct tally_bytes in,
		struct tally_err *err)
{
	struct reading r = { .line = 1, .column = 1, .fresh = true };
	struct csv_parser p;
	int status;

	r.csv = tally_alloc(sizeof(*r.csv));
	r.csv->name = name;
	r.csv->arena = tally_arena_new(64 << 10);
	if (in.len >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
		in = tally_bytes(in.p + 3, in.len - 3);
	status = check_text(&r, in, err);
	if (status == 0 && csv_init(&p, CSV_STRICT | CSV_STRICT_FINI) != 0)
		abort();
	if (status == 0) {
		status = feed(&r, &p, in, err);
		csv_free(&p);
	}
	free(r.row);
	if (status < 0) {
		tally_csv_free(r.csv);
		return -1;
	}
	*out = r.csv;
	return 0;
}

void
tally_csv_free(struct tally_csv *c)
{
	if (!c)
		return;
	tally_arena_free(c->arena);
	free(c->rows);
	free(c);
}

static int
check_rows(const struct tally_csv *c, struct tally_err *err)
{
	size_t columns = c->rows[0].count;

	for (size_t i = 1; i < c->count; i++) {
		const struct tally_csv_row *row = &c->rows[i];

		if (row->count != columns)
			return tally_csv_error(
				c, &row->cells[row->count < columns ? row->count - 1 : columns],
				err, "the row has %zu cells, the first row names %zu columns",
				row->count, columns);
	}
	return 0;
}

int
tally_csv_columns(const struct tally_csv *c, const char *const names[], size_t n, size_t at[],
		  struct tally_err *err)
{
	const struct tally_csv_row *head = c->rows;
	struct tally_buf shown = TALLY_BUF_INIT;
	int status = 0;

	if (c->count == 0)
		return tally_err_set(err, TALLY_USE, "%s:1:1: no row that names the columns",
				     c->name);
	for (size_t i = 0; i < n; i++)
		at[i] = SIZE_MAX;
	for (size_t k = 0; k < head->count && status == 0; k++) {
		size_t i = 0;

		while (i < n && !tally_bytes_eq(head->cells[k].text, tally_bytes_str(names[i])))
			i++;
		tally_buf_clear(&shown);
		tally_printable(&shown, head->cells[k].text);
		if (i == n)
			status = tally_csv_error(c, &head->cells[k], err, "unknown column '%.100s'",
						 tally_buf_cstr(&shown));
		else if (at[i] != SIZE_MAX)
			status = tally_csv_error(c, &head->cells[k], err,
						 "the column '%s' is there twice", names[i]);
		else
			at[i] = k;
	}
	tally_buf_deinit(&shown);
	return status == 0 ? check_rows(c, err) : -1;
}
