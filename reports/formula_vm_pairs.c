/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm-pairs-per-host: VMs in pairs, rounded up on each host or once for the scope;
 * hosts that count by themselves add the pairs of their sockets.
 */
#include "formula.h"

uint64_t
formula_vm_units(const struct rule *r, uint64_t vms)
{
	return formula_ceil(vms, r->vms_per_unit);
}

bool
formula_vm_pairs(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0, vms = 0;

	for (size_t i = 0; i < in->n_hosts; i++) {
		const struct formula_host *h = &in->hosts[i];

		if (h->own && r->sockets_per_unit > 0 &&
		    !formula_add(&sum, formula_socket_units(r, h), 1))
			return false;
		if (!formula_add(r->round_per_host ? &sum : &vms,
				 r->round_per_host ? formula_vm_units(r, h->vms) : h->vms, 1))
			return false;
	}
	if (!formula_add(&sum, formula_vm_units(r, vms), 1))
		return false;
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}
