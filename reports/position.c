/* SPDX-License-Identifier: Apache-2.0 */
/* From rules and an estate to positions: each rule, for each product that occurs,
 * at each scope. */
#include <stdlib.h>
#include <string.h>
#include "position_internal.h"
#include "tally/err.h"

void
positions_deinit(struct positions *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->p[i].because);
		free(list->p[i].excluded);
		free(list->p[i].unresolved);
		free(list->p[i].choices);
	}
	free(list->p);
	memset(list, 0, sizeof(*list));
}

static uint32_t
add_text(const struct estate *e, const char *text)
{
	return strings_add(e->strings, tally_bytes_str(text));
}

static bool
scope_asked(const struct rule *r, enum scope scope)
{
	switch (scope) {
	case SCOPE_HOST:
		return r->scopes & RULE_HOST;
	case SCOPE_CLUSTER:
		return r->scopes & RULE_CLUSTER;
	case SCOPE_REGION:
		return r->scopes & RULE_REGION;
	default:
		return r->scopes & RULE_FLEET;
	}
}

static struct position *
take_position(struct positions *out, struct position_case *c, const struct meter_node *n)
{
	const struct rule *r = c->versions[c->n_versions - 1];
	uint8_t key[16] = { 0 };
	struct position *p;
	void **place;

	tally_put_u32(key, n->scope);
	tally_put_u32(key + 4, n->id);
	place = map_place(&c->places, key);
	if (*place)
		return &out->p[(size_t)(uintptr_t)*place - 1];
	*place = (void *)(uintptr_t)(out->n + 1);
	out->p = array_grow(out->p, &out->cap, out->n, sizeof(*out->p));
	p = &out->p[out->n++];
	*p = (struct position){ .applied = r,
				.rule = c->rule,
				.product = c->product,
				.scope = n->scope,
				.id = n->id,
				.unit = add_text(out->estate, r->unit),
				.need.measured = -1,
				.at = INT64_MIN };
	return p;
}

/* Another window takes a position over. */
static void
give_up(const struct position_case *c, size_t position)
{
	for (size_t i = 0; i < c->n_windows; i++)
		for (size_t k = 0; c->windows[i].position && k < c->windows[i].meter.n_nodes; k++)
			if (c->windows[i].position[k] == position)
				c->windows[i].position[k] = 0;
}

/* Each reading is that of the window where it is largest; who stood there is told
 * of the window where what was measured is, and what is not known also of that where
 * `high` is: of several the one where most was measured, or the first. */
static void
take_figures(struct positions *out, struct position_case *c, struct case_window *w)
{
	const struct rule *r = c->versions[c->n_versions - 1];

	TALLY_ASSERT(w->position);
	for (size_t i = 0; i < w->meter.n_nodes; i++) {
		const struct meter_node *n = &w->meter.nodes[i];
		struct position *p;

		if (n->part_of != NO_NODE || !scope_asked(r, n->scope) ||
		    (!n->known && n->peak[HIGH] == 0))
			continue;
		p = take_position(out, c, n);
		if (n->peak[LOW] > p->need.low)
			p->need.low = n->peak[LOW];
		w->asked[i] = (size_t)(p - out->p) + 1;
		if (n->peak[HIGH] > p->need.high ||
		    (n->peak[HIGH] == p->need.high && n->peak[MEASURED] > p->need.measured)) {
			p->need.high = n->peak[HIGH];
			p->high_from = w->from;
		}
		if (n->peak[MEASURED] <= p->need.measured)
			continue;
		p->need.measured = n->peak[MEASURED];
		p->order = n->order_top;
		p->at = n->peak_at[MEASURED];
		p->from = w->from;
		p->to = w->to;
		give_up(c, (size_t)(p - out->p) + 1);
		w->position[i] = (size_t)(p - out->p) + 1;
	}
}

static int
check_size(const struct position_case *c, struct tally_err *err)
{
	for (size_t i = 0; i < c->n_windows; i++) {
		const struct meter *m = &c->windows[i].meter;
		bool too_large = m->too_large;

		for (size_t k = 0; k < m->n_nodes; k++)
			too_large = too_large || m->nodes[k].too_large;
		if (too_large)
			return tally_err_set(err, TALLY_USE,
					     "%s:%u:%u: %s: a figure is too large to be a number",
					     c->pack->path, m->rule->place.line,
					     m->rule->place.column, m->rule->id);
	}
	return 0;
}

