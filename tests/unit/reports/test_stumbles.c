/* SPDX-License-Identifier: Apache-2.0 */
/* Where meters before this one went wrong: a size that changes inside an hour,
 * events that come twice or late or never, months that were not what they are,
 * and days that are longer or shorter than a day. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"

#define HOSTS                     "h1 00:00 host cores_per_socket=8\nh2 00:00 host cores_per_socket=8\n"
#define FLEET(r, field, expected) assert_figure(r, "usage", "scope=fleet", field, expected)

static void
a_size_that_changes_inside_an_hour_counts_to_the_second(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h1 10:00 start a vcpus=2\nh1 10:20:30 config a vcpus=4\n"
				    "h1 10:20:30.5 config a vcpus=16\nh1 10:40 config a vcpus=1\n"
				    "h1 11:00 stop a cause=shutdown\n");

	(void)state;
	FLEET(r, "run_seconds", "3600");
	/* 1230 s x 2 + 0.5 s x 4 + 1169.5 s x 16 + 1200 s x 1 */
	FLEET(r, "vcpu_seconds", "22374");
	FLEET(r, "peak", "1");
}

/* Every line of `lines` n times. */
static void
repeat_lines(const char *lines, unsigned n, struct tally_buf *out)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n") + 1;

		for (unsigned i = 0; i < n; i++)
			tally_buf_add(out, lines, len);
		lines += len;
	}
}

static const char busy[] =
	HOSTS "h1 10:00 start a vcpus=2 os=urn:x tenant=t\nh1 10:00 start b vcpus=1\n"
	      "h1 10:30 suspend a cause=paused\nh1 10:40 resume a\nh1 10:45 config a vcpus=4\n"
	      "h1 10:50 tag a tenant=u\nh1 11:00 gap from=10:55 to=11:00\nh1 11:10 heartbeat\n"
	      "h1 12:00 migrate-out a peer=h2\nh2 12:00 migrate-in a vcpus=4 peer=h1\n"
	      "h2 13:00 stop a cause=shutdown\nh1 13:30 stop b cause=destroyed\n";

static void
an_event_that_is_there_twice_counts_once(void **state)
{
	static const struct {
		const char *array, *where, *field, *is;
	} same[] = {
		{ "usage", "scope=fleet product=urn:x", "run_seconds", "10800" },
		{ "usage", "scope=fleet product=urn:x", "vcpu_seconds", "37800" },
		{ "usage", "scope=fleet product=urn:x", "states.paused", "600" },
		{ "usage", "scope=fleet product=urn:x", "peak", "1" },
		{ "usage", "scope=fleet product=unclassified", "run_seconds", "12600" },
		{ "usage", "scope=tenant id=t", "run_seconds", "3000" },
		{ "usage", "scope=tenant id=u", "run_seconds", "7800" },
		{ "usage", "scope=host id=h2", "run_seconds", "3600" },
		{ "coverage", "host=h1", "metered_seconds", "48300" },
	};

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		struct tally_buf lines = TALLY_BUF_INIT;
		const struct tally_json *r;

		repeat_lines(busy, n, &lines);
		r = report_of_day(tally_buf_cstr(&lines));
		for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
			assert_figure(r, same[i].array, same[i].where, same[i].field, same[i].is);
		assert_int_equal(rows(r, "findings", "kind=uuid-conflict"), 0);
		tally_buf_deinit(&lines);
	}
}

/* A list that was read before the end came in brings nothing back to life. */
static void
an_event_that_comes_late_does_not_turn_time_back(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h1 10:00 start a vcpus=1\nh1 12:00 heartbeat\n"
				    "h1 11:00 suspend a cause=pmsuspended\nh1 13:00 resume a\n"
				    "h1 14:00 stop a cause=shutdown\nh1 13:30 config a vcpus=8\n"
				    "h1 15:00 heartbeat\n");

	(void)state;
	/* Told at 12:00, the suspension counts from there. */
	FLEET(r, "run_seconds", "10800");
	FLEET(r, "states.suspended", "3600");
	FLEET(r, "vcpu_seconds", "10800");
	assert_figure(r, "coverage", "host=h1", "powered_seconds", "54000");
}

static void
a_stop_that_never_came_ends_with_what_was_seen_last(void **state)
{
	const struct tally_json *r =
		report_of_day(HOSTS "h1 10:00 start a vcpus=1\nh1 12:00 heartbeat\n"
				    "h1 18:00 start a vcpus=1\nh1 19:00 stop a cause=shutdown\n");

	(void)state;
	FLEET(r, "run_seconds", "10800");
	FLEET(r, "peak", "1");
	assert_int_equal(rows(r, "findings", "kind=missed-stop severity=warning"), 1);
	/* Nor does a VM that nobody ever stopped run on when its host falls silent. */
	r = report_of(HOSTS "h1 10:00 start a vcpus=1\nh1 12:00 heartbeat\n", "2026-03", "2026-04",
		      "UTC");
	FLEET(r, "run_seconds", "7200");
	assert_int_equal(rows(r, "findings", "kind=gap"), 1);
}

/* One VM, all of April and more; each hour it moves to the other host, which has
 * it 72 s before the first one lets go. */
