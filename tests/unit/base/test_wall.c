/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 in and out. */
#include <string.h>
#include <time.h>
#include "testlib.h"

static void
good_times_are_read_and_written_shortest(void **state)
{
	static const struct {
		const char *in;
		int64_t ns;
		const char *out;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
		{ "2026-03-29T01:02:03Z", 1774746123 * TALLY_SECOND, "2026-03-29T01:02:03Z" },
		{ "2024-02-29T23:59:59.999999999Z", 1709251199 * TALLY_SECOND + 999999999,
		  "2024-02-29T23:59:59.999999999Z" },
		{ "2000-01-01T00:00:00.500000000Z", 946684800 * TALLY_SECOND + 500000000,
		  "2000-01-01T00:00:00.5Z" },
		{ "2000-01-01T00:00:00.000000001Z", 946684800 * TALLY_SECOND + 1,
		  "2000-01-01T00:00:00.000000001Z" },
		{ "2000-01-01T00:00:00.0Z", 946684800 * TALLY_SECOND, "2000-01-01T00:00:00Z" },
		{ "2261-12-31T23:59:59.999999999Z", TALLY_WALL_MAX - 1,
		  "2261-12-31T23:59:59.999999999Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_wall t;
		char text[TALLY_TIME_TEXT];

		assert_true(tally_wall_parse(&t, cases[i].in, strlen(cases[i].in), false));
		assert_true(t.ns == cases[i].ns);
		tally_wall_text(text, t);
		assert_string_equal(text, cases[i].out);
	}
}

static void
offsets_are_taken_only_where_they_are_allowed(void **state)
{
	static const char *const same[] = { "2026-01-01T00:30:00Z", "2026-01-01T01:30:00+01:00",
					    "2025-12-31T19:00:00-05:30",
					    "2026-01-01T00:30:00+00:00",
					    "2026-01-01T00:30:00-00:00" };
	struct tally_wall t, utc = test_wall(same[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		size_t len = strlen(same[i]);

		assert_true(tally_wall_parse(&t, same[i], len, true));
		assert_true(t.ns == utc.ns);
		assert_true(tally_wall_parse(&t, same[i], len, false) == (i == 0));
	}
}

static void
malformed_times_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026-01-01",
		"2026-01-01T00:00Z",
		"2026-01-01T00:00:00",
		"2026-01-01t00:00:00Z",
		"2026-01-01T00:00:00z",
		"2026-01-01 00:00:00Z",
		"2026-01-01T00:00:00Z ",
		" 2026-01-01T00:00:00Z",
		"2026-1-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T23:60:00Z",
		"2026-06-30T23:59:60Z",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00.0000000001Z",
		"2026-01-01T00:00:00,5Z",
		"2026-01-01T00:00:00+1:00",
		"2026-01-01T00:00:00+0100",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+00:60",
		"2026-01-01T00:00:00+01:00Z",
		"+026-01-01T00:00:00Z",
		"12026-01-01T00:00:00Z",
		"1969-12-31T23:59:59.999999999Z",
		"2262-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z",
		"1970-01-01T00:00:00+00:01",
		"2261-12-31T23:59:59-00:01",
	};
	struct tally_wall t;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(tally_wall_parse(&t, wrong[i], strlen(wrong[i]), true));
	assert_false(tally_wall_parse(&t, "2026-01-01T00:00:00Z\0", 21, true));
}

static void
every_day_agrees_with_the_c_library(void **state)
{
	(void)state;
	for (int64_t s = 3599; s < TALLY_WALL_MAX / TALLY_SECOND; s += 86400) {
		struct tally_wall t = { s * TALLY_SECOND }, back;
		time_t now = (time_t)s;
		struct tm tm;
		char text[TALLY_TIME_TEXT], want[TALLY_TIME_TEXT];

		tally_wall_text(text, t);
		assert_int_not_equal(
			strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm)), 0);
		assert_string_equal(text, want);
		assert_true(tally_wall_parse(&back, text, strlen(text), false));
		assert_true(back.ns == t.ns);
	}
}

static void
an_instant_before_1970_still_has_a_text(void **state)
{
	char text[TALLY_TIME_TEXT];

	(void)state;
	tally_wall_text(text, (struct tally_wall){ -1 });
	assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
	tally_wall_text(text, (struct tally_wall){ INT64_MIN });
	assert_string_equal(text, "1677-09-21T00:12:43.145224192Z");
	tally_wall_text(text, (struct tally_wall){ INT64_MAX });
	assert_string_equal(text, "2262-04-11T23:47:16.854775807Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_times_are_read_and_written_shortest),
		cmocka_unit_test(offsets_are_taken_only_where_they_are_allowed),
		cmocka_unit_test(malformed_times_are_refused),
		cmocka_unit_test(every_day_agrees_with_the_c_library),
		cmocka_unit_test(an_instant_before_1970_still_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
