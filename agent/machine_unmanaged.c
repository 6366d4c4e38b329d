/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypervisor processes that the manager does not know: each is told once, by
 * (pid, start ticks). Those that have gone are forgotten, so what is kept is no
 * more than what runs.
 */
#include "machine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Of one look: whoever may start processes on the host shall not fill its ledger.
 * The others' turn comes with the next looks. */
#define TOLD_AT_ONCE 16

struct told_process {
	uint32_t pid;
	uint64_t start_ticks;
};

static int
compare(const void *a, const void *b)
{
	const struct told_process *x = a, *y = b;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->start_ticks < y->start_ticks ? -1 : x->start_ticks > y->start_ticks;
}

static bool
is_told(const struct told_process *told, size_t n, const struct told_process *p)
{
	return n > 0 && bsearch(p, told, n, sizeof(*told), compare) != NULL;
}

void
machine_unmanaged_told(struct machine *m, uint32_t pid, uint64_t start_ticks)
{
	m->unmanaged =
		tally_realloc_array(m->unmanaged, m->unmanaged_count + 1, sizeof(*m->unmanaged));
	m->unmanaged[m->unmanaged_count++] = (struct told_process){ pid, start_ticks };
	m->unmanaged_sorted = false;
}

static void
tell(struct machine *m, const struct tally_process *p, struct tally_now at)
{
	struct tally_event ev = { .kind = TALLY_UNMANAGED_VM };
	char name[sizeof(p->name)];
	text_copy(name, sizeof(name), p->name);
	ev.o.has_pid = true;
	ev.o.pid = p->pid;
	ev.o.has_start_ticks = true;
	ev.o.start_ticks = p->start_ticks;
	ev.o.detail = tally_bytes_str(name);
	machine_emit(m, &ev, at, TALLY_SRC_PROC);
}

void
machine_unmanaged(struct machine *m, const struct tally_process *procs, size_t n,
		  struct tally_now at)
{
	struct told_process *now = tally_realloc_array(NULL, n + 1, sizeof(*now));
	size_t kept = 0, told = 0;
	if (!m->unmanaged_sorted && m->unmanaged_count > 1)
		qsort(m->unmanaged, m->unmanaged_count, sizeof(*m->unmanaged), compare);
	for (size_t i = 0; i < n; i++) {
		const struct told_process p = { procs[i].pid, procs[i].start_ticks };
		if (!is_told(m->unmanaged, m->unmanaged_count, &p)) {
			if (told++ >= TOLD_AT_ONCE)
				continue;
			tell(m, &procs[i], at);
		}
		now[kept++] = p;
	}
	if (kept > 1)
		qsort(now, kept, sizeof(*now), compare);
	free(m->unmanaged);
	m->unmanaged = now;
	m->unmanaged_count = kept;
	m->unmanaged_sorted = true;
}
