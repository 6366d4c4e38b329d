/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two reports, list by list. A row is known again by the members that name it;
 * of two rows of one name those members are told that differ. The new report is
 * rendered for this as it stands, so that whatever a report holds is compared.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "report_internal.h"
#include "survey.h"
#include "tally/csv.h"
#include "tally/err.h"

#define KEYS  8
#define TOLD  100 /* rows of a list */
#define SHOWN 80  /* bytes of a value */

/* A list of the report; `in` is the object that holds it. No key: a row is its own
 * name, so it is there or it is not. */
static const struct list {
	const char *in, *name;
	const char *keys[KEYS];
	const char *only;       /* the one member that is compared */
	const char *told[KEYS]; /* without keys: what tells a row */
} lists[] = {
	{ "evidence", "ledgers", { "origin" }, "size" },
	{ "report", "rule_packs", { "id" }, NULL },
	{ "report", "inputs", { "name" }, NULL },
	{ NULL, "coverage", { "host" }, NULL },
	{ NULL, "usage", { "product", "edition", "scope", "id" }, NULL },
	{ NULL, "vms", { "vm", "product", "edition", "first" }, NULL },
	{ NULL, "positions", { "rule", "product", "scope", "id" }, NULL },
	{ NULL,
	  "charges",
	  { NULL },
	  NULL,
	  { "vm", "sku", "kind", "charge_from", "cost_center", "quantity", "billed", "invoice" } },
};

struct row {
	const struct tally_json *v;
	struct tally_bytes key; /* into `keys` of its side */
	size_t at, end;
	size_t number;
};
struct side {
	struct row *rows;
	size_t n;
	struct tally_buf keys;
};
struct differences {
	const struct list *list;
	uint64_t count;
	struct tally_buf text; /* of the first */
};

/* One line; two values are equal where their lines are. */
static void value_out(struct tally_buf *out, const struct tally_json *v);

struct members {
	struct tally_buf *out;
	bool any;
};

static int
member_out(void *ctx, const char *key, const struct tally_json *v)
{
	struct members *m = ctx;

	tally_buf_addf(m->out, "%s%s: ", m->any ? ", " : "", key);
	m->any = true;
	value_out(m->out, v);
	return 0;
}

/* How deep it goes is bounded by the reader of JSON. */
static void
value_out(struct tally_buf *out, const struct tally_json *v)
{
	struct members m = { .out = out };

	switch (tally_json_type(v)) {
	case TALLY_JSON_NULL:
		tally_buf_add_str(out, "null");
		break;
	case TALLY_JSON_BOOL:
		tally_buf_add_str(out, tally_json_bool(v) ? "true" : "false");
		break;
	case TALLY_JSON_INT:
		tally_buf_addf(out, "%" PRId64, tally_json_int(v));
		break;
	case TALLY_JSON_REAL:
		tally_buf_addf(out, "%.17g", tally_json_real(v));
		break;
	case TALLY_JSON_STRING:
		if (tally_json_string(v).len == 0)
			tally_buf_add_str(out, "\"\"");
		tally_buf_add_bytes(out, tally_json_string(v));
		break;
	case TALLY_JSON_ARRAY:
		tally_buf_add_str(out, "[");
		for (size_t i = 0; i < tally_json_count(v); i++) {
			tally_buf_add_str(out, i ? ", " : "");
			value_out(out, tally_json_at(v, i));
		}
		tally_buf_add_str(out, "]");
		break;
	case TALLY_JSON_OBJECT:
		tally_buf_add_str(out, "{");
		(void)tally_json_each(v, member_out, &m);
		tally_buf_add_str(out, "}");
		break;
	}
}

/* Cut where it is long, between two characters. */
static void
add_shown(struct tally_buf *out, const struct tally_buf *value)
{
	size_t n = value->len < SHOWN ? value->len : SHOWN;

	while (n > 0 && n < value->len && (value->p[n] & 0xc0) == 0x80)
		n--;
	tally_buf_add(out, value->p, n);
	if (n < value->len)
		tally_buf_add_str(out, "...");
}

static const struct tally_json *
find_list(const struct tally_json *root, const struct list *l)
{
	const struct tally_json *in = l->in ? tally_json_get(root, l->in) : root;
	const struct tally_json *v = in ? tally_json_get(in, l->name) : NULL;

	return v && tally_json_type(v) == TALLY_JSON_ARRAY ? v : NULL;
}

static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = tally_bytes_cmp(x->key, y->key);

	return c ? c : x->number < y->number ? -1 : x->number > y->number;
}

