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

static void
on_begin(void *ctx, uint32_t stay)
{
	(void)ctx;
	tally_buf_addf(&seen, "+%u@%u ", estate.stays[stay].vm, estate.stays[stay].host);
}

static void
on_end(void *ctx, uint32_t stay)
{
	(void)ctx;
	tally_buf_addf(&seen, "-%u@%u ", estate.stays[stay].vm, estate.stays[stay].host);
}

static void
on_facts(void *ctx, const struct host_facts *f)
{
	(void)ctx;
	tally_buf_addf(&seen, "f%u:%u ", f->host, f->known ? f->sockets : 0);
}

static void
on_settled(void *ctx, int64_t from, int64_t to)
{
	(void)ctx;
	assert_true(from < to);
	tally_buf_addf(&seen, "[%d,%d) ", (int)from, (int)to);
}

static bool
not_the_second(void *ctx, const struct stay *s)
{
	(void)ctx;
	return s->vm != 1;
}

static const char *
walk(int64_t from, int64_t to, bool facts, bool some)
{
	struct estate_walk w = { .wanted = some ? not_the_second : NULL,
				 .begin = on_begin,
				 .end = on_end,
				 .facts = facts ? on_facts : NULL,
				 .settled = on_settled };

	tally_buf_clear(&seen);
	estate_walk(&estate, from, to, &w);
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
		cmocka_unit_test(stays_are_cut_to_the_window_and_dropped_outside_of_it),
		cmocka_unit_test(facts_hold_until_the_next_and_are_unknown_before_the_first),
		cmocka_unit_test(facts_before_the_window_take_the_place_of_one),
		cmocka_unit_test(an_uncertain_stay_ends_where_its_vm_runs_again),
		cmocka_unit_test(claims_and_sizes_of_one_content_have_one_number),
	};

	return cmocka_run_group_tests_name("reports estate", tests, NULL, NULL);
}
