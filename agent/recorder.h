/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RECORDER_H
#define AGENT_RECORDER_H
/*
 * The one writer: a bounded queue in front of the ledger, and a thread that
 * takes all that is queued, appends it in one transaction, and checkpoints and
 * attests as it goes. What does not fit is counted and recorded as a gap.
 */
#include "tally/clock.h"
#include "tally/event.h"
#include "tally/store.h"
#include "tpm_starter.h"

struct recorder;
struct recorder_options {
	const char *ledger;
	const struct tally_clock *clock;
	size_t queue;               /* records */
	struct tally_span interval; /* at most one checkpoint in it */
	struct tally_span retry;    /* between two tries at a ledger that fails */
	bool attest;
	unsigned ledger_pcr;           /* 0: by the TPM's transport */
	const struct tpm_starter *tpm; /* NULL: the real helper */
	bool threads;                  /* false: it runs inside recorder_step only */
};
/* Opens the ledger for writing (TALLY_HELD: somebody has it) and the seal. */
int recorder_open(struct recorder **out, const struct recorder_options *o, struct tally_err *err);
/* Before it only recorder_store and recorder_put may be used. */
int recorder_start(struct recorder *r, struct tally_err *err);
struct tally_store *recorder_store(struct recorder *r);
/* Queues a copy. Never blocks on the disk. */
void recorder_put(struct recorder *r, const struct tally_event *ev);
struct recorder_note {
	uint64_t sequence, size;
	uint8_t root[TALLY_HASH];
};
/* Waits until all that was queued before is committed, checkpointed and attested;
 * gives the newest note. */
int recorder_checkpoint(struct recorder *r, struct recorder_note *out, struct tally_err *err);
struct recorder_status {
	uint64_t appended, queued, lost, checkpoints;
	bool attesting;
};
void recorder_status(struct recorder *r, struct recorder_status *out);
/* Without threads: does what is due. When it wants to be called again at the
 * latest; INT64_MAX: not before something is put. */
struct tally_uptime recorder_step(struct recorder *r);
/* Drains, checkpoints, stops the TPM, closes the ledger. 0, or -1: something stayed undone. */
int recorder_close(struct recorder *r, struct tally_err *err);
/* Lets go of the ledger as it is; what is queued is gone. NULL ok. */
void recorder_abandon(struct recorder *r);

#endif
