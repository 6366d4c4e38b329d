/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-hours: the time that VMs ran, times the pack's factor. One VM's time has a
 * minimum and steps where the pack says so; the sum is rounded once, at the end.
 */
#include "formula.h"
#include "tally/err.h"

#define HOUR (3600 * (tally_i128)TALLY_SECOND)
/* Of one VM, so that a step more fits. */
#define MOST_TIME ((tally_i128)1 << 100)

bool
formula_run(tally_i128 *out, const struct rule *r, tally_i128 ns)
{
	TALLY_ASSERT(ns >= 0);
	if (ns > MOST_TIME)
		return false;
	if (ns > 0 && ns < r->time_min)
		ns = r->time_min;
	if (r->time_step > 0)
		ns = (ns + r->time_step - 1) / r->time_step * r->time_step;
	*out = ns;
	return true;
}

static tally_i128
common_divisor(tally_i128 a, tally_i128 b)
{
	while (b > 0) {
		tally_i128 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

bool
formula_hours(amount *out, const struct rule *r, tally_i128 ns)
{
	tally_i128 den = HOUR * AMOUNT_ONE, common = common_divisor(den, r->time_factor), num;

	/* What is left says by itself whether it is too large to be rounded. */
	if (ns < 0 || __builtin_mul_overflow(ns, r->time_factor / common, &num))
		return false;
	return formula_round(out, r, num, den / common);
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
