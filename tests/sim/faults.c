/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong. A seed has a random subset of all faults, for what hides
 * behind one fault is found where that one is absent.
 */
#include "sim.h"

static int64_t
between(struct host *h, int64_t from, int64_t to)
{
	return random_between(&h->world->random, from, to);
}

static void
later(struct host *h, int64_t in, void (*run)(struct world *, const struct event *))
{
	world_at(h->world, h->world->now + in, (struct event){ .run = run, .host = h });
}

static void
disturb_for(struct host *h, int64_t ns)
{
	int64_t now = truth_now(h);
	truth_disturbed(h, now, now + ns);
}

static void
end_manager(struct world *w, const struct event *e)
{
	(void)w;
	manager_up(e->host);
}

static void
conn_restart(struct host *h)
{
	if (!h->manager_up)
		return;
	manager_down(h);
	later(h,
	      random_chance(&h->world->random, 70) ? between(h, 300 * MS, 30 * SEC)
						   : between(h, MINUTE, 2 * HOUR),
	      end_manager);
}

static void
conn_drop(struct host *h)
{
	connection_lost(h, "closed");
	h->refuse_until = h->world->now + between(h, 0, MINUTE);
}

static void
conn_hang(struct host *h)
{
	h->hang_until = h->world->now + between(h, SEC, 2 * MINUTE);
	sim_trace(h->world, h, "the manager does not answer for a while");
	disturb_for(h, h->hang_until - h->world->now);
}

static void
late(struct host *h)
{
	h->late_by = between(h, 100 * MS, 30 * SEC);
	h->late_until = h->world->now + between(h, MINUTE, 30 * MINUTE);
	sim_trace(h->world, h, "events are up to %.1f s late", (double)h->late_by / 1e9);
}

static void
loss(struct host *h)
{
	h->loss_percent = (unsigned)between(h, 10, 100);
	h->loss_until = h->world->now + between(h, 10 * SEC, 30 * MINUTE);
	sim_trace(h->world, h, "%u %% of the events are lost for a while", h->loss_percent);
}

/* Events faster than anybody reads them. */
static void
storm(struct host *h)
{
	struct guest *g = NULL;
	for (size_t i = 0; i < GUESTS && g == NULL; i++) {
		if (h->guest_table[i].used && h->guest_table[i].life != NULL)
			g = &h->guest_table[i];
	}
	if (g == NULL)
		return;
	sim_trace(h->world, h, "a storm of events");
	h->stall_until = h->world->now + between(h, 0, 2 * SEC);
	for (int64_t n = between(h, 20, 600); n > 0; n--)
		guest_say(g, TALLY_REBOOTED, 0, NULL);
}

static void
list_hide(struct host *h)
{
	/* Twice in a row it would be gone, for all that anybody can tell. */
	if (h->world->now < h->hidden_at + MINUTE)
		return;
	h->hidden_at = h->world->now;
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &h->guest_table[i];
		if (g->used && g->life != NULL && random_chance(&h->world->random, 30))
			g->hidden = true;
	}
}

static void
stall(struct host *h)
{
	int64_t ns = between(h, SEC, 3 * MINUTE);
	sim_trace(h->world, h, "the agent does not run for %.1f s", (double)ns / 1e9);
	h->world->counts.stalls++;
	h->stall_until = h->world->now + ns;
	disturb_for(h, ns);
}

static void
kill_agent(struct host *h)
{
	h->world->counts.agent_kills++;
	if (random_chance(&h->world->random, 80))
		h->kill_in = 1 + random_below(&h->world->random, 80);
	else
		host_kill_agent(h, false);
}

static void
start_again(struct world *w, const struct event *e)
{
	(void)w;
	e->host->wanted = true;
	host_start_agent(e->host);
}

static void
stop_agent(struct host *h)
{
	if (h->agent == NULL || host_is_inside(h))
		return;
	h->wanted = false;
	host_stop_agent(h);
	later(h, between(h, 100 * MS, 2 * MINUTE), start_again);
}

