/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIM_H
#define SIM_SIM_H
/*
 * A simulated world around the agent's own code: hosts with a hypervisor, a
 * clock, a disk and a TPM each, and VMs that live on them. One thread, one
 * generator: a seed is a history. The world knows the truth (truth.h); whatever
 * the agents record is compared with it at the end.
 *
 * Time is `now`, in ns from the begin of the history. Each host has clocks of
 * its own over it. Everything happens in events of the world's queue or in a
 * step of an agent; where a call of an agent takes time, the world goes on
 * inside it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent.h"
#include "config.h"
#include "random.h"
#include "ring.h"
#include "sim_disk.h"
#include "sim_tpm.h"
#include "tally/clock.h"
#include "tally/source.h"
#include "truth.h"

#define MS     INT64_C(1000000)
#define SEC    INT64_C(1000000000)
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)
#define NEVER  INT64_MAX

enum { HOSTS = 3, VMS = 8, GUESTS = 64 };

struct world;
struct host;
struct sim_vm;

/* What a history counts; summed up over seeds by main.c. */
/* clang-format off */
#define SIM_COUNTS(X) \
	X(seeds) X(steps) X(events) X(records) X(starts) X(stops) X(pauses) X(reboots) X(crashes) \
	X(saves) X(restores) X(reverts) X(wakeups) X(short_lives) X(moves) X(moves_failed) \
	X(postcopies) X(lost_connections) X(lost_events) X(doubled_events) X(overflows) \
	X(failed_lists) X(agent_kills) X(power_cuts) X(host_boots) X(orderly_stops) X(stalls) \
	X(disk_full) X(sync_errors) X(clock_steps) X(suspends) X(tpm_faults) X(tpm_resets) \
	X(tpm_foreign) X(lives) X(lives_exact) X(lives_gap) X(gaps) X(checkpoints) X(evidence) \
	X(verifies) X(simulated_hours) X(milliseconds)
/* clang-format on */
struct counts {
#define X(name) uint64_t name;
	SIM_COUNTS(X)
#undef X
};

/* One process of a hypervisor: an incarnation of a VM on a host. */
struct guest {
	struct host *host;
	struct sim_vm *vm;
	int64_t id;
	uint32_t pid;
	uint64_t ticks;
	unsigned state, cause; /* as a list says it */
	bool used;             /* the place in the host's table */
	bool listed;           /* the manager has it among its active ones */
	bool alive;            /* the process is there */
	bool watched;          /* by the agent, until it dies or the process does */
	bool shown;            /* to the agent, with its state: an end of it is news */
	bool hidden;           /* the next list will not have it, once */
	struct life *life;     /* NULL: does not execute (yet) */
	uint64_t number;       /* tells it from a later one in the same place */
};

struct sim_vm {
	unsigned number;
	uint8_t uuid[TALLY_UUID];
	char name[32];
	uint32_t vcpus;
	uint64_t memory_mib;
	bool tagged;
	bool saved;
	struct host *home;   /* where it was last, and where it is started again */
	struct guest *guest; /* NULL: off */
	bool busy;           /* something with it is under way */
	bool moving;         /* that is a migration: it says what becomes of the VM */
};

/* Which faults a history has; each seed has some of them, none has all. */
enum fault {
	F_CONN_RESTART, /* the manager goes down and comes up */
	F_CONN_DROP,    /* the connection closes; the next ones may be refused */
	F_CONN_HANG,    /* calls fail after some seconds, events do not come */
	F_LATE,
	F_LOSS, /* events that never come */
	F_DOUBLE,
	F_STORM,
	F_LIST_FAIL,
	F_LIST_HIDE,
	F_LIST_UNKNOWN,
	F_STALL, /* the agent does not get to run */
	F_KILL,
	F_STOP,
	F_ABSENT, /* hours or days without an agent */
	F_POWER,
	F_BOOT,
	F_SUSPEND,
	F_FULL,
	F_SYNC,
	F_STEP,
	F_SLEW,
	F_TPM_FAIL,
	F_TPM_SLOW,
	F_TPM_RESET,
	F_TPM_DEAD,
	F_TPM_FOREIGN,
	FAULTS
};

struct host {
	struct world *world;
	unsigned index;
	char name[16], path[320]; /* of the ledger */
	char vkey[512];           /* pinned when it was made */

	/* Its machine. */
	bool powered, suspended;
	int64_t slept;     /* of this boot, before the present sleep */
	int64_t asleep_at; /* begin of that */
	uint8_t boot_id[16];
	struct tally_clock clock;
	/* local = base + (now - set_at) * (1 + ppb / 1e9), which wall and uptime follow */
	int64_t local_base, set_at, ppb;
	int64_t wall_offset, booted_at;
	struct sim_disk disk;
	struct sim_tpm tpm;

	/* Its hypervisor. */
	bool manager_up;
	int64_t refuse_until; /* connections are refused */
	int64_t hang_until;   /* calls fail late, events are held up */
	int64_t hidden_at;    /* a list last lacked what is there */
	int64_t late_until, late_by, loss_until, list_fail_until;
	unsigned loss_percent;
	int64_t next_id;
	uint32_t next_pid;
	uint64_t next_number;
	struct guest guest_table[GUESTS];
	bool pids; /* the source can tell processes, and watches them */

	/* Its source, as the agent has it. */
	struct tally_source source;
	struct ring *ring;
	size_t ring_slots, ring_used; /* a second count, to know what is dropped */
	bool ring_lost;
	struct tally_observation exit[GUESTS]; /* ends of processes: of their own way, never lost */
	size_t exits;
	bool connected;
	uint64_t connection; /* number of the newest one */
	int64_t pipe_at;     /* events do not overtake each other */
	bool listed_once;    /* a list since the connection */

