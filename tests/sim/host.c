/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host: its clocks, its power, and its agent's life. An agent dies at a
 * call to the outside or between two steps; from then on nothing that it does
 * gets out, and it is let go of as soon as it returns.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/store.h"
#include "witness.h"
#include "wrap.h"

#define BEGIN_WALL INT64_C(1772323200000000000) /* 2026-03-01T00:00:00Z */

/* Its own idea of how time goes on: a slewed clock slews uptime too. */
static int64_t
local(const struct host *h)
{
	int64_t passed = h->world->now - h->set_at;
	return h->local_base + passed + passed / 1000000 * h->ppb / 1000;
}

int64_t
host_wall(const struct host *h)
{
	return h->wall_offset + local(h);
}

struct tally_now
host_now(const struct host *h)
{
	return (struct tally_now){ .wall = { host_wall(h) },
				   .uptime = { local(h) - h->booted_at } };
}

void
host_set_clock(struct host *h, int64_t step, int64_t ppb)
{
	h->local_base = local(h);
	h->set_at = h->world->now;
	h->wall_offset += step;
	h->ppb = ppb;
}

/* The world's time at which its uptime will be that; not before. */
static int64_t
when(const struct host *h, int64_t uptime)
{
	int64_t ahead = uptime - (local(h) - h->booted_at);
	if (ahead <= 0)
		return h->world->now;
	if (ahead > 1000 * HOUR)
		return NEVER;
	return h->world->now + ahead - ahead / 1000000 * h->ppb / 1000 +
	       (h->ppb != 0 ? ahead / 1000000 + 1 : 0);
}

static struct tally_now
clock_now(void *ctx)
{
	return host_now(ctx);
}

static int
clock_boot_id(void *ctx, uint8_t out[16])
{
	memcpy(out, ((struct host *)ctx)->boot_id, 16);
	return 0;
}

static int64_t
clock_suspended(void *ctx)
{
	const struct host *h = ctx;
	return h->slept + (h->suspended ? h->world->now - h->asleep_at : 0);
}

bool
host_outside(struct host *h, const char *what)
{
	if (h->dead)
		return false;
	if (h->kill_in == 0 || --h->kill_in > 0)
		return true;
	sim_trace(h->world, h, "%s at: %s",
		  h->power_after ? "the power goes" : "the agent is killed", what);
	h->dead = h->disk.dead = true;
	return false;
}

static bool
disk_outside(void *ctx, const char *call)
{
	return host_outside(ctx, call);
}

/* Between the calls of the disk too: what LMDB does in memory is not the world's. */
static int
store_call(void *ctx, const char *call)
{
	struct host *h = ((struct world *)ctx)->running;
	if (h == NULL || host_outside(h, call))
		return 0;
	return -1;
}

/* The agent's code runs from here to leave(). */
struct frame {
	struct host *before;
};

static struct frame
enter(struct host *h)
{
	struct frame f = { h->world->running };
	h->world->running = h;
	h->busy = true;
	disk_watch(&h->disk);
	witness_running(h);
	tally_store_fault_hook(store_call, h->world);
	return f;
}

static void
leave(struct host *h, struct frame f)
{
	h->world->running = f.before;
	h->busy = false;
	disk_watch(f.before != NULL ? &f.before->disk : NULL);
	witness_running(f.before);
	if (f.before == NULL)
		tally_store_fault_hook(NULL, NULL);
}

void
host_call_time(struct host *h, int64_t ns, bool inside)
{
	struct world *w = h->world;
	bool was = h->busy;
	struct host *running = w->running;
	if (inside && h->depth == 0 && h->agent != NULL) {
		h->depth++;
		h->busy = false;
		world_pump(w, w->now + ns);
		h->depth--;
	} else {
		world_pump(w, w->now + ns);
	}
	h->busy = was;
	w->running = running;
	disk_watch(&h->disk);
	witness_running(h);
}

static void
start_later(struct world *w, const struct event *e)
{
	(void)w;
	if (e->host->wanted && e->host->agent == NULL)
		host_start_agent(e->host);
}

static void
start_in(struct host *h, int64_t ns)
{
	world_at(h->world, h->world->now + ns, (struct event){ .run = start_later, .host = h });
}

static void
forget_source(struct host *h)
{
	ring_free(h->ring);
	h->ring = NULL;
	h->connected = false;
	h->connection++;
	for (size_t i = 0; i < GUESTS; i++)
		h->guest_table[i].watched = h->guest_table[i].shown = false;
	truth_unwatched(h);
}

/* The dead agent is let go of. */
static void
bury(struct host *h)
{
	struct tally_err ignored = TALLY_ERR_INIT;
	struct world *w = h->world;
	struct frame f = enter(h);
	bool power = h->power_after;
	h->kills++;
	witness_step(h);
	(void)agent_close(h->agent, false, &ignored);
	leave(h, f);
	h->agent = NULL;
	forget_source(h);
	truth_outage(h, h->durable);
	h->power_after = false;
	if (power)
		host_power_off(h);
	else if (h->wanted)
		start_in(h, random_between(&w->random, 100 * MS, 20 * SEC));
}

