/* SPDX-License-Identifier: Apache-2.0 */
/* Estates made by hand: the order of the walk, half-open ends, facts, windows. */
#include <stdlib.h>
#include <string.h>
#include "../../../reports/estate.h"
#include "testlib.h"

static struct strings strings;
static struct estate estate;
static struct tally_buf seen;

static void
begin(int64_t from, int64_t to)
{
	static const uint8_t uuids[3][TALLY_UUID] = { { 1 }, { 2 }, { 3 } };
	struct stay_size size = { .vcpus = 2 };

	strings_init(&strings);
	estate_init(&estate, &strings, from, to);
	for (uint32_t i = 0; i < 3; i++) {
		struct stay_claims c = { .os = i + 1 };

		assert_int_equal(estate_vm(&estate, uuids[i]), i);
		assert_int_equal(estate_host(&estate, i, i), i);
		assert_int_equal(estate_claims(&estate, &c), i);
	}
	assert_int_equal(estate_size(&estate, &size), 0);
}

static void
end(void)
{
	estate_deinit(&estate);
	strings_deinit(&strings);
	tally_buf_deinit(&seen);
}

static void
add(uint32_t vm, uint32_t host, int64_t from, int64_t to)
{
	struct stay s = { .from = from, .to = to, .vm = vm, .host = host, .claims = vm };

	estate_stay(&estate, &s);
}

/* What one listener is told: the events of an instant, and how long that holds. */
struct listener {
	struct tally_buf seen, now;
	int64_t since;
	bool holds, some; /* some: it wants nothing of the second VM */
};

static bool
on_event(struct listener *l, uint32_t stay, char sign)
{
	const struct stay *s = &estate.stays[stay];

	if (l->some && s->vm == 1)
		return false;
	tally_buf_addf(&l->now, "%c%u@%u ", sign, s->vm, s->host);
	return true;
}

static bool
on_begin(void *ctx, uint32_t stay)
{
	return on_event(ctx, stay, '+');
}

static bool
on_end(void *ctx, uint32_t stay)
{
	return on_event(ctx, stay, '-');
}

static void
on_facts(void *ctx, const struct host_facts *f)
{
	struct listener *l = ctx;

	tally_buf_addf(&l->now, "f%u:%u ", f->host, f->known ? f->sockets : 0);
}

static void
hold(struct listener *l, int64_t at)
{
	if (l->holds) {
		assert_true(l->since < at);
		tally_buf_addf(&l->seen, "[%d,%d) ", (int)l->since, (int)at);
	}
	l->since = at;
}

static void
on_enter(void *ctx, int64_t at)
{
	struct listener *l = ctx;

	assert_false(l->holds);
	l->since = at;
}

static void
on_settled(void *ctx, int64_t at)
{
	struct listener *l = ctx;

	hold(l, at);
	tally_buf_add_bytes(&l->seen, tally_buf_view(&l->now));
	tally_buf_clear(&l->now);
	l->holds = true;
}

static void
on_leave(void *ctx, int64_t at)
{
	struct listener *l = ctx;

	assert_int_equal(l->now.len, 0);
	hold(l, at);
	l->holds = false;
}

static struct estate_walker
walker(struct listener *l, unsigned lane, int64_t from, int64_t to, bool facts)
{
	return (struct estate_walker){ .ctx = l,
				       .from = from,
				       .to = to,
				       .lane = lane,
				       .enter = on_enter,
				       .leave = on_leave,
				       .begin = on_begin,
				       .end = on_end,
				       .facts = facts ? on_facts : NULL,
				       .settled = on_settled };
}

static void
listener_deinit(struct listener *l)
{
	tally_buf_deinit(&l->now);
	tally_buf_deinit(&l->seen);
}

