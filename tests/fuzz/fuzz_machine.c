/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observations, lists, losses, ticks and restarts of the agent, in any order and
 * as contradictory as a manager can be. Whatever it is told, the machine's
 * records make sense: a run begins once and ends once, at most one of a VM is
 * open, each record names the run that is open, gaps have a begin and an end, and
 * nothing stops because the connection was lost.
 *
 * Bytes: an operation (below), then what it takes. A domain is u8: bits 0-1 the
 * VM, 2-4 the id, 5-6 a part of its start ticks; then u8 state.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "tally/err.h"
#include "tally/parse.h"

#define VMS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT, EXIT, LIST, LOST, BACK, TICK, BEAT, TIME, SHOW, STRAY, RESTART, OPERATIONS };

static const unsigned kinds[] = { TALLY_STARTED, TALLY_RESUMED,  TALLY_SUSPENDED,
				  TALLY_STOPPED, TALLY_CRASHED,  TALLY_TAGS,
				  TALLY_RENAMED, TALLY_REBOOTED, TALLY_UNDEFINED };

/* What the records say, and what the manager shows. */
struct world {
	struct machine *m;
	struct tally_now now;
	uint64_t run[VMS]; /* open; 0 none */
	unsigned state[VMS];
	bool migrating[VMS];
	size_t open;
	uint64_t last_run;
	bool gap, losing;
	struct tally_domain shown[VMS];
	int describes;
};

static void
check_begin(struct world *w, const struct tally_event *ev, unsigned vm)
{
	TALLY_ASSERT(ev->m.has_run && ev->m.run != 0 && ev->m.has_state);
	if (ev->kind == TALLY_BASELINE && ev->m.run == w->run[vm]) {
		w->state[vm] = ev->m.state;
		return;
	}
	TALLY_ASSERT(w->run[vm] == 0); /* never two open runs of a VM */
	TALLY_ASSERT(ev->m.run > w->last_run);
	w->last_run = w->run[vm] = ev->m.run;
	w->state[vm] = ev->m.state;
	w->migrating[vm] = false;
	w->open++;
}

static void
check_end(struct world *w, const struct tally_event *ev, unsigned vm)
{
	TALLY_ASSERT(w->run[vm] != 0 && ev->m.has_run && ev->m.run == w->run[vm]);
	TALLY_ASSERT(!w->losing || ev->o.source == TALLY_SRC_PROC);
	TALLY_ASSERT(!ev->m.has_not_before || ev->m.not_before <= ev->m.time);
	w->run[vm] = 0;
	w->open--;
}

static void
check_state(struct world *w, const struct tally_event *ev, unsigned vm)
{
	bool move = ev->m.cause == TALLY_C_MIGRATED || ev->m.cause == TALLY_C_POSTCOPY;
	switch (ev->kind) {
	case TALLY_RESUMED:
		TALLY_ASSERT(w->state[vm] != TALLY_ST_RUNNING);
		w->state[vm] = TALLY_ST_RUNNING;
		break;
	case TALLY_SUSPENDED:
		TALLY_ASSERT(ev->m.has_state && (ev->m.state != w->state[vm] || move));
		w->state[vm] = ev->m.state;
		w->migrating[vm] = move;
		break;
	case TALLY_CRASHED:
		TALLY_ASSERT(w->state[vm] != TALLY_ST_CRASHED);
		w->state[vm] = TALLY_ST_CRASHED;
		break;
	case TALLY_MIGRATION_FAILED:
		TALLY_ASSERT(!ev->m.has_run || w->migrating[vm]);
		w->migrating[vm] = false;
		break;
	default:
		break;
	}
}

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct world *w = ctx;
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_err err = TALLY_ERR_INIT;
	unsigned vm = ev->i.vm[0];
	TALLY_ASSERT(tally_event_encode(ev, groups, &err) == 0);
	for (unsigned k = 0; k < TALLY_GROUPS; k++)
		tally_buf_deinit(&groups[k]);
	if (ev->kind == TALLY_GAP_BEGIN || ev->kind == TALLY_GAP_END) {
		TALLY_ASSERT(w->gap == (ev->kind == TALLY_GAP_END));
		w->gap = !w->gap;
	}
	if (!ev->i.has_vm)
		return;
	TALLY_ASSERT(vm < VMS);
	switch (ev->kind) {
	case TALLY_STARTED:
	case TALLY_BASELINE:
	case TALLY_MIGRATED_IN:
		check_begin(w, ev, vm);
		break;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
		check_end(w, ev, vm);
		break;
	default:
		TALLY_ASSERT(!ev->m.has_run || ev->m.run == w->run[vm]);
		check_state(w, ev, vm);
		break;
	}
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	const struct world *w = ctx;
	if (w->describes == 1)
		*out = w->shown[uuid[0] % VMS];
	return w->describes;
}

static struct machine *
machine_of(struct world *w)
{
	const struct machine_out out = { .ctx = w, .emit = emit, .describe = describe };
	return machine_new(&out, w->last_run + 1);
}

