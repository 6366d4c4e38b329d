/* SPDX-License-Identifier: Apache-2.0 */
/* Licences as tokens that move at most once in 90 days, beside a solver that knows
 * nothing but the rule and tries everything. */
#include <stdlib.h>
#include <string.h>
#include "../../../reports/tokens.h"
#include "testlib.h"
#include "tally/time.h"

#define DAY      (86400 * TALLY_SECOND)
#define COOLING  (90 * DAY)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct token_answer
count(uint32_t hosts, const struct token_step *steps, size_t n)
{
	struct token_problem p = {
		.hosts = hosts, .steps = steps, .n_steps = n, .cooling = COOLING
	};
	struct token_answer a;

	tokens_count(&a, &p);
	return a;
}

static void
a_machine_that_goes_and_comes_back_takes_two(void **state)
{
	static const struct token_step there[] = { { 0, 0, 1 }, { DAY, 0, 0 }, { DAY, 1, 1 } };
	static const struct token_step back[] = {
		{ 0, 0, 1 }, { DAY, 0, 0 }, { DAY, 1, 1 }, { 2 * DAY, 0, 1 }, { 2 * DAY, 1, 0 }
	};
	static const struct token_step late[] = {
		{ 0, 0, 1 }, { DAY, 0, 0 }, { DAY, 1, 1 }, { 91 * DAY, 0, 1 }, { 91 * DAY, 1, 0 }
	};
	static const struct token_step soon[] = { { 0, 0, 1 },
						  { DAY, 0, 0 },
						  { DAY, 1, 1 },
						  { 91 * DAY - 1, 0, 1 },
						  { 91 * DAY - 1, 1, 0 } };
	struct token_answer a = count(2, there, COUNT(there));

	(void)state;
	assert_int_equal(a.need, 1);
	assert_true(a.exact);
	a = count(2, back, COUNT(back));
	assert_int_equal(a.need, 2);
	assert_true(a.exact);
	/* Ninety days later, to the nanosecond, it may move again. */
	assert_int_equal(count(2, late, COUNT(late)).need, 1);
	assert_int_equal(count(2, soon, COUNT(soon)).need, 2);
}

static void
a_host_emptied_for_two_hours_moves_what_it_gets_back_as_other_tokens(void **state)
{
	/* Two hosts of 16 cores with three VMs each; the second is emptied and filled. */
	static const struct token_step steps[] = { { 0, 0, 32, 16 },
						   { 0, 1, 32 },
						   { DAY, 0, 48 },
						   { DAY, 1, 0 },
						   { DAY + 7200 * TALLY_SECOND, 0, 32 },
						   { DAY + 7200 * TALLY_SECOND, 1, 32 } };
	struct token_answer a = count(2, steps, COUNT(steps));

	(void)state;
	assert_int_equal(a.need, 64);
	assert_true(a.exact);
}

static void
a_token_leaves_a_host_that_failed_whenever_it_must(void **state)
{
	static const struct token_step steps[] = { { 0, 0, 2, 2 },
						   { DAY, 0, 0, 2 },
						   { DAY, 1, 2, 2 },
						   { 2 * DAY, 1, 0, 2 },
						   { 2 * DAY, 0, 2, 2 } };
	static const struct token_failure failed = { 2 * DAY, 1 }, elsewhere = { 2 * DAY, 0 },
					  later = { 2 * DAY + 1, 1 };
	struct token_problem p = { .hosts = 2,
				   .steps = steps,
				   .n_steps = COUNT(steps),
				   .cooling = COOLING,
				   .n_failures = 1 };
	struct token_answer a;

	(void)state;
	p.failures = &failed;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
	assert_true(a.exact);
	p.failures = &elsewhere;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 4);
	p.failures = &later;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 4);
}

static void
what_is_on_record_stays_where_it_was_assigned_until_it_may_go(void **state)
{
	static const struct token_step steps[] = { { 10 * DAY, 0, 1 },
						   { 20 * DAY, 0, 0 },
						   { 20 * DAY, 1, 1 } };
	struct token_held held = { 0, 1, 0 };
	struct token_problem p = { .hosts = 2,
				   .steps = steps,
				   .n_steps = COUNT(steps),
				   .cooling = COOLING,
				   .held = &held,
				   .n_held = 1 };
	struct token_answer a;

	(void)state;
	/* Assigned at day 0, it cannot be on the other host at day 20. */
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
	/* Assigned long ago, it can. */
	held.assigned = -80 * DAY;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 1);
	assert_true(a.exact);
	/* On the wrong host it is not to be had; one for the need, and that moves. */
	held = (struct token_held){ 1, 1, 15 * DAY };
	tokens_count(&a, &p);
	assert_int_equal(a.need, 1);
	/* Held in plenty, no more than was needed counts. */
	held = (struct token_held){ 0, 1000, 0 };
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
}

