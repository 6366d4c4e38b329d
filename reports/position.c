/* SPDX-License-Identifier: Apache-2.0 */
/* From rules and an estate to positions: each rule, for each product that occurs,
 * at each scope. */
#include <stdlib.h>
#include <string.h>
#include "findings.h"
#include "position_internal.h"
#include "tally/err.h"

void
positions_deinit(struct positions *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->p[i].because);
		free(list->p[i].excluded);
		free(list->p[i].unresolved);
	}
	free(list->p);
	memset(list, 0, sizeof(*list));
}

struct position *
positions_find(const struct positions *list, uint32_t rule, uint32_t product, enum scope scope,
	       uint32_t id)
{
	for (size_t i = 0; i < list->n; i++) {
		struct position *p = &list->p[i];

		if (p->rule == rule && p->product == product && p->scope == scope && p->id == id)
			return p;
	}
	return NULL;
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
take_position(struct positions *out, const struct position_case *c, const struct meter_node *n,
	      size_t first)
{
	const struct rule *r = c->versions[c->n_versions - 1];
	struct position *p;

	for (size_t i = first; i < out->n; i++)
		if (out->p[i].scope == n->scope && out->p[i].id == n->id)
			return &out->p[i];
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
 * of the window where what was measured is. */
static void
take_figures(struct positions *out, const struct position_case *c, struct case_window *w,
	     size_t first)
{
	const struct rule *r = c->versions[c->n_versions - 1];

	TALLY_ASSERT(w->position);
	for (size_t i = 0; i < w->meter.n_nodes; i++) {
		const struct meter_node *n = &w->meter.nodes[i];
		struct position *p;

		if (n->part_of != NO_NODE || !scope_asked(r, n->scope) ||
		    (!n->known && n->peak[HIGH] == 0))
			continue;
		p = take_position(out, c, n, first);
		if (n->peak[LOW] > p->need.low)
			p->need.low = n->peak[LOW];
		if (n->peak[HIGH] > p->need.high)
			p->need.high = n->peak[HIGH];
		if (n->peak[MEASURED] <= p->need.measured)
			continue;
		p->need.measured = n->peak[MEASURED];
		p->order = n->order_top;
		p->at = n->peak_at[MEASURED];
		p->from = w->from;
		p->to = w->to;
		p->short_history =
			r->window == WINDOW_DAYS && c->request->estate->reached_from > w->from;
		give_up(c, (size_t)(p - out->p) + 1);
		w->position[i] = (size_t)(p - out->p) + 1;
	}
}

static int
meter_window(struct position_case *c, struct case_window *w, struct tally_err *err)
{
	const struct rule **rules = tally_alloc((w->n_pieces + 1) * sizeof(struct rule *));

	for (size_t i = 0; i < w->n_pieces; i++)
		rules[i] = w->pieces[i].rule;
	meter_init(&w->meter, c->request->estate, rules, w->n_pieces, w->from, w->to);
	free(rules);
	if (w->meter.rule->low == LOW_PINNED)
		w->meter.breached = w->breached = position_breaches(c, w);
	for (size_t i = 0; i < w->n_pieces; i++)
		meter_walk(&w->meter, &w->pieces[i].counted, w->pieces[i].from, w->pieces[i].to);
	meter_finish(&w->meter);
	w->position = tally_alloc((w->meter.n_nodes + 1) * sizeof(*w->position));
	if (w->meter.too_large)
		return tally_err_set(err, TALLY_USE,
				     "%s:%u:%u: %s: a figure is too large to be a number",
				     c->pack->path, w->meter.rule->place.line,
				     w->meter.rule->place.column, w->meter.rule->id);
	return 0;
}

/* No version holds in a part of what is looked at. */
static void
note_validity(const struct position_case *c)
{
	for (size_t i = 0; c->request->findings && i < c->n_windows; i++) {
		const struct case_window *w = &c->windows[i];
		int64_t covered = 0;
		struct finding *g;

		for (size_t k = 0; k < w->n_pieces; k++)
			covered += w->pieces[k].to - w->pieces[k].from;
		if (covered == w->to - w->from)
			continue;
		g = findings_count(c->request->findings, F_RULE_VALIDITY, FLEET, 1);
		g->ns += w->to - w->from - covered;
		if (finding_tells(g))
			finding_case(g, "%s", c->versions[0]->id);
		return;
	}
}

static void
note_history(const struct position_case *c)
{
	const struct rule *r = c->versions[c->n_versions - 1];
	struct finding *g;

	if (!c->request->findings || r->window != WINDOW_DAYS || c->n_windows == 0 ||
	    c->request->estate->reached_from <= c->windows[0].from)
		return;
	g = findings_count(c->request->findings, F_SHORT_HISTORY, FLEET, 1);
	if (finding_tells(g))
		finding_case(g, "%s", r->id);
}

/* Units by the populated sockets may be too few: the board may hold more. */
static void
note_sockets(const struct position_case *c)
{
	const struct estate *e = c->request->estate;

	if (!c->request->findings || c->versions[c->n_versions - 1]->kind != METRIC_SUB_CAPACITY)
		return;
	for (size_t h = 0; h < e->n_hosts; h++) {
		const struct host_facts *f = estate_facts(e, (uint32_t)h, e->to - 1);
		struct tally_bytes name = strings_get(e->strings, e->hosts[h].name);
		bool counted = false;
		struct finding *g;

		for (size_t i = 0; i < c->n_windows; i++)
			counted |= c->windows[i].n_pieces > 0 &&
				   c->windows[i].meter.nodes[c->windows[i].meter.hosts[h].node]
						   .peak[MEASURED] > 0;
		if (!counted || !f->known || f->max_sockets > 0)
			continue;
		g = findings_count(c->request->findings, F_PVU_MAX_SOCKETS, FLEET, 1);
		finding_entry(g, e->hosts[h].ledger, f->entry);
		if (finding_tells(g))
			finding_case(g, "%.*s", (int)name.len, (const char *)name.p);
	}
}

static bool
occurs(const struct position_case *c)
{
	bool yes = false;

	for (size_t i = 0; i < c->n_versions && !yes; i++) {
		struct counted k;

		counted_init(&k, c->request->estate, c->versions[i], c->product, c->software,
			     c->request->rights);
		yes = counted_occurs(&k);
		counted_deinit(&k);
	}
	return yes;
}

static int
run_case(struct positions *out, struct position_case *c, struct tally_err *err)
{
	size_t first = out->n;
	int rc;

	if (!occurs(c))
		return 0;
	rc = case_windows(c, err);
	for (size_t i = 0; rc == 0 && i < c->n_windows; i++) {
		if (c->windows[i].n_pieces == 0)
			continue;
		rc = meter_window(c, &c->windows[i], err);
		if (rc == 0)
			take_figures(out, c, &c->windows[i], first);
	}
	for (size_t i = 0; rc == 0 && i < c->n_windows; i++)
		if (c->windows[i].n_pieces > 0)
			position_details(out, c, &c->windows[i]);
	for (size_t i = first; i < out->n; i++)
		position_details_finish(out->estate, &out->p[i]);
	if (rc == 0) {
		note_validity(c);
		note_sockets(c);
		note_history(c);
	}
	case_deinit(c);
	return rc;
}

/* All versions of one rule, for each product that it is asked for. */
static int
run_rule(struct positions *out, const struct positions_request *q, const struct tally_pack *pack,
	 const struct rule *versions, size_t n, struct tally_err *err)
{
	const struct rule *newest = &versions[n - 1];
	const struct rule **list = tally_alloc(n * sizeof(struct rule *));
	struct position_case c = { .request = q, .pack = pack, .versions = list, .n_versions = n };
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		list[i] = &versions[i];
	c.rule = add_text(q->estate, newest->id);
	if (newest->product) {
		c.product = add_text(q->estate, newest->product);
		rc = run_case(out, &c, err);
	}
	for (size_t i = 0; !newest->product && i < newest->software.count && rc == 0; i++) {
		c.software = newest->software.items[i];
		c.product = add_text(q->estate, c.software);
		rc = run_case(out, &c, err);
	}
	free(list);
	return rc;
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

/* What packs can say and no estate is metered by. */
static int
check_rule(const struct tally_pack *p, const struct rule *r, struct tally_err *err)
{
	const char *what = NULL;

	if (r->aggregation == AGG_DISTINCT)
		what = "the aggregation 'distinct'";
	else if (r->time_min > 0 || r->time_step > 0)
		what = "a minimum or a step of each VM's time";
	if (!what)
		return 0;
	return tally_err_set(err, TALLY_USE,
			     "%s:%u:%u: %s: positions by %s are not there in this version", p->path,
			     r->place.line, r->place.column, r->id, what);
}

int
positions_make(struct positions *out, const struct positions_request *q, struct tally_err *err)
{
	TALLY_ASSERT(out->n == 0 && q->estate->finished);
	out->estate = q->estate;
	for (size_t i = 0; i < q->n_packs; i++) {
		const struct tally_pack *p = q->packs[i];

		for (size_t k = 0; k < p->n_rules; k++)
			if (check_rule(p, &p->rules[k], err) < 0)
				return -1;
		for (size_t k = 0, end; k < p->n_rules; k = end) {
			for (end = k + 1;
			     end < p->n_rules && strcmp(p->rules[end].id, p->rules[k].id) == 0;)
				end++;
			if (run_rule(out, q, p, &p->rules[k], end - k, err) < 0)
				return -1;
		}
	}
	if (out->n > 1)
		qsort_r(out->p, out->n, sizeof(*out->p), compare, q->estate->strings);
	positions_compare(out, q->rights);
	return 0;
}
