/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live migration, good and bad. Measured: the target says Started(Migrated) and
 * does not execute; the source says Suspended(Migrated) and stops; the target
 * says Resumed(Migrated) 14 ms later and executes; the source's process ends
 * and its Stopped(Migrated) comes about two seconds later.
 */
#include <stdlib.h>

#include "sim.h"
#include "tally/bytes.h"

enum fate { GOOD, POSTCOPY, ABORTED, ABORTED_LATE, TARGET_LOST, SOURCE_LOST, FATES };

struct sim_move {
	struct sim_vm *vm;
	struct guest *from, *to;
	uint64_t from_number, to_number;
	enum fate fate;
	int64_t left; /* wall of the source when it stopped */
	struct change *departure;
};

static bool
is_alive(const struct guest *g, uint64_t number)
{
	return g->used && g->number == number && g->alive;
}

static void
next(struct world *w, struct sim_move *m, int64_t in, vm_event *run)
{
	world_at(w, w->now + in, (struct event){ .run = run, .data = m, .owned = true });
}

static void
done(struct world *w, struct sim_move *m, struct guest *lives)
{
	struct sim_vm *vm = m->vm;
	vm->moving = vm->busy = false;
	vm->guest = lives;
	free(m);
	vm_schedule(w, vm);
}

static void
drop_target(struct world *w, struct sim_move *m)
{
	if (!is_alive(m->to, m->to_number))
		return;
	vm_end_process(w, m->to, TALLY_C_FAILED, NULL,
		       random_between(&w->random, 20 * MS, 500 * MS));
}

/* The VM stays where it was, or is gone with what it was on. */
static void
failed(struct world *w, struct sim_move *m)
{
	struct guest *from = is_alive(m->from, m->from_number) ? m->from : NULL;
	w->counts.moves_failed++;
	sim_trace(w, NULL, "the migration of %s fails%s", m->vm->name,
		  from == NULL ? ", and its source is gone" : "");
	drop_target(w, m);
	if (from != NULL && from->life != NULL && from->state != TALLY_ST_RUNNING &&
	    from->cause == TALLY_C_MIGRATED) {
		from->state = TALLY_ST_RUNNING;
		from->cause = TALLY_C_UNKNOWN;
		truth_state(from->life, true, true);
		guest_say(from, TALLY_RESUMED, TALLY_C_MIGRATED,
			  truth_change(from->host, m->vm, "resume"));
	}
	done(w, m, from != NULL && from->life != NULL ? from : NULL);
}

/* What a QEMU leaves that dies under a migration. */
static void
lose(struct world *w, struct guest *g)
{
	struct change *c = vm_end_life(g, "killed");
	sim_trace(w, g->host, "kill -9 of %s in migration", g->vm->name);
	vm_end_process(w, g, TALLY_C_FAILED, c, random_between(&w->random, 200 * MS, 2100 * MS));
}

/* A report joins what lies within a minute by the clocks of the two hosts. */
static bool
clocks_agree(const struct sim_move *m)
{
	int64_t apart = host_wall(m->from->host) - host_wall(m->to->host);

	return apart < 60 * TALLY_SECOND && apart > -60 * TALLY_SECOND;
}

static void
source_ends(struct world *w, const struct event *e)
{
	struct sim_move *m = e->data;
	struct guest *to = is_alive(m->to, m->to_number) ? m->to : NULL;
	/* The source is there, paused, up to here; where nobody looks at the target, or its
	 * clock is another, and the manager's word is lost, that is all that is known of it. */
	if (!m->to->host->truth.watching || !clocks_agree(m))
		truth_told(m->from->host, m->departure, true);
	if (is_alive(m->from, m->from_number))
		vm_end_process(w, m->from, TALLY_C_MIGRATED, NULL,
			       random_between(&w->random, 10 * MS, 100 * MS));
	done(w, m, to != NULL && to->life != NULL ? to : NULL);
}

