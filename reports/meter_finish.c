/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walk cannot know before its end: sums of the hosts' own peaks, what
 * each host of a cluster would need in the worst case, regions' sums, time, and
 * how few licences would have done.
 */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "tally/err.h"
#include "tokens.h"

static void
make_figure(struct meter *m, struct meter_node *n, const tally_i128 *parts, unsigned r)
{
	if (!metric_figure(&n->peak[r], m->rule, &m->groups, &parts[r * m->parts],
			   n->scope == SCOPE_FLEET))
		m->too_large = true;
}

/* Where nothing made it another figure, `low` is what was measured. */
static void
follow(struct meter *m)
{
	size_t size = m->parts * sizeof(tally_i128);

	for (size_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		n->peak[LOW] = n->peak[MEASURED];
		n->peak_at[LOW] = n->peak_at[MEASURED];
		memcpy(n->top, &n->top[MEASURED * m->parts], size);
		memcpy(n->sum, &n->sum[MEASURED * m->parts], size);
	}
}

static void
finish_time(struct meter *m)
{
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		for (unsigned r = 0; r < READINGS; r++) {
			make_figure(m, n, n->sum, r);
			n->peak_at[r] = n->peak[r] > 0 ? m->from : INT64_MIN;
		}
		if (!formula_order_packs(&n->order_top, m->rule, n->peak[MEASURED]))
			m->too_large = true;
	}
}

static void
take_worst(struct meter *m, uint32_t node, amount worst, const tally_i128 *parts)
{
	struct meter_node *n;

	if (node == NO_NODE)
		return;
	n = &m->nodes[node];
	if (worst < n->peak[HIGH] ||
	    !metric_more(m->rule, &m->groups, parts, &n->top[HIGH * m->parts]))
		return;
	n->peak[HIGH] = worst;
	memcpy(&n->top[HIGH * m->parts], parts, m->parts * sizeof(*parts));
}

/* The host as if its whole cluster stood on it; the larger of that and what it is. */
static void
reach_host(struct meter *m, uint32_t host, const struct host_facts *f)
{
	uint32_t cluster = meter_node(m, SCOPE_CLUSTER, f->cluster);
	uint32_t region = meter_node(m, SCOPE_REGION, f->region);
	uint32_t nodes[] = { m->hosts[host].node, meter_part(m, host, cluster),
			     meter_part(m, host, region) };
	const struct meter_node *c = &m->nodes[cluster];
	struct formula_host see = meter_see(m, f);
	tally_i128 *parts;
	amount worst;

	see.vms = c->vms_top;
	see.vcpus = c->vcpus_top;
	if (f->cluster == 0 || see.vms == 0)
		return;
	parts = tally_alloc(m->parts * sizeof(*parts));
	if (!metric_host(parts, m->rule, &m->groups, &see, see.vcpus, false) ||
	    !metric_figure(&worst, m->rule, &m->groups, parts, false))
		m->too_large = true;
	else
		for (size_t k = 0; k < 3; k++)
			take_worst(m, nodes[k], worst, parts);
	free(parts);
}

static void
reach_worst(struct meter *m)
{
	const struct estate *e = m->estate;

	for (size_t i = 0; i < e->n_facts; i++) {
		const struct host_facts *f = &e->facts[i];

		if (f->known && f->from < m->to && f->to > m->from)
			reach_host(m, f->host, f);
	}
}

static void
add_host(struct meter *m, struct meter_node *to, const struct meter_node *host)
{
	for (size_t i = 0; i < READINGS * m->parts; i++)
		to->top[i] += host->top[i];
	to->order_top += host->order_top;
	/* The sum was reached when the last of them came to its own peak. */
	for (unsigned r = 0; r < READINGS; r++)
		if (host->peak_at[r] > to->peak_at[r])
			to->peak_at[r] = host->peak_at[r];
}

static void
finish_hosts(struct meter *m)
{
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		if (n->scope == SCOPE_HOST)
			continue;
		memset(n->top, 0, READINGS * m->parts * sizeof(*n->top));
		n->order_top = 0;
		for (unsigned r = 0; r < READINGS; r++)
			n->peak_at[r] = INT64_MIN;
	}
	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct meter_node *n = &m->nodes[i];

		if (n->scope == SCOPE_HOST)
			add_host(m, &m->nodes[n->part_of == NO_NODE ? m->fleet : n->part_of], n);
	}
	for (size_t i = 0; i < m->n_nodes; i++)
		for (unsigned r = 0; r < READINGS && m->nodes[i].scope != SCOPE_HOST; r++)
			make_figure(m, &m->nodes[i], m->nodes[i].top, r);
}

/* Hosts' peaks lie at instants of their own in each reading, where a processor may be
 * another: then rounding the groups' sums may turn the order. Who has licences for
 * what was measured has enough for the best reading, and not too many for the worst. */
static void
put_in_order(struct meter *m)
{
	for (size_t i = 0; i < m->n_nodes; i++) {
		amount *peak = m->nodes[i].peak;

		if (peak[LOW] > peak[MEASURED])
			peak[LOW] = peak[MEASURED];
		if (peak[HIGH] < peak[MEASURED])
			peak[HIGH] = peak[MEASURED];
	}
}

