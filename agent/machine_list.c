/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: what is known without an event. A difference between the list and the
 * machine is recorded with source = poll and bounds. Events say more and know
 * the moment, so whatever may still have its event gets the time for it.
 */
#include "machine_internal.h"

#include <stdio.h>
#include <string.h>

/* The domain executes or could at once: it has a run. */
static bool
has_run(unsigned state)
{
	return state == TALLY_ST_RUNNING || state == TALLY_ST_PAUSED ||
	       state == TALLY_ST_PMSUSPENDED || state == TALLY_ST_CRASHED;
}

static void
found_state(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	if (vm->state == d->state)
		return;
	vm->state = d->state;
	if (d->state == TALLY_ST_CRASHED) {
		machine_note(m, vm, TALLY_CRASHED, TALLY_C_CRASHED, at, TALLY_SRC_POLL, NULL);
	} else if (d->state == TALLY_ST_RUNNING) {
		machine_note(m, vm, TALLY_RESUMED, d->cause, at, TALLY_SRC_POLL, NULL);
		if (vm->migrating)
			machine_note(m, vm, TALLY_MIGRATION_FAILED, 0, at, TALLY_SRC_POLL, NULL);
		vm->migrating = false;
	} else {
		unsigned cause = d->state == TALLY_ST_PMSUSPENDED ? TALLY_C_PMSUSPENDED : d->cause;
		vm->migrating = machine_is_move(cause);
		machine_note(m, vm, TALLY_SUSPENDED, cause, at, TALLY_SRC_POLL, NULL);
	}
}

/* A VM whose begin nobody saw. One that the manager says to have migrated, and
 * that was not here when this boot's VMs were listed before, came in since. */
static void
found_new(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at,
	  bool first)
{
	bool moved = d->state == TALLY_ST_RUNNING && machine_is_move(d->cause);
	bool arrived = vm->incoming || (moved && m->continues);
	unsigned kind = arrived ? TALLY_MIGRATED_IN : first ? TALLY_BASELINE : TALLY_STARTED;
	unsigned cause = !arrived ? TALLY_C_UNKNOWN : moved ? d->cause : TALLY_C_MIGRATED;
	vm->dom = *d;
	vm->state = d->state;
	machine_learn(m, vm);
	machine_begin(m, vm, kind, cause, at, TALLY_SRC_POLL, NULL);
}

/* A run in the process of the one before. */
static void
found_rebooted(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	vm->dom = *d;
	vm->state = d->state;
	machine_learn(m, vm);
	machine_begin(m, vm, TALLY_STARTED, TALLY_C_BOOT, at, TALLY_SRC_POLL, NULL);
	machine_note(m, vm, TALLY_REBOOTED, TALLY_C_HOST, at, TALLY_SRC_POLL, NULL);
}

/* The same incarnation on both sides of a gap, or of an agent's absence. */
static void
found_again(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	struct tally_domain was = vm->dom;
	vm->dom = *d;
	memcpy(vm->dom.os, was.os, sizeof(was.os));
	memcpy(vm->dom.tenant, was.tenant, sizeof(was.tenant));
	memcpy(vm->dom.cost_center, was.cost_center, sizeof(was.cost_center));
	memcpy(vm->dom.environment, was.environment, sizeof(was.environment));
	machine_learn(m, vm);
	if (vm->dom.vcpus == 0) {
		vm->dom.vcpus = was.vcpus;
		vm->dom.memory_mib = was.memory_mib;
	}
	if (vm->dom.start_ticks == 0) {
		vm->dom.pid = was.pid;
		vm->dom.start_ticks = was.start_ticks;
	}
	vm->state = d->state;
	machine_begin(m, vm, TALLY_BASELINE, d->cause, at, TALLY_SRC_POLL, NULL);
	if (vm->migrating && vm->state == TALLY_ST_RUNNING) {
		vm->migrating = false;
		machine_note(m, vm, TALLY_MIGRATION_FAILED, 0, at, TALLY_SRC_POLL, NULL);
	}
}

/* On its way in or out. True: that is all there is to do. */
static bool
on_its_way(struct machine *m, struct vm **vm, const struct tally_domain *d, struct tally_now at)
{
	switch (d->state) {
	case TALLY_ST_INCOMING:
		if (*vm == NULL)
			*vm = machine_add(m, d);
		if ((*vm)->run == 0 && !(*vm)->starting && !(*vm)->ended && !(*vm)->dead)
			(*vm)->incoming = true;
		break; /* with a run: the moment of the switch-over */
	case TALLY_ST_STOPPING:
		if (*vm != NULL && (*vm)->run != 0 && !(*vm)->held) {
			/* Its SHUTDOWN may be on the way; the next list decides. */
			if ((*vm)->missing)
				machine_end(m, *vm, TALLY_C_SHUTDOWN, at, TALLY_SRC_POLL, NULL);
			else
				return false;
		}
		break;
	case TALLY_ST_STARTING:
	case TALLY_ST_UNKNOWN:
		break; /* it is there: no reason to end or begin anything */
	default:
		return false;
	}
	if (*vm != NULL)
		(*vm)->listed = true;
	return true;
}

