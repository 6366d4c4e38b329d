/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H
/*
 * What an agent said was safe. The calls between its parts go through here (the
 * linker's --wrap): each record that it made, each commit, each signed note.
 * Whatever was acknowledged before a crash has to be there behind it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tally/bytes.h"

struct host;
struct tally_store;

struct witness_put {
	unsigned kind;
	uint64_t time;
	uint8_t vm[TALLY_UUID];
};
/* One agent's life. */
struct witness_session {
	uint64_t base; /* entries before it */
	size_t first;  /* of its puts */
	uint64_t acknowledged;
	bool lossy; /* its queue was too small: gaps stand for records */
};
struct witness_note {
	uint64_t sequence, size;
	uint8_t root[TALLY_HASH];
};
struct witness {
	struct witness_put *put;
	size_t puts, puts_cap;
	struct witness_session *session;
	size_t sessions, sessions_cap;
	struct witness_note *note;
	size_t notes, notes_cap;
	struct witness_note head; /* newest acknowledged size and its root */
	bool opening;
	bool behind; /* records were lost, and what is left is not all written yet */
};

void witness_begin(struct host *h);   /* an agent is being opened */
void witness_step(struct host *h);    /* it came back from a step */
void witness_stopped(struct host *h); /* it stopped in order: all is there */
void witness_free(struct witness *w);
/* At the end, or between two agents: the ledger against all of it. */
void witness_check(struct host *h, struct tally_store *store);

#endif
