/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of events. libvirt's events carry no time and no sequence,
 * come twice or not at all, and two of them make one start; the rules are those
 * that were measured: a start is RESUMED and then STARTED, a run ends at the
 * SHUTDOWN that QEMU reports and the STOPPED behind it says nothing new.
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
	tdelete(vm, &m->vms, by_uuid);
	m->count--;
	free(vm);
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

void
machine_adopt(struct machine *m, const struct tally_domain *dom, uint64_t run,
	      struct tally_wall seen)
{
	struct vm *vm = machine_add(m, dom);
	if (vm->run == 0)
		m->running++;
	vm->run = run;
	vm->state = dom->state;
	vm->seen.wall = seen;
}

size_t
machine_running(const struct machine *m)
{
	return m->running;
}

/* vCPUs, memory and OS, which events do not carry. */
static void
learn(struct machine *m, struct vm *vm)
{
	struct tally_domain d;
	if (m->out.describe(m->out.ctx, vm->dom.uuid, &d) == 1 && d.id == vm->dom.id)
		vm->dom = d;
}

static void
on_started(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (vm->starting) {
		machine_begin(m, vm, TALLY_STARTED, o->cause, vm->since, TALLY_SRC_EVENT, o);
		return;
	}
	if (vm->run != 0)
		return; /* it came twice */
	vm->start_cause = o->cause;
	if (o->cause == TALLY_C_MIGRATED)
		return; /* listed, not executing: it counts from RESUMED */
	/* Started paused: it holds its memory and its licence, and does not run. */
	vm->state = TALLY_ST_PAUSED;
	learn(m, vm);
	machine_begin(m, vm, TALLY_STARTED, o->cause, o->at, TALLY_SRC_EVENT, o);
}

static void
on_resumed(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_RESUMED };
	unsigned was = vm->state;
	vm->state = TALLY_ST_RUNNING;
	if (vm->run != 0) {
		if (was == TALLY_ST_RUNNING)
			return;
		ev.m.has_cause = true;
		ev.m.cause = o->cause;
		ev.o.has_raw_event = ev.o.has_raw_detail = true;
		ev.o.raw_event = o->raw_event;
		ev.o.raw_detail = o->raw_detail;
		machine_emit_vm(m, &ev, vm, o->at, TALLY_SRC_EVENT);
		return;
	}
	if (vm->starting)
		return;
	learn(m, vm);
	if (vm->start_cause != 0 || vm->ended) {
		/* Its STARTED has been (a migration's target), or the same process goes
		 * on behind a SHUTDOWN (a reboot that libvirt made of it). */
		unsigned cause = vm->start_cause != 0 ? vm->start_cause : TALLY_C_BOOT;
		machine_begin(m, vm, TALLY_STARTED, cause, o->at, TALLY_SRC_EVENT, o);
		return;
	}
	vm->starting = true;
	vm->since = o->at;
}

static void
on_suspended(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_SUSPENDED };
	unsigned state = o->cause == TALLY_C_PMSUSPENDED ? TALLY_ST_PMSUSPENDED : TALLY_ST_PAUSED;
	if (vm->starting)
		machine_begin(m, vm, TALLY_STARTED, TALLY_C_UNKNOWN, vm->since, TALLY_SRC_EVENT,
			      NULL);
	if (vm->run == 0 || vm->state == state)
		return;
	vm->state = state;
	ev.m.has_state = true;
	ev.m.state = state;
	ev.m.has_cause = true;
	ev.m.cause = o->cause;
	ev.o.has_raw_event = ev.o.has_raw_detail = true;
	ev.o.raw_event = o->raw_event;
	ev.o.raw_detail = o->raw_detail;
	machine_emit_vm(m, &ev, vm, o->at, TALLY_SRC_EVENT);
}

static void
on_stopped(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (vm->starting)
		machine_begin(m, vm, TALLY_STARTED, TALLY_C_UNKNOWN, vm->since, TALLY_SRC_EVENT,
			      NULL);
	if (vm->run != 0)
		machine_end(m, vm, o->cause, o->at, TALLY_SRC_EVENT, o);
	/* Behind a SHUTDOWN the process is still there; behind STOPPED it is not. */
	if (o->domain.id < 0)
		machine_forget(m, vm);
}

static void
on_other(struct machine *m, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = o->what };
	struct vm vm = { .dom = o->domain };
	struct vm *known = machine_find(m, o->domain.uuid);
	if (known != NULL)
		vm.run = known->run;
	ev.i.name = tally_bytes_str(vm.dom.name);
	ev.o.has_raw_event = ev.o.has_raw_detail = true;
	ev.o.raw_event = o->raw_event;
	ev.o.raw_detail = o->raw_detail;
	machine_emit_vm(m, &ev, &vm, o->at, TALLY_SRC_EVENT);
}

/* Another id under the same UUID: the old run's stop was never seen. */
static void
check_incarnation(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (o->domain.id < 0 || vm->dom.id < 0 || vm->dom.id == o->domain.id)
		return;
	if (vm->run != 0)
		machine_end(m, vm, TALLY_C_VANISHED, o->at, TALLY_SRC_POLL, NULL);
	*vm = (struct vm){ .dom = o->domain };
}

void
machine_observe(struct machine *m, const struct tally_observation *o)
{
	struct vm *vm;
	switch (o->what) {
	case TALLY_STARTED:
	case TALLY_RESUMED:
	case TALLY_SUSPENDED:
	case TALLY_STOPPED:
		break;
	case 0:
		return; /* the caller lists */
	default:
		on_other(m, o);
		return;
	}
	vm = machine_find(m, o->domain.uuid);
	if (vm == NULL) {
		if (o->what == TALLY_STOPPED || o->what == TALLY_SUSPENDED)
			return; /* of a VM that never executed: a failed start, a target that was
				   aborted */
		vm = machine_add(m, &o->domain);
	}
	check_incarnation(m, vm, o);
	if (o->domain.id >= 0)
		vm->dom.id = o->domain.id;
	vm->changed = o->at;
	if (o->what == TALLY_STARTED)
		on_started(m, vm, o);
	else if (o->what == TALLY_RESUMED)
		on_resumed(m, vm, o);
	else if (o->what == TALLY_SUSPENDED)
		on_suspended(m, vm, o);
	else
		on_stopped(m, vm, o);
}

static void
tick_vm(struct machine *m, struct vm *vm, void *ctx)
{
	const struct tally_now *now = ctx;
	if (vm->starting && now->uptime.ns - vm->since.uptime.ns > TALLY_SECOND)
		machine_begin(m, vm, TALLY_STARTED, TALLY_C_UNKNOWN, vm->since, TALLY_SRC_EVENT,
			      NULL);
}

void
machine_tick(struct machine *m, struct tally_now now)
{
	machine_each(m, tick_vm, &now);
}
