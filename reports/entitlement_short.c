/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is short over the fleet. What is bound to a host, a cluster or a region is of
 * use there up to what is needed there, and the rest of it nowhere; so what is of use
 * goes up from the hosts to the fleet, and is compared with the need at the top. One
 * lot of licences that serves several rules is as good as the best of them makes it.
 */
#include <stdlib.h>
#include <string.h>
#include "entitlement_match_internal.h"
#include "tally/csv.h"
#include "tally/err.h"

/* A position of one group and product. */
struct node {
	const struct position *p;
	const struct rule *rule;
	struct tally_bytes cluster, region; /* of a host or cluster */
	amount need;
	amount bound;      /* held for just this scope, or assigned to it */
	amount below;      /* of use at narrower scopes */
	amount lack_below; /* the most that one of these lacks */
	bool covered;      /* by one rule's own licences, of whichever rule */
};
struct nodes {
	struct node *p;
	size_t n, cap;
};

static const char *
group_of(const struct rule *rule)
{
	return rule->group ? rule->group : rule->id;
}

/* Ways to license one use: of one group, or served by one licence. */
static bool
alternatives(const struct entitlement_match *m, const struct rule *a, const struct rule *b,
	     struct tally_bytes product)
{
	if (strcmp(group_of(a), group_of(b)) == 0)
		return true;
	for (size_t i = 0; m->held && i < m->held->n; i++)
		if (entitlement_serves(&m->held->p[i], a, product) &&
		    entitlement_serves(&m->held->p[i], b, product))
			return true;
	return false;
}

static void
place_node(const struct entitlement_match *m, struct node *x)
{
	const struct estate *e = m->positions->estate;
	struct tally_bytes id = match_text(m, x->p->id);
	int64_t at = match_when(m, x->p);

	for (uint32_t h = 0; h < e->n_hosts; h++) {
		const struct host_facts *f = estate_facts(e, h, at);
		struct tally_bytes name =
			match_text(m, x->p->scope == SCOPE_HOST ? e->hosts[h].name : f->cluster);

		if (!tally_bytes_eq(name, id))
			continue;
		x->cluster = match_text(m, f->cluster);
		x->region = match_text(m, f->region);
		return;
	}
}

static void
add_node(const struct entitlement_match *m, struct nodes *list, const struct position *p,
	 const struct rule *rule)
{
	struct node x = { .p = p, .rule = rule, .need = p->need.measured };

	if (p->scope == SCOPE_HOST || p->scope == SCOPE_CLUSTER)
		place_node(m, &x);
	list->p = array_grow(list->p, &list->cap, list->n, sizeof(*list->p));
	list->p[list->n++] = x;
}

/* Units go to where they are bound: to the narrowest scope from there on that the rule
 * looks at; where that has no such position nothing needs them. */
static void
use_row(const struct entitlement_match *m, struct node *nodes, size_t n,
	const struct serving_row *r, int64_t at, amount units)
{
	static const enum scope order[] = { SCOPE_HOST, SCOPE_CLUSTER, SCOPE_REGION, SCOPE_FLEET };
	enum scope scope = r->e->assigned_host[0] != '\0' ? SCOPE_HOST : r->e->scope;
	struct entitlement_place place;
	bool within = false;

	match_place(m, r, at, &place);
	for (size_t s = 0; s < 4; s++) {
		const struct tally_bytes ids[] = { place.host, place.cluster, place.region,
						   tally_bytes_str("fleet") };
		bool looked_at = false;

		within = within || order[s] == scope;
		for (size_t i = 0; within && i < n; i++) {
			if (nodes[i].p->scope != order[s])
				continue;
			looked_at = true;
			if (!tally_bytes_eq(match_text(m, nodes[i].p->id), ids[s]))
				continue;
			nodes[i].bound += units;
			return;
		}
		if (looked_at)
			return;
	}
}

/* What is held of each rule at an instant; the nodes of one rule stand together. */
static void
use_rows(const struct entitlement_match *m, struct nodes *list, int64_t at)
{
	struct serving serving = { 0 };

	for (size_t i = 0, end; i < list->n; i = end) {
		const struct rule *rule = list->p[i].rule;

		for (end = i + 1; end < list->n && list->p[end].rule == rule;)
			end++;
		match_serving(m, rule, match_text(m, list->p[i].p->product), &serving);
		for (size_t k = 0; k < serving.n; k++)
			use_row(m, &list->p[i], end - i, &serving.p[k], at,
				match_units(&serving.p[k], rule, at));
	}
	free(serving.p);
}