static void
a_host_that_failed_gives_what_stood_on_it_then_and_nothing_else(void **state)
{
	/* 1, 0, 2; and 0, 1, 0, 1 where the first one fails and is repaired. */
	static const struct token_step wander[] = {
		{ 0, 1, 1, 1 },       { DAY, 0, 1, 1 },     { DAY, 1, 0, 1 },
		{ 2 * DAY, 0, 0, 1 }, { 2 * DAY, 2, 1, 1 },
	};
	static const struct token_step repaired[] = {
		{ 0, 0, 1, 1 },       { DAY, 0, 0, 1 },     { DAY, 1, 1, 1 },
		{ 2 * DAY, 0, 1, 1 }, { 2 * DAY, 1, 0, 1 }, { 3 * DAY, 0, 0, 1 },
		{ 3 * DAY, 1, 1, 1 },
	};
	static const struct token_failure long_ago = { -DAY, 0 }, before = { DAY / 2, 0 },
					  twice[] = { { DAY, 0 }, { 2 * DAY, 0 }, { 2 * DAY, 1 } };
	struct token_problem p = { .hosts = 3,
				   .steps = wander,
				   .n_steps = COUNT(wander),
				   .failures = &long_ago,
				   .n_failures = 1,
				   .cooling = COOLING };
	struct token_answer a;

	(void)state;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
	assert_true(a.exact);
	p.failures = &before;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
	p.failures = twice;
	p.n_failures = 2;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 1);
	p.steps = repaired;
	p.n_steps = COUNT(repaired);
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
	p.n_failures = 3;
	tokens_count(&a, &p);
	assert_int_equal(a.need, 2);
}

static void
what_stands_beside_them_does_not_change_what_a_move_takes(void **state)
{
	static const struct token_step steps[] = {
		{ 0, 0, 16, 16 },   { 0, 2, 20, 20 },       { DAY, 0, 0, 16 },
		{ DAY, 1, 16, 16 }, { 2 * DAY, 0, 16, 16 }, { 2 * DAY, 1, 0, 16 },
	};
	static const struct token_step alone[] = { { 0, 0, 16, 16 },
						   { DAY, 0, 0, 16 },
						   { DAY, 1, 16, 16 },
						   { 2 * DAY, 0, 16, 16 },
						   { 2 * DAY, 1, 0, 16 } };
	static const struct token_step grows[] = { { 0, 0, 16, 16 },
						   { DAY, 0, 0, 16 },
						   { DAY, 1, 20, 20 } };
	struct token_held held = { 0, 10, -100 * DAY };
	struct token_problem p = { .hosts = 2,
				   .steps = alone,
				   .n_steps = COUNT(alone),
				   .cooling = COOLING,
				   .held = &held,
				   .n_held = 1 };
	struct token_answer a;

	(void)state;
	assert_int_equal(count(2, alone, COUNT(alone)).need, 32);
	assert_int_equal(count(3, steps, COUNT(steps)).need, 52);
	tokens_count(&a, &p);
	assert_int_equal(a.need, 32);
	/* A larger host takes the smaller one's set, and what is missing. */
	assert_int_equal(count(2, grows, COUNT(grows)).need, 20);
}

static void
demands_beyond_64_bits_are_said_to_be_so_and_none_is_none(void **state)
{
	static const struct token_step steps[] = { { 0, 0, UINT64_MAX - 1 },
						   { 0, 1, UINT64_MAX - 2 } };
	struct token_answer a = count(2, steps, COUNT(steps));

	(void)state;
	assert_int_equal(a.need, UINT64_MAX);
	assert_false(a.exact);
	a = count(3, NULL, 0);
	assert_int_equal(a.need, 0);
	assert_true(a.exact);
}

