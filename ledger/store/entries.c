/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as the source of entries that the timeline pulls from. All groups
 * are disclosed; views stay valid until the next call. */
#include <stdlib.h>
#include <string.h>
#include "store_internal.h"

struct entries {
	struct store_scan scan;
	uint64_t from;
};

static int
entries_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct entries *e = ctx;
	struct store_leaf leaf;
	int r = store_scan_next(&e->scan, &leaf, err);

	if (r < 0)
		return tally_err_prefix(err, "%s", e->scan.s->path);
	if (r == 0)
		return 0;
	out->header = leaf.header;
	out->mask = (1u << TALLY_GROUPS) - 1;
	memcpy(out->group, leaf.entry.group, sizeof(out->group));
	return 1;
}

static int
entries_rewind(void *ctx, struct tally_err *err)
{
	struct entries *e = ctx;
	struct tally_store *s = e->scan.s;
	uint64_t to = e->scan.to;

	(void)err;
	store_scan_end(&e->scan);
	store_scan_init(&e->scan, s, e->from, to);
	return 0;
}

static void
entries_close(void *ctx)
{
	struct entries *e = ctx;

	store_scan_end(&e->scan);
	free(e);
}

int
tally_store_entries(struct tally_store *s, uint64_t from, uint64_t to, struct tally_entries *out,
		    struct tally_err *err)
{
	uint8_t root[TALLY_HASH];
	struct entries *e;
	uint64_t size;

	if (tally_store_head(s, &size, root, err) < 0)
		return -1;
	e = tally_alloc(sizeof(*e));
	e->from = from;
	store_scan_init(&e->scan, s, from, to < size ? to : size);
	*out = (struct tally_entries){ e, entries_next, entries_rewind, entries_close };
	return 0;
}
