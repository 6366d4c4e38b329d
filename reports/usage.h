/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_USAGE_H
#define TALLY_REPORTS_USAGE_H
/*
 * Usage rows: what runs, by product, edition and scope. A row is brought up to
 * an instant only when a run begins or ceases to count in it, so an event costs
 * the rows of its own VM and no others.
 */
#include "tally/time.h"
#include "residence.h"

enum scope {
	SCOPE_CLUSTER,
	SCOPE_COST_CENTER,
	SCOPE_FLEET,
	SCOPE_HOST,
	SCOPE_REGION,
	SCOPE_TENANT
};

struct usage_row {
	uint32_t product, edition, scope, id; /* texts, but for scope: enum scope */
	uint32_t count[CLOCKS];
	uint64_t vcpus; /* of those running or paused */
	int64_t at;     /* up to which the sums are made */
	tally_i128 sum[CLOCKS], vcpu_sum;
	uint32_t peak;
	int64_t peak_at, peak_ns;
};
struct usage {
	struct map map;
	struct tally_arena *arena;
	struct usage_row **rows;
	size_t count, cap;
	int64_t from;
};
void usage_init(struct usage *u, int64_t from);
void usage_deinit(struct usage *u);
struct usage_row *usage_row(struct usage *u, uint32_t product, uint32_t edition, enum scope scope,
			    uint32_t id);
/* One VM more or less from `at` on, in all of its rows. */
struct usage_step {
	int64_t at;
	uint32_t vcpus;
	unsigned state;
	bool more;
	struct usage_row *rows[SCOPES];
};
/* Steps are taken in the order of their instants. */
void usage_take(const struct usage_step *step);
/* Up to the period's end; then in the order of the report, and without rows
 * in which no time passed. */
void usage_finish(struct usage *u, int64_t to, const struct strings *strings);
const char *usage_scope_name(uint32_t scope);

#endif