static amount
of_use(const struct node *x)
{
	amount sum = x->bound + x->below;

	return x->covered || sum > x->need ? x->need : sum;
}

/* What is missing there, or at a narrower scope and not made up for by what is bound
 * to this one. Peaks of narrower scopes may lie apart: the largest counts. */
static amount
lack_of(const struct node *x)
{
	amount lack = x->need - of_use(x);

	if (x->covered)
		return 0;
	return x->lack_below - x->bound > lack ? x->lack_below - x->bound : lack;
}

/* What has by itself all that one rule asks for needs nothing of the others. */
static void
cover(struct nodes *list, enum scope scope)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *x = &list->p[i];

		if (x->p->scope != scope || x->need == 0 || lack_of(x) > 0)
			continue;
		for (size_t k = 0; k < list->n; k++)
			if (list->p[k].p->scope == scope && list->p[k].p->id == x->p->id)
				list->p[k].covered = true;
	}
}

/* The node of the narrowest scope around x that there is. */
static struct node *
above(const struct entitlement_match *m, struct nodes *list, const struct node *x)
{
	struct node *best = NULL;

	for (size_t i = 0; i < list->n; i++) {
		struct node *y = &list->p[i];
		struct tally_bytes id = match_text(m, y->p->id);
		bool around = false;

		if (y->rule != x->rule && strcmp(y->rule->id, x->rule->id) != 0)
			continue;
		if (y->p->scope == SCOPE_CLUSTER && x->p->scope == SCOPE_HOST)
			around = x->cluster.len > 0 && tally_bytes_eq(id, x->cluster);
		else if (y->p->scope == SCOPE_REGION &&
			 (x->p->scope == SCOPE_HOST || x->p->scope == SCOPE_CLUSTER))
			around = x->region.len > 0 && tally_bytes_eq(id, x->region);
		else if (y->p->scope == SCOPE_FLEET)
			around = x->p->scope != SCOPE_FLEET;
		if (around && (!best || y->p->scope == SCOPE_CLUSTER ||
			       (y->p->scope == SCOPE_REGION && best->p->scope == SCOPE_FLEET)))
			best = y;
	}
	return best;
}

static void
add_up(const struct entitlement_match *m, struct nodes *list)
{
	static const enum scope order[] = { SCOPE_HOST, SCOPE_CLUSTER, SCOPE_REGION };

	for (size_t s = 0; s < 3; s++) {
		cover(list, order[s]);
		for (size_t i = 0; i < list->n; i++) {
			const struct node *x = &list->p[i];
			struct node *y;

			if (x->p->scope != order[s] || (y = above(m, list, x)) == NULL)
				continue;
			y->below += of_use(x);
			if (lack_of(x) > y->lack_below)
				y->lack_below = lack_of(x);
		}
	}
}

static void
work_out(const struct entitlement_match *m, struct nodes *list, int64_t at)
{
	for (size_t k = 0; k < list->n; k++) {
		list->p[k].bound = list->p[k].below = list->p[k].lack_below = 0;
		list->p[k].covered = false;
	}
	use_rows(m, list, at);
	add_up(m, list);
}

static void
add_amount(struct tally_buf *out, amount a)
{
	char text[64];

	/* Millionths, written as seconds are of nanoseconds. */
	tally_seconds_text(text, a * (TALLY_SECOND / AMOUNT_ONE));
	tally_buf_add_str(out, text);
}

/* Where something is held and no rule's need is met: the one that lacks least. */
static const struct node *
judge(const struct nodes *list)
{
	const struct node *least = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct node *x = &list->p[i];

		if (x->p->scope != SCOPE_FLEET || !x->p->has_entitled)
			continue;
		if (lack_of(x) <= 0)
			return NULL;
		if (!least || lack_of(x) < lack_of(least))
			least = x;
	}
	return least;
}

