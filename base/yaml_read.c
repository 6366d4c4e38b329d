/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema walker: a table of fields against a map of the tree. Each key is
 * in the table or refused at its place; each value has its type and bounds or
 * is refused at its own. Plain scalars have types, quoted ones are texts.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/parse.h"
#include "tally/yaml.h"

/* One map against one table; `name` is the file's. */
struct walk {
	const char *name;
	struct tally_err *err;
};

void
tally_yaml_error_(const char *name, const struct tally_yaml *node, struct tally_err *err,
		  const char *fmt, ...)
{
	char what[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
		what[0] = '\0';
	va_end(ap);
	tally_err_set_(err, TALLY_USE, "%s:%u:%u: %s", name, node->line, node->column, what);
}

static bool
is_plain(const struct tally_yaml *y)
{
	return y->type == TALLY_YAML_SCALAR && !y->quoted;
}

static int
read_u64(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	 uint64_t *out)
{
	uint64_t v;

	if (!is_plain(y) || !tally_parse_u64(&v, y->text, strlen(y->text), UINT64_MAX))
		return tally_yaml_error(w->name, y, w->err, "'%s' must be a whole number", f->key);
	if ((f->min || f->max) && (v < f->min || v > f->max))
		return tally_yaml_error(w->name, y, w->err,
					"'%s' must be from %" PRIu64 " to %" PRIu64, f->key, f->min,
					f->max);
	*out = v;
	return 0;
}

/* A span of nothing, where the field knows what that means. */
static bool
no_span(const struct tally_field *f, const char *text, struct tally_span *out)
{
	*out = (struct tally_span){ 0 };
	return f->min == 0 && f->max > 0 &&
	       (strcmp(text, "0s") == 0 || strcmp(text, "0ms") == 0 || strcmp(text, "0m") == 0 ||
		strcmp(text, "0h") == 0 || strcmp(text, "0d") == 0);
}

static int
read_span(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	  struct tally_span *out)
{
	struct tally_span d;

	if (y->type != TALLY_YAML_SCALAR ||
	    !(tally_span_parse(&d, y->text, strlen(y->text)) || no_span(f, y->text, &d)))
		return tally_yaml_error(w->name, y, w->err,
					"'%s' must be a span such as 500ms, 10s, 15m, 1h or 2d",
					f->key);
	if ((f->min || f->max) && ((uint64_t)d.ns < f->min || (uint64_t)d.ns > f->max)) {
		char min[64], max[64];

		tally_seconds_text(min, (tally_i128)f->min);
		tally_seconds_text(max, (tally_i128)f->max);
		return tally_yaml_error(w->name, y, w->err, "'%s' must be from %s s to %s s",
					f->key, min, max);
	}
	*out = d;
	return 0;
}

static int
read_bool(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y, bool *out)
{
	bool yes = is_plain(y) && strcmp(y->text, "true") == 0;

	if (!yes && !(is_plain(y) && strcmp(y->text, "false") == 0))
		return tally_yaml_error(w->name, y, w->err, "'%s' must be true or false", f->key);
	*out = yes;
	return 0;
}

static int
read_string(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	    char **out)
{
	if (y->type != TALLY_YAML_SCALAR)
		return tally_yaml_error(w->name, y, w->err, "'%s' must be a text", f->key);
	if ((f->min || f->max) && (strlen(y->text) < f->min || strlen(y->text) > f->max))
		return tally_yaml_error(w->name, y, w->err,
					"'%s' must be a text of %" PRIu64 " to %" PRIu64 " bytes",
					f->key, f->min, f->max);
	free(*out);
	*out = tally_strdup(y->text);
	return 0;
}

static void
release_strings(struct tally_strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct tally_strings){ NULL, 0 };
}

static int
read_strings(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	     struct tally_strings *out)
{
	if (y->type != TALLY_YAML_LIST)
		return tally_yaml_error(w->name, y, w->err, "'%s' must be a list of texts", f->key);
	for (size_t i = 0; i < y->count; i++)
		if (y->items[i]->type != TALLY_YAML_SCALAR)
			return tally_yaml_error(w->name, y->items[i], w->err,
						"'%s' must be a list of texts", f->key);
	release_strings(out);
	out->items = tally_realloc_array(NULL, y->count, sizeof(*out->items));
	for (size_t i = 0; i < y->count; i++)
		out->items[i] = tally_strdup(y->items[i]->text);
	out->count = y->count;
	return 0;
}

