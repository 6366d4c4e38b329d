/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines and durations by CLOCK_MONOTONIC. */
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

int64_t
tally_ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * TALLY_SECOND + t.tv_nsec;
}

int64_t
tally_ticks_ms(void)
{
	return tally_ticks() / (TALLY_SECOND / 1000);
}
