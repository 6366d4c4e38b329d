/* SPDX-License-Identifier: Apache-2.0 */
/* What changes did to machines: one line for each machine, change and way; copies of
 * one machine that went the same way become one line in the end. */
#include <stdlib.h>
#include <string.h>
#include "simulate.h"

void
sim_effect(struct tally_simulation *s, size_t change, const struct sim_stay *stay, uint32_t from,
	   uint32_t to)
{
	bool copy = stay->original != SIM_NONE;
	uint8_t key[16];
	void **place;

	tally_put_u32(key, (uint32_t)change);
	tally_put_u32(key + 4, stay->stay.vm);
	tally_put_u32(key + 8, from);
	tally_put_u32(key + 12, to);
	place = map_place(&s->effect_slots, key);
	if (*place)
		return;
	*place = (void *)(uintptr_t)1;
	s->effects = array_grow(s->effects, &s->cap_effects, s->n_effects, sizeof(*s->effects));
	s->effects[s->n_effects++] =
		(struct sim_effect){ .change = change,
				     .own = stay->stay.vm,
				     .vm = copy ? stay->original : stay->stay.vm,
				     .name = s->old->claims[stay->stay.claims].name,
				     .from = from,
				     .to = to,
				     .machines = 1,
				     .copies = copy };
}

static int
compare_host(const struct tally_simulation *s, uint32_t a, uint32_t b)
{
	if (a == SIM_NONE || b == SIM_NONE)
		return (a == SIM_NONE) - (b == SIM_NONE);
	return tally_bytes_cmp(sim_host_name(s, a), sim_host_name(s, b));
}

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct sim_effect *x = a, *y = b;
	const struct tally_simulation *s = ctx;
	int c;

	if (x->change != y->change)
		return x->change < y->change ? -1 : 1;
	c = tally_bytes_cmp(sim_text(s, x->name), sim_text(s, y->name));
	if (c == 0)
		c = memcmp(s->old->vms[x->vm].uuid, s->old->vms[y->vm].uuid, TALLY_UUID);
	if (c == 0)
		c = (int)x->copies - (int)y->copies;
	if (c == 0)
		c = compare_host(s, x->from, y->from);
	return c ? c : compare_host(s, x->to, y->to);
}

void
sim_effects_finish(struct tally_simulation *s)
{
	size_t kept = 0;

	if (s->n_effects > 1)
		qsort_r(s->effects, s->n_effects, sizeof(*s->effects), compare, s);
	for (size_t i = 0; i < s->n_effects; i++) {
		if (kept > 0 && compare(&s->effects[kept - 1], &s->effects[i], s) == 0)
			s->effects[kept - 1].machines += s->effects[i].machines;
		else
			s->effects[kept++] = s->effects[i];
	}
	s->n_effects = kept;
}

size_t
sim_machines(const struct tally_simulation *s, size_t change)
{
	uint8_t *seen = tally_alloc(s->estate.n_vms + 1);
	size_t n = 0;

	for (size_t i = 0; i < s->n_effects; i++) {
		const struct sim_effect *x = &s->effects[i];

		if (x->change != change)
			continue;
		n += !seen[x->own];
		seen[x->own] = 1;
	}
	free(seen);
	return n;
}
