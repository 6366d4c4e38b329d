/* SPDX-License-Identifier: Apache-2.0 */
/* Records are copied as the recorder would, for their texts are borrowed. */
#include "machinelib.h"

#include <stdlib.h>
#include <string.h>

const uint8_t uuid_a[16] = { 0xaa }, uuid_b[16] = { 0xbb };

static void
keep(struct tally_bytes *text, char *room, size_t size)
{
	if (text->p == NULL)
		return;
	assert_true(text->len < size);
	memset(room, 0, size);
	if (text->len > 0)
		memcpy(room, text->p, text->len);
	text->p = (const uint8_t *)room;
}

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct world *w = ctx;
	struct record *r;
	assert_true(w->n < WORLD_MAX);
	r = &w->rec[w->n++];
	r->ev = *ev;
	keep(&r->ev.i.name, r->name, sizeof(r->name));
	keep(&r->ev.m.os, r->os, sizeof(r->os));
	keep(&r->ev.i.tenant, r->tenant, sizeof(r->tenant));
	keep(&r->ev.i.cost_center, r->cost_center, sizeof(r->cost_center));
	keep(&r->ev.m.environment, r->environment, sizeof(r->environment));
	keep(&r->ev.m.reason, r->reason, sizeof(r->reason));
	keep(&r->ev.o.detail, r->detail, sizeof(r->detail));
	assert_true(ev->o.cpu_times <= 4);
	if (ev->o.cpu_times > 0)
		memcpy(r->cpu_time, ev->o.cpu_time, ev->o.cpu_times * sizeof(*r->cpu_time));
	r->ev.o.cpu_time = r->cpu_time;
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	struct world *w = ctx;
	w->asked++;
	if (w->describes != 1)
		return w->describes;
	*out = w->shown;
	memcpy(out->uuid, uuid, TALLY_UUID);
	return 1;
}

static int
cpu_time(void *ctx, const struct tally_domain *vm, uint64_t *ns)
{
	const struct world *w = ctx;
	(void)vm;
	*ns = w->cpu_ns;
	return w->cpu_ns > 0;
}

int
world_setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	const struct machine_out out = { .ctx = w,
					 .emit = emit,
					 .describe = describe,
					 .cpu_time = cpu_time,
					 .processes = true };
	w->describes = 1;
	w->shown = domain(1, TALLY_ST_RUNNING);
	w->m = machine_new(&out, 1);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;
	machine_free(w->m);
	free(w);
	return 0;
}

struct tally_now
at_ms(int64_t ms)
{
	int64_t ns = 1000 * TALLY_SECOND + ms * 1000000;
	return (struct tally_now){ { ns }, { ns } };
}

uint64_t
wall_ms(int64_t ms)
{
	return (uint64_t)at_ms(ms).wall.ns;
}

struct tally_domain
domain(int64_t id, unsigned state)
{
	struct tally_domain d = {
		.name = "web", .id = id, .state = state, .vcpus = 2, .memory_mib = 128
	};
	memcpy(d.uuid, uuid_a, 16);
	if (id >= 0) {
		d.pid = (uint32_t)(100 + id);
		d.start_ticks = (uint64_t)(1000 + id);
	}
	return d;
}

void
observe(struct world *w, unsigned what, unsigned cause, int64_t id, int64_t ms)
{
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = what, .cause = cause };
	memcpy(o.domain.uuid, uuid_a, 16);
	memcpy(o.domain.name, "web", 4);
	o.domain.id = id;
	o.at = at_ms(ms);
	/* The manager shows what it says, but for a test that wants it otherwise. */
	if (what == TALLY_STOPPED && id < 0 && w->shown.id >= 0 && w->describes == 1)
		w->shown.id = -1;
	machine_observe(w->m, &o);
}

void
observe_exit(struct world *w, int64_t id, int64_t ms)
{
	struct tally_observation o = { .kind = TALLY_OBS_EXIT, .domain = domain(id, 0) };
	o.at = at_ms(ms);
	machine_observe(w->m, &o);
}

bool
list_none(struct world *w, int64_t ms)
{
	return machine_list(w->m, NULL, 0, at_ms(ms), false);
}

static bool
list(struct world *w, int64_t id, unsigned state, int64_t ms, bool first)
{
	struct tally_domain d = domain(id, state);
	w->shown.id = id;
	w->shown.pid = d.pid;
	w->shown.start_ticks = d.start_ticks;
	return machine_list(w->m, &d, 1, at_ms(ms), first);
}

bool
list_one(struct world *w, int64_t id, unsigned state, int64_t ms)
{
	return list(w, id, state, ms, false);
}

bool
list_first(struct world *w, int64_t id, unsigned state, int64_t ms)
{
	return list(w, id, state, ms, true);
}

void
started(struct world *w)
{
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 30);
	assert_int_equal(w->n, 1);
}
