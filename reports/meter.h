/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_METER_H
#define TALLY_REPORTS_METER_H
/*
 * One rule's figures over one window, at every host, cluster, region and for the
 * fleet, in one walk: their peaks, or their sums over time. Several versions of
 * the rule are walked one behind the other into the same meter.
 */
#include "counted.h"
#include "metric.h"
#include "usage.h"

enum { LOW, MEASURED, HIGH, READINGS };
#define NO_NODE UINT32_MAX

/* A scope. `now`, `top` and `sum` have meter.parts numbers for each reading. A host
 * that goes over into another cluster has a peak of its own in each: a node that is
 * part of the cluster's (and one of the region's), and has nothing but that peak. */
struct meter_node {
	enum scope scope;
	uint32_t id;
	uint32_t host, part_of; /* NO_NODE but of such a part */
	bool known;             /* a host with known facts has stood here */
	bool dirty;
	tally_i128 *now, *top, *sum; /* top: a host's, at its own peak */
	int64_t since;               /* up to which the sums are made */
	amount figure[READINGS];     /* now */
	amount peak[READINGS];
	int64_t peak_at[READINGS];
	uint64_t vms[READINGS], vcpus[READINGS]; /* that count in it now */
	uint64_t vms_top, vcpus_top;             /* most of `high` at once */
	amount order, order_top;                 /* packs, made up host by host */
};
struct meter_host {
	const struct host_facts *facts;
	uint32_t node, cluster, region; /* nodes */
	uint32_t part[2];               /* of its cluster and region now */
	struct metric_guests guests[READINGS];
	uint32_t *pins; /* stays that count and are pinned */
	size_t n_pins, cap_pins;
	uint64_t unpinned; /* that count otherwise */
	amount order;
	bool changed, moved; /* into another cluster or region */
};
struct meter_step {
	int64_t at;
	uint32_t host, cluster, region;
	uint64_t need;
};
struct meter {
	const struct estate *estate;
	const struct rule *rule; /* the version that is walked */
	const struct counted *counted;
	const uint8_t *breached;  /* of each VM; LOW_PINNED only, else NULL */
	struct meter_step *steps; /* LOW_TOKENS only: what each host needs from when on */
	size_t n_steps, cap_steps;
	struct metric_groups groups;
	size_t parts;
	int64_t from, to; /* the window */
	int64_t now;
	struct meter_node *nodes;
	size_t n_nodes, cap_nodes;
	struct map node_slots;
	struct meter_host *hosts; /* of the estate's */
	uint32_t *changed, *dirty;
	size_t n_changed, n_dirty, cap_dirty;
	uint32_t fleet;
	tally_i128 *scratch; /* room for two hosts' parts */
	bool too_large;
};
/* `rules` are all versions that are to be walked. */
void meter_init(struct meter *m, const struct estate *e, const struct rule *const *rules, size_t n,
		int64_t from, int64_t to);
void meter_deinit(struct meter *m);
/* Walks [from, to) by one version. */
void meter_walk(struct meter *m, const struct counted *c, int64_t from, int64_t to);
/* Makes the scopes' figures of hosts' peaks, the sums over time, the reach. */
void meter_finish(struct meter *m);

/* Only pins make `low` another figure while it is walked; else it follows. */
static inline unsigned
meter_first(const struct meter *m)
{
	return m->breached ? LOW : MEASURED;
}
/* A host as the rule sees it, with no guests; meter_host.c */
struct formula_host meter_see(const struct meter *m, const struct host_facts *f);
uint64_t meter_pinned(const struct meter *m, const struct meter_host *h);
void meter_begin(struct meter *m, uint32_t stay);
void meter_end(struct meter *m, uint32_t stay);
void meter_facts(struct meter *m, const struct host_facts *f);
/* meter.c: the host's parts have to be made anew. */
void meter_change(struct meter *m, uint32_t host);
/* The node of a scope, made where it is new; pointers to others die. */
uint32_t meter_node(struct meter *m, enum scope scope, uint32_t id);
/* That of a host's part in a node above it. */
uint32_t meter_part(struct meter *m, uint32_t host, uint32_t above);
/* Adds to a node; the factor is 1 or -1. */
void meter_add(struct meter *m, uint32_t node, const tally_i128 *parts, amount order, int factor);
/* The node changes: its sums are made up to now, its figure later. */
void meter_touch(struct meter *m, uint32_t node);

#endif
