/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_POSITION_H
#define TALLY_REPORTS_POSITION_H
/*
 * A licence position: what one rule says at one scope. Texts are numbers of the
 * estate's `strings`; `vm` and `host` are numbers of the estate's `vms` and
 * `hosts`. low <= measured <= high, always.
 */
#include "counted.h"
#include "usage.h"

struct findings;
struct tally_pack;

#define POSITION_NONE UINT32_MAX /* no VM: a host's facts; no host: of no single one */
/* `because` holds this many at most: the first in its order. */
#define POSITION_BECAUSE 100

struct reading {
	amount low, measured, high;
};
/* Why the figure is what it is: who stood there at the first instant of the peak. */
struct position_because {
	int64_t at;
	uint32_t host, vm;
	uint32_t ledger; /* in the report's order */
	uint64_t index;  /* of the entry, in that ledger */
};
/* A VM that was left out (excluded) or of which it is not known whether it counts
 * (unresolved; it counts in `high`). One for each VM, host and `why`. */
struct position_vm {
	uint32_t vm, name, host;
	uint32_t why; /* text */
};
/* The counted VM time, by what it rests on; their sum is all of it. */
struct position_evidence {
	tally_i128 witnessed, declared, imported; /* ns */
};
/* Another rule of the same choice, at the same scope. */
struct position_choice {
	uint32_t rule; /* text */
	amount quantity;
	bool lawful;
	/* So many units of the position's own rule cost as much; rounded down to whole
	 * ones. false: a price is 0, or that is no number. */
	bool has_even;
	amount even;
};
struct position {
	const struct rule *applied; /* the newest version of it; lives with its pack */
	uint32_t rule;              /* text: "windows-server-standard/host" */
	uint32_t product;
	enum scope scope; /* host, cluster, region or fleet */
	uint32_t id;      /* text; the fleet's is "fleet" */
	uint32_t unit;    /* text: "core", "socket-pair", "vm", ... */
	struct reading need;
	amount order;       /* what has to be ordered to cover `measured`: whole packs */
	int64_t at;         /* first instant of the measured peak; INT64_MIN: there is none */
	int64_t from, to;   /* the window: the period, 90 days, the highest month, ... */
	int64_t high_from;  /* of the window where `high` is */
	bool short_history; /* it begins before the ledger of a host in it that counts */

	bool has_entitled; /* entitlement.c; false: none is held */
	amount entitled;
	int64_t held_at;        /* an instant at which no more than that is held */
	struct reading surplus; /* entitled - need; a shortfall is negative */

	bool uncovered; /* a guest that is measured is of an edition that the rule does not cover */
	bool has_cheapest; /* the lawful model that needs least, where a choice is */
	uint32_t cheapest_rule;
	amount cheapest;
	bool lawful;                     /* with has_cheapest: this rule itself */
	struct position_choice *choices; /* with has_cheapest: all others, by rule */
	size_t n_choices;

	struct position_evidence evidence;
	struct position_because *because; /* by at, host, vm, index */
	size_t n_because, cap_because;
	struct position_vm *excluded, *unresolved; /* by UUID, host's name, why */
	size_t n_excluded, cap_excluded;
	size_t n_unresolved, cap_unresolved;
};
/* In the order of the report: by rule, product, scope's name, id, as texts. */
struct positions {
	const struct estate *estate; /* that they were computed on */
	struct position *p;
	size_t n, cap;
};
struct positions_request {
	const struct estate *estate;     /* its window reaches as far as positions_reach says */
	struct tally_pack *const *packs; /* settled; they outlive the positions */
	size_t n_packs;
	int64_t from, to; /* the report's period */
	const struct tally_zone *zone;
	const struct counted_rights *rights; /* NULL: none are held */
	struct findings *findings;           /* NULL: nobody is told */
	/* As tally_report_options has it; NULL: one behind the other. */
	void (*parallel)(size_t n, void (*job)(void *arg, size_t i), void *arg);
	size_t threads;
};
/* The first instant that the packs' rules look at for a period. */
int64_t positions_reach(struct tally_pack *const *packs, size_t n, int64_t from, int64_t to);
/* `out` is empty. TALLY_FAILS: a figure is too large. */
int positions_make(struct positions *out, const struct positions_request *q, struct tally_err *err);
void positions_deinit(struct positions *list);

#endif
