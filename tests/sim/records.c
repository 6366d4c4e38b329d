/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record by record: no run in the ledger that never was, no stop of a VM that
 * lived on. A record names its incarnation, so its life can be looked up.
 */
#include <string.h>

#include "check.h"
#include "stream.h"
#include "tally/wallclock.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/store.h"

/* Clocks are exact here; the ledger's instants may be pinned by a step back. */
#define EPS MS

static struct sim_vm *
vm_of(struct world *w, const uint8_t uuid[TALLY_UUID])
{
	for (unsigned i = 0; i < w->vm_count; i++) {
		if (memcmp(w->vm[i].uuid, uuid, TALLY_UUID) == 0)
			return &w->vm[i];
	}
	return NULL;
}

static bool
same_process(const struct life *l, const struct tally_event *ev)
{
	if (ev->o.has_start_ticks && ev->o.has_pid)
		return l->pid == ev->o.pid && l->ticks == ev->o.start_ticks;
	return !ev->o.has_domain_id || l->id == ev->o.domain_id;
}

/* A life that had begun by then; with `over`, one that had ended too. Where the
 * clock was set back, instants do not tell: then any of that process will do. */
static bool
lived(struct host *h, const struct sim_vm *vm, const struct tally_event *ev, int64_t at, bool over)
{
	bool stepped = h->truth.steps.n > 0;
	for (const struct life *l = h->world->truth.lives; l != NULL; l = l->next) {
		if (l->host != h || l->vm != vm || !same_process(l, ev) ||
		    (l->begin > at + EPS && !stepped))
			continue;
		if (!over || (l->over && (l->end <= at + EPS || stepped)))
			return true;
	}
	return false;
}

static void
check_record(struct host *h, const struct tally_event *ev, int64_t at, uint64_t index,
	     struct seen *seen)
{
	struct world *w = h->world;
	struct sim_vm *vm = ev->i.has_vm ? vm_of(w, ev->i.vm) : NULL;
	bool of_vm = ev->kind == TALLY_STARTED || ev->kind == TALLY_BASELINE ||
		     ev->kind == TALLY_MIGRATED_IN || ev->kind == TALLY_MIGRATED_OUT ||
		     ev->kind == TALLY_STOPPED;
	if (vm == NULL && (ev->i.has_vm || of_vm)) {
		sim_fail(w, h, "entry %llu is of a VM that never was", (unsigned long long)index);
		return;
	}
	switch (ev->kind) {
	case TALLY_AGENT_START:
		seen->starts_of_agent[h->index]++;
		break;
	case TALLY_CLOCK_STEP:
		seen->steps[h->index]++;
		break;
	case TALLY_GAP_BEGIN:
		seen->gaps[h->index]++;
		if (tally_bytes_eq(ev->m.reason, tally_bytes_str("queue overflow")))
			seen->overflows[h->index]++;
		break;
	case TALLY_STARTED:
	case TALLY_BASELINE:
	case TALLY_MIGRATED_IN:
		if (!lived(h, vm, ev, at, false))
			sim_fail(w, h, "entry %llu: a run of %s that never was",
				 (unsigned long long)index, vm->name);
		break;
	case TALLY_MIGRATED_OUT:
	case TALLY_STOPPED:
		if (!lived(h, vm, ev, at, true))
			sim_fail(w, h, "entry %llu: a stop of %s, which lived on",
				 (unsigned long long)index, vm->name);
		if (ev->m.has_not_before && (int64_t)ev->m.not_before < at)
			spans_add(&seen->vm[h->index][vm->number].bounds, (int64_t)ev->m.not_before,
				  at);
		break;
	default:
		break;
	}
}

int64_t
records_newest(struct host *h, struct tally_store *store)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries = { 0 };
	struct tally_wallclock clock;
	struct tally_entry e;
	uint8_t root[TALLY_HASH];
	uint64_t size = 0;
	int64_t skipped;
	int rc = tally_store_head(store, &size, root, &err);
	tally_wallclock_begin(&clock);
	if (rc == 0)
		rc = tally_store_entries(store, 0, size, &entries, &err);
	while (rc == 0 && (rc = entries.next(entries.ctx, &e, &err)) == 1) {
		struct tally_event ev = { 0 };
		tally_arena_reset(arena);
		rc = tally_event_decode(&ev, e.group, 1u << TALLY_METERING, arena, &err);
		if (part_holds(true, &e.header))
			(void)tally_wallclock_live(
				&clock, &e.header,
				(int64_t)(ev.m.has_time ? ev.m.time : e.header.wall), &skipped);
	}
	if (rc < 0)
		sim_fail(h->world, h, "the ledger cannot be read: %s", err.text);
	if (entries.close != NULL)
		entries.close(entries.ctx);
	tally_arena_free(arena);
	return clock.at;
}

void
records_check(struct host *h, struct tally_store *store, struct seen *seen)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_arena *arena = tally_arena_new(16384);
	struct tally_entries entries = { 0 };
	struct tally_wallclock clock;
	struct tally_entry e;
	uint8_t root[TALLY_HASH];
	uint64_t size = 0;
	int64_t at = 0;
	int rc = tally_store_head(store, &size, root, &err);
	tally_wallclock_begin(&clock);
	if (rc == 0)
		rc = tally_store_entries(store, 0, size, &entries, &err);
	while (rc == 0 && entries.next(entries.ctx, &e, &err) == 1) {
		struct tally_event ev = { 0 };
		int64_t skipped;
		tally_arena_reset(arena);
		rc = tally_event_decode(&ev, e.group, e.mask, arena, &err);
		ev.kind = e.header.kind;
		if (part_holds(true, &e.header))
			at = tally_wallclock_live(
				&clock, &e.header,
				(int64_t)(ev.m.has_time ? ev.m.time : e.header.wall), &skipped);
		if (ev.m.has_not_before)
			ev.m.not_before =
				(uint64_t)tally_wallclock_told(&clock, (int64_t)ev.m.not_before);
		if (rc == 0)
			check_record(h, &ev, at, e.header.index, seen);
	}
	seen->last[h->index] = at;
	if (h->kills == 0 && h->steps > 0 && seen->steps[h->index] == 0)
		sim_fail(h->world, h, "%u steps of the clock, and no record of one", h->steps);
	if (h->kills == 0 && h->overflows > 0 && seen->overflows[h->index] == 0)
		sim_fail(h->world, h, "%u overflows of the ring, and no gap for one", h->overflows);
	if (h->kills == 0 && h->losses > 0 && seen->gaps[h->index] == 0)
		sim_fail(h->world, h, "%u lost connections, and no gap for one", h->losses);
	if (rc < 0)
		sim_fail(h->world, h, "the ledger cannot be read: %s", err.text);
	if (entries.close != NULL)
		entries.close(entries.ctx);
	tally_arena_free(arena);
}
