/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager of one host, as libvirt behaves: a table of processes, a list of
 * those that it knows as active, and events without times or numbers that go
 * to whoever is connected when they are made. What it could not say while it
 * was down it never says.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tally/bytes.h"
#include "tally/err.h"

/* An event on its way to the agent. */
struct delivery {
	struct tally_observation o;
	struct change *change;
	int64_t sent;
};
#define LATE (100 * MS) /* later than an ordinary way */

static struct tally_domain
domain_of(const struct guest *g)
{
	struct tally_domain d = { .id = g->listed ? g->id : -1,
				  .state = g->state,
				  .cause = g->cause,
				  .vcpus = g->vm->vcpus,
				  .memory_mib = g->vm->memory_mib };
	memcpy(d.uuid, g->vm->uuid, TALLY_UUID);
	(void)snprintf(d.name, sizeof(d.name), "%s", g->vm->name);
	return d;
}

struct guest *
guest_new(struct host *h, struct sim_vm *vm)
{
	struct guest *g = NULL;
	for (size_t i = 0; i < GUESTS && g == NULL; i++) {
		if (!h->guest_table[i].used)
			g = &h->guest_table[i];
	}
	if (g == NULL)
		return NULL;
	*g = (struct guest){ .host = h,
			     .vm = vm,
			     .id = h->next_id++,
			     .pid = h->next_pid,
			     .ticks = (uint64_t)(host_now(h).uptime.ns / (10 * MS)),
			     .state = TALLY_ST_STARTING,
			     .used = true,
			     .listed = true,
			     .alive = true,
			     .number = ++h->next_number };
	h->next_pid += 1 + (uint32_t)random_below(&h->world->random, 40);
	return g;
}

bool
guest_listed(const struct host *h, const struct sim_vm *vm)
{
	for (size_t i = 0; i < GUESTS; i++) {
		if (h->guest_table[i].used && h->guest_table[i].listed &&
		    h->guest_table[i].vm == vm)
			return true;
	}
	return false;
}

static void
wake(struct host *h)
{
	int64_t at = h->world->now + random_between(&h->world->random, 0, 2 * MS);
	if (h->wake > at)
		h->wake = at;
}

static void
put(struct host *h, const struct tally_observation *o, struct change *change, bool late)
{
	if (h->ring == NULL)
		return;
	if (h->ring_used == h->ring_slots || h->ring_lost) {
		if (!h->ring_lost) {
			sim_trace(h->world, h, "the ring overflows");
			h->world->counts.overflows++;
			h->overflows += h->connected;
			truth_disturbed(h, h->truth.watch_last, truth_now(h) + 1);
		}
		h->ring_lost = true;
	} else {
		h->ring_used++;
		truth_told(h, change, late);
	}
	ring_put(h->ring, o);
	wake(h);
}

static void
deliver(struct world *w, const struct event *e)
{
	struct delivery *d = e->data;
	struct host *h = e->host;
	if (h->agent != NULL && !h->dead && h->connected && h->connection == e->number) {
		d->o.at = host_now(h);
		w->counts.events++;
		put(h, &d->o, d->change, w->now - d->sent > LATE);
	}
	free(d);
}

static void
send(struct host *h, const struct tally_observation *o, struct change *change)
{
	struct world *w = h->world;
	struct delivery *d = tally_alloc(sizeof(*d));
	int64_t at = w->now + random_between(&w->random, 100000, 5 * MS);
	*d = (struct delivery){ .o = *o, .change = change, .sent = w->now };
	if (w->now < h->late_until)
		at += random_between(&w->random, 0, h->late_by);
	if (at < h->hang_until)
		at = h->hang_until;
	if (at < h->pipe_at)
		at = h->pipe_at;
	h->pipe_at = at;
	world_at(w, at,
		 (struct event){ .run = deliver,
				 .host = h,
				 .number = h->connection,
				 .data = d,
				 .owned = true });
}

void
guest_say(struct guest *g, unsigned what, unsigned cause, struct change *change)
{
	struct host *h = g->host;
	struct world *w = h->world;
	struct tally_observation o = { .kind = TALLY_OBS_EVENT,
				       .what = what,
				       .cause = cause,
				       .raw_event = what,
				       .raw_detail = cause,
				       .domain = domain_of(g) };
	if (!h->powered || !h->manager_up || !h->connected || h->agent == NULL)
		return;
	if (w->now < h->loss_until && random_chance(&w->random, h->loss_percent)) {
		sim_trace(w, h, "lost: %s %s of %s", tally_kind_name(what),
			  cause ? tally_cause_name(cause) : "", g->vm->name);
		w->counts.lost_events++;
		truth_disturbed(h, truth_now(h), truth_now(h) + 1);
		return;
	}
	send(h, &o, change);
	if (w->fault[F_DOUBLE] && random_chance(&w->random, 10)) {
		w->counts.doubled_events++;
		send(h, &o, change);
	}
}

void
guest_exit(struct guest *g)
{
	struct host *h = g->host;
	if (!g->alive)
		return;
	g->alive = false;
	if (g->watched && h->agent != NULL && !h->dead && h->powered) {
		struct tally_observation o = { .kind = TALLY_OBS_EXIT,
					       .at = host_now(h),
					       .domain = domain_of(g) };
		o.domain.pid = g->pid;
		o.domain.start_ticks = g->ticks;
		TALLY_ASSERT(h->exits < GUESTS);
		h->exit[h->exits++] = o;
		wake(h);
		/* It is told of everything about this process that it did not know. */
		for (struct change *c = g->shown ? h->truth.open : NULL; c != NULL;
		     c = c->next_open) {
			if (c->vm == g->vm)
				truth_told(h, c, false);
		}
	}
	if (!g->listed)
		g->used = false;
}

void
guest_unlist(struct guest *g)
{
	g->listed = false;
	if (!g->alive)
		g->used = false;
}

void
connection_lost(struct host *h, const char *why)
{
	struct tally_observation o = { .kind = TALLY_OBS_LOST, .at = host_now(h) };
	if (!h->connected)
		return;
	sim_trace(h->world, h, "the connection is lost: %s", why);
	h->world->counts.lost_connections++;
	h->losses += h->agent != NULL && !h->dead;
	h->connected = false;
	h->connection++; /* what is on its way is lost with it */
	truth_unwatched(h);
	if (h->agent != NULL && !h->dead)
		put(h, &o, NULL, false);
}

void
manager_down(struct host *h)
{
	sim_trace(h->world, h, "the manager goes down");
	h->manager_up = false;
	connection_lost(h, "the manager went away");
}

void
manager_up(struct host *h)
{
	int64_t id = 0;
	if (h->manager_up || !h->powered)
		return;
	/* Those that died meanwhile are gone before anybody is connected; ids go on
	 * behind the largest that is left. */
	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &h->guest_table[i];
		if (!g->used)
			continue;
		if (!g->alive)
			guest_unlist(g);
		else if (g->id > id)
			id = g->id;
	}
	h->next_id = id + 1;
	h->manager_up = true;
	sim_trace(h->world, h, "the manager is up");
}

void
hypervisor_init(struct host *h)
{
	memset(h->guest_table, 0, sizeof(h->guest_table));
	h->next_id = 1;
	h->next_pid = 1000 + (uint32_t)random_below(&h->world->random, 30000);
	h->pipe_at = 0;
}
