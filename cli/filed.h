/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_FILED_H
#define TALLY_CLI_FILED_H
/*
 * What a ledger holds of files that were brought into it, events or claims: an entry
 * announces a file by its hash and how many entries follow. A crash may have stopped
 * it, and then nothing else goes in before the rest of it.
 */
#include "tally/entry.h"
#include "tally/event.h"

struct tally_err;

struct cli_filed {
	const uint8_t *hash; /* of the file in question */
	bool any, ours;      /* there is a file; the newest is this one */
	bool whole;          /* this one is complete, and others follow */
	uint64_t at;         /* index of what announces the newest */
	uint64_t due;        /* what it announced */
	uint64_t got;        /* entries of it, counted by the caller */
	uint64_t end;        /* index behind the last of ours */
	struct tally_buf name;
};
enum cli_filed_state { CLI_FILED_NOT, CLI_FILED_PART, CLI_FILED_WHOLE };

/* An entry that announces a file. */
void cli_filed_begin(struct cli_filed *f, const struct tally_entry *e,
		     const struct tally_event *ev);
/* How a file comes in: "import", "events", "record". */
struct cli_filed_words {
	const char *act, *entries, *again;
};
/* How much of ours is there, when all is read. TALLY_USE: another file was broken off. */
int cli_filed_state(enum cli_filed_state *out, struct cli_filed *f,
		    const struct cli_filed_words *words, struct tally_err *err);

#endif
