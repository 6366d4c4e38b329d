/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States from another time: a snapshot's, a saved file's that was not this VM's
 * last state here, or one that somebody loaded behind the manager's back.
 */
#include "machine_internal.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Behind so many saved VMs no more are remembered, and a restore of one that is
 * not remembered proves nothing. */
#define SAVES_MAX 100000

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, TALLY_UUID);
}

void
machine_saved(struct machine *m, const uint8_t uuid[TALLY_UUID])
{
	uint8_t *copy;
	if (tfind(uuid, &m->saved, by_bytes) != NULL || m->saves > SAVES_MAX)
		return;
	if (m->saves++ == SAVES_MAX)
		return; /* from here on: full */
	copy = tally_alloc(TALLY_UUID);
	memcpy(copy, uuid, TALLY_UUID);
	if (tsearch(copy, &m->saved, by_bytes) == NULL)
		abort();
}

bool
machine_unsave(struct machine *m, const uint8_t uuid[TALLY_UUID])
{
	uint8_t **found = tfind(uuid, &m->saved, by_bytes);
	uint8_t *copy;
	if (found == NULL)
		return m->saves > SAVES_MAX;
	copy = *found;
	tdelete(uuid, &m->saved, by_bytes);
	free(copy);
	if (m->saves <= SAVES_MAX)
		m->saves--;
	return true;
}

void
machine_travel_deinit(struct machine *m)
{
	tdestroy(m->saved, free);
	m->saved = NULL;
}

void
machine_travel(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at,
	       unsigned source, const struct tally_observation *o)
{
	machine_note(m, vm, TALLY_TIME_TRAVEL, cause, at, source, o);
}

void
machine_travel_monitor(struct machine *m, struct vm *vm, struct tally_now at, unsigned source)
{
	if (vm->run == 0 || !vm->dom.tainted || vm->monitor)
		return;
	vm->monitor = true;
	machine_travel(m, vm, TALLY_C_MONITOR, at, source, NULL);
}