/* Execution begins on the target. */
static void
arrive(struct world *w, const struct event *e)
{
	struct sim_move *m = e->data;
	struct guest *to = m->to;
	bool post = m->fate == POSTCOPY;
	if (!is_alive(to, m->to_number) || !is_alive(m->from, m->from_number)) {
		/* Nobody has it any more, unless the source can go on. */
		if (is_alive(m->from, m->from_number) && m->from->life == NULL) {
			vm_end_process(w, m->from, TALLY_C_FAILED, NULL, SEC);
			done(w, m, NULL);
			return;
		}
		failed(w, m);
		return;
	}
	to->state = TALLY_ST_RUNNING;
	to->cause = post ? TALLY_C_POSTCOPY : TALLY_C_MIGRATED;
	to->life = truth_begin(to->host, m->vm, to->id, to->pid, to->ticks, true);
	truth_skew(m->from->host, m->vm, m->left, to->life->begin);
	m->vm->home = to->host;
	w->counts.moves++;
	w->counts.postcopies += post;
	sim_trace(w, to->host, "%s executes here now, id %lld", m->vm->name, (long long)to->id);
	guest_say(to, TALLY_RESUMED, post ? TALLY_C_POSTCOPY : TALLY_C_MIGRATED,
		  truth_change(to->host, m->vm, "arrive"));
	next(w, m,
	     post ? random_between(&w->random, SEC, 60 * SEC)
		  : random_between(&w->random, SEC, 2100 * MS),
	     source_ends);
}

static void
stay(struct world *w, const struct event *e)
{
	failed(w, e->data);
}

/* The end of the copy: the source stops. */
static void
depart(struct world *w, const struct event *e)
{
	struct sim_move *m = e->data;
	struct guest *from = m->from;
	bool post = m->fate == POSTCOPY;
	struct change *c;
	if (m->fate == TARGET_LOST && is_alive(m->to, m->to_number))
		vm_end_process(w, m->to, TALLY_C_FAILED, NULL, SEC);
	if (m->fate == SOURCE_LOST && is_alive(from, m->from_number))
		lose(w, from);
	if (m->fate == ABORTED || !is_alive(from, m->from_number) || from->life == NULL ||
	    !is_alive(m->to, m->to_number) || !from->host->manager_up || !m->to->host->manager_up) {
		failed(w, m);
		return;
	}
	/* Paused for a migration: which side of it this is, the manager does not say. */
	from->state = post ? TALLY_ST_PAUSED : TALLY_ST_INCOMING;
	from->cause = post ? TALLY_C_POSTCOPY : TALLY_C_MIGRATED;
	if (m->fate == ABORTED_LATE) {
		truth_state(from->life, true, false);
		c = truth_change(from->host, m->vm, "pause");
		guest_say(from, TALLY_SUSPENDED, from->cause, c);
		next(w, m, random_between(&w->random, 10 * MS, 5 * SEC), stay);
		return;
	}
	sim_trace(w, from->host, "%s stops here, on its way to %s", m->vm->name, m->to->host->name);
	c = vm_end_life(from, "migrated");
	m->left = truth_now(from->host);
	m->departure = c;
	guest_say(from, TALLY_SUSPENDED, from->cause, c);
	next(w, m, random_between(&w->random, 10 * MS, 300 * MS), arrive);
}

bool
vm_move(struct world *w, struct sim_vm *vm)
{
	struct host *h = &w->host[random_below(&w->random, w->host_count)];
	struct guest *to;
	struct sim_move *m;
	/* A history does not end between the two halves of a move. */
	if (w->final || h == vm->guest->host || !h->powered || h->suspended || !h->manager_up ||
	    !vm->guest->host->manager_up || guest_listed(h, vm))
		return false;
	to = guest_new(h, vm);
	if (to == NULL)
		return false;
	m = tally_alloc(sizeof(*m));
	*m = (struct sim_move){ .vm = vm,
				.from = vm->guest,
				.to = to,
				.from_number = vm->guest->number,
				.to_number = to->number };
	m->fate = random_chance(&w->random, 60) ? GOOD : (enum fate)random_below(&w->random, FATES);
	to->state = TALLY_ST_INCOMING;
	to->cause = TALLY_C_MIGRATED;
	vm->moving = vm->busy = true;
	sim_trace(w, vm->guest->host, "%s is to go to %s (%d)", vm->name, h->name, (int)m->fate);
	guest_say(to, TALLY_STARTED, TALLY_C_MIGRATED, NULL);
	next(w, m, random_between(&w->random, 500 * MS, 60 * SEC), depart);
	return true;
}