static void
a_month_of_720_hours_is_720_hours_however_often_the_vm_moves(void **state)
{
	struct tally_buf b = TALLY_BUF_INIT;
	struct tally_wall at = test_wall("2026-03-31T23:00:00Z");
	char in[TALLY_TIME_TEXT], out[TALLY_TIME_TEXT];
	const struct tally_json *r;

	(void)state;
	tally_buf_add_str(&b, "h0 2026-03-31T00:00:00Z host cores_per_socket=8\n"
			      "h1 2026-03-31T00:00:00Z host cores_per_socket=8\n"
			      "h0 2026-03-31T12:00:00Z start a vcpus=2\n");
	for (int i = 1; i < 725; i++) {
		tally_wall_text(in, at);
		tally_wall_text(out, (struct tally_wall){ at.ns + 59 * TALLY_SECOND });
		tally_buf_addf(&b, "h%d %s migrate-in a vcpus=2 peer=h%d\n", i % 2, in, !(i % 2));
		tally_buf_addf(&b, "h%d %s migrate-out a peer=h%d\n", !(i % 2), out, i % 2);
		at.ns += 3600 * TALLY_SECOND;
	}
	tally_buf_add_str(&b, "h0 2026-05-02T00:00:00Z heartbeat\nh1 2026-05-02T00:00:00Z "
			      "heartbeat\n");
	r = report_of(tally_buf_cstr(&b), "2026-04", "2026-05", "UTC");
	FLEET(r, "run_seconds", "2592000");
	FLEET(r, "vcpu_seconds", "5184000");
	FLEET(r, "average", "1.000000");
	FLEET(r, "peak", "1");
	FLEET(r, "peak_seconds", "2592000");
	assert_figure(r, "usage", "scope=host id=h0", "run_seconds", "1296000");
	assert_figure(r, "usage", "scope=host id=h1", "run_seconds", "1296000");
	assert_int_equal(rows(r, "findings", "kind=uuid-conflict"), 0);
	tally_buf_deinit(&b);
}

/* Two halves of a month, and its days, add up to the month. */
static void
parts_of_a_month_add_up_to_it(void **state)
{
	static const char lines[] =
		HOSTS "h1 10:00:00.123456789 start a vcpus=3\nh1 2026-05-01T00:00:00Z heartbeat\n";
	long long sum = 0;
	char from[32], to[32];

	(void)state;
	for (int day = 1; day <= 31; day++) {
		char *end;
		const char *s;

		snprintf(from, sizeof(from), "2026-03-%02d", day);
		snprintf(to, sizeof(to), day == 31 ? "2026-04-01" : "2026-03-%02d", day + 1);
		s = figure(report_of(lines, from, to, "Europe/Berlin"), "usage", "scope=fleet",
			   "vcpu_seconds");
		sum += strtoll(s, &end, 10) * 1000000000;
		if (*end == '.') {
			char digits[10] = "000000000";

			memcpy(digits, end + 1, strlen(end + 1));
			sum += strtoll(digits, NULL, 10);
		}
	}
	/* From the start to 2026-03-31T22:00Z, on three virtual CPUs. */
	assert_int_equal(sum, 3 * ((30 * 24 + 12) * 3600000000000 - 123456789));
	assert_figure(report_of(lines, "2026-03", "2026-04", "Europe/Berlin"), "usage",
		      "scope=fleet", "vcpu_seconds", "7905599.629629633");
}

#define ALWAYS                                                                                     \
	"h1 2025-01-01T00:00:00Z host cores_per_socket=8\nh1 2025-01-01T00:00:00Z start a "        \
	"vcpus=1\nh1 2027-01-01T00:00:00Z heartbeat\n"

static void
days_and_months_are_as_long_as_the_calendar_has_them(void **state)
{
	static const struct {
		const char *from, *to, *zone, *seconds;
	} cases[] = {
		{ "2026-03-29", "2026-03-30", "Europe/Berlin", "82800" },
		{ "2026-10-25", "2026-10-26", "Europe/Berlin", "90000" },
		{ "2026-03-28", "2026-03-29", "Europe/Berlin", "86400" },
		{ "2026-03-29T01:00:00+01:00", "2026-03-29T04:00:00+02:00", "Europe/Berlin",
		  "7200" },
		{ "2026-10-25T01:00:00+02:00", "2026-10-25T04:00:00+01:00", "Europe/Berlin",
		  "14400" },
		{ "2026-03", "2026-04", "Europe/Berlin", "2674800" },
		{ "2026-10", "2026-11", "Europe/Berlin", "2682000" },
		{ "2026-03", "2026-04", "America/New_York", "2674800" },
		{ "2026-11", "2026-12", "America/New_York", "2595600" },
		{ "2026-04", "2026-05", "Australia/Lord_Howe", "2593800" },
		{ "2026-10", "2026-11", "Australia/Lord_Howe", "2676600" },
		{ "2026-04-05", "2026-04-06", "Australia/Lord_Howe", "88200" },
		{ "2026-10-04", "2026-10-05", "Australia/Lord_Howe", "84600" },
		{ "2026-04", "2026-05", "UTC", "2592000" },
		{ "2026-01", "2027-01", "Europe/Berlin", "31536000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tally_json *r =
			report_of(ALWAYS, cases[i].from, cases[i].to, cases[i].zone);

		FLEET(r, "run_seconds", cases[i].seconds);
		FLEET(r, "average", "1.000000");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_that_changes_inside_an_hour_counts_to_the_second),
		cmocka_unit_test(an_event_that_is_there_twice_counts_once),
		cmocka_unit_test(an_event_that_comes_late_does_not_turn_time_back),
		cmocka_unit_test(a_stop_that_never_came_ends_with_what_was_seen_last),
		cmocka_unit_test(a_month_of_720_hours_is_720_hours_however_often_the_vm_moves),
		cmocka_unit_test(parts_of_a_month_add_up_to_it),
		cmocka_unit_test(days_and_months_are_as_long_as_the_calendar_has_them),
	};
	int failed = cmocka_run_group_tests_name("reports stumbles", tests, NULL, NULL);

	report_done();
	return failed;
}
