/* SPDX-License-Identifier: Apache-2.0 */
/* Calendars: months that are not whole days, midnights that are not or come twice. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/err.h"

#define NEED_TZDATA()                                                                              \
	do {                                                                                       \
		if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {                      \
			print_message("skipped: this machine has no tzdata\n");                    \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static struct tally_zone *
zone(const char *name)
{
	struct tally_zone *z;
	struct tally_err err;

	if (tally_zone_open(&z, name, &err) < 0)
		fail_msg("%s", err.text);
	return z;
}

static int64_t
start_of(const struct tally_zone *z, int year, int month, int day)
{
	struct tally_date d = { year, month, day };
	struct tally_wall t;
	struct tally_err err;

	if (tally_zone_start_of(z, d, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t.ns;
}

static void
months_have_the_hours_that_their_clocks_ran(void **state)
{
	static const struct {
		const char *zone;
		int month;
		double hours;
	} cases[] = { { "Europe/Berlin", 3, 743 },          { "Europe/Berlin", 10, 745 },
		      { "Europe/Berlin", 1, 744 },          { "America/New_York", 3, 743 },
		      { "America/New_York", 11, 721 },      { "Australia/Lord_Howe", 4, 720.5 },
		      { "Australia/Lord_Howe", 10, 743.5 }, { "UTC", 3, 744 },
		      { "Asia/Kolkata", 2, 672 },           { "Etc/GMT+12", 2, 672 } };

	(void)state;
	NEED_TZDATA();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_zone *z = zone(cases[i].zone);
		int64_t ns = start_of(z, 2026, cases[i].month + 1, 1) -
			     start_of(z, 2026, cases[i].month, 1);

		assert_true(ns == (int64_t)(cases[i].hours * 3600) * TALLY_SECOND);
		tally_zone_free(z);
	}
}

static void
a_day_begins_at_the_first_instant_of_its_date(void **state)
{
	static const struct {
		const char *zone;
		struct tally_date date;
		const char *start;
	} cases[] = {
		{ "UTC", { 2026, 3, 1 }, "2026-03-01T00:00:00Z" },
		{ "Europe/Berlin", { 2026, 3, 29 }, "2026-03-28T23:00:00Z" },
		{ "Europe/Berlin", { 2026, 3, 30 }, "2026-03-29T22:00:00Z" },
		/* Midnight is left out: clocks went from 24:00 to 01:00. */
		{ "America/Sao_Paulo", { 2018, 11, 4 }, "2018-11-04T03:00:00Z" },
		{ "Asia/Beirut", { 2026, 3, 29 }, "2026-03-28T22:00:00Z" },
		{ "Africa/Cairo", { 2024, 4, 26 }, "2024-04-25T22:00:00Z" },
		{ "Africa/Cairo", { 2024, 4, 27 }, "2024-04-26T21:00:00Z" },
		/* 23:00 to 24:00 comes twice, and midnight after the second. */
		{ "America/Sao_Paulo", { 2018, 2, 18 }, "2018-02-18T03:00:00Z" },
		{ "Africa/Cairo", { 2024, 11, 1 }, "2024-10-31T22:00:00Z" },
		/* Back at 00:01: midnight itself comes twice, the date begins at the first. */
		{ "America/St_Johns", { 2010, 11, 7 }, "2010-11-07T02:30:00Z" },
		{ "America/St_Johns", { 2010, 11, 8 }, "2010-11-08T03:30:00Z" },
		/* The date never was: the next one began instead. */
		{ "Pacific/Apia", { 2011, 12, 30 }, "2011-12-30T10:00:00Z" },
		{ "Pacific/Apia", { 2011, 12, 31 }, "2011-12-30T10:00:00Z" },
		/* Far west, far east, and beyond the years that the tables list. */
		{ "Etc/GMT+12", { 2026, 1, 1 }, "2026-01-01T12:00:00Z" },
		{ "Pacific/Kiritimati", { 2026, 1, 1 }, "2025-12-31T10:00:00Z" },
		{ "Europe/Berlin", { 2200, 7, 1 }, "2200-06-30T22:00:00Z" },
		{ "America/New_York", { 1970, 1, 1 }, "1970-01-01T05:00:00Z" },
	};

	(void)state;
	NEED_TZDATA();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_zone *z = zone(cases[i].zone);
		struct tally_date d = cases[i].date;
		struct tally_wall t = { start_of(z, d.year, d.month, d.day) };
		char text[TALLY_TIME_TEXT];

		tally_wall_text(text, t);
		if (strcmp(text, cases[i].start) != 0)
			fail_msg("%s %d-%d-%d began at %s, not %s", cases[i].zone, d.year, d.month,
				 d.day, text, cases[i].start);
		tally_zone_free(z);
	}
}

