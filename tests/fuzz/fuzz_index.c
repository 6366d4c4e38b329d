/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of an index, or a gist, without its hash, which is put behind it. Whatever
 * it says, reading it ends, and all that is read can be looked at.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/index.h"

#define GIST_OF 1000 /* entries */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct tally_event *ev)
{
	struct tally_buf out[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_err err = TALLY_ERR_INIT;

	/* Too long a group is the only reason to refuse it. */
	(void)tally_event_encode(ev, out, &err);
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&out[k]);
}

static void
look_at_row(const struct tally_index_row *row, struct tally_arena *arena)
{
	struct tally_event ev = { .kind = row->header.kind };
	struct tally_bytes groups[TALLY_GROUPS] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;

	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		if (row->group[k])
			groups[k] = row->group[k]->bytes;
	tally_arena_reset(arena);
	if (tally_event_decode(&ev, groups, 7, arena, &err) < 0)
		return;
	tally_body_join(&ev, &row->numbers, 7);
	look_at(&ev);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_index_reader *r = tally_index_reader_new();
	struct tally_buf piece = TALLY_BUF_INIT, hashed = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_arena *arena = tally_arena_new(1024);
	const struct tally_index_row *rows;
	uint8_t hash[TALLY_HASH];
	size_t n;
	/* By its flags: a gist is of the entries before this. */
	bool gist = size > 1 && (data[1] & 2);

	/* Before the first piece there are 32 zero bytes, and it begins with entry 0. */
	memset(tally_buf_grow(&hashed, TALLY_HASH + 8), 0, TALLY_HASH + 8);
	tally_put_u64(hashed.p + TALLY_HASH, gist ? GIST_OF : 0);
	tally_buf_add(&hashed, data, size);
	tally_sha256(hash, tally_buf_view(&hashed));
	tally_buf_add(&piece, data, size);
	tally_buf_add(&piece, hash, sizeof(hash));
	if (tally_index_feed(r, gist ? GIST_OF : 0, tally_buf_view(&piece), &err) == 0) {
		while (tally_index_rows(r, &rows, &n, &err) > 0)
			for (size_t i = 0; i < n; i++) {
				TALLY_ASSERT(!gist || rows[i].header.index < GIST_OF);
				look_at_row(&rows[i], arena);
			}
	}
	tally_arena_free(arena);
	tally_index_reader_free(r);
	tally_buf_deinit(&piece);
	tally_buf_deinit(&hashed);
	return 0;
}
