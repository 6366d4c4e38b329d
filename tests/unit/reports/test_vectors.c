/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of the public licence vectors that test the timeline. They lie beside
 * the checkout; the same rules have cases of our own in the other programs here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

/* 2026-03-01T00:00:00Z and `seconds` more. */
static void
add_stamp(struct tally_buf *b, int64_t seconds)
{
	char text[TALLY_TIME_TEXT];
	struct tally_wall t = { test_wall("2026-03-01T00:00:00Z").ns + seconds * TALLY_SECOND };

	tally_wall_text(text, t);
	tally_buf_add_str(b, text);
}

static void
add_run(struct tally_buf *b, int64_t from, int64_t to, int64_t vcpus, unsigned vm)
{
	for (int end = 0; end < 2; end++) {
		/* A host each, since a host's events must stand in order. */
		tally_buf_addf(b, "h%u ", vm % 15);
		add_stamp(b, end ? to : from);
		tally_buf_addf(b, " %s 00000000-0000-4000-8000-%012u %s", end ? "stop" : "start",
			       vm, end ? "cause=shutdown\n" : "");
		if (!end)
			tally_buf_addf(b, "vcpus=%" PRId64 "\n", vcpus);
	}
}

static double
expected_of(const struct tally_json *c)
{
	const struct tally_json *v = tally_json_get(c, "expect");

	return tally_json_type(v) == TALLY_JSON_INT ? (double)tally_json_int(v)
						    : tally_json_real(v);
}

static void
same(const struct tally_json *c, double is)
{
	double diff = is - expected_of(c);

	if (diff < -1e-6 || diff > 1e-6)
		fail_msg("%s: %f, not %f",
			 (const char *)tally_json_string(tally_json_get(c, "id")).p, is,
			 expected_of(c));
}

static int64_t
at2(const struct tally_json *rows_of, size_t i, size_t k)
{
	return tally_json_int(tally_json_at(tally_json_at(rows_of, i), k));
}

static const char *
fleet(const struct tally_buf *lines, const char *field)
{
	struct tally_buf copy = *lines;

	return figure(report_of_day(tally_buf_cstr(&copy)), "usage", "scope=fleet", field);
}

/* Weekly peaks, played back in hours. */
static void
play_series(const struct tally_json *c, const struct tally_json *series)
{
	struct tally_buf b = TALLY_BUF_INIT;
	unsigned vm = 0;

	for (size_t i = 0; i < tally_json_count(series); i++)
		for (int64_t n = tally_json_int(tally_json_at(series, i)); n > 0; n--)
			tally_buf_addf(
				&b, "h%zu %02zu:00 start 00000000-0000-4000-8000-%012u vcpus=1\n",
				i, i, vm++);
	vm = 0;
	for (size_t i = 0; i < tally_json_count(series); i++)
		for (int64_t n = tally_json_int(tally_json_at(series, i)); n > 0; n--)
			tally_buf_addf(
				&b,
				"h%zu %02zu:00 stop 00000000-0000-4000-8000-%012u cause=shutdown\n",
				i, i + 1, vm++);
	same(c, strtod(fleet(&b, "peak"), NULL));
	tally_buf_deinit(&b);
}

static void
play_intervals(const struct tally_json *c, const struct tally_json *iv, const char *field)
{
	struct tally_buf b = TALLY_BUF_INIT;

	for (size_t i = 0; i < tally_json_count(iv); i++)
		add_run(&b, at2(iv, i, 0), at2(iv, i, 1), 1, (unsigned)i);
	same(c, strtod(fleet(&b, field), NULL));
	tally_buf_deinit(&b);
}

static void
play_segments(const struct tally_json *c, const struct tally_json *seg)
{
	struct tally_buf b = TALLY_BUF_INIT;
	size_t n = tally_json_count(seg);

	for (size_t i = 0; i < n; i++) {
		tally_buf_add_str(&b, "h1 ");
		add_stamp(&b, at2(seg, i, 0));
		tally_buf_addf(&b, " %s a vcpus=%" PRId64 "\n", i ? "config" : "start",
			       at2(seg, i, 2));
	}
	tally_buf_add_str(&b, "h1 ");
	add_stamp(&b, at2(seg, n - 1, 1));
	tally_buf_add_str(&b, " stop a cause=shutdown\n");
	same(c, strtod(fleet(&b, "vcpu_seconds"), NULL) / 3600);
	tally_buf_deinit(&b);
}

#define ALWAYS                                                                                     \
	"h1 2025-01-01T00:00:00Z host cores_per_socket=8\nh1 2025-01-01T00:00:00Z start a "        \
	"vcpus=1\n"                                                                                \
	"h1 2027-01-01T00:00:00Z heartbeat\n"

static void
play_month(const struct tally_json *c, const struct tally_json *in)
{
	const char *month = (const char *)tally_json_string(tally_json_get(in, "month")).p;
	const char *zone = (const char *)tally_json_string(tally_json_get(in, "tz")).p;
	char next[32];

	snprintf(next, sizeof(next), "%.5s%02ld", month, strtol(month + 5, NULL, 10) + 1);
	same(c, strtod(figure(report_of(ALWAYS, month, next, zone), "usage", "scope=fleet",
			      "run_seconds"),
		       NULL) /
			3600);
}

