/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_SURVEY_H
#define TALLY_REPORTS_SURVEY_H
/* A first look at a ledger: whose it is, which parts it has, when it was last
 * written, and what in it cannot be read. */
#include "aside.h"
#include "findings.h"
#include "powered.h"
#include "tally/report.h"

struct survey {
	const struct tally_report_ledger *ledger;
	struct tally_buf host;  /* of the newest entry that names it */
	struct tally_buf asset; /* of the newest facts */
	bool imported, live;    /* parts */
	struct aside aside;     /* and the third one */
	uint64_t entries;
	int64_t wall; /* of the last entry */
	uint64_t unknown, undisclosed, unlogged, no_pcr;
	uint64_t unknown_at[FINDING_ENTRIES], undisclosed_at[FINDING_ENTRIES];
	uint64_t unlogged_at[FINDING_ENTRIES]; /* session statements */
	size_t n_unlogged_at;
	uint64_t no_pcr_at[FINDING_ENTRIES]; /* session statements, too */
	struct powered powered;              /* by its TPM */
	bool has_reset;
	uint32_t reset_count;
	bool has_host_id; /* of the newest session */
	uint8_t host_id[TALLY_HASH];
	uint64_t replaced, replaced_at[FINDING_ENTRIES]; /* sessions of another host id */
};
int survey_make(struct survey *s, const struct tally_report_ledger *ledger, struct tally_err *err);
void survey_deinit(struct survey *s);
void survey_note(const struct survey *s, uint32_t ledger, struct findings *f);

#endif
