/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_RECORD_KEYS_H
#define TALLY_CLI_RECORD_KEYS_H
/* The keys of recorded events: which event takes which, and where each goes. */
#include "tally/json.h"
#include "record.h"

struct record_parser {
	const char *file;
	struct tally_json_doc *doc;
	struct tally_arena *arena;
};

struct record_event_spec;

/* What taking a value needs to know. */
struct record_take {
	struct record_parser *parser;
	struct record_line *line;
	const struct record_event_spec *spec;
	struct tally_err *err;
	uint64_t given; /* bits of the keys that were there */
	bool paused;
};

enum record_key {
	K_TIME,
	K_HOST,
	K_EVENT,
	K_VM,
	K_NAME,
	K_VCPUS,
	K_MEMORY,
	K_OS,
	K_EDITION,
	K_EVIDENCE,
	K_TENANT,
	K_COST_CENTER,
	K_ENVIRONMENT,
	K_SOFTWARE,
	K_PINNED,
	K_CAUSE,
	K_PAUSED,
	K_BASELINE,
	K_NOT_BEFORE,
	K_PEER,
	K_DOWNTIME,
	K_ADD,
	K_REMOVE,
	K_FROM,
	K_TO,
	K_REASON,
	K_BY,
	K_ROLE,
	K_OF,
	K_CORES,
	K_MAX_SOCKETS,
	K_THREADS,
	K_CPU,
	K_MODEL,
	K_CLUSTER,
	K_REGION,
	K_SITE,
	K_HYPERVISOR,
	K_BOOT,
	K_PARTITIONING,
	K_VERSION,
	K_SECONDS,
	K_COUNT
};
#define KEY(k) (UINT64_C(1) << (k))

struct record_key_spec {
	const char *name;
	int (*take)(struct record_take *t, const struct record_key_spec *k,
		    const struct tally_json *v);
	size_t offset, has; /* in struct tally_event; has 0 = no flag */
	uint64_t min, max;
};
extern const struct record_key_spec record_keys[K_COUNT];

struct record_event_spec {
	const char *name;
	unsigned kind;
	uint64_t keys, required; /* without time, host and event */
	const unsigned *causes;  /* ends with 0; NULL: any text */
};
/* NULL where there is none of this name. */
const struct record_event_spec *record_event_find(struct tally_bytes name);
/* -1 where there is none. */
int record_key_find(const char *name);

/* The takers: each checks one value and puts it where the table says. */
#define TAKER(name)                                                                                \
	int record_take_##name(struct record_take *t, const struct record_key_spec *k,             \
			       const struct tally_json *v)
TAKER(skip);
TAKER(text);
TAKER(word);  /* a text that is not empty */
TAKER(words); /* a longer one */
TAKER(peer);
TAKER(os);
TAKER(time);
TAKER(uuid);
TAKER(u32);
TAKER(u64);
TAKER(cause);
TAKER(evidence);
TAKER(hypervisor);
TAKER(role);
TAKER(reason);
TAKER(paused);
TAKER(baseline);
TAKER(products);
TAKER(cores);
TAKER(pinned);
TAKER(seconds);
TAKER(downtime);

#endif