	/* Its agent. */
	struct config config;
	struct agent *agent;
	bool wanted;    /* the service manager keeps it running */
	bool dead;      /* killed: nothing it does reaches the outside */
	bool busy;      /* inside a call of the agent */
	unsigned depth; /* steps of it inside a call of its own to the TPM */
	int64_t wake;   /* when it wants to be called */
	int64_t stall_until;
	uint64_t kill_in; /* outside calls until it is killed; 0 not */
	bool power_after; /* the kill is the machine's power that goes */
	/* What an agent that nobody kills has to tell. */
	unsigned kills, steps, overflows, losses;
	unsigned idle_steps; /* without time going on */
	int64_t durable;     /* wall: all that was observed up to then is written down */
	/* An exit that waits in the agent for its cause is not: wall of the first one,
	 * and the world's instant up to which it may wait. */
	int64_t held, held_until;
	struct witness *witness;
	struct truth_host truth;
};

struct event {
	int64_t at;
	uint64_t order;
	void (*run)(struct world *w, const struct event *e);
	struct host *host;
	struct sim_vm *vm;
	struct guest *guest;
	uint64_t number; /* of the guest, or of the connection */
	int64_t arg;
	void *data;
	bool owned; /* data is to be freed where the event never runs */
};

struct world {
	uint64_t seed;
	struct random random;
	int64_t now, end;
	bool final;          /* faults are over; everything comes back */
	struct event *queue; /* a heap */
	size_t queued, queue_cap;
	uint64_t order;
	unsigned host_count, vm_count;
	struct host host[HOSTS];
	struct sim_vm vm[VMS];
	int64_t vm_pace; /* mean time between two things that happen to a VM */
	bool fault[FAULTS];
	int64_t fault_pace;
	bool steps_clock;
	struct host *running; /* whose agent's code runs now */
	struct truth truth;
	struct counts counts;
	bool trace;
	char failure[1024]; /* the first; "" none */
	char scratch[256];  /* the folder of this history */
};

static inline bool
host_is_inside(const struct host *h) /* the agent's code is on the stack */
{
	return h->busy || h->depth > 0;
}

/* world.c */
void world_at(struct world *w, int64_t at, struct event e);
/* Everything up to then; an agent that is in a call is not stepped. */
void world_pump(struct world *w, int64_t to);
void world_run(struct world *w);
int world_open(struct world *w, uint64_t seed, const char *scratch, bool trace);
void world_close(struct world *w);
static inline bool
world_failed(const struct world *w)
{
	return w->failure[0] != '\0';
}

/* trace.c: a line of the history; kept for a failure, printed where wanted. */
void sim_trace(struct world *w, const struct host *h, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An invariant that does not hold. The first one is kept. */
void sim_fail(struct world *w, const struct host *h, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Where the last lines are kept, over the death of this process. */
struct trace_tail {
	unsigned next;
	char line[400][224];
};
void trace_keep(struct trace_tail *tail);
void trace_print(const struct trace_tail *tail, FILE *out);

/* host.c */
void host_init(struct world *w, struct host *h, unsigned index);
int host_make(struct host *h);
void host_deinit(struct host *h);
struct tally_now host_now(const struct host *h);
int64_t host_wall(const struct host *h);
void host_set_clock(struct host *h, int64_t step, int64_t ppb);
/* At every call to the outside: false where the agent is dead, or dies here. */
bool host_outside(struct host *h, const char *what);
void host_start_agent(struct host *h);
void host_stop_agent(struct host *h); /* in order */
void host_kill_agent(struct host *h, bool power);
void host_step(struct host *h);
void host_boot(struct host *h); /* after power_off */
void host_power_off(struct host *h);
/* A call that takes this long. `inside`: the agent may be stepped meanwhile. */
void host_call_time(struct host *h, int64_t ns, bool inside);

/* hypervisor.c: what the manager does and says. */
void hypervisor_init(struct host *h);
struct guest *guest_new(struct host *h, struct sim_vm *vm);
/* A manager has a domain once: no start before it is done with the one before. */
bool guest_listed(const struct host *h, const struct sim_vm *vm);
void guest_exit(struct guest *g);   /* the process ends */
void guest_unlist(struct guest *g); /* the manager knows it */
/* An event of the manager about a guest, now; `change` is what it tells of (or NULL). */
void guest_say(struct guest *g, unsigned what, unsigned cause, struct change *change);
void manager_down(struct host *h);
void manager_up(struct host *h);
void connection_lost(struct host *h, const char *why); /* the agent hears of it */
/* source.c */
void source_init(struct host *h, struct tally_source *out);

/* life.c: what happens to VMs. move.c: from host to host. */
void vm_schedule(struct world *w, struct sim_vm *vm);
void vm_start(struct world *w, struct sim_vm *vm, struct host *h);
void life_host_died(struct world *w, struct host *h);
typedef void vm_event(struct world *w, const struct event *e);
/* With the guest that the VM has now; vm_still() then says whether it is still
 * that one, and alive (or NULL). */
void vm_later(struct world *w, int64_t in, struct sim_vm *vm, vm_event *run, int64_t arg);
struct guest *vm_still(const struct event *e);
bool vm_move(struct world *w, struct sim_vm *vm);
/* The guest whose process ends now; `after` until the manager says so. */
void vm_end_process(struct world *w, struct guest *g, unsigned cause, struct change *change,
		    int64_t after);
struct change *vm_end_life(struct guest *g, const char *why);

/* faults.c */
void faults_choose(struct world *w);
void faults_begin(struct world *w);
void faults_heal(struct world *w); /* the end of the history: all works again */

/* check.c */
void check_world(struct world *w);
void check_between(struct host *h); /* between two agents: what was acknowledged, and verify */

#endif
