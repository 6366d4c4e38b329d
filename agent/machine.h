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
	/* 1 found, 0 gone, -1 cannot say (the record is made without). It is the only
	 * word on claims; a list need not carry them. */
	int (*describe)(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out);
	/* As struct tally_source has it, for heartbeats; NULL: never known. */
	int (*cpu_time)(void *ctx, const struct tally_domain *vm, uint64_t *ns);
	/* The ends of processes are observed, for the manager tells of them late: where
	 * none is known, its word of an end has bounds. */
	bool processes;
};

struct machine *machine_new(const struct machine_out *out, uint64_t next_run);
void machine_free(struct machine *m);

/* How long an end waits at most for the manager's word on its cause. */
#define MACHINE_EXIT_WAITS (3 * TALLY_SECOND)

/* What an earlier agent left in the ledger, told before the first observation. */
struct machine_run {
	struct tally_domain dom; /* state, claims and tainted as last recorded */
	uint64_t run;
	bool migrating;         /* suspended{migrated|postcopy} came last */
	struct tally_wall seen; /* it was witnessed up to here */
};
void machine_adopt(struct machine *m, const struct machine_run *run);
/* The VM's newest begin or end was a stopped{saved}. */
void machine_saved(struct machine *m, const uint8_t uuid[TALLY_UUID]);
/* An earlier agent has listed the VMs of this boot. */
void machine_continue(struct machine *m);
/* A gap-begin without its gap-end: the first list ends it. */
void machine_resume_gap(struct machine *m);
/* An unmanaged-vm record of this boot. */
void machine_unmanaged_told(struct machine *m, uint32_t pid, uint64_t start_ticks);

/* EVENT and EXIT; the others are the caller's. */
void machine_observe(struct machine *m, const struct tally_observation *o);
/* The list against what the machine holds to be running. `at` was read before
 * the list was taken: what changed later than that is left to its event.
 * `first`: the first list of a connection; VMs in it are baselines.
 * False: a VM is missing without an event; list again in a moment, which decides. */
bool machine_list(struct machine *m, const struct tally_domain *doms, size_t n, struct tally_now at,
		  bool first);
/* Records what waited long enough: a start for its second event (1 s), an exit
 * for the manager's word on its cause (3 s). At a stop of the agent: with an
 * uptime of INT64_MAX. */
void machine_tick(struct machine *m, struct tally_now now);
/* A gap begins at the last witnessed instant; no VM is called stopped. */
void machine_lost(struct machine *m, struct tally_now now, const char *reason, const char *detail,
		  uint64_t lost);
void machine_back(struct machine *m, struct tally_now now, const char *reason);
/* The wall clock was set by `step`: the heartbeat span before it ends, and the
 * instants that are still to be recorded are told in the new time. */
void machine_step(struct machine *m, struct tally_now now, struct tally_span step);
/* Records the heartbeat span since the last one; `force` also where nothing
 * changed and it is not due. */
void machine_heartbeat(struct machine *m, struct tally_now now, struct tally_span due, bool force);
/* All hypervisor processes that the manager does not know now; each is told once. */
void machine_unmanaged(struct machine *m, const struct tally_process *procs, size_t n,
		       struct tally_now at);
size_t machine_running(const struct machine *m);
/* VMs that are held in memory, running or not. */
size_t machine_known(const struct machine *m);

#endif
