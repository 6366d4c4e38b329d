/* SPDX-License-Identifier: Apache-2.0 */
/* The estate of the demo: its seed decides it; its polls are right where they can be
 * worked out by hand; a step that fails is told as it told itself. */
#include <stdlib.h>
#include <string.h>
#include "testlib.h"
#include "tally/bytes.h"
#include "tally/err.h"
#include "demo.h"

static void
write_all(unsigned hosts, uint64_t seed, struct tally_buf *out)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct demo_estate e;

	assert_int_equal(demo_estate_make(&e, hosts, seed, &err), 0);
	for (size_t i = 0; i < e.count; i++)
		demo_event_line(&e, &e.events[i], out);
	demo_roster(&e, out);
	demo_cmdb(&e, out);
	demo_estate_deinit(&e);
}

static void
a_seed_gives_the_same_estate_and_another_one_another(void **state)
{
	struct tally_buf one = TALLY_BUF_INIT, again = TALLY_BUF_INIT, other = TALLY_BUF_INIT;

	(void)state;
	write_all(40, 1, &one);
	write_all(40, 1, &again);
	write_all(40, 2, &other);
	assert_true(tally_bytes_eq(tally_buf_view(&one), tally_buf_view(&again)));
	assert_false(tally_bytes_eq(tally_buf_view(&one), tally_buf_view(&other)));
	tally_buf_deinit(&one);
	tally_buf_deinit(&again);
	tally_buf_deinit(&other);
}

static void
no_host_goes_back_in_time_and_each_seed_has_the_story(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct demo_estate e;
		unsigned gaps = 0, claims = 0, restored = 0;

		assert_int_equal(demo_estate_make(&e, 40 + 20 * (unsigned)(seed % 3), seed, &err),
				 0);
		for (size_t i = 0; i < e.count; i++) {
			const struct demo_event *ev = &e.events[i];

			assert_true(i == 0 || e.events[i - 1].at <= ev->at);
			assert_true(ev->at >= 0 && ev->at <= DEMO_END && ev->host < e.hosts);
			gaps += ev->kind == DEMO_GAP;
			claims += ev->kind == DEMO_OS;
			restored += ev->kind == DEMO_START && ev->vm == e.story.clone && ev->word;
		}
		assert_int_equal(gaps, 1);
		assert_int_equal(claims, 2);
		assert_int_equal(restored, 2);
		demo_estate_deinit(&e);
	}
}

