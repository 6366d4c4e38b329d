/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ROSTER_H
#define TALLY_REPORTS_ROSTER_H
/*
 * The hosts that must report (roster.yaml; FORMAT.md, "The roster"): who is absent,
 * who is there uncalled, whose identity is another. A line holds from its first day
 * up to, but without, its last, in the report's zone.
 */
#include "day.h"
#include "findings.h"

struct roster_line {
	char *host, *asset, *reason; /* the latter two "" where not given */
	struct day from, to;
	unsigned line, column;
};
struct roster {
	char *name; /* of the file */
	struct roster_line *p;
	size_t n, cap;
};
/* TALLY_USE, "NAME:LINE:COLUMN: what". */
int roster_parse(struct roster **out, const char *name, struct tally_bytes in,
		 struct tally_err *err);
void roster_free(struct roster *r);
int roster_settle(struct roster *r, const struct tally_zone *zone, struct tally_err *err);

/* A host as its ledger tells of it. */
struct roster_host {
	struct tally_bytes name, asset; /* asset empty: not told */
	uint32_t ledger;
	int64_t seen_from, seen_to; /* [,), empty where nothing was seen */
	int64_t retired;            /* INT64_MAX: not */
};
/* Findings of the period [from, to). */
void roster_judge(const struct roster *r, const struct roster_host *hosts, size_t n, int64_t from,
		  int64_t to, struct findings *f);

#endif
