/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H
/* A client and three real witnesses without a network between them, each of which may
 * give a wrong answer. The policy wants two of the three. */
#include "fixture.h"

#define WITNESSES 3

enum trouble {
	NONE,
	DOWN,
	GARBAGE,
	OTHER_NOTE,
	OTHER_TEXT, /* well signed */
	EARLY,      /* five minutes and a second */
	LATE,
	STATUS_500,
	CONFLICT_TEXT,
	SIZE_AGAIN,
	SIZE_OTHER,
	SIZE_PLAIN,
	STATUS_422,
	SIZE_ONCE,
	STATUS_422_ONCE
};

struct world {
	char *root;
	struct memlog log;
	uint64_t size; /* of the newest note */
	struct tally_witness *witness[WITNESSES];
	enum trouble trouble[WITNESSES];
	unsigned posts[WITNESSES];
	bool unreadable; /* the ledger */
	struct tally_policy *policy;
	struct tally_witnessed witnessed;
	struct tally_http http;
	struct test_disk disk;
	int dir;
	struct tally_witness_client *client;
	struct tally_buf kept; /* all lines, in the order they came */
	char closed[600];
	unsigned reached;
	bool full; /* the ledger takes no receipt */
	uint64_t reached_size;
	struct tally_buf reached_lines;
	int64_t now;
	uint64_t seconds; /* of the witnesses' clocks, and the host's */
	struct test_clock clock;
	struct tally_err err;
};

int client_set_up(void **state);
int client_tear_down(void **state);
/* A new client in the same folder; NULL stands where it is refused, with w->err. */
int try_client(struct world *w);
void start_client(struct world *w);
/* So many seconds later; the wait until the next step, in seconds, or -1: never. */
int64_t step(struct world *w, int64_t seconds);
struct tally_witness_standing standing(struct world *w);
/* How many of the witnesses' lines in `lines` verify over the log's note of that size. */
size_t verified(struct world *w, uint64_t size, struct tally_bytes lines);

#endif
