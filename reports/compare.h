/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_COMPARE_H
#define TALLY_REPORTS_COMPARE_H
/*
 * The report that a new one supersedes. It is a stranger's bytes: what is taken
 * from it is its id and what its rows say, to be told beside what they say now.
 */
#include "tally/json.h"
#include "tally/report.h"

struct finding;
struct survey;

struct compare {
	const char *name; /* borrowed */
	struct tally_json_doc *doc;
	struct tally_bytes id; /* 64 hex digits, in `doc` */
};
/* TALLY_USE, "NAME:LINE:COLUMN: what" or "NAME: MEMBER: what": no JSON, no report,
 * one of another period or calendar. */
int compare_read(struct compare *c, const struct tally_report_input *old,
		 const struct tally_report *r, struct tally_err *err);
void compare_deinit(struct compare *c); /* zeros are fine */
/* The ledgers that it rests on must all be among ours, and begin as they were then.
 * TALLY_USE: another estate, or another history. */
int compare_ledgers(const struct compare *c, const struct tally_report *r,
		    const struct survey *surveys, struct tally_err *err);
/* How many entries of a ledger of ours it rested on; 0 where it did not know it. */
uint64_t compare_size(const struct compare *c, struct tally_bytes origin);

/* differences.c: adds the findings `changed`. Everything else of the report is
 * there; what corrections the surveys hold behind the old sizes is named in them. */
void compare_report(const struct compare *c, struct tally_report *r, const struct survey *surveys,
		    const struct tally_bytes *origins);

#endif
