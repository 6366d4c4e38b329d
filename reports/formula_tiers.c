/* SPDX-License-Identifier: Apache-2.0 */
/* capacity-tiers: what lies in each tier has that tier's units; the whole is the
 * sum over the tiers. Counted are cores of hosts or vCPUs of VMs. */
#include "formula.h"

bool
formula_tier_units(amount *out, const struct rule *r, uint64_t count)
{
	uint64_t below = 0, hundredths = 0;

	for (size_t i = 0; i < r->n_tiers && below < count; i++) {
		const struct rule_tier *t = &r->tiers[i];
		uint64_t end = t->up_to == 0 || t->up_to > count ? count : t->up_to;

		if (!formula_add(&hundredths, end - below, t->hundredths))
			return false;
		below = end;
	}
	return formula_round(out, r, hundredths, 100);
}

bool
formula_tiers(amount *out, const struct rule *r, const struct formula_input *in)
{
	uint64_t count = 0, cores;

	for (size_t i = 0; r->of == OF_HOSTS && i < in->n_hosts; i++)
		if (formula_counts(&in->hosts[i]) &&
		    (!formula_seen_cores(&cores, &in->hosts[i]) || !formula_add(&count, cores, 1)))
			return false;
	for (size_t i = 0; r->of == OF_VMS && i < in->n_vms; i++)
		if (!formula_add(&count, in->vms[i].vcpus, 1))
			return false;
	return formula_tier_units(out, r, count);
}
