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

/* Texts are numbers of `strings`. Interned: two stays of one number are alike. */
struct stay_claims {
	uint32_t os, edition, environment, tenant, cost_center, name;
	uint8_t evidence; /* enum tally_evidence, of the OS */
	struct ids software;
};
struct stay_size { /* interned, too */
	uint32_t vcpus;      /* 0 unknown */
	uint64_t memory_mib; /* 0 unknown */
	bool pinned;
	struct ids cores; /* pinned: the physical ones */
};
struct stay {
	int64_t from, to;
	uint32_t vm;     /* in `vms` */
	uint32_t host;   /* in `hosts` */
	uint32_t claims; /* in `claims` */
	uint32_t size;   /* in `sizes` */
	uint64_t entry : 56; /* index, in the host's ledger, of what made it so */
	uint64_t state : 3;  /* enum clock, but NOT_COUNTED */
	uint64_t imported : 1;
	uint64_t standby : 1;
	/* Its end is a bound: the run was seen up to `to` and may have gone on up to
	 * `may_end` of the run (a crash, a not_before). */
	uint64_t uncertain : 1;
};
/* How long an uncertain stay may have gone on: ordered as the stays are. */
struct stay_bound {
	uint32_t stay;
	int64_t may_end;
};
struct estate_vm {
	uint8_t uuid[TALLY_UUID];
};
/* A host over one span of unchanged facts. */
struct host_facts {
	int64_t from, to;
	uint32_t host;
	uint32_t cluster, region, cpu, partitioning; /* texts */
	uint32_t os, edition;			     /* of the host itself */
	struct ids software;
	uint32_t *cores; /* of each populated socket */
	uint32_t sockets;
	uint32_t max_sockets; /* 0 unknown */
	uint32_t threads_per_core;
	uint32_t hypervisor;
	bool known; /* false: before the first facts */
	uint64_t entry;
};
struct estate_host {
	uint32_t name;	 /* text */
	uint32_t ledger; /* in the report's order */
	int64_t seen_from, seen_to; /* the ledger tells of it */
	int64_t failed, retired;    /* INT64_MAX: not */
};
struct estate {
	struct strings *strings;
	int64_t from, to;	 /* the window */
	int64_t reached_from; /* the earliest instant that any ledger tells of */
	struct stay *stays; /* by from, then host, then entry */
	size_t n_stays, cap_stays;
	uint32_t *by_end; /* numbers of stays, by to */
	struct stay_bound *bounds;
	size_t n_bounds, cap_bounds;
	struct stay_claims *claims;
	size_t n_claims, cap_claims;
	struct stay_size *sizes;
	size_t n_sizes, cap_sizes;
	struct estate_vm *vms;
	size_t n_vms, cap_vms;
	struct estate_host *hosts; /* in the report's order */
	size_t n_hosts;
	struct host_facts *facts; /* by host, then from; without holes over the window */
	size_t n_facts, cap_facts;
};
void estate_init(struct estate *e, struct strings *strings, int64_t from, int64_t to);
void estate_deinit(struct estate *e);
uint32_t estate_claims(struct estate *e, const struct stay_claims *c); /* copies */
uint32_t estate_size(struct estate *e, const struct stay_size *s);     /* copies */
uint32_t estate_vm(struct estate *e, const uint8_t uuid[TALLY_UUID]);
/* Any order; empty ones and what lies outside of the window are dropped. */
void estate_stay(struct estate *e, const struct stay *s, int64_t may_end);
void estate_finish(struct estate *e); /* sorted; from here on it is read only */
/* The facts of a host in force at an instant; never NULL (`known` may be false). */
const struct host_facts *estate_facts(const struct estate *e, uint32_t host, int64_t at);

/*
 * One walk through time over the stays that a rule counts. At one instant all
 * ends and begins are told first, then `settled` once, with the instant up to
 * which that holds (of positive length): so ends come before starts, and what
 * held for no time is never seen.
 */
struct estate_walk {
	void *ctx;
	bool (*wanted)(void *ctx, const struct stay *s); /* NULL: all */
	void (*begin)(void *ctx, uint32_t stay);
	void (*end)(void *ctx, uint32_t stay);
	/* A host's facts change: f holds from here on. May be NULL. */
	void (*facts)(void *ctx, const struct host_facts *f);
	void (*settled)(void *ctx, int64_t from, int64_t to);
};
void estate_walk(const struct estate *e, int64_t from, int64_t to, const struct estate_walk *w);

#endif