static const char *
walk(int64_t from, int64_t to, bool facts, bool some)
{
	struct listener l = { .some = some };
	struct estate_walker w = walker(&l, 5, from, to, facts);

	estate_walk(&estate, &w, 1);
	assert_false(l.holds);
	tally_buf_clear(&seen);
	tally_buf_add_bytes(&seen, tally_buf_view(&l.seen));
	listener_deinit(&l);
	return tally_buf_cstr(&seen);
}

static void
ends_come_before_begins_at_one_instant(void **state)
{
	(void)state;
	begin(0, 30);
	add(0, 0, 0, 10);
	add(1, 1, 10, 20);
	estate_finish(&estate);
	assert_string_equal(walk(0, 30, false, false),
			    "+0@0 [0,10) -0@0 +1@1 [10,20) -1@1 [20,30) ");
	end();
}

static void
stays_in_any_order_are_told_in_the_order_of_time(void **state)
{
	(void)state;
	begin(0, 30);
	add(2, 0, 20, 25);
	add(0, 0, 5, 22);
	add(1, 1, 0, 21);
	add(0, 1, 7, 7);
	estate_finish(&estate);
	assert_int_equal(estate.n_stays, 3);
	assert_string_equal(walk(0, 30, false, false),
			    "+1@1 [0,5) +0@0 [5,20) +2@0 [20,21) -1@1 [21,22) -0@0 [22,25) -2@0 "
			    "[25,30) ");
	end();
}

static void
both_ways_to_add_a_stay_come_to_the_same(void **state)
{
	struct stay s = { .from = 0, .vm = 1, .host = 1, .claims = 1 };
	uint32_t first, second;

	(void)state;
	begin(0, 30);
	first = estate_begin(&estate, &s);
	s = (struct stay){ .from = 5 };
	second = estate_begin(&estate, &s);
	estate_end(&estate, first, 21);
	estate_end(&estate, second, 22);
	s = (struct stay){ .from = 20, .to = 25, .vm = 2, .claims = 2 };
	estate_stay(&estate, &s);
	estate_finish(&estate);
	assert_string_equal(walk(0, 30, false, false),
			    "+1@1 [0,5) +0@0 [5,20) +2@0 [20,21) -1@1 [21,22) -0@0 [22,25) -2@0 "
			    "[25,30) ");
	end();
}

static void
a_walk_tells_only_what_touches_its_own_span(void **state)
{
	(void)state;
	begin(0, 100);
	add(0, 0, 0, 10);
	add(1, 1, 5, 50);
	add(2, 2, 20, 100);
	estate_finish(&estate);
	assert_string_equal(walk(10, 30, false, false), "+1@1 [10,20) +2@2 [20,30) ");
	assert_string_equal(walk(50, 60, false, false), "+2@2 [50,60) ");
	assert_string_equal(walk(0, 10, false, true), "+0@0 [0,10) ");
	assert_string_equal(walk(10, 10, false, true), "");
	end();
}

static void
spans_of_one_lane_follow_one_another_beside_those_of_another(void **state)
{
	struct listener a = { 0 }, b = { 0 }, c = { 0 };
	static const uint8_t third[] = { 0, 0, 1 };
	struct estate_walker w[5];

	(void)state;
	begin(0, 100);
	add(0, 0, 0, 30);
	add(1, 1, 5, 50);
	add(2, 2, 20, 100);
	estate_finish(&estate);
	w[0] = walker(&a, 0, 30, 60, false); /* in any order */
	w[1] = walker(&a, 0, 10, 30, false);
	w[2] = walker(&b, 1, 25, 40, false);
	w[3] = walker(&c, 63, 70, 90, false);
	w[4] = walker(&c, 63, 0, 22, false);
	w[3].claims = w[4].claims = third;
	estate_walk(&estate, w, 5);
	assert_string_equal(tally_buf_cstr(&a.seen),
			    "+0@0 +1@1 [10,20) +2@2 [20,30) +1@1 +2@2 [30,50) -1@1 [50,60) ");
	assert_string_equal(tally_buf_cstr(&b.seen), "+0@0 +1@1 +2@2 [25,30) -0@0 [30,40) ");
	assert_string_equal(tally_buf_cstr(&c.seen), "[0,20) +2@2 [20,22) +2@2 [70,90) ");
	listener_deinit(&a);
	listener_deinit(&b);
	listener_deinit(&c);
	end();
}

