/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of strangers for a terminal or a log: what could move the cursor, begin
 * a line or reorder its neighbours is shown as \xNN or \u{...}. The backslash
 * itself stays; the result is for eyes and is never read back.
 */
#include "tally/csv.h"
#include "utf8.h"

static bool
harmful(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) /* C0, DEL, C1 */
		return true;
	/* Bidi marks, embeddings, overrides and isolates. */
	if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069))
		return true;
	/* Line and paragraph separators; a space of no width; tag characters. */
	return c == 0x2028 || c == 0x2029 || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

void
tally_printable(struct tally_buf *out, struct tally_bytes text)
{
	size_t i = 0;

	while (i < text.len) {
		uint32_t code;
		size_t len = tally_utf8_next(text.p + i, text.len - i, &code);

		if (len == 0) {
			tally_buf_addf(out, "\\x%02x", text.p[i]);
			len = 1;
		} else if (!harmful(code)) {
			tally_buf_add(out, text.p + i, len);
		} else if (code < 0x80) {
			tally_buf_addf(out, "\\x%02x", (unsigned)code);
		} else {
			tally_buf_addf(out, "\\u{%x}", (unsigned)code);
		}
		i += len;
	}
}
