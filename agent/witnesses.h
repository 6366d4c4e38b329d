/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_WITNESSES_H
#define AGENT_WITNESSES_H
/*
 * Asking witnesses in a thread of its own: of the ledger it holds nothing but a
 * moment's lock. At the start notes wait for their first word, ten seconds at
 * the most; records never wait.
 */
#include "config.h"
#include "recorder.h"
#include "tally/net.h"

struct witnesses;
/* Sets *out to NULL where the configuration names no policy, or the ledger is closed. Before
 * recorder_start. */
int witnesses_start(struct witnesses **out, struct recorder *r, const struct config *config,
		    const struct tally_clock *clock, struct tally_err *err);
/* `last`: the newest note is offered once more first; a witness that hangs is given up after
 * ten seconds. NULL ok. */
void witnesses_stop(struct witnesses *w, bool last);
void witnesses_standing(struct witnesses *w, struct tally_witness_standing *out);
/* For `tallyd -n`: reads the policy. */
int witnesses_check(const struct config *config, struct tally_err *err);

#endif
