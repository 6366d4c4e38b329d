/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a host: guests come and go, its facts change. */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "tally/err.h"

struct formula_host
meter_see(const struct meter *m, const struct host_facts *f)
{
	struct formula_host h = { 0 };

	if (!f || !f->known)
		return h;
	h.known = true;
	h.own = counted_host(m->counted, f);
	h.cores = f->cores;
	h.sockets = f->sockets;
	h.max_sockets = f->max_sockets;
	h.cpu = strings_get(m->estate->strings, f->cpu);
	h.partitioning = strings_get(m->estate->strings, f->partitioning);
	return h;
}

/* Distinct cores; guests on a host are few. */
uint64_t
meter_pinned(const struct meter *m, const struct meter_host *h)
{
	struct ids all = { 0 };
	uint64_t n;

	for (size_t i = 0; i < h->n_pins; i++) {
		const struct stay *s = &m->estate->stays[h->pins[i]];
		const struct ids *cores = &m->estate->sizes[s->size].cores;

		for (uint32_t k = 0; k < cores->n; k++)
			ids_add(&all, cores->p[k]);
	}
	n = all.n;
	ids_deinit(&all);
	return n;
}

/* All hosts of a cluster whose first guest came or whose last one went. */
static void
change_cluster(struct meter *m, uint32_t cluster)
{
	if (!m->rule->whole_cluster && m->rule->reach != REACH_CLUSTER)
		return;
	for (uint32_t i = 0; i < m->estate->n_hosts; i++)
		if (m->hosts[i].cluster == cluster)
			meter_change(m, i);
}

static void
count_in(struct meter *m, uint32_t node, unsigned reading, const struct metric_guests *g, int sign)
{
	struct meter_node *n = &m->nodes[node];
	uint64_t was;

	/* Nobody asks but these. */
	if (node == NO_NODE || (m->rule->reach == REACH_NONE && !m->rule->whole_cluster))
		return;
	was = n->vms[reading];
	n->vms[reading] += sign > 0 ? g->vms : -g->vms;
	n->vcpus[reading] += sign > 0 ? g->vcpus : -g->vcpus;
	meter_touch(m, node);
	if ((was == 0) != (n->vms[reading] == 0))
		change_cluster(m, node);
}

static bool
lawfully_pinned(const struct meter *m, const struct stay *s)
{
	return m->breached && !m->breached[s->vm] && m->estate->sizes[s->size].pinned;
}

static void
pin(struct meter *m, struct meter_host *h, uint32_t stay, bool begins)
{
	size_t i = 0;

	if (!lawfully_pinned(m, &m->estate->stays[stay])) {
		h->unpinned += begins ? 1 : (uint64_t)-1;
		return;
	}
	if (begins) {
		h->pins = array_grow(h->pins, &h->cap_pins, h->n_pins, sizeof(*h->pins));
		h->pins[h->n_pins++] = stay;
		return;
	}
	while (i < h->n_pins && h->pins[i] != stay)
		i++;
	TALLY_ASSERT(i < h->n_pins);
	h->pins[i] = h->pins[--h->n_pins];
}

static void
step(struct meter *m, uint32_t stay, bool begins)
{
	const struct stay *s = &m->estate->stays[stay];
	struct meter_host *h = &m->hosts[s->host];
	uint64_t vcpus = m->estate->sizes[s->size].vcpus;
	struct metric_guests one = { 1, vcpus, formula_vm_need(m->rule, vcpus) };
	unsigned in = counted_stay(m->counted, s);

	for (unsigned r = meter_first(m); r < READINGS; r++) {
		struct metric_guests *g = &h->guests[r];

		if (!(in & (r == HIGH ? COUNTS_HIGH : COUNTS_MEASURED)))
			continue;
		g->vms += begins ? one.vms : -one.vms;
		g->vcpus += begins ? one.vcpus : -one.vcpus;
		g->need += begins ? one.need : -one.need;
		count_in(m, h->cluster, r, &one, begins ? 1 : -1);
	}
	if (in & COUNTS_MEASURED)
		pin(m, h, stay, begins);
	meter_change(m, s->host);
}

void
meter_begin(struct meter *m, uint32_t stay)
{
	step(m, stay, true);
}

void
meter_end(struct meter *m, uint32_t stay)
{
	step(m, stay, false);
}

/* Takes the host's parts and guests out of what stands above it, or puts them in. */
static void
attach(struct meter *m, uint32_t host, int sign)
{
	struct meter_host *h = &m->hosts[host];
	uint32_t above[] = { h->cluster, h->region };

	for (size_t i = 0; i < 2; i++)
		meter_add(m, above[i], m->nodes[h->node].now, h->order, sign);
	for (unsigned r = 0; r < READINGS; r++)
		count_in(m, h->cluster, r, &h->guests[r], sign);
}

void
meter_facts(struct meter *m, const struct host_facts *f)
{
	struct meter_host *h = &m->hosts[f->host];
	uint32_t cluster = meter_node(m, SCOPE_CLUSTER, f->cluster);
	uint32_t region = meter_node(m, SCOPE_REGION, f->region);

	h->part[0] = meter_part(m, f->host, cluster);
	h->part[1] = meter_part(m, f->host, region);
	m->now = f->from > m->now ? f->from : m->now;
	h->facts = f;
	if (f->known) {
		m->nodes[h->node].known = true;
		m->nodes[cluster].known = true;
		m->nodes[region].known = true;
	}
	if (cluster != h->cluster || region != h->region) {
		attach(m, f->host, -1);
		h->cluster = cluster;
		h->region = region;
		h->moved = true;
		attach(m, f->host, 1);
	}
	meter_change(m, f->host);
}
