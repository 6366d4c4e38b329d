/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to VMs on one host, with the sequences of events that libvirt
 * and QEMU were measured to give (metering: Resumed and Started 2 to 44 ms
 * apart, Stopped 0.2 to 2.1 s behind the truth, no times, no numbers).
 */
#include "sim.h"

void
vm_later(struct world *w, int64_t in, struct sim_vm *vm, vm_event *run, int64_t arg)
{
	struct guest *g = vm->guest;
	world_at(w, w->now + in,
		 (struct event){ .run = run,
				 .vm = vm,
				 .guest = g,
				 .number = g != NULL ? g->number : 0,
				 .arg = arg });
}

struct guest *
vm_still(const struct event *e)
{
	struct guest *g = e->guest;
	return g != NULL && g->used && g->number == e->number && g->alive ? g : NULL;
}

static int64_t
between(struct world *w, int64_t from, int64_t to)
{
	return random_between(&w->random, from, to);
}

struct change *
vm_end_life(struct guest *g, const char *why)
{
	if (g->life == NULL)
		return NULL;
	truth_end(g->life, why);
	g->life = NULL;
	g->host->world->counts.stops++;
	return truth_change(g->host, g->vm, why);
}

/* The manager has tidied up behind a process that ended. */
static void
process_gone(struct world *w, const struct event *e)
{
	struct guest *g = e->guest;
	(void)w;
	if (!g->used || g->number != e->number || !g->host->manager_up)
		return; /* a manager that is away finds it gone when it comes back */
	guest_unlist(g);
	guest_say(g, TALLY_STOPPED, (unsigned)e->arg, e->data);
}

void
vm_end_process(struct world *w, struct guest *g, unsigned cause, struct change *change,
	       int64_t after)
{
	guest_exit(g);
	world_at(w, w->now + after,
		 (struct event){ .run = process_gone,
				 .guest = g,
				 .number = g->number,
				 .arg = (int64_t)cause,
				 .data = change });
}

/* The VM is off: what it does next is open. */
static void
off(struct world *w, struct sim_vm *vm)
{
	vm->guest = NULL;
	vm->busy = false;
	vm_schedule(w, vm);
}

/* The second event of a start. */
static void
say_started(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	(void)w;
	if (g != NULL)
		guest_say(g, TALLY_STARTED, (unsigned)e->arg, e->data);
}

static void
begin_life(struct world *w, struct guest *g, unsigned cause)
{
	struct change *c, *runs;
	struct event second = {
		.run = say_started, .guest = g, .number = g->number, .arg = (int64_t)cause
	};
	g->state = TALLY_ST_RUNNING;
	g->cause = cause;
	g->life = truth_begin(g->host, g->vm, g->id, g->pid, g->ticks, true);
	/* STARTED tells of the process, RESUMED that it executes. */
	c = truth_change(g->host, g->vm, "start");
	runs = truth_change(g->host, g->vm, "execution");
	runs->also = c;
	second.data = c;
	sim_trace(w, g->host, "%s executes (%s), id %lld pid %u", g->vm->name,
		  tally_cause_name(cause), (long long)g->id, g->pid);
	w->counts.starts++;
	if (cause != TALLY_C_BOOT && random_chance(&w->random, 50)) {
		guest_say(g, TALLY_STARTED, cause, c);
		guest_say(g, TALLY_RESUMED, TALLY_C_UNPAUSED, runs);
		return;
	}
	guest_say(g, TALLY_RESUMED, TALLY_C_UNPAUSED, runs);
	world_at(w, w->now + between(w, 2 * MS, 44 * MS), second);
}

static void
destroy(struct world *w, struct guest *g, unsigned cause)
{
	struct sim_vm *vm = g->vm;
	struct change *c;
	sim_trace(w, g->host, "%s ends: %s", vm->name, tally_cause_name(cause));
	c = vm_end_life(g, tally_cause_name(cause));
	vm_end_process(w, g, cause, c, between(w, 200 * MS, 2100 * MS));
	off(w, vm);
}

static void
destroy_later(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	if (g != NULL && e->vm->guest == g)
		destroy(w, g, (unsigned)e->arg);
}

static void
executes(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	if (g == NULL)
		return;
	begin_life(w, g, (unsigned)e->arg);
	g->vm->busy = false;
	if (random_chance(&w->random, 5)) {
		w->counts.short_lives++;
		vm_later(w, 200 * MS, g->vm, destroy_later, TALLY_C_DESTROYED);
		g->vm->busy = true;
	} else {
		vm_schedule(w, g->vm);
	}
}

static void
start_with(struct world *w, struct sim_vm *vm, struct host *h, unsigned cause)
{
	struct guest *g = guest_new(h, vm);
	vm->home = h;
	vm->guest = g;
	if (g == NULL) {
		off(w, vm);
		return;
	}
	vm->busy = true;
	vm_later(w, between(w, 5 * MS, 400 * MS), vm, executes, (int64_t)cause);
}

