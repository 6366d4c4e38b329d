/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a checked export again, for a report: each bundle is hashed again, so
 * that what was checked is what is counted, whatever the folder has become. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "verify_internal.h"

#define ENTRY (2 + TALLY_RECORD)

struct cursor {
	struct tally_export *x;
	uint64_t size, next;
	struct tally_buf entries, payload;
	size_t at;
};

static int
changed(const struct tally_export *x, uint64_t bundle, struct tally_err *err)
{
	return tally_err_set(err, TALLY_FAILS,
			     "%s: bundle %" PRIu64 " or its payload changed while it was read",
			     x->folder.path, bundle);
}

int
export_bundle(struct tally_export *x, uint64_t n, struct tally_buf *entries,
	      struct tally_buf *payload, struct tally_err *err)
{
	const size_t most = TILE * (1 + TALLY_GROUPS * (TALLY_SALT + 3 + (size_t)TALLY_GROUP_MAX));
	unsigned width = tally_tile_width(x->size, 0, n);
	char name[PATH_ROOM];
	uint8_t digest[TALLY_HASH];
	enum found found;

	TALLY_ASSERT(n < x->digests);
	export_tile_name(name, -1, n, width);
	tally_buf_clear(payload);
	found = folder_read(&x->folder, name, (size_t)width * ENTRY, entries, err);
	if (found == FOUND && x->private) {
		export_tile_name(name, LEVEL_PAYLOAD, n, width);
		found = folder_read(&x->folder, name, most, payload, err);
	}
	if (found == BROKEN)
		return -1;
	if (found != FOUND)
		return changed(x, n, err);
	export_digest(digest, tally_buf_view(entries), tally_buf_view(payload));
	return memcmp(digest, x->digest[n], TALLY_HASH) == 0 ? 0 : changed(x, n, err);
}

int
tally_export_root_at(struct tally_export *x, uint64_t size, uint8_t root[TALLY_HASH],
		     struct tally_err *err)
{
	TALLY_ASSERT(size <= x->size);
	return export_root_at(x, size, root, err);
}

int
export_roots_at(struct tally_export *x, const uint64_t *size, size_t n, uint8_t (*root)[TALLY_HASH],
		struct tally_err *err)
{
	struct tally_buf entries = TALLY_BUF_INIT, payload = TALLY_BUF_INIT;
	struct tally_frontier f;
	uint8_t leaf[TALLY_HASH];
	int r = 0;

	tally_frontier_init(&f);
	for (size_t i = 0; i < n && r == 0; i++) {
		while (r == 0 && f.size < size[i]) {
			if (f.size % TILE == 0)
				r = export_bundle(x, f.size / TILE, &entries, &payload, err);
			if (r == 0) {
				tally_hash_leaf(leaf,
						tally_bytes(entries.p + f.size % TILE * ENTRY + 2,
							    TALLY_RECORD));
				tally_frontier_add(&f, leaf, NULL, NULL);
			}
		}
		tally_frontier_root(&f, root[i]);
	}
	tally_buf_deinit(&entries);
	tally_buf_deinit(&payload);
	return r;
}

int
export_root_at(struct tally_export *x, uint64_t size, uint8_t root[TALLY_HASH],
	       struct tally_err *err)
{
	return export_roots_at(x, &size, 1, (uint8_t(*)[TALLY_HASH])root, err);
}

static int
next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct cursor *c = ctx;
	struct payload payload;
	unsigned i = (unsigned)(c->next % TILE);

	if (c->next == c->size)
		return 0;
	if (i == 0) {
		if (export_bundle(c->x, c->next / TILE, &c->entries, &c->payload, err) < 0)
			return -1;
		c->at = 0;
	}
	/* The digest says that these are the bytes that parsed before. */
	if (tally_record_read(&out->header, c->entries.p + (size_t)i * ENTRY + 2, err) < 0)
		return -1;
	TALLY_ASSERT(payload_take(&payload, tally_buf_view(&c->payload), &c->at));
	out->mask = payload.mask;
	memcpy(out->group, payload.group, sizeof(out->group));
	c->next++;
	return 1;
}

static int
rewind_cursor(void *ctx, struct tally_err *err)
{
	struct cursor *c = ctx;

	(void)err;
	c->next = 0;
	return 0;
}

static void
close_cursor(void *ctx)
{
	struct cursor *c = ctx;

	tally_buf_deinit(&c->entries);
	tally_buf_deinit(&c->payload);
	free(c);
}

int
tally_export_entries(struct tally_export *x, uint64_t size, struct tally_entries *out,
		     struct tally_err *err)
{
	struct cursor *c;

	if (size > x->size)
		return tally_err_set(err, TALLY_USE, "%s: has only %" PRIu64 " entries",
				     x->folder.path, x->size);
	c = tally_alloc(sizeof(*c));
	c->x = x;
	c->size = size;
	*out = (struct tally_entries){ c, next, rewind_cursor, close_cursor };
	return 0;
}
