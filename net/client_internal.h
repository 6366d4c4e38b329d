/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CLIENT_INTERNAL_H
#define NET_CLIENT_INTERNAL_H
/* What the files of the witness client share. */
#include "tally/net.h"

struct asked {
	const struct tally_policy_party *party;
	size_t number;     /* in the policy */
	uint64_t size;     /* that it has cosigned last, as far as we know; 0 nothing */
	bool signed_;      /* the present note */
	bool heard;        /* since the start */
	bool doubted;      /* what it said would close the log: it is asked once more */
	uint64_t time;     /* of that cosignature */
	unsigned failures; /* in a row */
	int64_t retry_at;  /* uptime */
	char failure[256];
};

struct tally_witness_client {
	struct tally_witness_client_options o;
	struct tally_witnessed log;
	struct tally_http http;
	char *origin;
	struct asked *asked;
	size_t n;

	/* The note that is asked about: the newest when its turn began. */
	bool has_note, no_note, reached; /* no_note: there was none to ask about */
	uint64_t sequence;
	struct tally_checkpoint head; /* its origin lies in `note` */
	struct tally_buf note, text, lines;
	int64_t next_note; /* uptime */
	bool behind;       /* a witness knows a newer note of ours than this one */

	bool closed;
	char why[512];
	uint64_t size, time; /* the newest with a quorum */
};

/* witness_exchange.c: asks one witness; what comes of it is in `a`, or closes the log. */
void client_exchange(struct tally_witness_client *c, struct asked *a, int64_t now);
void client_failed(struct asked *a, int64_t now, const char *why);

/* witness_queue.c: the file. */
int client_queue_read(struct tally_witness_client *c, struct tally_err *err);
int client_queue_write(struct tally_witness_client *c, struct tally_err *err);

#endif
