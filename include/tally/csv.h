/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CSV_H
#define TALLY_CSV_H
/* CSV out: RFC 4180 with "\r\n"; text cells that begin with = + - @, a tab, a
 * carriage return or a newline get an apostrophe, so that no spreadsheet runs
 * them; numbers stay numbers. And CSV in, with the place of each cell. */
#include "tally/bytes.h"

struct tally_err;

void tally_csv_text(struct tally_buf *out,
		    struct tally_bytes cell); /* with a comma before it unless first in its row */
void tally_csv_number(struct tally_buf *out, const char *decimal);
void tally_csv_end(struct tally_buf *out);

/* A text of RFC 4180 as rows of cells; lines end with "\r\n", "\n" or "\r".
 * Blanks around a cell without quotes go, so do blank lines and a byte order
 * mark at the begin. Whatever a cell holds is data: nothing is a formula here.
 * Refused: invalid UTF-8, NUL, a stray or open quotation mark, more than
 * TALLY_CSV_MAX bytes, and more than TALLY_CSV_COLUMNS cells in a row. */
#define TALLY_CSV_MAX     (64U << 20)
#define TALLY_CSV_COLUMNS 256
struct tally_csv_cell {
	struct tally_bytes text;
	unsigned line, column; /* of its begin, from 1, in characters */
};
struct tally_csv_row {
	struct tally_csv_cell *cells; /* at least one */
	size_t count;
};
struct tally_csv {
	const char *name; /* borrowed */
	struct tally_csv_row *rows;
	size_t count, cap;
	struct tally_arena *arena;
};
/* `name` stands before each error: "NAME:LINE:COLUMN: what" (TALLY_USE). */
int tally_csv_parse(struct tally_csv **out, const char *name, struct tally_bytes in,
		    struct tally_err *err);
void tally_csv_free(struct tally_csv *c);
/* The first row as the names of columns: at[i] becomes the column of names[i],
 * SIZE_MAX where there is none. Refused: no row at all, a column that is none of
 * the `n` names or stands there twice, a row with more or fewer cells. */
int tally_csv_columns(const struct tally_csv *c, const char *const names[], size_t n, size_t at[],
		      struct tally_err *err);
/* An error at a cell's place. Yields -1. */
#define tally_csv_error(csv, cell, err, ...)                                                       \
	(tally_csv_error_((csv), (cell), (err), __VA_ARGS__), -1)
void tally_csv_error_(const struct tally_csv *c, const struct tally_csv_cell *cell,
		      struct tally_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* For a terminal or a log: control characters, escape sequences, bidi
 * overrides and invalid UTF-8 become \xNN or \u{...}. */
void tally_printable(struct tally_buf *out, struct tally_bytes text);

#endif
