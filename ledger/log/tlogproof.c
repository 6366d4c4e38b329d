/* SPDX-License-Identifier: Apache-2.0 */
/* c2sp.org/tlog-proof@v1: an entry, its inclusion proof and the checkpoint in
 * one text, for a stranger without a network. */
#include <inttypes.h>
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/parse.h"

static const char header[] = "c2sp.org/tlog-proof@v1";
#define HASHES_MAX 63

static bool
take_word(struct tally_bytes *line, const char *word)
{
	size_t n = strlen(word);

	if (line->len < n || memcmp(line->p, word, n) != 0)
		return false;
	*line = tally_bytes(line->p + n, line->len - n);
	return true;
}

int
tally_tlog_proof_parse(struct tally_tlog_proof *out, struct tally_bytes in,
		       struct tally_buf *scratch, struct tally_err *err)
{
	struct tally_bytes line;
	struct tally_cursor c;
	size_t before = scratch->len;

	memset(out, 0, sizeof(*out));
	tally_cursor_init(&c, in);
	line = tally_cursor_line(&c);
	if (!tally_bytes_eq(line, tally_bytes_str(header)))
		return tally_err_set(err, TALLY_FAILS, "proof: the first line is not %s", header);
	line = tally_cursor_line(&c);
	if (take_word(&line, "extra ")) {
		if (!tally_unbase64(scratch, (const char *)line.p, line.len))
			return tally_err_set(err, TALLY_FAILS, "proof: malformed extra line");
		out->extra = tally_bytes(scratch->len > before ? scratch->p + before
							       : (const uint8_t *)"",
					 scratch->len - before);
		line = tally_cursor_line(&c);
	}
	if (!take_word(&line, "index ") ||
	    !tally_parse_u64(&out->index, (const char *)line.p, line.len, INT64_MAX))
		return tally_err_set(err, TALLY_FAILS, "proof: malformed index line");
	for (line = tally_cursor_line(&c); line.len > 0; line = tally_cursor_line(&c))
		if (out->hashes == HASHES_MAX || !log_hash_line(out->hash[out->hashes++], line))
			return tally_err_set(err, TALLY_FAILS, "proof: malformed hash %u",
					     out->hashes);
	if (c.failed || tally_cursor_left(&c) == 0)
		return tally_err_set(err, TALLY_FAILS, "proof: no checkpoint");
	out->checkpoint = tally_cursor_take(&c, tally_cursor_left(&c));
	return 0;
}

void
tally_tlog_proof_text(struct tally_buf *out, const struct tally_tlog_proof *p)
{
	tally_buf_addf(out, "%s\n", header);
	if (p->extra.p) {
		tally_buf_add_str(out, "extra ");
		tally_buf_add_base64(out, p->extra.p, p->extra.len);
		tally_buf_add_u8(out, '\n');
	}
	tally_buf_addf(out, "index %" PRIu64 "\n", p->index);
	for (unsigned i = 0; i < p->hashes; i++) {
		tally_buf_add_base64(out, p->hash[i], TALLY_HASH);
		tally_buf_add_u8(out, '\n');
	}
	tally_buf_add_u8(out, '\n');
	tally_buf_add_bytes(out, p->checkpoint);
}
