/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H
/*
 * What really happened. A life is one run as metering defines it: from the
 * first instruction on a host to the last. A change is an instant at which the
 * truth about a VM changes; until the host's agent could have known of it (an
 * event that was delivered, or two lists that were), what the ledger says of
 * that VM may differ, and not a moment longer. All instants are on the host's
 * own wall clock, made monotone as the timeline does it: ahead of it by what it was
 * set back, as soon as the agent could know.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spans.h"

struct host;
struct sim_vm;

struct life {
	struct life *next;
	struct host *host;
	struct sim_vm *vm;
	int64_t id;
	uint32_t pid;
	uint64_t ticks;
	int64_t begin, end; /* wall */
	bool over;
	bool running, resident; /* now; resident: running or paused */
	int64_t since;
	struct spans residence, running_time;
	/* The agent was told of the process's end and lived to write it down. */
	bool exit_told;
	const char *why;
};

struct change {
	struct change *next, *next_open;
	struct change *also; /* what tells of this one tells of that one too */
	struct sim_vm *vm;
	int64_t at, known; /* wall; known while open: not yet */
	int64_t now;       /* of the world */
	bool open;
	unsigned lists; /* that showed it */
	const char *what;
};

struct truth {
	struct life *lives;
};
struct truth_host {
	struct change *changes, *open; /* open: also some that are not any more */
	int64_t high;                  /* of truth_now so far */
	int64_t ahead, unseen; /* of the wall clock; steps that no agent has taken for one */
	bool booted;           /* and no agent has looked since */
	/* Over which nobody could know: an agent that died took with it what it
	 * had not written down yet. Begins at the last instant when all was. */
	struct spans outages;
	bool outage_open;
	int64_t outage_from;
	unsigned outage_lists;
	/* When the agent was connected and its lists came. */
	struct spans watched;
	bool watching;
	int64_t watch_from, watch_last;
	struct spans steps;     /* what the wall clock jumped over */
	struct spans disturbed; /* something was wrong here: gaps have a cause */
};

/* On the host's wall clock, never going back. */
int64_t truth_now(struct host *h);
struct life *truth_begin(struct host *h, struct sim_vm *vm, int64_t id, uint32_t pid,
			 uint64_t ticks, bool running);
void truth_state(struct life *l, bool resident, bool running);
void truth_end(struct life *l, const char *why);
struct change *truth_change(struct host *h, struct sim_vm *vm, const char *what);
/* The wall clock was set. What was observed just before it, and waited for a second
 * word, is told in the new time. */
void truth_step(struct host *h, int64_t was, int64_t is);
/* An agent starts, whose ledger tells of this instant last; the host boots. */
void truth_looks(struct host *h, int64_t newest);
void truth_boots(struct host *h);
/* The report may end a run that moved where the target's clock says it began. */
void truth_skew(struct host *h, struct sim_vm *vm, int64_t end, int64_t other);
/* NULL ok. `late`: the world held it back; what is known already may be taken for
 * news then. */
void truth_told(struct host *h, struct change *c, bool late);
/* A list reached a living agent. `wrong`: the VMs, a bit each, of which it did not
 * tell the truth. */
void truth_listed(struct host *h, unsigned wrong);
void truth_unwatched(struct host *h); /* no lists from here on */
void truth_outage(struct host *h, int64_t from);
void truth_disturbed(struct host *h, int64_t from, int64_t to);
void truth_close(struct host *h); /* the end of the history */
void truth_free(struct truth *t, struct host *hosts, size_t n);

#endif
