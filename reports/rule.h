/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_RULE_H
#define TALLY_REPORTS_RULE_H
/*
 * A rule pack: one YAML file, the rules of one vendor's product, as data. What a
 * rule can say is the sum of the metric kinds below; what it says holds from
 * `valid_from` to `valid_to`, and of several versions of one rule that one is
 * applied in whose validity the event lies. Source of each rule: in the pack.
 */
#include "tally/bytes.h"
#include "tally/time.h"

struct tally_err;

enum metric_kind {
	METRIC_HOST_CORES,	 /* cores of hosts, with minima; stacked for each n VMs */
	METRIC_VM_CORES,	 /* vCPUs of VMs, with minima */
	METRIC_SOCKET_PAIRS,	 /* sockets of hosts, in pairs */
	METRIC_VM_PAIRS,	 /* VMs in pairs, rounded per host or per scope */
	METRIC_PROCESSOR_FACTOR, /* cores times a factor of the processor */
	METRIC_SUB_CAPACITY,	 /* min(vCPUs, cores) of a server times units per core */
	METRIC_INSTANCES,	 /* hosts or VMs counted one by one */
	METRIC_RUN_HOURS,
	METRIC_VCPU_HOURS,
	METRIC_CONCURRENT_PEAK,
	METRIC_TIERS, /* named capacity tiers */
	METRIC_KINDS
};
const char *metric_name(enum metric_kind kind); /* "host-cores", ... */
int metric_find(struct tally_bytes name);	/* -1 unknown */

/* Exact figures: millionths of the unit, so that 18.4 core-hours is a number. */
typedef tally_i128 amount;
#define AMOUNT_ONE ((amount)1000000)

struct pack;
struct rule;
#endif
