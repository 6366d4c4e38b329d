/* SPDX-License-Identifier: Apache-2.0 */
/* vm-cores: the vCPUs of VMs, at least so many for each, and for the customer. */
#include "formula.h"

uint64_t
formula_vm_need(const struct rule *r, uint64_t vcpus)
{
	return vcpus > r->min_per_vm ? vcpus : r->min_per_vm;
}

uint64_t
formula_total(const struct rule *r, uint64_t sum, bool customer)
{
	return customer && sum > 0 && sum < r->min_total ? r->min_total : sum;
}

bool
formula_vm_cores(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < in->n_vms; i++)
		if (!formula_add(&sum, formula_vm_need(r, in->vms[i].vcpus), 1))
			return false;
	*out = (amount)formula_total(r, sum, in->customer) * AMOUNT_ONE;
	return true;
}
