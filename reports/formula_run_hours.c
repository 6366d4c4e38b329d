/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-hours: the time that VMs ran, times the pack's factor. One VM's time has a
 * minimum and steps where the pack says so; the sum is rounded once, at the end.
 */
#include "formula.h"
#include "tally/err.h"

#define HOUR (3600 * (tally_i128)TALLY_SECOND)
/* So that a sum times a factor (below 2^40) fits; some 10^8 vCPU-years. */
#define MOST_SUM    ((tally_i128)1 << 82)
#define MOST_FACTOR ((amount)1 << 40)

bool
formula_run(tally_i128 *out, const struct rule *r, tally_i128 ns)
{
	TALLY_ASSERT(ns >= 0);
	if (ns > MOST_SUM)
		return false;
	if (ns > 0 && ns < r->time_min)
		ns = r->time_min;
	if (r->time_step > 0)
		ns = (ns + r->time_step - 1) / r->time_step * r->time_step;
	*out = ns;
	return true;
}

static amount
common_divisor(amount a, amount b)
{
	while (b > 0) {
		amount rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

bool
formula_hours(amount *out, const struct rule *r, tally_i128 ns)
{
	amount common = common_divisor(AMOUNT_ONE, r->time_factor);

	if (ns < 0 || ns > MOST_SUM || r->time_factor >= MOST_FACTOR)
		return false;
	return formula_round(out, r, ns * (r->time_factor / common), HOUR * (AMOUNT_ONE / common));
}

bool
formula_run_hours(amount *out, const struct rule *r, const struct formula_input *in)
{
	tally_i128 sum = 0, run;

	for (size_t i = 0; i < in->n_vms; i++)
		if (!formula_run(&run, r, in->vms[i].run) || __builtin_add_overflow(sum, run, &sum))
			return false;
	return formula_hours(out, r, sum);
}
