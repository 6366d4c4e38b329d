/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in, over jansson. A struct tally_json is a json_t under another name,
 * so that no other folder sees jansson's header. Reading a value as what it is
 * not gives zero, false or an empty view, never another value's memory.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/json.h"

struct tally_json_doc {
	json_t *root;
};

static const json_t *
inner(const struct tally_json *v)
{
	return (const json_t *)v;
}

static const struct tally_json *
outer(const json_t *v)
{
	return (const struct tally_json *)v;
}

/* The opening quote of the string whose closing quote lies at `i`. */
static size_t
string_start(struct tally_bytes in, size_t i)
{
	while (i > 0) {
		size_t slashes = 0;

		i--;
		if (in.p[i] != '"')
			continue;
		while (slashes < i && in.p[i - slashes - 1] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			return i;
	}
	return 0;
}

/* jansson says how many bytes it has read; the last of them is what it choked on. */
static size_t
error_offset(struct tally_bytes in, const json_error_t *e)
{
	size_t read = e->position > 0 ? (size_t)e->position : 0;

	if (read >= in.len && json_error_code(e) == json_error_premature_end_of_input)
		return in.len;
	if (read == 0 || in.len == 0)
		return 0;
	read = (read < in.len ? read : in.len) - 1;
	while (read > 0 && (in.p[read] & 0xc0) == 0x80)
		read--; /* to the first byte of its character */
	return json_error_code(e) == json_error_duplicate_key ? string_start(in, read) : read;
}

static int
refuse(struct tally_bytes in, size_t at, const char *what, struct tally_err *err)
{
	struct tally_buf safe = TALLY_BUF_INIT;
	size_t line = 1, start = 0;
	int r;

	for (size_t i = 0; i < at; i++) {
		if (in.p[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	tally_printable(&safe, tally_bytes_str(what));
	r = tally_err_set(err, TALLY_USE, "%zu:%zu: %s", line, at - start + 1,
			  tally_buf_cstr(&safe));
	tally_buf_deinit(&safe);
	return r;
}

int
tally_json_parse(struct tally_json_doc **out, struct tally_bytes in, struct tally_err *err)
{
	json_error_t e;
	json_t *root;
	const uint8_t *nul = in.len ? memchr(in.p, 0, in.len) : NULL;

	/* jansson 2.14 overlooks one behind a number. */
	if (nul)
		return refuse(in, (size_t)(nul - in.p), "a NUL byte", err);
	root = json_loadb(in.len ? (const char *)in.p : "", in.len,
			  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!root)
		return refuse(in, error_offset(in, &e), e.text, err);
	*out = tally_alloc(sizeof(**out));
	(*out)->root = root;
	return 0;
}

void
tally_json_free(struct tally_json_doc *doc)
{
	if (!doc)
		return;
	json_decref(doc->root);
	free(doc);
}

const struct tally_json *
tally_json_root(const struct tally_json_doc *doc)
{
	return outer(doc->root);
}

enum tally_json_type
tally_json_type(const struct tally_json *v)
{
	switch (json_typeof(inner(v))) {
	case JSON_OBJECT:
		return TALLY_JSON_OBJECT;
	case JSON_ARRAY:
		return TALLY_JSON_ARRAY;
	case JSON_STRING:
		return TALLY_JSON_STRING;
	case JSON_INTEGER:
		return TALLY_JSON_INT;
	case JSON_REAL:
		return TALLY_JSON_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return TALLY_JSON_BOOL;
	case JSON_NULL:
		break;
	}
	return TALLY_JSON_NULL;
}

bool
tally_json_bool(const struct tally_json *v)
{
	return json_is_true(inner(v));
}

int64_t
tally_json_int(const struct tally_json *v)
{
	return json_integer_value(inner(v));
}

double
tally_json_real(const struct tally_json *v)
{
	return json_number_value(inner(v));
}

struct tally_bytes
tally_json_string(const struct tally_json *v)
{
	const char *s = json_string_value(inner(v));

	return s ? tally_bytes(s, json_string_length(inner(v))) : tally_bytes("", 0);
}

size_t
tally_json_count(const struct tally_json *v)
{
	return json_is_array(inner(v)) ? json_array_size(inner(v)) : json_object_size(inner(v));
}

const struct tally_json *
tally_json_at(const struct tally_json *v, size_t i)
{
	return outer(json_array_get(inner(v), i));
}

const struct tally_json *
tally_json_get(const struct tally_json *v, const char *key)
{
	return outer(json_object_get(inner(v), key));
}

int
tally_json_each(const struct tally_json *v,
		int (*f)(void *ctx, const char *key, const struct tally_json *member), void *ctx)
{
	/* jansson wants it writable for its iterator, but changes nothing. */
	json_t *object = (json_t *)(uintptr_t)v;

	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		int r = f(ctx, json_object_iter_key(i), outer(json_object_iter_value(i)));

		if (r != 0)
			return r;
	}
	return 0;
}
