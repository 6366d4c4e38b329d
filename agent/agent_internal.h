/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H
/* What the files of the agent share. */
#include "agent.h"
#include "machine.h"
#include "resume.h"
#include "timestamps.h"
#include "witnesses.h"

struct agent {
	const struct config *config;
	struct tally_source *source;
	const struct tally_clock *clock;
	struct recorder *recorder;
	struct machine *machine;
	struct witnesses *witnesses;   /* NULL: none are asked */
	struct timestamps *timestamps; /* NULL: none are asked for */
	bool threads;
	uint8_t boot_id[16];
	bool connected, lost;
	bool tried;                   /* to connect */
	bool blind;                   /* unmanaged guests cannot be seen: told */
	bool overflowed;              /* events were lost since the last list began */
	const char *back;             /* why the gap that is open will end */
	struct tally_wall lost_since; /* where a gap is open */
	const char *lost_why;
	struct tally_now began;
	struct tally_now witnessed;   /* the last list that answered; 0 none */
	int64_t last_list, next_list; /* uptime; the next try where not connected */
	int64_t offset, suspended;    /* of the wall over uptime; of this boot (agent_clock.c) */
	int64_t facts_at;             /* uptime of the last look at them */
	struct tally_host_view facts; /* as last recorded */
	bool facts_recorded;
	uint64_t dropped; /* records, as far as they are known here */
	/* Seen; its gap told, and the ledger to be taken up behind it. */
	enum { OVERFLOW_NONE, OVERFLOW_SEEN, OVERFLOW_TOLD } overflow;
};

#define AGENT_SUSPENDED "host suspended"

/* agent.c: a gap begins, where none is open. */
void agent_lose(struct agent *a, const char *reason, const char *detail, uint64_t lost);
/* agent.c: a machine that knows what the ledger does. */
void agent_take_up(struct agent *a, const struct resume *r);
/* agent_overflow.c */
void agent_overflow_check(struct agent *a);
/* agent_clock.c */
void agent_clock_begin(struct agent *a, struct tally_now now);
void agent_clock_check(struct agent *a, struct tally_now now);
/* An instant that was read before the last step is told in the new time. */
void agent_clock_place(const struct agent *a, struct tally_now *at);
/* agent_records.c: the agent's own records. */
void agent_record(struct agent *a, struct tally_event *ev);
void agent_record_start(struct agent *a, const struct resume *r);
/* Where they are new, or have changed. */
void agent_record_facts(struct agent *a);

#endif
