/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What standing.c and collect.c find is counted a pass of the stream later, beside the
 * entries that are told then, and where there is another thread, on that: usage rows,
 * rows of VMs and stays are many lines of memory for each change, and no entry asks for
 * them.
 */
#include <stdlib.h>
#include "sweep.h"

#define AHEAD 4 /* steps for which memory is asked */

void
count_usage(struct sweep *s, const struct usage_step *step)
{
	struct counts *c = s->counts;

	c->usage = array_grow(c->usage, &c->cap_usage, c->n_usage, sizeof(*c->usage));
	c->usage[c->n_usage++] = *step;
}

void
count_vm(struct sweep *s, const struct vm_step *step)
{
	struct counts *c = s->counts;

	c->vms = array_grow(c->vms, &c->cap_vms, c->n_vms, sizeof(*c->vms));
	c->vms[c->n_vms++] = *step;
}

void
count_stay(struct sweep *s, const struct stay_step *step)
{
	struct counts *c = s->counts;

	c->stays = array_grow(c->stays, &c->cap_stays, c->n_stays, sizeof(*c->stays));
	c->stays[c->n_stays++] = *step;
}

static void
take_stays(struct estate *e, const struct stay_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct stay_step *step = &steps[i];

		if (i + AHEAD < n && steps[i + AHEAD].ends - 1 < e->n_stays)
			__builtin_prefetch(&e->stays[steps[i + AHEAD].ends - 1]);
		if (step->ends > 0)
			estate_end(e, step->ends - 1, step->stay.from);
		if (step->begins)
			estate_begin(e, &step->stay);
		else if (step->whole)
			estate_stay(e, &step->stay);
	}
}

static void
count(struct sweep *s, struct counts *c)
{
	for (size_t i = 0; i < c->n_vms; i++) {
		if (i + AHEAD < c->n_vms)
			fetch_lines(c->vms[i + AHEAD].row, sizeof(*c->vms[i].row));
		vms_count(&c->vms[i]);
	}
	for (size_t i = 0; i < c->n_usage; i++)
		usage_take(&c->usage[i]);
	take_stays(s->estate, c->stays, c->n_stays);
	c->n_vms = c->n_usage = c->n_stays = 0;
}

void
count_turn(void *ctx)
{
	struct sweep *s = ctx;

	s->counts = s->counts == &s->counted[0] ? &s->counted[1] : &s->counted[0];
}

void
count_behind(void *ctx)
{
	struct sweep *s = ctx;

	count(s, s->counts == &s->counted[0] ? &s->counted[1] : &s->counted[0]);
}

void
count_rest(struct sweep *s)
{
	count_behind(s);
	count(s, s->counts);
}

void
counts_deinit(struct counts *c)
{
	free(c->usage);
	free(c->vms);
	free(c->stays);
}
