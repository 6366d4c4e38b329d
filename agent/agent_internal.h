/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H
/* What the files of the loop share. */
#include <systemd/sd-event.h>

#include "agent.h"
#include "machine.h"
#include "recorder.h"
#include "resume.h"

struct agent {
	const struct config *config;
	struct tally_source *source;
	const struct tally_clock *clock;
	struct recorder *recorder;
	struct machine *machine;
	sd_event *loop;
	sd_event_source *timer;
	uint8_t boot_id[16];
	bool connected, lost, relist;
	struct tally_now began, next_list;
	struct tally_host_view facts; /* as last recorded */
	bool facts_recorded;
};

/* agent_records.c: the agent's own records. */
void agent_record(struct agent *a, struct tally_event *ev);
void agent_record_start(struct agent *a, bool same_boot);
void agent_record_facts(struct agent *a);
/* agent_control.c */
int agent_control_open(struct agent *a, int *fd, struct tally_err *err);
int agent_control_ready(sd_event_source *s, int fd, uint32_t revents, void *ctx);

#endif
