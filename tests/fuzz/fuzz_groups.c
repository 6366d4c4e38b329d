/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of an entry: u16 length, metering, u16 length, identity, operations.
 * What decodes must encode again, and that must decode to the same: bytes that
 * this version wrote are a fixed point.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/event.h"
#include "tally/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
encode_twice(const struct tally_event *ev, struct tally_arena *arena)
{
	struct tally_buf one[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_buf two[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_bytes groups[TALLY_GROUPS];
	struct tally_event back = { 0 };
	struct tally_err err = TALLY_ERR_INIT;

	/* It may fail for one reason: CPU times without numbers are written with
	 * zeroes, so a group may grow past the limit. */
	if (tally_event_encode(ev, one, &err) == 0) {
		for (int k = 0; k < TALLY_GROUPS; k++)
			groups[k] = tally_buf_view(&one[k]);
		if (tally_event_decode(&back, groups, 7, arena, &err) < 0 ||
		    tally_event_encode(&back, two, &err) < 0)
			abort();
		for (int k = 0; k < TALLY_GROUPS; k++)
			if (!tally_bytes_eq(tally_buf_view(&one[k]), tally_buf_view(&two[k])))
				abort();
	}
	for (int k = 0; k < TALLY_GROUPS; k++) {
		tally_buf_deinit(&one[k]);
		tally_buf_deinit(&two[k]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_bytes groups[TALLY_GROUPS];
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_event ev = { 0 };
	struct tally_statement st;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_cursor c;

	tally_cursor_init(&c, tally_bytes(data, size));
	groups[0] = tally_cursor_take(&c, tally_cursor_u16(&c));
	groups[1] = tally_cursor_take(&c, tally_cursor_u16(&c));
	groups[2] = tally_cursor_take(&c, tally_cursor_left(&c));
	if (!c.failed) {
		if (tally_event_decode(&ev, groups, 7, arena, &err) == 0)
			encode_twice(&ev, arena);
		(void)tally_statement_decode(&st, groups[2], arena, &err);
	}
	tally_arena_free(arena);
	return 0;
}
