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

/* A scope. `now`, `top`, `sum` and `seen` have meter.parts numbers for each reading. A
 * host that goes over into another cluster has a peak of its own in each: a node that is
 * part of the cluster's (and one of the region's), and has nothing but that peak. */
struct meter_node {
	enum scope scope;
	uint32_t id;
	uint32_t host, part_of; /* NO_NODE but of such a part */
	bool known;             /* a host with known facts has stood here */
	bool dirty;
	bool too_large;              /* found by meter_count_tokens */
	tally_i128 *now, *top, *sum; /* top: a host's, at its own peak */
	/* What gave no more than the peak: what is nowhere more gives no more either. */
	tally_i128 *seen;
	amount peak[READINGS];
	int64_t peak_at[READINGS];
	uint64_t vms[READINGS], vcpus[READINGS]; /* that count in it now */
	uint64_t vms_top, vcpus_top;             /* most of `high` at once */
	amount order, order_top;                 /* packs, made up host by host */
};
struct meter_host {
	struct formula_host see;        /* by the facts that hold; no guests */
	uint32_t node, cluster, region; /* nodes */
	uint32_t part[2];               /* of its cluster and region now */
	struct metric_guests guests[READINGS];
	struct meter_pin *pins; /* by core: those that stays which count are pinned to */
	size_t n_pins, cap_pins;
	uint64_t unpinned;   /* stays that count otherwise */
	amount need, order;  /* measured; in packs */
	bool changed, moved; /* into another cluster or region */
};
struct meter_pin {
	uint32_t core, stays;
};
struct meter_step {
	int64_t at;
	uint32_t host, cluster, region;
	uint64_t need, set; /* of one more machine */
};
/* Where in the meter's nodes a host stands by its facts. */
struct meter_place {
	uint32_t cluster, region;
	uint32_t part[2]; /* of these */
};
struct meter {
	const struct estate *estate;
	const struct rule *rule;           /* the version that is walked */
	enum rule_aggregation aggregation; /* the newest version's */
	bool orders;                       /* a version's packs are made up host by host */
	bool parted;                       /* hosts' parts of clusters and regions are asked for */
	const struct counted *counted;
	const uint8_t *breached;  /* of each VM; LOW_PINNED only, else NULL */
	struct meter_step *steps; /* LOW_TOKENS only: what each host needs from when on */
	size_t n_steps, cap_steps;
	struct metric_groups groups;
	size_t parts;
	int64_t from, to;           /* the window */
	int64_t now, end;           /* end: of the span that is walked */
	struct meter_place *places; /* of each of the estate's facts that were told */
	struct meter_node *nodes;
	size_t n_nodes, cap_nodes;
	struct map node_slots;
	bool by_vm;               /* meter_vms is asked, of each span, before meter_finish */
	struct map lines;         /* of its VMs */
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
/* A part of a meter's window, [from, to), in which one version holds. */
struct meter_span {
	struct meter *meter;
	const struct counted *counted;
	int64_t from, to;
	unsigned lane; /* see estate.h: one for all spans of a meter */
};
/* Many meters in one walk; those of one lane do not overlap. Nothing but the meters is
 * written. */
void meter_walk(const struct estate *e, const struct meter_span *spans, size_t n);
/* Makes the scopes' figures of hosts' peaks, the sums over time, the reach. */
void meter_finish(struct meter *m);
/* meter_vms.c: what each VM came to; meter_finish asks for the rest. */
void meter_vms(struct meter *m, const struct counted *c, int64_t from, int64_t to);
void meter_vms_finish(struct meter *m);
/* How few licences would have done in the scope of a node, behind meter_finish. Several
 * nodes may be done at the same time. */
bool meter_goes_round(const struct meter *m, uint32_t node); /* whether that is asked */
void meter_count_tokens(struct meter *m, uint32_t node);

/* Only pins make `low` another figure while it is walked; else it follows. */
static inline unsigned
meter_first(const struct meter *m)
{
	return m->breached ? LOW : MEASURED;
}
/* A host as the rule sees it, with no guests; meter_host.c */
struct formula_host meter_see(const struct meter *m, const struct host_facts *f);
/* false: the stay does not count. */
bool meter_begin(struct meter *m, uint32_t stay);
bool meter_end(struct meter *m, uint32_t stay);
void meter_facts(struct meter *m, const struct host_facts *f);
/* meter.c: the host's parts have to be made anew. */
void meter_change(struct meter *m, uint32_t host);
/* The node of a scope, made where it is new; pointers to others die. */
uint32_t meter_node(struct meter *m, enum scope scope, uint32_t id);
/* That of a host's part in a node above it; NO_NODE where nobody asks for such. */
uint32_t meter_part(struct meter *m, uint32_t host, uint32_t above);
/* Adds to a node; the factor is 1 or -1. */
void meter_add(struct meter *m, uint32_t node, const tally_i128 *parts, amount order, int factor);
/* The node changes: its figure is made when the instant is over. */
void meter_touch(struct meter *m, uint32_t node);

#endif
