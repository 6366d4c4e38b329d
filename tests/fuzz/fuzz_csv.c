/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as CSV. A cell has its place inside the text and holds no NUL; what
 * is refused says where; and what was read, written and read again is the same.
 */
#include <stdint.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct tally_csv *c, size_t size)
{
	unsigned line = 1, column = 0;

	for (size_t i = 0; i < c->count; i++) {
		TALLY_ASSERT(c->rows[i].count > 0 && c->rows[i].count <= TALLY_CSV_COLUMNS);
		for (size_t k = 0; k < c->rows[i].count; k++) {
			const struct tally_csv_cell *cell = &c->rows[i].cells[k];

			TALLY_ASSERT(cell->line > line ||
				     (cell->line == line && cell->column > column));
			line = cell->line;
			column = cell->column;
			TALLY_ASSERT(line <= size + 1 && column <= size + 1);
			TALLY_ASSERT(tally_utf8_valid(cell->text.p, cell->text.len));
			TALLY_ASSERT(strlen((const char *)cell->text.p) == cell->text.len);
		}
	}
}

/* The writer puts an apostrophe before what a spreadsheet would run. */
static bool
same(struct tally_bytes was, struct tally_bytes is)
{
	if (was.len > 0 && memchr("=+-@\t\r\n", was.p[0], 7)) {
		TALLY_ASSERT(is.len > 0 && is.p[0] == '\'');
		is = tally_bytes(is.p + 1, is.len - 1);
	}
	return tally_bytes_eq(was, is);
}

static void
write_and_read(const struct tally_csv *c)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *again;

	for (size_t i = 0; i < c->count; i++) {
		for (size_t k = 0; k < c->rows[i].count; k++) {
			struct tally_bytes cell = c->rows[i].cells[k].text;

			/* Blanks around a cell are kept in quotes only, which the writer
			 * sets where something else needs them. */
			if (cell.len > 0 &&
			    (strchr(" \t", cell.p[0]) || strchr(" \t", cell.p[cell.len - 1]))) {
				tally_buf_deinit(&text);
				return;
			}
			tally_csv_text(&text, cell);
		}
		tally_csv_end(&text);
	}
	/* At the begin of a file this is a byte order mark, and no part of the cell. */
	if (text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
		tally_buf_deinit(&text);
		return;
	}
	TALLY_ASSERT(tally_csv_parse(&again, "f", tally_buf_view(&text), &err) == 0);
	TALLY_ASSERT(again->count == c->count);
	for (size_t i = 0; i < c->count; i++) {
		TALLY_ASSERT(again->rows[i].count == c->rows[i].count);
		for (size_t k = 0; k < c->rows[i].count; k++)
			TALLY_ASSERT(same(c->rows[i].cells[k].text, again->rows[i].cells[k].text));
	}
	tally_csv_free(again);
	tally_buf_deinit(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "vm", "tenant" };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_csv *c;
	size_t at[2];

	if (tally_csv_parse(&c, "f", tally_bytes(data, size), &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	look_at(c, size);
	write_and_read(c);
	if (tally_csv_columns(c, names, 2, at, &err) < 0)
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
	tally_csv_free(c);
	return 0;
}
