/* SPDX-License-Identifier: Apache-2.0 */
/* Storing claims: their operator-action first, then the entries in batches, so
 * that what a crash leaves behind can be told from what a whole file leaves. */
#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/store.h"
#include "map.h"

#define BATCH 4096 /* entries a commit */

static int
store_batch(struct tally_store *store, const struct map_claim *claims, size_t n,
	    struct tally_err *err)
{
	struct tally_prepared *prepared = tally_alloc(n * sizeof(*prepared));
	struct tally_buf(*groups)[TALLY_GROUPS] = tally_alloc(n * sizeof(*groups));
	uint8_t seed[TALLY_SEED];
	uint64_t first;
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		struct tally_bytes views[TALLY_GROUPS];

		status = tally_event_encode(&claims[i].ev, groups[i], err);
		for (size_t g = 0; g < TALLY_GROUPS; g++)
			views[g] = tally_buf_view(&groups[i][g]);
		tally_seed(seed);
		tally_prepare(&prepared[i], (uint8_t)claims[i].ev.kind, 0, seed, views);
	}
	if (status == 0)
		status = tally_store_append(store, prepared, n, &first, err);
	for (size_t i = 0; i < n; i++)
		for (size_t g = 0; g < TALLY_GROUPS; g++)
			tally_buf_deinit(&groups[i][g]);
	free(groups);
	free(prepared);
	return status;
}

struct tally_event
map_action_event(const struct map_file *f, const struct map_action *a)
{
	struct tally_event ev = { .kind = TALLY_OPERATOR_ACTION };

	ev.o.has_source = true;
	ev.o.source = TALLY_SRC_OPERATOR;
	ev.o.detail = tally_bytes_str("claims");
	ev.o.by = tally_bytes_str(a->by);
	ev.o.reason = tally_bytes_str(a->reason);
	ev.o.file_hash = tally_bytes(a->hash, TALLY_HASH);
	ev.o.file_name = tally_bytes_str(a->name);
	ev.o.has_file_lines = true;
	ev.o.file_lines = f->rows;
	ev.o.has_records = true;
	ev.o.records = f->count;
	return ev;
}

int
map_store(struct tally_store *store, const struct map_file *f, const struct map_state *state,
	  const struct map_action *a, struct tally_err *err)
{
	struct tally_event action = map_action_event(f, a);
	uint64_t index;

	if (state->progress == MAP_DONE)
		return 0;
	if (state->progress == MAP_NEW && tally_store_append_event(store, &action, &index, err) < 0)
		return -1;
	for (size_t i = (size_t)state->have; i < f->count; i += BATCH) {
		size_t n = f->count - i < BATCH ? f->count - i : BATCH;

		if (store_batch(store, &f->claims[i], n, err) < 0)
			return -1;
	}
	return 0;
}
