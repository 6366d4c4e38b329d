/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV out (RFC 4180). Whether a cell is the first of its row is seen from the
 * buffer: it is where the buffer is empty or ends with a line's end. A cell
 * with a line's end inside is quoted and so cannot look like that; an empty
 * first cell is written as two quotes for the same reason.
 */
#include <string.h>
#include "tally/csv.h"

/* Returns whether the cell is the first of its row. */
static bool
separate(struct tally_buf *out)
{
	if (out->len == 0 || out->p[out->len - 1] == '\n')
		return true;
	tally_buf_add_u8(out, ',');
	return false;
}

static bool
needs_quotes(struct tally_bytes cell)
{
	for (size_t i = 0; i < cell.len; i++)
		if (memchr(",\"\r\n", cell.p[i], 4))
			return true;
	return false;
}

void
tally_csv_text(struct tally_buf *out, struct tally_bytes cell)
{
	bool first = separate(out);
	bool quote = cell.len == 0 ? first : needs_quotes(cell);

	if (quote)
		tally_buf_add_u8(out, '"');
	if (cell.len > 0 && memchr("=+-@\t\r\n", cell.p[0], 7))
		tally_buf_add_u8(out, '\'');
	for (size_t i = 0; i < cell.len; i++) {
		if (cell.p[i] == '"')
			tally_buf_add_u8(out, '"');
		tally_buf_add_u8(out, cell.p[i]);
	}
	if (quote)
		tally_buf_add_u8(out, '"');
}

void
tally_csv_number(struct tally_buf *out, const char *decimal)
{
	separate(out);
	tally_buf_add_str(out, decimal);
}

void
tally_csv_end(struct tally_buf *out)
{
	tally_buf_add_str(out, "\r\n");
}
