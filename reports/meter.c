/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and their parts. A change of a host goes into the host's own node and
 * those above it; a figure is made once an instant, of what changed. All parts
 * only ever grow by what counts, so low <= measured <= high holds for each node.
 */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "tally/err.h"

static uint32_t
make_node(struct meter *m, enum scope scope, uint32_t id, uint32_t host, uint32_t part_of)
{
	struct meter_node *n;
	uint8_t key[16];
	void **place;

	tally_put_u32(key, (uint32_t)scope);
	tally_put_u32(key + 4, id);
	tally_put_u32(key + 8, host);
	tally_put_u32(key + 12, part_of);
	place = map_place(&m->node_slots, key);
	if (*place)
		return (uint32_t)((uintptr_t)*place - 1);
	m->nodes = array_grow(m->nodes, &m->cap_nodes, m->n_nodes, sizeof(*m->nodes));
	n = &m->nodes[m->n_nodes];
	*n = (struct meter_node){
		.scope = scope, .id = id, .host = host, .part_of = part_of, .since = m->now
	};
	n->now = tally_alloc(READINGS * m->parts * 3 * sizeof(*n->now));
	n->top = n->now + READINGS * m->parts;
	n->sum = n->top + READINGS * m->parts;
	for (unsigned r = 0; r < READINGS; r++)
		n->peak_at[r] = INT64_MIN;
	*place = (void *)((uintptr_t)m->n_nodes + 1);
	return (uint32_t)m->n_nodes++;
}

uint32_t
meter_node(struct meter *m, enum scope scope, uint32_t id)
{
	return make_node(m, scope, id, NO_NODE, NO_NODE);
}

uint32_t
meter_part(struct meter *m, uint32_t host, uint32_t above)
{
	return make_node(m, SCOPE_HOST, m->estate->hosts[host].name, host, above);
}

static void
add_groups(struct metric_groups *g, const struct rule *r)
{
	if (r->kind != METRIC_PROCESSOR_FACTOR)
		return;
	metric_group(g, r->factor_default);
	for (size_t i = 0; i < r->n_factors; i++)
		metric_group(g, r->factors[i].hundredths);
}

void
meter_init(struct meter *m, const struct estate *e, const struct rule *const *rules, size_t n,
	   int64_t from, int64_t to)
{
	memset(m, 0, sizeof(*m));
	m->estate = e;
	m->rule = rules[n - 1];
	m->from = m->now = from;
	m->to = to;
	for (size_t i = 0; i < n; i++)
		add_groups(&m->groups, rules[i]);
	m->parts = metric_parts(m->rule, &m->groups);
	m->scratch = tally_alloc(2 * READINGS * (m->parts + 1) * sizeof(*m->scratch));
	m->hosts = tally_alloc((e->n_hosts + 1) * sizeof(*m->hosts));
	m->changed = tally_alloc((e->n_hosts + 1) * sizeof(*m->changed));
	m->fleet = meter_node(m, SCOPE_FLEET, strings_add(e->strings, tally_bytes_str("fleet")));
	m->nodes[m->fleet].known = true;
	for (size_t i = 0; i < e->n_hosts; i++) {
		m->hosts[i].node = meter_node(m, SCOPE_HOST, e->hosts[i].name);
		m->hosts[i].cluster = m->hosts[i].region = NO_NODE;
		m->hosts[i].part[0] = m->hosts[i].part[1] = NO_NODE;
	}
}

void
meter_deinit(struct meter *m)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		free(m->nodes[i].now);
	for (size_t i = 0; i < m->estate->n_hosts; i++)
		free(m->hosts[i].pins);
	free(m->steps);
	free(m->scratch);
	map_deinit(&m->node_slots);
	metric_groups_deinit(&m->groups);
	free(m->nodes);
	free(m->hosts);
	free(m->changed);
	free(m->dirty);
}

void
meter_change(struct meter *m, uint32_t host)
{
	if (m->hosts[host].changed)
		return;
	m->hosts[host].changed = true;
	m->changed[m->n_changed++] = host;
}

/* The sums up to now. */
void
meter_touch(struct meter *m, uint32_t node)
{
	struct meter_node *n = &m->nodes[node];

	if (m->rule->aggregation == AGG_TIME)
		for (size_t i = 0; i < READINGS * m->parts; i++)
			n->sum[i] += n->now[i] * (m->now - n->since);
	n->since = m->now;
	if (n->dirty)
		return;
	n->dirty = true;
	m->dirty = array_grow(m->dirty, &m->cap_dirty, m->n_dirty, sizeof(*m->dirty));
	m->dirty[m->n_dirty++] = node;
}

