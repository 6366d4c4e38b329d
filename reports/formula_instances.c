/* SPDX-License-Identifier: Apache-2.0 */
/* instances: VMs, or hosts that count, one by one. */
#include "formula.h"

bool
formula_instances(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t sum = 0;

	if (r->of == OF_VMS) {
		*out = (amount)in->n_vms * AMOUNT_ONE;
		return true;
	}
	for (size_t i = 0; i < in->n_hosts; i++)
		sum += formula_counts(&in->hosts[i]);
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}
