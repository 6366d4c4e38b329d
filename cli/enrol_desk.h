/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_ENROL_DESK_H
#define TALLY_CLI_ENROL_DESK_H
/*
 * An enroller who answers by himself (FORMAT.md section 26, "Over TLS"): what comes
 * in is a request or a response, what goes out a challenge or a record. What was
 * answered lies on the disk before, so that a repeat gets the same answer.
 */
#include "tally/clock.h"
#include "tally/file.h"
#include "tally/net.h"
#include "enrol.h"

#define DESK_REQUEST  "/enrol/v1/request"
#define DESK_RESPONSE "/enrol/v1/response"
/* Challenges that wait for an answer, of one client and of all: the oldest gives way. */
#define DESK_CLIENT 16
#define DESK_OPEN   1024
/* Records that one client's certificate gets within the days of a challenge. */
#define DESK_RECORDS 256

/* Machines that may be enrolled, and by whose certificate. */
struct desk_assets;
/* Lines "ASSET" or "ASSET<tab>NAME". TALLY_USE with NAME:LINE:COLUMN. */
int desk_assets_read(struct desk_assets **out, const char *name, struct tally_bytes text,
		     struct tally_err *err);
void desk_assets_free(struct desk_assets *a); /* NULL ok */
/* -1 (TALLY_FAILS): not in it, or another client's. */
int desk_assets_check(const struct desk_assets *a, struct tally_bytes asset, const char *client,
		      struct tally_err *err);

struct desk_options {
	const char *dir; /* the register */
	struct tally_logkey *key;
	const struct tally_roots *roots;
	const struct desk_assets *assets; /* NULL: any */
	const char *class;                /* NULL: as the certificates say */
	const struct enrol_succession *succeeds;
	size_t succeeds_count;
	const struct tally_disk *disk;
	const struct tally_clock *clock;
};
struct desk;
int desk_open(struct desk **out, const struct desk_options *o, struct tally_err *err);
void desk_close(struct desk *d); /* NULL ok */
/* As tally_tls_options.answer. */
void desk_answer(void *ctx, const struct tally_tls_peer *peer, const char *path,
		 struct tally_bytes body, struct tally_tls_answer *out);

#endif
