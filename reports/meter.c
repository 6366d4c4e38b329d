/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and their parts. A change of a host goes into the host's own node and
 * those above it; a figure is made once an instant, of what changed. All parts
 * only ever grow by what counts, so low <= measured <= high holds for each node at
 * an instant; what is made of several instants is put in order by meter_finish.c.
 */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "tally/err.h"

/* Whatever comes next may be a peak: nothing was figured by this version. */
static void
forget_seen(const struct meter *m, struct meter_node *n)
{
	for (size_t i = 0; i < READINGS * m->parts; i++)
		n->seen[i] = -1;
}

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
	*n = (struct meter_node){ .scope = scope, .id = id, .host = host, .part_of = part_of };
	n->now = tally_alloc(READINGS * m->parts * 4 * sizeof(*n->now));
	n->seen = n->now + READINGS * m->parts;
	n->top = n->seen + READINGS * m->parts;
	n->sum = n->top + READINGS * m->parts;
	for (unsigned r = 0; r < READINGS; r++)
		n->peak_at[r] = INT64_MIN;
	forget_seen(m, n);
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
	if (!m->parted)
		return NO_NODE;
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
	m->aggregation = m->rule->aggregation;
	m->parted = m->aggregation == AGG_HOST_PEAKS;
	m->by_vm = m->aggregation == AGG_DISTINCT;
	for (size_t i = 0; i < n; i++) {
		add_groups(&m->groups, rules[i]);
		m->orders = m->orders || rules[i]->order_per_host;
		m->parted = m->parted || rules[i]->low == LOW_TOKENS;
		m->by_vm = m->by_vm || rules[i]->time_min > 0 || rules[i]->time_step > 0;
	}
	m->parts = metric_parts(m->rule, &m->groups);
	m->scratch = tally_alloc(2 * READINGS * (m->parts + 1) * sizeof(*m->scratch));
	m->hosts = tally_alloc((e->n_hosts + 1) * sizeof(*m->hosts));
	m->changed = tally_alloc((e->n_hosts + 1) * sizeof(*m->changed));
	m->places = tally_realloc_array(NULL, e->n_facts + 1, sizeof(*m->places));
	memset(m->places, 0xff, (e->n_facts + 1) * sizeof(*m->places)); /* NO_NODE */
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
	free(m->places);
	free(m->scratch);
	map_deinit(&m->node_slots);
	map_deinit(&m->lines);
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

void
meter_touch(struct meter *m, uint32_t node)
{
	struct meter_node *n = &m->nodes[node];

	if (n->dirty)
		return;
	n->dirty = true;
	m->dirty = array_grow(m->dirty, &m->cap_dirty, m->n_dirty, sizeof(*m->dirty));
	m->dirty[m->n_dirty++] = node;
}

/* Of a sum over time it is known at once what the change makes of it up to the end. */
void
meter_add(struct meter *m, uint32_t node, const tally_i128 *parts, amount order, int factor)
{
	struct meter_node *n = &m->nodes[node];

	if (node == NO_NODE || (m->aggregation == AGG_HOST_PEAKS && n->scope != SCOPE_HOST))
		return;
	n->order += order * factor;
	if (m->aggregation != AGG_TIME)
		meter_touch(m, node);
	for (size_t i = meter_first(m) * m->parts; i < READINGS * m->parts; i++) {
		n->now[i] += parts[i] * factor;
		if (m->aggregation == AGG_TIME)
			n->sum[i] += parts[i] * factor * (m->end - m->now);
	}
}

