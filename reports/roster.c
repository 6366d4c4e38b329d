/* SPDX-License-Identifier: Apache-2.0 */
/* roster.yaml: a list of maps, by itself or under `hosts` (or `roster`). Lines of one
 * host may follow one another, as when it is replaced, but never overlap. */
#include <stdlib.h>
#include <string.h>
#include "roster.h"
#include "tally/err.h"
#include "tally/yaml.h"

struct line_text {
	char *host, *asset, *from, *to, *reason;
};
#define MOST_TEXT 255
#define TEXT(key, member, required)                                                                \
	{                                                                                          \
		key, TALLY_F_STRING, offsetof(struct line_text, member), required,                 \
			(required) ? 1 : 0, MOST_TEXT, NULL, 0                                     \
	}
static const struct tally_field fields[] = {
	TEXT("host", host, true), TEXT("asset", asset, false),   TEXT("from", from, false),
	TEXT("to", to, false),    TEXT("reason", reason, false), { .key = NULL },
};

static int
refuse(const struct roster *r, unsigned line, unsigned column, struct tally_err *err,
       const char *what)
{
	return tally_err_set(err, TALLY_USE, "%s:%u:%u: %s", r->name, line, column, what);
}

static int
take_date(struct day *d, const struct roster *r, const struct tally_yaml *line, const char *key,
	  struct tally_err *err)
{
	const struct tally_yaml *y = tally_yaml_get(line, key);

	if (!y || (!y->quoted && y->text[0] == '\0'))
		return 0;
	if (!day_parse(d, tally_bytes_str(y->text)))
		return tally_yaml_error(r->name, y, err,
					"'%s' must be a day from 1971-01-01 on, as YYYY-MM-DD",
					key);
	return 0;
}

static char *
take(char **text)
{
	char *t = *text ? *text : tally_strdup("");

	*text = NULL;
	return t;
}

static int
add_line(struct roster *r, const struct tally_yaml *y, struct tally_err *err)
{
	struct line_text text = { 0 };
	struct roster_line line = { .line = y->line, .column = y->column };

	if (tally_yaml_read(r->name, y, fields, &text, err) < 0 ||
	    take_date(&line.from, r, y, "from", err) < 0 ||
	    take_date(&line.to, r, y, "to", err) < 0) {
		tally_yaml_release(fields, &text);
		return -1;
	}
	line.host = take(&text.host);
	line.asset = take(&text.asset);
	line.reason = take(&text.reason);
	tally_yaml_release(fields, &text);
	r->p = array_grow(r->p, &r->cap, r->n, sizeof(*r->p));
	r->p[r->n++] = line;
	if (line.from.given && line.to.given && day_compare(&line.from, &line.to) >= 0)
		return tally_yaml_error(r->name, tally_yaml_get(y, "to"), err,
					"'to' must lie behind 'from'");
	return 0;
}

static bool
begins_before_end(const struct roster_line *a, const struct roster_line *b)
{
	return !a->from.given || !b->to.given || day_compare(&a->from, &b->to) < 0;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct roster_line *x = *(const struct roster_line *const *)a;
	const struct roster_line *y = *(const struct roster_line *const *)b;
	int c = strcmp(x->host, y->host);

	if (c == 0 && (!x->from.given || !y->from.given))
		c = x->from.given - y->from.given;
	else if (c == 0)
		c = day_compare(&x->from, &y->from);
	return c ? c : x < y ? -1 : x > y;
}

/* The first line, in the file's order, that overlaps another of its host. */
static int
check_overlaps(const struct roster *r, struct tally_err *err)
{
	const struct roster_line **order =
		tally_realloc_array(NULL, r->n, sizeof(const struct roster_line *));
	const struct roster_line *found = NULL;

	for (size_t i = 0; i < r->n; i++)
		order[i] = &r->p[i];
	qsort(order, r->n, sizeof(const struct roster_line *), compare_lines);
	for (size_t i = 1; i < r->n; i++) {
		const struct roster_line *a = order[i - 1], *b = order[i];
		const struct roster_line *later = a > b ? a : b;

		if (strcmp(a->host, b->host) == 0 && begins_before_end(b, a) &&
		    (!found || later < found))
			found = later;
	}
	free(order);
	if (found)
		return refuse(r, found->line, found->column, err,
			      "another line of this host holds at the same time");
	return 0;
}

static int
add_lines(struct roster *r, const struct tally_yaml *y, struct tally_err *err)
{
	const struct tally_yaml *list = y;

	if (y->type == TALLY_YAML_MAP && y->count == 0)
		return tally_yaml_error(r->name, y, err, "no hosts");
	if (y->type == TALLY_YAML_MAP) {
		if (strcmp(y->keys[0], "hosts") != 0 && strcmp(y->keys[0], "roster") != 0)
			return refuse(r, y->key_places[0].line, y->key_places[0].column, err,
				      "unknown key: a roster has the key 'hosts'");
		if (y->count > 1)
			return refuse(r, y->key_places[1].line, y->key_places[1].column, err,
				      "unknown key: a roster has the key 'hosts' only");
		list = y->items[0];
	}
	if (list->type != TALLY_YAML_LIST)
		return tally_yaml_error(r->name, list, err, "a roster must be a list of maps");
	if (list->count == 0)
		return tally_yaml_error(r->name, list, err, "no hosts");
	for (size_t i = 0; i < list->count; i++)
		if (add_line(r, list->items[i], err) < 0)
			return -1;
	return check_overlaps(r, err);
}

int
roster_parse(struct roster **out, const char *name, struct tally_bytes in, struct tally_err *err)
{
	struct tally_yaml *y;
	struct roster *r;
	int rc;

	if (tally_yaml_parse(&y, name, in, err) < 0)
		return -1;
	r = tally_alloc(sizeof(*r));
	r->name = tally_strdup(name);
	rc = add_lines(r, y, err);
	tally_yaml_free(y);
	if (rc < 0) {
		roster_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
roster_free(struct roster *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->p[i].host);
		free(r->p[i].asset);
		free(r->p[i].reason);
	}
	free(r->p);
	free(r->name);
	free(r);
}

int
roster_settle(struct roster *r, const struct tally_zone *zone, struct tally_err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (day_settle(&r->p[i].from, DAY_ALWAYS, zone, err) < 0 ||
		    day_settle(&r->p[i].to, DAY_FOREVER, zone, err) < 0)
			return tally_err_prefix(err, "%s:%u:%u", r->name, r->p[i].line,
						r->p[i].column);
	return 0;
}
