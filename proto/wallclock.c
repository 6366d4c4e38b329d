/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offset of a clock is measured where its agent looks at it: at the first entry
 * of a boot, at a step that it records, and at its start, before which nobody looked.
 * What it told before a step was recorded, it told in the old time.
 */
#include "tally/wallclock.h"
#include "tally/err.h"

#define LIMIT TALLY_SECOND /* less is no step: both clocks are not read at once */

void
tally_wallclock_begin(struct tally_wallclock *t)
{
	*t = (struct tally_wallclock){ .at = INT64_MIN };
}

static int64_t
field(uint64_t ns)
{
	return ns < (uint64_t)TALLY_WALL_MAX ? (int64_t)ns : TALLY_WALL_MAX;
}

int64_t
tally_wallclock_told(const struct tally_wallclock *t, int64_t wall)
{
	return wall < TALLY_WALL_MAX - t->ahead ? wall + t->ahead : TALLY_WALL_MAX;
}

/* It was moved back: the time goes on. */
static void
run_ahead(struct tally_wallclock *t, int64_t by)
{
	t->ahead = by < TALLY_WALL_MAX - t->ahead ? t->ahead + by : TALLY_WALL_MAX;
}

/* A new boot: where the host was off for long enough, its clock has caught up. */
static void
boot(struct tally_wallclock *t, int64_t own)
{
	if (t->at <= own)
		t->ahead = 0;
	else if (t->at - own > t->ahead + LIMIT)
		t->ahead = t->at - own;
}

/* How long the clock has jumped over, 0 or more. */
static int64_t
measure(struct tally_wallclock *t, const struct tally_header *h, int64_t own)
{
	int64_t offset = field(h->wall) - field(h->uptime), step, left;

	if (__builtin_sub_overflow(offset, t->offset, &step)) /* no clock of this world */
		step = offset > 0 ? TALLY_WALL_MAX : -TALLY_WALL_MAX;
	if (!t->begun || h->boot != t->boot) {
		if (t->begun)
			boot(t, own);
		t->begun = true;
		t->boot = h->boot;
		t->offset = offset;
		return 0;
	}
	if ((h->kind != TALLY_CLOCK_STEP && h->kind != TALLY_AGENT_START) ||
	    (step <= LIMIT && step >= -LIMIT))
		return 0;
	t->offset = offset;
	if (step < 0) {
		run_ahead(t, -step);
		return 0;
	}
	left = step > t->ahead ? step - t->ahead : 0;
	t->ahead -= step - left;
	return left;
}

int64_t
tally_wallclock_other(struct tally_wallclock *t, int64_t own)
{
	if (own > t->at)
		t->at = own;
	return t->at;
}

int64_t
tally_wallclock_live(struct tally_wallclock *t, const struct tally_header *h, int64_t own,
		     int64_t *skipped)
{
	int64_t before = t->at, most;

	*skipped = measure(t, h, own);
	(void)tally_wallclock_other(t, tally_wallclock_told(t, own));
	most = before == INT64_MIN ? 0 : t->at - before;
	if (*skipped > most)
		*skipped = most;
	return t->at;
}