/* One UUID twice in one list: the one whose run is open stays, or the first. */
static bool
is_twin(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	struct tally_event ev = { .kind = TALLY_CONFLICT };
	struct vm other = { .dom = *d };
	char text[96];
	if (vm == NULL || (!vm->listed && !(vm->matched && !machine_same(vm, d))))
		return false;
	vm->twin = true;
	if (vm->conflict)
		return true;
	vm->conflict = true;
	(void)snprintf(text, sizeof(text), "one UUID runs twice: domain ids %lld and %lld",
		       (long long)vm->dom.id, (long long)d->id);
	ev.o.detail = tally_bytes_str(text);
	ev.i.name = tally_bytes_str(other.dom.name);
	machine_emit_vm(m, &ev, &other, at, TALLY_SRC_POLL);
	return true;
}

/* Behind a SHUTDOWN the same process executes, or is paused and not about to end: a
 * reboot by the host, whose RESUMED may be on the way. The next list decides. */
static bool
goes_on(struct vm *vm, const struct tally_domain *d)
{
	bool there = d->state == TALLY_ST_RUNNING ||
		     (d->state == TALLY_ST_PAUSED && !machine_is_move(d->cause));
	if (!vm->ended || vm->dead || !there)
		return false;
	vm->missing = !vm->missing;
	return !vm->missing;
}

void
machine_leave(struct machine *m, struct vm *vm, struct tally_now at)
{
	struct left_vm *left = &m->left[m->left_count++ % LEFT_MAX];
	memcpy(left->uuid, vm->dom.uuid, TALLY_UUID);
	left->id = vm->dom.id;
	left->at = at.uptime;
	machine_forget(m, vm);
}

static bool
has_left(const struct machine *m, const struct tally_domain *d, struct tally_now at)
{
	for (size_t i = 0; i < m->left_count && i < LEFT_MAX; i++) {
		const struct left_vm *left = &m->left[i];
		if (left->id == d->id && left->at.ns >= at.uptime.ns &&
		    memcmp(left->uuid, d->uuid, TALLY_UUID) == 0)
			return true;
	}
	return false;
}

static void
found(struct machine *m, const struct tally_domain *d, struct tally_now at, bool first)
{
	struct vm *vm = machine_find(m, d->uuid);
	if (vm == NULL && has_left(m, d, at))
		return; /* it ended while the list was made */
	if (is_twin(m, vm, d, at))
		return;
	if (vm != NULL && vm->changed.uptime.ns >= at.uptime.ns) {
		vm->listed = true; /* its event is newer than the list */
		return;
	}
	if (vm != NULL && !machine_same(vm, d) && d->state != TALLY_ST_UNKNOWN) {
		/* The same UUID in another process: a stop and a start were missed. */
		machine_settle(m, vm);
		if (vm->run != 0)
			machine_end(m, vm, TALLY_C_VANISHED, at, TALLY_SRC_POLL, NULL);
		machine_renew(m, vm, d);
	}
	if (on_its_way(m, &vm, d, at) || !has_run(d->state))
		return;
	if (vm != NULL && vm->run == 0 && (vm->starting || vm->ended || vm->dead)) {
		vm->listed = true; /* it waits for its event, or the manager is late */
		if (!goes_on(vm, d))
			return;
	}
	if (vm == NULL)
		vm = machine_add(m, d);
	vm->listed = true;
	vm->missing = false;
	if (vm->run == 0 && vm->ended) {
		found_rebooted(m, vm, d, at);
	} else if (vm->run == 0) {
		found_new(m, vm, d, at, first);
	} else if (vm->dead) {
		return; /* its end is certain, and the manager is late */
	} else if (first) {
		found_again(m, vm, d, at);
	} else {
		found_state(m, vm, d, at);
		machine_compare(m, vm, d, at);
	}
	vm->seen = vm->agreed = at;
}

static void
unlist(struct machine *m, struct vm *vm, void *ctx)
{
	(void)m;
	(void)ctx;
	vm->listed = vm->matched = vm->twin = false;
}

/* Marks those whose own process is in the list, wherever in it that stands. */
static void
match(struct machine *m, const struct tally_domain *doms, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct vm *vm = machine_find(m, doms[i].uuid);
		if (vm != NULL && vm->run != 0 && machine_same(vm, &doms[i]))
			vm->matched = true;
	}
}

struct missing {
	struct tally_now at;
	bool any;
};

/* An event overtakes no list: what a list lacks for the first time may have its
 * STOPPED on the way, which knows the moment. The next list decides. */
static void
vanish(struct machine *m, struct vm *vm, void *ctx)
{
	struct missing *missing = ctx;
	vm->conflict = vm->twin;
	if (vm->listed || vm->held || vm->starting ||
	    vm->changed.uptime.ns >= missing->at.uptime.ns)
		return;
	if ((vm->run != 0 || vm->incoming) && !vm->missing) {
		vm->missing = true;
		missing->any = true;
		return;
	}
	if (vm->run != 0)
		machine_end(m, vm, TALLY_C_VANISHED, missing->at, TALLY_SRC_POLL, NULL);
	else if (vm->incoming)
		machine_note(m, vm, TALLY_MIGRATION_FAILED, TALLY_C_VANISHED, missing->at,
			     TALLY_SRC_POLL, NULL);
	machine_forget(m, vm);
}

bool
machine_list(struct machine *m, const struct tally_domain *doms, size_t n, struct tally_now at,
	     bool first)
{
	struct missing missing = { at, false };
	machine_each(m, unlist, NULL);
	match(m, doms, n);
	for (size_t i = 0; i < n; i++)
		found(m, &doms[i], at, first);
	machine_each(m, vanish, &missing);
	m->witnessed = at;
	m->continues = true;
	if (!m->beating) {
		m->beating = true;
		m->beat_from = at;
		m->beats = 0;
	}
	m->beats++;
	return !missing.any;
}
