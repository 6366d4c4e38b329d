/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated hypervisor as the agent sees it: struct tally_source. */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "sim.h"
#include "tally/err.h"

static int
source_connect(void *ctx, struct tally_err *err)
{
	struct host *h = ctx;
	struct world *w = h->world;
	if (!host_outside(h, "connect"))
		return tally_err_set(err, TALLY_SYS, "killed");
	if (w->now < h->hang_until) {
		host_call_time(h, 3 * SEC, false);
		return tally_err_set(err, TALLY_SYS, "the manager does not answer");
	}
	if (!h->manager_up || w->now < h->refuse_until)
		return tally_err_set(err, TALLY_SYS, "the manager refuses");
	h->connected = true;
	h->connection++;
	h->pipe_at = w->now;
	sim_trace(w, h, "connected");
	return 0;
}

static void
source_disconnect(void *ctx)
{
	struct host *h = ctx;
	if (!host_outside(h, "disconnect"))
		return;
	h->connected = false;
	h->connection++;
	truth_unwatched(h);
}

static int
cannot(struct host *h, struct tally_err *err)
{
	struct world *w = h->world;
	if (!host_outside(h, "ask"))
		return tally_err_set(err, TALLY_SYS, "killed");
	if (w->now < h->hang_until) {
		host_call_time(h, random_between(&w->random, 5 * SEC, 15 * SEC), false);
		if (w->now < h->hang_until)
			connection_lost(h, "keepalive");
	}
	if (!h->connected || !h->manager_up)
		return tally_err_set(err, TALLY_SYS, "no connection");
	if (w->now < h->list_fail_until) {
		w->counts.failed_lists++;
		return tally_err_set(err, TALLY_SYS, "simulated failure");
	}
	return 0;
}

static void
describe_guest(struct guest *g, struct tally_domain *d)
{
	struct host *h = g->host;
	*d = (struct tally_domain){ .id = g->id,
				    .state = g->state,
				    .cause = g->cause,
				    .vcpus = g->vm->vcpus,
				    .memory_mib = g->vm->memory_mib };
	memcpy(d->uuid, g->vm->uuid, TALLY_UUID);
	(void)snprintf(d->name, sizeof(d->name), "%s", g->vm->name);
	(void)snprintf(d->os, sizeof(d->os), "http://debian.org/debian/12");
	if (g->vm->tagged)
		(void)snprintf(d->tenant, sizeof(d->tenant), "tenant-%u", g->vm->number);
	/* One that has died leaves no process to ask. */
	if (h->pids && g->alive) {
		d->pid = g->pid;
		d->start_ticks = g->ticks;
		g->watched = true;
	}
}

static int
source_list(void *ctx, struct tally_domain **out, size_t *n, struct tally_err *err)
{
	struct host *h = ctx;
	struct world *w = h->world;
	unsigned wrong = 0;
	if (cannot(h, err) < 0)
		return -1;
	*out = tally_realloc_array(NULL, GUESTS, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &h->guest_table[i];
		if (!g->used || !g->listed)
			continue;
		if (g->hidden) {
			g->hidden = false;
			wrong |= 1u << g->vm->number;
			sim_trace(w, h, "the list lacks %s", g->vm->name);
			continue;
		}
		if (!g->alive) /* the manager has not noticed yet */
			wrong |= 1u << g->vm->number;
		describe_guest(g, &(*out)[*n]);
		if (w->fault[F_LIST_UNKNOWN] && random_chance(&w->random, 1)) {
			(*out)[*n].state = TALLY_ST_UNKNOWN;
			wrong |= 1u << g->vm->number;
		} else {
			g->shown = g->state != TALLY_ST_STARTING;
		}
		(*n)++;
	}
	if (h->dead) {
		free(*out);
		*out = NULL;
		return tally_err_set(err, TALLY_SYS, "killed");
	}
	truth_listed(h, wrong);
	return 0;
}

static int
source_describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out,
		struct tally_err *err)
{
	struct host *h = ctx;
	if (cannot(h, err) < 0)
		return -1;
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &h->guest_table[i];
		if (g->used && g->listed && memcmp(g->vm->uuid, uuid, TALLY_UUID) == 0) {
			describe_guest(g, out);
			g->shown = g->state != TALLY_ST_STARTING;
			return 1;
		}
	}
	return 0;
}

