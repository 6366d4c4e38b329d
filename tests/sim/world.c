/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of what is to happen, and the loop that goes from event to event:
 * the world's next one, or the step that an agent wants. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim.h"
#include "tally/bytes.h"

static bool
before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void
world_at(struct world *w, int64_t at, struct event e)
{
	size_t i;
	e.at = at > w->now ? at : w->now;
	e.order = w->order++;
	if (w->queued == w->queue_cap) {
		w->queue_cap = w->queue_cap ? 2 * w->queue_cap : 256;
		w->queue = tally_realloc_array(w->queue, w->queue_cap, sizeof(*w->queue));
	}
	for (i = w->queued++; i > 0 && before(&e, &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
		w->queue[i] = w->queue[(i - 1) / 2];
	w->queue[i] = e;
}

static struct event
take(struct world *w)
{
	struct event first = w->queue[0], last = w->queue[--w->queued];
	size_t i = 0;
	for (;;) {
		size_t c = 2 * i + 1;
		if (c + 1 < w->queued && before(&w->queue[c + 1], &w->queue[c]))
			c++;
		if (c >= w->queued || !before(&w->queue[c], &last))
			break;
		w->queue[i] = w->queue[c];
		i = c;
	}
	if (w->queued > 0)
		w->queue[i] = last;
	return first;
}

static bool
can_step(const struct host *h)
{
	return h->agent != NULL && !h->busy && !h->dead && h->powered && !h->suspended;
}

/* The agent that is due first, at the latest at `until`. */
static struct host *
next_agent(struct world *w, int64_t until)
{
	struct host *first = NULL;
	for (unsigned i = 0; i < w->host_count; i++) {
		struct host *h = &w->host[i];
		int64_t at = h->wake > h->stall_until ? h->wake : h->stall_until;
		if (!can_step(h) || at > until)
			continue;
		until = at;
		first = h;
	}
	if (first != NULL && until > w->now)
		w->now = until;
	return first;
}

void
world_pump(struct world *w, int64_t to)
{
	while (!world_failed(w)) {
		int64_t at = w->queued > 0 ? w->queue[0].at : NEVER;
		struct host *h = next_agent(w, at < to ? at : to);
		if (h != NULL) {
			host_step(h);
			continue;
		}
		if (at > to)
			break;
		if (at > w->now)
			w->now = at;
		struct event e = take(w);
		e.run(w, &e);
	}
	if (w->now < to)
		w->now = to;
}

static void
vms_make(struct world *w)
{
	for (unsigned i = 0; i < w->vm_count; i++) {
		struct sim_vm *vm = &w->vm[i];
		*vm = (struct sim_vm){ .number = i,
				       .vcpus = 1 + (uint32_t)random_below(&w->random, 8),
				       .memory_mib = UINT64_C(512) << random_below(&w->random, 4),
				       .home = &w->host[random_below(&w->random, w->host_count)] };
		for (size_t k = 0; k < TALLY_UUID; k++)
			vm->uuid[k] = (uint8_t)random_next(&w->random);
		(void)snprintf(vm->name, sizeof(vm->name), "vm-%u", i);
		vm_schedule(w, vm);
	}
}

/* Most histories are short: what goes wrong does so within hours of each other. */
static int64_t
choose_length(struct world *w)
{
	unsigned dice = (unsigned)random_below(&w->random, 100);
	if (dice < 80)
		return random_between(&w->random, 24, 30) * HOUR;
	if (dice < 95)
		return random_between(&w->random, 30, 60) * HOUR;
	return random_between(&w->random, 60, 120) * HOUR;
}

int
world_open(struct world *w, uint64_t seed, const char *scratch, bool trace)
{
	static const int64_t acts[] = { 30, 60, 120, 120, 400 };
	unsigned dice;
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->random.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	w->trace = trace;
	w->counts.seeds = 1;
	(void)snprintf(w->scratch, sizeof(w->scratch), "%s/seed-%llu", scratch,
		       (unsigned long long)seed);
	if (mkdir(w->scratch, 0700) < 0)
		return -1;
	dice = (unsigned)random_below(&w->random, 100);
	w->host_count = dice < 45 ? 1 : dice < 85 ? 2 : 3;
	w->end = choose_length(w);
	w->vm_count = 1 + (unsigned)random_below(&w->random, VMS);
	w->vm_pace = w->end * w->vm_count / acts[random_below(&w->random, 5)];
	faults_choose(w);
	for (unsigned i = 0; i < w->host_count; i++) {
		host_init(w, &w->host[i], i);
		if (host_make(&w->host[i]) < 0)
			return -1;
	}
	vms_make(w);
	faults_begin(w);
	return 0;
}

/* Faults end, everything comes back, and the agents stop in order: what a
 * ledger has to say about a history is said then. */
static void
finish(struct world *w)
{
	w->final = true;
	faults_heal(w);
	world_pump(w, w->now + 3 * MINUTE);
	for (unsigned i = 0; i < w->host_count && !world_failed(w); i++) {
		if (w->host[i].agent == NULL)
			sim_fail(w, &w->host[i], "no agent though nothing stands against it");
	}
	for (unsigned i = 0; i < w->host_count && !world_failed(w); i++)
		host_stop_agent(&w->host[i]);
	for (unsigned i = 0; i < w->host_count; i++)
		truth_close(&w->host[i]);
}

void
world_run(struct world *w)
{
	for (unsigned i = 0; i < w->host_count; i++)
		host_start_agent(&w->host[i]);
	world_pump(w, w->end);
	w->counts.simulated_hours = (uint64_t)(w->now / HOUR);
	if (!world_failed(w))
		finish(w);
	if (!world_failed(w))
		check_world(w);
}

void
world_close(struct world *w)
{
	for (unsigned i = 0; i < w->host_count; i++)
		host_deinit(&w->host[i]);
	truth_free(&w->truth, w->host, w->host_count);
	for (size_t i = 0; i < w->queued; i++) {
		if (w->queue[i].owned)
			free(w->queue[i].data);
	}
	free(w->queue);
}
