/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_COLUMNS_H
#define TALLY_REPORTS_COLUMNS_H
/* A table in plain text: columns as wide as their widest cell, the widest of
 * text cut where the whole would pass the width. Cells are made printable. */
#include "tally/bytes.h"

/* A line of its own before the row whose first cell is number `at`. */
struct columns_title {
	size_t at;
	struct tally_bytes text;
};
struct columns {
	const char *const *heads; /* first a sign: > right, ! never cut, < cut in front, - behind */
	size_t n;
	struct tally_bytes *cells;
	size_t count, cap;
	struct columns_title *titles;
	size_t n_titles, cap_titles;
};
void columns_init(struct columns *c, const char *const *heads, size_t n);
void columns_deinit(struct columns *c);
void columns_add(struct columns *c, struct tally_bytes cell);
/* A title before the next row; from the first on, rows are indented by two more. */
void columns_title(struct columns *c, struct tally_bytes text);
/* Takes back all but the first `titles`. */
void columns_untitle(struct columns *c, size_t titles);
void columns_str(struct columns *c, const char *cell);
/* Indented by two; at most `width` wide where cutting texts can do it. */
void columns_print(const struct columns *c, struct tally_buf *out, unsigned width);
/* `text` broken at spaces, and where no line holds a word; later lines are
 * indented by `indent`, which is less than `width`. */
void columns_wrap(struct tally_buf *out, struct tally_bytes text, unsigned indent, unsigned width);

#endif