static int
order(struct tally_date d)
{
	return d.year * 10000 + d.month * 100 + d.day;
}

/* The start of a day, having looked at the dates on both sides of it. */
static int64_t
checked_start(const struct tally_zone *z, int year, int month, int day)
{
	struct tally_date d = { year, month, day }, at, before;
	struct tally_err err;
	int64_t ns = start_of(z, year, month, day);

	assert_int_equal(tally_zone_date_of(z, (struct tally_wall){ ns }, &at, &err), 0);
	assert_int_equal(tally_zone_date_of(z, (struct tally_wall){ ns - 1 }, &before, &err), 0);
	assert_int_equal(order(at), order(d));
	assert_true(order(before) < order(d));
	return ns;
}

static void
days_follow_one_another_and_agree_with_dates_of_instants(void **state)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin", "America/Sao_Paulo",
					     "Australia/Lord_Howe", "Asia/Beirut" };

	(void)state;
	NEED_TZDATA();
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct tally_zone *z = zone(zones[i]);

		for (int month = 1; month <= 12; month++) {
			int64_t last = checked_start(z, 2018, month, 1);

			for (int day = 2; day <= 28; day++) {
				int64_t ns = checked_start(z, 2018, month, day);
				int64_t hours = (ns - last) / (3600 * TALLY_SECOND);

				assert_true(hours >= 23 && hours <= 25);
				last = ns;
			}
		}
		tally_zone_free(z);
	}
}

static void
unknown_zones_are_refused_and_not_taken_for_utc(void **state)
{
	static const char *const wrong[] = { "",
					     "Europe/Berlin2",
					     "Europe",
					     "europe/berlin",
					     "Europe/Berlin/",
					     "/Europe/Berlin",
					     "Europe//Berlin",
					     "../zoneinfo/Europe/Berlin",
					     "./UTC",
					     ":Europe/Berlin",
					     "CET-1CEST",
					     "zone.tab",
					     "tzdata.zi",
					     "leapseconds",
					     "right/Europe/Berlin",
					     "localtime",
					     "posixrules",
					     "UTC ",
					     "\x1b[2J" };

	(void)state;
	NEED_TZDATA();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tally_zone *z;
		struct tally_err err = TALLY_ERR_INIT;

		if (tally_zone_open(&z, wrong[i], &err) == 0)
			fail_msg("'%s' was taken", wrong[i]);
		assert_int_equal(err.code, TALLY_USE);
		assert_memory_equal(err.text, "unknown time zone '", 19);
		assert_null(strchr(err.text, 0x1b));
	}
}

static void
utc_needs_no_tzdata_and_no_environment(void **state)
{
	struct tally_zone *z = zone("UTC");
	struct tally_date d;
	struct tally_err err;

	(void)state;
	assert_string_equal(tally_zone_name(z), "UTC");
	assert_int_equal(tally_zone_date_of(z, test_wall("2024-02-29T23:59:59.9Z"), &d, &err), 0);
	assert_int_equal(order(d), 20240229);
	assert_int_equal(tally_zone_date_of(z, (struct tally_wall){ -1 }, &d, &err), -1);
	assert_int_equal(tally_zone_date_of(z, (struct tally_wall){ TALLY_WALL_MAX }, &d, &err),
			 -1);
	tally_zone_free(z);
	tally_zone_free(NULL);
}

static void
a_date_before_1970_in_the_west_is_one_of_1969(void **state)
{
	struct tally_zone *z;
	struct tally_date d;
	struct tally_err err;

	(void)state;
	NEED_TZDATA();
	z = zone("America/New_York");
	assert_int_equal(tally_zone_date_of(z, (struct tally_wall){ 0 }, &d, &err), 0);
	assert_int_equal(order(d), 19691231);
	tally_zone_free(z);
}