void
meter_add(struct meter *m, uint32_t node, const tally_i128 *parts, amount order, int factor)
{
	struct meter_node *n = &m->nodes[node];

	if (node == NO_NODE)
		return;
	meter_touch(m, node);
	for (size_t i = 0; i < READINGS * m->parts; i++)
		n->now[i] += parts[i] * factor;
	n->order += order * factor;
}

/* The parts of a host as it stands. */
static void
make_parts(struct meter *m, const struct meter_host *h, tally_i128 *parts)
{
	struct formula_host see = meter_see(m, h->facts);
	const struct meter_node *cluster = h->cluster == NO_NODE ? NULL : &m->nodes[h->cluster];
	bool together = cluster && cluster->id != 0, own = see.own;
	uint64_t vcpus = 0;

	if (m->rule->kind == METRIC_SUB_CAPACITY && own && !formula_cores(&vcpus, &see))
		m->too_large = true;
	for (unsigned r = meter_first(m); r < READINGS; r++) {
		const struct metric_guests *g = &h->guests[r];

		see.vms = m->rule->with_guests || metric_of_vms(m->rule) ? g->vms : 0;
		see.vcpus = g->vcpus + vcpus;
		see.own = own || (together && cluster->vms[r] > 0 &&
				  (m->rule->whole_cluster ||
				   (r == HIGH && m->rule->reach == REACH_CLUSTER)));
		see.pinned = r == LOW && m->breached && h->unpinned == 0 ? meter_pinned(m, h) : 0;
		if (!metric_host(&parts[r * m->parts], m->rule, &m->groups, &see, g->need,
				 r == LOW))
			m->too_large = true;
	}
	if (meter_first(m) != LOW)
		memcpy(parts, &parts[MEASURED * m->parts], m->parts * sizeof(*parts));
}

static bool
figure(struct meter *m, const struct meter_node *n, const tally_i128 *parts, unsigned reading,
       amount *out)
{
	*out = 0;
	if (metric_figure(out, m->rule, &m->groups, &parts[reading * m->parts],
			  n->scope == SCOPE_FLEET))
		return true;
	m->too_large = true;
	return false;
}

static void
add_step(struct meter *m, uint32_t host, tally_i128 need)
{
	const struct meter_host *h = &m->hosts[host];

	m->steps = array_grow(m->steps, &m->cap_steps, m->n_steps, sizeof(*m->steps));
	m->steps[m->n_steps++] = (struct meter_step){
		.at = m->now,
		.host = host,
		.cluster = h->cluster,
		.region = h->region,
		.need = need < UINT64_MAX ? (uint64_t)need : UINT64_MAX,
	};
}

/* Gives up what the host brought, and takes what it brings now. */
static void
renew_host(struct meter *m, uint32_t host)
{
	struct meter_host *h = &m->hosts[host];
	struct meter_node *n = &m->nodes[h->node];
	tally_i128 *parts = m->scratch, *was = parts + READINGS * m->parts;
	amount need, order = 0, old = h->order;
	uint32_t above[] = { h->cluster, h->region, m->fleet };

	make_parts(m, h, parts);
	memcpy(was, n->now, READINGS * m->parts * sizeof(*was));
	if (m->rule->low == LOW_TOKENS &&
	    (was[MEASURED * m->parts] != parts[MEASURED * m->parts] || h->moved))
		add_step(m, host, parts[MEASURED * m->parts]);
	h->moved = false;
	if (memcmp(was, parts, READINGS * m->parts * sizeof(*was)) != 0) {
		meter_add(m, h->node, was, old, -1);
		meter_add(m, h->node, parts, 0, 1);
		if (figure(m, n, parts, MEASURED, &need) &&
		    !formula_order_packs(&order, m->rule, need))
			m->too_large = true;
		n->order = h->order = order;
		for (size_t i = 0; i < READINGS * m->parts; i++)
			was[i] = parts[i] - was[i];
		for (size_t i = 0; i < 3; i++)
			meter_add(m, above[i], was, order - old, 1);
	}
}

