/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for a second word. A RESUMED of an unknown VM waits for the STARTED
 * that says how it began. The end of a VM's process is the exact end of its run,
 * but only the manager knows the cause, and says so up to two seconds later:
 * the record waits for that, with the instant of the exit. Neither waits over a
 * loss of the connection.
 */
#include "machine_internal.h"

#define START_WAITS (1 * TALLY_SECOND)

void
machine_pend(struct machine *m, struct vm *vm)
{
	if (vm->pending)
		return;
	vm->pending = true;
	vm->pending_prev = NULL;
	vm->pending_next = m->pending;
	if (m->pending != NULL)
		m->pending->pending_prev = vm;
	m->pending = vm;
}

void
machine_unpend(struct machine *m, struct vm *vm)
{
	if (!vm->pending)
		return;
	if (vm->pending_prev != NULL)
		vm->pending_prev->pending_next = vm->pending_next;
	else
		m->pending = vm->pending_next;
	if (vm->pending_next != NULL)
		vm->pending_next->pending_prev = vm->pending_prev;
	vm->pending_prev = vm->pending_next = NULL;
	vm->pending = false;
}

void
machine_start_now(struct machine *m, struct vm *vm)
{
	if (vm->starting)
		machine_begin(m, vm, TALLY_STARTED, TALLY_C_UNKNOWN, vm->since, TALLY_SRC_EVENT,
			      NULL);
}

void
machine_settle(struct machine *m, struct vm *vm)
{
	machine_start_now(m, vm);
	if (vm->held)
		machine_end(m, vm, TALLY_C_UNKNOWN, vm->held_at, TALLY_SRC_PROC, NULL);
	machine_unpend(m, vm);
}

void
machine_settle_all(struct machine *m)
{
	while (m->pending != NULL)
		machine_settle(m, m->pending);
}

void
machine_tick(struct machine *m, struct tally_now now)
{
	struct vm *next;
	for (struct vm *vm = m->pending; vm != NULL; vm = next) {
		next = vm->pending_next;
		if (vm->held ? now.uptime.ns - vm->held_at.uptime.ns > MACHINE_EXIT_WAITS
			     : now.uptime.ns - vm->since.uptime.ns > START_WAITS)
			machine_settle(m, vm);
	}
}

/* A process that cannot be compared is no proof: the list will tell. */
static bool
same_process(const struct vm *vm, const struct tally_domain *d)
{
	return d->pid != 0 && vm->dom.pid == d->pid && machine_same(vm, d);
}

void
machine_exit(struct machine *m, const struct tally_observation *o)
{
	struct vm *vm = machine_find(m, o->domain.uuid);
	if (vm == NULL || vm->dead || !same_process(vm, &o->domain))
		return;
	vm->dead = true;
	vm->changed = o->at;
	if (vm->run == 0 && !vm->starting)
		return; /* it migrated out, or its shutdown has ended the run */
	vm->held = true;
	vm->held_at = o->at;
	machine_pend(m, vm);
	if (m->lost)
		machine_settle(m, vm);
}