static void
the_last_demand_of_a_host_at_an_instant_holds(void **state)
{
	static const struct token_step steps[] = { { 5, 0, 9 }, { 5, 0, 4 }, { 6, 0, 2 } };

	(void)state;
	assert_int_equal(count(1, steps, COUNT(steps)).need, 4);
}

/* The solver: all that tokens could do, at every instant, whether it helps or not. */
#define HOSTS  3
#define TOKENS 6
struct
try {
	const struct token_step *steps;
	size_t n;
	int64_t cooling;
	const struct token_failure *failures;
	size_t n_failures;
	unsigned tokens;
	uint32_t host[TOKENS];
	int64_t until[TOKENS];
	uint64_t demand[HOSTS];
};
static bool try_from(struct try *t, size_t i);

/* Something stood on a host before it failed. */
static bool
set_free(const struct try *t, unsigned k, int64_t now)
{
	for (size_t i = 0; i < t->n_failures; i++)
		if (t->failures[i].host == t->host[k] && t->failures[i].at <= now &&
		    t->failures[i].at > t->until[k] - t->cooling)
			return true;
	return false;
}

static bool
try_token(struct try *t, unsigned k, size_t i)
{
	int64_t now = t->steps[i].at, was = t->until[k];
	uint32_t from = t->host[k];
	size_t next = i;

	if (k == t->tokens) {
		uint64_t has[HOSTS] = { 0 };

		for (unsigned x = 0; x < t->tokens; x++)
			has[t->host[x]]++;
		for (unsigned h = 0; h < HOSTS; h++)
			if (has[h] < t->demand[h])
				return false;
		while (next < t->n && t->steps[next].at == now)
			next++;
		return try_from(t, next);
	}
	if (try_token(t, k + 1, i))
		return true;
	if (was > now && !set_free(t, k, now))
		return false;
	for (uint32_t h = 0; h < HOSTS; h++) {
		bool good;

		if (h == from)
			continue;
		t->host[k] = h;
		t->until[k] = now + t->cooling;
		good = try_token(t, k + 1, i);
		t->host[k] = from;
		t->until[k] = was;
		if (good)
			return true;
	}
	return false;
}

static bool
try_from(struct try *t, size_t i)
{
	uint64_t was[HOSTS];
	bool good;

	if (i == t->n)
		return true;
	memcpy(was, t->demand, sizeof(was));
	for (size_t k = i; k < t->n && t->steps[k].at == t->steps[i].at; k++)
		t->demand[t->steps[k].host] = t->steps[k].demand;
	good = try_token(t, 0, i);
	memcpy(t->demand, was, sizeof(was));
	return good;
}

/* Wherever they stood before the first instant. */
static bool
try_places(struct try *t, unsigned k)
{
	if (k == t->tokens)
		return try_from(t, 0);
	for (uint32_t h = k ? t->host[k - 1] : 0; h < HOSTS; h++) {
		t->host[k] = h;
		t->until[k] = INT64_MIN;
		if (try_places(t, k + 1))
			return true;
	}
	return false;
}

static unsigned
fewest(const struct token_problem *p)
{
	struct try t = { .steps = p->steps,
			 .n = p->n_steps,
			 .cooling = p->cooling,
			 .failures = p->failures,
			 .n_failures = p->n_failures };

	for (t.tokens = 0; t.tokens <= TOKENS; t.tokens++)
		if (try_places(&t, 0))
			return t.tokens;
	fail_msg("more than %d tokens", TOKENS);
	return 0;
}

