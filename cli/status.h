/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H
/* What `tally status` finds, between the files that find it and write it. */
#include "tally/store.h"
#include "tally/time.h"

struct tally_json;
struct tally_json_doc;
struct tally_jsonw;

/* The agent's word on itself (FORMAT.md section 14). */
struct status_agent {
	struct tally_json_doc *doc;
	const struct tally_json *answer; /* NULL: none answers */
	char why[256];                   /* no answer, though somebody holds the ledger */
};

struct standing {
	struct tally_store *store;
	char root[48], vkey[512];
	uint64_t size, covered; /* entries; those under the newest checkpoint */
	struct tally_anchors anchors;
	uint64_t pid;                                            /* of the holder, 0 none */
	char checkpoint[TALLY_TIME_TEXT], last[TALLY_TIME_TEXT]; /* empty: none */
	struct tally_json_doc *report;
	const struct tally_json *coverage; /* the ledger's row; NULL: none */
	struct status_agent agent;
};

/* status_agent.c. Asks the holder, if there is one; a holder that is no agent, or
 * does not answer, is no failure. */
void status_agent_ask(struct status_agent *a, const char *ledger, uint64_t holder);
void status_agent_deinit(struct status_agent *a);
/* For tests: takes an answer as it came. */
void status_agent_take(struct status_agent *a, struct tally_bytes answer);
/* What is known of what it says, and nothing else: an object, or null. */
void status_agent_json(const struct status_agent *a, struct tally_jsonw *w);
void status_agent_text(const struct status_agent *a, uint64_t holder, struct tally_wall now,
		       struct tally_buf *out);

/* status_out.c */
void status_json(const struct standing *st, struct tally_buf *out);
void status_text(const struct standing *st, struct tally_wall now, struct tally_buf *out);

#endif