static int
take_case(struct positions *out, struct position_case *c, struct tally_err *err)
{
	c->first = c->end = out->n;
	if (check_size(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n_windows; i++)
		if (c->windows[i].n_pieces > 0)
			take_figures(out, c, &c->windows[i]);
	c->end = out->n;
	map_deinit(&c->places);
	position_editions(out, c);
	position_history(out, c);
	position_notes(c);
	return 0;
}

/* All versions of one rule, for one product, where it occurs. */
static int
add_case(struct position_cases *list, const struct positions_request *q,
	 const struct tally_pack *pack, const struct rule *versions, size_t n, const char *product,
	 const char *software, struct tally_err *err)
{
	struct position_case *c;
	bool occurs = false;

	list->p = array_grow(list->p, &list->cap, list->n, sizeof(*list->p));
	c = &list->p[list->n++];
	*c = (struct position_case){ .request = q,
				     .pack = pack,
				     .n_versions = n,
				     .rule = add_text(q->estate, versions[n - 1].id),
				     .product = add_text(q->estate, product),
				     .software = software };
	c->versions = tally_alloc(n * sizeof(struct rule *));
	c->counted = tally_alloc(n * sizeof(*c->counted));
	for (size_t i = 0; i < n; i++) {
		c->versions[i] = &versions[i];
		counted_init(&c->counted[i], q->estate, &versions[i], c->product, software,
			     q->rights);
		occurs = occurs || counted_occurs(&c->counted[i]);
	}
	if (occurs)
		return case_windows(c, err);
	case_deinit(c);
	list->n--;
	return 0;
}

/* For each product that the rule is asked for. */
static int
add_rule(struct position_cases *list, const struct positions_request *q,
	 const struct tally_pack *pack, const struct rule *versions, size_t n,
	 struct tally_err *err)
{
	const struct rule *newest = &versions[n - 1];

	if (newest->product)
		return add_case(list, q, pack, versions, n, newest->product, NULL, err);
	for (size_t i = 0; i < newest->software.count; i++) {
		const char *software = newest->software.items[i];

		if (add_case(list, q, pack, versions, n, software, software, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_pack(struct position_cases *list, const struct positions_request *q, const struct tally_pack *p,
	 struct tally_err *err)
{
	for (size_t k = 0, end; k < p->n_rules; k = end) {
		for (end = k + 1;
		     end < p->n_rules && strcmp(p->rules[end].id, p->rules[k].id) == 0;)
			end++;
		if (add_rule(list, q, p, &p->rules[k], end - k, err) < 0)
			return -1;
	}
	return 0;
}

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct position *x = a, *y = b;
	const struct strings *s = ctx;
	int c = tally_bytes_cmp(strings_get(s, x->rule), strings_get(s, y->rule));

	if (c == 0)
		c = tally_bytes_cmp(strings_get(s, x->product), strings_get(s, y->product));
	if (c == 0)
		c = strcmp(usage_scope_name(x->scope), usage_scope_name(y->scope));
	return c ? c : tally_bytes_cmp(strings_get(s, x->id), strings_get(s, y->id));
}

int
positions_make(struct positions *out, const struct positions_request *q, struct tally_err *err)
{
	struct position_cases list = { 0 };
	uint32_t why[COUNTED_WHYS] = { 0 };
	int rc = 0;

	TALLY_ASSERT(out->n == 0 && q->estate->finished);
	out->estate = q->estate;
	for (int i = WHY_NOT + 1; i < COUNTED_WHYS; i++)
		why[i] = add_text(q->estate, counted_why_text((enum counted_why)i));
	list.why = why;
	for (size_t i = 0; rc == 0 && i < q->n_packs; i++)
		rc = add_pack(&list, q, q->packs[i], err);
	if (rc == 0)
		cases_meter(&list);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		rc = take_case(out, &list.p[i], err);
	if (rc == 0) {
		cases_details(&list, out);
		if (out->n > 1)
			qsort_r(out->p, out->n, sizeof(*out->p), compare, q->estate->strings);
		positions_compare(out, q->rights);
	}
	for (size_t i = 0; i < list.n; i++)
		case_deinit(&list.p[i]);
	free(list.p);
	return rc;
}
