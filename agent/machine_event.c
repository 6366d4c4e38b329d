/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of events. libvirt's events carry no time and no sequence,
 * come late, twice or not at all, and two of them make one start; the rules are
 * those that were measured: a start is RESUMED and then STARTED, a run ends at
 * the SHUTDOWN that QEMU reports and the STOPPED behind it says nothing new; a
 * migration's source is left at SUSPENDED, its target executes from RESUMED on.
 */
#include "machine_internal.h"

#include <string.h>

#include "tally/err.h"

/* REBOOT comes two or three times for one reboot. */
#define REBOOT_WINDOW (2 * TALLY_SECOND)

static void
on_started(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (vm->starting) {
		machine_begin(m, vm, TALLY_STARTED, o->cause, vm->since, TALLY_SRC_EVENT, o);
		return;
	}
	if (vm->run != 0 && o->cause == TALLY_C_WAKEUP && vm->state == TALLY_ST_PMSUSPENDED) {
		vm->state = TALLY_ST_RUNNING;
		machine_note(m, vm, TALLY_RESUMED, TALLY_C_WAKEUP, o->at, TALLY_SRC_EVENT, o);
		return;
	}
	if (vm->run != 0 || vm->ended || vm->dead)
		return; /* it came twice */
	if (o->cause == TALLY_C_MIGRATED) {
		vm->incoming = true; /* listed, not executing: it counts from RESUMED */
		return;
	}
	/* QEMU's STARTED comes alone where it is started paused: it holds its memory and
	 * its licence, and does not run. Other drivers' always does, and the guest runs. */
	vm->state = TALLY_ST_PAUSED;
	machine_learn(m, vm);
	if (o->cause == TALLY_C_BOOT && !vm->undescribed && vm->dom.state == TALLY_ST_RUNNING)
		vm->state = TALLY_ST_RUNNING;
	machine_begin(m, vm, TALLY_STARTED, o->cause, o->at, TALLY_SRC_EVENT, o);
	vm->loaded = o->cause == TALLY_C_SNAPSHOT || o->cause == TALLY_C_RESTORE;
}

static void
go_on(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	bool ran = vm->state == TALLY_ST_RUNNING;
	/* Into the same process. The first one of a process that began with a snapshot
	 * or a saved state only says what was told then. */
	if (o->cause == TALLY_C_SNAPSHOT && !vm->loaded)
		machine_travel(m, vm, TALLY_C_REVERT, o->at, TALLY_SRC_EVENT, o);
	vm->loaded = false;
	if (ran)
		return;
	vm->state = TALLY_ST_RUNNING;
	machine_note(m, vm, TALLY_RESUMED, o->cause, o->at, TALLY_SRC_EVENT, o);
	if (!vm->migrating)
		return;
	vm->migrating = false;
	machine_note(m, vm, TALLY_MIGRATION_FAILED, 0, o->at, TALLY_SRC_EVENT, o);
}

/* How a VM began that runs, as the manager says of its state; 0: it does not. */
static unsigned
begin_cause(const struct vm *vm)
{
	const struct tally_domain *d = &vm->dom;
	if (vm->undescribed || d->state != TALLY_ST_RUNNING)
		return 0;
	return d->cause == TALLY_C_BOOT || d->cause == TALLY_C_RESTORE ||
			       d->cause == TALLY_C_SNAPSHOT
		       ? d->cause
		       : 0;
}

static void
on_resumed(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (vm->dead || vm->starting)
		return;
	if (vm->run != 0) {
		go_on(m, vm, o);
		return;
	}
	vm->state = TALLY_ST_RUNNING;
	machine_learn(m, vm);
	if (vm->incoming || machine_is_move(o->cause)) {
		machine_begin(m, vm, TALLY_MIGRATED_IN,
			      machine_is_move(o->cause) ? o->cause : TALLY_C_MIGRATED, o->at,
			      TALLY_SRC_EVENT, o);
	} else if (vm->ended) {
		/* The same process goes on behind a SHUTDOWN: a reboot by the host. */
		machine_begin(m, vm, TALLY_STARTED, TALLY_C_BOOT, o->at, TALLY_SRC_EVENT, o);
		machine_note(m, vm, TALLY_REBOOTED, TALLY_C_HOST, o->at, TALLY_SRC_EVENT, o);
	} else if (begin_cause(vm) != 0) {
		/* No need to wait for the event that says the same. */
		machine_begin(m, vm, TALLY_STARTED, begin_cause(vm), o->at, TALLY_SRC_EVENT, o);
	} else {
		vm->starting = true;
		vm->since = o->at;
		machine_pend(m, vm);
	}
}

