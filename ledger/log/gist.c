/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept is what could still matter, not what does. Entries of a VM go with their run;
 * of those that belong to none, and of heartbeats, nothing lasts but the time that
 * they told. An instant is never before that of the entry before it in the part: an
 * entry behind which time went back is kept, so that it stands where it stood.
 */
#include <stdlib.h>
#include <string.h>
#include "gist_internal.h"
#include "tally/err.h"
#include "tally/gist.h"
#include "tally/wallclock.h"

struct part {
	bool any, told, has_boot; /* told: its host's facts */
	struct tally_buf boot;    /* as those told it */
	uint32_t number;          /* the boot's, of the newest entry */
	struct tally_wallclock clock;
	bool behind; /* the newest entry's own instant lies before the one that it counts at */
	uint64_t newest;
	size_t newest_guest; /* to whose run that belongs, plus 1; or 0 */
	struct gist_guest *guests;
	size_t count, cap;
	uint32_t *slots; /* number + 1, by UUID */
	size_t slots_cap;
};
struct tally_gist {
	struct part parts[2]; /* the imported one, the live one */
	uint64_t next;
	int64_t horizon;
	bool all; /* nothing is understood any more: all is kept */
	struct tally_arena *arena;
	uint64_t *held; /* whatever becomes of their runs */
	size_t n_held, cap_held;
	uint64_t *out;
};

struct tally_gist *
tally_gist_new(void)
{
	struct tally_gist *g = tally_alloc(sizeof(*g));

	g->arena = tally_arena_new(4 << 10);
	g->horizon = INT64_MIN;
	for (unsigned i = 0; i < 2; i++)
		tally_wallclock_begin(&g->parts[i].clock);
	return g;
}

void
tally_gist_free(struct tally_gist *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct part *p = &g->parts[i];

		for (size_t k = 0; k < p->count; k++)
			gist_guest_deinit(&p->guests[k]);
		free(p->guests);
		free(p->slots);
		tally_buf_deinit(&p->boot);
	}
	tally_arena_free(g->arena);
	free(g->held);
	free(g->out);
	free(g);
}

static uint32_t *
find(const struct part *p, uint32_t *slots, size_t cap, const uint8_t vm[TALLY_UUID])
{
	uint64_t h = (tally_get_u64(vm) ^ tally_get_u64(vm + 8)) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h ^ h >> 32) & (cap - 1);

	while (slots[i] && memcmp(p->guests[slots[i] - 1].vm, vm, TALLY_UUID) != 0)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
widen(struct part *p)
{
	size_t cap = p->slots_cap ? p->slots_cap * 2 : 64;
	uint32_t *slots = tally_alloc(cap * sizeof(*slots));

	for (size_t i = 0; i < p->count; i++)
		*find(p, slots, cap, p->guests[i].vm) = (uint32_t)i + 1;
	free(p->slots);
	p->slots = slots;
	p->slots_cap = cap;
}

/* Its number. */
static size_t
guest_of(struct part *p, const uint8_t vm[TALLY_UUID])
{
	uint32_t *slot;

	if (p->count >= p->slots_cap / 4 * 3)
		widen(p);
	slot = find(p, p->slots, p->slots_cap, vm);
	if (*slot == 0) {
		if (p->count == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 32;
			p->guests = tally_realloc_array(p->guests, p->cap, sizeof(*p->guests));
		}
		p->guests[p->count] = (struct gist_guest){ 0 };
		memcpy(p->guests[p->count].vm, vm, TALLY_UUID);
		*slot = (uint32_t)++p->count;
	}
	return *slot - 1;
}

static void
hold(struct tally_gist *g, uint64_t index)
{
	if (g->n_held == g->cap_held) {
		g->cap_held = g->cap_held ? g->cap_held * 2 : 64;
		g->held = tally_realloc_array(g->held, g->cap_held, sizeof(*g->held));
	}
	g->held[g->n_held++] = index;
}

/* Alone, the entry of a run would say something else. */
static void
hold_newest(struct tally_gist *g, struct part *p)
{
	hold(g, p->newest);
	if (p->newest_guest)
		gist_guest_hold(&p->guests[p->newest_guest - 1]);
}

static int64_t
instant(uint64_t field)
{
	return field < (uint64_t)TALLY_WALL_MAX ? (int64_t)field : TALLY_WALL_MAX;
}

static void
close_all(struct part *p)
{
	for (size_t i = 0; i < p->count; i++)
		p->guests[i].open = false;
}

/* Whether the entry is one of another boot than those before it. */
static bool
take_boot(struct part *p, bool live, const struct tally_header *h, const struct tally_event *ev)
{
	bool tells = (ev->kind == TALLY_HOST_FACTS || ev->kind == TALLY_HOST_BOOT) && ev->m.boot.p;
	bool other = live && p->any && h->boot != p->number;

	p->number = h->boot;
	if (!tells)
		return other;
	other |= p->has_boot && !tally_bytes_eq(tally_buf_view(&p->boot), ev->m.boot);
	p->has_boot = true;
	tally_buf_clear(&p->boot);
	tally_buf_add_bytes(&p->boot, ev->m.boot);
	return other;
}

/* Of a guest's time on a host. What goes, and what makes it go, is one of these, or a
 * heartbeat. Kinds that have no name are counted. */
static bool
of_guest(const struct tally_event *ev)
{
	return ev->i.has_vm && ev->kind >= TALLY_DEFINED && ev->kind <= TALLY_ROLE &&
	       tally_kind_name(ev->kind) && !tally_event_is_correction(ev);
}