/* Local times of the one case: the instants are the zone's first of the date and
 * so many real hours on; both lie outside the hour that is there twice. */
static void
play_local(const struct tally_json *c, const struct tally_json *in)
{
	const char *zone = (const char *)tally_json_string(tally_json_get(in, "tz")).p;
	const char *start = (const char *)tally_json_string(tally_json_get(in, "start")).p;
	const char *end = (const char *)tally_json_string(tally_json_get(in, "end")).p;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_wall at[2];
	struct tally_zone *z;
	char text[2][TALLY_TIME_TEXT], day[32];

	assert_int_equal(tally_zone_open(&z, zone, &err), 0);
	for (int i = 0; i < 2; i++) {
		const char *local = i ? end : start;
		int64_t hour = strtol(local + 11, NULL, 10);

		/* From the day's begin forwards, from the next day's begin backwards. */
		snprintf(day, sizeof(day), "%.8s%02ld", local, strtol(local + 8, NULL, 10) + i);
		assert_int_equal(tally_zone_parse_t(z, day, &at[i], &err), 0);
		at[i].ns += (i ? hour - 24 : hour) * 3600 * TALLY_SECOND;
		tally_wall_text(text[i], at[i]);
	}
	tally_zone_free(z);
	same(c, strtod(figure(report_of(ALWAYS, text[0], text[1], zone), "usage", "scope=fleet",
			      "run_seconds"),
		       NULL));
}

static int64_t
number(const struct tally_json *in, const char *key)
{
	return tally_json_int(tally_json_get(in, key));
}

static void
add_day(struct tally_buf *b, int64_t day)
{
	add_stamp(b, day * 86400);
}

/* How many VMs were on the host in the days before `now_day`: what a window counts.
 * Those that left did so a whole number of days ago. */
static void
play_window(const struct tally_json *c, const struct tally_json *in)
{
	const struct tally_json *left = tally_json_get(in, "left_days_ago");
	int64_t now = number(in, "now_day"), running = number(in, "running");
	struct tally_buf b = TALLY_BUF_INIT, from = TALLY_BUF_INIT, to = TALLY_BUF_INIT;
	int64_t all = running + (int64_t)tally_json_count(left);
	const struct tally_json *r;

	for (int64_t i = 0; i < all; i++) {
		tally_buf_add_str(&b, "h1 ");
		add_day(&b, 0);
		tally_buf_addf(&b, " start 00000000-0000-4000-8000-%012" PRId64 " vcpus=1\n", i);
	}
	for (size_t i = tally_json_count(left); i-- > 0;) {
		tally_buf_add_str(&b, "h1 ");
		add_day(&b, now - tally_json_int(tally_json_at(left, i)));
		tally_buf_addf(&b, " migrate-out 00000000-0000-4000-8000-%012" PRId64 " peer=h2\n",
			       running + (int64_t)i);
	}
	tally_buf_add_str(&b, "h1 ");
	add_day(&b, now);
	tally_buf_add_str(&b, " heartbeat\n");
	add_day(&from, now - number(in, "window_days"));
	add_day(&to, now);
	r = report_of(tally_buf_cstr(&b), tally_buf_cstr(&from), tally_buf_cstr(&to), "UTC");
	same(c, (double)rows(r, "vms", "hosts=h1"));
	tally_buf_deinit(&b);
	tally_buf_deinit(&from);
	tally_buf_deinit(&to);
}

static bool
play(const struct tally_json *c)
{
	const char *rule = (const char *)tally_json_string(tally_json_get(c, "rule")).p;
	const struct tally_json *in = tally_json_get(c, "input");

	if (strcmp(rule, "HWM") == 0)
		play_series(c, tally_json_get(in, "series"));
	else if (strcmp(rule, "HWM_INTERVALS") == 0)
		play_intervals(c, tally_json_get(in, "iv"), "peak");
	else if (strncmp(rule, "AVG_", 4) == 0)
		play_intervals(c, tally_json_get(in, "iv"), "average");
	else if (strcmp(rule, "VCPU_HOURS") == 0)
		play_segments(c, tally_json_get(in, "seg"));
	else if (strcmp(rule, "MONTH_HOURS") == 0)
		play_month(c, in);
	else if (strcmp(rule, "RUN_SECONDS") == 0)
		play_local(c, in);
	else if (strcmp(rule, "WS_HOST_VMS_IN_WINDOW") == 0)
		play_window(c, in);
	else
		return false;
	return true;
}

static void
the_timeline_agrees_with_the_public_cases(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc;
	unsigned played = 0;
	char *path, *text;
	size_t n = 0;

	(void)state;
	path = test_vectors() ? test_path(test_vectors(), "licensing.json") : NULL;
	text = path ? test_file_read(path, &n) : NULL;
	free(path);
	if (!text) {
		print_message("skipped: ../shared/vectors/licensing.json is not here\n");
		skip();
	}
	if (tally_json_parse(&doc, tally_bytes(text, n), &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < tally_json_count(tally_json_root(doc)); i++)
		played += play(tally_json_at(tally_json_root(doc), i));
	print_message("%u cases of the timeline\n", played);
	assert_true(played >= 10);
	tally_json_free(doc);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeline_agrees_with_the_public_cases),
	};
	int failed = cmocka_run_group_tests_name("reports vectors", tests, NULL, NULL);

	report_done();
	return failed;
}