void
host_kill_agent(struct host *h, bool power)
{
	if (h->agent == NULL || host_is_inside(h)) {
		if (host_is_inside(h)) { /* it dies at its next call */
			h->kill_in = 1;
			h->power_after = h->power_after || power;
		} else if (power) {
			host_power_off(h);
		}
		return;
	}
	sim_trace(h->world, h, power ? "the power goes" : "the agent is killed");
	h->dead = h->disk.dead = true;
	h->power_after = power;
	bury(h);
}

static void
open_failed(struct host *h, const struct tally_err *err)
{
	bool power = h->power_after && h->dead;
	sim_trace(h->world, h, "the agent does not start: %s", err->text);
	h->agent = NULL;
	forget_source(h);
	h->power_after = h->power_after && !power;
	if (power)
		host_power_off(h);
	else
		start_in(h, random_between(&h->world->random, SEC, 30 * SEC));
}

void
host_start_agent(struct host *h)
{
	const struct agent_parts parts = { .source = &h->source,
					   .clock = &h->clock,
					   .tpm = &h->tpm.starter };
	struct tally_err err = TALLY_ERR_INIT;
	struct agent *a = NULL;
	struct frame f;
	if (!h->powered || h->suspended || h->agent != NULL || host_is_inside(h))
		return;
	if (h->witness != NULL && h->witness->notes > 0 && random_chance(&h->world->random, 5))
		check_between(h);
	h->dead = h->disk.dead = false;
	h->ring_slots = h->world->fault[F_STORM] ? 32 : 4096;
	h->ring_used = h->exits = 0;
	h->ring_lost = false;
	h->ring = ring_new(h->ring_slots, &err);
	TALLY_ASSERT(h->ring != NULL);
	source_init(h, &h->source);
	witness_begin(h);
	truth_outage(h, h->durable);
	f = enter(h);
	if (agent_open(&a, &h->config, &parts, &err) < 0 || h->dead) {
		struct tally_err ignored = TALLY_ERR_INIT;
		if (a != NULL)
			(void)agent_close(a, false, &ignored);
		leave(h, f);
		open_failed(h, &err);
		return;
	}
	leave(h, f);
	sim_trace(h->world, h, "the agent starts");
	h->agent = a;
	h->wake = h->world->now;
	h->idle_steps = 0;
}

void
host_stop_agent(struct host *h)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct frame f;
	int rc;
	if (h->agent == NULL || host_is_inside(h))
		return;
	sim_trace(h->world, h, "the agent stops in order");
	h->world->counts.orderly_stops++;
	f = enter(h);
	rc = agent_close(h->agent, true, &err);
	leave(h, f);
	h->agent = NULL;
	if (rc < 0)
		sim_trace(h->world, h, "it left something undone: %s", err.text);
	if (rc < 0 && h->world->final)
		sim_fail(h->world, h, "the last stop: %s", err.text);
	if (rc == 0 && !h->dead) {
		witness_stopped(h);
		h->durable = truth_now(h);
	}
	forget_source(h);
	truth_outage(h, h->durable);
	if (h->power_after && h->dead) {
		h->power_after = false;
		host_power_off(h);
	}
}

void
host_step(struct host *h)
{
	struct world *w = h->world;
	struct frame f = enter(h);
	struct tally_uptime next = agent_step(h->agent);
	leave(h, f);
	w->counts.steps++;
	if (h->dead) {
		if (h->depth == 0)
			bury(h);
		return;
	}
	witness_step(h);
	h->wake = when(h, next.ns);
	if (h->ring_used > 0 || h->ring_lost || h->exits > 0)
		h->wake = w->now;
	if (h->wake > w->now) {
		h->idle_steps = 0;
		return;
	}
	h->wake = w->now + 10000;
	if (++h->idle_steps > 1000)
		sim_fail(w, h, "the agent spins: it wants to be called again at once");
}

static void
boot_later(struct world *w, const struct event *e)
{
	(void)w;
	host_boot(e->host);
}

static void
manager_later(struct world *w, const struct event *e)
{
	(void)w;
	manager_up(e->host);
}

void
host_power_off(struct host *h)
{
	struct world *w = h->world;
	if (!h->powered)
		return;
	sim_trace(w, h, "power off");
	w->counts.power_cuts++;
	life_host_died(w, h);
	if (h->manager_up)
		manager_down(h);
	if (disk_power_cut(&h->disk) < 0)
		sim_fail(w, h, "the disk cannot be cut");
	h->powered = h->suspended = false;
	world_at(w, w->now + random_between(&w->random, 20 * SEC, 10 * MINUTE),
		 (struct event){ .run = boot_later, .host = h });
}

