/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_TOKENS_INTERNAL_H
#define TALLY_REPORTS_TOKENS_INTERNAL_H
/* The demand of all hosts, as the sweep and the search read it: in units (the set,
 * where all hosts have the same one, else 1), steps by time and, numbered, by host. */
#include "tokens.h"

#define DEMAND_BLOCK 64

struct demand_step {
	int64_t at;
	uint32_t host;
	uint64_t to, was; /* from here on; before */
	uint64_t set;
};
struct demand {
	uint64_t unit;
	bool uniform; /* one set is one unit, everywhere */
	uint32_t hosts;
	struct demand_step *steps; /* by at, then host; one a host and instant */
	size_t n;
	/* Host h: its steps' numbers are of[begin[h]] to of[begin[h + 1] - 1]. */
	size_t *begin;
	uint32_t *of;
	uint64_t *block;                /* the most of each DEMAND_BLOCK entries of `of` */
	struct token_failure *failures; /* by at; of hosts that had needed something */
	size_t n_failures;
};
/* False where the hosts' peaks add up beyond 64 bits. */
bool demand_make(struct demand *d, const struct token_problem *p);
/* The same backward through time: one who moves once moves once either way. */
void demand_reverse(struct demand *d, const struct demand *from);
void demand_deinit(struct demand *d);
uint64_t demand_peaks(const struct demand *d);   /* of each host, added; UINT64_MAX beyond */
uint64_t demand_at_once(const struct demand *d); /* the most of all hosts together */
/* Behind entry `i` of a host: the first instant at which it needs `level` or more,
 * INT64_MAX never; `*before`: the most that it needs up to there. */
int64_t demand_next(const struct demand *d, uint32_t host, size_t i, uint64_t level,
		    uint64_t *before);

/* What does where tokens only go from host to host of one and the same set: added over
 * the sets. A host whose set changes keeps its own. */
uint64_t tokens_apart(const struct token_problem *p);

/* Looks for an assignment with fewer than `best` tokens, where each moves once at
 * most. Returns the fewest found; `*exact`: there is none with fewer. */
uint64_t tokens_search(const struct demand *d, uint64_t best, uint64_t at_least, bool *exact);

#endif
