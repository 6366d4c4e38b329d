/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_FORMULA_H
#define TALLY_REPORTS_FORMULA_H
/*
 * The metric kinds' formulas: plain numbers in, a figure out; one kind a file.
 * Nothing here knows time but as a sum. All that can overflow says so: false,
 * and then the figure is not set. Each `formula_KIND` is the whole figure of one
 * scope at once; what it is made of, stands before it for who adds by himself.
 */
#include "rule.h"

#define FORMULA __attribute__((warn_unused_result)) bool

/* A host, as a rule sees it at an instant (or at its own peak). */
struct formula_host {
	bool known;            /* facts are known: else only vms and vcpus say anything */
	bool own;              /* counts by its own OS or hypervisor, or with its whole cluster */
	const uint32_t *cores; /* of each populated socket */
	size_t sockets;
	uint64_t max_sockets; /* 0 unknown */
	struct tally_bytes cpu, partitioning;
	uint64_t vms;    /* that count, on it */
	uint64_t vcpus;  /* of these, together */
	uint64_t pinned; /* distinct cores that they are pinned to; 0: not all are */
};
struct formula_vm {
	uint64_t vcpus;
	tally_i128 run; /* ns on the rule's clock */
};
struct formula_input {
	const struct formula_host *hosts;
	size_t n_hosts;
	const struct formula_vm *vms; /* all that count in the scope */
	size_t n_vms;
	bool customer; /* the scope is all that the customer has: `min_total` holds */
};
/* A host counts where one of its guests does, or by itself. */
static inline bool
formula_counts(const struct formula_host *h)
{
	return h->vms > 0 || h->own;
}
/* a x b + sum into sum; ceil(n / unit), unit > 0; all cores of a host. */
FORMULA formula_add(uint64_t *sum, uint64_t a, uint64_t b);
uint64_t formula_ceil(uint64_t n, uint64_t unit);
FORMULA formula_cores(uint64_t *out, const struct formula_host *h);
/* The same, but of a host without facts as many as the vCPUs of the guests that
 * count on it, and one at least: nobody's host is one of no cores. */
FORMULA formula_seen_cores(uint64_t *out, const struct formula_host *h);
/* num / den (> 0) units, rounded once to the rule's decimals. */
FORMULA formula_round(amount *out, const struct rule *r, tally_i128 num, tally_i128 den);

/* host-cores: C of a host; how often its VMs take it. A host without facts has
 * one C of the minima: max(per host, per socket). */
FORMULA formula_host_need(uint64_t *out, const struct rule *r, const struct formula_host *h);
uint64_t formula_stacks(const struct rule *r, const struct formula_host *h);
FORMULA formula_host_cores(amount *out, const struct rule *r, const struct formula_input *in);
/* vm-cores: of one VM; of them all, when the sum is made. */
uint64_t formula_vm_need(const struct rule *r, uint64_t vcpus);
uint64_t formula_total(const struct rule *r, uint64_t sum, bool customer);
FORMULA formula_vm_cores(amount *out, const struct rule *r, const struct formula_input *in);
/* socket-pairs: of a host that counts. */
uint64_t formula_socket_units(const struct rule *r, const struct formula_host *h);
FORMULA formula_socket_pairs(amount *out, const struct rule *r, const struct formula_input *in);
/* vm-pairs-per-host: VMs of one host, or (where rounding is once) of the scope;
 * hosts that count by themselves are socket pairs beside them. */
uint64_t formula_vm_units(const struct rule *r, uint64_t vms);
FORMULA formula_vm_pairs(amount *out, const struct rule *r, const struct formula_input *in);
/* processor-factor: of a processor, in hundredths; licences for the cores of one
 * factor; whether the host's partitioning is approved. `low` takes pinned cores. */
uint64_t formula_factor(const struct rule *r, struct tally_bytes cpu);
FORMULA formula_factor_group(uint64_t *out, uint64_t cores, uint64_t hundredths);
bool formula_approved(const struct rule *r, struct tally_bytes partitioning);
FORMULA formula_processor_factor(amount *out, const struct rule *r, const struct formula_input *in);
FORMULA formula_processor_pinned(amount *out, const struct rule *r, const struct formula_input *in);
FORMULA formula_processor_reach(amount *out, const struct rule *r, const struct formula_input *in);
/* sub-capacity: units per core of a host; units of one host. */
uint64_t formula_units(const struct rule *r, const struct formula_host *h);
FORMULA formula_server_units(uint64_t *out, const struct rule *r, const struct formula_host *h);
FORMULA formula_sub_capacity(amount *out, const struct rule *r, const struct formula_input *in);
FORMULA formula_instances(amount *out, const struct rule *r, const struct formula_input *in);
FORMULA formula_concurrent_peak(amount *out, const struct rule *r, const struct formula_input *in);
/* run-hours, vcpu-hours: one VM's time as it is charged; hours of a sum of
 * nanoseconds (times vCPUs, where these count), rounded once. */
FORMULA formula_run(tally_i128 *out, const struct rule *r, tally_i128 ns);
FORMULA formula_hours(amount *out, const struct rule *r, tally_i128 ns);
FORMULA formula_run_hours(amount *out, const struct rule *r, const struct formula_input *in);
FORMULA formula_vcpu_hours(amount *out, const struct rule *r, const struct formula_input *in);
/* tiers: of so many of what is counted. */
FORMULA formula_tier_units(amount *out, const struct rule *r, uint64_t count);
FORMULA formula_tiers(amount *out, const struct rule *r, const struct formula_input *in);

/* Whatever kind the rule is of. */
FORMULA formula_figure(amount *out, const struct rule *r, const struct formula_input *in);
/* `high` of a cluster by the rule's reach: each of its hosts as if `vms` VMs (the
 * most that counted in it at once) with `vcpus` vCPUs stood on it. */
FORMULA formula_reach(amount *out, const struct rule *r, const struct formula_input *cluster,
		      uint64_t vms, uint64_t vcpus);
/* What can be ordered for a need: in packs; then, of the sum, at least the minimum. */
FORMULA formula_order_packs(amount *out, const struct rule *r, amount need);
amount formula_order_least(const struct rule *r, amount packs);

#endif
