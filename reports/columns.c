/* SPDX-License-Identifier: Apache-2.0 */
/* Width is counted in code points, which is right for most scripts and never
 * breaks a character in two. */
#include <stdlib.h>
#include <string.h>
#include "columns.h"
#include "table.h"
#include "tally/csv.h"
#include "tally/err.h"

#define SHORTEST 8 /* no column of text is cut below this */

void
columns_init(struct columns *c, const char *const *heads, size_t n)
{
	memset(c, 0, sizeof(*c));
	TALLY_ASSERT(n > 0);
	c->heads = heads;
	c->n = n;
}

void
columns_deinit(struct columns *c)
{
	for (size_t i = 0; i < c->count; i++)
		free((void *)(uintptr_t)c->cells[i].p);
	for (size_t i = 0; i < c->n_titles; i++)
		free((void *)(uintptr_t)c->titles[i].text.p);
	free(c->cells);
	free(c->titles);
}

void
columns_title(struct columns *c, struct tally_bytes text)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_buf_add_bytes(&b, text);
	c->titles = array_grow(c->titles, &c->cap_titles, c->n_titles, sizeof(*c->titles));
	c->titles[c->n_titles++] = (struct columns_title){ c->count, tally_buf_view(&b) };
}

void
columns_untitle(struct columns *c, size_t titles)
{
	while (c->n_titles > titles)
		free((void *)(uintptr_t)c->titles[--c->n_titles].text.p);
}

void
columns_add(struct columns *c, struct tally_bytes cell)
{
	struct tally_buf b = TALLY_BUF_INIT;

	tally_printable(&b, cell);
	c->cells = array_grow(c->cells, &c->cap, c->count, sizeof(*c->cells));
	c->cells[c->count++] = tally_buf_view(&b); /* owned from here on */
}

void
columns_str(struct columns *c, const char *cell)
{
	columns_add(c, tally_bytes_str(cell));
}

static size_t
points(struct tally_bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += (text.p[i] & 0xc0) != 0x80;
	return n;
}

static char
sign(const struct columns *c, size_t column)
{
	return c->heads[column][0];
}

static struct tally_bytes
head(const struct columns *c, size_t column)
{
	return tally_bytes_str(c->heads[column] + 1);
}

static void
spaces(struct tally_buf *out, size_t n)
{
	memset(tally_buf_grow(out, n), ' ', n);
}

/* Where the code point begins that `n` others precede. */
static size_t
offset(struct tally_bytes text, size_t n)
{
	size_t i = 0;

	for (size_t seen = 0; i < text.len; i++) {
		seen += (text.p[i] & 0xc0) != 0x80;
		if (seen > n)
			break;
	}
	return i;
}

static void
cell_out(struct tally_buf *out, struct tally_bytes cell, size_t width, char how)
{
	size_t n = points(cell), at;

	if (n <= width) {
		if (how == '>')
			spaces(out, width - n);
		tally_buf_add_bytes(out, cell);
		if (how != '>')
			spaces(out, width - n);
	} else if (how == '<') {
		at = offset(cell, n - width + 1);
		tally_buf_add_str(out, "…");
		tally_buf_add(out, cell.p + at, cell.len - at);
	} else {
		tally_buf_add(out, cell.p, offset(cell, width - 1));
		tally_buf_add_str(out, "…");
	}
}

/* Cuts the widest column of text, again and again, until all fit. */
static void
fit(const struct columns *c, size_t *widths, unsigned width)
{
	size_t all = c->n_titles ? 2 : 0;

	for (size_t i = 0; i < c->n; i++)
		all += widths[i] + 2;
	while (all > width) {
		size_t widest = c->n;

		for (size_t i = 0; i < c->n; i++)
			if ((sign(c, i) == '-' || sign(c, i) == '<') && widths[i] > SHORTEST &&
			    (widest == c->n || widths[i] > widths[widest]))
				widest = i;
		if (widest == c->n)
			return;
		widths[widest]--;
		all--;
	}
}

static void
row_out(const struct columns *c, struct tally_buf *out, const struct tally_bytes *cells,
	const size_t *widths)
{
	if (c->n_titles > 0)
		tally_buf_add_str(out, "  ");
	for (size_t i = 0; i < c->n; i++) {
		tally_buf_add_str(out, "  ");
		cell_out(out, cells ? cells[i] : head(c, i), widths[i], sign(c, i));
	}
	while (out->len > 0 && out->p[out->len - 1] == ' ')
		out->len--;
	tally_buf_add_str(out, "\n");
}

void
columns_print(const struct columns *c, struct tally_buf *out, unsigned width)
{
	const size_t n = c->n;
	size_t *widths = tally_alloc(n * sizeof(*widths)), t = 0;

	TALLY_ASSERT(n > 0);
	for (size_t i = 0; i < n; i++)
		widths[i] = points(head(c, i));
	for (size_t i = 0; i < c->count; i++)
		if (points(c->cells[i]) > widths[i % n])
			widths[i % n] = points(c->cells[i]);
	fit(c, widths, width);
	row_out(c, out, NULL, widths);
	for (size_t i = 0; i + n <= c->count; i += n) {
		for (; t < c->n_titles && c->titles[t].at <= i; t++) {
			tally_buf_add_str(out, "  ");
			columns_wrap(out, c->titles[t].text, 2, width);
		}
		row_out(c, out, c->cells + i, widths);
	}
	free(widths);
}

static void
new_line(struct tally_buf *out, unsigned indent)
{
	tally_buf_add_str(out, "\n");
	spaces(out, indent);
}

/* Where the line stands behind the word. One that no line holds is broken. */
static size_t
word_out(struct tally_buf *out, struct tally_bytes word, size_t at, unsigned indent, unsigned width)
{
	size_t room = width - indent;

	if (at > indent && at + 1 + points(word) > width) {
		new_line(out, indent);
		at = indent;
	} else if (at > indent) {
		tally_buf_add_str(out, " ");
		at++;
	}
	while (points(word) > room) {
		size_t n = offset(word, room);

		tally_buf_add(out, word.p, n);
		new_line(out, indent);
		word = tally_bytes(word.p + n, word.len - n);
	}
	tally_buf_add_bytes(out, word);
	return at + points(word);
}

void
columns_wrap(struct tally_buf *out, struct tally_bytes text, unsigned indent, unsigned width)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t at = indent;

	TALLY_ASSERT(width > indent);
	tally_printable(&b, text);
	for (size_t i = 0, end; i < b.len; i = end + 1) {
		for (end = i; end < b.len && b.p[end] != ' ';)
			end++;
		at = word_out(out, tally_bytes(b.p + i, end - i), at, indent, width);
	}
	tally_buf_add_str(out, "\n");
	tally_buf_deinit(&b);
}
