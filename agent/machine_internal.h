/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MACHINE_INTERNAL_H
#define AGENT_MACHINE_INTERNAL_H
/* What the files of the machine share. */
#include "machine.h"

/* What is known of one VM. A VM without a run is forgotten, but for the moment
 * between its STARTED and its RESUMED. */
struct vm {
	struct tally_domain dom;
	uint64_t run;             /* 0: none open */
	unsigned state;           /* of the run: running, paused, pmsuspended */
	bool starting;            /* RESUMED seen, its STARTED awaited: not recorded yet */
	unsigned start_cause;     /* from a STARTED that came first */
	struct tally_now since;   /* of `starting` */
	struct tally_now changed; /* instant of the last event about it */
	bool listed;              /* scratch of machine_list */
	bool missing;             /* the last list lacked it: its event may be on the way */
	struct tally_now seen;    /* the last list that had it */
	bool ended;               /* its run ended, the process is still there */
};

struct machine {
	struct machine_out out;
	void *vms; /* a tree of struct vm by UUID (tsearch) */
	size_t count, running;
	uint64_t next_run;
	struct tally_now witnessed;   /* the last list that agreed */
	struct tally_now beat_from;   /* begin of the heartbeat span that is not recorded yet */
	uint64_t beats;               /* lists in that span */
	uint8_t set_hash[TALLY_HASH]; /* of the last recorded heartbeat */
	bool beating, lost;
};

/* machine_record.c: one record each. */
void machine_emit(struct machine *m, struct tally_event *ev, struct tally_now at, unsigned source);
void machine_emit_vm(struct machine *m, struct tally_event *ev, const struct vm *vm,
		     struct tally_now at, unsigned source);
void machine_begin(struct machine *m, struct vm *vm, unsigned kind, unsigned cause,
		   struct tally_now at, unsigned source, const struct tally_observation *o);
void machine_end(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at,
		 unsigned source, const struct tally_observation *o);
/* machine.c */
struct vm *machine_find(struct machine *m, const uint8_t uuid[TALLY_UUID]);
struct vm *machine_add(struct machine *m, const struct tally_domain *dom);
void machine_forget(struct machine *m, struct vm *vm);
/* Calls f for every VM; f may forget it. */
void machine_each(struct machine *m, void (*f)(struct machine *m, struct vm *vm, void *ctx),
		  void *ctx);

#endif
