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
struct tally_http_answer {
	unsigned status;
	char type[80]; /* Content-Type without parameters, in lower case; empty: none */
	struct tally_buf body;
};
struct tally_http {
	void *ctx;
	int (*post)(void *ctx, const char *url, const char *type, struct tally_bytes body,
		    size_t max, struct tally_http_answer *answer, struct tally_err *err);
};
/* By libcurl: http and https, certificates checked, no redirection followed, 10 s in all. */
struct tally_http_client;
int tally_http_open(struct tally_http_client **out, struct tally_err *err);
void tally_http_close(struct tally_http_client *c); /* NULL ok */
struct tally_http tally_http_client(struct tally_http_client *c);
/* From now on https only: with that certificate and key, to servers of that authority and of
 * no other. Paths of files in PEM, which outlive the client. */
struct tally_http_identity {
	const char *certificate, *key, *ca;
};
void tally_http_identify(struct tally_http_client *c, const struct tally_http_identity *identity);
/* From any thread: what is under way fails, and all that comes. */
void tally_http_cancel(struct tally_http_client *c);
bool tally_http_url_valid(const char *url); /* http or https, without a user */

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

/* A log as a client of witnesses sees it; each call takes the ledger for itself. */
struct tally_witnessed {
	void *ctx;
	/* The newest note: 1, 0 none, -1. */
	int (*newest)(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err);
	/* That the first `old` entries, whose root is given too, begin the first `size`. */
	int (*consistency)(void *ctx, uint64_t old, uint64_t size, uint8_t old_root[TALLY_HASH],
			   struct tally_proof *out, struct tally_err *err);
	/* Keeps signature lines with the note of that sequence. */
	int (*cosigned)(void *ctx, uint64_t sequence, struct tally_bytes lines,
			struct tally_err *err);
	/* The quorum has signed: `lines` are all cosignatures. */
	int (*reached)(void *ctx, const struct tally_checkpoint *head, struct tally_bytes lines,
		       struct tally_err *err);
	/* Never to be signed again. */
	int (*close)(void *ctx, const char *why, struct tally_err *err);
};

/* In a ledger's folder: the policy that its agent asked by last, for those who sign without it. */
#define TALLY_WITNESS_POLICY     "witness-policy"
#define TALLY_WITNESS_POLICY_MAX (1U << 20)

/* Asks the witnesses of a policy, those that have a URL, for cosignatures over the newest note;
 * FORMAT.md section 25 says in what order. What is owed lies in the file `witnesses` of a folder:
 * after a restart nobody is asked for what he gave. One thread at a time. */
struct tally_witness_client;
struct tally_witness_client_options {
	const struct tally_policy *policy; /* outlives the client */
	const char *origin;
	const struct tally_witnessed *log;
	const struct tally_http *http;
	const struct tally_disk *disk;
	const struct tally_clock *clock; /* its wall time is what a cosignature's is held against */
	int dir;                         /* the folder, open; stays the caller's */
	struct tally_span interval;      /* at most so often a new note */
};
int tally_witness_client_open(struct tally_witness_client **out,
			      const struct tally_witness_client_options *o, struct tally_err *err);
void tally_witness_client_free(struct tally_witness_client *c); /* NULL ok */
/* Does what is due; when it wants to be called again, INT64_MAX: never (it is closed). `now`:
 * the newest note counts whatever the interval says. */
struct tally_uptime tally_witness_client_step(struct tally_witness_client *c,
					      struct tally_uptime now, bool at_once);
struct tally_witness_standing {
	bool asked;  /* every witness at least once since the start; or closed; or no note yet */
	bool closed; /* for signing */
	size_t witnesses;  /* that are asked */
	uint64_t owed;     /* the size that is without its quorum; 0 none */
	uint64_t size;     /* the newest size with it, 0 none yet, ... */
	uint64_t time;     /* ... and by when, seconds since 1970 */
	size_t failing;    /* witnesses that did not answer well when asked last */
	char failure[512]; /* of one of them, or why it is closed; empty: none */
};
void tally_witness_client_standing(const struct tally_witness_client *c,
				   struct tally_witness_standing *out);