/* Whether it is the first to go back. */
static bool
take_time(struct tally_gist *g, struct part *p, const struct tally_header *h,
	  const struct tally_event *ev)
{
	int64_t own = instant(ev->m.has_time ? ev->m.time : h->wall), at, skipped;
	bool was = p->behind;

	if (ev->imported) {
		at = tally_wallclock_other(&p->clock, own);
	} else {
		at = tally_wallclock_live(&p->clock, h, own, &skipped);
		own = tally_wallclock_told(&p->clock, own);
	}
	p->behind = own < at;
	if ((of_guest(ev) || ev->kind == TALLY_HEARTBEAT) && at > g->horizon)
		g->horizon = at;
	if (ev->kind == TALLY_HEARTBEAT && ev->m.has_to) {
		at = tally_wallclock_told(&p->clock, instant(ev->m.to));
		g->horizon = at > g->horizon ? at : g->horizon;
	}
	return p->behind && !was;
}

static void
add_event(struct tally_gist *g, const struct tally_header *h, const struct tally_event *ev)
{
	bool live = !ev->imported, guests = of_guest(ev);
	struct part *p = &g->parts[live];
	bool back = take_time(g, p, h, ev), other = take_boot(p, live, h, ev);
	bool beats = ev->kind == TALLY_HEARTBEAT, looks, goes;

	/* From the entry before a look at the clock it is known how far that jumped. */
	looks = ev->kind == TALLY_CLOCK_STEP || ev->kind == TALLY_AGENT_START;
	if (back || other || (p->any && looks))
		hold_newest(g, p);
	if (other)
		close_all(p);
	/* What comes before the facts is counted, one by one; but for a live host's own. */
	goes = p->any && !other && ((guests && p->told) || (beats && (p->told || live)));
	p->any = true;
	p->newest = h->index;
	p->newest_guest = 0;
	if (guests) {
		size_t guest = guest_of(p, ev->i.vm);

		if (gist_guest_step(&p->guests[guest], live, ev, h->index))
			p->newest_guest = guest + 1;
	}
	if (!goes)
		hold_newest(g, p);
	if (ev->kind == TALLY_HOST_FAILED || ev->kind == TALLY_HOST_RETIRED)
		close_all(p);
	p->told |= ev->kind == TALLY_HOST_FACTS;
}

void
tally_gist_add(struct tally_gist *g, const struct tally_header *h,
	       const struct tally_bytes groups[TALLY_GROUPS])
{
	struct tally_err malformed = TALLY_ERR_INIT;
	struct tally_event ev;

	TALLY_ASSERT(h->index >= g->next);
	g->next = h->index + 1;
	if (tally_kind_is_apart(h->kind)) {
		/* These say whose ledger it is, in which sessions it grew, and for how long. */
		if (h->kind == TALLY_SESSION_STATEMENT || h->kind == TALLY_IMPORT ||
		    h->kind == TALLY_ANCHOR)
			hold(g, h->index);
		return;
	}
	tally_arena_reset(g->arena);
	g->all |=
		tally_event_decode(&ev, groups, (1u << TALLY_GROUPS) - 1, g->arena, &malformed) < 0;
	if (g->all) {
		hold(g, h->index);
		return;
	}
	ev.kind = h->kind;
	ev.imported = h->flags & TALLY_FLAG_IMPORTED;
	if (!ev.imported && tally_event_is_correction(&ev))
		hold(g, h->index); /* of no part's time, and it may reach far */
	else
		add_event(g, h, &ev);
}

void
tally_gist_goes_on(struct tally_gist *g, uint64_t next, int64_t horizon)
{
	TALLY_ASSERT(next >= g->next);
	g->next = next;
	if (horizon > g->horizon)
		g->horizon = horizon;
}

uint64_t
tally_gist_next(const struct tally_gist *g)
{
	return g->next;
}

int64_t
tally_gist_horizon(const struct tally_gist *g)
{
	return g->horizon;
}

static int
by_index(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Those of a part behind `out`. */
static size_t
copy_part(const struct part *p, uint64_t *out)
{
	size_t n = 0;

	if (p->any)
		out[n++] = p->newest;
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < p->guests[i].count; k++)
			for (size_t r = 0; r < p->guests[i].runs[k].count; r++)
				out[n++] = p->guests[i].runs[k].rows[r].index;
	return n;
}

static size_t
count_part(const struct part *p)
{
	size_t n = 1;

	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < p->guests[i].count; k++)
			n += p->guests[i].runs[k].count;
	return n;
}

size_t
tally_gist_rows(struct tally_gist *g, const uint64_t **rows)
{
	size_t cap = g->n_held + count_part(&g->parts[0]) + count_part(&g->parts[1]) + 1, n,
	       kept = 0;

	g->out = tally_realloc_array(g->out, cap, sizeof(*g->out));
	for (n = 0; n < g->n_held; n++)
		g->out[n] = g->held[n];
	for (unsigned i = 0; i < 2; i++)
		n += copy_part(&g->parts[i], g->out + n);
	if (g->next > 0)
		g->out[n++] = g->next - 1; /* how many there are, and when that was */
	if (n > 0)
		qsort(g->out, n, sizeof(*g->out), by_index);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || g->out[kept - 1] != g->out[i])
			g->out[kept++] = g->out[i];
	*rows = g->out;
	return kept;
}