static void
absent(struct host *h)
{
	int64_t ns = between(h, HOUR, 48 * HOUR);
	if (h->agent == NULL || host_is_inside(h) || h->world->now + ns > h->world->end)
		return;
	sim_trace(h->world, h, "no agent for %.1f h", (double)ns / (double)HOUR);
	h->wanted = false;
	if (random_chance(&h->world->random, 50)) {
		host_stop_agent(h);
	} else {
		h->world->counts.agent_kills++;
		host_kill_agent(h, false);
	}
	later(h, ns, start_again);
}

static void
power(struct host *h)
{
	if (random_chance(&h->world->random, 70) && h->agent != NULL) {
		h->power_after = true;
		h->kill_in = 1 + random_below(&h->world->random, 80);
	} else {
		host_kill_agent(h, true);
	}
}

static void
reboot_host(struct host *h)
{
	if (host_is_inside(h))
		return;
	host_stop_agent(h);
	host_power_off(h);
}

static void
resume_host(struct world *w, const struct event *e)
{
	struct host *h = e->host;
	if (!h->suspended)
		return;
	h->suspended = false;
	h->slept += w->now - h->asleep_at;
	tpm_resume(&h->tpm);
	sim_trace(w, h, "the host wakes up");
	if (random_chance(&w->random, 50))
		connection_lost(h, "suspended");
	if (h->agent == NULL && h->wanted)
		host_start_agent(h);
}

static void
suspend_host(struct host *h)
{
	int64_t ns = between(h, 5 * SEC, 8 * HOUR);
	if (host_is_inside(h))
		return;
	sim_trace(h->world, h, "the host is suspended for %.0f s", (double)ns / 1e9);
	h->world->counts.suspends++;
	h->suspended = true;
	h->asleep_at = h->world->now;
	truth_unwatched(h);
	disturb_for(h, ns);
	later(h, ns, resume_host);
}

static void
end_disk(struct world *w, const struct event *e)
{
	sim_trace(w, e->host, "the disk is well again");
	e->host->disk.full = false;
	e->host->disk.sync_fails = 0;
}

static void
disk_full(struct host *h)
{
	sim_trace(h->world, h, "the disk is full");
	h->world->counts.disk_full++;
	h->disk.full = true;
	later(h, between(h, SEC, random_chance(&h->world->random, 80) ? MINUTE : 10 * MINUTE),
	      end_disk);
}

static void
sync_fails(struct host *h)
{
	h->disk.sync_fails = (unsigned)between(h, 5, 100);
	sim_trace(h->world, h, "%u %% of the syncs fail", h->disk.sync_fails);
	h->world->counts.sync_errors++;
	later(h, between(h, SEC, 5 * MINUTE), end_disk);
}

static void
set_clock(struct host *h, int64_t step, int64_t ppb)
{
	int64_t was = host_wall(h), is = was + step;
	host_set_clock(h, step, ppb);
	truth_step(h, was, is);
	/* What is wrong for a while goes on, in the new time. */
	if (h->stall_until > h->world->now)
		disturb_for(h, h->stall_until - h->world->now);
	if (h->hang_until > h->world->now)
		disturb_for(h, h->hang_until - h->world->now);
}

static void
clock_step(struct host *h)
{
	static const int64_t most[] = { 2 * SEC, MINUTE, HOUR, 24 * HOUR };
	int64_t size = most[random_below(&h->world->random, 4)];
	int64_t step = between(h, -size, size);
	sim_trace(h->world, h, "the wall clock steps by %.3f s", (double)step / 1e9);
	h->world->counts.clock_steps++;
	if (h->agent != NULL && (step > 2 * SEC || step < -2 * SEC))
		h->steps++;
	set_clock(h, step, h->ppb);
}

static void
clock_slew(struct host *h)
{
	int64_t ppb = between(h, -500000, 500000);
	sim_trace(h->world, h, "the wall clock drifts by %.1f ppm", (double)ppb / 1e3);
	set_clock(h, 0, ppb);
}

static void
end_tpm(struct world *w, const struct event *e)
{
	sim_trace(w, e->host, "the TPM is well again");
	e->host->tpm.fail_percent = e->host->tpm.slow_percent = e->host->tpm.foreign_percent = 0;
}

static void
tpm_fails(struct host *h)
{
	h->tpm.fail_percent = (unsigned)between(h, 5, 80);
	sim_trace(h->world, h, "%u %% of the TPM's commands fail", h->tpm.fail_percent);
	later(h, between(h, MINUTE, 2 * HOUR), end_tpm);
}

