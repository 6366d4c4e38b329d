/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in the estate that an auditor would want to know. On the hosts of the
 * story nothing else happens, so that each part stands by itself.
 */
#include "demo.h"

/* Days of 2026, from 0. */
#define FEBRUARY(day) ((31 + (day)-1) * DEMO_DAY)
#define MARCH(day)    ((59 + (day)-1) * DEMO_DAY)
#define APRIL(day)    ((90 + (day)-1) * DEMO_DAY)

void
demo_story_cast(struct demo_estate *e)
{
	struct demo_story *s = &e->story;
	uint16_t part = (uint16_t)(e->hosts / 10); /* the first hosts of every other cluster */

	s->patched = part;
	s->emptied = (uint16_t)(part + 1);
	s->clone_host = (uint16_t)(2 * part);
	s->second_host = (uint16_t)(s->clone_host + 1);
	s->clone = (uint16_t)(s->clone_host * DEMO_PER_HOST + 2);
	s->forged_host = (uint16_t)(3 * part);
	s->forged = (uint16_t)(s->forged_host * DEMO_PER_HOST + 1);
	s->datacenter = (uint16_t)(s->forged + 1);
	e->vms[s->datacenter].edition = "datacenter";
	s->left_host = (uint16_t)(5 * part);
	s->leaver = (uint16_t)(s->left_host * DEMO_PER_HOST + 1);
	s->unmetered = (uint16_t)(6 * part);
	s->vanished = (uint16_t)(s->unmetered * DEMO_PER_HOST + 3);
}

bool
demo_story_owns(const struct demo_estate *e, uint16_t host)
{
	const struct demo_story *s = &e->story;

	return host == s->patched || host == s->emptied || host == s->clone_host ||
	       host == s->second_host || host == s->forged_host || host == s->left_host ||
	       host == s->unmetered;
}

static void
move(struct demo_estate *e, int64_t at, uint16_t vm, uint16_t from, uint16_t to)
{
	demo_estate_add(e, at, DEMO_OUT, from, vm)->peer = to;
	demo_estate_add(e, at + 180, DEMO_IN, to, vm)->peer = from;
}

/* The second Tuesday of April. A host is emptied onto its neighbour, patched, booted,
 * and has its guests again 22 minutes later. */
static void
patch_night(struct demo_estate *e)
{
	const struct demo_story *s = &e->story;
	const int64_t away = APRIL(14) + 22 * DEMO_HOUR + 4 * DEMO_MINUTE,
		      back = away + 22 * DEMO_MINUTE;

	for (unsigned i = 0; i < DEMO_PER_HOST; i++) {
		uint16_t vm = (uint16_t)(s->emptied * DEMO_PER_HOST + i);

		move(e, away + i * 10000, vm, s->emptied, s->patched);
		move(e, back + i * 10000, vm, s->patched, s->emptied);
	}
	demo_estate_add(e, away + 8 * DEMO_MINUTE, DEMO_HOST, s->emptied, DEMO_NOBODY)->word = "2";
}

static void
leave_and_return(struct demo_estate *e)
{
	const struct demo_story *s = &e->story;

	demo_estate_add(e, FEBRUARY(17) + 9 * DEMO_HOUR + 12 * DEMO_MINUTE, DEMO_OUT, s->left_host,
			s->leaver);
	demo_estate_add(e, FEBRUARY(24) + 8 * DEMO_HOUR + 40 * DEMO_MINUTE, DEMO_IN, s->left_host,
			s->leaver);
}

/* One saved state, restored twice. */
static void
run_twice(struct demo_estate *e)
{
	const struct demo_story *s = &e->story;
	const int64_t night = MARCH(24) + DEMO_HOUR + 10 * DEMO_MINUTE;

	demo_estate_add(e, night, DEMO_STOP, s->clone_host, s->clone)->word = "saved";
	demo_estate_add(e, night + 12 * DEMO_MINUTE, DEMO_START, s->clone_host, s->clone)->word =
		"restore";
	demo_estate_add(e, night + 21 * DEMO_MINUTE, DEMO_START, s->second_host, s->clone)->word =
		"restore";
	demo_estate_add(e, night + 13 * DEMO_HOUR, DEMO_STOP, s->second_host, s->clone)->word =
		"destroyed";
}

/* A day and a quarter; one of the machines is gone when the meter is back. */
static void
lose_the_meter(struct demo_estate *e)
{
	const struct demo_story *s = &e->story;
	const int64_t from = MARCH(10) + 6 * DEMO_HOUR, to = MARCH(11) + 12 * DEMO_HOUR;
	struct demo_event *gap = demo_estate_add(e, to, DEMO_GAP, s->unmetered, DEMO_NOBODY), *stop;

	gap->word = "agent down";
	gap->from = from;
	gap->to = to;
	stop = demo_estate_add(e, to + 5000, DEMO_STOP, s->unmetered, s->vanished);
	stop->word = "vanished";
	stop->from = from;
	demo_estate_add(e, to + 20 * DEMO_MINUTE, DEMO_START, s->unmetered, s->vanished)->word =
		"boot";
}

/* The agent inside a Windows guest says that it is something free; seven weeks later
 * somebody looks at its disk. */
static void
forge_a_claim(struct demo_estate *e)
{
	const struct demo_story *s = &e->story;
	struct demo_event *claim =
		demo_estate_add(e, MARCH(2) + 8 * DEMO_HOUR, DEMO_OS, s->forged_host, s->forged);

	claim->os = "http://ubuntu.com/ubuntu/22.04";
	claim->word = "agent";
	claim = demo_estate_add(e, APRIL(20) + 15 * DEMO_HOUR, DEMO_OS, s->forged_host, s->forged);
	claim->os = e->vms[s->forged].os;
	claim->word = "disk";
}

void
demo_story_play(struct demo_estate *e)
{
	patch_night(e);
	leave_and_return(e);
	run_twice(e);
	lose_the_meter(e);
	forge_a_claim(e);
}
