/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_METRIC_H
#define TALLY_REPORTS_METRIC_H
/*
 * How a rule's figure goes through time. A host brings parts, a few numbers by the
 * rule's kind; parts of hosts are added into those of their cluster, region and the
 * fleet, and a scope's figure is made of its parts. So an event costs its own host
 * and three sums, whatever the size of the fleet. The kinds' formulas are in
 * formula_*.c; here they are only taken apart.
 */
#include "formula.h"

/* The factors of processors that occur, in hundredths: one part each. */
struct metric_groups {
	uint64_t *hundredths;
	size_t n, cap;
};
size_t metric_group(struct metric_groups *g, uint64_t hundredths); /* its number, added if new */
void metric_groups_deinit(struct metric_groups *g);

/* What a host's guests that count are together. */
struct metric_guests {
	uint64_t vms, vcpus;
	uint64_t need; /* the sum of formula_vm_need */
};
/* How many parts there are. */
size_t metric_parts(const struct rule *r, const struct metric_groups *g);
/* Whether VMs by themselves count, wherever they stand. */
bool metric_of_vms(const struct rule *r);
/* The parts of a host. false: too large to be a number. */
FORMULA metric_host(tally_i128 *parts, const struct rule *r, const struct metric_groups *g,
		    const struct formula_host *h, uint64_t need, bool pinned);
/* Whether parts come to more than others before anything is rounded: where that waits
 * for the sum of hosts, two figures of one host may be alike and its parts not. */
bool metric_more(const struct rule *r, const struct metric_groups *g, const tally_i128 *parts,
		 const tally_i128 *than);
/* The figure of a scope; of AGG_TIME the parts are sums over nanoseconds. */
FORMULA metric_figure(amount *out, const struct rule *r, const struct metric_groups *g,
		      const tally_i128 *parts, bool customer);

#endif