/* More than waits for one listener, and more than is kept of what stands. */
static void
a_walk_over_many_stays_tells_each_once(void **state)
{
	struct listener all = { 0 }, late = { 0 };
	struct tally_buf ought = TALLY_BUF_INIT;
	struct estate_walker w[2];

	(void)state;
	begin(0, 40000);
	add(2, 2, 1, 39999);
	for (int i = 1; i < 13000; i++)
		add((uint32_t)i % 2, 0, 3 * i, 3 * i + 2);
	estate_finish(&estate);
	w[0] = walker(&all, 0, 0, 40000, false);
	w[1] = walker(&late, 1, 38989, 38995, false);
	estate_walk(&estate, w, 2);
	tally_buf_addf(&ought, "[0,1) +2@2 [1,3) ");
	for (int i = 1; i < 13000; i++)
		tally_buf_addf(&ought, "+%d@0 [%d,%d) -%d@0 [%d,%d) ", i % 2, 3 * i, 3 * i + 2,
			       i % 2, 3 * i + 2, i < 12999 ? 3 * i + 3 : 39999);
	tally_buf_addf(&ought, "-2@2 [39999,40000) ");
	assert_string_equal(tally_buf_cstr(&all.seen), tally_buf_cstr(&ought));
	assert_string_equal(tally_buf_cstr(&late.seen),
			    "+2@2 +0@0 [38989,38990) -0@0 [38990,38991) +1@0 [38991,38993) "
			    "-1@0 [38993,38994) +0@0 [38994,38995) ");
	tally_buf_deinit(&ought);
	listener_deinit(&all);
	listener_deinit(&late);
	end();
}

static void
stays_are_cut_to_the_window_and_dropped_outside_of_it(void **state)
{
	(void)state;
	begin(10, 20);
	add(0, 0, 0, 10);
	add(1, 1, 0, 15);
	add(2, 2, 19, 90);
	add(2, 2, 20, 90);
	estate_finish(&estate);
	assert_int_equal(estate.n_stays, 2);
	assert_string_equal(walk(10, 20, false, false), "+1@1 [10,15) -1@1 [15,19) +2@2 [19,20) ");
	end();
}

static void
tell(uint32_t host, int64_t from, uint32_t sockets)
{
	uint32_t cores[4] = { 8, 8, 8, 8 };
	struct host_facts f = {
		.from = from, .host = host, .cores = cores, .sockets = sockets, .known = true
	};

	estate_tell(&estate, &f);
}

static void
facts_hold_until_the_next_and_are_unknown_before_the_first(void **state)
{
	struct host_facts gone = { .from = 25, .host = 0 };

	(void)state;
	begin(10, 40);
	tell(0, 3, 1);
	tell(0, 5, 2);
	tell(1, 15, 1);
	tell(0, 20, 2); /* nothing new */
	tell(1, 20, 3);
	tell(1, 20, 4);
	tell(1, 40, 1); /* behind the window */
	estate_tell(&estate, &gone);
	add(0, 0, 10, 20);
	estate_finish(&estate);
	assert_string_equal(
		walk(10, 40, true, false),
		"f0:2 f1:0 f2:0 +0@0 [10,15) f1:1 [15,20) -0@0 f1:4 [20,25) f0:0 [25,40) ");
	assert_string_equal(walk(15, 25, true, false),
			    "f0:2 f1:1 f2:0 +0@0 [15,20) -0@0 f1:4 [20,25) ");
	assert_int_equal(estate_facts(&estate, 1, 14)->known, false);
	assert_int_equal(estate_facts(&estate, 1, 15)->sockets, 1);
	assert_int_equal(estate_facts(&estate, 1, 19)->to, 20);
	assert_int_equal(estate_facts(&estate, 1, 39)->sockets, 4);
	assert_false(estate_facts(&estate, 0, 25)->known);
	assert_false(estate_facts(&estate, 2, 39)->known);
	end();
}

