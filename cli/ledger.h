/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_CLI_LEDGER_H
#define TALLY_CLI_LEDGER_H
/* A ledger that this program writes itself: its store, its TPM, the seal over both. */
#include "tally/store.h"
#include "tally/tpm.h"

struct tally_err;

struct cli_ledger {
	struct tally_writer *writer;
	struct tally_store *store; /* the writer's; NULL where somebody else holds the ledger */
	struct tally_tpm *tpm;
	struct tally_seal *seal;
	struct tally_buf vkey; /* its text */
	bool asks;             /* witnesses, at the end: something may have been signed */
};

/* A new ledger, whole or not at all: it is made beside its place and moved
 * there when its first checkpoint stands. `host` is the recorded host's name,
 * or NULL for this machine's; `origin` NULL for the default. */
int cli_ledger_make(const char *path, const char *transport, const char *host, const char *origin,
		    struct tally_err *err);
/* Files with passwords of the TPM's hierarchies, or NULL: copied into the ledger. */
struct cli_passwords {
	const char *endorsement, *owner;
};
/* The log that a new one goes on from. */
struct cli_succession {
	const char *origin;
	uint64_t size;
	uint8_t root[TALLY_HASH];
};
/* The same, behind another log, whose origin it must not have (NULL: behind none). */
int cli_ledger_succeed(const char *path, const char *transport, const char *origin,
		       const struct cli_succession *old, const struct cli_passwords *passwords,
		       struct tally_err *err);
/* Takes the lock; TALLY_HELD names the holder, unless `remote` is fine. No TPM yet. */
int cli_ledger_open(struct cli_ledger *l, const char *path, bool remote, struct tally_err *err);
/* Starts the TPM in `tpm/` and its session in the ledger; `create` makes a new TPM. The ledger's
 * witnesses are asked before: where they know another history nothing is signed. */
int cli_ledger_seal(struct cli_ledger *l, bool create, struct tally_err *err);
/* An attested checkpoint: 1 made, 0 nothing new. */
int cli_ledger_checkpoint(struct cli_ledger *l, struct tally_err *err);
/* An anchor behind it, where the newest is 15 minutes old, and a checkpoint over that. */
int cli_ledger_anchor(struct cli_ledger *l, struct tally_err *err);
/* Asks whoever holds the ledger (FORMAT.md section 14): 0 where the answer is {"ok":true,...}. */
int cli_ledger_ask(const char *path, const char *request, struct tally_err *err);
/* An entry as the request "append" of that section has it. */
int cli_ledger_entry_json(struct tally_buf *out, const struct tally_event *ev,
			  struct tally_err *err);
/* The TPM is stopped in good order, the witnesses are asked where there is a newer note, then
 * the lock is given up. `status` again, with its error; -1 where it was no failure yet, and they
 * had the ledger closed for signing. */
int cli_ledger_close(struct cli_ledger *l, int status, struct tally_err *err);

/* The newest note of a ledger and what it says. Views point into the buffers. */
struct cli_newest {
	struct tally_buf bytes, scratch;
	struct tally_note note;
	struct tally_checkpoint checkpoint;
};
/* 1, 0 where there is none, -1; deinit in any case. */
int cli_newest_read(struct cli_newest *n, struct tally_store *s, struct tally_err *err);
void cli_newest_deinit(struct cli_newest *n);
/* Puts the ledger's path before an error that does not begin with it yet: -1. */
int cli_ledger_prefix(const char *path, struct tally_err *err);
/* The error of whoever needs a checkpoint and finds none: -1 (TALLY_USE). */
int cli_no_checkpoint(const char *path, struct tally_err *err);

#endif