static void
tpm_slow(struct host *h)
{
	h->tpm.slow_percent = (unsigned)between(h, 5, 100);
	sim_trace(h->world, h, "%u %% of the TPM's commands are slow", h->tpm.slow_percent);
	later(h, between(h, MINUTE, HOUR), end_tpm);
}

static void
tpm_foreign(struct host *h)
{
	h->tpm.foreign_percent = (unsigned)between(h, 1, 30);
	later(h, between(h, MINUTE, HOUR), end_tpm);
}

static void
tpm_dead(struct host *h)
{
	h->tpm.dead_until = h->world->now + between(h, MINUTE, 12 * HOUR);
	sim_trace(h->world, h, "the TPM is dead for a while");
}

static void
list_fail(struct host *h)
{
	h->list_fail_until = h->world->now + between(h, SEC, MINUTE);
}

static void
tpm_reset(struct host *h)
{
	sim_trace(h->world, h, "the TPM's helper dies");
	tpm_helper_dies(&h->tpm);
}

static void (*const doers[FAULTS])(struct host *h) = {
	[F_CONN_RESTART] = conn_restart,
	[F_CONN_DROP] = conn_drop,
	[F_CONN_HANG] = conn_hang,
	[F_LATE] = late,
	[F_LOSS] = loss,
	[F_STORM] = storm,
	[F_LIST_FAIL] = list_fail,
	[F_LIST_HIDE] = list_hide,
	[F_STALL] = stall,
	[F_KILL] = kill_agent,
	[F_STOP] = stop_agent,
	[F_ABSENT] = absent,
	[F_POWER] = power,
	[F_BOOT] = reboot_host,
	[F_SUSPEND] = suspend_host,
	[F_FULL] = disk_full,
	[F_SYNC] = sync_fails,
	[F_STEP] = clock_step,
	[F_SLEW] = clock_slew,
	[F_TPM_FAIL] = tpm_fails,
	[F_TPM_SLOW] = tpm_slow,
	[F_TPM_RESET] = tpm_reset,
	[F_TPM_DEAD] = tpm_dead,
	[F_TPM_FOREIGN] = tpm_foreign,
};

static void
next_fault(struct world *w, const struct event *e)
{
	struct host *h = &w->host[random_below(&w->random, w->host_count)];
	unsigned kind = (unsigned)random_below(&w->random, FAULTS);
	(void)e;
	if (w->final)
		return;
	for (unsigned i = 0; i < FAULTS; i++, kind = (kind + 1) % FAULTS) {
		if (w->fault[kind] && doers[kind] != NULL)
			break;
	}
	if (w->fault[kind] && doers[kind] != NULL && h->powered && !h->suspended)
		doers[kind](h);
	faults_begin(w);
}

void
faults_begin(struct world *w)
{
	world_at(w, w->now + random_wait(&w->random, w->fault_pace),
		 (struct event){ .run = next_fault });
}

void
faults_choose(struct world *w)
{
	static const int64_t paces[] = { 10 * MINUTE, 40 * MINUTE, 2 * HOUR, 8 * HOUR };
	unsigned share = (unsigned)random_below(&w->random, 5) * 15; /* 0: none at all */
	w->fault_pace = paces[random_below(&w->random, 4)];
	for (unsigned i = 0; i < FAULTS; i++)
		w->fault[i] = random_chance(&w->random, share);
	/* Clocks that jump make every comparison loose: only where they are the matter. */
	if (!random_chance(&w->random, 30))
		w->fault[F_STEP] = false;
}

void
faults_heal(struct world *w)
{
	for (unsigned i = 0; i < w->host_count; i++) {
		struct host *h = &w->host[i];
		struct event e = { .host = h };
		h->kill_in = 0;
		h->power_after = false;
		h->hang_until = h->refuse_until = h->late_until = h->loss_until = 0;
		h->list_fail_until = h->stall_until = 0;
		h->tpm.dead_until = 0;
		end_disk(w, &e);
		end_tpm(w, &e);
		resume_host(w, &e);
		host_boot(h);
		manager_up(h);
		h->wanted = true;
		if (h->agent == NULL)
			later(h, SEC, start_again);
	}
	w->fault[F_LIST_UNKNOWN] = w->fault[F_DOUBLE] = false;
}
