/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of recorded events: JSON, the common keys, then each member by the
 * tables. The first fault in the order of the line is the one that is told.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/csv.h"
#include "tally/err.h"
#include "record_keys.h"

struct record_parser *
record_parser_new(const char *file)
{
	struct record_parser *p = tally_alloc(sizeof(*p));

	p->file = file;
	p->arena = tally_arena_new(16384);
	return p;
}

void
record_parser_free(struct record_parser *p)
{
	if (!p)
		return;
	tally_json_free(p->doc);
	tally_arena_free(p->arena);
	free(p);
}

void
record_fault_(const struct record_parser *p, const struct record_line *l, const char *key,
	      bool value, struct tally_err *err, const char *fmt, ...)
{
	size_t column = key ? tally_json_key_column(l->text, key, value) : 1;
	char what[768];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	tally_err_set_(err, TALLY_USE, "%s:%llu:%zu: %s", p->file, (unsigned long long)l->number,
		       column, what);
}

bool
record_host_valid(struct tally_bytes name)
{
	if (name.len == 0 || name.len > RECORD_HOST_MAX || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.p[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool
is_blank(struct tally_bytes line)
{
	for (size_t i = 0; i < line.len; i++)
		if (!memchr(" \t\r", line.p[i], 3))
			return false;
	return true;
}

/* The JSON reader counts within the one line that it is given. */
static int
parse_json(struct record_parser *p, struct record_line *l, struct tally_err *err)
{
	struct tally_err inner = TALLY_ERR_INIT;
	unsigned line = 1, column = 1;
	int skip = 0;

	tally_json_free(p->doc);
	p->doc = NULL;
	if (tally_json_parse(&p->doc, l->text, &inner) == 0)
		return 0;
	if (sscanf(inner.text, "%u:%u: %n", &line, &column, &skip) < 2)
		skip = 0;
	return tally_err_set(err, TALLY_USE, "%s:%llu:%u: %s", p->file,
			     (unsigned long long)l->number, column, inner.text + skip);
}

/* {"tally-events":1}, on the first line only. 1 it is, 0 it is not. */
static int
take_header(struct record_parser *p, const struct tally_json *root, struct record_line *l,
	    struct tally_err *err)
{
	const struct tally_json *v = tally_json_get(root, "tally-events");

	if (l->number != 1 || !v)
		return 0;
	if (tally_json_count(root) != 1)
		return record_fault(p, l, "tally-events", false, err,
				    "'tally-events' stands alone in its line");
	if (tally_json_type(v) != TALLY_JSON_INT || tally_json_int(v) != 1)
		return record_fault(p, l, "tally-events", true, err,
				    "this version of recorded events is not known (1 is)");
	l->header = true;
	return 1;
}

static int
take_common(struct record_parser *p, const struct tally_json *root, struct record_line *l,
	    const struct record_event_spec **spec, struct tally_err *err)
{
	static const char *const common[] = { "time", "host", "event" };
	const struct tally_json *v[3];

	for (size_t i = 0; i < 3; i++) {
		v[i] = tally_json_get(root, common[i]);
		if (!v[i])
			return record_fault(p, l, NULL, false, err, "'%s' is missing", common[i]);
		if (tally_json_type(v[i]) != TALLY_JSON_STRING)
			return record_fault(p, l, common[i], true, err, "'%s' must be a string",
					    common[i]);
	}
	*spec = record_event_find(tally_json_string(v[2]));
	if (!*spec) {
		struct tally_buf shown = TALLY_BUF_INIT;
		tally_printable(&shown, tally_json_string(v[2]));
		(void)record_fault(p, l, "event", true, err, "unknown event '%.100s'",
				   tally_buf_cstr(&shown));
		tally_buf_deinit(&shown);
		return -1;
	}
	l->host = tally_json_string(v[1]);
	if (!record_host_valid(l->host))
		return record_fault(
			p, l, "host", true, err,
			"'host' must be 1 to %d of A-Z a-z 0-9 . _ - and not begin with a dot",
			RECORD_HOST_MAX);
	return 0;
}

static int
take_member(void *ctx, const char *key, const struct tally_json *v)
{
	struct record_take *t = ctx;
	const uint64_t common = KEY(K_TIME) | KEY(K_HOST) | KEY(K_EVENT);
	int k = record_key_find(key);

	if (k < 0 || !((t->spec->keys | common) & KEY(k))) {
		struct tally_buf shown = TALLY_BUF_INIT;
		tally_printable(&shown, tally_bytes_str(key));
		(void)record_fault(t->parser, t->line, key, false, t->err,
				   k < 0 ? "unknown key '%.100s'" : "unknown key '%.100s' in %s",
				   tally_buf_cstr(&shown), t->spec->name);
		tally_buf_deinit(&shown);
		return -1;
	}
	t->given |= KEY(k);
	return record_keys[k].take(t, &record_keys[k], v);
}

/* What is known only when every member has been seen. */
static int
finish(struct record_take *t)
{
	struct tally_event *ev = &t->line->ev;
	struct tally_metering *m = &ev->m;
	uint64_t missing = t->spec->required & ~t->given;

	for (int k = 0; k < K_COUNT; k++)
		if (missing & KEY(k))
			return record_fault(t->parser, t->line, NULL, false, t->err,
					    "%s: '%s' is missing", t->spec->name,
					    record_keys[k].name);
	if (m->has_from && m->has_to && m->from >= m->to)
		return record_fault(t->parser, t->line, "from", true, t->err,
				    "'from' is not before 'to'");
	if (ev->kind == TALLY_SUSPENDED) {
		m->has_cause = true;
		m->cause = m->cause ? m->cause : TALLY_C_PAUSED;
		m->has_state = true;
		m->state = m->cause == TALLY_C_PMSUSPENDED ? TALLY_ST_PMSUSPENDED : TALLY_ST_PAUSED;
	}
	/* A baseline that does not say whether it is paused leaves a run as it was. */
	if (ev->kind == TALLY_STARTED || ev->kind == TALLY_MIGRATED_IN ||
	    (ev->kind == TALLY_BASELINE && (t->given & KEY(K_PAUSED)))) {
		m->has_state = true;
		m->state = t->paused ? TALLY_ST_PAUSED : TALLY_ST_RUNNING;
	}
	if (ev->kind == TALLY_HOST_FACTS)
		ev->i.host = t->line->host;
	return 0;
}

int
record_parse(struct record_parser *p, struct tally_bytes line, uint64_t number,
	     struct record_line *out, struct tally_err *err)
{
	struct record_take t = { .parser = p, .line = out, .err = err };
	const struct tally_json *root;
	int header;

	*out = (struct record_line){ .text = line, .number = number };
	if (line.len >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
		return record_fault(p, out, NULL, false, err, "a byte order mark");
	if (is_blank(line))
		return record_fault(p, out, NULL, false, err, "a blank line");
	if (parse_json(p, out, err) < 0)
		return -1;
	root = tally_json_root(p->doc);
	if (tally_json_type(root) != TALLY_JSON_OBJECT)
		return record_fault(p, out, NULL, false, err, "no JSON object");
	header = take_header(p, root, out, err);
	if (header != 0)
		return header < 0 ? -1 : 0;
	if (take_common(p, root, out, &t.spec, err) < 0)
		return -1;
	tally_arena_reset(p->arena);
	out->ev.kind = t.spec->kind;
	out->ev.imported = true;
	out->ev.o.has_source = true;
	out->ev.o.source = TALLY_SRC_IMPORT;
	out->ev.o.has_line = true;
	out->ev.o.line = number;
	if (tally_json_each(root, take_member, &t) != 0)
		return -1;
	return finish(&t);
}
