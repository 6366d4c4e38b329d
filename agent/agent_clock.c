/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the wall clock, and times in which the host was suspended. Uptime
 * (CLOCK_BOOTTIME) goes on through both; only a step changes what lies between
 * it and the wall, for a slewed clock slews both.
 */
#include "agent_internal.h"

#include <stdio.h>

#include "tally/err.h"
#include "tally/log.h"

#define LIMIT TALLY_SECOND

static int64_t
offset_of(struct tally_now now)
{
	return now.wall.ns - now.uptime.ns;
}

void
agent_clock_begin(struct agent *a, struct tally_now now)
{
	a->offset = offset_of(now);
	a->suspended = tally_clock_suspended(a->clock);
}

/* A list at once: all that was known lies behind. */
static void
list_now(struct agent *a, struct tally_now now)
{
	if (a->connected)
		a->next_list = now.uptime.ns;
}

static void
check_suspended(struct agent *a, struct tally_now now)
{
	int64_t suspended = tally_clock_suspended(a->clock), ns = suspended - a->suspended;
	char text[64], span[TALLY_TIME_TEXT];
	a->suspended = suspended;
	if (ns <= LIMIT)
		return;
	tally_span_text(span, (struct tally_span){ ns });
	(void)snprintf(text, sizeof(text), "for %s s", span);
	agent_lose(a, AGENT_SUSPENDED, text, 0);
	list_now(a, now);
}

/* Small steps add up until they are one that counts. */
static void
check_step(struct agent *a, struct tally_now now)
{
	struct tally_event ev = { .kind = TALLY_CLOCK_STEP };
	int64_t step = offset_of(now) - a->offset;
	char text[TALLY_TIME_TEXT];
	if (step <= LIMIT && step >= -LIMIT)
		return;
	/* Not a reading that was torn by a busy machine? */
	now = tally_clock_now(a->clock);
	step = offset_of(now) - a->offset;
	if (step <= LIMIT && step >= -LIMIT)
		return;
	a->offset = offset_of(now);
	tally_span_text(text, (struct tally_span){ step });
	tally_log(TALLY_LOG_WARNING, "the clock was set by %s s", text);
	machine_step(a->machine, now, (struct tally_span){ step });
	a->witnessed.wall.ns += step;
	ev.m.has_step = true;
	ev.m.step = step;
	agent_record(a, &ev);
	list_now(a, now);
}

void
agent_clock_place(const struct agent *a, struct tally_now *at)
{
	int64_t off = offset_of(*at) - a->offset;
	if (off > LIMIT || off < -LIMIT)
		at->wall.ns = at->uptime.ns + a->offset;
}

/* Before anything else of a step: the events behind it are told in the new time. */
void
agent_clock_check(struct agent *a, struct tally_now now)
{
	check_step(a, now);
	check_suspended(a, now);
}