static void
take_peak(struct meter *m, struct meter_node *n, int64_t at)
{
	amount is;

	if (n->vms[HIGH] > n->vms_top) {
		n->vms_top = n->vms[HIGH];
		n->vcpus_top = n->vcpus[HIGH];
	}
	for (unsigned r = meter_first(m); r < READINGS; r++) {
		if (!figure(m, n, n->now, r, &is))
			continue;
		n->figure[r] = is;
		if (is <= n->peak[r])
			continue;
		n->peak[r] = is;
		n->peak_at[r] = at;
		memcpy(&n->top[r * m->parts], &n->now[r * m->parts], m->parts * sizeof(*n->top));
		if (r == MEASURED)
			n->order_top = n->order;
	}
	if (meter_first(m) == LOW)
		return;
	n->figure[LOW] = n->figure[MEASURED];
	n->peak[LOW] = n->peak[MEASURED];
	n->peak_at[LOW] = n->peak_at[MEASURED];
	memcpy(n->top, &n->top[MEASURED * m->parts], m->parts * sizeof(*n->top));
}

/* The host's peak in where it stands now. */
static void
take_part(struct meter *m, uint32_t host, uint32_t part)
{
	const struct meter_host *h = &m->hosts[host];
	const struct meter_node *own = &m->nodes[h->node];
	struct meter_node *n = &m->nodes[part];

	for (unsigned r = 0; r < READINGS; r++) {
		if (own->figure[r] <= n->peak[r])
			continue;
		n->peak[r] = own->figure[r];
		n->peak_at[r] = m->now;
		memcpy(&n->top[r * m->parts], &own->now[r * m->parts], m->parts * sizeof(*n->top));
		if (r == MEASURED)
			n->order_top = own->order;
	}
}

static void
settled(void *ctx, int64_t from, int64_t to)
{
	struct meter *m = ctx;

	m->now = from;
	(void)to;
	for (size_t i = 0; i < m->n_changed; i++)
		renew_host(m, m->changed[i]);
	for (size_t i = 0; i < m->n_dirty; i++) {
		struct meter_node *n = &m->nodes[m->dirty[i]];

		n->dirty = false;
		if (m->rule->aggregation != AGG_TIME)
			take_peak(m, n, from);
	}
	for (size_t i = 0; i < m->n_changed; i++) {
		for (unsigned k = 0; k < 2 && m->rule->aggregation == AGG_HOST_PEAKS; k++)
			take_part(m, m->changed[i], m->hosts[m->changed[i]].part[k]);
		m->hosts[m->changed[i]].changed = false;
	}
	m->n_changed = m->n_dirty = 0;
}

static bool
wanted(void *ctx, const struct stay *s)
{
	const struct counted *c = ((const struct meter *)ctx)->counted;

	return c->classes[s->claims] != COUNTED_NOT && counted_stay(c, s) != 0;
}

static void
on_begin(void *ctx, uint32_t stay)
{
	meter_begin(ctx, stay);
}

static void
on_end(void *ctx, uint32_t stay)
{
	meter_end(ctx, stay);
}

static void
on_facts(void *ctx, const struct host_facts *f)
{
	meter_facts(ctx, f);
}

/* The next version begins with nothing standing; what it found stays. */
static void
clear(struct meter *m, int64_t at)
{
	m->now = at;
	for (uint32_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		meter_touch(m, i);
		n->dirty = false;
		memset(n->now, 0, READINGS * m->parts * sizeof(*n->now));
		memset(n->figure, 0, sizeof(n->figure));
		memset(n->vms, 0, sizeof(n->vms));
		memset(n->vcpus, 0, sizeof(n->vcpus));
		n->order = 0;
	}
	for (size_t i = 0; i < m->estate->n_hosts; i++) {
		struct meter_host *h = &m->hosts[i];

		memset(h->guests, 0, sizeof(h->guests));
		h->n_pins = 0;
		h->unpinned = 0;
		h->order = 0;
		h->changed = false;
	}
	m->n_changed = m->n_dirty = 0;
}

void
meter_walk(struct meter *m, const struct counted *c, int64_t from, int64_t to)
{
	const struct estate_walk w = { m, wanted, on_begin, on_end, on_facts, settled };

	m->rule = c->rule;
	m->counted = c;
	m->now = from;
	estate_walk(m->estate, from, to, &w);
	clear(m, to);
}
