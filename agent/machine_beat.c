/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats and gaps: how long all was seen, and how long nothing. A lost
 * connection is a gap, never a stop. */
#include "machine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tally/entry.h"

/* A group holds no more than 65,535 bytes; one time takes at most 24. */
#define CPU_TIMES_MAX 2000

struct set {
	struct tally_sha256 *hash;
	uint32_t n;
	struct tally_cpu_time *times;
	size_t count;
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

static void
time_vm(struct machine *m, struct vm *vm, void *ctx)
{
	struct set *s = ctx;
	uint64_t ns;
	if (vm->run == 0 || vm->dead || s->count == CPU_TIMES_MAX ||
	    m->out.cpu_time(m->out.ctx, &vm->dom, &ns) != 1)
		return;
	s->times[s->count++] = (struct tally_cpu_time){ vm->run, ns };
}

static void
hash_set(struct machine *m, struct set *s, uint8_t out[TALLY_HASH])
{
	s->hash = tally_sha256_new();
	machine_each(m, hash_vm, s); /* the tree's order is that of the UUIDs */
	tally_sha256_end(s->hash, out);
	tally_sha256_free(s->hash);
}

void
machine_heartbeat(struct machine *m, struct tally_now now, struct tally_span due, bool force)
{
	struct tally_event ev = { .kind = TALLY_HEARTBEAT };
	struct set s = { 0 };
	uint8_t hash[TALLY_HASH];
	if (!m->beating || m->beats == 0)
		return;
	hash_set(m, &s, hash);
	if (!force && memcmp(hash, m->set_hash, TALLY_HASH) == 0 &&
	    m->witnessed.uptime.ns - m->beat_from.uptime.ns < due.ns)
		return;
	memcpy(m->set_hash, hash, TALLY_HASH);
	if (m->out.cpu_time != NULL && m->running > 0) {
		s.times = tally_realloc_array(NULL, CPU_TIMES_MAX, sizeof(*s.times));
		machine_each(m, time_vm, &s);
	}
	ev.m.has_from = ev.m.has_to = true;
	ev.m.from = (uint64_t)m->beat_from.wall.ns;
	ev.m.to = (uint64_t)m->witnessed.wall.ns;
	ev.m.has_count = true;
	ev.m.count = m->beats;
	ev.m.has_running = true;
	ev.m.running = s.n;
	ev.m.set_hash = tally_bytes(hash, sizeof(hash));
	ev.o.cpu_time = s.times;
	ev.o.cpu_times = s.count;
	machine_emit(m, &ev, now, TALLY_SRC_POLL);
	free(s.times);
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
	machine_settle_all(m);
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

static void
shift(struct tally_now *at, int64_t step)
{
	if (at->wall.ns != 0) /* 0: never */
		at->wall.ns += step;
}

static void
shift_vm(struct machine *m, struct vm *vm, void *ctx)
{
	int64_t step = *(const int64_t *)ctx;
	(void)m;
	shift(&vm->since, step);
	shift(&vm->held_at, step);
	shift(&vm->reboot, step);
	shift(&vm->changed, step);
	shift(&vm->seen, step);
	shift(&vm->agreed, step);
}

void
machine_step(struct machine *m, struct tally_now now, struct tally_span step)
{
	struct tally_now before = now;
	before.wall.ns -= step.ns;
	machine_heartbeat(m, before, (struct tally_span){ 0 }, true);
	m->beating = false;
	m->beats = 0;
	shift(&m->witnessed, step.ns);
	machine_each(m, shift_vm, &step.ns);
}
