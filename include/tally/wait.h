/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_WAIT_H
#define TALLY_WAIT_H
/* Waiting for a time at most, by CLOCK_MONOTONIC: no step of the wall clock ends it, none
 * prolongs it. */
#include <pthread.h>
#include <time.h>
#include "tally/time.h"

/* A condition whose pthread_cond_timedwait takes deadlines as below. */
void tally_cond_init(pthread_cond_t *cond);
struct timespec tally_deadline(struct tally_span in);
/* CLOCK_MONOTONIC, in ns and in ms: for how long something takes. */
int64_t tally_ticks(void);
int64_t tally_ticks_ms(void);

#endif
