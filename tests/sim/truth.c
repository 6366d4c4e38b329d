/* SPDX-License-Identifier: Apache-2.0 */
/* See truth.h. */
#include "truth.h"

#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tally/bytes.h"

/* A list is compared with what is held; a VM that it lacks gets a second one. */
enum { LISTS_THAT_TELL = 2 };

/* As long as the machine lets a record wait, and the agent is busy with others. */
#define WAITS (10 * SEC)

int64_t
truth_now(struct host *h)
{
	int64_t wall = host_wall(h) + h->truth.ahead;
	if (wall > h->truth.high)
		h->truth.high = wall;
	return h->truth.high;
}

struct life *
truth_begin(struct host *h, struct sim_vm *vm, int64_t id, uint32_t pid, uint64_t ticks,
	    bool running)
{
	struct life *l = tally_alloc(sizeof(*l));
	*l = (struct life){ .host = h,
			    .vm = vm,
			    .id = id,
			    .pid = pid,
			    .ticks = ticks,
			    .begin = truth_now(h),
			    .running = running,
			    .resident = true };
	l->since = l->begin;
	l->next = h->world->truth.lives;
	h->world->truth.lives = l;
	return l;
}

void
truth_state(struct life *l, bool resident, bool running)
{
	int64_t now = truth_now(l->host);
	if (l->resident)
		spans_add(&l->residence, l->since, now);
	if (l->running)
		spans_add(&l->running_time, l->since, now);
	l->since = now;
	l->resident = resident;
	l->running = running;
}

void
truth_end(struct life *l, const char *why)
{
	truth_state(l, false, false);
	l->end = l->since;
	l->over = true;
	l->why = why;
}

struct change *
truth_change(struct host *h, struct sim_vm *vm, const char *what)
{
	struct change *c = tally_alloc(sizeof(*c));
	*c = (struct change){ .next = h->truth.changes,
			      .next_open = h->truth.open,
			      .vm = vm,
			      .at = truth_now(h),
			      .now = h->world->now,
			      .open = true,
			      .what = what };
	h->truth.changes = h->truth.open = c;
	return c;
}

void
truth_told(struct host *h, struct change *c, bool late)
{
	for (; c != NULL; c = c->also) {
		if (!c->open && !late)
			continue;
		c->open = false;
		c->known = truth_now(h);
	}
}

static void
take_steps(struct truth_host *t)
{
	int64_t step = t->unseen;
	if (step <= SEC && step >= -SEC)
		return;
	t->unseen = 0;
	t->ahead = t->ahead > step ? t->ahead - step : 0;
}

void
truth_boots(struct host *h)
{
	h->truth.booted = true;
}

void
truth_looks(struct host *h, int64_t newest)
{
	struct truth_host *t = &h->truth;
	int64_t back = newest - host_wall(h);
	if (!t->booted) {
		take_steps(t);
		return;
	}
	t->booted = false;
	t->unseen = 0;
	if (back <= 0) {
		/* What nobody saw since then ran on, and is told in the new time. */
		t->ahead = 0;
		spans_add(&t->outages, newest, t->high + SEC);
		t->high = newest;
	} else if (back > t->ahead + SEC) {
		t->ahead = back;
	}
}

void
truth_step(struct host *h, int64_t was, int64_t is)
{
	int64_t step;
	was += h->truth.ahead;
	h->truth.unseen += is + h->truth.ahead - was;
	if (h->agent != NULL)
		take_steps(&h->truth);
	is += h->truth.ahead;
	step = is - was;
	spans_add(&h->truth.steps, was < is ? was : is, (was < is ? is : was) + 1);
	for (struct change *c = h->truth.changes; c != NULL; c = c->next) {
		if (!c->open && c->known < was - WAITS)
			continue;
		if (step < 0)
			c->at += step;
		else if (!c->open)
			c->known += step;
	}
}

void
truth_skew(struct host *h, struct sim_vm *vm, int64_t end, int64_t other)
{
	struct change *c = truth_change(h, vm, "skew");
	c->open = false;
	c->at = end < other ? end : other;
	c->known = end < other ? other : end;
}

void
truth_listed(struct host *h, unsigned wrong)
{
	struct truth_host *t = &h->truth;
	int64_t now = truth_now(h);
	for (struct change **at = &t->open; *at != NULL;) {
		struct change *c = *at;
		if (c->open && (wrong & 1u << c->vm->number) == 0 &&
		    ++c->lists >= LISTS_THAT_TELL) {
			c->open = false;
			c->known = truth_now(h);
		}
		if (c->open)
			at = &c->next_open;
		else
			*at = c->next_open;
	}
	if (!t->watching)
		t->watch_from = now;
	t->watching = true;
	t->watch_last = now;
	if (t->outage_open && ++t->outage_lists >= LISTS_THAT_TELL) {
		spans_add(&t->outages, t->outage_from, now + 1);
		t->outage_open = false;
	}
}

void
truth_unwatched(struct host *h)
{
	struct truth_host *t = &h->truth;
	if (!t->watching)
		return;
	t->watching = false;
	spans_add(&t->watched, t->watch_from, t->watch_last);
	/* Until it sees again; closed by truth_close at the latest. */
	truth_disturbed(h, t->watch_last, t->watch_last + 1);
}

void
truth_outage(struct host *h, int64_t from)
{
	struct truth_host *t = &h->truth;
	if (!t->outage_open || from < t->outage_from)
		t->outage_from = from;
	t->outage_open = true;
	t->outage_lists = 0;
}

void
truth_disturbed(struct host *h, int64_t from, int64_t to)
{
	spans_add(&h->truth.disturbed, from, to);
}

void
truth_close(struct host *h)
{
	struct truth_host *t = &h->truth;
	int64_t now = truth_now(h);
	truth_unwatched(h);
	if (t->outage_open)
		spans_add(&t->outages, t->outage_from, now + 1);
	t->outage_open = false;
	for (struct change *c = t->changes; c != NULL; c = c->next) {
		if (c->open)
			truth_told(h, c, false);
	}
	for (struct life *l = h->world->truth.lives; l != NULL; l = l->next) {
		if (l->host != h || l->over)
			continue;
		truth_state(l, l->resident, l->running);
		l->end = l->since;
	}
}

void
truth_free(struct truth *t, struct host *hosts, size_t n)
{
	for (struct life *l = t->lives, *next; l != NULL; l = next) {
		next = l->next;
		spans_deinit(&l->residence);
		spans_deinit(&l->running_time);
		free(l);
	}
	t->lives = NULL;
	for (size_t i = 0; i < n; i++) {
		struct truth_host *h = &hosts[i].truth;
		for (struct change *c = h->changes, *next; c != NULL; c = next) {
			next = c->next;
			free(c);
		}
		spans_deinit(&h->outages);
		spans_deinit(&h->watched);
		spans_deinit(&h->steps);
		spans_deinit(&h->disturbed);
		memset(h, 0, sizeof(*h));
	}
}