static void
tell(const struct entitlement_match *m, const struct node *x, struct tally_buf *out)
{
	tally_printable(out, match_text(m, x->p->product));
	tally_buf_add_str(out, ": ");
	add_amount(out, lack_of(x));
	tally_buf_addf(out, " %s short (%s: ", x->rule->unit, x->rule->id);
	add_amount(out, x->p->need.measured);
	tally_buf_add_str(out, " needed, ");
	add_amount(out, x->p->need.measured - lack_of(x));
	tally_buf_add_str(out, " held for it)\n");
}

/* At each instant at which one of them has least over the fleet; the worst is told. */
static size_t
judge_group(const struct entitlement_match *m, struct nodes *list, struct tally_buf *out)
{
	struct node worst = { 0 };
	size_t found = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct position *p = list->p[i].p;
		const struct node *least;

		if (p->scope != SCOPE_FLEET || !p->has_entitled)
			continue;
		work_out(m, list, p->held_at);
		least = judge(list);
		if (!least || (found > 0 && lack_of(least) <= lack_of(&worst)))
			continue;
		worst = *least;
		found = 1;
	}
	if (found > 0)
		tell(m, &worst, out);
	return found;
}

size_t
entitlements_short(const struct entitlement_match *m, struct tally_buf *out)
{
	const struct positions *all = m->positions;
	bool *done = tally_alloc(all->n + 1);
	const struct rule **rules = tally_alloc((all->n + 1) * sizeof(const struct rule *));
	struct nodes list = { 0 };
	size_t found = 0;

	for (size_t i = 0; i < all->n; i++)
		rules[i] = match_rule(m, &all->p[i]);
	for (size_t i = 0; i < all->n; i++) {
		if (done[i] || !rules[i])
			continue;
		list.n = 0;
		for (size_t k = i; k < all->n; k++) {
			if (!rules[k] || all->p[k].product != all->p[i].product ||
			    !alternatives(m, rules[i], rules[k], match_text(m, all->p[i].product)))
				continue;
			done[k] = true;
			add_node(m, &list, &all->p[k], rules[k]);
		}
		found += judge_group(m, &list, out);
	}
	free(list.p);
	free(rules);
	free(done);
	return found;
}

static bool
is_bound(const struct serving *serving)
{
	for (size_t i = 0; i < serving->n; i++)
		if (serving->p[i].e->scope != SCOPE_FLEET ||
		    serving->p[i].e->assigned_host[0] != '\0')
			return true;
	return false;
}

/* What lacks of `measured`, then of `high`, at the positions whose least is held then. */
static void
take_lacks(const struct entitlement_match *m, struct nodes *list, int64_t at)
{
	for (unsigned high = 0; high < 2; high++) {
		for (size_t i = 0; i < list->n; i++)
			list->p[i].need =
				high ? list->p[i].p->need.high : list->p[i].p->need.measured;
		work_out(m, list, at);
		for (size_t i = 0; i < list->n; i++) {
			struct position *p = &m->positions->p[list->p[i].p - m->positions->p];
			amount *surplus = high ? &p->surplus.high : &p->surplus.measured;
			amount lack = lack_of(&list->p[i]);

			if (!p->has_entitled || p->held_at != at || p->scope == SCOPE_HOST)
				continue;
			if (lack > 0 && -lack < *surplus)
				*surplus = -lack;
			if (high && p->surplus.high > p->surplus.measured)
				p->surplus.high = p->surplus.measured;
		}
	}
}

void
entitlements_bound(const struct entitlement_match *m, const struct serving *serving, size_t first,
		   size_t end)
{
	const struct positions *all = m->positions;
	struct nodes list = { 0 };

	if (!is_bound(serving))
		return;
	for (size_t i = first; i < end; i++) {
		const struct rule *rule = match_rule(m, &all->p[i]);

		if (rule)
			add_node(m, &list, &all->p[i], rule);
	}
	for (size_t i = 0; i < list.n; i++) {
		bool done = list.p[i].p->scope == SCOPE_HOST || !list.p[i].p->has_entitled;

		for (size_t k = 0; k < i && !done; k++)
			done = list.p[k].p->scope != SCOPE_HOST && list.p[k].p->has_entitled &&
			       list.p[k].p->held_at == list.p[i].p->held_at;
		if (!done)
			take_lacks(m, &list, list.p[i].p->held_at);
	}
	free(list.p);
}