/* The parts of a host as it stands. */
static void
make_parts(struct meter *m, const struct meter_host *h, tally_i128 *parts)
{
	struct formula_host see = h->see;
	const struct meter_node *cluster = h->cluster == NO_NODE ? NULL : &m->nodes[h->cluster];
	bool together = cluster && cluster->id != 0, own = see.own;
	bool guests = m->rule->with_guests || metric_of_vms(m->rule);
	uint64_t vcpus = 0;

	if (m->rule->kind == METRIC_SUB_CAPACITY && own && !formula_cores(&vcpus, &see))
		m->too_large = true;
	for (unsigned r = meter_first(m); r < READINGS; r++) {
		const struct metric_guests *g = &h->guests[r];

		see.vms = guests ? g->vms : 0;
		see.vcpus = g->vcpus + vcpus;
		see.own = own || (together && cluster->vms[r] > 0 &&
				  (m->rule->whole_cluster ||
				   (r == HIGH && m->rule->reach == REACH_CLUSTER)));
		see.pinned = r == LOW && m->breached && h->unpinned == 0 ? h->n_pins : 0;
		if (!metric_host(&parts[r * m->parts], m->rule, &m->groups, &see, g->need,
				 r == LOW))
			m->too_large = true;
	}
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
	uint64_t set;

	if (!formula_host_need(&set, m->rule, &h->see)) {
		m->too_large = true;
		return;
	}
	m->steps = array_grow(m->steps, &m->cap_steps, m->n_steps, sizeof(*m->steps));
	m->steps[m->n_steps++] = (struct meter_step){
		.at = m->now,
		.host = host,
		.cluster = h->cluster,
		.region = h->region,
		.need = need < UINT64_MAX ? (uint64_t)need : UINT64_MAX,
		.set = set,
	};
}

/* What the host brings to who adds whole packs of each host. */
static amount
make_order(struct meter *m, struct meter_host *h)
{
	struct meter_node *n = &m->nodes[h->node];
	amount need, was = h->order;

	if (!m->orders || !figure(m, n, n->now, MEASURED, &need) || need == h->need)
		return 0;
	h->need = need;
	if (!formula_order_packs(&h->order, m->rule, need))
		m->too_large = true;
	n->order = h->order;
	return h->order - was;
}

/* What the host brings more than it did, or less. */
static void
renew_host(struct meter *m, uint32_t host)
{
	struct meter_host *h = &m->hosts[host];
	const struct meter_node *n = &m->nodes[h->node];
	tally_i128 *parts = m->scratch, *more = parts + READINGS * m->parts;
	uint32_t above[] = { h->cluster, h->region, m->fleet };
	bool changes = false;
	amount order;

	make_parts(m, h, parts);
	for (size_t i = meter_first(m) * m->parts; i < READINGS * m->parts; i++) {
		more[i] = parts[i] - n->now[i];
		changes = changes || more[i] != 0;
	}
	if (m->rule->low == LOW_TOKENS && (more[MEASURED * m->parts] != 0 || h->moved))
		add_step(m, host, parts[MEASURED * m->parts]);
	h->moved = false;
	if (!changes)
		return;
	meter_add(m, h->node, more, 0, 1);
	order = make_order(m, h);
	for (size_t i = 0; i < 3; i++)
		meter_add(m, above[i], more, order, 1);
}

/* Whether a figure of these parts can be more than the node's peak. */
static bool
may_pass(const struct meter *m, const struct meter_node *n, const tally_i128 *parts, unsigned r)
{
	for (size_t i = r * m->parts; i < (r + 1) * m->parts; i++)
		if (parts[i] > n->seen[i])
			return true;
	return false;
}

/* Whether `is`, the figure of these parts, is a peak. Of figures that are alike that of
 * more parts is, where they are only rounded when all hosts are added. */
static bool
passes(const struct meter *m, const struct meter_node *n, const tally_i128 *parts, unsigned r,
       amount is)
{
	if (is != n->peak[r] || is == 0 || m->aggregation != AGG_HOST_PEAKS)
		return is > n->peak[r];
	return metric_more(m->rule, &m->groups, &parts[r * m->parts], &n->top[r * m->parts]);
}

/* What `from` is now, as the peak of `n`, where it is one. */
static void
take_peak(struct meter *m, struct meter_node *n, const struct meter_node *from)
{
	size_t size = m->parts * sizeof(*n->top);
	amount is;

	for (unsigned r = meter_first(m); r < READINGS; r++) {
		size_t at = r * m->parts;

		if (!may_pass(m, n, from->now, r) || !figure(m, n, from->now, r, &is))
			continue;
		memcpy(&n->seen[at], &from->now[at], size);
		if (!passes(m, n, from->now, r, is))
			continue;
		n->peak[r] = is;
		n->peak_at[r] = m->now;
		memcpy(&n->top[at], &from->now[at], size);
		if (r == MEASURED)
			n->order_top = from->order;
	}
}

