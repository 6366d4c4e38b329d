/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processor-factor: cores times a factor of the processor. The cores of one factor
 * are added over the scope first; each group is rounded up; then they are added.
 */
#include "formula.h"

uint64_t
formula_factor(const struct rule *r, struct tally_bytes cpu)
{
	for (size_t i = 0; i < r->n_factors; i++)
		if (rule_text_fits(r->factors[i].cpu, cpu))
			return r->factors[i].hundredths;
	return r->factor_default;
}

bool
formula_factor_group(uint64_t *out, uint64_t cores, uint64_t hundredths)
{
	uint64_t sum = 0;

	if (!formula_add(&sum, cores, hundredths))
		return false;
	*out = formula_ceil(sum, 100);
	return true;
}

bool
formula_approved(const struct rule *r, struct tally_bytes partitioning)
{
	for (size_t i = 0; i < r->approved.count; i++)
		if (rule_text_fits(r->approved.items[i], partitioning))
			return true;
	return false;
}

enum which { RAN, PINNED, ALL };

/* The cores that a host brings; none where it does not count. */
static bool
cores_of(uint64_t *out, const struct rule *r, const struct formula_host *h, enum which which)
{
	*out = 0;
	if (which != ALL && !formula_counts(h))
		return true;
	if (which == PINNED && h->known && h->pinned > 0 && !h->own &&
	    formula_approved(r, h->partitioning)) {
		*out = h->pinned;
		return true;
	}
	return formula_seen_cores(out, h);
}

/* The i-th factor that the rule knows, the default behind the others; false where
 * it is the same as one before it. */
static bool
is_new_factor(uint64_t *out, const struct rule *r, size_t i)
{
	*out = i < r->n_factors ? r->factors[i].hundredths : r->factor_default;
	for (size_t k = 0; k < i; k++)
		if (r->factors[k].hundredths == *out)
			return false;
	return true;
}

static bool
sum_groups(amount *out, const struct rule *r, const struct formula_input *in, enum which which)
{
	uint64_t sum = 0, licences, factor;

	for (size_t i = 0; i <= r->n_factors; i++) {
		uint64_t group = 0, cores;

		if (!is_new_factor(&factor, r, i))
			continue;
		for (size_t k = 0; k < in->n_hosts; k++)
			if (formula_factor(r, in->hosts[k].cpu) == factor &&
			    (!cores_of(&cores, r, &in->hosts[k], which) ||
			     !formula_add(&group, cores, 1)))
				return false;
		if (!formula_factor_group(&licences, group, factor) ||
		    !formula_add(&sum, licences, 1))
			return false;
	}
	*out = (amount)sum * AMOUNT_ONE;
	return true;
}

bool
formula_processor_factor(amount *out, const struct rule *r, const struct formula_input *in)
{
	return sum_groups(out, r, in, RAN);
}

bool
formula_processor_pinned(amount *out, const struct rule *r, const struct formula_input *in)
{
	return sum_groups(out, r, in, PINNED);
}

bool
formula_processor_reach(amount *out, const struct rule *r, const struct formula_input *in)
{
	return sum_groups(out, r, in, ALL);
}
