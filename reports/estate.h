/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ESTATE_H
#define TALLY_REPORTS_ESTATE_H
/*
 * What stood where and when: the second reading's result in the form that rules,
 * prices and simulations read. A stay is the longest stretch over which a run
 * counts as one thing; the stays of one instant are the VMs of that instant.
 * Facts and stays are cut to the window [from, to), which may begin before the
 * report's period (a 90-day figure). Nothing here is ever changed by a rule: a
 * simulation makes another estate.
 */
#include "residence.h"

/* An operator's entry: a correction that holds. */
struct estate_said {
	uint32_t ledger; /* in the report's order */
	uint64_t index;
};
/* On which of them the owner rests: tenant, cost centre, environment. */
enum { OWNERS = 3 };
/* Texts are numbers of `strings`. Interned: two stays of one number are alike. */
struct stay_claims {
	uint32_t os, edition, environment, tenant, cost_center, name;
	uint8_t evidence;       /* enum tally_evidence, of the OS */
	uint32_t owner[OWNERS]; /* in `said`, + 1; 0: the host's entries say so */
	struct ids software;
};
struct stay_size {           /* interned, too */
	uint32_t vcpus;      /* 0 unknown */
	uint64_t memory_mib; /* 0 unknown */
	bool pinned;
	struct ids cores; /* pinned: the physical ones */
};
struct stay {
	int64_t from, to;
	uint32_t vm;         /* in `vms` */
	uint32_t host;       /* in `hosts` */
	uint32_t claims;     /* in `claims` */
	uint32_t size;       /* in `sizes` */
	uint64_t entry : 56; /* index, in the host's ledger, of what made it so */
	uint64_t state : 3;  /* enum clock, but NOT_COUNTED */
	uint64_t imported : 1;
	uint64_t standby : 1;
	/* Nobody saw it: the run's end lies between its begin and its end (a host's
	 * crash, a missed stop, a not_before). It follows a stay that was seen, and
	 * ends no later than another run of the VM begins. */
	uint64_t uncertain : 1;
};
struct estate_vm {
	uint8_t uuid[TALLY_UUID];
};
/* A host over one span of unchanged facts. */
struct host_facts {
	int64_t from, to; /* cut to the window */
	uint32_t host;
	uint32_t cluster, region, cpu, partitioning; /* texts */
	uint32_t os, edition;                        /* of the host itself */
	struct ids software;
	uint32_t *cores; /* of each populated socket */
	uint32_t sockets;
	uint32_t max_sockets; /* 0 unknown */
	uint32_t threads_per_core;
	uint32_t hypervisor;
	bool imported;
	/* False: before the first facts, and behind the host's retirement, when it keeps the
	 * processor and the sockets that were told last. */
	bool known;
	uint64_t entry;
};
struct estate_host {
	uint32_t name;              /* text */
	uint32_t ledger;            /* in the report's order */
	int64_t seen_from, seen_to; /* the ledger tells of it */
	int64_t retired;            /* INT64_MAX: not */
	size_t told;                /* number + 1 of the newest facts; until estate_finish */
};
struct host_failure {
	int64_t at;
	uint32_t host;
};
struct interned {        /* numbers by content */
	uint32_t *slots; /* number + 1 */
	size_t cap;
};
struct estate {
	struct strings *strings;
	int64_t from, to;     /* the window */
	int64_t reached_from; /* the earliest instant that any ledger tells of; INT64_MAX: none */
	struct stay_claims *claims; /* also those of time outside of the window */
	size_t n_claims, cap_claims;
	struct interned claim_slots;
	struct estate_said *said; /* all corrections, by VM, then as they were recorded */
	size_t n_said;
	struct stay_size *sizes;
	size_t n_sizes, cap_sizes;
	struct interned size_slots;
	struct estate_vm *vms;
	size_t n_vms, cap_vms;
	struct map vm_slots;
	struct estate_host *hosts; /* in the report's order */
	size_t n_hosts, cap_hosts;
	struct host_facts *facts; /* by host, then from; without holes over the window */
	size_t n_facts, cap_facts;
	struct host_failure *failures; /* as they were told */
	size_t n_failures, cap_failures;
	size_t *host_facts; /* of each host its first; one more at the end */
	bool finished;
	/* Last, away from what else an entry looks at: stays are told beside them. */
	struct stay *stays; /* by from; those of one instant as they were added */
	size_t n_stays, cap_stays;
	uint32_t *by_end; /* numbers of stays, by to, then number */
	size_t n_by_end, cap_by_end;
	uint32_t *loose; /* until estate_finish: stays that by_end does not hold yet */
	size_t n_loose, cap_loose;
};
void estate_init(struct estate *e, struct strings *strings, int64_t from, int64_t to);
void estate_deinit(struct estate *e);
uint32_t estate_claims(struct estate *e, const struct stay_claims *c); /* copies */
uint32_t estate_size(struct estate *e, const struct stay_size *s);     /* copies */
uint32_t estate_vm(struct estate *e, const uint8_t uuid[TALLY_UUID]);
uint32_t estate_host(struct estate *e, uint32_t name, uint32_t ledger);
/* Any order; what is empty or lies outside of the window is dropped. */
void estate_stay(struct estate *e, const struct stay *s);
/* The same in two steps, for who goes through time: `s` begins inside the window
 * and is no `uncertain` one; `to` lies behind its begin. Each is ended once. These three
 * look at nothing but stays. */
