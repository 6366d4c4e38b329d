/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H
/* The agent as a daemon: signals, timers, the source's descriptor, the control socket. */
#include "agent.h"

/* SIGTERM and SIGINT must be blocked before the first thread is made (libvirt's
 * is one): a thread that does not block them would take them, and die of them. */
void loop_block_signals(void);
/* Runs until SIGTERM or SIGINT. 0 after an orderly stop. */
int loop_run(const struct config *config, const struct agent_parts *parts, struct tally_err *err);

#endif
