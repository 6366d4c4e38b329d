/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H
/* Logs in memory that sign checkpoints of any history, and requests to a witness. */
#include "testlib.h"
#include "tally/err.h"
#include "tally/net.h"

/* Leaf i of history `branch` is another one than in the others from entry `fork` on. */
struct memlog {
	struct tally_logkey *key;
	unsigned branch;
	uint64_t fork;
};
void memlog_init(struct memlog *l, const char *origin);
void memlog_deinit(struct memlog *l);
struct tally_nodes memlog_nodes(struct memlog *l);
/* A signed checkpoint, appended. */
void memlog_note(struct memlog *l, uint64_t size, struct tally_buf *out);
/* The body that asks for a cosignature over `size`, from `old` on. */
void memlog_request(struct memlog *l, uint64_t old, uint64_t size, struct tally_buf *out);
/* "VKEY\n". */
void memlog_vkey(const struct memlog *l, struct tally_buf *out);

/* A witness in a new folder, for one log. */
struct tally_witness *witness_new(const char *dir, const struct memlog *l);
/* The status of an answer; `out` may be NULL. */
unsigned witness_ask(struct tally_witness *w, struct tally_bytes body, uint64_t now,
		     struct tally_buf *out);

#endif
