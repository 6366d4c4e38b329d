/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H
/*
 * The agent's loop: source -> machine -> recorder, with heartbeats, reconnection
 * and the control socket. Built on struct tally_source, so that tests run it
 * over a simulated hypervisor.
 */
#include "config.h"
#include "tally/source.h"

struct tally_err;

/* SIGTERM and SIGINT must be blocked before the first thread is made (libvirt's
 * is one): a thread that does not block them would take them, and die of them. */
void agent_block_signals(void);
/* Runs until SIGTERM or SIGINT. 0 after an orderly stop. */
int agent_run(const struct config *config, struct tally_source *source,
	      const struct tally_clock *clock, struct tally_err *err);

#endif
