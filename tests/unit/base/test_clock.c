/* SPDX-License-Identifier: Apache-2.0 */
/* The real clock runs; the fake one stands until it is told. */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "testlib.h"

static void
the_real_clock_reads_both_times_of_this_moment(void **state)
{
	const struct tally_clock *clock = tally_clock_real();
	struct tally_now first, then;
	struct timespec real, boot;

	(void)state;
	first = tally_clock_now(clock);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &real), 0);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
	then = tally_clock_now(clock);
	assert_true(first.uptime.ns <= boot.tv_sec * TALLY_SECOND + boot.tv_nsec);
	assert_true(then.uptime.ns >= boot.tv_sec * TALLY_SECOND + boot.tv_nsec);
	/* Somebody may step the wall clock just now, but hardly by an hour. */
	assert_true(real.tv_sec - first.wall.ns / TALLY_SECOND < 3600);
	assert_true(then.wall.ns / TALLY_SECOND - real.tv_sec < 3600);
}

static void
the_boot_has_a_name_that_stays(void **state)
{
	const struct tally_clock *clock = tally_clock_real();
	uint8_t a[16], b[16];

	(void)state;
	if (access("/proc/sys/kernel/random/boot_id", R_OK) != 0) {
		print_message("skipped: this machine has no /proc/sys/kernel/random/boot_id\n");
		skip();
	}
	assert_int_equal(clock->boot_id(clock->ctx, a), 0);
	assert_int_equal(clock->boot_id(clock->ctx, b), 0);
	assert_memory_equal(a, b, sizeof(a));
}

static void
the_fake_clock_moves_as_it_is_told(void **state)
{
	struct test_clock c;
	uint8_t a[16], b[16];

	(void)state;
	test_clock_init(&c, "2026-01-01T00:00:00Z");
	assert_true(tally_clock_now(&c.table).wall.ns == test_wall("2026-01-01T00:00:00Z").ns);
	test_clock_advance(&c, 5 * TALLY_SECOND);
	test_clock_step(&c, -3600 * TALLY_SECOND);
	assert_true(tally_clock_now(&c.table).wall.ns == test_wall("2025-12-31T23:00:05Z").ns);
	assert_true(tally_clock_now(&c.table).uptime.ns == 1005 * TALLY_SECOND);
	assert_int_equal(c.table.boot_id(c.table.ctx, a), 0);
	test_clock_reboot(&c, 60 * TALLY_SECOND);
	assert_int_equal(c.table.boot_id(c.table.ctx, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(tally_clock_now(&c.table).uptime.ns == 10 * TALLY_SECOND);
	c.boot_unknown = true;
	assert_int_equal(c.table.boot_id(c.table.ctx, b), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_real_clock_reads_both_times_of_this_moment),
		cmocka_unit_test(the_boot_has_a_name_that_stays),
		cmocka_unit_test(the_fake_clock_moves_as_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