static void
finish_regions(struct meter *m)
{
	struct meter_node *fleet = &m->nodes[m->fleet];

	memset(fleet->peak, 0, sizeof(fleet->peak));
	fleet->order_top = 0;
	for (unsigned r = 0; r < READINGS; r++)
		fleet->peak_at[r] = INT64_MIN;
	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct meter_node *n = &m->nodes[i];

		for (unsigned r = 0; r < READINGS && n->scope == SCOPE_REGION; r++) {
			fleet->peak[r] += n->peak[r];
			if (n->peak_at[r] > fleet->peak_at[r])
				fleet->peak_at[r] = n->peak_at[r];
		}
		if (n->scope == SCOPE_REGION)
			fleet->order_top += n->order_top;
	}
}

/* Whether a host's licences go round in the scope of a node then. */
static bool
belongs(const struct meter *m, const struct meter_step *s, uint32_t node)
{
	return node == m->fleet || s->cluster == node || s->region == node;
}

/* Whether a host was ever in it. */
static bool
stood_in(const struct meter *m, uint32_t host, uint32_t node)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		if (m->nodes[i].part_of == node && m->nodes[i].host == host)
			return true;
	return node == m->fleet;
}

static int
compare_failures(const void *a, const void *b)
{
	const struct token_failure *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What is assigned to hosts in the scope of a node; the caller's to free. */
static struct token_held *
held_in(const struct meter *m, uint32_t node, size_t *n)
{
	const struct counted_rights *rights = m->counted->rights;
	struct token_held *held = NULL;
	size_t count = rights && rights->held
			       ? rights->held(rights->ctx, m->rule, m->counted->product, &held)
			       : 0;

	*n = 0;
	for (size_t i = 0; i < count; i++)
		if (stood_in(m, held[i].host, node))
			held[(*n)++] = held[i];
	return held;
}

/* The demand in the scope of a node: of the hosts that are or were in it. */
static size_t
steps_in(const struct meter *m, uint32_t node, struct token_step *steps)
{
	bool *stands = tally_alloc(m->estate->n_hosts + 1);
	size_t n = 0;

	for (size_t i = 0; i < m->n_steps; i++) {
		const struct meter_step *s = &m->steps[i];
		bool in = belongs(m, s, node);

		if (!in && !stands[s->host])
			continue;
		stands[s->host] = in;
		steps[n++] = (struct token_step){ s->at, s->host, in ? s->need : 0, s->set };
	}
	free(stands);
	return n;
}

static size_t
failures_of(const struct meter *m, struct token_failure *failures)
{
	size_t n = 0;

	for (size_t i = 0; i < m->estate->n_failures; i++) {
		const struct host_failure *f = &m->estate->failures[i];

		if (f->at < m->to)
			failures[n++] = (struct token_failure){ f->at, f->host };
	}
	if (n > 1)
		qsort(failures, n, sizeof(*failures), compare_failures);
	return n;
}

/* A host alone needs what it needed at once, so only sums of hosts can be less. */
bool
meter_goes_round(const struct meter *m, uint32_t node)
{
	return m->rule->low == LOW_TOKENS && m->nodes[node].scope != SCOPE_HOST &&
	       m->nodes[node].peak[LOW] > 0;
}

void
meter_count_tokens(struct meter *m, uint32_t node)
{
	struct token_step *steps = tally_alloc((m->n_steps + 1) * sizeof(*steps));
	struct token_failure *failures =
		tally_alloc((m->estate->n_failures + 1) * sizeof(*failures));
	struct token_problem p = { .hosts = (uint32_t)m->estate->n_hosts,
				   .steps = steps,
				   .failures = failures,
				   .cooling = (int64_t)m->rule->move_days * 86400 * TALLY_SECOND };
	struct meter_node *n = &m->nodes[node];
	struct token_held *held = held_in(m, node, &p.n_held);
	struct token_answer answer;

	p.held = held;
	p.n_steps = steps_in(m, node, steps);
	p.n_failures = failures_of(m, failures);
	tokens_count(&answer, &p);
	if (answer.need == UINT64_MAX)
		n->too_large = true;
	else if ((amount)answer.need * AMOUNT_ONE < n->peak[LOW])
		n->peak[LOW] = (amount)answer.need * AMOUNT_ONE;
	free(held);
	free(steps);
	free(failures);
}

void
meter_finish(struct meter *m)
{
	if (m->by_vm)
		meter_vms_finish(m);
	if (meter_first(m) != LOW)
		follow(m);
	if (m->aggregation == AGG_TIME)
		finish_time(m);
	if (m->rule->reach == REACH_WORST)
		reach_worst(m);
	if (m->aggregation == AGG_HOST_PEAKS)
		finish_hosts(m);
	put_in_order(m);
	if (m->aggregation == AGG_REGION_PEAKS)
		finish_regions(m);
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		if (!m->rule->order_per_host &&
		    !formula_order_packs(&n->order_top, m->rule, n->peak[MEASURED]))
			m->too_large = true;
		if (n->scope == SCOPE_FLEET)
			n->order_top = formula_order_least(m->rule, n->order_top);
	}
}