static int
source_facts(void *ctx, struct tally_host_view *out, struct tally_err *err)
{
	struct host *h = ctx;
	memset(out, 0, sizeof(*out));
	if (cannot(h, err) < 0)
		return -1;
	out->sockets = 2;
	out->cores_per_socket[0] = out->cores_per_socket[1] = 8 + h->index;
	out->threads_per_core = 2;
	(void)snprintf(out->cpu, sizeof(out->cpu), "Simulated");
	(void)snprintf(out->manager, sizeof(out->manager), "libvirt 9.0.0 QEMU 7.2.0");
	out->hypervisor = 1;
	return 0;
}

/* A first event makes the source look for the process, before anything is asked. */
static void
look_up(struct host *h, struct tally_domain *d)
{
	for (size_t i = 0; i < GUESTS && h->pids; i++) {
		struct guest *g = &h->guest_table[i];
		if (!g->used || !g->alive || g->id != d->id ||
		    memcmp(g->vm->uuid, d->uuid, TALLY_UUID) != 0)
			continue;
		d->pid = g->pid;
		d->start_ticks = g->ticks;
		g->watched = true;
	}
}

/* The agent has it, and will write it down when it knows the cause. */
static void
hold(struct host *h, int64_t uptime)
{
	if (h->world->now < h->held_until)
		return;
	h->held = truth_now(h) - (host_now(h).uptime.ns - uptime);
	h->held_until = h->world->now + MACHINE_EXIT_WAITS + SEC;
}

/* In the order of time, as the real one does. */
static int
source_next(void *ctx, struct tally_observation *out)
{
	struct host *h = ctx;
	struct tally_now told;
	if (!host_outside(h, "next"))
		return 0;
	if (h->ring_used == 0 && !h->ring_lost && h->exits == 0)
		return 0;
	if (h->exits > 0 &&
	    (ring_first(h->ring, &told) == 0 || h->exit[0].at.uptime.ns <= told.uptime.ns)) {
		*out = h->exit[0];
		hold(h, out->at.uptime.ns);
		memmove(h->exit, h->exit + 1, --h->exits * sizeof(h->exit[0]));
		return 1;
	}
	if (ring_get(h->ring, out) == 0)
		return 0;
	if (out->kind == TALLY_OBS_OVERFLOW)
		h->ring_lost = false;
	else
		h->ring_used--;
	if (out->kind == TALLY_OBS_EVENT && out->domain.id >= 0 &&
	    (out->what == TALLY_STARTED || out->what == TALLY_RESUMED))
		look_up(h, &out->domain);
	return 1;
}

static int
source_fd(void *ctx)
{
	return ring_fd(((struct host *)ctx)->ring);
}

static int
source_unmanaged(void *ctx, struct tally_process **out, size_t *n, struct tally_err *err)
{
	struct host *h = ctx;
	if (!host_outside(h, "unmanaged"))
		return tally_err_set(err, TALLY_SYS, "killed");
	*out = tally_alloc(sizeof(**out));
	*n = h->powered && h->world->seed % 5 == 0;
	(*out)[0].pid = 77;
	(*out)[0].start_ticks = 7700;
	(void)snprintf((*out)[0].name, sizeof((*out)[0].name), "by hand");
	return 0;
}

static int
source_cpu_time(void *ctx, const struct tally_domain *vm, uint64_t *ns)
{
	struct host *h = ctx;
	if (!host_outside(h, "cpu time") || vm->pid == 0)
		return 0;
	*ns = (uint64_t)host_now(h).uptime.ns / 10;
	return 1;
}

/* A run that an earlier agent left: exits are told from the start on. */
static void
source_watch(void *ctx, const struct tally_domain *vm)
{
	struct host *h = ctx;
	if (!host_outside(h, "watch"))
		return;
	for (size_t i = 0; i < GUESTS && h->pids; i++) {
		struct guest *g = &h->guest_table[i];
		if (g->used && g->alive && g->pid == vm->pid && g->ticks == vm->start_ticks)
			g->watched = g->shown = true;
	}
}

static void
source_free(void *ctx)
{
	struct host *h = ctx;
	ring_free(h->ring);
	h->ring = NULL;
}

void
source_init(struct host *h, struct tally_source *out)
{
	*out = (struct tally_source){ .ctx = h,
				      .connect = source_connect,
				      .disconnect = source_disconnect,
				      .list = source_list,
				      .describe = source_describe,
				      .facts = source_facts,
				      .next = source_next,
				      .fd = source_fd,
				      .unmanaged = source_unmanaged,
				      .cpu_time = source_cpu_time,
				      .watch = source_watch,
				      .free = source_free };
}
