/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines by CLOCK_MONOTONIC. */
#include "tally/wait.h"

void
tally_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec
tally_deadline(struct tally_span in)
{
	int64_t ns = in.ns > 0 ? in.ns : 0;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ns / TALLY_SECOND);
	t.tv_nsec += (long)(ns % TALLY_SECOND);
	if (t.tv_nsec >= TALLY_SECOND) {
		t.tv_nsec -= TALLY_SECOND;
		t.tv_sec++;
	}
	return t;
}
