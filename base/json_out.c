/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON out. The writer refuses what would not be one well-formed document with
 * keys in strictly ascending byte order: those are bugs of the caller, so they
 * are asserts. Text of strangers is escaped; whether it is UTF-8 is checked.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tally/err.h"
#include "tally/json.h"
#include "utf8.h"

#define DEPTH 64

struct level {
	bool object;
	bool keyed; /* a key waits for its value */
	size_t count;
	struct tally_buf last_key;
};

struct tally_jsonw {
	struct tally_buf *out;
	bool one_line;
	bool begun;
	size_t depth;
	struct level levels[DEPTH];
};

struct tally_jsonw *
tally_jsonw_new(struct tally_buf *out, bool one_line)
{
	struct tally_jsonw *w = tally_alloc(sizeof(*w));

	w->out = out;
	w->one_line = one_line;
	return w;
}

void
tally_jsonw_free(struct tally_jsonw *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < DEPTH; i++)
		tally_buf_deinit(&w->levels[i].last_key);
	free(w);
}

static struct level *
innermost(struct tally_jsonw *w)
{
	return w->depth ? &w->levels[w->depth - 1] : NULL;
}

static void
new_line(struct tally_jsonw *w)
{
	if (w->one_line)
		return;
	tally_buf_add_u8(w->out, '\n');
	for (size_t i = 0; i < w->depth; i++)
		tally_buf_add(w->out, "  ", 2);
}

/* What stands before an element of an array or a key of an object. */
static void
separate(struct tally_jsonw *w, struct level *l)
{
	if (l->count++ > 0)
		tally_buf_add_u8(w->out, ',');
	new_line(w);
}

static void
before_value(struct tally_jsonw *w)
{
	struct level *l = innermost(w);

	if (!l) {
		TALLY_ASSERT(!w->begun); /* one document a writer */
		w->begun = true;
	} else if (l->object) {
		TALLY_ASSERT(l->keyed);
		l->keyed = false;
	} else {
		separate(w, l);
	}
}

static void
open_level(struct tally_jsonw *w, bool object)
{
	struct level *l;

	before_value(w);
	TALLY_ASSERT(w->depth < DEPTH);
	l = &w->levels[w->depth++];
	l->object = object;
	l->keyed = false;
	l->count = 0;
	tally_buf_clear(&l->last_key);
	tally_buf_add_u8(w->out, object ? '{' : '[');
}

void
tally_jsonw_object(struct tally_jsonw *w)
{
	open_level(w, true);
}

void
tally_jsonw_array(struct tally_jsonw *w)
{
	open_level(w, false);
}

void
tally_jsonw_end(struct tally_jsonw *w)
{
	struct level *l = innermost(w);

	TALLY_ASSERT(l && !l->keyed);
	w->depth--;
	if (l->count > 0)
		new_line(w);
	tally_buf_add_u8(w->out, l->object ? '}' : ']');
}

static void
add_escaped(struct tally_buf *out, uint8_t c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
		if ((uint8_t)names[i] == c) {
			tally_buf_add_u8(out, '\\');
			tally_buf_add_u8(out, (uint8_t)names[i + 1]);
			return;
		}
	}
	tally_buf_addf(out, "\\u%04x", c);
}

static void
add_quoted(struct tally_buf *out, struct tally_bytes s)
{
	size_t i = 0, plain = 0; /* [plain, i) is to be copied as it is */

	tally_buf_reserve(out, s.len < SIZE_MAX - 2 ? s.len + 2 : s.len);
	tally_buf_add_u8(out, '"');
	while (i < s.len) {
		uint32_t code;
		size_t len = tally_utf8_next(s.p + i, s.len - i, &code);

		if (len > 0 && code >= 0x20 && code != '"' && code != '\\' && code != 0x7f) {
			i += len;
			continue;
		}
		tally_buf_add(out, s.p + plain, i - plain);
		if (len == 0)
			tally_buf_add(out, "\xef\xbf\xbd", 3);
		else
			add_escaped(out, s.p[i]);
		plain = ++i;
	}
	tally_buf_add(out, s.p ? s.p + plain : NULL, i - plain);
	tally_buf_add_u8(out, '"');
}

void
tally_jsonw_key(struct tally_jsonw *w, const char *key)
{
	struct level *l = innermost(w);
	struct tally_bytes k = tally_bytes_str(key);

	TALLY_ASSERT(l && l->object && !l->keyed);
	TALLY_ASSERT(l->count == 0 || tally_bytes_cmp(tally_buf_view(&l->last_key), k) < 0);
	separate(w, l);
	tally_buf_clear(&l->last_key);
	tally_buf_add_bytes(&l->last_key, k);
	l->keyed = true;
	add_quoted(w->out, k);
	tally_buf_add(w->out, ": ", w->one_line ? 1 : 2);
}

void
tally_jsonw_string(struct tally_jsonw *w, struct tally_bytes s)
{
	before_value(w);
	add_quoted(w->out, s);
}

void
tally_jsonw_str(struct tally_jsonw *w, const char *s)
{
	tally_jsonw_string(w, tally_bytes_str(s));
}

void
tally_jsonw_u64(struct tally_jsonw *w, uint64_t v)
{
	before_value(w);
	tally_buf_addf(w->out, "%" PRIu64, v);
}

void
tally_jsonw_i64(struct tally_jsonw *w, int64_t v)
{
	before_value(w);
	tally_buf_addf(w->out, "%" PRId64, v);
}

void
tally_jsonw_milli(struct tally_jsonw *w, int64_t thousandths)
{
	uint64_t v = thousandths < 0 ? -(uint64_t)thousandths : (uint64_t)thousandths;

	before_value(w);
	tally_buf_addf(w->out, "%s%" PRIu64 ".%03u", thousandths < 0 ? "-" : "", v / 1000,
		       (unsigned)(v % 1000));
}

void
tally_jsonw_bool(struct tally_jsonw *w, bool v)
{
	before_value(w);
	tally_buf_add_str(w->out, v ? "true" : "false");
}

void
tally_jsonw_null(struct tally_jsonw *w)
{
	before_value(w);
	tally_buf_add_str(w->out, "null");
}
