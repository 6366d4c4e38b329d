/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H
/* What the ledgers say, in the words of the real timeline, beside the truth. */
#include "sim.h"
#include "spans.h"

struct tally_store;

/* Of one VM on one host, as the report counts it. */
struct counted {
	struct spans residence; /* running or paused */
	struct spans running;
	struct spans bounds; /* [not before, at] of stops that nobody saw */
};
struct seen {
	struct counted vm[HOSTS][VMS];
	struct spans powered[HOSTS], metered[HOSTS];
	int64_t last[HOSTS]; /* instant of the ledger's last entry */
	unsigned starts_of_agent[HOSTS], steps[HOSTS], overflows[HOSTS], gaps[HOSTS];
};

/* timeline.c: makes the real report over all ledgers and listens to it. */
int timeline_read(struct world *w, struct tally_store *const *stores, struct seen *out);
void timeline_free(struct seen *s);
/* verify.c: exports, and lets the real verifier see it. */
void verify_ledger(struct host *h, struct tally_store *store);
/* records.c: each record of the ledger against what there was. */
void records_check(struct host *h, struct tally_store *store, struct seen *seen);
/* The instant up to which a ledger tells, as the report takes it. */
int64_t records_newest(struct host *h, struct tally_store *store);

#endif
