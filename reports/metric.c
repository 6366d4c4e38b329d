/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds, taken apart: all are sums over hosts but for what is rounded in the
 * scope (pairs of VMs, cores of one factor, tiers), whose parts wait for that. */
#include <stdlib.h>
#include <string.h>
#include "metric.h"
#include "table.h"
#include "tally/err.h"

size_t
metric_group(struct metric_groups *g, uint64_t hundredths)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->hundredths[i] == hundredths)
			return i;
	g->hundredths = array_grow(g->hundredths, &g->cap, g->n, sizeof(*g->hundredths));
	g->hundredths[g->n] = hundredths;
	return g->n++;
}

void
metric_groups_deinit(struct metric_groups *g)
{
	free(g->hundredths);
	memset(g, 0, sizeof(*g));
}

enum { PAIRS_OF_HOSTS, PAIRS_OF_VMS, PAIRS };

size_t
metric_parts(const struct rule *r, const struct metric_groups *g)
{
	if (r->kind == METRIC_PROCESSOR_FACTOR)
		return g->n;
	return r->kind == METRIC_VM_PAIRS ? PAIRS : 1;
}

bool
metric_of_vms(const struct rule *r)
{
	switch (r->kind) {
	case METRIC_VM_CORES:
	case METRIC_VM_PAIRS:
	case METRIC_SUB_CAPACITY:
	case METRIC_RUN_HOURS:
	case METRIC_VCPU_HOURS:
	case METRIC_CONCURRENT_PEAK:
		return true;
	case METRIC_INSTANCES:
	case METRIC_TIERS:
		return r->of == OF_VMS;
	default:
		return false;
	}
}

static bool
host_cores(tally_i128 *part, const struct rule *r, const struct formula_host *h)
{
	uint64_t need, sum = 0;

	if (!formula_host_need(&need, r, h) || !formula_add(&sum, need, formula_stacks(r, h)))
		return false;
	*part = sum;
	return true;
}

static bool
vm_pairs(tally_i128 *parts, const struct rule *r, const struct formula_host *h)
{
	uint64_t own = h->own && r->sockets_per_unit > 0 ? formula_socket_units(r, h) : 0;

	if (r->round_per_host && !formula_add(&own, formula_vm_units(r, h->vms), 1))
		return false;
	parts[PAIRS_OF_HOSTS] = own;
	parts[PAIRS_OF_VMS] = r->round_per_host ? 0 : h->vms;
	return true;
}

static bool
processor(tally_i128 *parts, const struct rule *r, const struct metric_groups *g,
	  const struct formula_host *h, bool pinned)
{
	uint64_t factor = formula_factor(r, h->cpu), cores;

	memset(parts, 0, g->n * sizeof(*parts));
	if (!formula_counts(h))
		return true;
	if (!formula_seen_cores(&cores, h))
		return false;
	/* A list of threads may be longer than the cores that they share. */
	if (pinned && h->known && h->pinned > 0 && h->pinned < cores && !h->own &&
	    formula_approved(r, h->partitioning))
		cores = h->pinned;
	for (size_t i = 0; i < g->n; i++)
		if (g->hundredths[i] == factor)
			parts[i] = cores;
	return true;
}

bool
metric_host(tally_i128 *parts, const struct rule *r, const struct metric_groups *g,
	    const struct formula_host *h, uint64_t need, bool pinned)
{
	uint64_t n = 0;

	switch (r->kind) {
	case METRIC_HOST_CORES:
		return host_cores(parts, r, h);
	case METRIC_VM_CORES:
		*parts = need;
		return true;
	case METRIC_SOCKET_PAIRS:
		*parts = formula_counts(h) ? formula_socket_units(r, h) : 0;
		return true;
	case METRIC_VM_PAIRS:
		return vm_pairs(parts, r, h);
	case METRIC_PROCESSOR_FACTOR:
		return processor(parts, r, g, h, pinned);
	case METRIC_SUB_CAPACITY:
		if (!formula_server_units(&n, r, h))
			return false;
		*parts = n;
		return true;
	case METRIC_INSTANCES:
		*parts = r->of == OF_VMS ? h->vms : formula_counts(h);
		return true;
	case METRIC_TIERS:
		if (r->of == OF_HOSTS && formula_counts(h) && !formula_seen_cores(&n, h))
			return false;
		*parts = r->of == OF_VMS ? h->vcpus : n;
		return true;
	case METRIC_VCPU_HOURS:
		*parts = h->vcpus;
		return true;
	default:
		*parts = h->vms;
		return true;
	}
}

static bool
fits(uint64_t *out, tally_i128 part)
{
	*out = (uint64_t)part;
	return part >= 0 && part <= UINT64_MAX;
}

static bool
figure_of_groups(amount *out, const struct metric_groups *g, const tally_i128 *parts)
{
	uint64_t sum = 0, cores, licences;

	for (size_t i = 0; i < g->n; i++)
		if (!fits(&cores, parts[i]) ||
		    !formula_factor_group(&licences, cores, g->hundredths[i]) ||
		    !formula_add(&sum, licences, 1))
			return false;
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}

/* Parts are below 2^64, factors and units too: their products are below 2^128 only. */
static tally_i128
weight(tally_i128 part, uint64_t by)
{
	tally_i128 product;

	return __builtin_mul_overflow(part, (tally_i128)by, &product) ? ((tally_i128)1 << 126)
								      : product;
}

bool
metric_more(const struct rule *r, const struct metric_groups *g, const tally_i128 *parts,
	    const tally_i128 *than)
{
	tally_i128 one = 0, other = 0;

	if (r->kind == METRIC_VM_PAIRS && r->vms_per_unit > 0) {
		one = weight(parts[PAIRS_OF_HOSTS], r->vms_per_unit) + parts[PAIRS_OF_VMS];
		other = weight(than[PAIRS_OF_HOSTS], r->vms_per_unit) + than[PAIRS_OF_VMS];
		return one > other;
	}
	if (r->kind != METRIC_PROCESSOR_FACTOR)
		return *parts > *than;
	/* A host has one processor at a time: one group of each is not 0. */
	for (size_t i = 0; i < g->n; i++) {
		tally_i128 a = weight(parts[i], g->hundredths[i]);
		tally_i128 b = weight(than[i], g->hundredths[i]);

		one = a > one ? a : one;
		other = b > other ? b : other;
	}
	return one > other;
}

bool
metric_figure(amount *out, const struct rule *r, const struct metric_groups *g,
	      const tally_i128 *parts, bool customer)
{
	uint64_t n, pairs;

	if (r->aggregation == AGG_TIME)
		return formula_hours(out, r, *parts);
	if (r->kind == METRIC_PROCESSOR_FACTOR)
		return figure_of_groups(out, g, parts);
	if (!fits(&n, *parts))
		return false;
	if (r->kind == METRIC_TIERS)
		return formula_tier_units(out, r, n);
	if (r->kind == METRIC_VM_PAIRS &&
	    (!fits(&pairs, parts[PAIRS_OF_VMS]) || !formula_add(&n, formula_vm_units(r, pairs), 1)))
		return false;
	if (r->kind == METRIC_HOST_CORES || r->kind == METRIC_VM_CORES)
		n = formula_total(r, n, customer);
	*out = (amount)n * AMOUNT_ONE;
	return true;
}
