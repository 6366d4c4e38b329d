/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H
/*
 * The agent without a loop: source -> machine -> recorder, with connections,
 * lists, heartbeats and its own records. It knows the time from the clock that
 * it is given, waits for nothing, and does what is due when it is stepped; so
 * a simulation runs what production runs.
 */
#include "config.h"
#include "recorder.h"
#include "tally/net.h"
#include "tally/source.h"

struct agent;
struct agent_parts {
	struct tally_source *source;
	const struct tally_clock *clock;
	const struct tpm_starter *tpm; /* NULL: the real helper */
	bool threads;                  /* false: nothing runs but inside agent_step */
};

/* Opens the ledger, takes up what an earlier agent left in it, records the
 * start. No connection yet. `config` and the parts outlive it. */
int agent_open(struct agent **out, const struct config *config, const struct agent_parts *parts,
	       struct tally_err *err);
/* Does everything that is due at the clock's now. Gives the uptime at which it
 * wants to be called again at the latest; sooner where the source has something. */
struct tally_uptime agent_step(struct agent *a);
/* Orderly: a last list, agent-stop, checkpoint; -1: something stayed undone.
 * Else it lets go of everything as it is, as in a crash. NULL ok. */
int agent_close(struct agent *a, bool orderly, struct tally_err *err);

struct agent_status {
	bool connected, tried;        /* at least once */
	size_t running;               /* VMs */
	struct tally_wall witnessed;  /* the last list that answered; 0 none */
	bool lost;                    /* a gap is open, ... */
	struct tally_wall lost_since; /* ... from there ... */
	const char *lost_why;         /* ... for that reason (a literal) */
};
void agent_status(const struct agent *a, struct agent_status *out);
/* From any thread, where there are threads. */
struct tally_span agent_uptime(const struct agent *a); /* of this agent */
/* false: no timestamps are asked for. */
bool agent_timestamps(const struct agent *a, struct tally_timestamp_standing *out);
/* false: no witness is asked. */
bool agent_witnesses(const struct agent *a, struct tally_witness_standing *out);
void agent_recorder_status(const struct agent *a, struct recorder_status *out);
int agent_checkpoint(const struct agent *a, struct recorder_note *out, struct tally_err *err);
void agent_hurry(const struct agent *a); /* ends every agent_checkpoint, for good */

#endif