static void
sizes_without_a_story_are_refused(void **state)
{
	static const unsigned sizes[] = { 0, 20, 41, 1020 };
	struct tally_err err = TALLY_ERR_INIT;
	struct demo_estate e;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		assert_int_equal(demo_estate_make(&e, sizes[i], 1, &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		demo_estate_deinit(&e);
	}
}

/* Two Windows machines on a host with 2 x 16 cores, all by hand. */
struct small {
	struct demo_vm vms[2];
	struct demo_event events[8];
	struct demo_estate e;
};

static void
small_init(struct small *s)
{
	const int64_t late = DEMO_END - DEMO_DAY;

	*s = (struct small){
		.events = {
			{ .at = late, .kind = DEMO_START, .vm = 0 },
			/* 00:07 to 00:53, and 00:58 to 01:04. */
			{ .at = late + 7 * DEMO_MINUTE, .kind = DEMO_START, .vm = 1 },
			{ .at = late + 53 * DEMO_MINUTE, .kind = DEMO_STOP, .vm = 1, .from = -1 },
			{ .at = late + 58 * DEMO_MINUTE, .kind = DEMO_START, .vm = 1 },
			{ .at = late + 64 * DEMO_MINUTE, .kind = DEMO_STOP, .vm = 1, .from = -1 },
			/* Gone at some time behind 02:00; seen to be so at 03:30. */
			{ .at = late + 210 * DEMO_MINUTE,
			  .kind = DEMO_STOP,
			  .vm = 0,
			  .from = late + 120 * DEMO_MINUTE },
		},
		.e = { .hosts = 1, .per_cluster = 1, .vm_count = 2, .count = 6 },
	};
	for (unsigned i = 0; i < 2; i++)
		s->vms[i].os = "http://microsoft.com/win/2k22";
	s->e.vms = s->vms;
	s->e.events = s->events;
}

static void
polls_are_those_that_were_worked_out_by_hand(void **state)
{
	struct demo_polls p;
	struct small s;

	(void)state;
	small_init(&s);
	demo_polls_count(&s.e, 1, &p);
	assert_int_equal(p.run, (120 + 46 + 6) * DEMO_MINUTE);
	assert_int_equal(p.booked, p.run);
	assert_int_equal(p.peak, 2);
	assert_int_equal(p.cores, 32);
	/* At 00:00, 00:30 and so on: one of the second machine's stays is seen at 00:30, the
	 * other at 01:00; 00:30 to 01:00 and 01:00 to 01:30 are booked for them. */
	demo_polls_count(&s.e, 30 * DEMO_MINUTE, &p);
	assert_int_equal(p.polls, 120 * 48);
	assert_int_equal(p.stays, 3);
	assert_int_equal(p.stays_unseen, 0);
	assert_int_equal(p.booked, (120 + 30 + 30) * DEMO_MINUTE);
	assert_int_equal(p.missed, 23 * DEMO_MINUTE);
	assert_int_equal(p.over, (30 - 23 - 2 + 30 - 4) * DEMO_MINUTE);
	assert_int_equal(p.run - p.missed + p.over, p.booked);
	/* Each hour: the first of them is not seen at all. */
	demo_polls_count(&s.e, DEMO_HOUR, &p);
	assert_int_equal(p.stays_unseen, 1);
	assert_int_equal(p.machines_unseen, 0);
	assert_int_equal(p.booked, (120 + 60) * DEMO_MINUTE);
	assert_int_equal(p.over, 56 * DEMO_MINUTE);
	assert_int_equal(p.peak, 2);
	/* Each day: only the first machine, a whole day of it. */
	demo_polls_count(&s.e, DEMO_DAY, &p);
	assert_int_equal(p.machines_unseen, 1);
	assert_int_equal(p.booked, DEMO_DAY);
	assert_int_equal(p.over, DEMO_DAY - 2 * DEMO_HOUR);
	assert_int_equal(p.peak, 1);
	assert_int_equal(p.windows, 1);
	assert_int_equal(p.hosts_low, 1);
}

static void
a_claim_ends_a_windows_guest_and_makes_it_one_again(void **state)
{
	struct demo_polls p;
	struct small s;

	(void)state;
	small_init(&s);
	/* The first machine calls itself something else while the second one stands there. */
	s.events[2] = s.events[1];
	s.events[1] = (struct demo_event){ .at = s.events[0].at + DEMO_MINUTE,
					   .kind = DEMO_OS,
					   .os = "http://ubuntu.com/ubuntu/22.04" };
	s.events[3] = (struct demo_event){ .at = s.events[2].at + DEMO_MINUTE,
					   .kind = DEMO_OS,
					   .os = s.vms[0].os };
	s.e.count = 3;
	demo_polls_count(&s.e, 1, &p);
	assert_int_equal(p.windows, 1);
	assert_int_equal(p.peak, 2);
	s.e.count = 4;
	demo_polls_count(&s.e, 1, &p);
	assert_int_equal(p.windows, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_estate_and_another_one_another),
		cmocka_unit_test(no_host_goes_back_in_time_and_each_seed_has_the_story),
		cmocka_unit_test(sizes_without_a_story_are_refused),
		cmocka_unit_test(polls_are_those_that_were_worked_out_by_hand),
		cmocka_unit_test(a_claim_ends_a_windows_guest_and_makes_it_one_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
