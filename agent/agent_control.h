/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_CONTROL_H
#define AGENT_AGENT_CONTROL_H
/* The control socket's requests (docs/FORMAT.md section 14). */
#include "agent.h"

/* Takes one connection from the listening socket and answers its request. */
void agent_control_ready(struct agent *a, int listening);

#endif
