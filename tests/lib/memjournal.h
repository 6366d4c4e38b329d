/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_MEMJOURNAL_H
#define TALLY_MEMJOURNAL_H
/*
 * A journal in memory, as ledger/store makes one on disk, and a judge: whether
 * what stands in it proves what the verifier wants to be proven.
 */
#include "tally/tpm.h"

#define MEMJOURNAL_MAX 4096

struct memjournal {
	struct tally_journal table;
	uint64_t size; /* entries; the root is made up from it */
	struct memjournal_session {
		uint64_t index;
		struct tally_buf statement, quote;
	} session[MEMJOURNAL_MAX];
	size_t sessions;
	struct memjournal_note {
		uint64_t size;
		struct tally_buf text, ak_public, blob; /* blob: empty = no evidence line */
	} note[MEMJOURNAL_MAX];
	size_t notes;
	struct tally_row row[MEMJOURNAL_MAX];
	size_t rows;
	bool real_roots; /* filled from elsewhere: roots are not the made-up ones */
	unsigned moves;  /* this many times an entry comes in before session() */
	/* As in faketpm.h. */
	unsigned calls, fail_at;
	bool late;
};
void memjournal_init(struct memjournal *j);
void memjournal_deinit(struct memjournal *j);
void memjournal_append(struct memjournal *j);
size_t memjournal_count(const struct memjournal *j, enum tally_row_state state);

/*
 * 0 where every statement and every done row verifies, rows of a session chain
 * from its statement's value, nothing is pending, and each note has a row.
 * Else -1, with what is wrong.
 */
int memjournal_judge(const struct memjournal *j, struct tally_err *err);
/* The value at which the newest session's chain ends. */
void memjournal_chain_end(const struct memjournal *j, uint8_t out[TALLY_HASH]);

#endif
