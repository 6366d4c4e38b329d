/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMs that the machine knows: at most one incarnation of each UUID. What is
 * called for each event costs the logarithm of their number, never their number.
 */
#include "machine_internal.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"

static int
by_uuid(const void *a, const void *b)
{
	return memcmp(((const struct vm *)a)->dom.uuid, ((const struct vm *)b)->dom.uuid,
		      TALLY_UUID);
}

struct machine *
machine_new(const struct machine_out *out, uint64_t next_run)
{
	struct machine *m = tally_alloc(sizeof(*m));
	m->out = *out;
	m->next_run = next_run;
	return m;
}

void
machine_free(struct machine *m)
{
	if (m == NULL)
		return;
	tdestroy(m->vms, free);
	machine_travel_deinit(m);
	free(m->unmanaged);
	free(m);
}

struct vm *
machine_find(struct machine *m, const uint8_t uuid[TALLY_UUID])
{
	struct vm key;
	struct vm **found;
	memcpy(key.dom.uuid, uuid, TALLY_UUID);
	found = tfind(&key, &m->vms, by_uuid);
	return found != NULL ? *found : NULL;
}

struct vm *
machine_add(struct machine *m, const struct tally_domain *dom)
{
	struct vm *vm = machine_find(m, dom->uuid);
	if (vm == NULL) {
		vm = tally_alloc(sizeof(*vm));
		vm->dom = *dom;
		if (tsearch(vm, &m->vms, by_uuid) == NULL)
			abort(); /* out of memory, as everywhere */
		m->count++;
	}
	return vm;
}

void
machine_forget(struct machine *m, struct vm *vm)
{
	TALLY_ASSERT(vm->run == 0);
	machine_unpend(m, vm);
	tdelete(vm, &m->vms, by_uuid);
	m->count--;
	free(vm);
}

void
machine_renew(struct machine *m, struct vm *vm, const struct tally_domain *dom)
{
	TALLY_ASSERT(vm->run == 0);
	TALLY_ASSERT(memcmp(vm->dom.uuid, dom->uuid, TALLY_UUID) == 0);
	machine_unpend(m, vm);
	*vm = (struct vm){ .dom = *dom, .conflict = vm->conflict, .twin = vm->twin };
}

struct walk {
	struct vm **vm;
	size_t n;
};

static void
collect(const void *node, VISIT which, void *ctx)
{
	struct walk *w = ctx;
	if (which == postorder || which == leaf)
		w->vm[w->n++] = *(struct vm *const *)node;
}

void
machine_each(struct machine *m, void (*f)(struct machine *m, struct vm *vm, void *ctx), void *ctx)
{
	/* Collected first, since f may change the tree. */
	struct walk w = { tally_realloc_array(NULL, m->count + 1, sizeof(*w.vm)), 0 };
	twalk_r(m->vms, collect, &w);
	for (size_t i = 0; i < w.n; i++)
		f(m, w.vm[i], ctx);
	free(w.vm);
}

bool
machine_is_move(unsigned cause)
{
	return cause == TALLY_C_MIGRATED || cause == TALLY_C_POSTCOPY;
}

bool
machine_same(const struct vm *vm, const struct tally_domain *d)
{
	if (vm->dom.id >= 0 && d->id >= 0 && vm->dom.id != d->id)
		return false;
	return vm->dom.start_ticks == 0 || d->start_ticks == 0 ||
	       vm->dom.start_ticks == d->start_ticks;
}

void
machine_adopt(struct machine *m, const struct machine_run *run)
{
	const struct tally_domain *d = &run->dom;
	struct vm *vm = machine_add(m, d);
	TALLY_ASSERT(vm->run == 0 && run->run != 0 && run->run < m->next_run);
	vm->run = run->run;
	vm->state = d->state;
	vm->migrating = run->migrating;
	vm->monitor = d->tainted;
	vm->seen.wall = run->seen;
	vm->told = (d->os[0] != '\0' ? TOLD_OS : 0u) | (d->tenant[0] != '\0' ? TOLD_TENANT : 0u) |
		   (d->cost_center[0] != '\0' ? TOLD_COST_CENTER : 0u) |
		   (d->environment[0] != '\0' ? TOLD_ENVIRONMENT : 0u);
	m->running++;
}

void
machine_continue(struct machine *m)
{
	m->continues = true;
}

void
machine_resume_gap(struct machine *m)
{
	m->lost = true;
}

size_t
machine_running(const struct machine *m)
{
	return m->running;
}

size_t
machine_known(const struct machine *m)
{
	return m->count;
}