static void
settle_node(struct meter *m, struct meter_node *n)
{
	n->dirty = false;
	if (n->vms[HIGH] > n->vms_top) {
		n->vms_top = n->vms[HIGH];
		n->vcpus_top = n->vcpus[HIGH];
	}
	if (n->scope == SCOPE_HOST || m->aggregation != AGG_HOST_PEAKS)
		take_peak(m, n, n);
}

static void
on_settled(void *ctx, int64_t at)
{
	struct meter *m = ((const struct meter_span *)ctx)->meter;

	m->now = at;
	for (size_t i = 0; i < m->n_changed; i++)
		renew_host(m, m->changed[i]);
	for (size_t i = 0; i < m->n_dirty; i++)
		settle_node(m, &m->nodes[m->dirty[i]]);
	for (size_t i = 0; i < m->n_changed; i++) {
		const struct meter_host *h = &m->hosts[m->changed[i]];

		/* The host's peak in where it stands now. */
		for (unsigned k = 0; k < 2 && m->aggregation == AGG_HOST_PEAKS; k++)
			take_peak(m, &m->nodes[h->part[k]], &m->nodes[h->node]);
		m->hosts[m->changed[i]].changed = false;
	}
	m->n_changed = m->n_dirty = 0;
}

static bool
on_begin(void *ctx, uint32_t stay)
{
	return meter_begin(((const struct meter_span *)ctx)->meter, stay);
}

static bool
on_end(void *ctx, uint32_t stay)
{
	return meter_end(((const struct meter_span *)ctx)->meter, stay);
}

static void
on_facts(void *ctx, const struct host_facts *f)
{
	meter_facts(((const struct meter_span *)ctx)->meter, f);
}

static void
on_enter(void *ctx, int64_t at)
{
	const struct meter_span *span = ctx;
	struct meter *m = span->meter;

	m->rule = span->counted->rule;
	m->counted = span->counted;
	m->now = at;
	m->end = span->to;
}

/* The next version begins with nothing standing; what was found stays. */
static void
on_leave(void *ctx, int64_t at)
{
	struct meter *m = ((const struct meter_span *)ctx)->meter;

	m->now = at;
	for (uint32_t i = 0; i < m->n_nodes; i++) {
		struct meter_node *n = &m->nodes[i];

		n->dirty = false;
		memset(n->now, 0, READINGS * m->parts * sizeof(*n->now));
		memset(n->vms, 0, sizeof(n->vms));
		memset(n->vcpus, 0, sizeof(n->vcpus));
		n->order = 0;
		forget_seen(m, n);
	}
	for (size_t i = 0; i < m->estate->n_hosts; i++) {
		struct meter_host *h = &m->hosts[i];

		memset(h->guests, 0, sizeof(h->guests));
		h->n_pins = 0;
		h->unpinned = 0;
		h->need = h->order = 0;
		h->changed = false;
	}
	m->n_changed = m->n_dirty = 0;
}

void
meter_walk(const struct estate *e, const struct meter_span *spans, size_t n)
{
	struct estate_walker *walkers = tally_realloc_array(NULL, n + 1, sizeof(*walkers));

	for (size_t i = 0; i < n; i++)
		walkers[i] = (struct estate_walker){
			.ctx = (void *)(uintptr_t)&spans[i],
			.from = spans[i].from,
			.to = spans[i].to,
			.lane = spans[i].lane,
			.claims = spans[i].counted->classes,
			.enter = on_enter,
			.leave = on_leave,
			.begin = on_begin,
			.end = on_end,
			.facts = on_facts,
			.settled = on_settled,
		};
	estate_walk(e, walkers, n);
	free(walkers);
}
