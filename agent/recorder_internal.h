/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RECORDER_INTERNAL_H
#define AGENT_RECORDER_INTERNAL_H
/*
 * What the files of the recorder share. Invariants:
 * - `queue` is in the order of put(); a record leaves it only after its commit.
 * - Records are counted: `done` are committed, `sealed` lie under a note,
 *   `attested` under a note with evidence; attested <= sealed <= put.
 * - Two locks. `store_lock` is held for one look or one transaction of the
 *   ledger, never over a TPM command; `lock` guards all else, for a moment, and
 *   may be taken under store_lock, never the other way round.
 * - Only the writer opens the ledger again, so that it settles its own doubts first.
 */
#include <pthread.h>

#include "recorder.h"
#include "seal_step.h"
#include "tally/entry.h"
#include "tally/err.h"

#define BATCH_RECORDS 4096
#define BATCH_BYTES   (1 << 20)
#define LATENCIES     1024

struct record {
	struct record *next;
	struct tally_prepared entry; /* its groups lie behind this struct */
	size_t bytes;
	int64_t put_at; /* uptime */
};

/* The writer's: what one round does, and what it knows from one to the next. */
struct round {
	struct tally_prepared *batch;
	size_t n, committed; /* of the batch */
	bool due, sign;      /* a note is due; it is not left to the evidence side */
	bool hand;           /* the evidence side begins behind it */
	uint64_t goal;       /* `done` behind it */
	struct recorder_note note;
	int64_t committed_at;              /* uptime */
	int64_t last_checkpoint, retry_at; /* uptime */
	size_t doubted;                    /* records whose commit failed, ... */
	uint64_t doubted_at;               /* ... and the index that the first would have */
	struct tally_err told;
	bool writing; /* inside a round */
	bool over;    /* it failed, and a stop is wanted */
};

struct evidence {
	struct seal_step *seal;
	struct tally_journal journal;
	bool asked, running; /* either: busy */
	bool warm;           /* its TPM is there: it signs at once what it is handed */
	bool tried;          /* at least once to its end */
	bool journal_failed; /* in this try: not the TPM's fault, ... */
	bool moved;          /* ... nor this: entries came in while it signed a statement */
	int64_t began, rest_until, retry_at; /* uptime */
	unsigned failures;                   /* in a row */
	struct tally_err failure;            /* the last */
	uint64_t promised;                   /* its next note will cover these */
	uint64_t intended;                   /* covered by the note that it attests, ... */
	struct recorder_note intended_note;  /* ... this one */
	uint64_t attested;
	struct recorder_note note; /* the newest attested one, where `attested` is set in it */
	struct tally_wall attested_at;
	int64_t anchor_at;        /* uptime: the next one is due */
	bool last_anchored;       /* the one of the stop was tried */
	bool ending;              /* what somebody waits for is not all done yet */
	unsigned anchor_failures; /* in a row */
	struct tally_err anchor_failure;
};

struct recorder {
	struct recorder_options o;
	struct tally_span attest_interval;
	char *ledger;

	pthread_mutex_t store_lock;
	struct tally_store *store; /* NULL: to be opened again */
	uint64_t committed;        /* records in it */

	pthread_mutex_t lock;
	pthread_cond_t wake, progress, evidence_wake;
	pthread_t writer, attester;
	bool writer_runs, attester_runs, ended; /* the writer has */
	bool stop, hurry;
	bool broken; /* the ledger is to be opened again */
	struct record *first, **last;
	size_t queued;
	uint64_t put, done, sealed, lost_total, checkpoints;
	uint64_t loud;      /* records up to the newest that is a reason for a note */
	int64_t hold_until; /* uptime: no note before */
	bool closed;        /* for signing */
	char closed_why[512];
	uint64_t dropped; /* for want of room, ever */
	uint64_t lost;    /* since the last gap record */
	struct tally_now lost_from;
	const char *lost_why;
	struct recorder_note note;   /* the newest */
	uint64_t wanted;             /* a checkpoint over this many records is awaited */
	struct tally_err failure;    /* of the last round, for those who wait */
	uint32_t latency[LATENCIES]; /* us, of the last commits: a ring */
	size_t latencies;            /* ever */
	struct round round;
	struct evidence evidence;
};

/* recorder_queue.c; all with the lock held. */
size_t recorder_peek(struct recorder *r, struct tally_prepared *batch);
void recorder_drop(struct recorder *r, size_t n);
void recorder_committed(struct recorder *r, size_t n, int64_t at); /* measures, then drops */
void recorder_note_loss(struct recorder *r);

/* recorder_round.c: the writer. */
enum recorder_plan { RECORDER_ROUND, RECORDER_WAIT, RECORDER_END };
/* With the lock held. WAIT: until `*at`, INT64_MAX: until something happens. */
enum recorder_plan recorder_plan(struct recorder *r, int64_t *at);
/* With the lock held, which it lets go of while it writes. */
void recorder_round(struct recorder *r);
/* With the store's lock held. */
int recorder_reopen(struct recorder *r, struct tally_err *err);
void recorder_release(struct recorder *r);
int recorder_newest_note(struct tally_store *store, struct recorder_note *out,
			 struct tally_err *err);

/* recorder_journal.c: the journal that the seal sees. */
void recorder_journal_open(struct recorder *r);

/* recorder_evidence.c: the other side. */
void recorder_evidence_open(struct recorder *r); /* the store is open */
/* As asked: with the lock held, which it lets go of meanwhile. */
void recorder_evidence_round(struct recorder *r);

/* recorder_threads.c */
int recorder_threads_start(struct recorder *r, struct tally_err *err);
/* Waits until that uptime, or for a wake-up; a minute at the most. */
void recorder_wait(struct recorder *r, pthread_cond_t *on, int64_t at);
/* Ends both, after `stop` was set; a TPM that hangs is given up. */
void recorder_threads_stop(struct recorder *r);

#endif
