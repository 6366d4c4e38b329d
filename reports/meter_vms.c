/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that ask of each VM by itself what it came to over the whole window: what is
 * distinct in it, and time that has a minimum or steps. No walk through time tells
 * that; one look at each stay does. A VM counts once in each scope that it stood in.
 */
#include <stdlib.h>
#include <string.h>
#include "meter.h"
#include "tally/err.h"

/* What of a VM makes a line of its own, in one node and reading. */
static uintptr_t *
line_of(struct meter *m, uint32_t node, unsigned reading, uint32_t vm, uint32_t vcpus)
{
	uint8_t key[16];

	tally_put_u32(key, vm);
	tally_put_u32(key + 4, node);
	tally_put_u32(key + 8, vcpus);
	tally_put_u32(key + 12, reading);
	return (uintptr_t *)map_place(&m->lines, key);
}

/* The most that the VM ever was, as if all stood there at once. */
static void
add_distinct(struct meter *m, uint32_t node, unsigned r, uint32_t vm, uint32_t vcpus, int64_t at)
{
	struct meter_node *n = &m->nodes[node];
	struct formula_host see = { .known = true, .vms = 1, .vcpus = vcpus };
	uintptr_t *line = line_of(m, node, r, vm, 0), was = *line > 0 ? *line - 1 : 0;
	tally_i128 part;

	TALLY_ASSERT(m->parts == 1);
	if (!metric_host(&part, m->rule, &m->groups, &see, formula_vm_need(m->rule, vcpus),
			 false) ||
	    part >= INT64_MAX) {
		m->too_large = true;
		return;
	}
	if (*line > 0 && part <= (tally_i128)was)
		return;
	n->top[r] += part - (tally_i128)was;
	*line = (uintptr_t)part + 1;
	if (at > n->peak_at[r])
		n->peak_at[r] = at;
}

static void
add_time(struct meter *m, uint32_t node, unsigned r, uint32_t vm, uint32_t vcpus, int64_t ns)
{
	uint32_t size = m->rule->kind == METRIC_VCPU_HOURS ? vcpus : 0;
	uintptr_t *line = line_of(m, node, r, vm, size);

	*line += (uintptr_t)ns; /* never 0, and a VM's time in 292 years */
}

static void
add_stay(struct meter *m, const struct stay *s, unsigned in, int64_t from, int64_t to)
{
	const struct estate *e = m->estate;
	uint32_t vcpus = e->sizes[s->size].vcpus;

	for (size_t i = e->host_facts[s->host]; i < e->host_facts[s->host + 1]; i++) {
		const struct host_facts *f = &e->facts[i];
		const struct meter_place *p = &m->places[i];
		uint32_t nodes[] = { m->hosts[s->host].node, p->cluster, p->region, m->fleet };
		int64_t begin = f->from > from ? f->from : from, end = f->to < to ? f->to : to;

		for (unsigned k = 0; begin < end && k < 8; k++) {
			unsigned r = k < 4 ? MEASURED : HIGH;

			if (!(in & (r == HIGH ? COUNTS_HIGH : COUNTS_MEASURED)))
				continue;
			if (m->aggregation == AGG_TIME)
				add_time(m, nodes[k % 4], r, s->vm, vcpus, end - begin);
			else
				add_distinct(m, nodes[k % 4], r, s->vm, vcpus, begin);
		}
	}
}

void
meter_vms(struct meter *m, const struct counted *c, int64_t from, int64_t to)
{
	const struct estate *e = m->estate;

	m->rule = c->rule;
	for (size_t i = 0; i < e->n_stays && e->stays[i].from < to; i++) {
		const struct stay *s = &e->stays[i];
		int64_t begin = s->from > from ? s->from : from, end = s->to < to ? s->to : to;
		unsigned in = begin < end ? counted_stay(c, s) : 0;

		if (in != 0)
			add_stay(m, s, in, begin, end);
	}
}

/* Each line by itself has the minimum and the steps; then they are added. */
static void
finish_lines(struct meter *m)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		memset(m->nodes[i].sum, 0, READINGS * sizeof(tally_i128));
	for (size_t i = 0; i < m->lines.cap; i++) {
		const struct map_slot *slot = &m->lines.slots[i];
		uint32_t vcpus = tally_get_u32(slot->key + 8);
		tally_i128 run;

		if (!slot->value)
			continue;
		if (!formula_run(&run, m->rule, (tally_i128)(uintptr_t)slot->value)) {
			m->too_large = true;
			continue;
		}
		if (m->rule->kind == METRIC_VCPU_HOURS)
			run *= vcpus;
		m->nodes[tally_get_u32(slot->key + 4)].sum[tally_get_u32(slot->key + 12)] += run;
	}
}

void
meter_vms_finish(struct meter *m)
{
	if (m->aggregation == AGG_TIME) {
		finish_lines(m);
		return;
	}
	for (size_t i = 0; i < m->n_nodes; i++)
		for (unsigned r = MEASURED; r < READINGS; r++) {
			struct meter_node *n = &m->nodes[i];

			if (!metric_figure(&n->peak[r], m->rule, &m->groups, &n->top[r],
					   n->scope == SCOPE_FLEET))
				m->too_large = true;
		}
}
