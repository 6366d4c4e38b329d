/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a witness's add-checkpoint: the old size, a consistency proof, a
 * blank line, the checkpoint. It has one form. */
#include <inttypes.h>
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "tally/witness.h"

static const char old_word[] = "old ";

int
tally_add_checkpoint_parse(struct tally_add_checkpoint *out, struct tally_bytes in,
			   struct tally_err *err)
{
	const size_t n = sizeof(old_word) - 1;
	struct tally_bytes line;
	struct tally_cursor c;

	out->hashes = 0;
	tally_cursor_init(&c, in);
	line = tally_cursor_line(&c);
	if (line.len <= n || memcmp(line.p, old_word, n) != 0 ||
	    !tally_parse_u64(&out->old, (const char *)line.p + n, line.len - n, INT64_MAX))
		return tally_err_set(err, TALLY_FAILS, "malformed old size line");
	for (line = tally_cursor_line(&c); line.len > 0; line = tally_cursor_line(&c)) {
		if (out->hashes == TALLY_WITNESS_HASHES)
			return tally_err_set(err, TALLY_FAILS, "more than %d proof lines",
					     TALLY_WITNESS_HASHES);
		if (!log_hash_line(out->hash[out->hashes], line))
			return tally_err_set(err, TALLY_FAILS, "malformed proof line %u",
					     out->hashes + 1);
		out->hashes++;
	}
	if (c.failed || tally_cursor_left(&c) == 0)
		return tally_err_set(err, TALLY_FAILS, "no checkpoint");
	out->note = tally_cursor_take(&c, tally_cursor_left(&c));
	return 0;
}

void
tally_add_checkpoint_text(struct tally_buf *out, const struct tally_add_checkpoint *r)
{
	tally_buf_addf(out, "%s%" PRIu64 "\n", old_word, r->old);
	for (unsigned i = 0; i < r->hashes; i++) {
		tally_buf_add_base64(out, r->hash[i], TALLY_HASH);
		tally_buf_add_u8(out, '\n');
	}
	tally_buf_add_u8(out, '\n');
	tally_buf_add_bytes(out, r->note);
}

bool
tally_tlog_size_parse(uint64_t *out, struct tally_bytes body)
{
	return body.len > 1 && body.p[body.len - 1] == '\n' &&
	       tally_parse_u64(out, (const char *)body.p, body.len - 1, INT64_MAX);
}