static void
release_list(const struct tally_field *f, struct tally_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		tally_yaml_release(f->fields, (char *)l->items + i * f->size);
	free(l->items);
	*l = (struct tally_list){ NULL, 0 };
}

static int
read_list(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	  struct tally_list *out)
{
	if (y->type != TALLY_YAML_LIST)
		return tally_yaml_error(w->name, y, w->err, "'%s' must be a list of maps", f->key);
	release_list(f, out);
	out->items = tally_realloc_array(NULL, y->count, f->size);
	for (size_t i = 0; i < y->count; i++) {
		void *item = (char *)out->items + i * f->size;

		memset(item, 0, f->size);
		out->count = i + 1; /* what it has taken is released with the list */
		if (y->items[i]->type != TALLY_YAML_MAP)
			return tally_yaml_error(w->name, y->items[i], w->err,
						"'%s' must be a list of maps", f->key);
		if (tally_yaml_read(w->name, y->items[i], f->fields, item, w->err) < 0)
			return -1;
	}
	return 0;
}

static int
read_value(const struct walk *w, const struct tally_field *f, const struct tally_yaml *y,
	   void *target)
{
	void *at = (char *)target + f->offset;

	switch (f->type) {
	case TALLY_F_STRING:
		return read_string(w, f, y, at);
	case TALLY_F_U64:
		return read_u64(w, f, y, at);
	case TALLY_F_BOOL:
		return read_bool(w, f, y, at);
	case TALLY_F_SPAN:
		return read_span(w, f, y, at);
	case TALLY_F_STRINGS:
		return read_strings(w, f, y, at);
	case TALLY_F_MAP:
		if (y->type != TALLY_YAML_MAP)
			return tally_yaml_error(w->name, y, w->err, "'%s' must be a map", f->key);
		return tally_yaml_read(w->name, y, f->fields, at, w->err);
	case TALLY_F_LIST:
		return read_list(w, f, y, at);
	}
	tally_assert_failed("a type of field", __FILE__, __LINE__);
}

static const struct tally_field *
find(const struct tally_field *fields, const char *key)
{
	for (const struct tally_field *f = fields; f->key; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

static int
refuse_key(const struct walk *w, const struct tally_yaml *map, size_t i)
{
	struct tally_buf safe = TALLY_BUF_INIT;
	int r;

	tally_printable(&safe, tally_bytes_str(map->keys[i]));
	r = tally_err_set(w->err, TALLY_USE, "%s:%u:%u: unknown key '%s'", w->name,
			  map->key_places[i].line, map->key_places[i].column,
			  tally_buf_cstr(&safe));
	tally_buf_deinit(&safe);
	return r;
}

int
tally_yaml_read(const char *name, const struct tally_yaml *map, const struct tally_field *fields,
		void *target, struct tally_err *err)
{
	struct walk w = { name, err };

	if (map->type != TALLY_YAML_MAP)
		return tally_yaml_error(name, map, err, "must be a map");
	for (size_t i = 0; i < map->count; i++) {
		const struct tally_field *f = find(fields, map->keys[i]);

		if (!f)
			return refuse_key(&w, map, i);
		if (read_value(&w, f, map->items[i], target) < 0)
			return -1;
	}
	for (const struct tally_field *f = fields; f->key; f++)
		if (f->required && !tally_yaml_get(map, f->key))
			return tally_yaml_error(name, map, err, "key '%s' is missing", f->key);
	return 0;
}

void
tally_yaml_release(const struct tally_field *fields, void *target)
{
	for (const struct tally_field *f = fields; f->key; f++) {
		void *at = (char *)target + f->offset;

		if (f->type == TALLY_F_STRING) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (f->type == TALLY_F_STRINGS) {
			release_strings(at);
		} else if (f->type == TALLY_F_MAP) {
			tally_yaml_release(f->fields, at);
		} else if (f->type == TALLY_F_LIST) {
			release_list(f, at);
		}
	}
}
