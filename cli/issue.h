/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ISSUE_H
#define TALLY_CLI_ISSUE_H
/* Issuing a report: who did it, and over which bytes, goes into every ledger that the report
 * rests on, so that nobody can say later that it was another one, or none. */
#include "tally/bytes.h"
#include "tally/event.h"

struct tally_err;

struct cli_issue {
	struct tally_buf by;
	uint8_t digest[TALLY_HASH], report[TALLY_HASH], supersedes[TALLY_HASH];
	struct tally_event ev; /* views into the above */
};
/* Whether the two options go together. */
int cli_issue_asked(bool issue, const char *by, struct tally_err *err);
/* Whether all of these can take an entry: ledgers, not exports (TALLY_USE). Asked before the
 * report is made. */
int cli_issue_check(const char *const *paths, size_t n, struct tally_err *err);
/* Of a report in JSON as it is handed out. `by` NULL: the user. */
int cli_issue_take(struct cli_issue *i, struct tally_bytes json, const char *by,
		   struct tally_err *err);
/* An entry and a checkpoint in each ledger, by its holder where there is one. The error names
 * the first ledger that did not take it; those before it did. */
int cli_issue_append(const struct cli_issue *i, const char *const *paths, size_t n,
		     struct tally_err *err);
void cli_issue_deinit(struct cli_issue *i);

#endif
