/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RECORDER_H
#define AGENT_RECORDER_H
/*
 * The one writer: a bounded queue in front of the ledger. The writer takes all
 * that is queued, appends it in one transaction, and sees that notes are signed;
 * the evidence side has them attested, in a thread of its own, so that a TPM
 * delays neither. What does not fit is counted and recorded as a gap.
 */
#include "tally/clock.h"
#include "tally/err.h"
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
/* Opens the ledger for writing (TALLY_HELD: somebody has it). */
int recorder_open(struct recorder **out, const struct recorder_options *o, struct tally_err *err);
/* Before the start only: the ledger, and at most one attested note in so much time (0: each). */
struct tally_store *recorder_store(struct recorder *r);
void recorder_attest_interval(struct recorder *r, struct tally_span interval);
int recorder_start(struct recorder *r, struct tally_err *err);
/* Queues a copy. Never blocks on the disk. */
void recorder_put(struct recorder *r, const struct tally_event *ev);
/* As put, for what is about notes: by itself it is no reason for a note. */
void recorder_put_quiet(struct recorder *r, const struct tally_event *ev);
/* For one who can wait, beside the host's records: queues it when half of the queue
 * is free. -1: that took too long, or somebody hurries; it is not queued. */
int recorder_add(struct recorder *r, const struct tally_event *ev, struct tally_err *err);
/* Waits until all that was queued before is committed. */
int recorder_flush(struct recorder *r, struct tally_err *err);
struct recorder_note {
	uint64_t sequence, size;
	uint8_t root[TALLY_HASH];
	bool attested;
};
/* Waits until all that was queued before is committed and under a note with
 * evidence, which it gives; under one without where there is none to be had
 * now: the TPM is off, fails, or does not answer in half a minute. */
int recorder_checkpoint(struct recorder *r, struct recorder_note *out, struct tally_err *err);
/* From now on nobody waits in there: what stands is given, or an error. */
void recorder_hurry(struct recorder *r);
enum recorder_evidence {
	RECORDER_OFF,
	RECORDER_WAITING, /* no note has been attested yet */
	RECORDER_ATTESTING,
	RECORDER_FAILED
};
struct recorder_status {
	uint64_t appended, queued, lost, checkpoints;
	enum recorder_evidence evidence;
	struct tally_err failure; /* of the evidence */
	bool has_attested;
	struct recorder_note attested; /* the newest, */
	struct tally_wall attested_at; /* and since when it is */
	bool closed;                   /* for signing; why: */
	char closed_why[512];
	/* From put to commit, us, of the last 1,024 records; 0 where there were none. */
	uint32_t latency_p50, latency_p99;
};
void recorder_status(struct recorder *r, struct recorder_status *out);
/* Without threads: does what is due. When it wants to be called again at the
 * latest; INT64_MAX: not before something is put. A TPM may put and step from
 * inside its commands: records are appended then, its own work goes on after. */
struct tally_uptime recorder_step(struct recorder *r);
/* No note before that uptime, be it that it stops: somebody is asked whether this is
 * the newest copy of the ledger. Records come in meanwhile. */
void recorder_hold(struct recorder *r, struct tally_uptime until);
/* The end of signing, for good: records still come in. */
int recorder_close_signing(struct recorder *r, const char *why, struct tally_err *err);
/* Records that found no room, ever; whether all that was queued is committed. */
uint64_t recorder_dropped(struct recorder *r, bool *empty);
/* `read` over the ledger, which nobody else uses meanwhile; what it gives, or -1. */
int recorder_read(struct recorder *r,
		  int (*read)(void *ctx, struct tally_store *store, struct tally_err *err),
		  void *ctx, struct tally_err *err);
/* The newest note: 1, 0 there is none, -1. */
int recorder_newest(struct recorder *r, uint64_t *sequence, struct tally_buf *note,
		    struct tally_err *err);
/* Drains and checkpoints; the ledger stays open for recorder_read alone. Then close. */
void recorder_finish(struct recorder *r);
/* Drains, checkpoints, stops the TPM, closes the ledger. 0, or -1: something
 * stayed undone. A TPM that hangs is given up after ten seconds; one that hangs
 * while it is started, after the half minute that its helper has for that. */
int recorder_close(struct recorder *r, struct tally_err *err);
/* Lets go of the ledger as it is; what is queued is gone. NULL ok. */
void recorder_abandon(struct recorder *r);

#endif
