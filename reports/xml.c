/* SPDX-License-Identifier: Apache-2.0 */
/* XML out. */
#include "tally/err.h"
#include "xml.h"

static void
indent(struct xml *x)
{
	tally_buf_add_u8(x->out, '\n');
	for (unsigned i = 0; i < x->depth; i++)
		tally_buf_add_str(x->out, "  ");
}

/* The length of the character that begins at `p`; 0 where XML has none such. */
static size_t
character(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n > left || !tally_utf8_valid(p, n))
		return 0;
	if (n == 1)
		return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' || p[0] == '\r' ? 1 : 0;
	/* U+FFFE and U+FFFF */
	return n == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe ? 0 : n;
}

static void
escape(struct tally_buf *out, struct tally_bytes text)
{
	for (size_t i = 0, n; i < text.len; i += n) {
		const uint8_t *p = &text.p[i];

		n = character(p, text.len - i);
		if (n == 0) {
			tally_buf_add_str(out, "\xef\xbf\xbd");
			n = 1;
		} else if (n > 1) {
			tally_buf_add(out, p, n);
		} else if (*p == '&' || *p == '<' || *p == '>' || *p == '"' || *p == '\'' ||
			   *p < 0x20) {
			/* Whitespace, too: a parser would make blanks of it in attributes. */
			tally_buf_addf(out, "&#%u;", *p);
		} else {
			tally_buf_add_u8(out, *p);
		}
	}
}

static void
close_tag(struct xml *x)
{
	if (x->in_tag)
		tally_buf_add_u8(x->out, '>');
	x->in_tag = false;
}

void
xml_begin(struct xml *x, struct tally_buf *out)
{
	*x = (struct xml){ .out = out };
	tally_buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
}

void
xml_element(struct xml *x, const char *name)
{
	TALLY_ASSERT(x->depth < sizeof(x->open) / sizeof(*x->open));
	close_tag(x);
	indent(x);
	tally_buf_addf(x->out, "<%s", name);
	x->open[x->depth++] = name;
	x->in_tag = true;
}

void
xml_attribute(struct xml *x, const char *name, struct tally_bytes value)
{
	TALLY_ASSERT(x->in_tag);
	tally_buf_addf(x->out, " %s=\"", name);
	escape(x->out, value);
	tally_buf_add_u8(x->out, '"');
}

void
xml_end(struct xml *x)
{
	TALLY_ASSERT(x->depth > 0);
	x->depth--;
	if (x->in_tag) {
		tally_buf_add_str(x->out, "/>");
		x->in_tag = false;
	} else {
		indent(x);
		tally_buf_addf(x->out, "</%s>", x->open[x->depth]);
	}
	if (x->depth == 0)
		tally_buf_add_u8(x->out, '\n');
}

void
xml_text(struct xml *x, const char *name, struct tally_bytes text)
{
	close_tag(x);
	indent(x);
	tally_buf_addf(x->out, "<%s>", name);
	escape(x->out, text);
	tally_buf_addf(x->out, "</%s>", name);
}