void
vm_start(struct world *w, struct sim_vm *vm, struct host *h)
{
	if (vm->saved)
		w->counts.restores++;
	start_with(w, vm, h, vm->saved ? TALLY_C_RESTORE : TALLY_C_BOOT);
	vm->saved = false;
}

static void
pause_vm(struct world *w, struct guest *g, unsigned cause)
{
	bool pm = cause == TALLY_C_PMSUSPENDED;
	g->state = pm ? TALLY_ST_PMSUSPENDED : TALLY_ST_PAUSED;
	g->cause = cause;
	truth_state(g->life, !pm, false);
	w->counts.pauses++;
	guest_say(g, TALLY_SUSPENDED, cause, truth_change(g->host, g->vm, "pause"));
}

static void
unpause(struct world *w, struct guest *g)
{
	struct change *c = truth_change(g->host, g->vm, "resume");
	bool pm = g->state == TALLY_ST_PMSUSPENDED;
	g->state = TALLY_ST_RUNNING;
	g->cause = pm ? TALLY_C_WAKEUP : TALLY_C_UNPAUSED;
	truth_state(g->life, true, true);
	if (pm) {
		w->counts.wakeups++;
		guest_say(g, TALLY_STARTED, TALLY_C_WAKEUP, c);
	} else {
		guest_say(g, TALLY_RESUMED, TALLY_C_UNPAUSED, c);
	}
}

static void
say_reboot(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	(void)w;
	if (g != NULL)
		guest_say(g, TALLY_REBOOTED, 0, NULL);
}

static void
reboot(struct world *w, struct guest *g)
{
	int64_t at = 0;
	w->counts.reboots++;
	for (int64_t n = between(w, 2, 3); n > 0; n--) {
		vm_later(w, at, g->vm, say_reboot, 0);
		at += between(w, 100 * MS, 900 * MS);
	}
}

/* The guest is off; the process goes 0.8 to 1.9 s later, when the manager has
 * told it to. */
static void
process_after_shutdown(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	if (g == NULL || e->vm->guest != g)
		return;
	if (!g->host->manager_up) {
		vm_later(w, SEC, e->vm, process_after_shutdown, 0);
		return;
	}
	vm_end_process(w, g, TALLY_C_SHUTDOWN, NULL, between(w, 10 * MS, 200 * MS));
	off(w, e->vm);
}

/* virsh reboot by way of a shutdown: the same process begins again. */
static void
execute_again(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	struct change *c;
	if (g == NULL || e->vm->guest != g)
		return;
	g->state = TALLY_ST_RUNNING;
	g->cause = TALLY_C_BOOT;
	g->life = truth_begin(g->host, g->vm, g->id, g->pid, g->ticks, true);
	sim_trace(w, g->host, "%s executes again in its process", g->vm->name);
	w->counts.starts++;
	c = truth_change(g->host, g->vm, "start");
	guest_say(g, TALLY_RESUMED, TALLY_C_UNPAUSED, c);
	e->vm->busy = false;
	vm_schedule(w, e->vm);
}

static void
shutdown(struct world *w, struct guest *g, bool again)
{
	struct change *c;
	sim_trace(w, g->host, "%s shuts down%s", g->vm->name, again ? " to begin again" : "");
	c = vm_end_life(g, "shutdown");
	g->state = TALLY_ST_STOPPING;
	g->cause = TALLY_C_SHUTDOWN;
	guest_say(g, TALLY_STOPPED, TALLY_C_SHUTDOWN, c);
	g->vm->busy = true;
	if (again)
		vm_later(w, between(w, 100 * MS, 900 * MS), g->vm, execute_again, 0);
	else
		vm_later(w, between(w, 800 * MS, 1900 * MS), g->vm, process_after_shutdown, 0);
}

static void
crash(struct world *w, struct guest *g)
{
	unsigned how = (unsigned)random_below(&w->random, 3);
	struct change *c;
	w->counts.crashes++;
	sim_trace(w, g->host, "%s crashes", g->vm->name);
	g->state = TALLY_ST_CRASHED;
	g->cause = TALLY_C_CRASHED;
	if (how == 0) { /* on_crash = destroy */
		c = vm_end_life(g, "crash");
		guest_say(g, TALLY_CRASHED, TALLY_C_CRASHED, c);
		g->vm->busy = true;
		vm_later(w, between(w, 50 * MS, 500 * MS), g->vm, destroy_later, TALLY_C_CRASHED);
		return;
	}
	truth_state(g->life, false, false);
	c = truth_change(g->host, g->vm, "crash");
	guest_say(g, TALLY_CRASHED, TALLY_C_CRASHED, c);
	if (how == 1) { /* restart */
		truth_state(g->life, true, true);
		g->state = TALLY_ST_RUNNING;
		g->cause = TALLY_C_UNKNOWN;
		guest_say(g, TALLY_RESUMED, TALLY_C_UNPAUSED,
			  truth_change(g->host, g->vm, "reset"));
	}
}