static void
times_of_the_command_line_are_read_in_the_zone(void **state)
{
	static const char *const cases[][2] = {
		{ "2026-03", "2026-02-28T23:00:00Z" },
		{ "2026-03-30", "2026-03-29T22:00:00Z" },
		{ "2026-03-30T00:00:00Z", "2026-03-30T00:00:00Z" },
		{ "2026-03-30T00:00:00.25+05:30", "2026-03-29T18:30:00.25Z" },
	};
	static const char *const wrong[] = { "",
					     "2026",
					     "2026-3",
					     "2026-13",
					     "2026-02-30",
					     "2026-03-1",
					     "2026-03-30T00:00:00",
					     "2026-03-",
					     "2026/03/01",
					     "1969-12-31",
					     "1970-01-01",
					     "2262-01-02",
					     "9999-01-01",
					     "0000-01-01",
					     "yesterday" };
	struct tally_zone *z;
	struct tally_wall t;
	struct tally_err err;
	char text[TALLY_TIME_TEXT];

	(void)state;
	NEED_TZDATA();
	z = zone("Europe/Berlin");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(tally_zone_parse_t(z, cases[i][0], &t, &err), 0);
		tally_wall_text(text, t);
		assert_string_equal(text, cases[i][1]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tally_err_clear(&err);
		if (tally_zone_parse_t(z, wrong[i], &t, &err) == 0)
			fail_msg("'%s' was taken", wrong[i]);
		assert_int_equal(err.code, TALLY_USE);
	}
	tally_zone_free(z);
}

static void
tz_is_put_back(void **state)
{
	struct tally_zone *z;
	time_t noon = 1767268800; /* 2026-01-01T12:00:00Z */
	struct tm tm;

	(void)state;
	NEED_TZDATA();
	z = zone("Europe/Berlin");
	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	tzset();
	start_of(z, 2026, 1, 1);
	assert_string_equal(getenv("TZ"), "Asia/Tokyo");
	assert_int_equal(localtime_r(&noon, &tm)->tm_hour, 21);
	unsetenv("TZ");
	tzset();
	start_of(z, 2026, 1, 1);
	assert_null(getenv("TZ"));
	tally_zone_free(z);
}

static void *
in_a_thread(void *ctx)
{
	struct tally_zone *z = ctx;
	uintptr_t wrong = 0;

	for (int i = 0; i < 50; i++) {
		struct tally_date d = { 2026, 7, 1 };
		struct tally_wall t;
		struct tally_err err;

		if (tally_zone_start_of(z, d, &t, &err) < 0 ||
		    t.ns != test_wall(strcmp(tally_zone_name(z), "Asia/Tokyo") == 0
					      ? "2026-06-30T15:00:00Z"
					      : "2026-06-30T22:00:00Z")
				    .ns)
			wrong++;
	}
	return (void *)wrong;
}

static void
threads_with_other_zones_do_not_disturb_each_other(void **state)
{
	struct tally_zone *zones[2];
	pthread_t threads[2];

	(void)state;
	NEED_TZDATA();
	zones[0] = zone("Asia/Tokyo");
	zones[1] = zone("Europe/Berlin");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, zones[i]), 0);
	for (int i = 0; i < 2; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
		tally_zone_free(zones[i]);
	}
}

static void
the_release_of_tzdata_has_a_name(void **state)
{
	const char *release = tally_zone_tzdata();

	(void)state;
	if (access("/usr/share/zoneinfo/tzdata.zi", R_OK) != 0) {
		assert_string_equal(release, "none");
		return;
	}
	assert_true(strlen(release) >= 5 && strncmp(release, "20", 2) == 0);
	assert_ptr_equal(release, tally_zone_tzdata());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_have_the_hours_that_their_clocks_ran),
		cmocka_unit_test(a_day_begins_at_the_first_instant_of_its_date),
		cmocka_unit_test(days_follow_one_another_and_agree_with_dates_of_instants),
		cmocka_unit_test(unknown_zones_are_refused_and_not_taken_for_utc),
		cmocka_unit_test(utc_needs_no_tzdata_and_no_environment),
		cmocka_unit_test(a_date_before_1970_in_the_west_is_one_of_1969),
		cmocka_unit_test(times_of_the_command_line_are_read_in_the_zone),
		cmocka_unit_test(tz_is_put_back),
		cmocka_unit_test(threads_with_other_zones_do_not_disturb_each_other),
		cmocka_unit_test(the_release_of_tzdata_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
