/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, heartbeats and gaps: what is known without an event. A difference
 * between the list and the machine is recorded with source = poll and bounds;
 * a lost connection is a gap, never a stop.
 */
#include "machine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tally/entry.h"
#include "tally/err.h"

/* The domain executes or could at once: it has a run. */
static bool
has_run(unsigned state)
{
	return state == TALLY_ST_RUNNING || state == TALLY_ST_PAUSED ||
	       state == TALLY_ST_PMSUSPENDED;
}

static void
found_state(struct machine *m, struct vm *vm, unsigned state, unsigned cause, struct tally_now at)
{
	struct tally_event ev = { .kind = state == TALLY_ST_RUNNING ? TALLY_RESUMED
								    : TALLY_SUSPENDED };
	if (vm->state == state)
		return;
	vm->state = state;
	ev.m.has_state = true;
	ev.m.state = state;
	ev.m.has_cause = true;
	ev.m.cause = cause;
	machine_emit_vm(m, &ev, vm, at, TALLY_SRC_POLL);
}

static void
found_config(struct machine *m, struct vm *vm, const struct tally_domain *d, struct tally_now at)
{
	struct tally_event ev = { .kind = TALLY_CONFIG };
	if (d->vcpus == 0 || (vm->dom.vcpus == d->vcpus && vm->dom.memory_mib == d->memory_mib))
		return;
	vm->dom.vcpus = d->vcpus;
	vm->dom.memory_mib = d->memory_mib;
	ev.m.has_vcpus = true;
	ev.m.vcpus = d->vcpus;
	ev.m.has_memory_mib = true;
	ev.m.memory_mib = d->memory_mib;
	machine_emit_vm(m, &ev, vm, at, TALLY_SRC_POLL);
}

static void
found(struct machine *m, const struct tally_domain *d, struct tally_now at, bool first)
{
	struct vm *vm = machine_find(m, d->uuid);
	if (vm != NULL && vm->changed.uptime.ns >= at.uptime.ns) {
		vm->listed = true; /* its event is newer than the list */
		return;
	}
	if (d->state == TALLY_ST_UNKNOWN) {
		if (vm != NULL)
			vm->listed = true; /* it is there: no reason to end or begin anything */
		return;
	}
	if (vm != NULL && vm->run != 0 && vm->dom.id >= 0 && vm->dom.id != d->id) {
		/* The same UUID in another process: a stop and a start were missed. */
		machine_end(m, vm, TALLY_C_VANISHED, at, TALLY_SRC_POLL, NULL);
		machine_forget(m, vm);
		vm = NULL;
	}
	if (!has_run(d->state)) {
		/* On its way in or out: its events say more, and it has its chance. */
		if (vm != NULL)
			vm->listed = vm->run == 0;
		return;
	}
	if (vm == NULL || vm->run == 0) {
		if (vm != NULL && (vm->starting || vm->ended)) {
			vm->listed = true;
			return;
		}
		vm = machine_add(m, d);
		vm->dom = *d;
		vm->state = d->state;
		machine_begin(m, vm, first ? TALLY_BASELINE : TALLY_STARTED, TALLY_C_UNKNOWN, at,
			      TALLY_SRC_POLL, NULL);
	} else if (first) {
		/* The same incarnation on both sides of a gap or of an agent's absence. */
		vm->dom = *d;
		vm->state = d->state;
		machine_begin(m, vm, TALLY_BASELINE, d->cause, at, TALLY_SRC_POLL, NULL);
	} else {
		found_state(m, vm, d->state, d->cause, at);
		found_config(m, vm, d, at);
	}
	vm->listed = true;
	vm->missing = false;
	vm->seen = at;
}

static void
unlist(struct machine *m, struct vm *vm, void *ctx)
{
	(void)m;
	(void)ctx;
	vm->listed = false;
}

struct missing {
	struct tally_now at;
	bool any;
};

/* An event overtakes no list: what a list lacks for the first time may have its
 * STOPPED on the way, which knows the moment. The next list decides. */
