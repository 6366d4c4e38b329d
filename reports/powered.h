/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_POWERED_H
#define TALLY_REPORTS_POWERED_H
/* How long the host's TPM was on by its own time, as its anchors tell (FORMAT.md section 11). */
#include "spans.h"
#include "tally/event.h"

/* Between two anchors of a session, or from its power-on to the first. */
struct powered_piece {
	int64_t from, to; /* by the host's clock, which goes on where it is set back */
	uint64_t ms;      /* by the TPM's time */
};
struct powered {
	struct powered_piece *p;
	size_t n, cap;
	bool has_session, has_anchor; /* `last` is of the newest session */
	uint32_t reset_count, restart_count;
	struct tally_tpm_time last;
	int64_t at; /* the newest anchor's instant: its wall, and `ahead` */
	int64_t ahead, wall;
	uint64_t uptime;
	uint32_t boot;
	uint64_t boots, unlogged, suspends, clock_sets, unclean, anchors;
};
void powered_deinit(struct powered *p);
/* In the order of the log: statements, and anchors with the header of their entry. */
struct tally_header;
void powered_session(struct powered *p, const struct tally_statement *st);
void powered_anchor(struct powered *p, const struct tally_header *h, struct tally_bytes tpm_time);

/* What of it lies in a period. */
struct powered_time {
	bool known; /* by an anchor at least */
	tally_i128 powered, metered;
	int64_t resolution; /* the longest piece, ns by the host's clock */
	struct spans intervals;
	uint64_t boots, unlogged, suspends, clock_sets, unclean, anchors; /* of the ledger */
};
void powered_time_make(struct powered_time *out, const struct powered *p,
		       const struct spans *metered, const struct span *period);
void powered_time_deinit(struct powered_time *t);

#endif
