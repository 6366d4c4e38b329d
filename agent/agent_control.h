/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_CONTROL_H
#define AGENT_AGENT_CONTROL_H
/*
 * The control socket (docs/FORMAT.md section 14), in threads of its own: who
 * asks slowly, or asks for an attested checkpoint, delays no list.
 */
#include "agent.h"

struct agent_control;
int agent_control_start(struct agent_control **out, struct agent *a, const char *ledger,
			struct tally_err *err);
/* What `status` answers from here on. */
void agent_control_publish(struct agent_control *c, const struct agent_status *status);
void agent_control_stop(struct agent_control *c); /* NULL ok; before the agent is closed */

#endif