static void
vanish(struct machine *m, struct vm *vm, void *ctx)
{
	struct missing *missing = ctx;
	if (vm->listed || vm->changed.uptime.ns >= missing->at.uptime.ns)
		return;
	if (vm->run != 0 && !vm->missing) {
		vm->missing = true;
		missing->any = true;
		return;
	}
	if (vm->run != 0)
		machine_end(m, vm, TALLY_C_VANISHED, missing->at, TALLY_SRC_POLL, NULL);
	machine_forget(m, vm);
}

bool
machine_list(struct machine *m, const struct tally_domain *doms, size_t n, struct tally_now at,
	     bool first)
{
	struct missing missing = { at, false };
	machine_each(m, unlist, NULL);
	for (size_t i = 0; i < n; i++)
		found(m, &doms[i], at, first);
	machine_each(m, vanish, &missing);
	m->witnessed = at;
	if (!m->beating) {
		m->beating = true;
		m->beat_from = at;
		m->beats = 0;
	}
	m->beats++;
	return !missing.any;
}

struct set {
	struct tally_sha256 *hash;
	uint32_t n;
};

static void
hash_vm(struct machine *m, struct vm *vm, void *ctx)
{
	struct set *s = ctx;
	uint8_t state = (uint8_t)vm->state;
	(void)m;
	if (vm->run == 0)
		return;
	s->n++;
	tally_sha256_add(s->hash, vm->dom.uuid, TALLY_UUID);
	tally_sha256_add(s->hash, &state, 1);
}

void
machine_heartbeat(struct machine *m, struct tally_now now, struct tally_span due, bool force)
{
	struct tally_event ev = { .kind = TALLY_HEARTBEAT };
	struct set s = { tally_sha256_new(), 0 };
	uint8_t hash[TALLY_HASH];
	machine_each(m, hash_vm, &s); /* the tree's order is that of the UUIDs */
	tally_sha256_end(s.hash, hash);
	tally_sha256_free(s.hash);
	if (!m->beating || m->beats == 0)
		return;
	if (!force && memcmp(hash, m->set_hash, TALLY_HASH) == 0 &&
	    m->witnessed.uptime.ns - m->beat_from.uptime.ns < due.ns)
		return;
	memcpy(m->set_hash, hash, TALLY_HASH);
	ev.m.has_from = ev.m.has_to = true;
	ev.m.from = (uint64_t)m->beat_from.wall.ns;
	ev.m.to = (uint64_t)m->witnessed.wall.ns;
	ev.m.has_count = true;
	ev.m.count = m->beats;
	ev.m.has_running = true;
	ev.m.running = s.n;
	ev.m.set_hash = tally_bytes(hash, sizeof(hash));
	machine_emit(m, &ev, now, TALLY_SRC_POLL);
	m->beat_from = m->witnessed;
	m->beats = 0;
}

void
machine_lost(struct machine *m, struct tally_now now, const char *reason, const char *detail,
	     uint64_t lost)
{
	struct tally_event ev = { .kind = TALLY_GAP_BEGIN };
	char text[1024]; /* the manager's words may be no UTF-8, or cut */
	if (m->lost)
		return;
	text_copy(text, sizeof(text), detail);
	machine_heartbeat(m, now, (struct tally_span){ 0 }, true);
	ev.m.reason = tally_bytes_str(reason);
	ev.o.detail = tally_bytes_str(text);
	ev.m.has_from = m->witnessed.wall.ns > 0;
	ev.m.from = (uint64_t)m->witnessed.wall.ns;
	if (lost > 0) {
		ev.m.has_count = true;
		ev.m.count = lost;
	}
	machine_emit(m, &ev, now, TALLY_SRC_AGENT);
	m->lost = true;
	m->beating = false;
	m->beats = 0;
}

void
machine_back(struct machine *m, struct tally_now now, const char *reason)
{
	struct tally_event ev = { .kind = TALLY_GAP_END };
	if (!m->lost)
		return;
	ev.m.reason = tally_bytes_str(reason);
	machine_emit(m, &ev, now, TALLY_SRC_AGENT);
	m->lost = false;
}
