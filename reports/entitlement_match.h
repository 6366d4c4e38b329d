/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ENTITLEMENT_MATCH_H
#define TALLY_REPORTS_ENTITLEMENT_MATCH_H
/*
 * What is held beside what is needed: each position gets what its scope is entitled
 * to while its need stands, and the surplus of each reading. A licence counts at
 * its own scope and at every wider one; one that is assigned to a host counts there,
 * too. What nothing asks for, and what has ended, are findings.
 */
#include "entitlement.h"
#include "position.h"

struct entitlement_match {
	const struct entitlements *held; /* settled */
	struct tally_pack *const *packs;
	size_t n_packs;
	struct positions *positions;
	const struct counted_rights *rights; /* that the positions were computed by */
	int64_t from, to;                    /* of the report */
	struct findings *findings;
};
/* TALLY_USE, with its place: a quantity with decimals of what has none. */
int entitlements_match(const struct entitlement_match *m, struct tally_err *err);

/*
 * What is short, for --strict: product by product, over the fleet, in `measured`.
 * Rules of one group are ways to license one use, so one that suffices is enough,
 * also host by host: what a host's own licences of one rule cover no other rule has to.
 * A licence that is bound to a scope serves no other one. Where nothing is held
 * nothing is short. Adds a line for each to `out`; returns how many.
 */
size_t entitlements_short(const struct entitlement_match *m, struct tally_buf *out);

/* A guest of an edition that the licences of its host do not cover (edition-mismatch). */
void entitlements_check_editions(const struct entitlement_match *m);

#endif
