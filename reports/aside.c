/* SPDX-License-Identifier: Apache-2.0 */
/* The groups' bytes lie behind one another in one buffer, which moves as it grows:
 * views are made when an entry is read. */
#include <stdlib.h>
#include <string.h>
#include "aside.h"
#include "table.h"

struct aside_item {
	struct tally_header h;
	unsigned mask;
	size_t at, len[TALLY_GROUPS];
};

void
aside_deinit(struct aside *a)
{
	free(a->items);
	tally_buf_deinit(&a->bytes);
	memset(a, 0, sizeof(*a));
}

void
aside_add(struct aside *a, const struct tally_entry *e)
{
	struct aside_item *item;

	a->items = array_grow(a->items, &a->cap, a->n, sizeof(*a->items));
	item = &a->items[a->n++];
	*item = (struct aside_item){ .h = e->header, .mask = e->mask, .at = a->bytes.len };
	for (size_t g = 0; g < TALLY_GROUPS; g++) {
		item->len[g] = e->group[g].len;
		tally_buf_add_bytes(&a->bytes, e->group[g]);
	}
}

uint64_t
aside_index(const struct aside *a, size_t i)
{
	return a->items[i].h.index;
}

static int
read_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct aside *a = ctx;
	const struct aside_item *item;
	size_t at;

	(void)err;
	if (a->next == a->n)
		return 0;
	item = &a->items[a->next++];
	out->header = item->h;
	out->mask = item->mask;
	at = item->at;
	for (size_t g = 0; g < TALLY_GROUPS; g++) {
		out->group[g] = tally_bytes(item->len[g] ? a->bytes.p + at : NULL, item->len[g]);
		at += item->len[g];
	}
	return 1;
}

static int
read_again(void *ctx, struct tally_err *err)
{
	struct aside *a = ctx;

	(void)err;
	a->next = 0;
	return 0;
}

struct tally_entries
aside_entries(struct aside *a)
{
	return (struct tally_entries){ a, read_next, read_again, NULL };
}