static void
take_domain(struct tally_cursor *c, struct tally_domain *d)
{
	uint8_t which = tally_cursor_u8(c), state = tally_cursor_u8(c);
	memset(d, 0, sizeof(*d));
	d->uuid[0] = which % VMS;
	d->id = (which >> 2 & 7) - 1;
	if (d->id >= 0) {
		d->pid = 100u + (uint32_t)d->id;
		d->start_ticks = which >> 5 & 3;
	}
	d->state = state % (TALLY_ST_UNKNOWN + 1u);
	d->cause = state % TALLY_C_API_ERROR;
	d->vcpus = state >> 6;
	d->tainted = state & 32;
	d->tenant[0] = state & 16 ? 'a' : '\0';
	d->os[0] = state & 8 ? 'u' : '\0';
	d->name[0] = 'n';
}

static void
observe(struct world *w, struct tally_cursor *c, enum tally_obs_kind kind)
{
	struct tally_observation o = { .kind = kind, .at = w->now };
	uint8_t what = tally_cursor_u8(c);
	o.what = kinds[what % (sizeof(kinds) / sizeof(*kinds))];
	o.cause = tally_cursor_u8(c) % (TALLY_C_API_ERROR + 1u);
	o.at.uptime.ns -= (what >> 4) * (TALLY_SECOND / 8); /* it was long under way */
	take_domain(c, &o.domain);
	machine_observe(w->m, &o);
}

static void
list(struct world *w, struct tally_cursor *c)
{
	struct tally_domain doms[6];
	uint8_t n = tally_cursor_u8(c);
	for (unsigned i = 0; i < n % 7u && i < 6; i++)
		take_domain(c, &doms[i]);
	if (n & 64)
		machine_back(w->m, w->now, "connected again");
	(void)machine_list(w->m, doms, n % 7u, w->now, (n & 128) != 0);
}

/* All is forgotten but what the records say. */
static void
restart(struct world *w)
{
	machine_free(w->m);
	w->m = machine_of(w);
	for (unsigned vm = 0; vm < VMS; vm++) {
		struct machine_run run = { .run = w->run[vm], .migrating = w->migrating[vm] };
		run.dom.uuid[0] = (uint8_t)vm;
		run.dom.id = w->shown[vm].id;
		run.dom.state = w->state[vm];
		run.seen = w->now.wall;
		if (run.run != 0)
			machine_adopt(w->m, &run);
		else
			machine_saved(w->m, run.dom.uuid);
	}
	if (w->gap)
		machine_resume_gap(w->m);
}

static void
pass_time(struct world *w, uint8_t b)
{
	int64_t ns = (b & 63) * (TALLY_SECOND / 4);
	w->now.uptime.ns += ns;
	w->now.wall.ns +=
		ns + (b & 64 ? 100 * TALLY_SECOND : 0) - (b & 128 ? 99 * TALLY_SECOND : 0);
}

static void
operate(struct world *w, struct tally_cursor *c)
{
	struct tally_process stray = { 0 };
	uint8_t b;
	switch (tally_cursor_u8(c) % OPERATIONS) {
	case EVENT:
		observe(w, c, TALLY_OBS_EVENT);
		break;
	case EXIT:
		observe(w, c, TALLY_OBS_EXIT);
		break;
	case LIST:
		list(w, c);
		break;
	case LOST:
		w->losing = true;
		machine_lost(w->m, w->now, "connection lost", "\xff", 0);
		w->losing = false;
		break;
	case BACK:
		machine_back(w->m, w->now, "connected again");
		break;
	case TICK:
		machine_tick(w->m, w->now);
		break;
	case BEAT:
		machine_heartbeat(w->m, w->now, (struct tally_span){ TALLY_SECOND }, false);
		break;
	case TIME:
		pass_time(w, tally_cursor_u8(c));
		break;
	case SHOW:
		b = tally_cursor_u8(c);
		w->describes = b % 3 - 1;
		take_domain(c, &w->shown[b >> 2 & (VMS - 1)]);
		break;
	case STRAY:
		stray.pid = tally_cursor_u8(c);
		machine_unmanaged(w->m, &stray, stray.pid & 1, w->now);
		break;
	default:
		restart(w);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_cursor c;
	struct world w = { .now = { { 1000000 * TALLY_SECOND }, { 1000 * TALLY_SECOND } } };
	tally_cursor_init(&c, tally_bytes(data, size));
	w.m = machine_of(&w);
	while (tally_cursor_left(&c) > 0 && !c.failed) {
		operate(&w, &c);
		TALLY_ASSERT(machine_running(w.m) == w.open);
		TALLY_ASSERT(machine_known(w.m) <= VMS);
	}
	/* A stop of the agent leaves nothing that waits. */
	machine_tick(w.m, (struct tally_now){ .wall = w.now.wall, .uptime = { INT64_MAX } });
	TALLY_ASSERT(machine_running(w.m) == w.open);
	machine_free(w.m);
	return 0;
}
