/* SPDX-License-Identifier: Apache-2.0 */
/* Where clocks lie that no host has. What steps do to a timeline, `reports clock_steps`
 * shows. */
#include "tally/time.h"
#include "tally/wallclock.h"
#include "testlib.h"

static int64_t
look(struct tally_wallclock *t, uint64_t wall, uint64_t uptime, int64_t *skipped)
{
	struct tally_header h = {
		.kind = TALLY_CLOCK_STEP, .boot = 1, .wall = wall, .uptime = uptime
	};

	return tally_wallclock_live(t, &h, (int64_t)wall, skipped);
}

static void
a_step_beyond_all_time_neither_overflows_nor_goes_back(void **state)
{
	struct tally_wallclock t;
	int64_t skipped, at;

	(void)state;
	tally_wallclock_begin(&t);
	at = look(&t, (uint64_t)TALLY_WALL_MAX - 1, 0, &skipped);
	assert_int_equal(skipped, 0);
	assert_true(look(&t, 0, (uint64_t)INT64_MAX, &skipped) >= at);
	assert_int_equal(skipped, 0);
	assert_true(t.ahead > 0);
	assert_true(look(&t, (uint64_t)TALLY_WALL_MAX - 1, 0, &skipped) >= at);
	assert_true(skipped >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_beyond_all_time_neither_overflows_nor_goes_back),
	};

	return cmocka_run_group_tests_name("proto wallclock", tests, NULL, NULL);
}
