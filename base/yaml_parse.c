/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML into a small tree, over libyaml's events. What makes YAML surprising is
 * refused: anchors, aliases, tags, directives of tags, more than one document,
 * doubled keys, keys that are no text. Depth is bounded, so recursion is too.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/yaml.h"

#define MOST_BYTES  (1U << 20)
#define MOST_LEVELS 32

struct reader {
	yaml_parser_t parser;
	const char *name;
	struct tally_bytes in;
	struct tally_err *err;
};

static void
refuse_at(struct reader *r, size_t line, size_t column, const char *what)
{
	tally_err_set_(r->err, TALLY_USE, "%s:%zu:%zu: %s", r->name, line, column, what);
}

static void
refuse(struct reader *r, const yaml_mark_t *mark, const char *what)
{
	refuse_at(r, mark->line + 1, mark->column + 1, what);
}

/* libyaml gives the bytes that it cannot read by their offset only. */
static void
refuse_offset(struct reader *r, size_t offset, const char *what)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset && i < r->in.len; i++) {
		if (r->in.p[i] == '\n') {
			line++;
			column = 1;
		} else if ((r->in.p[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	refuse_at(r, line, column, what);
}

static int
next(struct reader *r, yaml_event_t *e)
{
	const yaml_parser_t *p = &r->parser;
	const char *what = "not YAML";

	if (yaml_parser_parse(&r->parser, e))
		return 0;
	if (p->problem)
		what = p->problem;
	if (p->error == YAML_READER_ERROR)
		refuse_offset(r, p->problem_offset, what);
	else
		refuse(r, &p->problem_mark, what);
	return -1;
}

static struct tally_yaml *
new_node(enum tally_yaml_type type, const yaml_event_t *e)
{
	struct tally_yaml *y = tally_alloc(sizeof(*y));

	y->type = type;
	y->line = (unsigned)e->start_mark.line + 1;
	y->column = (unsigned)e->start_mark.column + 1;
	return y;
}

/* Room for one more: the arrays double whenever the count is a power of two. */
static bool
is_full(size_t count)
{
	return (count & (count - 1)) == 0;
}

static void
append(struct tally_yaml *y, struct tally_yaml *item)
{
	if (is_full(y->count))
		y->items = tally_realloc_array(y->items, y->count ? 2 * y->count : 1,
					       sizeof(*y->items));
	y->items[y->count++] = item;
}

static void
append_pair(struct tally_yaml *y, struct tally_yaml *key, struct tally_yaml *item)
{
	if (is_full(y->count)) {
		size_t cap = y->count ? 2 * y->count : 1;

		y->keys = tally_realloc_array(y->keys, cap, sizeof(*y->keys));
		y->key_places = tally_realloc_array(y->key_places, cap, sizeof(*y->key_places));
	}
	y->keys[y->count] = key->text;
	y->key_places[y->count].line = key->line;
	y->key_places[y->count].column = key->column;
	key->text = NULL;
	append(y, item);
}

static struct tally_yaml *
read_scalar(struct reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	struct tally_yaml *y;

	if (memchr(text, 0, e->data.scalar.length)) {
		refuse(r, &e->start_mark, "a NUL inside a text");
		return NULL;
	}
	y = new_node(TALLY_YAML_SCALAR, e);
	y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	y->text = tally_strndup(text, e->data.scalar.length);
	return y;
}

static struct tally_yaml *read_node(struct reader *r, const yaml_event_t *e, unsigned depth);

/* The next node, or NULL with `*end` set where `closing` came instead. */
static struct tally_yaml *
read_next(struct reader *r, yaml_event_type_t closing, unsigned depth, bool *end)
{
	struct tally_yaml *y = NULL;
	yaml_event_t e;

	*end = false;
	if (next(r, &e) < 0)
		return NULL;
	if (e.type == closing)
		*end = true;
	else
		y = read_node(r, &e, depth);
	yaml_event_delete(&e);
	return y;
}

static struct tally_yaml *
read_list(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	struct tally_yaml *y = new_node(TALLY_YAML_LIST, e), *item;
	bool end;

	while ((item = read_next(r, YAML_SEQUENCE_END_EVENT, depth + 1, &end)))
		append(y, item);
	if (end)
		return y;
	tally_yaml_free(y);
	return NULL;
}

/* By key, then by place, so that of two equal ones the later is reported. */
static int
compare_keys(const void *a, const void *b, void *map)
{
	const struct tally_yaml *y = map;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int c = strcmp(y->keys[i], y->keys[k]);

	return c ? c : (i > k) - (i < k);
}

static int
check_doubled(struct reader *r, const struct tally_yaml *y)
{
	size_t *order = tally_realloc_array(NULL, y->count, sizeof(*order));
	size_t found = y->count;

	for (size_t i = 0; i < y->count; i++)
		order[i] = i;
	qsort_r(order, y->count, sizeof(*order), compare_keys, (void *)(uintptr_t)y);
	for (size_t i = 1; i < y->count; i++)
		if (strcmp(y->keys[order[i - 1]], y->keys[order[i]]) == 0 && order[i] < found)
			found = order[i];
	free(order);
	if (found < y->count) {
		struct tally_buf b = TALLY_BUF_INIT;

		tally_buf_add_str(&b, "doubled key '");
		tally_printable(&b, tally_bytes_str(y->keys[found]));
		tally_buf_add_str(&b, "'");
		refuse_at(r, y->key_places[found].line, y->key_places[found].column,
			  tally_buf_cstr(&b));
		tally_buf_deinit(&b);
		return -1;
	}
	return 0;
}

/* One member behind its key; takes neither over where it fails. */
static int
read_member(struct reader *r, struct tally_yaml *y, struct tally_yaml *key, unsigned depth)
{
	struct tally_yaml *item;
	bool end;

	if (key->type != TALLY_YAML_SCALAR || (!key->quoted && key->text[0] == '\0')) {
		refuse_at(r, key->line, key->column, "a key must be a text");
		return -1;
	}
	item = read_next(r, YAML_NO_EVENT, depth + 1, &end);
	if (!item)
		return -1;
	append_pair(y, key, item);
	return 0;
}

static struct tally_yaml *
read_map(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	struct tally_yaml *y = new_node(TALLY_YAML_MAP, e), *key;
	bool end;

	while ((key = read_next(r, YAML_MAPPING_END_EVENT, depth + 1, &end))) {
		int failed = read_member(r, y, key, depth);

		tally_yaml_free(key);
		if (failed)
			break;
	}
	if (end && check_doubled(r, y) == 0)
		return y;
	tally_yaml_free(y);
	return NULL;
}

/* What the node carries that we do not take; NULL where nothing. */
static const char *
decoration(const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT)
		return "aliases are not taken";
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	return anchor ? "anchors are not taken" : tag ? "tags are not taken" : NULL;
}

static struct tally_yaml *
read_node(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	const char *what = decoration(e);

	if (!what && depth > MOST_LEVELS)
		what = "nested too deep";
	if (what) {
		refuse(r, &e->start_mark, what);
		return NULL;
	}
	if (e->type == YAML_SCALAR_EVENT)
		return read_scalar(r, e);
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return read_list(r, e, depth);
	TALLY_ASSERT(e->type == YAML_MAPPING_START_EVENT); /* libyaml's grammar */
	return read_map(r, e, depth);
}

/* The document's node behind its start, and nothing else behind its end. */
static struct tally_yaml *
read_document(struct reader *r, const yaml_event_t *start)
{
	struct tally_yaml *y;
	yaml_event_t e;
	bool end;

	if (start->data.document_start.tag_directives.start !=
	    start->data.document_start.tag_directives.end) {
		refuse(r, &start->start_mark, "tags are not taken");
		return NULL;
	}
	y = read_next(r, YAML_NO_EVENT, 1, &end);
	for (int i = 0; y && i < 2; i++) { /* the document's end, the stream's end */
		bool failed = next(r, &e) < 0;

		if (!failed && e.type == YAML_DOCUMENT_START_EVENT) {
			refuse(r, &e.start_mark, "a second document");
			failed = true;
			yaml_event_delete(&e);
		} else if (!failed) {
			yaml_event_delete(&e);
		}
		if (failed) {
			tally_yaml_free(y);
			y = NULL;
		}
	}
	return y;
}

static struct tally_yaml *
read_stream(struct reader *r)
{
	struct tally_yaml *y = NULL;
	yaml_event_t e;

	if (next(r, &e) < 0) /* the stream's start */
		return NULL;
	yaml_event_delete(&e);
	if (next(r, &e) < 0)
		return NULL;
	/* Nothing but comments is a map without keys. */
	if (e.type == YAML_STREAM_END_EVENT) {
		y = new_node(TALLY_YAML_MAP, &e);
		y->line = y->column = 1;
	} else {
		y = read_document(r, &e);
	}
	yaml_event_delete(&e);
	return y;
}

int
tally_yaml_parse(struct tally_yaml **out, const char *name, struct tally_bytes in,
		 struct tally_err *err)
{
	struct reader r = { .name = name, .in = in, .err = err };

	if (in.len > MOST_BYTES)
		return tally_err_set(err, TALLY_USE, "%s: more than %u bytes", name, MOST_BYTES);
	/* Where the encoding is given, libyaml takes the mark for a letter. */
	if (in.len >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
		r.in = tally_bytes(in.p + 3, in.len - 3);
	TALLY_ASSERT(yaml_parser_initialize(&r.parser));
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, r.in.len ? r.in.p : (const uint8_t *)"", r.in.len);
	*out = read_stream(&r);
	yaml_parser_delete(&r.parser);
	return *out ? 0 : -1;
}

void
tally_yaml_free(struct tally_yaml *y)
{
	if (!y)
		return;
	for (size_t i = 0; i < y->count; i++) {
		tally_yaml_free(y->items[i]);
		if (y->keys)
			free(y->keys[i]);
	}
	free(y->items);
	free(y->keys);
	free(y->key_places);
	free(y->text);
	free(y);
}

const struct tally_yaml *
tally_yaml_get(const struct tally_yaml *map, const char *key)
{
	if (map->type != TALLY_YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i], key) == 0)
			return map->items[i];
	return NULL;
}
