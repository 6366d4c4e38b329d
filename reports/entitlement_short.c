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
	amount bound;                       /* held for just this scope */
	amount placed;                      /* of a host: assigned to it, too */
	amount below;                       /* of use at narrower scopes */
	bool covered;                       /* a host that another rule's licences cover */
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
	int64_t at = match_instant(m, x->p);

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
	 const struct rule *rule, struct serving *serving)
{
	struct node x = { .p = p, .rule = rule };
	struct tally_bytes id = match_text(m, p->id);
	int64_t at = match_instant(m, p);

	if (p->scope == SCOPE_HOST || p->scope == SCOPE_CLUSTER)
		place_node(m, &x);
	match_serving(m, rule, match_text(m, p->product), serving);
	for (size_t i = 0; i < serving->n; i++) {
		const struct entitlement *e = &m->held->p[serving->p[i]];
		amount units = match_units(e, rule, at);

		if (e->scope == p->scope && tally_bytes_eq(tally_bytes_str(e->scope_id), id))
			x.bound += units;
		else if (p->scope == SCOPE_HOST &&
			 tally_bytes_eq(tally_bytes_str(e->assigned_host), id))
			x.placed += units;
	}
	x.placed += x.bound;
	list->p = array_grow(list->p, &list->cap, list->n, sizeof(*list->p));
	list->p[list->n++] = x;
}

/* A host that has by itself all that one rule asks for needs nothing of the others. */
static void
cover_hosts(struct nodes *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *x = &list->p[i];

		if (x->p->scope != SCOPE_HOST || x->p->need.measured == 0 ||
		    x->placed < x->p->need.measured)
			continue;
		for (size_t k = 0; k < list->n; k++)
			if (list->p[k].p->scope == SCOPE_HOST && list->p[k].p->id == x->p->id)
				list->p[k].covered = true;
	}
}

static amount
of_use(const struct node *x)
{
	amount sum = x->bound + x->below;

	return x->covered || sum > x->p->need.measured ? x->p->need.measured : sum;
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

	cover_hosts(list);
	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < list->n; i++) {
			const struct node *x = &list->p[i];
			struct node *y;

			if (x->p->scope == order[s] && (y = above(m, list, x)) != NULL)
				y->below += of_use(x);
		}
}

static void
add_amount(struct tally_buf *out, amount a)
{
	char text[64];

	/* Millionths, written as seconds are of nanoseconds. */
	tally_seconds_text(text, a * (TALLY_SECOND / AMOUNT_ONE));
	tally_buf_add_str(out, text);
}

/* A line where something is held and no rule's need is met. */
static size_t
judge(const struct entitlement_match *m, const struct nodes *list, struct tally_buf *out)
{
	const struct node *least = NULL;
	amount missing = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct node *x = &list->p[i];
		amount lack = x->p->need.measured - of_use(x);

		if (x->p->scope != SCOPE_FLEET || !x->p->has_entitled)
			continue;
		if (lack <= 0)
			return 0;
		if (!least || lack < missing) {
			least = x;
			missing = lack;
		}
	}
	if (!least)
		return 0;
	tally_printable(out, match_text(m, least->p->product));
	tally_buf_add_str(out, ": ");
	add_amount(out, missing);
	tally_buf_addf(out, " %s short (%s: ", least->rule->unit, least->rule->id);
	add_amount(out, least->p->need.measured);
	tally_buf_add_str(out, " needed, ");
	add_amount(out, of_use(least));
	tally_buf_add_str(out, " held for it)\n");
	return 1;
}

size_t
entitlements_short(const struct entitlement_match *m, struct tally_buf *out)
{
	const struct positions *all = m->positions;
	bool *done = tally_alloc(all->n + 1);
	const struct rule **rules = tally_alloc((all->n + 1) * sizeof(const struct rule *));
	struct serving serving = { 0 };
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
			add_node(m, &list, &all->p[k], rules[k], &serving);
		}
		add_up(m, &list);
		found += judge(m, &list, out);
	}
	free(list.p);
	free(serving.p);
	free(rules);
	free(done);
	return found;
}
