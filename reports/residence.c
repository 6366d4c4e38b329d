/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At most one run of a VM is open in a part. A run ends at an entry of its own
 * part: at the one that says so, or, where the one ahead makes clear that its
 * end was missed, at the present one.
 */
#include <string.h>
#include "residence.h"
#include "tally/err.h"

void
residence_init(struct residence *r, bool apart)
{
	memset(r, 0, sizeof(*r));
	r->apart = apart;
	r->arena = tally_arena_new(apart ? 16 << 10 : 256 << 10);
}

void
residence_deinit(struct residence *r)
{
	map_deinit(&r->vms);
	tally_arena_free(r->arena);
}

struct vm *
residence_vm(struct residence *r, const uint8_t uuid[TALLY_UUID])
{
	void **place = map_place(&r->vms, uuid);
	struct vm *vm = *place;

	if (vm)
		return vm;
	vm = tally_arena_alloc(r->arena, sizeof(*vm));
	memcpy(vm->uuid, uuid, TALLY_UUID);
	vm->number = r->vm_count++;
	*place = vm;
	return vm;
}

struct vm *
residence_vm_of(struct residence *r, const struct slot *e)
{
	if (r->apart)
		return residence_vm(r, e->of->uuid);
	if (!e->of->vm)
		e->of->vm = residence_vm(r, e->of->uuid);
	return e->of->vm;
}

struct run *
residence_open(const struct vm *vm, const struct part *p)
{
	for (struct run *r = vm->runs; r; r = r->vm_next)
		if (r->open && r->part == p)
			return r;
	return NULL;
}

static bool
begins(unsigned kind)
{
	return kind == TALLY_STARTED || kind == TALLY_MIGRATED_IN;
}

/* Of the entry that follows only a begin is looked into (look_ahead). */
static void
fetch_next(const struct slot *next, unsigned stage)
{
	if (stage == 0) {
		fetch_lines(next, sizeof(*next));
		return;
	}
	if (!begins(next->h.kind) && next->h.kind != TALLY_BASELINE)
		return;
	if (stage == 1)
		fetch_lines(next->of, sizeof(*next->of));
	else if (stage == 2)
		fetch_lines(next->of->vm, 64);
	else if (next->of->vm)
		fetch_lines(next->of->vm->runs, 64);
}

void
residence_fetch(const struct told *t, unsigned stage)
{
	const struct slot *e = t->e;

	if (t->next)
		fetch_next(t->next, stage);
	if (stage == 0) {
		fetch_lines(e, sizeof(*e));
	} else if (stage == 1) {
		fetch_lines(e->of, sizeof(*e->of));
		fetch_lines(e->said, sizeof(*e->said));
	} else if (stage == 2) {
		fetch_lines(e->of->vm, sizeof(struct vm));
	} else if (e->of->vm) {
		fetch_lines(e->of->vm->runs, sizeof(struct run));
	}
}

void
residence_link(struct run *run)
{
	struct part *p = run->part;

	run->part_prev = NULL;
	run->part_next = p->runs;
	if (p->runs)
		p->runs->part_prev = run;
	p->runs = run;
}

void
residence_unlink(struct run *run)
{
	if (run->part_prev)
		run->part_prev->part_next = run->part_next;
	else
		run->part->runs = run->part_next;
	if (run->part_next)
		run->part_next->part_prev = run->part_prev;
	run->part_prev = run->part_next = NULL;
}

void
residence_drop(struct residence *r, struct run *run)
{
	struct run **at = &run->vm->runs;

	while (*at != run)
		at = &(*at)->vm_next;
	*at = run->vm_next;
	run->vm_next = r->spare;
	r->spare = run;
}

static void
see(struct run *run, const struct slot *e)
{
	run->seen_index = e->h.index;
}

/* What is not known of an incarnation may be said later. */
static void
learn(struct run *run, const struct slot *e)
{
	if (!run->has_domain_id && slot_has(e, TALLY_BODY_DOMAIN_ID)) {
		run->has_domain_id = true;
		run->domain_id = e->numbers.v[TALLY_BODY_DOMAIN_ID];
	}
	if (!run->has_start_ticks && slot_has(e, TALLY_BODY_START_TICKS)) {
		run->has_start_ticks = true;
		run->start_ticks = e->numbers.v[TALLY_BODY_START_TICKS];
	}
}

static void
run_begin(struct residence *r, struct part *p, struct vm *vm, const struct slot *e)
{
	struct run *run = r->spare;

	if (run) {
		r->spare = run->vm_next;
		memset(run, 0, sizeof(*run));
	} else {
		run = tally_arena_alloc(r->arena, sizeof(*run));
	}
	run->vm = vm;
	run->part = p;
	run->vm_next = vm->runs;
	vm->runs = run;
	residence_link(run);
	run->open = true;
	run->begin_index = e->h.index;
	run->boot = e->h.boot;
	learn(run, e);
	see(run, e);
	r->ops->begin(r->ctx, run, e);
}

static void
run_end(struct residence *r, struct run *run, int64_t at, enum end_why why, const struct slot *by)
{
	run->open = false;
	residence_unlink(run);
	r->ops->end(r->ctx, run, at, why, by);
}

static void
end_all(struct residence *r, struct part *p, int64_t at, enum end_why why, const struct slot *by)
{
	for (struct run *run = p->runs, *next; run; run = next) {
		next = run->part_next;
		if (run->open)
			run_end(r, run, at, why, by);
	}
}

