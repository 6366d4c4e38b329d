/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Corrections. What an earlier report billed stays as it is; lines are added that
 * bring the sum of each sort of line to what is now known. Lines are of one sort
 * where they are alike in all but their figures and their entries.
 */
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"
#include "tally/json.h"

/* One line of the earlier report, read. */
struct reader {
	struct charges *c;
	const struct tally_json *line;
	size_t number;
	struct tally_err *err;
};

static int
refuse(const struct reader *r, const char *key, const char *what)
{
	return tally_err_set(r->err, TALLY_USE, "charges[%zu]: '%s' %s", r->number, key, what);
}

static int
read_text(const struct reader *r, const char *key, uint32_t *out)
{
	const struct tally_json *v = tally_json_get(r->line, key);

	if (!v || tally_json_type(v) != TALLY_JSON_STRING)
		return refuse(r, key, "is no text");
	*out = strings_add(r->c->strings, tally_json_string(v));
	return 0;
}

static int
read_time(const struct reader *r, const char *key, int64_t *out)
{
	const struct tally_json *v = tally_json_get(r->line, key);
	struct tally_bytes text = v ? tally_json_string(v) : tally_bytes(NULL, 0);
	struct tally_wall at;

	if (!v || tally_json_type(v) != TALLY_JSON_STRING ||
	    !tally_wall_parse(&at, (const char *)text.p, text.len, false))
		return refuse(r, key, "is no instant");
	*out = at.ns;
	return 0;
}

static int
read_decimal(const struct reader *r, const char *key, struct decimal *out)
{
	const struct tally_json *v = tally_json_get(r->line, key);

	if (!v || tally_json_type(v) != TALLY_JSON_STRING ||
	    decimal_parse(out, tally_json_string(v), DECIMAL_SCALE_MAX) != DECIMAL_TAKEN)
		return refuse(r, key, "is no exact decimal");
	return 0;
}

static int
read_index(const struct reader *r, const char *key, uint64_t *out)
{
	const struct tally_json *v = tally_json_get(r->line, key);

	if (!v || tally_json_type(v) != TALLY_JSON_INT || tally_json_int(v) < 0)
		return refuse(r, key, "is no index");
	*out = (uint64_t)tally_json_int(v);
	return 0;
}

/* The number of a name; `name_of` has `n` of them. */
static int
read_name(const struct reader *r, const char *key, const char *const *names, int *out)
{
	const struct tally_json *v = tally_json_get(r->line, key);

	for (int i = 0; v && tally_json_type(v) == TALLY_JSON_STRING && names[i]; i++)
		if (tally_bytes_eq(tally_json_string(v), tally_bytes_str(names[i]))) {
			*out = i;
			return 0;
		}
	return refuse(r, key, "is none of its words");
}

static int
read_same(const struct reader *r, const char *key, const char *value)
{
	const struct tally_json *v = tally_json_get(r->line, key);

	if (!v || !tally_bytes_eq(tally_json_string(v), tally_bytes_str(value)))
		return refuse(r, key,
			      "is not that of the price list: such charges cannot be corrected");
	return 0;
}