static void
side_make(struct side *s, const struct tally_json *root, const struct list *l)
{
	const struct tally_json *list = find_list(root, l);

	memset(s, 0, sizeof(*s));
	s->n = list ? tally_json_count(list) : 0;
	s->rows = tally_alloc((s->n + 1) * sizeof(*s->rows));
	for (size_t i = 0; i < s->n; i++) {
		struct row *row = &s->rows[i];

		row->v = tally_json_at(list, i);
		row->number = i;
		row->at = s->keys.len;
		if (!l->keys[0])
			value_out(&s->keys, row->v);
		for (size_t k = 0; k < KEYS && l->keys[k]; k++) {
			const struct tally_json *v = tally_json_get(row->v, l->keys[k]);

			if (v)
				value_out(&s->keys, v);
			tally_buf_add_u8(&s->keys, 0); /* which no text holds */
		}
		row->end = s->keys.len;
	}
	for (size_t i = 0; i < s->n; i++)
		s->rows[i].key =
			tally_bytes(s->keys.p + s->rows[i].at, s->rows[i].end - s->rows[i].at);
	if (s->n > 1)
		qsort(s->rows, s->n, sizeof(*s->rows), compare_rows);
}

static void
side_deinit(struct side *s)
{
	free(s->rows);
	tally_buf_deinit(&s->keys);
}

static void
name_out(struct differences *d, const struct row *row)
{
	const char *const *names = d->list->keys[0] ? d->list->keys : d->list->told;
	struct tally_buf value = TALLY_BUF_INIT;

	for (size_t k = 0, told = 0; k < KEYS && names[k]; k++) {
		const struct tally_json *v = tally_json_get(row->v, names[k]);

		if (!v || tally_json_type(v) == TALLY_JSON_NULL ||
		    (tally_json_type(v) == TALLY_JSON_STRING && tally_json_string(v).len == 0))
			continue;
		tally_buf_addf(&d->text, "%s%s ", told++ ? ", " : "", names[k]);
		tally_buf_clear(&value);
		value_out(&value, v);
		add_shown(&d->text, &value);
	}
	tally_buf_deinit(&value);
}

static bool
begin_case(struct differences *d, const char *what)
{
	if (++d->count > TOLD)
		return false;
	tally_buf_addf(&d->text, "%s%s", d->count > 1 ? "; " : "", what);
	return true;
}

/* The members of a pair of objects. */
struct twins {
	struct differences *d;
	const struct row *row; /* told before the first difference */
	const struct tally_json *other;
	const char *only;
	struct tally_buf prefix; /* "states." */
	bool reversed;           /* `other` is the new one: only what has gone is told */
	bool any, told;
};

static int member_differs(void *ctx, const char *key, const struct tally_json *v);

static void
tell(struct twins *p, const char *key, const struct tally_json *was, const struct tally_json *is)
{
	struct tally_buf a = TALLY_BUF_INIT, b = TALLY_BUF_INIT;

	if (was)
		value_out(&a, was);
	if (is)
		value_out(&b, is);
	if (was && is && tally_bytes_eq(tally_buf_view(&a), tally_buf_view(&b)))
		goto out;
	if (!p->any) {
		p->told = begin_case(p->d, "");
		if (p->told)
			name_out(p->d, p->row);
	}
	if (p->told) {
		tally_buf_addf(&p->d->text, "%s%s%s ", p->any ? ", " : ": ",
			       tally_buf_cstr(&p->prefix), key);
		if (was)
			add_shown(&p->d->text, &a);
		tally_buf_addf(&p->d->text, "%s -> ", was ? "" : "none");
		if (is)
			add_shown(&p->d->text, &b);
		tally_buf_add_str(&p->d->text, is ? "" : "none");
	}
	p->any = true;
out:
	tally_buf_deinit(&a);
	tally_buf_deinit(&b);
}

/* An object inside of the row, as `states`: its members by themselves. */
static void
go_inside(struct twins *p, const char *key, const struct tally_json *v,
	  const struct tally_json *other)
{
	const struct tally_json *outer = p->other;

	p->other = other;
	tally_buf_addf(&p->prefix, "%s.", key);
	(void)tally_json_each(v, member_differs, p);
	tally_buf_clear(&p->prefix);
	p->other = outer;
}

static int
member_differs(void *ctx, const char *key, const struct tally_json *v)
{
	struct twins *p = ctx;
	const struct tally_json *other = tally_json_get(p->other, key);

	if (p->only && strcmp(key, p->only) != 0)
		return 0;
	if (other && p->prefix.len == 0 && tally_json_type(v) == TALLY_JSON_OBJECT &&
	    tally_json_type(other) == TALLY_JSON_OBJECT)
		go_inside(p, key, v, other);
	else if (!p->reversed)
		tell(p, key, other, v);
	else if (!other)
		tell(p, key, v, NULL);
	return 0;
}