static void
facts_before_the_window_take_the_place_of_one(void **state)
{
	(void)state;
	begin(1000, 2000);
	for (uint32_t i = 0; i < 500; i++)
		tell(0, i, 1 + i % 4);
	assert_int_equal(estate.n_facts, 1);
	estate_finish(&estate);
	assert_int_equal(estate_facts(&estate, 0, 1000)->sockets, 4);
	end();
}

static void
an_uncertain_stay_ends_where_its_vm_runs_again(void **state)
{
	struct stay u = { .from = 10, .to = 50, .uncertain = 1 };

	(void)state;
	begin(0, 100);
	add(0, 0, 0, 10);
	estate_stay(&estate, &u);
	add(0, 1, 30, 60);
	u = (struct stay){ .from = 60, .to = 70, .vm = 0, .host = 1, .uncertain = 1 };
	estate_stay(&estate, &u);
	add(0, 2, 60, 65); /* at once: nothing was uncertain */
	u = (struct stay){ .from = 65, .to = 70, .vm = 0, .host = 2, .uncertain = 1 };
	estate_stay(&estate, &u);
	estate_finish(&estate);
	assert_string_equal(walk(0, 100, false, false),
			    "+0@0 [0,10) -0@0 +0@0 [10,30) -0@0 +0@1 [30,60) -0@1 +0@2 [60,65) "
			    "-0@2 +0@2 [65,70) -0@2 [70,100) ");
	end();
}

static void
claims_and_sizes_of_one_content_have_one_number(void **state)
{
	struct stay_claims c = { .os = 9 };
	struct stay_size z = { .vcpus = 2, .pinned = true };
	uint32_t plain, with;

	(void)state;
	begin(0, 10);
	plain = estate_claims(&estate, &c);
	ids_add(&c.software, 4);
	with = estate_claims(&estate, &c);
	assert_int_not_equal(plain, with);
	for (uint32_t i = 0; i < 300; i++) {
		struct stay_claims other = { .os = 100 + i };

		assert_int_equal(estate_claims(&estate, &other), with + 1 + i);
	}
	assert_int_equal(estate_claims(&estate, &c), with);
	c.software.n = 0;
	assert_int_equal(estate_claims(&estate, &c), plain);
	ids_deinit(&c.software);
	ids_add(&z.cores, 3);
	assert_int_equal(estate_size(&estate, &z), 1);
	ids_add(&z.cores, 4);
	assert_int_equal(estate_size(&estate, &z), 2);
	ids_remove(&z.cores, 4);
	assert_int_equal(estate_size(&estate, &z), 1);
	ids_deinit(&z.cores);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_come_before_begins_at_one_instant),
		cmocka_unit_test(stays_in_any_order_are_told_in_the_order_of_time),
		cmocka_unit_test(both_ways_to_add_a_stay_come_to_the_same),
		cmocka_unit_test(a_walk_tells_only_what_touches_its_own_span),
		cmocka_unit_test(spans_of_one_lane_follow_one_another_beside_those_of_another),
		cmocka_unit_test(a_walk_over_many_stays_tells_each_once),
		cmocka_unit_test(stays_are_cut_to_the_window_and_dropped_outside_of_it),
		cmocka_unit_test(facts_hold_until_the_next_and_are_unknown_before_the_first),
		cmocka_unit_test(facts_before_the_window_take_the_place_of_one),
		cmocka_unit_test(an_uncertain_stay_ends_where_its_vm_runs_again),
		cmocka_unit_test(claims_and_sizes_of_one_content_have_one_number),
	};

	return cmocka_run_group_tests_name("reports estate", tests, NULL, NULL);
}
