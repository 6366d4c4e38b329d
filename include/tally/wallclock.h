/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_WALLCLOCK_H
#define TALLY_WALLCLOCK_H
/*
 * Where the entries of a part stand in time (FORMAT.md section 10, "Steps of a
 * clock"). They are told in UTC, but in a live part what lies between two of one
 * boot is as long as CLOCK_BOOTTIME says: what the wall clock jumps over never was,
 * and what it goes through again comes behind what was.
 */
#include "tally/event.h"

struct tally_wallclock {
	bool begun;
	uint32_t boot;
	int64_t offset; /* of the wall clock to CLOCK_BOOTTIME, as it was measured last */
	int64_t ahead;  /* of the wall clock's time is what is told, 0 or more */
	int64_t at;     /* of the entry before, INT64_MIN at first */
};
void tally_wallclock_begin(struct tally_wallclock *t);
/* The next entry of a live part is told as of `own`: its instant, and how long before
 * that the clock jumped over. */
int64_t tally_wallclock_live(struct tally_wallclock *t, const struct tally_header *h, int64_t own,
			     int64_t *skipped);
/* And of another one, whose clock is nobody's matter. */
int64_t tally_wallclock_other(struct tally_wallclock *t, int64_t own);
/* An instant of the host's wall clock as it goes now. */
int64_t tally_wallclock_told(const struct tally_wallclock *t, int64_t wall);

#endif