static int
read_texts(const struct reader *r, struct charge *c)
{
	const struct {
		const char *key;
		uint32_t *to;
	} texts[] = {
		{ "account_name", &c->account_name },
		{ "consumed_unit", &c->consumed_unit },
		{ "cost_center", &c->cost_center },
		{ "environment", &c->environment },
		{ "host", &c->host },
		{ "invoice", &c->invoice },
		{ "invoice_issuer", &c->issuer },
		{ "meter", &c->meter },
		{ "name", &c->name },
		{ "origin", &c->origin },
		{ "price_id", &c->price_id },
		{ "provider", &c->provider },
		{ "publisher", &c->publisher },
		{ "region", &c->region },
		{ "rule_pack", &c->rule_pack },
		{ "service", &c->service },
		{ "service_category", &c->category },
		{ "sku", &c->sku },
		{ "tenant", &c->tenant },
		{ "unit", &c->unit },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (read_text(r, texts[i].key, texts[i].to) < 0)
			return -1;
	return 0;
}

static int
read_vm(const struct reader *r, struct charge *c)
{
	static const char *const evidences[] = { "witnessed", "imported", "mixed", NULL };
	const struct tally_json *v = tally_json_get(r->line, "vm");
	struct tally_bytes text = v ? tally_json_string(v) : tally_bytes(NULL, 0);
	int evidence = 0;

	if (c->kind == CHARGE_ROUNDING)
		return v && tally_json_type(v) == TALLY_JSON_NULL ? 0
								  : refuse(r, "vm", "is not null");
	if (!tally_uuid_parse(c->vm, (const char *)text.p, text.len))
		return refuse(r, "vm", "is no UUID");
	c->has_vm = true;
	if (read_name(r, "evidence", evidences, &evidence) < 0 ||
	    read_index(r, "first_index", &c->first) < 0 ||
	    read_index(r, "last_index", &c->last) < 0)
		return -1;
	c->evidence = (enum charge_evidence)evidence;
	return 0;
}

/* Of a line that was written before lines named any: none. */
static int
read_owners(const struct reader *r, struct charge *c)
{
	const struct tally_json *list = tally_json_get(r->line, "owner");
	size_t n = list && tally_json_type(list) == TALLY_JSON_ARRAY ? tally_json_count(list) : 0;
	struct charge_owner *owners;

	if (list && (tally_json_type(list) != TALLY_JSON_ARRAY || n > CHARGE_OWNERS))
		return refuse(r, "owner", "is no list of entries");
	if (n == 0)
		return 0;
	owners = tally_arena_alloc(r->c->owners, n * sizeof(*owners));
	for (size_t i = 0; i < n; i++) {
		struct reader of = { r->c, tally_json_at(list, i), r->number, r->err };

		if (tally_json_type(of.line) != TALLY_JSON_OBJECT)
			return refuse(r, "owner", "is no list of entries");
		if (read_text(&of, "origin", &owners[i].origin) < 0 ||
		    read_index(&of, "index", &owners[i].index) < 0)
			return -1;
	}
	c->owners = owners;
	c->n_owners = (uint32_t)n;
	return 0;
}

static int
read_line(const struct reader *r, struct charge *c)
{
	static const char *const kinds[] = { "usage", "minimum", "rounding", NULL };
	uint64_t revision;
	int kind = 0, compared = 1;

	if (tally_json_type(r->line) != TALLY_JSON_OBJECT)
		return tally_err_set(r->err, TALLY_USE, "charges[%zu]: no line", r->number);
	if (read_same(r, "account", r->c->prices->account.id) < 0 ||
	    read_same(r, "currency", r->c->prices->currency) < 0 ||
	    read_name(r, "kind", kinds, &kind) < 0)
		return -1;
	c->kind = (enum charge_kind)kind;
	if (read_vm(r, c) < 0 || read_texts(r, c) < 0 || read_owners(r, c) < 0 ||
	    read_time(r, "billing_from", &c->billing_from) < 0 ||
	    read_time(r, "billing_to", &c->billing_to) < 0 ||
	    read_time(r, "charge_from", &c->from) < 0 || read_time(r, "charge_to", &c->to) < 0 ||
	    read_decimal(r, "billed", &c->billed) < 0 || read_decimal(r, "cost", &c->cost) < 0 ||
	    read_index(r, "revision", &revision) < 0)
		return -1;
	if (revision > UINT32_MAX - 1)
		return refuse(r, "revision", "is too high");
	c->revision = (uint32_t)revision;
	if (c->kind != CHARGE_USAGE)
		return 0;
	if (read_decimal(r, "quantity", &c->quantity) < 0 ||
	    read_decimal(r, "consumed_quantity", &c->consumed) < 0 ||
	    read_decimal(r, "price", &c->price) < 0)
		return -1;
	if (c->price.scale > PRICE_DECIMALS || c->price.digits < 0 ||
	    !decimal_cmp(&compared, c->price, decimal_of(PRICE_LARGEST, 0)) || compared > 0)
		return refuse(r, "price", "is none of a price list");
	return 0;
}

/* Now and then, sort by sort. */
struct sorted {
	const struct charges *list;
	const struct charge *line;
	bool old;
};

static int
compare_sorted(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;
	int c = charge_compare(a->list, a->line, b->line);

	if (c)
		return c;
	/* What is known now stands for its sort, or else the newest that was billed. */
	if (a->old != b->old)
		return a->old ? 1 : -1;
	if (a->line->revision != b->line->revision)
		return a->line->revision > b->line->revision ? -1 : 1;
	return a->line->first < b->line->first ? -1 : a->line->first > b->line->first;
}

static bool
add(struct decimal *sum, struct decimal d, bool minus)
{
	return minus ? decimal_sub(sum, *sum, d) : decimal_add(sum, *sum, d);
}

/* What lacks to a sort of lines, [first, end); `out` gets a line, or none. */
static bool
correct_sort(struct charges *out, const struct sorted *first, const struct sorted *end,
	     uint32_t revision)
{
	struct charge lacks = *first->line;
	struct tally_buf id = TALLY_BUF_INIT;

	lacks.quantity = lacks.consumed = lacks.cost = lacks.billed = decimal_of(0, 0);
	for (const struct sorted *s = first; s < end; s++)
		if (!add(&lacks.quantity, s->line->quantity, s->old) ||
		    !add(&lacks.consumed, s->line->consumed, s->old) ||
		    !add(&lacks.cost, s->line->cost, s->old) ||
		    !add(&lacks.billed, s->line->billed, s->old))
			return false;
	if (lacks.quantity.digits == 0 && lacks.consumed.digits == 0 && lacks.cost.digits == 0 &&
	    lacks.billed.digits == 0)
		return true;
	lacks.revision = revision;
	tally_buf_add_bytes(&id, strings_get(out->strings, first->line->invoice));
	/* That of an earlier correction bears its number behind this one's name. */
	if (first->line->revision) {
		while (id.len > 0 && id.p[id.len - 1] != '-')
			id.len--;
		id.len -= id.len > 0;
	}
	tally_buf_addf(&id, "-R%u", (unsigned)revision);
	lacks.invoice = strings_add(out->strings, tally_buf_view(&id));
	tally_buf_deinit(&id);
	*charge_add(out) = lacks;
	return true;
}

static int
correct(struct charges *out, const struct charges *now, size_t n_old, uint32_t revision)
{
	size_t n = n_old + now->n;
	struct sorted *all = tally_alloc((n + 1) * sizeof(*all));
	struct charge *old = tally_realloc_array(NULL, n_old + 1, sizeof(*old));
	bool ok = true;

	/* `out` grows below; what it held is read from a copy. */
	if (n_old > 0)
		memcpy(old, out->p, n_old * sizeof(*old));
	for (size_t i = 0; i < n; i++)
		all[i] =
			(struct sorted){ now, i < n_old ? &old[i] : &now->p[i - n_old], i < n_old };
	if (n > 1)
		qsort(all, n, sizeof(*all), compare_sorted);
	for (size_t i = 0, end; ok && i < n; i = end) {
		for (end = i + 1; end < n && charge_compare(now, all[i].line, all[end].line) == 0;)
			end++;
		ok = correct_sort(out, &all[i], &all[end], revision);
	}
	free(old);
	free(all);
	return ok ? 0 : -1;
}

int
charges_correct(struct charges *c, const struct tally_json *old, struct tally_err *err)
{
	struct charges both = { .strings = c->strings, .prices = c->prices };
	uint32_t revision = 0;
	struct invoice *invoices = NULL;
	size_t n_old, n;

	if (!old || tally_json_type(old) != TALLY_JSON_ARRAY)
		return tally_err_set(err, TALLY_USE, "no 'charges' in the earlier report");
	if (!c->owners)
		c->owners = tally_arena_new(4096);
	both.owners = c->owners;
	n_old = tally_json_count(old);
	for (size_t i = 0; i < n_old; i++) {
		struct reader r = { &both, tally_json_at(old, i), i, err };
		struct charge *line = charge_add(&both);

		if (read_line(&r, line) < 0) {
			free(both.p);
			return -1;
		}
		if (line->revision > revision)
			revision = line->revision;
	}
	if (correct(&both, c, n_old, revision + 1) < 0) {
		free(both.p);
		return tally_err_set(err, TALLY_USE,
				     "%s: a correction is more than exact money holds",
				     c->prices->file);
	}
	free(c->p);
	c->p = both.p;
	c->n = both.n;
	c->cap = both.cap;
	charge_sort(c);
	if (charges_invoices(c, &invoices, &n, err) < 0)
		return -1;
	free(invoices);
	return 0;
}
