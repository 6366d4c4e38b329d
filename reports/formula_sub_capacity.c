/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sub-capacity: on each server the vCPUs of the VMs that hold the product, but no
 * more than its physical cores, times the units of such a core. Without facts of
 * the server nothing bounds the vCPUs, and each has the units of an unknown core.
 */
#include "formula.h"

uint64_t
formula_units(const struct rule *r, const struct formula_host *h)
{
	uint64_t sockets = h->max_sockets ? h->max_sockets : h->sockets;

	if (!h->known)
		return r->units_unknown;
	for (size_t i = 0; i < r->n_units; i++)
		if (rule_text_fits(r->units[i].cpu, h->cpu) &&
		    (r->units[i].max_sockets == 0 || sockets <= r->units[i].max_sockets))
			return r->units[i].units;
	return r->units_default;
}

bool
formula_server_units(uint64_t *out, const struct rule *r, const struct formula_host *h)
{
	uint64_t cores, capacity = h->vcpus, sum = 0;

	if (h->known && r->cap_at_cores) {
		if (!formula_cores(&cores, h))
			return false;
		if (capacity > cores)
			capacity = cores;
	}
	if (!formula_add(&sum, capacity, formula_units(r, h)))
		return false;
	*out = sum;
	return true;
}

bool
formula_sub_capacity(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0, units;

	for (size_t i = 0; i < in->n_hosts; i++)
		if (!formula_server_units(&units, r, &in->hosts[i]) || !formula_add(&sum, units, 1))
			return false;
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}