static void
on_suspended(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	unsigned state = o->cause == TALLY_C_PMSUSPENDED ? TALLY_ST_PMSUSPENDED : TALLY_ST_PAUSED;
	if (vm->dead)
		return;
	machine_start_now(m, vm);
	if (vm->run == 0) {
		if (!vm->incoming || o->cause != TALLY_C_PAUSED)
			return;
		/* A paused VM was migrated, and stays paused here. */
		vm->state = state;
		machine_learn(m, vm);
		machine_begin(m, vm, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, o->at, TALLY_SRC_EVENT,
			      o);
		return;
	}
	if (vm->state == state && (!machine_is_move(o->cause) || vm->migrating))
		return;
	vm->state = state;
	vm->migrating = machine_is_move(o->cause);
	machine_note(m, vm, TALLY_SUSPENDED, o->cause, o->at, TALLY_SRC_EVENT, o);
}

static void
on_crashed(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	struct tally_now at = vm->held && vm->held_at.wall.ns < o->at.wall.ns ? vm->held_at : o->at;
	machine_start_now(m, vm);
	if (vm->run == 0 || vm->state == TALLY_ST_CRASHED)
		return;
	vm->state = TALLY_ST_CRASHED;
	machine_note(m, vm, TALLY_CRASHED, o->cause, at, TALLY_SRC_EVENT, o);
}

/* A STOPPED names no process. Where nothing else says that this one has ended,
 * and the manager still shows it, the event is a late one of the one before. Where
 * the manager cannot be asked, the end of the process is awaited that is watched. */
static bool
still_there(struct machine *m, const struct vm *vm)
{
	struct tally_domain d = { .id = -1 };
	int shown;
	if (vm->dead || vm->run == 0 || vm->dom.id < 0)
		return false;
	shown = m->out.describe(m->out.ctx, vm->dom.uuid, &d);
	if (shown < 0)
		return m->out.processes && vm->dom.pid != 0;
	return shown == 1 && d.id == vm->dom.id && machine_same(vm, &d) &&
	       (d.state == TALLY_ST_RUNNING || d.state == TALLY_ST_PAUSED);
}

static void
on_stopped(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	bool gone = o->domain.id < 0; /* behind a SHUTDOWN the process is still there */
	if (gone && (vm->conflict || still_there(m, vm))) {
		vm->changed = o->at;
		return;
	}
	machine_start_now(m, vm);
	if (vm->run != 0 && vm->held)
		machine_end(m, vm, o->cause, vm->held_at, TALLY_SRC_PROC, o);
	else if (vm->run != 0)
		machine_end(m, vm, o->cause, o->at, TALLY_SRC_EVENT, o);
	else if (gone && vm->incoming)
		machine_note(m, vm, TALLY_MIGRATION_FAILED, o->cause, o->at, TALLY_SRC_EVENT, o);
	vm->changed = o->at; /* an end without a witness lies behind the change before it */
	if (gone)
		machine_leave(m, vm, o->at);
}

static void
on_rebooted(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = TALLY_REBOOTED };
	if (vm->run == 0 || vm->dead ||
	    (vm->rebooted && o->at.uptime.ns - vm->reboot.uptime.ns <= REBOOT_WINDOW))
		return;
	vm->rebooted = true;
	vm->reboot = o->at;
	ev.m.has_cause = true;
	ev.m.cause = TALLY_C_GUEST;
	ev.m.has_count = true;
	ev.m.count = 1;
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, vm, o->at, TALLY_SRC_EVENT);
}

