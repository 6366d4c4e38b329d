/* SPDX-License-Identifier: Apache-2.0 */
/* vcpu-hours: the time that VMs ran times their vCPUs (a VM that was resized is
 * one line for each size), times the pack's factor; rounded once, at the end. */
#include "formula.h"

bool
formula_vcpu_hours(amount *out, const struct rule *r, const struct formula_input *in)
{
	tally_i128 sum = 0, run;

	for (size_t i = 0; i < in->n_vms; i++) {
		if (in->vms[i].vcpus > UINT32_MAX || !formula_run(&run, r, in->vms[i].run) ||
		    __builtin_add_overflow(sum, run * (tally_i128)in->vms[i].vcpus, &sum))
			return false;
	}
	return formula_hours(out, r, sum);
}