/* Whether a baseline finds the same incarnation; imports take it on trust. */
static bool
same_incarnation(const struct run *run, const struct slot *e)
{
	if (!run->part->live)
		return true;
	return run->boot == e->h.boot &&
	       (!run->has_domain_id || !slot_has(e, TALLY_BODY_DOMAIN_ID) ||
		run->domain_id == e->numbers.v[TALLY_BODY_DOMAIN_ID]) &&
	       (!run->has_start_ticks || !slot_has(e, TALLY_BODY_START_TICKS) ||
		run->start_ticks == e->numbers.v[TALLY_BODY_START_TICKS]);
}

static void
note_gap(struct part *p, const struct slot *e)
{
	if (e->h.kind == TALLY_GAP_END) {
		p->gap_open = false;
		p->gap_index = e->h.index;
		return;
	}
	if (e->h.kind != TALLY_GAP && e->h.kind != TALLY_GAP_BEGIN)
		return;
	if (e->h.kind == TALLY_GAP_BEGIN && p->gap_open)
		return;
	p->gap_index = e->h.index;
	if (p->gap_open)
		return; /* one inside the other: the outer one began before */
	p->gap_open = e->h.kind == TALLY_GAP_BEGIN;
	p->has_gap = true;
	p->gap_from = slot_has(e, TALLY_BODY_FROM) ? slot_instant(e, TALLY_BODY_FROM) : e->at;
}

/* Whether an entry tells which boot of the host this is. */
static bool
tells_boot(const struct slot *e)
{
	return (e->h.kind == TALLY_HOST_FACTS || e->h.kind == TALLY_HOST_BOOT) && e->ev->m.boot.p;
}

static void
note_boot(struct part *p, const struct slot *e)
{
	if (!tells_boot(e))
		return;
	p->has_boot = true;
	tally_buf_clear(&p->boot);
	tally_buf_add_bytes(&p->boot, e->ev->m.boot);
}

static void
stay(struct residence *r, struct run *run)
{
	if (!run->departing)
		return;
	run->departing = false;
	if (r->ops->stay)
		r->ops->stay(r->ctx, run);
}

/* A live source is left at its suspension for the switch-over; what says so is
 * the entry that ends the run. */
static void
follow(struct residence *r, struct run *run, const struct slot *e)
{
	const struct said *m = e->said;

	if (!run->part->live)
		return;
	if (e->h.kind == TALLY_RESUMED ||
	    (e->h.kind == TALLY_BASELINE && (!m->has_state || m->state == TALLY_ST_RUNNING)))
		stay(r, run);
	if (e->h.kind != TALLY_SUSPENDED || run->departing ||
	    (m->cause != TALLY_C_MIGRATED && m->cause != TALLY_C_POSTCOPY))
		return;
	run->departing = true;
	run->depart_at = e->at;
	run->depart_index = e->h.index;
	if (r->ops->depart)
		r->ops->depart(r->ctx, run, e);
}

/* What the present entry says of its own VM. */
static void
apply(struct residence *r, struct part *p, const struct slot *e)
{
	struct vm *vm;
	struct run *run;

	if (!e->of->has_vm || e->h.kind < TALLY_DEFINED || e->h.kind > TALLY_ROLE)
		return;
	vm = residence_vm_of(r, e);
	run = residence_open(vm, p);
	if (run && e->h.kind != TALLY_STOPPED)
		see(run, e);
	if (run)
		follow(r, run, e);
	switch (e->h.kind) {
	case TALLY_STARTED:
	case TALLY_MIGRATED_IN:
	case TALLY_BASELINE:
		if (run) {
			learn(run, e);
			r->ops->go_on(r->ctx, run, e);
		} else {
			run_begin(r, p, vm, e);
		}
		break;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
		if (run)
			run_end(r, run, e->at,
				e->h.kind == TALLY_STOPPED ? END_STOPPED : END_MIGRATED, e);
		break;
	default:
		break;
	}
}

/* What the entry ahead says of the time up to the present one. */
static void
look_ahead(struct residence *r, struct part *p, const struct slot *e, const struct slot *next)
{
	unsigned kind = next->h.kind;
	struct run *run;

	if (tells_boot(next) && p->has_boot &&
	    !tally_bytes_eq(tally_buf_view(&p->boot), next->ev->m.boot))
		end_all(r, p, e->at, END_BOOT, next);
	if (p->live && next->h.boot != e->h.boot)
		end_all(r, p, e->at, END_BOOT, next);
	if (!(begins(kind) || kind == TALLY_BASELINE) || !next->of->has_vm)
		return;
	run = residence_open(residence_vm_of(r, next), p);
	if (run && (begins(kind) || !same_incarnation(run, next)))
		run_end(r, run, e->at, END_MISSED, next);
}

void
residence_step(struct residence *r, struct part *p, const struct slot *e, const struct slot *next)
{
	note_gap(p, e);
	note_boot(p, e);
	apply(r, p, e);
	if (e->h.kind == TALLY_HOST_FAILED || e->h.kind == TALLY_HOST_RETIRED)
		end_all(r, p, e->at, e->h.kind == TALLY_HOST_FAILED ? END_FAILED : END_RETIRED, e);
	if (next)
		look_ahead(r, p, e, next);
	else
		end_all(r, p, e->at, END_OPEN, e);
}
