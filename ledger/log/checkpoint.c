/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints (c2sp.org/tlog-checkpoint): the text of a note that names a tree. */
#include <inttypes.h>
#include <string.h>
#include "log_internal.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/parse.h"

#define ROOT_TEXT 44 /* base64 of 32 bytes */

bool
log_hash_line(uint8_t hash[TALLY_HASH], struct tally_bytes line)
{
	struct tally_buf decoded = TALLY_BUF_INIT;
	bool ok = line.len == ROOT_TEXT &&
		  tally_unbase64(&decoded, (const char *)line.p, line.len) &&
		  decoded.len == TALLY_HASH;

	if (ok)
		memcpy(hash, decoded.p, TALLY_HASH);
	tally_buf_deinit(&decoded);
	return ok;
}

int
tally_checkpoint_parse(struct tally_checkpoint *out, struct tally_bytes text, bool extensions,
		       struct tally_err *err)
{
	struct tally_bytes size, root;
	struct tally_cursor c;

	tally_cursor_init(&c, text);
	out->origin = tally_cursor_line(&c);
	size = tally_cursor_line(&c);
	root = tally_cursor_line(&c);
	if (c.failed)
		return tally_err_set(err, TALLY_FAILS, "checkpoint: not three lines");
	/* A foreign log's origin need be no key name: "go.sum database tree". */
	if (extensions ? out->origin.len == 0 || out->origin.len > TALLY_NAME_MAX
		       : !tally_name_valid(out->origin))
		return tally_err_set(err, TALLY_FAILS, "checkpoint: malformed origin");
	if (!tally_parse_u64(&out->size, (const char *)size.p, size.len, INT64_MAX))
		return tally_err_set(err, TALLY_FAILS, "checkpoint: malformed size");
	if (!log_hash_line(out->root, root))
		return tally_err_set(err, TALLY_FAILS, "checkpoint: malformed root");
	if (tally_cursor_left(&c) > 0 && !extensions)
		return tally_err_set(err, TALLY_FAILS, "checkpoint: lines behind the root");
	while (tally_cursor_left(&c) > 0)
		if (tally_cursor_line(&c).len == 0)
			return tally_err_set(err, TALLY_FAILS, "checkpoint: empty or cut line");
	return 0;
}

void
tally_checkpoint_text(struct tally_buf *out, const char *origin, uint64_t size,
		      const uint8_t root[TALLY_HASH])
{
	tally_buf_addf(out, "%s\n%" PRIu64 "\n", origin, size);
	tally_buf_add_base64(out, root, TALLY_HASH);
	tally_buf_add_u8(out, '\n');
}
