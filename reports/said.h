/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_SAID_H
#define TALLY_REPORTS_SAID_H
/*
 * What entries say, as the readings need it: texts are numbers, and what entries
 * of one wording have in common is kept once. Machines say few things, and say
 * them again and again; so an entry costs no more than finding what it says.
 */
#include <pthread.h>
#include "table.h"
#include "tally/entry.h"
#include "tally/index.h"

struct tally_err;
struct vm;

enum claim_key {
	CLAIM_OS,
	CLAIM_EDITION,
	CLAIM_TENANT,
	CLAIM_COST_CENTER,
	CLAIM_ENVIRONMENT,
	CLAIM_NAME,
	CLAIM_KEYS
};

/* The metering group. */
struct said {
	struct tally_body_numbers numbers; /* that its bytes hold themselves */
	bool has_state, has_evidence, has_memory, has_pinned;
	uint8_t has; /* bit k: claim key k */
	uint32_t state, cause, role, evidence;
	uint32_t os, edition, environment;
	uint64_t memory_mib;
	struct ids pinned;
	struct ids software, software_removed;
};
/* The identity group. */
struct said_of {
	bool has_vm;
	uint8_t has; /* bit k: claim key k */
	uint8_t uuid[TALLY_UUID];
	uint32_t tenant, cost_center, name;
	struct vm *vm; /* residence.c */
};
/* The operations group. */
struct said_how {
	struct tally_body_numbers numbers;
	bool has_peer;
	uint32_t peer, detail;
};

void said_read(struct said *out, const struct tally_metering *m, struct strings *strings);
void said_read_of(struct said_of *out, const struct tally_identity *i, struct strings *strings);
void said_read_how(struct said_how *out, const struct tally_operations *o, struct strings *strings);
void said_deinit(struct said *s);

/* The wordings of one group, by what they say. */
struct wordings {
	struct strings bodies;
	void **items; /* of each body: struct said, said_of or said_how */
	size_t n, cap;
};
struct sayings {
	pthread_mutex_t lock; /* of the texts, too, while ledgers are read beside one another */
	struct strings *strings;
	struct wordings groups[TALLY_GROUPS];
	struct tally_arena *arena, *scratch;
};
void sayings_init(struct sayings *s, struct strings *strings);
void sayings_deinit(struct sayings *s);
/* Around whatever adds a text meanwhile. */
void sayings_lock(struct sayings *s);
void sayings_unlock(struct sayings *s);
/* What a body of a group says: struct said, said_of or said_how, which lives as long
 * as `s`. NULL (TALLY_FAILS): malformed. */
void *sayings_find(struct sayings *s, unsigned group, struct tally_bytes body,
		   struct tally_err *err);
/* The same, if it was found before; else NULL. Changes nothing. */
void *sayings_known(const struct sayings *s, unsigned group, struct tally_bytes body);

#endif