static void
saved(struct world *w, const struct event *e)
{
	struct guest *g = vm_still(e);
	struct change *c;
	if (g == NULL || e->vm->guest != g)
		return;
	if (!g->host->manager_up) { /* the job dies with the manager; the VM stays paused */
		e->vm->busy = false;
		vm_schedule(w, e->vm);
		return;
	}
	c = vm_end_life(g, "saved");
	sim_trace(w, g->host, "%s is saved", e->vm->name);
	e->vm->saved = true;
	vm_end_process(w, g, TALLY_C_SAVED, c, between(w, MS, 50 * MS));
	off(w, e->vm);
}

static void
save(struct world *w, struct guest *g)
{
	w->counts.saves++;
	sim_trace(w, g->host, "%s is being saved", g->vm->name);
	pause_vm(w, g, TALLY_C_PAUSED);
	g->vm->busy = true;
	vm_later(w, between(w, 100 * MS, 20 * SEC), g->vm, saved, 0);
}

static void
revert(struct world *w, struct guest *g)
{
	struct host *h = g->host;
	struct sim_vm *vm = g->vm;
	struct change *c;
	w->counts.reverts++;
	sim_trace(w, h, "%s is reverted", vm->name);
	c = vm_end_life(g, "revert");
	guest_exit(g);
	guest_unlist(g);
	guest_say(g, TALLY_STOPPED, TALLY_C_SNAPSHOT, c);
	start_with(w, vm, h, TALLY_C_SNAPSHOT);
}

/* What the manager's user can do only while there is a manager. */
static bool
act_running_managed(struct world *w, struct guest *g, unsigned dice)
{
	if (!g->host->manager_up)
		return false;
	if (dice < 12)
		pause_vm(w, g, TALLY_C_PAUSED);
	else if (dice < 20)
		destroy(w, g, TALLY_C_DESTROYED);
	else if (dice < 26)
		save(w, g);
	else if (dice < 31)
		revert(w, g);
	else if (dice < 35)
		shutdown(w, g, true);
	else if (dice < 38)
		g->vm->vcpus = 1 + (uint32_t)random_below(&w->random, 16);
	else if (dice < 40)
		g->vm->tagged = !g->vm->tagged;
	else if (dice < 55)
		return vm_move(w, g->vm);
	else
		return false;
	return true;
}

/* Of a newer libvirt: a number that nobody knows. */
static void
say_unknown(struct guest *g)
{
	guest_say(g, 0, 0, NULL);
}

static void
act_running(struct world *w, struct guest *g)
{
	unsigned dice = (unsigned)random_below(&w->random, 100);
	if (dice < 55 && act_running_managed(w, g, dice))
		return;
	if (dice < 66) {
		shutdown(w, g, false);
	} else if (dice < 74) {
		sim_trace(w, g->host, "kill -9 of %s", g->vm->name);
		destroy(w, g, TALLY_C_FAILED);
	} else if (dice < 77) {
		sim_trace(w, g->host, "a monitor quits %s", g->vm->name);
		destroy(w, g, TALLY_C_SHUTDOWN);
	} else if (dice < 84) {
		crash(w, g);
	} else if (dice < 89) {
		pause_vm(w, g, TALLY_C_PMSUSPENDED);
	} else if (dice < 91) {
		pause_vm(w, g, TALLY_C_IOERROR);
	} else if (dice < 93) {
		say_unknown(g);
	} else {
		reboot(w, g);
	}
}

static struct host *
choose_host(struct world *w, struct sim_vm *vm)
{
	if (w->host_count > 1 && random_chance(&w->random, 20))
		return &w->host[random_below(&w->random, w->host_count)];
	return vm->home;
}

static void
act(struct world *w, const struct event *e)
{
	struct sim_vm *vm = e->vm;
	struct guest *g = vm->guest;
	if (vm->busy || g != e->guest || (g != NULL && g->number != e->number))
		return; /* what it was planned for is over */
	if (g == NULL) {
		struct host *h = choose_host(w, vm);
		if (h->powered && !h->suspended && h->manager_up && !guest_listed(h, vm))
			vm_start(w, vm, h);
		else
			vm_schedule(w, vm);
		return;
	}
	if (!g->host->suspended && g->life != NULL) {
		if (g->state == TALLY_ST_RUNNING)
			act_running(w, g);
		else if (g->host->manager_up && random_chance(&w->random, 80) &&
			 g->state != TALLY_ST_CRASHED)
			unpause(w, g);
		else if (g->host->manager_up)
			destroy(w, g, TALLY_C_DESTROYED);
	}
	if (vm->guest == g && !vm->busy)
		vm_schedule(w, vm);
}

void
vm_schedule(struct world *w, struct sim_vm *vm)
{
	int64_t mean = w->vm_pace;
	if (vm->guest == NULL || vm->guest->state != TALLY_ST_RUNNING)
		mean /= 8; /* off or paused it is for a while only */
	vm_later(w, random_wait(&w->random, mean), vm, act, 0);
}

void
life_host_died(struct world *w, struct host *h)
{
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &h->guest_table[i];
		if (!g->used)
			continue;
		(void)vm_end_life(g, "power");
		g->used = g->alive = g->listed = false;
		if (g->vm->guest == g && !g->vm->moving)
			off(w, g->vm);
	}
}
