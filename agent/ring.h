/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RING_H
#define AGENT_RING_H
/*
 * A bounded ring of observations between a hypervisor's callback thread and the
 * agent's loop. A callback that lingers makes libvirt drop events without a
 * mark, so put() only copies; what does not fit is counted, never silent.
 */
#include "tally/source.h"

struct ring;
struct ring *ring_new(size_t slots, struct tally_err *err); /* NULL on error */
void ring_free(struct ring *r);
/* Of the domain its UUID, id and name are kept. */
void ring_put(struct ring *r, const struct tally_observation *o);
/* 1 an observation, 0 empty. What was lost comes as one OVERFLOW behind the
 * last observation before the loss. */
int ring_get(struct ring *r, struct tally_observation *out);
/* 1 and the time of what get() would give, 0 empty. */
int ring_first(struct ring *r, struct tally_now *at);
int ring_fd(const struct ring *r); /* an eventfd, readable while something is queued */

#endif
