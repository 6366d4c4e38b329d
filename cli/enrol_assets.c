/* SPDX-License-Identifier: Apache-2.0 */
/* The list of machines that an enroller enrols without being asked: an asset a line, and
 * behind a tab the common name of the only client that may speak for it. */
#include <stdlib.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "enrol_desk.h"

struct asset {
	struct tally_bytes tag, client; /* client empty: any */
};
struct desk_assets {
	struct tally_buf text;
	struct asset *asset;
	size_t n;
};

static const struct asset *
find(const struct desk_assets *a, struct tally_bytes tag)
{
	for (size_t i = 0; i < a->n; i++)
		if (tally_bytes_eq(a->asset[i].tag, tag))
			return &a->asset[i];
	return NULL;
}

static bool
is_text(struct tally_bytes b)
{
	if (b.len == 0 || b.len > TALLY_ASSET_MAX || !tally_utf8_valid(b.p, b.len))
		return false;
	for (size_t i = 0; i < b.len; i++)
		if (b.p[i] < 0x20 || b.p[i] == 0x7f)
			return false;
	return true;
}

static int
read_line(struct desk_assets *a, struct tally_bytes line, size_t *column, struct tally_err *err)
{
	const uint8_t *tab = memchr(line.p, '\t', line.len);
	struct asset one = { .tag = line };

	if (tab) {
		one.tag.len = (size_t)(tab - line.p);
		one.client = tally_bytes(tab + 1, line.len - one.tag.len - 1);
	}
	*column = 1;
	if (!is_text(one.tag))
		return tally_err_set(err, TALLY_USE, "an asset is 1 to %d bytes of text",
				     TALLY_ASSET_MAX);
	if (find(a, one.tag))
		return tally_err_set(err, TALLY_USE, "the same asset twice");
	*column = one.tag.len + 2;
	if (tab && !is_text(one.client))
		return tally_err_set(err, TALLY_USE, "a client's name is 1 to %d bytes of text",
				     TALLY_ASSET_MAX);
	a->asset = tally_realloc_array(a->asset, a->n + 1, sizeof(*a->asset));
	a->asset[a->n++] = one;
	return 0;
}

int
desk_assets_read(struct desk_assets **out, const char *name, struct tally_bytes text,
		 struct tally_err *err)
{
	struct desk_assets *a = tally_alloc(sizeof(*a));
	struct tally_bytes rest;
	size_t number = 0, column = 1;
	int r = 0;

	tally_buf_add_bytes(&a->text, text);
	rest = tally_buf_view(&a->text);
	while (rest.len > 0 && r == 0) {
		const uint8_t *end = memchr(rest.p, '\n', rest.len);
		size_t n = end ? (size_t)(end - rest.p) : rest.len;

		number++;
		if (n > 0 && rest.p[0] != '#')
			r = read_line(a, tally_bytes(rest.p, n), &column, err);
		n += end != NULL;
		rest = tally_bytes(rest.p + n, rest.len - n);
	}
	if (r < 0) {
		desk_assets_free(a);
		return tally_err_prefix(err, "%s:%zu:%zu", name, number, column);
	}
	*out = a;
	return 0;
}

void
desk_assets_free(struct desk_assets *a)
{
	if (!a)
		return;
	tally_buf_deinit(&a->text);
	free(a->asset);
	free(a);
}

int
desk_assets_check(const struct desk_assets *a, struct tally_bytes tag, const char *client,
		  struct tally_err *err)
{
	const struct asset *found = tag.len > 0 ? find(a, tag) : NULL;
	struct tally_buf shown = TALLY_BUF_INIT;
	int r = 0;

	tally_printable(&shown, tag);
	if (tag.len == 0)
		r = tally_err_set(err, TALLY_FAILS, "the request names no asset (--asset)");
	else if (!found)
		r = tally_err_set(err, TALLY_FAILS, "asset %s is not in the enroller's list",
				  tally_buf_cstr(&shown));
	else if (found->client.len > 0 && !tally_bytes_eq(found->client, tally_bytes_str(client)))
		r = tally_err_set(err, TALLY_FAILS, "asset %s is another client's",
				  tally_buf_cstr(&shown));
	tally_buf_deinit(&shown);
	return r;
}
