/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's records: which fields go into which. */
#include "machine_internal.h"

#include <string.h>

#include "tally/err.h"

void
machine_emit(struct machine *m, struct tally_event *ev, struct tally_now at, unsigned source)
{
	ev->m.has_time = true;
	ev->m.time = (uint64_t)at.wall.ns;
	ev->m.has_uptime = true;
	ev->m.uptime = (uint64_t)at.uptime.ns;
	ev->o.has_source = true;
	ev->o.source = source;
	m->out.emit(m->out.ctx, ev);
}

void
machine_emit_vm(struct machine *m, struct tally_event *ev, const struct vm *vm, struct tally_now at,
		unsigned source)
{
	ev->i.has_vm = true;
	memcpy(ev->i.vm, vm->dom.uuid, TALLY_UUID);
	if (vm->run != 0) {
		ev->m.has_run = true;
		ev->m.run = vm->run;
	}
	if (vm->dom.id >= 0) {
		ev->o.has_domain_id = true;
		ev->o.domain_id = vm->dom.id;
	}
	if (vm->dom.pid != 0) {
		ev->o.has_pid = true;
		ev->o.pid = vm->dom.pid;
	}
	if (vm->dom.start_ticks != 0) {
		ev->o.has_start_ticks = true;
		ev->o.start_ticks = vm->dom.start_ticks;
	}
	machine_emit(m, ev, at, source);
}

void
machine_set_raw(struct tally_event *ev, const struct tally_observation *o)
{
	if (o == NULL || o->kind != TALLY_OBS_EVENT)
		return;
	ev->o.has_raw_event = true;
	ev->o.raw_event = o->raw_event;
	ev->o.has_raw_detail = true;
	ev->o.raw_detail = o->raw_detail;
}

void
machine_note(struct machine *m, const struct vm *vm, unsigned kind, unsigned cause,
	     struct tally_now at, unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = kind };
	ev.m.has_cause = cause != 0;
	ev.m.cause = cause;
	if (kind == TALLY_SUSPENDED) {
		ev.m.has_state = true;
		ev.m.state = vm->state;
	}
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
}

/* A begin that is a way back to a state that was left before. */
static void
travel(struct machine *m, struct vm *vm, unsigned kind, unsigned cause, struct tally_now at,
       unsigned source, const struct tally_observation *o)
{
	bool saved = machine_unsave(m, vm->dom.uuid);
	if (kind == TALLY_STARTED && cause == TALLY_C_SNAPSHOT)
		machine_travel(m, vm, TALLY_C_REVERT, at, source, o);
	if (kind == TALLY_STARTED && cause == TALLY_C_RESTORE && !saved)
		machine_travel(m, vm, TALLY_C_RESTORE, at, source, o);
	machine_travel_monitor(m, vm, at, source);
}

void
machine_begin(struct machine *m, struct vm *vm, unsigned kind, unsigned cause, struct tally_now at,
	      unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = kind };
	TALLY_ASSERT(kind == TALLY_BASELINE ||
		     ((kind == TALLY_STARTED || kind == TALLY_MIGRATED_IN) && vm->run == 0));
	if (vm->run == 0) {
		vm->run = m->next_run++;
		vm->told = 0;
		vm->migrating = false;
		vm->loaded = false;
		m->running++;
	}
	vm->starting = vm->incoming = vm->ended = false;
	ev.m.has_state = true;
	ev.m.state = vm->state;
	ev.m.has_cause = true;
	ev.m.cause = cause;
	if (vm->dom.vcpus != 0) {
		ev.m.has_vcpus = true;
		ev.m.vcpus = vm->dom.vcpus;
		ev.m.has_memory_mib = true;
		ev.m.memory_mib = vm->dom.memory_mib;
	}
	machine_claims(vm, &ev);
	ev.i.name = tally_bytes_str(vm->dom.name);
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
	if (!vm->held)
		machine_unpend(m, vm);
	travel(m, vm, kind, cause, at, source, o);
}

/* The moment of this end was seen by nobody. That a process is gone the manager
 * tells up to two seconds late: with no process to watch, or none that this agent
 * has listed yet, its word is a bound. */
static bool
unwitnessed(const struct machine *m, const struct vm *vm, unsigned source,
	    const struct tally_observation *o)
{
	bool adopted = vm->seen.wall.ns != 0 && vm->seen.uptime.ns == 0;
	if (source == TALLY_SRC_POLL)
		return true;
	return source == TALLY_SRC_EVENT && o != NULL && o->domain.id < 0 &&
	       ((m->out.processes && vm->dom.pid == 0) || adopted);
}

void
machine_end(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at, unsigned source,
	    const struct tally_observation *o)
{
	struct tally_event ev = { .kind = cause == TALLY_C_MIGRATED ? TALLY_MIGRATED_OUT
								    : TALLY_STOPPED };
	TALLY_ASSERT(vm->run != 0);
	ev.m.has_cause = true;
	ev.m.cause = cause;
	if (unwitnessed(m, vm, source, o)) {
		/* It lies behind what was last known of it. */
		int64_t known = vm->changed.wall.ns > vm->seen.wall.ns ? vm->changed.wall.ns
								       : vm->seen.wall.ns;
		ev.m.has_not_before = known > 0 && known <= at.wall.ns;
		ev.m.not_before = (uint64_t)known;
	}
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
	vm->run = 0;
	vm->missing = vm->held = vm->migrating = vm->rebooted = vm->monitor = false;
	vm->ended = true;
	machine_unpend(m, vm);
	m->running--;
	if (cause == TALLY_C_SAVED)
		machine_saved(m, vm->dom.uuid);
}
