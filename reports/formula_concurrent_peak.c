/* SPDX-License-Identifier: Apache-2.0 */
/* concurrent-peak: how many VMs there are at once; nothing is derived from it. */
#include "formula.h"

bool
formula_concurrent_peak(amount *out, const struct rule *r, const struct formula_input *in)
{
	(void)r;
	*out = (amount)in->n_vms * AMOUNT_ONE;
	return true;
}
