/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_OPERATOR_H
#define AGENT_AGENT_OPERATOR_H
/*
 * What an operator has recorded through the agent, which holds the ledger: claims
 * about VMs with the span in which they hold, and what says where they come from.
 * Nothing else: what the host saw, only the agent says.
 */
#include "agent.h"

struct tally_json;
/* A request {"op":"append","entries":[{"groups":[BASE64,BASE64,BASE64],"kind":N},...]}
 * (docs/FORMAT.md section 14). All of it is looked at before any of it is queued.
 * 0 when `*records` entries are committed; -1: TALLY_USE, none of them is; any
 * other: some may be. */
int agent_operator_append(struct agent *a, const struct tally_json *request, size_t *records,
			  struct tally_err *err);

#endif
