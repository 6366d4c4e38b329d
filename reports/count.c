/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What standing.c finds is counted a pass of the stream later, beside the entries
 * that are told then, and where there is another thread, on that: usage rows and
 * rows of VMs are many lines of memory for each change, and no entry asks for them.
 */
#include <stdlib.h>
#include "sweep.h"

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

static void
count(struct counts *c)
{
	for (size_t i = 0; i < c->n_vms; i++) {
		if (i + 4 < c->n_vms)
			fetch_lines(c->vms[i + 4].row, sizeof(*c->vms[i].row));
		vms_count(&c->vms[i]);
	}
	for (size_t i = 0; i < c->n_usage; i++)
		usage_take(&c->usage[i]);
	c->n_vms = c->n_usage = 0;
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

	count(s->counts == &s->counted[0] ? &s->counted[1] : &s->counted[0]);
}

void
count_rest(struct sweep *s)
{
	count_behind(s);
	count(s->counts);
}

void
counts_deinit(struct counts *c)
{
	free(c->usage);
	free(c->vms);
}
