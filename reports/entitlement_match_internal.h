/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ENTITLEMENT_MATCH_INTERNAL_H
#define TALLY_REPORTS_ENTITLEMENT_MATCH_INTERNAL_H
/* What the files that lay licences beside positions share. */
#include "entitlement_match.h"

struct serving_row {
	const struct entitlement *e;
	uint32_t host; /* that it is of or assigned to; POSITION_NONE: of no known one */
	bool lost;     /* assigned to a host that no ledger tells of */
};
struct serving {
	struct serving_row *p;
	size_t n, cap;
};
struct tally_bytes match_text(const struct entitlement_match *m, uint32_t number);
/* The instant of a position: of its peak, or else the last of the period. */
int64_t match_when(const struct entitlement_match *m, const struct position *p);
/* The one of the period that is next to it. */
int64_t match_instant(const struct entitlement_match *m, const struct position *p);
/* Its rule in the version of that instant, or NULL. */
const struct rule *match_rule(const struct entitlement_match *m, const struct position *p);
uint32_t match_host(const struct entitlement_match *m, const char *name); /* POSITION_NONE */
struct serving_row match_row(const struct entitlement_match *m, const struct entitlement *e);
/* What serves a rule and product, of a scope that there is. `out` may be used again. */
void match_serving(const struct entitlement_match *m, const struct rule *rule,
		   struct tally_bytes product, struct serving *out);
/* Where a licence is: its host, or as far as its scope says. */
void match_place(const struct entitlement_match *m, const struct serving_row *r, int64_t at,
		 struct entitlement_place *out);
/* What it is worth for the rule then. */
amount match_units(const struct serving_row *r, const struct rule *rule, int64_t at);

/* entitlement_short.c. The surplus of positions [first, end), which are one rule's for one
 * product: where what is bound to narrower scopes is of no use it is what lacks. */
void entitlements_bound(const struct entitlement_match *m, const struct serving *serving,
			size_t first, size_t end);

/* entitlement_least.c. The first instant of the period, and those inside it at which
 * something begins or ends to be in force. */
struct cuts {
	int64_t *p;
	size_t n, cap;
};
void match_cuts(const struct entitlement_match *m, struct cuts *out);
size_t match_stretch(const struct cuts *c, int64_t at);
/* Of each position of [first, end), which are one rule's for one product, and of each
 * stretch behind a cut: whether the need stands in it. The caller's to free. */
bool *match_asked(const struct entitlement_match *m, size_t first, size_t end,
		  const struct cuts *cuts);

#endif
