/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MACHINE_INTERNAL_H
#define AGENT_MACHINE_INTERNAL_H
/* What the files of the machine share. */
#include "machine.h"

/* Claims that the run's records stand at (not empty). */
enum { TOLD_OS = 1, TOLD_TENANT = 2, TOLD_COST_CENTER = 4, TOLD_ENVIRONMENT = 8 };

/*
 * What is known of one VM, that is of its present incarnation. A VM without a
 * run is kept only while its process is there, or the manager still lists it.
 */
struct vm {
	struct tally_domain dom;
	uint64_t run;   /* 0: none open */
	unsigned state; /* of the run: running, paused, pmsuspended, crashed */
	unsigned told;
	bool undescribed; /* the manager could not be asked about it */

	bool starting;          /* RESUMED seen, its STARTED awaited: not recorded yet */
	struct tally_now since; /* of `starting` */
	bool incoming;          /* a migration's target that has not executed */
	bool loaded; /* it began with a snapshot or saved state; its RESUMED is awaited */

	bool migrating; /* suspended for the switch-over of a migration to elsewhere */
	bool held;      /* its process has ended, its run's record awaits the cause */
	struct tally_now held_at;
	bool dead;  /* its process has ended */
	bool ended; /* its run ended; the process may still be there */

	bool monitor;  /* time-travel{monitor} is recorded */
	bool rebooted; /* at `reboot` last */
	struct tally_now reboot;
	bool conflict, twin;      /* its UUID is listed twice: told; scratch of machine_list */
	struct tally_now changed; /* instant of the last event about it */
	struct tally_now seen;    /* the last list that had it */
	struct tally_now agreed;  /* the last list whose word on its state was taken */
	bool listed, matched;     /* scratch of machine_list */
	bool missing;             /* the last list lacked it: its event may be on the way */

	struct vm *pending_prev, *pending_next; /* starting or held: the tick's list */
	bool pending;
};

#define LEFT_MAX 256
struct left_vm { /* it ended and is forgotten; a list under way may show it yet */
	uint8_t uuid[TALLY_UUID];
	int64_t id;
	struct tally_uptime at;
};

struct machine {
	struct machine_out out;
	void *vms; /* a tree of struct vm by UUID (tsearch) */
	size_t count, running;
	struct vm *pending;
	uint64_t next_run;
	void *saved; /* a tree of UUIDs, see machine_travel.c */
	size_t saves;
	struct told_process *unmanaged; /* by pid, then start ticks */
	size_t unmanaged_count;
	bool unmanaged_sorted;
	struct left_vm left[LEFT_MAX]; /* the last ones, a ring */
	size_t left_count;             /* all */
	struct tally_now witnessed;    /* the last list that agreed */
	struct tally_now beat_from;    /* begin of the heartbeat span that is not recorded yet */
	uint64_t beats;                /* lists in that span */
	uint8_t set_hash[TALLY_HASH];  /* of the last recorded heartbeat */
	bool beating, lost;
	bool continues; /* this boot's VMs have been listed before */
};

/* machine_list.c. The manager says that the VM is gone: it is forgotten, but not by
 * a list that was begun before. */
void machine_leave(struct machine *m, struct vm *vm, struct tally_now at);

/* machine_record.c: one record each. */
void machine_emit(struct machine *m, struct tally_event *ev, struct tally_now at, unsigned source);
void machine_emit_vm(struct machine *m, struct tally_event *ev, const struct vm *vm,
		     struct tally_now at, unsigned source);
void machine_set_raw(struct tally_event *ev, const struct tally_observation *o);
/* Of what is known of the VM and nothing more: kind and, not 0, cause. */
void machine_note(struct machine *m, const struct vm *vm, unsigned kind, unsigned cause,
		  struct tally_now at, unsigned source, const struct tally_observation *o);
/* started, migrated-in, or a baseline; what comes with it (time-travel). */
void machine_begin(struct machine *m, struct vm *vm, unsigned kind, unsigned cause,
		   struct tally_now at, unsigned source, const struct tally_observation *o);
/* stopped, or with the cause migrated: migrated-out. Where nobody saw the moment: with bounds. */
void machine_end(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at,
		 unsigned source, const struct tally_observation *o);
/* machine.c */
struct vm *machine_find(struct machine *m, const uint8_t uuid[TALLY_UUID]);
struct vm *machine_add(struct machine *m, const struct tally_domain *dom);
void machine_forget(struct machine *m, struct vm *vm);
/* Another incarnation takes the place of one whose run is over. */
void machine_renew(struct machine *m, struct vm *vm, const struct tally_domain *dom);
/* Calls f for every VM, in the order of the UUIDs; f may forget it. */
void machine_each(struct machine *m, void (*f)(struct machine *m, struct vm *vm, void *ctx),
		  void *ctx);
/* Of a suspension: the switch-over; of a begin: by migration. */
bool machine_is_move(unsigned cause);
/* It is no other process, as far as both sides know. */
bool machine_same(const struct vm *vm, const struct tally_domain *d);
/* machine_exit.c: what waits for a second word. */
void machine_pend(struct machine *m, struct vm *vm);
void machine_unpend(struct machine *m, struct vm *vm);
void machine_start_now(struct machine *m, struct vm *vm); /* where it is `starting` */
/* Records what waits of it, be it a start or an end. */
void machine_settle(struct machine *m, struct vm *vm);
void machine_settle_all(struct machine *m);
void machine_exit(struct machine *m, const struct tally_observation *o);
/* machine_claims.c */
void machine_learn(struct machine *m, struct vm *vm);
void machine_claims(struct vm *vm, struct tally_event *ev); /* into a begin */
/* Describes it again and records what differs. */
void machine_learn_again(struct machine *m, struct vm *vm, struct tally_now at, unsigned source,
			 const struct tally_observation *o);
/* Size, name and taint as a list has them, against what is known. */
void machine_compare(struct machine *m, struct vm *vm, const struct tally_domain *d,
		     struct tally_now at);
void machine_rename(struct machine *m, struct vm *vm, const char *name, struct tally_now at,
		    unsigned source, const struct tally_observation *o);
/* machine_travel.c: a VM's state from another time. */
void machine_travel(struct machine *m, struct vm *vm, unsigned cause, struct tally_now at,
		    unsigned source, const struct tally_observation *o);
void machine_travel_monitor(struct machine *m, struct vm *vm, struct tally_now at, unsigned source);
bool machine_unsave(struct machine *m, const uint8_t uuid[TALLY_UUID]);
void machine_travel_deinit(struct machine *m);

#endif