static uint32_t
next_random(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

struct story {
	struct token_step steps[12];
	size_t n;
	struct token_failure failures[2];
	uint64_t peaks, at_once;
};

/* VMs that wander: so do demands, one a host and instant. */
static void
tell(struct story *s, uint32_t *seed, unsigned instants, int64_t apart)
{
	uint64_t now[HOSTS] = { 0 }, peak[HOSTS] = { 0 };

	memset(s, 0, sizeof(*s));
	for (unsigned t = 0; t < instants; t++) {
		uint64_t sum = 0;

		for (uint32_t h = 0; h < HOSTS; h++) {
			uint64_t d = next_random(seed, 3) % 2 + (next_random(seed, 6) == 0);

			if (d != now[h])
				s->steps[s->n++] = (struct token_step){ t * apart, h, d, 1 };
			now[h] = d;
			peak[h] = d > peak[h] ? d : peak[h];
			sum += d;
		}
		s->at_once = sum > s->at_once ? sum : s->at_once;
	}
	for (unsigned h = 0; h < HOSTS; h++)
		s->peaks += peak[h];
	for (unsigned i = 0; i < 2; i++)
		s->failures[i] = (struct token_failure){ (next_random(seed, 2) + 2 * i) * apart,
							 next_random(seed, HOSTS) };
}

static void
small_histories_are_solved_as_by_trying_everything(void **state)
{
	uint32_t seed = 1;
	unsigned between = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct story s;
		struct token_problem p = { .hosts = HOSTS, .cooling = COOLING };
		struct token_answer a;
		unsigned want;

		tell(&s, &seed, 4, DAY);
		p.steps = s.steps;
		p.n_steps = s.n;
		p.failures = s.failures;
		p.n_failures = i % 3;
		want = fewest(&p);
		tokens_count(&a, &p);
		if (a.need != want || !a.exact)
			fail_msg("history %u: %llu tokens%s, not %u", i, (unsigned long long)a.need,
				 a.exact ? "" : " (not sure)", want);
		between += a.need > s.at_once && a.need < s.peaks;
	}
	assert_true(between > 20); /* the histories ask for more than a bound */
}

static void
a_longer_time_gets_a_lawful_number_that_says_whether_it_is_the_fewest(void **state)
{
	uint32_t seed = 7;
	unsigned exact = 0, best = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		struct story s;
		struct token_problem p = { .hosts = HOSTS, .cooling = 2 * DAY };
		struct token_answer a;
		unsigned want;

		tell(&s, &seed, 4, DAY);
		p.steps = s.steps;
		p.n_steps = s.n;
		want = fewest(&p);
		tokens_count(&a, &p);
		assert_true(a.need >= want && a.need <= s.peaks);
		assert_true(!a.exact || a.need == want);
		exact += a.exact;
		best += a.need == want;
	}
	assert_true(exact > 100 && best > 300);
}

static void
a_big_estate_is_counted_between_what_ran_at_once_and_the_peaks(void **state)
{
	enum { BIG = 200, ROUNDS = 400 };
	struct token_step *steps = calloc(BIG * ROUNDS, sizeof(*steps));
	uint64_t now[BIG] = { 0 }, peak[BIG] = { 0 }, sum = 0, at_once = 0, peaks = 0;
	uint32_t seed = 3;
	struct token_answer a, again;
	size_t n = 0;

	(void)state;
	for (unsigned t = 0; t < ROUNDS; t++) {
		for (unsigned k = 0; k < BIG / 2; k++) {
			uint32_t h = next_random(&seed, BIG);
			uint64_t d = 16 * next_random(&seed, 9);

			steps[n++] = (struct token_step){ t * (DAY / 6), h, d, 16 };
			sum += d - now[h];
			now[h] = d;
		}
		at_once = sum > at_once ? sum : at_once;
		for (unsigned h = 0; h < BIG; h++)
			peak[h] = now[h] > peak[h] ? now[h] : peak[h];
	}
	for (unsigned h = 0; h < BIG; h++)
		peaks += peak[h];
	a = count(BIG, steps, n);
	assert_true(at_once <= a.need && a.need < peaks);
	assert_int_equal(a.need % 16, 0);
	again = count(BIG, steps, n);
	assert_int_equal(again.need, a.need);
	free(steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_that_goes_and_comes_back_takes_two),
		cmocka_unit_test(
			a_host_emptied_for_two_hours_moves_what_it_gets_back_as_other_tokens),
		cmocka_unit_test(a_token_leaves_a_host_that_failed_whenever_it_must),
		cmocka_unit_test(what_is_on_record_stays_where_it_was_assigned_until_it_may_go),
		cmocka_unit_test(a_host_that_failed_gives_what_stood_on_it_then_and_nothing_else),
		cmocka_unit_test(what_stands_beside_them_does_not_change_what_a_move_takes),
		cmocka_unit_test(demands_beyond_64_bits_are_said_to_be_so_and_none_is_none),
		cmocka_unit_test(the_last_demand_of_a_host_at_an_instant_holds),
		cmocka_unit_test(small_histories_are_solved_as_by_trying_everything),
		cmocka_unit_test(
			a_longer_time_gets_a_lawful_number_that_says_whether_it_is_the_fewest),
		cmocka_unit_test(a_big_estate_is_counted_between_what_ran_at_once_and_the_peaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
