/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a bundle's members. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tally/bundle.h"
#include "tally/zip.h"
#include "bundle.h"

static struct bundle_item *
add(struct bundle_items *items, const char *name)
{
	struct bundle_item *item;

	items->p = tally_realloc_array(items->p, items->n + 1, sizeof(*items->p));
	item = &items->p[items->n++];
	*item = (struct bundle_item){ .name = tally_strdup(name) };
	return item;
}

void
bundle_add(struct bundle_items *items, const char *name, struct tally_bytes content)
{
	tally_buf_add_bytes(&add(items, name)->content, content);
}

void
bundle_add_file(struct bundle_items *items, const char *name, const char *path)
{
	add(items, name)->path = tally_strdup(path);
}

/* What may not stand in a member's name becomes _. */
static void
add_base(struct tally_buf *name, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strnlen(base, 128);

	for (size_t i = 0; i < n; i++) {
		bool dot = base[i] == '.' && i > 0;

		tally_buf_add_u8(name,
				 dot || tally_zip_name_valid(&base[i], 1) ? (uint8_t)base[i] : '_');
	}
}

void
bundle_add_input(struct bundle_items *items, const char *folder, const char *path,
		 struct tally_bytes content)
{
	struct tally_buf name = TALLY_BUF_INIT;

	tally_buf_addf(&name, "%s/", folder);
	for (size_t i = 0; i < items->n; i++)
		if (strncmp(items->p[i].name, tally_buf_cstr(&name), name.len) == 0 &&
		    tally_bytes_eq(tally_buf_view(&items->p[i].content), content)) {
			tally_buf_deinit(&name);
			return;
		}
	add_base(&name, path);
	bundle_add(items, tally_buf_cstr(&name), content);
	tally_buf_deinit(&name);
}

const struct bundle_item *
bundle_find(const struct bundle_items *items, const char *name)
{
	for (size_t i = 0; i < items->n; i++)
		if (strcmp(items->p[i].name, name) == 0)
			return &items->p[i];
	return NULL;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct bundle_item *)a)->name, ((const struct bundle_item *)b)->name);
}

static bool
is_input(const char *name)
{
	return strncmp(name, "inputs/", 7) == 0 || strncmp(name, "rules/", 6) == 0;
}

int
bundle_settle(struct bundle_items *items, struct tally_err *err)
{
	uint64_t all = 0;

	qsort(items->p, items->n, sizeof(*items->p), compare_names);
	for (size_t i = 0; i < items->n; i++) {
		const struct bundle_item *item = &items->p[i];

		if (!tally_zip_name_valid(item->name, strlen(item->name)))
			return tally_err_set(err, TALLY_USE, "'%s' cannot be the name of a member",
					     item->name);
		if (i > 0 && strcmp(item->name, items->p[i - 1].name) == 0)
			return tally_err_set(err, TALLY_USE, "two files would be called %s",
					     item->name);
		if (!is_input(item->name))
			continue;
		all += item->content.len;
		if (item->content.len > TALLY_BUNDLE_INPUT_MAX)
			return tally_err_set(err, TALLY_USE,
					     "%s: more than %" PRIu32
					     " bytes, which 'tally verify' would not read",
					     item->name, TALLY_BUNDLE_INPUT_MAX);
		if (all > TALLY_BUNDLE_INPUTS_MAX)
			return tally_err_set(
				err, TALLY_USE,
				"%s: with it, inputs and rule packs have more than %" PRIu32
				" bytes together, which 'tally verify' would not read",
				item->name, TALLY_BUNDLE_INPUTS_MAX);
	}
	return 0;
}

void
bundle_items_deinit(struct bundle_items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		free(items->p[i].name);
		free(items->p[i].path);
		tally_buf_deinit(&items->p[i].content);
	}
	free(items->p);
}
