/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the host's wall clock was set, as its entries tell: within a boot their
 * wall clock goes on by what their uptime does, and what is more or less was set;
 * a boot that begins before the entry before it shows that this one was ahead.
 * What was said before it was set is held against others' times as it is corrected
 * then, for a host whose clock was wrong for an hour is no liar for ever.
 */
#include "verify_internal.h"

static void
told(struct corrected_by *by, int64_t ns, uint64_t index)
{
	if (ns <= CORRECTED_TOLERANCE * TALLY_SECOND)
		return;
	if (by->count++ == 0 || ns > by->most) {
		by->most = ns;
		by->index = index;
	}
}

/* What no clock of ours can say is the last instant. */
static int64_t
wall_of(const struct tally_header *h)
{
	return h->wall < (uint64_t)TALLY_WALL_MAX ? (int64_t)h->wall : TALLY_WALL_MAX;
}

bool
corrected_entry(struct corrected *c, uint64_t index, const struct tally_header *h)
{
	int64_t wall = wall_of(h), set = wall - c->wall;
	bool boot = c->any && h->boot != c->boot;
	uint64_t ran = h->uptime - c->uptime;

	/* What no host's clocks can say corrects nothing. */
	if (!c->any || (boot && set > 0) || (!boot && __builtin_sub_overflow(set, ran, &set)))
		set = 0;
	*c = (struct corrected){ .any = true,
				 .boot = h->boot,
				 .wall = wall,
				 .uptime = h->uptime,
				 .shift = c->shift + set,
				 .back = c->back,
				 .forth = c->forth };
	told(set < 0 ? &c->back : &c->forth, set < 0 ? -set : set, index);
	return boot;
}
