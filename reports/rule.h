/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_RULE_H
#define TALLY_REPORTS_RULE_H
/*
 * A rule pack: one YAML file, the rules of one vendor's product, as data. What a
 * rule can say is the sum of the metric kinds below; what it says holds from
 * `valid_from` to `valid_to`, and of several versions of one rule that one is
 * applied in whose validity the event lies. Source of each rule: in the pack.
 *
 * One flat struct serves every kind: a parameter that a kind does not know cannot
 * be given in the file, and is left at what "absent" says below.
 */
#include "tally/bytes.h"
#include "tally/pack.h"
#include "tally/time.h"
#include "tally/yaml.h"

struct tally_err;

enum metric_kind {
	METRIC_HOST_CORES,       /* cores of hosts, with minima; stacked for each n VMs */
	METRIC_VM_CORES,         /* vCPUs of VMs, with minima */
	METRIC_SOCKET_PAIRS,     /* sockets of hosts, in pairs */
	METRIC_VM_PAIRS,         /* VMs in pairs, rounded per host or per scope */
	METRIC_PROCESSOR_FACTOR, /* cores times a factor of the processor */
	METRIC_SUB_CAPACITY,     /* min(vCPUs, cores) of a server times units per core */
	METRIC_INSTANCES,        /* hosts or VMs counted one by one */
	METRIC_RUN_HOURS,
	METRIC_VCPU_HOURS,
	METRIC_CONCURRENT_PEAK,
	METRIC_TIERS, /* named capacity tiers */
	METRIC_KINDS
};
const char *metric_name(enum metric_kind kind); /* "host-cores", ... */
int metric_find(struct tally_bytes name);       /* -1 unknown */

/* Exact figures: millionths of the unit, so that 18.4 core-hours is a number. */
typedef tally_i128 amount;
#define AMOUNT_ONE ((amount)1000000)

/* What a guest whose OS (or edition) nobody knows does to a rule about that OS. Where
 * it is not ignored it stands in `unresolved`. To a rule for any edition an unknown
 * one is as good as another: it counts, and `counted` only says that it is told. */
enum rule_unknown {
	UNKNOWN_HIGH,    /* absent: counts in `high` alone */
	UNKNOWN_COUNTED, /* counts in all three */
	UNKNOWN_IGNORED, /* absent, where nothing depends on it */
};
enum rule_aggregation {
	AGG_INSTANT,      /* absent: the scope's figure at an instant, at its peak */
	AGG_HOST_PEAKS,   /* each host's own peak over the window, then the formula over them */
	AGG_REGION_PEAKS, /* instant, but the fleet is the sum of its regions' peaks */
	AGG_DISTINCT,     /* all VMs (or hosts) that counted in the window, as if at once */
	AGG_TIME,         /* summed over time: run-hours, vcpu-hours */
};
enum rule_window {
	WINDOW_PERIOD, /* absent: [from, to) */
	WINDOW_DAYS,   /* [to - window_days, to), whatever `from` is */
	WINDOW_MONTH,  /* the highest calendar month of the period, in the report's zone */
	WINDOW_QUARTER,
};
/* What `high` adds to `measured`, beside the unresolved and the uncertain. */
enum rule_reach {
	REACH_NONE, /* absent */
	/* Each host of a cluster is licensed as if all VMs that counted anywhere in
	 * that cluster (at its peak instant over the window) had stood on it. */
	REACH_WORST,
	/* Every host of the cluster on which one counted counts, too: all its cores. */
	REACH_CLUSTER,
};
enum rule_low {
	LOW_MEASURED, /* absent: low = measured (less what is uncertain) */
	/* Licences are tokens assigned to hosts; one moves at most once in `move_days`,
	 * but freely away from a host that failed. The fewest that would do. */
	LOW_TOKENS,
	/* Pinned cores instead of the host's, where the host's `partitioning` is one
	 * of `approved` and neither a migration nor a change of the pins lies in the
	 * window (that is the finding pin-breach); otherwise low = high. */
	LOW_PINNED,
};
enum rule_of { OF_HOSTS, OF_VMS };
enum rule_mode { ROUND_UP, ROUND_HALF_UP, ROUND_DOWN };
/* Bits of `scopes`. */
enum { RULE_HOST = 1, RULE_CLUSTER = 2, RULE_REGION = 4, RULE_FLEET = 8 };

/* Counted, then excluded: VMs of one of these environments (or in the standby
 * role) where an entitlement that serves the rule carries this right. */
struct rule_exclusion {
	char *right; /* as in an entitlement's `rights`: "dev-test", "dr", "byol" */
	struct tally_strings environments;
	bool standby;
};
/* A factor of the processor, in hundredths: the first line whose pattern fits. */
struct rule_factor {
	char *cpu; /* pattern: see rule_text_fits */
	uint64_t hundredths;
};
/* Units per core (PVU): the first line whose pattern fits and whose sockets do. */
struct rule_units {
	char *cpu;
	uint64_t max_sockets; /* up to so many; 0: any number */
	uint64_t units;
};
/* A graduated tier: what lies above the tier before it and up to `up_to`. */
struct rule_tier {
	char *name;
	uint64_t up_to;      /* 0: without end, the last one */
	uint64_t hundredths; /* units for one of what is counted */
};
/* Where it is written. */
struct rule_source {
	char *text; /* always: what document, by whom */
	char *url;  /* or NULL */
	char *read; /* YYYY-MM-DD */
};
struct rule_place {
	unsigned line, column;
};

