/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as JSON. What is taken is walked, written again by our writer and
 * taken again; places of members lie inside the text.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	struct tally_jsonw *w;
	struct tally_bytes text;
	int depth;
};

/* The places of a member of the outermost object. */
static void
look_up(const struct copy *c, const char *key)
{
	size_t column = tally_json_key_column(c->text, key, false);
	size_t value = tally_json_key_column(c->text, key, true);

	TALLY_ASSERT(column > 1 && column < value && value <= c->text.len);
	TALLY_ASSERT(c->text.p[column - 1] == '"');
}

static void copy_value(struct copy *c, const struct tally_json *v);

static int
copy_member(void *ctx, const char *key, const struct tally_json *member)
{
	struct copy *c = ctx;

	if (c->depth == 1)
		look_up(c, key);
	/* The writer wants its keys in order, so each goes into an object of its own. */
	tally_jsonw_object(c->w);
	tally_jsonw_key(c->w, key);
	copy_value(c, member);
	tally_jsonw_end(c->w);
	return 0;
}

static void
copy_value(struct copy *c, const struct tally_json *v)
{
	enum tally_json_type type = tally_json_type(v);

	if (type == TALLY_JSON_STRING) {
		tally_jsonw_string(c->w, tally_json_string(v));
	} else if (type == TALLY_JSON_INT) {
		tally_jsonw_i64(c->w, tally_json_int(v));
	} else if (type == TALLY_JSON_BOOL) {
		tally_jsonw_bool(c->w, tally_json_bool(v));
	} else if ((type != TALLY_JSON_ARRAY && type != TALLY_JSON_OBJECT) || c->depth > 20) {
		tally_jsonw_null(c->w);
	} else {
		tally_jsonw_array(c->w);
		c->depth++;
		for (size_t i = 0; type == TALLY_JSON_ARRAY && i < tally_json_count(v); i++)
			copy_value(c, tally_json_at(v, i));
		if (type == TALLY_JSON_OBJECT)
			tally_json_each(v, copy_member, c);
		c->depth--;
		tally_jsonw_end(c->w);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_json_doc *doc, *again;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf out = TALLY_BUF_INIT;
	struct copy c = { NULL, tally_bytes(data, size), 0 };

	(void)tally_json_key_column(c.text, "time", true);
	if (tally_json_parse(&doc, c.text, &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strchr(err.text, ':'));
		return 0;
	}
	c.w = tally_jsonw_new(&out, size % 2);
	copy_value(&c, tally_json_root(doc));
	TALLY_ASSERT(tally_utf8_valid(out.p, out.len));
	TALLY_ASSERT(tally_json_parse(&again, tally_buf_view(&out), &err) == 0);
	tally_json_free(again);
	tally_jsonw_free(c.w);
	tally_json_free(doc);
	tally_buf_deinit(&out);
	return 0;
}
