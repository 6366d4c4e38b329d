/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_JSON_H
#define TALLY_JSON_H
/*
 * JSON in (jansson underneath, strict: UTF-8, no duplicate keys, no trailing
 * text, no NUL in strings) and JSON out (a writer that escapes).
 */
#include "tally/bytes.h"

struct tally_err;

/* A parsed document. Values are borrowed from it and live as long as it. */
struct tally_json_doc;
struct tally_json; /* one value */

enum tally_json_type {
	TALLY_JSON_NULL,
	TALLY_JSON_BOOL,
	TALLY_JSON_INT,
	TALLY_JSON_REAL,
	TALLY_JSON_STRING,
	TALLY_JSON_ARRAY,
	TALLY_JSON_OBJECT
};

/* Error: TALLY_USE, "LINE:COLUMN: what" (both from 1; column in bytes). */
int tally_json_parse(struct tally_json_doc **out, struct tally_bytes in, struct tally_err *err);
void tally_json_free(struct tally_json_doc *doc);
const struct tally_json *tally_json_root(const struct tally_json_doc *doc);

/* A value read as what it is not gives false, 0 or an empty view. */
enum tally_json_type tally_json_type(const struct tally_json *v);
bool tally_json_bool(const struct tally_json *v);
int64_t tally_json_int(const struct tally_json *v);
double tally_json_real(const struct tally_json *v);
struct tally_bytes tally_json_string(const struct tally_json *v); /* also NUL-terminated */
size_t tally_json_count(const struct tally_json *v);              /* array or object */
const struct tally_json *tally_json_at(const struct tally_json *v, size_t i);
const struct tally_json *tally_json_get(const struct tally_json *v, const char *key); /* or NULL */
/* Calls f for each member in the file's order until it returns non-zero. */
int tally_json_each(const struct tally_json *v,
		    int (*f)(void *ctx, const char *key, const struct tally_json *member),
		    void *ctx);
/* The column (from 1) of a key, or of its value, in a one-line top-level
 * object that has been parsed; 1 where it is not found. */
size_t tally_json_key_column(struct tally_bytes line, const char *key, bool value);

/* The writer: appends to `out`. Two-space indent, one member a line, or all on
 * one line without spaces; no newline at the end; at most 64 levels; keys of an
 * object must come in strictly ascending byte order (a bug of ours otherwise). Invalid UTF-8 is
 * written as U+FFFD. */
struct tally_jsonw;
struct tally_jsonw *tally_jsonw_new(struct tally_buf *out, bool one_line);
void tally_jsonw_free(struct tally_jsonw *w);
void tally_jsonw_object(struct tally_jsonw *w);
void tally_jsonw_array(struct tally_jsonw *w);
void tally_jsonw_end(struct tally_jsonw *w); /* closes the innermost */
void tally_jsonw_key(struct tally_jsonw *w, const char *key);
void tally_jsonw_string(struct tally_jsonw *w, struct tally_bytes s);
void tally_jsonw_str(struct tally_jsonw *w, const char *s);
void tally_jsonw_u64(struct tally_jsonw *w, uint64_t v);
void tally_jsonw_i64(struct tally_jsonw *w, int64_t v);
void tally_jsonw_milli(struct tally_jsonw *w, int64_t thousandths); /* 1.250 */
void tally_jsonw_bool(struct tally_jsonw *w, bool v);
void tally_jsonw_null(struct tally_jsonw *w);

#endif