static void
pair_out(struct differences *d, const struct row *was, const struct row *is)
{
	struct twins p = { .d = d, .row = is, .other = was->v, .only = d->list->only };

	(void)tally_json_each(is->v, member_differs, &p);
	p.other = is->v;
	p.reversed = true;
	(void)tally_json_each(was->v, member_differs, &p);
	tally_buf_deinit(&p.prefix);
}

static void
single_out(struct differences *d, const char *what, const struct row *row)
{
	if (begin_case(d, what))
		name_out(d, row);
}

/* A report that superseded another was made from that one, too. Which of its inputs
 * that was it does not say; where but one is gone, it was that one. */
static bool
was_superseded(const struct tally_json *old, const struct list *l, const struct side *a,
	       const struct side *b)
{
	const struct tally_json *report = tally_json_get(old, "report");
	const struct tally_json *id = report ? tally_json_get(report, "supersedes") : NULL;
	size_t gone = 0;

	if (strcmp(l->name, "inputs") != 0 || !id || tally_json_type(id) != TALLY_JSON_STRING)
		return false;
	for (size_t i = 0, k = 0; i < a->n; i++) {
		while (k < b->n && tally_bytes_cmp(b->rows[k].key, a->rows[i].key) < 0)
			k++;
		if (k < b->n && tally_bytes_eq(b->rows[k].key, a->rows[i].key))
			k++;
		else
			gone++;
	}
	return gone == 1;
}

static void
list_differs(struct differences *d, const struct tally_json *old, const struct tally_json *new)
{
	struct side a, b;
	size_t i = 0, k = 0;
	bool superseded;

	side_make(&a, old, d->list);
	side_make(&b, new, d->list);
	superseded = was_superseded(old, d->list, &a, &b);
	while (i < a.n || k < b.n) {
		int c = i == a.n   ? 1
			: k == b.n ? -1
				   : tally_bytes_cmp(a.rows[i].key, b.rows[k].key);

		if (c < 0 && superseded)
			i++;
		else if (c < 0)
			single_out(d, "gone: ", &a.rows[i++]);
		else if (c > 0)
			single_out(d, "new: ", &b.rows[k++]);
		else
			pair_out(d, &a.rows[i++], &b.rows[k++]);
	}
	side_deinit(&a);
	side_deinit(&b);
}

/* Corrections that an operator wrote since: what may have done it. */
static void
name_entries(const struct compare *c, const struct tally_report *r, const struct survey *surveys,
	     struct finding *g)
{
	for (uint32_t i = 0; i < r->n_ledgers; i++) {
		uint64_t from = compare_size(c, r->ledgers[i].origin);

		for (size_t k = 0; k < surveys[i].aside.n; k++)
			if (aside_index(&surveys[i].aside, k) >= from)
				finding_entry(g, i, aside_index(&surveys[i].aside, k));
	}
}

static void
add_finding(const struct compare *c, struct tally_report *r, const struct survey *surveys,
	    struct differences *d)
{
	struct tally_buf text = TALLY_BUF_INIT;

	tally_buf_addf(&text, "%s: %" PRIu64 " %s from the superseded report: ", d->list->name,
		       d->count, d->count == 1 ? "row differs" : "rows differ");
	tally_buf_add_bytes(&text, tally_buf_view(&d->text));
	if (d->count > TOLD)
		tally_buf_addf(&text, "; and %" PRIu64 " more", d->count - TOLD);
	name_entries(c, r, surveys, findings_add(&r->findings, F_CHANGED, &text));
}

void
compare_report(const struct compare *c, struct tally_report *r, const struct survey *surveys,
	       const struct tally_bytes *origins)
{
	const struct tally_json *old = tally_json_root(c->doc);
	struct tally_buf now = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	bool any = false;
	int read;

	tally_report_json(r, &now);
	read = tally_json_parse(&doc, tally_buf_view(&now), &err);
	TALLY_ASSERT(read == 0); /* a report of ours is JSON */
	tally_buf_deinit(&now);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct differences d = { .list = &lists[i] };

		list_differs(&d, old, tally_json_root(doc));
		if (d.count > 0)
			add_finding(c, r, surveys, &d);
		any |= d.count > 0;
		tally_buf_deinit(&d.text);
	}
	if (!any) {
		struct tally_buf text = TALLY_BUF_INIT;

		tally_buf_add_str(&text, "nothing differs from the superseded report");
		(void)findings_add(&r->findings, F_CHANGED, &text);
	}
	findings_sort(&r->findings, origins);
	tally_json_free(doc);
}