uint32_t estate_begin(struct estate *e, const struct stay *s);
void estate_end(struct estate *e, uint32_t stay, int64_t to);
/* What is told of a host from `from` on; its `to` is not read. Copies. At one
 * instant the later call wins. */
void estate_tell(struct estate *e, const struct host_facts *f);
void estate_fail(struct estate *e, uint32_t host, int64_t at);
void estate_finish(struct estate *e);       /* sorted; from here on it is read only */
void estate_settle_facts(struct estate *e); /* estate_finish alone calls it */
/* Cuts the stays of a finished estate that some right may exclude (they tell of their
 * environment, or stand by) at n instants, in order, and where their host goes over into
 * another cluster or region: so a right has one answer for the whole of each. */
void estate_split(struct estate *e, const int64_t *at, size_t n);
/* The facts of a host in force at an instant; never NULL (`known` may be false). */
const struct host_facts *estate_facts(const struct estate *e, uint32_t host, int64_t at);

/*
 * One walk through time for many who listen, each over a span and in a lane of its
 * own; the spans of one lane do not overlap. At one instant ends, facts, spans that
 * begin, and begins of stays are told in this order, then `settled` once to each who
 * was told anything: so ends come before starts, and what held for no time is never
 * seen. What stands when a span begins is told to begin then, and the hosts' facts in
 * force before it; what stands at its end is not told to end.
 */
#define ESTATE_LANES 64
struct estate_walker {
	void *ctx;
	int64_t from, to; /* inside the window; nothing is told where it is empty */
	unsigned lane;    /* below ESTATE_LANES */
	/* Of each of the estate's claims: 0, no stay that bears it is told. NULL: all. */
	const uint8_t *claims;
	void (*enter)(void *ctx, int64_t at); /* may be NULL, as `leave` */
	void (*leave)(void *ctx, int64_t at);
	/* false: it is nothing to this one. The answers for one stay are alike. */
	bool (*begin)(void *ctx, uint32_t stay);
	bool (*end)(void *ctx, uint32_t stay);
	/* A host's facts change: f holds from here on. May be NULL. */
	void (*facts)(void *ctx, const struct host_facts *f);
	void (*settled)(void *ctx, int64_t at);
};
void estate_walk(const struct estate *e, const struct estate_walker *walkers, size_t n);

#endif
