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

static void
set_raw(struct tally_event *ev, const struct tally_observation *o)
{
	if (o == NULL || o->kind != TALLY_OBS_EVENT)
		return;
	ev->o.has_raw_event = true;
	ev->o.raw_event = o->raw_event;
	ev->o.has_raw_detail = true;
	ev->o.raw_detail = o->raw_detail;
}

void
machine_begin(struct machine *m, struct vm *vm, unsigned kind, unsigned cause, struct tally_now at,
	      unsigned source, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = kind };
	TALLY_ASSERT(kind == TALLY_STARTED || kind == TALLY_BASELINE);
	if (vm->run == 0) {
		vm->run = m->next_run++;
		m->running++;
	}
	vm->starting = false;
	vm->ended = false;
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
	if (vm->dom.os[0] != '\0') {
		ev.m.os = tally_bytes_str(vm->dom.os);
		ev.m.has_evidence = true;
		ev.m.evidence = TALLY_E_OPERATOR;
	}
	ev.i.name = tally_bytes_str(vm->dom.name);
	set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
}

void
machine_end(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at, unsigned source,
	    const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_STOPPED };
	TALLY_ASSERT(vm->run != 0);
	ev.m.has_cause = true;
	ev.m.cause = cause;
	if (source == TALLY_SRC_POLL) {
		/* Nobody saw the moment: it lies behind what was last known of it. */
		int64_t known = vm->changed.wall.ns > vm->seen.wall.ns ? vm->changed.wall.ns
								       : vm->seen.wall.ns;
		ev.m.has_not_before = known > 0 && known <= at.wall.ns;
		ev.m.not_before = (uint64_t)known;
	}
	set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, at, source);
	vm->run = 0;
	vm->missing = false;
	vm->ended = true;
	m->running--;
}
