/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TIMESTAMPS_H
#define AGENT_TIMESTAMPS_H
/*
 * Asking authorities for timestamps in a thread of its own, which holds nothing of
 * the ledger but a moment's lock. What is granted becomes a receipt.
 */
#include "config.h"
#include "recorder.h"
#include "tally/net.h"

struct timestamps;
/* Sets *out to NULL where the configuration names no authority. */
int timestamps_start(struct timestamps **out, struct recorder *r, const struct config *config,
		     const struct tally_clock *clock, struct tally_err *err);
void timestamps_stop(struct timestamps *t); /* whoever is asked is given up; NULL ok */
void timestamps_standing(struct timestamps *t, struct tally_timestamp_standing *out);
/* For `tallyd -n`: the URLs and the file of roots. */
int timestamps_check(const struct config *config, struct tally_err *err);

#endif