/* Of a definition, which may be of a VM that does not run. */
static void
on_definition(struct machine *m, struct vm *known, const struct tally_observation *o)
{
	struct tally_event ev = { .kind = o->what };
	struct vm vm = { .dom = o->domain };
	if (known != NULL)
		vm.run = known->run;
	ev.i.name = tally_bytes_str(vm.dom.name);
	ev.m.has_cause = o->cause != 0;
	ev.m.cause = o->cause;
	machine_set_raw(&ev, o);
	machine_emit_vm(m, &ev, &vm, o->at, TALLY_SRC_EVENT);
}

/* An event of another process than the one whose run is open: a late one of the
 * process before it, as the manager shows; or where that cannot be asked, as the
 * id does, for ids rise while a manager runs. */
static bool
is_late(struct machine *m, const struct vm *vm, const struct tally_observation *o)
{
	struct tally_domain d = { .id = -1 };
	int shown;
	if (vm->run == 0 || vm->dead)
		return false;
	shown = m->out.describe(m->out.ctx, vm->dom.uuid, &d);
	return shown < 0 ? o->domain.id < vm->dom.id : shown == 1 && d.id == vm->dom.id;
}

/* False: the event is of a process that is no more. Else, where the event is of
 * another process than the one that is known, that one's stop was never seen. */
static bool
check_incarnation(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (o->at.uptime.ns < vm->agreed.uptime.ns)
		return false; /* the list that was taken behind it has all that it says */
	if (o->domain.id < 0 || vm->dom.id < 0 || vm->dom.id == o->domain.id)
		return true;
	if (vm->conflict || is_late(m, vm, o))
		return false;
	machine_settle(m, vm);
	if (vm->run != 0)
		machine_end(m, vm, TALLY_C_VANISHED, o->at, TALLY_SRC_POLL, NULL);
	machine_renew(m, vm, &o->domain);
	return true;
}

static void
on_lifecycle(struct machine *m, struct vm *vm, const struct tally_observation *o)
{
	if (vm == NULL) {
		if (o->what != TALLY_STARTED && o->what != TALLY_RESUMED)
			return; /* of a VM that never executed: a failed start */
		vm = machine_add(m, &o->domain);
	}
	if (!check_incarnation(m, vm, o))
		return;
	if (o->domain.id >= 0)
		vm->dom.id = o->domain.id;
	if (vm->dom.pid == 0) {
		vm->dom.pid = o->domain.pid;
		vm->dom.start_ticks = o->domain.start_ticks;
	}
	if (o->what != TALLY_STOPPED)
		vm->changed = o->at;
	switch (o->what) {
	case TALLY_STARTED:
		on_started(m, vm, o);
		break;
	case TALLY_RESUMED:
		on_resumed(m, vm, o);
		break;
	case TALLY_SUSPENDED:
		on_suspended(m, vm, o);
		break;
	case TALLY_CRASHED:
		on_crashed(m, vm, o);
		break;
	default:
		on_stopped(m, vm, o);
		break;
	}
}

void
machine_observe(struct machine *m, const struct tally_observation *o)
{
	struct vm *vm;
	if (o->kind == TALLY_OBS_EXIT) {
		machine_exit(m, o);
		return;
	}
	if (o->kind != TALLY_OBS_EVENT)
		return;
	vm = machine_find(m, o->domain.uuid);
	switch (o->what) {
	case TALLY_STARTED:
	case TALLY_RESUMED:
	case TALLY_SUSPENDED:
	case TALLY_CRASHED:
	case TALLY_STOPPED:
		on_lifecycle(m, vm, o);
		break;
	case TALLY_REBOOTED:
		if (vm != NULL)
			on_rebooted(m, vm, o);
		break;
	case TALLY_TAGS:
		if (vm != NULL && vm->run != 0)
			machine_learn_again(m, vm, o->at, TALLY_SRC_EVENT, o);
		break;
	case TALLY_RENAMED:
		if (vm != NULL) {
			machine_rename(m, vm, o->domain.name, o->at, TALLY_SRC_EVENT, o);
			break;
		}
		on_definition(m, NULL, o);
		break;
	case 0:
		break; /* the caller lists */
	default:
		on_definition(m, vm, o);
		break;
	}
}
