/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-cores: the physical cores of a host, at least so many for each populated
 * socket and for the host; once, or once more for each so many VMs on it.
 */
#include "formula.h"

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

bool
formula_host_need(uint64_t *out, const struct rule *r, const struct formula_host *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->sockets && h->known; i++)
		if (!formula_add(&sum, larger(h->cores[i], r->min_per_socket), 1))
			return false;
	if (!h->known)
		sum = r->min_per_socket; /* it has a socket at least */
	*out = larger(sum, r->min_per_host);
	return true;
}

uint64_t
formula_stacks(const struct rule *r, const struct formula_host *h)
{
	uint64_t stacks = formula_counts(h);

	return r->vms_per_stack ? larger(stacks, formula_ceil(h->vms, r->vms_per_stack)) : stacks;
}

bool
formula_host_cores(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0, need;

	for (size_t i = 0; i < in->n_hosts; i++)
		if (!formula_host_need(&need, r, &in->hosts[i]) ||
		    !formula_add(&sum, need, formula_stacks(r, &in->hosts[i])))
			return false;
	*out = (amount)formula_total(r, sum, in->customer) * AMOUNT_ONE;
	return true;
}
