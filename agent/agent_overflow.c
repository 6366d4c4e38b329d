/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that found no room in the recorder's queue are not in the ledger, but
 * the machine holds them to be: a run whose end was dropped would stay open for
 * ever. So behind an overflow a gap is opened, and when all that was queued is
 * committed, the ledger is taken up again as after a restart: what it holds
 * open is what runs, until the next list says otherwise and ends the gap.
 */
#include "agent_internal.h"

#include "tally/err.h"
#include "tally/log.h"

static int
read_ledger(void *ctx, struct tally_store *store, struct tally_err *err)
{
	struct agent *a = ctx;
	struct resume r;
	if (resume_read(&r, store, a->boot_id, err) < 0)
		return -1;
	machine_free(a->machine);
	agent_take_up(a, &r);
	resume_release(&r);
	return 0;
}

void
agent_overflow_check(struct agent *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	bool empty;
	uint64_t dropped = recorder_dropped(a->recorder, &empty);
	if (dropped != a->dropped) {
		a->dropped = dropped;
		a->overflow = OVERFLOW_SEEN;
	}
	if (a->overflow == OVERFLOW_NONE || !empty)
		return;
	if (a->overflow == OVERFLOW_SEEN) {
		/* What it still waits for would be forgotten with it. */
		machine_tick(a->machine, (struct tally_now){ .uptime = { INT64_MAX } });
		agent_lose(a, "queue overflow", "records found no room in the queue", 0);
		a->overflow = OVERFLOW_TOLD;
		if (recorder_dropped(a->recorder, &empty) != a->dropped || !empty)
			return; /* its gap is to be committed first */
	}
	if (recorder_read(a->recorder, read_ledger, a, &err) < 0) {
		tally_log(TALLY_LOG_WARNING, "behind an overflow: %s", err.text);
		return;
	}
	a->overflow = OVERFLOW_NONE;
	a->next_list = tally_clock_now(a->clock).uptime.ns;
}
