/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of an enrolment, line by line: `key value\n` in a fixed order, each
 * value with one spelling, so that a text that parses is the only one of its
 * content. A mistake is told once, with its line.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tally/enrolment.h"
#include "tally/err.h"
#include "tally/time.h"

void
tally_lines_refuse(struct tally_lines *l, const char *fmt, ...)
{
	char what[256];
	va_list args;

	if (l->failed)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	l->failed = true;
	(void)tally_err_set(l->err, TALLY_USE, "%u:1: %s", l->line, what);
}

int
tally_lines_place(const char *name, struct tally_err *err)
{
	struct tally_err inner = *err;

	return tally_err_set(err, inner.code, "%s:%s", name, inner.text);
}

/* The next line without its end; nothing moves. */
static bool
peek(const struct tally_lines *l, struct tally_bytes *line)
{
	const uint8_t *p = l->text.p + l->at, *end;
	size_t left = l->text.len - l->at;

	if (l->failed || left == 0)
		return false;
	end = memchr(p, '\n', left);
	if (!end)
		return false;
	*line = tally_bytes(p, (size_t)(end - p));
	return true;
}

static bool
take(struct tally_lines *l, struct tally_bytes *line)
{
	if (l->failed)
		return false;
	l->line++;
	if (!peek(l, line)) {
		tally_lines_refuse(l,
				   l->at == l->text.len ? "it ends here" : "a line without an end");
		return false;
	}
	l->at += line->len + 1;
	return true;
}

void
tally_lines_open(struct tally_lines *l, struct tally_bytes text, const char *first,
		 struct tally_err *err)
{
	struct tally_bytes line;

	*l = (struct tally_lines){ .text = text, .err = err };
	if (take(l, &line) && !tally_bytes_eq(line, tally_bytes_str(first)))
		tally_lines_refuse(l, "not '%s'", first);
}

static bool
has_key(struct tally_bytes line, const char *key)
{
	size_t n = strlen(key);

	return line.len > n && memcmp(line.p, key, n) == 0 && line.p[n] == ' ';
}

bool
tally_lines_next(const struct tally_lines *l, const char *key)
{
	struct tally_bytes line;

	return peek(l, &line) && has_key(line, key);
}

struct tally_bytes
tally_lines_value(struct tally_lines *l, const char *key)
{
	size_t n = strlen(key) + 1;
	struct tally_bytes line;

	if (!take(l, &line))
		return tally_bytes(NULL, 0);
	if (!has_key(line, key) || line.len == n) {
		tally_lines_refuse(l, "'%s' with a value is wanted here", key);
		return tally_bytes(NULL, 0);
	}
	return tally_bytes(line.p + n, line.len - n);
}

struct tally_bytes
tally_lines_text(struct tally_lines *l, const char *key, size_t max)
{
	struct tally_bytes v = tally_lines_value(l, key);

	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			tally_lines_refuse(l, "'%s' holds a control character", key);
	if (v.len > max || !tally_utf8_valid(v.p, v.len))
		tally_lines_refuse(l, "'%s' is no UTF-8 of 1 to %zu bytes", key, max);
	return l->failed ? tally_bytes(NULL, 0) : v;
}

struct tally_bytes
tally_lines_base64(struct tally_lines *l, const char *key, size_t max, struct tally_arena *arena)
{
	struct tally_bytes v = tally_lines_value(l, key), out = { NULL, 0 };
	struct tally_buf raw = TALLY_BUF_INIT;

	if (l->failed)
		return out;
	if (!tally_unbase64(&raw, (const char *)v.p, v.len) || raw.len == 0 || raw.len > max) {
		tally_lines_refuse(l, "'%s' is no base64 of 1 to %zu bytes", key, max);
	} else {
		uint8_t *kept = tally_arena_alloc(arena, raw.len);

		memcpy(kept, raw.p, raw.len);
		out = tally_bytes(kept, raw.len);
	}
	tally_buf_deinit(&raw);
	return out;
}

void
tally_lines_hash(struct tally_lines *l, const char *key, uint8_t out[TALLY_HASH])
{
	struct tally_bytes v = tally_lines_value(l, key);
	bool lower = true;

	memset(out, 0, TALLY_HASH);
	for (size_t i = 0; i < v.len; i++)
		lower = lower && !(v.p[i] >= 'A' && v.p[i] <= 'F');
	if (!l->failed && (!lower || !tally_unhex(out, TALLY_HASH, (const char *)v.p, v.len)))
		tally_lines_refuse(l, "'%s' is not 64 hex digits in lower case", key);
}

int64_t
tally_lines_time(struct tally_lines *l, const char *key)
{
	struct tally_bytes v = tally_lines_value(l, key);
	struct tally_wall t = { 0 };
	char again[TALLY_TIME_TEXT];

	if (l->failed)
		return 0;
	if (!tally_wall_parse(&t, (const char *)v.p, v.len, false) || t.ns % TALLY_SECOND != 0) {
		tally_lines_refuse(l, "'%s' is no instant YYYY-MM-DDTHH:MM:SSZ", key);
		return 0;
	}
	tally_wall_text(again, t);
	if (!tally_bytes_eq(v, tally_bytes_str(again)))
		tally_lines_refuse(l, "'%s' is not written as %s", key, again);
	return t.ns;
}

int
tally_lines_end(struct tally_lines *l)
{
	if (!l->failed && l->at != l->text.len) {
		l->line++;
		tally_lines_refuse(l, "more than is wanted");
	}
	return l->failed ? -1 : 0;
}

void
tally_lines_put_base64(struct tally_buf *out, const char *key, struct tally_bytes value)
{
	tally_buf_addf(out, "%s ", key);
	tally_buf_add_base64(out, value.p, value.len);
	tally_buf_add_u8(out, '\n');
}

void
tally_lines_put_hash(struct tally_buf *out, const char *key, const uint8_t hash[TALLY_HASH])
{
	char hex[2 * TALLY_HASH + 1];

	tally_hex(hex, hash, TALLY_HASH);
	tally_buf_addf(out, "%s %s\n", key, hex);
}

void
tally_lines_put_time(struct tally_buf *out, const char *key, int64_t ns)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ ns });
	tally_buf_addf(out, "%s %s\n", key, text);
}
