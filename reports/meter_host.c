/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a host: guests come and go, its facts change. */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "table.h"
#include "tally/err.h"

struct formula_host
meter_see(const struct meter *m, const struct host_facts *f)
{
	struct formula_host h = { 0 };

	if (!f->known && f->sockets == 0)
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
pin_core(struct meter_host *h, uint32_t core, bool begins)
{
	size_t low = 0, high = h->n_pins;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (h->pins[middle].core < core)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == h->n_pins || h->pins[low].core != core) {
		TALLY_ASSERT(begins);
		h->pins = array_grow(h->pins, &h->cap_pins, h->n_pins, sizeof(*h->pins));
		memmove(&h->pins[low + 1], &h->pins[low], (h->n_pins - low) * sizeof(*h->pins));
		h->n_pins++;
		h->pins[low] = (struct meter_pin){ core, 1 };
		return;
	}
	h->pins[low].stays += begins ? 1 : UINT32_MAX;
	if (h->pins[low].stays == 0)
		memmove(&h->pins[low], &h->pins[low + 1], (--h->n_pins - low) * sizeof(*h->pins));
}

static void
pin(struct meter *m, struct meter_host *h, const struct stay *s, bool begins)
{
	const struct ids *cores = &m->estate->sizes[s->size].cores;

	if (!lawfully_pinned(m, s)) {
		h->unpinned += begins ? 1 : UINT64_MAX;
		return;
	}
	for (uint32_t i = 0; i < cores->n; i++)
		pin_core(h, cores->p[i], begins);
}

static bool
step(struct meter *m, uint32_t stay, bool begins)
{
	const struct stay *s = &m->estate->stays[stay];
	unsigned in = counted_stay(m->counted, s);
	struct meter_host *h = &m->hosts[s->host];
	struct metric_guests one = { .vms = 1 };

	if (in == 0 || m->by_vm)
		return false;
	one.vcpus = m->estate->sizes[s->size].vcpus;
	one.need = formula_vm_need(m->rule, one.vcpus);
	for (unsigned r = meter_first(m); r < READINGS; r++) {
		struct metric_guests *g = &h->guests[r];

		if (!(in & (r == HIGH ? COUNTS_HIGH : COUNTS_MEASURED)))
			continue;
		g->vms += begins ? one.vms : -one.vms;
		g->vcpus += begins ? one.vcpus : -one.vcpus;
		g->need += begins ? one.need : -one.need;
		count_in(m, h->cluster, r, &one, begins ? 1 : -1);
	}
	if (m->breached && (in & COUNTS_MEASURED))
		pin(m, h, s, begins);
	meter_change(m, s->host);
	return true;
}

bool
meter_begin(struct meter *m, uint32_t stay)
{
	return step(m, stay, true);
}

bool
meter_end(struct meter *m, uint32_t stay)
{
	return step(m, stay, false);
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
	m->places[f - m->estate->facts] =
		(struct meter_place){ cluster, region, { h->part[0], h->part[1] } };
	m->now = f->from > m->now ? f->from : m->now;
	h->see = meter_see(m, f);
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