struct rule {
	char *id; /* "windows-server-standard/host" */
	char *title;
	enum metric_kind kind;
	int64_t valid_from, valid_to; /* [ns, ns); INT64_MAX: no end is known */
	struct rule_source source;
	struct rule_place place;
	char *unit;    /* "core-licences" */
	char *product; /* of positions; NULL: one position for each of `software` that occurs */
	/* Names that an entitlement's `product` may bear to serve this rule; never
	 * empty: absent, it is the id's part before the slash. */
	struct tally_strings licences;

	/* Which guests count: those whose OS begins with one of `os` (libosinfo URIs)
	 * and whose edition is one of `editions` (none: any); or those that hold one
	 * of `software`. os and software never stand together. */
	struct tally_strings os, editions, software;
	enum rule_unknown unknown_os, unknown_edition;
	bool count_standby; /* absent: a standby secondary does not count */
	unsigned clock;     /* 1 << enum clock for each state; absent: running, paused */
	/* Which hosts count: those with a guest that counts (`with_guests`; absent:
	 * true for kinds over hosts that have os or software above), and besides
	 * those whose own OS begins with one of `host_os`, and those whose hypervisor
	 * is one of `hypervisors` ("qemu", "xen", "vmware", "hyperv", "other"). */
	bool with_guests;
	struct tally_strings host_os, hypervisors;
	/* A host counts only together with all hosts of its cluster (Ubuntu Pro): where
	 * one has a guest that counts, all of the cluster do, also in low. */
	bool whole_cluster;

	/* Minima; 0: none. */
	uint64_t min_per_socket, min_per_host, min_per_vm;
	uint64_t min_total; /* at fleet scope, where anything counts: the customer's */
	/* host-cores: each so many VMs on a host take the host's cores once more; 0:
	 * any number of VMs takes them once. */
	uint64_t vms_per_stack;
	/* socket-pairs and, for hosts by `host_os`, vm-pairs: sockets of one unit. */
	uint64_t sockets_per_unit;
	uint64_t unknown_sockets; /* of a host without facts; 0: one, which it has at least */
	uint64_t vms_per_unit;    /* vm-pairs */
	bool round_per_host;      /* vm-pairs: else once per scope */
	enum rule_of of;          /* instances, tiers (hosts: cores; VMs: vCPUs) */

	/* processor-factor: cores of one factor are added in the scope, multiplied,
	 * rounded up; then the groups are added. */
	struct rule_factor *factors;
	size_t n_factors;
	uint64_t factor_default;       /* hundredths, where no line fits; 100 */
	struct tally_strings approved; /* patterns of partitioning technologies */
	/* sub-capacity. A host without facts: `units_unknown` for each vCPU, no cap. */
	struct rule_units *units;
	size_t n_units;
	uint64_t units_default, units_unknown;
	bool cap_at_cores; /* sum of vCPUs at most the host's physical cores */
	struct rule_tier *tiers;
	size_t n_tiers;
	/* run-hours, vcpu-hours: each VM's time in the window is at least `time_min`
	 * and rounded up to `time_step` (ns; 0: neither); then times this factor. */
	int64_t time_min, time_step;
	amount time_factor; /* absent: AMOUNT_ONE */

	enum rule_aggregation aggregation;
	enum rule_window window;
	uint64_t window_days;
	enum rule_reach reach;
	enum rule_low low;
	uint64_t move_days;
	unsigned scopes; /* which positions are given */
	/* The figure at the end, of amounts: decimals kept (0 to 6) and how. */
	unsigned decimals;
	enum rule_mode rounding;

	/* What can be ordered: multiples of the pack, at least the minimum (where the
	 * need is not 0); each host's share by itself, where `order_per_host`. */
	uint64_t order_pack, order_min;
	bool order_per_host;

	struct rule_exclusion *exclusions;
	size_t n_exclusions;
	/* Guests of these editions may run under this licence; empty: all may. Others
	 * on a host that holds nothing better are the finding edition-mismatch. */
	struct tally_strings covers_editions;
	/* Rules of one group are ways to license the same use: the cheapest of them
	 * by price x quantity is told, where they have prices (NULL: no group). */
	char *group;
	bool priced;
	amount price; /* of one unit, of a list; only compared inside the group */
	struct rule_source price_source; /* its text is NULL where it is not told */
	bool needs_maintenance;          /* lawful only with maintenance (or by subscription) */
};

struct pack_test;
struct pack_own;
struct tally_pack {
	char *name; /* the file's base name */
	char *path; /* as errors tell it: what tally_pack_parse was given */
	char *id, *version, *title, *vendor;
	struct rule *rules; /* by id, then valid_from */
	size_t n_rules;
	struct pack_test *tests;
	size_t n_tests;
	uint8_t sha256[TALLY_HASH]; /* of the file: the caller's, who can hash */
	struct pack_own *own;       /* what the above points into */
};

/* The version of a rule that holds at an instant, or NULL. */
const struct rule *pack_rule(const struct tally_pack *p, struct tally_bytes id, int64_t at);

/* The words of the file for what an enum says: "host-peaks", "worst", ... */
const char *rule_aggregation_word(enum rule_aggregation a);
const char *rule_window_word(enum rule_window w); /* days: "days" */
const char *rule_reach_word(enum rule_reach reach);
const char *rule_low_word(enum rule_low low);

/* Patterns: ASCII case does not count, '*' is any run of bytes, the whole text must fit. */
bool rule_text_fits(const char *pattern, struct tally_bytes text);
/* Whether a URI begins with one of the list. */
bool rule_os_fits(const struct tally_strings *prefixes, struct tally_bytes os);
bool rule_in(const struct tally_strings *list, struct tally_bytes text); /* exactly one of them */
/* One of them but for ASCII case: people's words, as editions and environments are. */
bool rule_knows(const struct tally_strings *list, struct tally_bytes text);
#endif
