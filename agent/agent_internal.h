/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H
/* What the files of the agent share. */
#include "agent.h"
#include "machine.h"
#include "resume.h"

struct agent {
	const struct config *config;
	struct tally_source *source;
	const struct tally_clock *clock;
	struct recorder *recorder;
	struct machine *machine;
	bool threads;
	uint8_t boot_id[16];
	bool connected, lost;
	struct tally_now began;
	int64_t last_list, next_list; /* uptime; the next try where not connected */
	struct tally_host_view facts; /* as last recorded */
	bool facts_recorded;
};

/* agent_records.c: the agent's own records. */
void agent_record(struct agent *a, struct tally_event *ev);
void agent_record_start(struct agent *a, const struct resume *r);
void agent_record_facts(struct agent *a);

#endif
