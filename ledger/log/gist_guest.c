/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which runs may go. Of a run that is over and has a successor in its part nothing
 * lasts but claims: whatever migrates in later, on any host, takes up those of the
 * run that changed them last. So it goes once a later run of the part has begun
 * without taking up anything; or where it had itself migrated in and gave nothing but
 * with its begin, once later ones have given the same with theirs. A VM that is in two
 * places at a time can make that wrong; who reads all ledgers sees it, because of each
 * part the begins that decide are kept (reports/resume.c).
 */
#include <stdlib.h>
#include <string.h>
#include "gist_internal.h"
#include "tally/err.h"

enum {
	GAVE_OS = 1,
	GAVE_EDITION = 2,
	GAVE_SOFTWARE = 4,
	GAVE_TENANT = 8,
	GAVE_COST_CENTER = 16,
	GAVE_ENVIRONMENT = 32,
	GAVE_NAME = 64,
};

/* What a begin gives. */
static uint8_t
gives(const struct tally_event *ev)
{
	unsigned gave = ev->m.os.p ? GAVE_OS : 0;

	gave |= ev->m.edition.p ? GAVE_EDITION : 0;
	gave |= ev->m.software.count > 0 ? GAVE_SOFTWARE : 0;
	gave |= ev->i.tenant.p ? GAVE_TENANT : 0;
	gave |= ev->i.cost_center.p ? GAVE_COST_CENTER : 0;
	gave |= ev->m.environment.p ? GAVE_ENVIRONMENT : 0;
	gave |= ev->i.name.p ? GAVE_NAME : 0;
	return (uint8_t)gave;
}

static struct gist_run *
newest(const struct gist_guest *g)
{
	return &g->runs[g->count - 1];
}

/* What was in sight before does not matter when there is more; but a saved state is what
 * was seen last before its stop. */
static void
add_row(struct gist_run *r, uint64_t index, enum gist_says says, bool stops)
{
	if (!stops && r->count > 0 && r->rows[r->count - 1].says == GIST_SIGHT)
		r->count--;
	if (r->count == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 2;
		r->rows = tally_realloc_array(r->rows, r->cap, sizeof(*r->rows));
	}
	r->rows[r->count++] = (struct gist_row){ index, says };
}

/* Whatever runs again, it does not matter that it stood still before. */
static void
drop_pauses(struct gist_run *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->rows[i].says != GIST_PAUSE)
			r->rows[kept++] = r->rows[i];
	r->count = kept;
}

static void
find_needed(struct gist_guest *g)
{
	unsigned gave = 0;
	bool anew = false;

	for (size_t i = g->count; i-- > 0;) {
		struct gist_run *r = &g->runs[i];
		bool claims = !r->inherits || r->mixes || (r->gave & ~gave);

		r->needed = i + 1 == g->count || r->stays || (claims && !anew);
		gave |= r->gave;
		anew |= !r->inherits;
	}
	for (size_t i = 1; i < g->count; i++)
		g->runs[i].needed |= g->runs[i - 1].needed && g->runs[i - 1].missed;
}

static void
prune(struct gist_guest *g)
{
	size_t kept = 0;

	find_needed(g);
	for (size_t i = 0; i < g->count; i++)
		if (g->runs[i].needed)
			g->runs[kept++] = g->runs[i];
		else
			free(g->runs[i].rows);
	g->count = kept;
}

/* What is not known of an incarnation may be said later. */
static void
learn(struct gist_guest *g, const struct tally_operations *o)
{
	if (!g->has_domain_id && o->has_domain_id) {
		g->has_domain_id = true;
		g->domain_id = o->domain_id;
	}
	if (!g->has_start_ticks && o->has_start_ticks) {
		g->has_start_ticks = true;
		g->start_ticks = o->start_ticks;
	}
}

/* Whether a baseline finds the same incarnation. */
static bool
is_same(const struct gist_guest *g, const struct tally_operations *o)
{
	return (!g->has_domain_id || !o->has_domain_id || g->domain_id == o->domain_id) &&
	       (!g->has_start_ticks || !o->has_start_ticks || g->start_ticks == o->start_ticks);
}

static void
begin(struct gist_guest *g, const struct tally_event *ev, uint64_t index)
{
	if (g->open)
		newest(g)->missed = true;
	if (g->count == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 2;
		g->runs = tally_realloc_array(g->runs, g->cap, sizeof(*g->runs));
	}
	g->runs[g->count++] =
		(struct gist_run){ .inherits = ev->kind == TALLY_MIGRATED_IN, .gave = gives(ev) };
	add_row(newest(g), index, GIST_WORD, false);
	g->open = true;
	g->has_domain_id = g->has_start_ticks = false;
	learn(g, &ev->o);
	prune(g);
}

/* An entry of the run that is open. */
static void
go_on(struct gist_guest *g, const struct tally_event *ev, uint64_t index)
{
	struct gist_run *r = newest(g);
	enum gist_says says = GIST_WORD;

	switch (ev->kind) {
	case TALLY_RESUMED:
		drop_pauses(r);
		says = GIST_PAUSE;
		break;
	case TALLY_SUSPENDED:
		says = GIST_PAUSE;
		break;
	case TALLY_DEFINED:
	case TALLY_UNDEFINED:
	case TALLY_SHUTDOWN_REQUEST:
	case TALLY_REBOOTED:
	case TALLY_MIGRATION_FAILED:
	case TALLY_TIME_TRAVEL:
		says = GIST_SIGHT;
		break;
	case TALLY_BASELINE:
		learn(g, &ev->o);
		r->mixes |= gives(ev) != 0;
		break;
	case TALLY_CONFIG:
	case TALLY_RENAMED:
		r->mixes |= ev->i.name.p != NULL;
		break;
	case TALLY_OS_CLAIM:
	case TALLY_SOFTWARE:
	case TALLY_TAGS:
		r->mixes = true;
		break;
	case TALLY_STOPPED:
	case TALLY_MIGRATED_OUT:
		g->open = false;
		break;
	default:
		break;
	}
	add_row(r, index, says, ev->kind == TALLY_STOPPED);
}

bool
gist_guest_step(struct gist_guest *g, bool live, const struct tally_event *ev, uint64_t index)
{
	bool begins = ev->kind == TALLY_STARTED || ev->kind == TALLY_MIGRATED_IN;

	if (ev->kind == TALLY_BASELINE)
		begins = !g->open || (live && !is_same(g, &ev->o));
	if (begins)
		begin(g, ev, index);
	else if (g->open)
		go_on(g, ev, index);
	else
		return false;
	return true;
}

void
gist_guest_hold(struct gist_guest *g)
{
	newest(g)->stays = true;
}

void
gist_guest_deinit(struct gist_guest *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->runs[i].rows);
	free(g->runs);
}
