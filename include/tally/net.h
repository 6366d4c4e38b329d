/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_NET_H
#define TALLY_NET_H
/*
 * What leaves the host and comes back: HTTP, a witness of logs, a client of
 * witnesses (c2sp.org/tlog-witness; FORMAT.md section 25).
 */
#include "tally/clock.h"
#include "tally/file.h"
#include "tally/merkle.h"
#include "tally/witness.h"

struct tally_err;

/* One POST: -1 where nobody answered (TALLY_SYS); an answer of more than `max` bytes
 * is none. Other implementations stand in tests. */
struct tally_http {
	void *ctx;
	int (*post)(void *ctx, const char *url, const char *type, struct tally_bytes body,
		    size_t max, unsigned *status, struct tally_buf *answer, struct tally_err *err);
};
/* By libcurl: http and https, certificates checked, no redirection followed, 10 s in all. */
struct tally_http_client;
int tally_http_open(struct tally_http_client **out, struct tally_err *err);
void tally_http_close(struct tally_http_client *c); /* NULL ok */
struct tally_http tally_http_client(struct tally_http_client *c);
/* From any thread: what is under way fails, and all that comes. */
void tally_http_cancel(struct tally_http_client *c);
bool tally_http_url_valid(const char *url);

/* A witness. Its folder holds `key` (a private key's line), `state` and `lock`. */
struct tally_witness;
/* Makes the folder with a new key and no logs seen. TALLY_USE where it has a key. */
int tally_witness_make(const char *dir, const char *name, const struct tally_disk *disk,
		       struct tally_err *err);
/* `logs`: lines "VKEY [ORIGIN]". A folder whose state is gone is refused: it would cosign again
 * what it has forgotten. TALLY_HELD: another process has it. */
int tally_witness_open(struct tally_witness **out, const char *dir, const char *logs_name,
		       struct tally_bytes logs, const struct tally_disk *disk,
		       struct tally_err *err);
void tally_witness_close(struct tally_witness *w); /* NULL ok */
const struct tally_vkey *tally_witness_vkey(const struct tally_witness *w);
size_t tally_witness_logs(const struct tally_witness *w); /* origins */
/* Answers one body of add-checkpoint with an HTTP status; what it cosigns is on the disk
 * before. `now`: seconds since 1970. One call at a time. */
struct tally_witness_answer {
	unsigned status;
	const char *type;
	struct tally_buf body;
};
void tally_witness_add_checkpoint(struct tally_witness *w, struct tally_bytes body, uint64_t now,
				  struct tally_witness_answer *out);

/* Serves it on ADDRESS:PORT (numeric; an IPv6 address in brackets; port 0 takes any), in a
 * thread of its own, until it is stopped. */
struct tally_witness_server;
int tally_witness_serve(struct tally_witness_server **out, struct tally_witness *w,
			const char *listen, const struct tally_clock *clock, struct tally_err *err);
unsigned tally_witness_port(const struct tally_witness_server *s);
void tally_witness_stop(struct tally_witness_server *s); /* NULL ok */

#endif
