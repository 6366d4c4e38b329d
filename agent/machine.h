/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MACHINE_H
#define AGENT_MACHINE_H
/*
 * From observations to records. The machine knows which VMs run; it writes
 * facts and leaves their interpretation to reports/timeline. It reads no clock
 * and no hypervisor: whoever calls it says when and what.
 */
#include "tally/source.h"

struct machine;
struct machine_out {
	void *ctx;
	void (*emit)(void *ctx, const struct tally_event *ev); /* copies what it keeps */
	/* 1 found, 0 gone, -1 cannot say (the record is made without). */
	int (*describe)(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out);
};

struct machine *machine_new(const struct machine_out *out, uint64_t next_run);
void machine_free(struct machine *m);

/* A run that an earlier agent left open in the ledger; it witnessed it up to `seen`. */
void machine_adopt(struct machine *m, const struct tally_domain *dom, uint64_t run,
		   struct tally_wall seen);

void machine_observe(struct machine *m, const struct tally_observation *o);
/* The list against what the machine holds to be running. `at` was read before
 * the list was taken: what changed later than that is left to its event.
 * `first`: the first list of a connection; VMs in it are baselines.
 * False: a VM is missing without an event; list again in a moment, which decides. */
bool machine_list(struct machine *m, const struct tally_domain *doms, size_t n, struct tally_now at,
		  bool first);
/* Starts that wait for their second event (STARTED follows RESUMED by 2-44 ms)
 * are recorded without it once they are older than a second. */
void machine_tick(struct machine *m, struct tally_now now);
/* A gap begins at the last witnessed instant; no VM is called stopped. */
void machine_lost(struct machine *m, struct tally_now now, const char *reason, const char *detail,
		  uint64_t lost);
void machine_back(struct machine *m, struct tally_now now, const char *reason);
/* Records the heartbeat span since the last one; `force` also where nothing
 * changed and it is not due. */
void machine_heartbeat(struct machine *m, struct tally_now now, struct tally_span due, bool force);
size_t machine_running(const struct machine *m);

#endif