void
host_boot(struct host *h)
{
	struct world *w = h->world;
	if (h->powered)
		return;
	w->counts.host_boots++;
	h->powered = true;
	h->slept = 0;
	h->booted_at = local(h) - random_between(&w->random, SEC, 20 * SEC);
	for (size_t i = 0; i < 16; i++)
		h->boot_id[i] = (uint8_t)random_next(&w->random);
	h->disk.full = false;
	h->kill_in = 0;
	h->stall_until = h->hang_until = h->refuse_until = 0;
	tpm_power(&h->tpm);
	hypervisor_init(h);
	truth_boots(h);
	sim_trace(w, h, "the host boots");
	world_at(w, w->now + random_between(&w->random, SEC, 30 * SEC),
		 (struct event){ .run = manager_later, .host = h });
	start_in(h, random_between(&w->random, SEC, 40 * SEC));
}

static void
configure(struct host *h)
{
	static const int64_t beats[] = { 300, 900, 900, 3600, 3600, 3600 },
			     checkpoints[] = { 1, 10, 60, 600, 3600 },
			     attests[] = { 0, 60, 900, 3600, 3600, 14400 };
	struct random *r = &h->world->random;
	struct config *c = &h->config;
	memset(c, 0, sizeof(*c));
	c->ledger = h->path;
	c->host.name = h->name;
	c->libvirt.uri = h->name;
	c->heartbeat.interval.ns = random_chance(r, 70) ? 10 * SEC : 30 * SEC;
	c->heartbeat.record.ns = beats[random_below(r, 6)] * SEC;
	c->checkpoint.interval.ns = checkpoints[random_below(r, 5)] * SEC;
	c->tpm.attest = !random_chance(r, 10);
	c->tpm.attest_interval.ns = attests[random_below(r, 6)] * SEC;
	c->processes.unmanaged = random_chance(r, 50);
	c->queue.records = random_chance(r, 90) ? 65536 : 16;
}

void
host_init(struct world *w, struct host *h, unsigned index)
{
	struct random *r = &w->random;
	memset(h, 0, sizeof(*h));
	h->world = w;
	h->index = index;
	(void)snprintf(h->name, sizeof(h->name), "host-%u", index);
	(void)snprintf(h->path, sizeof(h->path), "%s/%s", w->scratch, h->name);
	h->powered = h->manager_up = h->wanted = true;
	h->booted_at = -random_between(r, 100 * SEC, 30 * 24 * HOUR);
	h->wall_offset = BEGIN_WALL;
	for (size_t i = 0; i < 16; i++)
		h->boot_id[i] = (uint8_t)random_next(r);
	h->clock = (struct tally_clock){
		.ctx = h, .now = clock_now, .boot_id = clock_boot_id, .suspended = clock_suspended
	};
	h->pids = !random_chance(r, 20);
	hypervisor_init(h);
	tpm_init(&h->tpm, h, random_chance(r, 50));
	configure(h);
	h->durable = truth_now(h);
}

/* As `tally init` makes it: the first entry says whose it is. */
static int
first_entry(struct host *h, struct tally_err *err)
{
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };
	struct tally_buf vkey = TALLY_BUF_INIT;
	struct tally_store *s = NULL;
	uint64_t index;
	int rc;
	if (tally_store_open(&s, h->path, TALLY_STORE_WRITE, &h->clock, err) < 0)
		return -1;
	tally_vkey_text(&vkey, tally_store_vkey(s));
	(void)snprintf(h->vkey, sizeof(h->vkey), "%s", tally_buf_cstr(&vkey));
	ev.i.host = tally_bytes_str(h->name);
	ev.o.origin = tally_bytes_str(tally_store_origin(s));
	ev.o.vkey = tally_buf_view(&vkey);
	rc = tally_store_append_event(s, &ev, &index, err);
	tally_buf_deinit(&vkey);
	tally_store_close(s);
	return rc;
}

int
host_make(struct host *h)
{
	const struct tally_init_options o = { .host = h->name, .transport = "libtpms" };
	struct tally_err err = TALLY_ERR_INIT;
	char file[340];
	witness_running(NULL);
	if (tally_store_create(h->path, &o, &err) < 0 || first_entry(h, &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", h->path, err.text);
		return -1;
	}
	(void)snprintf(file, sizeof(file), "%s/data.mdb", h->path);
	h->disk = (struct sim_disk){
		.fd = -1, .random = &h->world->random, .outside = disk_outside, .ctx = h
	};
	return disk_init(&h->disk, file);
}

void
host_deinit(struct host *h)
{
	struct tally_err ignored = TALLY_ERR_INIT;
	if (h->agent != NULL) {
		struct frame f = enter(h);
		h->dead = h->disk.dead = true;
		(void)agent_close(h->agent, false, &ignored);
		leave(h, f);
		h->agent = NULL;
	}
	ring_free(h->ring);
	h->ring = NULL;
	witness_running(NULL);
	witness_free(h->witness);
	disk_deinit(&h->disk);
	tpm_deinit(&h->tpm);
}