/* Timestamps (RFC 3161) over the newest note, FORMAT.md section 25: one an interval, from the
 * first authority that answers well. One thread at a time. */
struct tally_roots;
struct tally_timestamped {
	void *ctx;
	/* As of struct tally_witnessed. */
	int (*newest)(void *ctx, uint64_t *sequence, struct tally_buf *note, struct tally_err *err);
	/* A token over the checkpoint's text. */
	int (*granted)(void *ctx, const struct tally_checkpoint *head, struct tally_bytes token,
		       struct tally_err *err);
};
struct tally_timestamp_client;
struct tally_timestamp_client_options {
	char *const *url; /* of authorities; outlive the client */
	size_t count;
	const struct tally_roots *roots; /* to one of which they must lead; NULL: any */
	const struct tally_timestamped *log;
	const struct tally_http *http;
	const struct tally_disk *disk;
	const struct tally_clock *clock; /* its wall time is what a timestamp is held against */
	int dir;                         /* for the file `timestamps`, open; stays the caller's */
	struct tally_span interval;
};
/* TALLY_USE where a URL is none. */
int tally_timestamp_client_open(struct tally_timestamp_client **out,
				const struct tally_timestamp_client_options *o,
				struct tally_err *err);
void tally_timestamp_client_free(struct tally_timestamp_client *c); /* NULL ok */
/* Does what is due; when it wants to be called again. */
struct tally_uptime tally_timestamp_client_step(struct tally_timestamp_client *c,
						struct tally_uptime now);
struct tally_timestamp_standing {
	size_t authorities;
	uint64_t owed;     /* the size that none has stamped when asked; 0 none */
	uint64_t size;     /* the newest size with a timestamp, 0 none yet, ... */
	uint64_t time;     /* ... and by when, seconds since 1970 */
	char failure[320]; /* of the authority that was asked last; empty: none */
};
void tally_timestamp_client_standing(const struct tally_timestamp_client *c,
				     struct tally_timestamp_standing *out);

/* Serves it on ADDRESS:PORT (numeric; an IPv6 address in brackets; port 0 takes any), in a
 * thread of its own, until it is stopped. */
struct tally_witness_server;
int tally_witness_serve(struct tally_witness_server **out, struct tally_witness *w,
			const char *listen, const struct tally_clock *clock, struct tally_err *err);
unsigned tally_witness_port(const struct tally_witness_server *s);
void tally_witness_stop(struct tally_witness_server *s); /* NULL ok */

/* A server of POSTs over TLS for clients that have a certificate of one authority; what they
 * ask is the caller's affair. Bounds: 64 connections, 8 of an address, 10 s without a byte,
 * `most` in all. It serves in tally_tls_run only, one request at a time. */
struct tally_tls_peer {
	uint8_t certificate[TALLY_HASH]; /* SHA-256 of its DER */
	char name[128];                  /* its common name; empty: none, or a longer one */
	char address[48];
};
struct tally_tls_answer {
	unsigned status;
	struct tally_buf body; /* text */
};
struct tally_tls_options {
	const char *listen; /* as of tally_witness_serve */
	/* In PEM, and what they are called in errors. `ca`: who certifies clients. */
	struct tally_bytes certificate, key, ca;
	const char *certificate_name, *key_name, *ca_name;
	size_t body_max;
	struct tally_span most; /* of a connection */
	const struct tally_clock *clock;
	void *ctx;
	void (*answer)(void *ctx, const struct tally_tls_peer *peer, const char *path,
		       struct tally_bytes body, struct tally_tls_answer *out);
};
struct tally_tls_server;
int tally_tls_open(struct tally_tls_server **out, const struct tally_tls_options *o,
		   struct tally_err *err);
unsigned tally_tls_port(const struct tally_tls_server *s);
/* Until `stop` can be read. */
int tally_tls_run(struct tally_tls_server *s, int stop, struct tally_err *err);
void tally_tls_close(struct tally_tls_server *s); /* NULL ok */

#endif
