/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says beside its figures, and what it refuses to be made of. */
#include <stdio.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

#define HOST "h1 00:00 host cores_per_socket=8\n"

static void
many_cases_of_one_kind_and_host_are_one_finding(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	const struct tally_json *r, *list;
	const char *text;

	(void)state;
	tally_buf_add_str(&lines, HOST);
	for (unsigned i = 0; i < 300; i++)
		tally_buf_addf(&lines, "h1 10:%02u:%02u time-travel a cause=revert\n", i / 60,
			       i % 60);
	r = report_of_day(tally_buf_cstr(&lines));
	tally_buf_deinit(&lines);
	text = figure(r, "findings", "kind=time-travel", "text");
	assert_non_null(strstr(text, "host h1: 300 times a VM was set back in time: VM "));
	assert_non_null(strstr(text, "at 2026-03-01T10:00:04Z (revert); and 295 more"));
	assert_null(strstr(text, "10:00:05Z"));
	list = tally_json_get(r, "findings");
	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *f = tally_json_at(list, i),
					*e = tally_json_get(f, "entries");

		if (!tally_bytes_eq(tally_json_string(tally_json_get(f, "kind")),
				    tally_bytes_str("time-travel")))
			continue;
		assert_int_equal(tally_json_count(e), 100);
		assert_int_equal(tally_json_int(tally_json_get(tally_json_at(e, 0), "index")), 2);
		assert_int_equal(tally_json_int(tally_json_get(tally_json_at(e, 99), "index")),
				 101);
	}
}

static void
what_lies_outside_the_period_is_no_finding(void **state)
{
	const struct tally_json *r = report_of(
		HOST "h1 10:00 time-travel a cause=revert\nh1 10:00 start a vcpus=1\nh1 10:05 "
		     "heartbeat\n"
		     "h1 10:10 start a vcpus=1\nh1 10:20 stop a cause=vanished not_before=10:15\n"
		     "h1 10:20 migrate-out b\nh1 10:20 migrate-in c vcpus=1\nh1 10:21 stop c "
		     "cause=shutdown\n"
		     "h1 10:30 clock-step seconds=5\nh1 10:40 gap from=10:35 to=10:38\nh1 11:00 "
		     "host-failed\n",
		"2026-03-02", "2026-03-03", "UTC");

	(void)state;
	assert_int_equal(rows(r, "findings", ""), 2);
	assert_int_equal(rows(r, "findings", "kind=evidence-class"), 1);
	assert_int_equal(rows(r, "findings", "kind=nothing-recorded"), 1);
}

#define TWO HOST "h2 00:00 host cores_per_socket=8\n"
#define SAVED                                                                                      \
	TWO "h1 01:00 start a vcpus=1 name=web\nh1 02:00 stop a cause=saved\n"                     \
	    "h2 03:00 start a vcpus=1 cause=restore name=web\n"

/* One saved state, restored here and there. */
static void
a_saved_state_that_begins_a_vm_twice_makes_a_clone(void **state)
{
	const struct tally_json *r;

	(void)state;
	r = report_of_day(SAVED "h1 05:00 start a vcpus=1 cause=restore\nh1 06:00 heartbeat\n");
	assert_figure(
		r, "findings", "kind=clone", "text",
		"host h1: 1 begin of a VM from a saved state that had begun it before: VM web "
		"(00000000-0000-0000-0000-000000000061) at 2026-03-01T05:00:00Z, before that "
		"on h2 at 2026-03-01T03:00:00Z");
	assert_figure(r, "findings", "kind=clone", "severity", "warning");
	/* So does one that is restored when the first has gone. */
	r = report_of_day(SAVED "h2 04:00 stop a cause=shutdown\nh1 05:00 start a vcpus=1 "
				"cause=restore\n");
	assert_int_equal(rows(r, "findings", "kind=clone"), 1);
	r = report_of_day(SAVED "h2 04:00 stop a cause=shutdown\nh2 05:00 start a vcpus=1 "
				"cause=restore\n");
	assert_int_equal(rows(r, "findings", "kind=clone"), 1);
}

static void
a_vm_that_is_saved_anew_or_failed_to_begin_is_no_clone(void **state)
{
	static const char *const between[] = { "h2 04:00 stop a cause=saved\n",
					       "h2 04:00 stop a cause=failed\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tally_buf lines = TALLY_BUF_INIT;

		tally_buf_addf(&lines, "%s%s%s", SAVED, between[i],
			       "h1 05:00 start a vcpus=1 cause=restore\n");
		assert_int_equal(
			rows(report_of_day(tally_buf_cstr(&lines)), "findings", "kind=clone"), 0);
		tally_buf_deinit(&lines);
	}
	/* It booted; and what was restored before the period is the business of that one. */
	assert_int_equal(
		rows(report_of_day(SAVED "h2 04:00 stop a cause=shutdown\nh1 05:00 start a "
					 "vcpus=1 cause=boot\n"),
		     "findings", "kind=clone"),
		0);
	assert_int_equal(rows(report_of(SAVED "h1 05:00 start a vcpus=1 cause=restore\n",
					"2026-03-01T04:00:00Z", "2026-03-02", "UTC"),
			      "findings", "kind=clone"),
			 0);
}

#define KNOWN HOST "h1 00:00 start a vcpus=1 os=http://microsoft.com/win/2k22\n"
#define END   "h1 23:59 heartbeat\n"

/* Middle of the day: 12:00. */
static void
unclassified_run_time_that_grows_by_itself_and_by_its_share_is_told(void **state)
{
	static const char *const none[] = {
		KNOWN END,
		/* As much before as behind; less behind than before. */
		KNOWN "h1 06:00 start b vcpus=1\nh1 18:00 stop b cause=shutdown\n" END,
		KNOWN "h1 06:00 start b vcpus=1\nh1 17:00 stop b cause=shutdown\n" END,
		/* 7 minutes more of 12 hours: less than a hundredth. */
		KNOWN "h1 06:00 start b vcpus=1\nh1 18:07 stop b cause=shutdown\n" END,
		/* All of it grows alike. */
		HOST "h1 06:00 start a vcpus=1 os=http://microsoft.com/win/2k22\n"
		     "h1 06:00 start b vcpus=1\n" END,
		/* Nothing ran before. */
		HOST "h1 12:00 start b vcpus=1\n" END,
	};
	const struct tally_json *r =
		report_of_day(KNOWN "h1 11:00 start b vcpus=1\nh1 13:00 start c vcpus=1\nh1 14:00 "
				    "stop c cause=shutdown\nh1 15:00 stop b cause=shutdown\n" END);

	(void)state;
	assert_figure(
		r, "findings", "kind=unclassified-growing", "text",
		"1 growth of the run time without a known OS, 10800 s in all: 3600 s (7.69 % "
		"of the run time) before 2026-03-01T12:00:00Z, 14400 s (25.03 %) from then on");
	assert_figure(r, "findings", "kind=unclassified-growing", "severity", "warning");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (rows(report_of_day(none[i]), "findings", "kind=unclassified-growing") != 0)
			fail_msg("told: %s", none[i]);
}

static void
a_period_of_which_no_ledger_tells_is_told(void **state)
{
	const struct tally_json *r = report_of(TWO "h1 01:00 heartbeat\nh2 01:00 heartbeat\n",
					       "2026-02-01", "2026-03-01", "UTC");

	(void)state;
	assert_figure(r, "findings", "kind=nothing-recorded", "text",
		      "2 ledgers, and no others, tell of no time in the period: h1; h2");
	assert_figure(r, "findings", "kind=nothing-recorded", "severity", "warning");
	/* One of them is enough. */
	r = report_of(TWO "h1 2026-03-05T00:00:00Z heartbeat\nh2 01:00 heartbeat\n", "2026-03-04",
		      "2026-03-06", "UTC");
	assert_int_equal(rows(r, "findings", "kind=nothing-recorded"), 0);
}

static void
findings_stand_by_severity_then_kind(void **state)
{
	const struct tally_json *r =
		report_of_day(HOST "h2 00:00 host cores_per_socket=8\nh1 10:00 start a vcpus=1\nh2 "
				   "10:00 start a vcpus=1\n"
				   "h1 11:00 stop a cause=shutdown\nh2 11:00 time-travel a "
				   "cause=restore\nh2 12:00 stop a cause=shutdown\n");
	const struct tally_json *list = tally_json_get(r, "findings");
	static const char *const kinds[] = { "uuid-conflict", "evidence-class", "imported",
					     "os-unknown", "time-travel" };

	(void)state;
	assert_int_equal(tally_json_count(list), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(
			tally_json_string(tally_json_get(tally_json_at(list, i), "kind")).p,
			kinds[i]);
}

static void
a_name_in_a_text_cannot_leave_it(void **state)
{
	const struct tally_json *r = report_of_day(
		HOST
		"h1 10:00 start a vcpus=1 name=%0a\"}%5c<script>%e2%82%ac\nh1 11:00 heartbeat\n"
		"h1 11:10 start a vcpus=1\nh1 11:20 stop a cause=shutdown\n");

	(void)state;
	assert_non_null(strstr(figure(r, "findings", "kind=missed-stop", "text"),
			       "VM \n\"}\\<script>\xe2\x82\xac (00000000-"));
}

static struct tally_report_options
options(struct tally_zone **z, const char *from, const char *to)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report_options o = { .tool = "t", .tzdata = "z" };

	assert_int_equal(tally_zone_open(z, "UTC", &err), 0);
	o.zone = *z;
	o.from = test_wall(from);
	o.to = test_wall(to);
	return o;
}

static void
no_hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0xff), TALLY_HASH);
}

/* Makes a report of ledgers as they are and says how that went. */
static int
try_report(struct tally_report_ledger *ledgers, size_t n, const char *from, const char *to,
	   struct tally_buf *json, struct tally_err *err)
{
	struct tally_zone *z;
	struct tally_report_options o = options(&z, from, to);
	struct tally_report *r = NULL;
	int rc;

	o.sha256 = no_hash;
	rc = tally_report_make(&r, ledgers, n, &o, err);
	if (rc == 0 && json)
		tally_report_json(r, json);
	tally_report_free(r);
	tally_zone_free(z);
	for (size_t i = 0; i < n; i++)
		test_ledger_close(&ledgers[i]);
	return rc;
}

#define DAY "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"

static void
an_empty_or_reversed_period_is_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(
		try_report(NULL, 0, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", NULL, &err),
		-1);
	assert_int_equal(err.code, TALLY_USE);
	assert_int_equal(
		try_report(NULL, 0, "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", NULL, &err),
		-1);
}

static void
two_ledgers_of_one_host_name_are_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l[2];

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST);
	l[0] = test_ledger_open(&h.ledgers[0]);
	l[1] = test_ledger_open(&h.ledgers[0]);
	assert_int_equal(try_report(l, 2, DAY, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_USE);
	assert_string_equal(err.text, "two ledgers of one host name: 'h1'");
	test_history_deinit(&h);
}

static void
a_ledger_that_is_shorter_than_its_checkpoint_fails(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST);
	l = test_ledger_open(&h.ledgers[0]);
	l.size++;
	assert_int_equal(try_report(&l, 1, DAY, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	assert_string_equal(err.text, "tallystick.invalid/h1: 2 entries, not 3");
	test_history_deinit(&h);
}

static void
an_entry_that_does_not_decode_fails_by_its_index(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST "h1 10:00 start a vcpus=1\n");
	h.ledgers[0].entries[2].group[TALLY_METERING].p[0] = 0xff;
	l = test_ledger_open(&h.ledgers[0]);
	assert_int_equal(try_report(&l, 1, DAY, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	assert_non_null(strstr(err.text, "entry 2"));
	test_history_deinit(&h);
}

static void
undisclosed_entries_and_those_behind_the_checkpoint_are_told(void **state)
{
	struct tally_buf json = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST "h1 10:00 start a vcpus=1\nh1 11:00 stop a cause=shutdown\n");
	h.ledgers[0].entries[2].mask = 1; /* metering alone: nobody knows whose */
	l = test_ledger_open(&h.ledgers[0]);
	l.beyond = 7;
	assert_int_equal(try_report(&l, 1, DAY, &json, &err), 0);
	assert_non_null(strstr(
		tally_buf_cstr(&json),
		"host h1: 7 entries lie behind the newest checkpoint and are not in this report"));
	assert_non_null(
		strstr(tally_buf_cstr(&json), "host h1: 1 entry was not disclosed in full"));
	assert_non_null(strstr(tally_buf_cstr(&json), "\"usage\": []"));
	tally_buf_deinit(&json);
	test_history_deinit(&h);
}

static void
add_session(struct test_ledger *l, uint32_t reset_count, uint32_t ledger_pcr)
{
	static const uint8_t hash[TALLY_HASH];
	static const uint32_t pcrs[] = { 0, 7 };
	struct tally_bytes h = tally_bytes(hash, sizeof(hash)), x = tally_bytes_str("x");
	struct tally_statement st = { .version = 1,
				      .host_id = h,
				      .ek_public = x,
				      .ak_public = x,
				      .origin = x,
				      .vkey = x,
				      .agent_version = x,
				      .agent_hash = h,
				      .pcr_bank = 11,
				      .boot_pcrs = { pcrs, 2 },
				      .ledger_pcr = ledger_pcr,
				      .reset_count = reset_count,
				      .prev_root = h,
				      .transport = x,
				      .ledger_pcr_value = h };
	struct tally_event ev = { .kind = TALLY_SESSION_STATEMENT };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf b = TALLY_BUF_INIT;

	if (tally_statement_encode(&st, &b, &err) < 0)
		fail_msg("%s", err.text);
	ev.o.statement = tally_buf_view(&b);
	test_ledger_append(l, &ev, 0, 1, UINT64_C(1780272000000000000));
	tally_buf_deinit(&b);
}

static void
a_tpm_reset_without_a_session_is_an_unlogged_boot(void **state)
{
	struct tally_buf json = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST);
	add_session(&h.ledgers[0], 4, 14);
	add_session(&h.ledgers[0], 5, 14);
	l = test_ledger_open(&h.ledgers[0]);
	if (try_report(&l, 1, DAY, &json, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(strstr(tally_buf_cstr(&json), "unlogged-boot"));
	add_session(&h.ledgers[0], 8, 14);
	l = test_ledger_open(&h.ledgers[0]);
	tally_buf_clear(&json);
	assert_int_equal(try_report(&l, 1, DAY, &json, &err), 0);
	assert_non_null(strstr(tally_buf_cstr(&json), "host h1: 2 TPM resets left no session"));
	tally_buf_deinit(&json);
	test_history_deinit(&h);
}

static void
a_session_without_a_ledger_pcr_is_told_and_one_with_it_is_not(void **state)
{
	struct tally_buf json = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_history h;
	struct tally_report_ledger l;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST);
	add_session(&h.ledgers[0], 4, 9);
	l = test_ledger_open(&h.ledgers[0]);
	assert_int_equal(try_report(&l, 1, DAY, &json, &err), 0);
	assert_null(strstr(tally_buf_cstr(&json), "no-ledger-pcr"));
	add_session(&h.ledgers[0], 5, TALLY_NO_PCR);
	add_session(&h.ledgers[0], 6, TALLY_NO_PCR);
	l = test_ledger_open(&h.ledgers[0]);
	tally_buf_clear(&json);
	assert_int_equal(try_report(&l, 1, DAY, &json, &err), 0);
	assert_non_null(strstr(tally_buf_cstr(&json), "no-ledger-pcr"));
	assert_non_null(strstr(tally_buf_cstr(&json), "host h1: 2 TPM sessions extend no PCR"));
	tally_buf_deinit(&json);
	test_history_deinit(&h);
}

/* Every byte of the entries bent in turn: a report or an error, never worse. */
static void
bent_groups_give_an_error_or_a_report(void **state)
{
	unsigned failed = 0, made = 0;
	struct test_history h;

	(void)state;
	test_history_init(&h);
	test_history_add(&h, HOST "h1 10:00 start a vcpus=1 os=urn:x software=p,q\nh1 10:30 tag a "
				  "tenant=t from=09:00 to=11:00\n"
				  "h1 11:00 stop a cause=vanished not_before=10:45\nh1 12:00 gap "
				  "from=11:00 to=11:30\n");
	for (size_t k = 1; k < h.ledgers[0].count; k++)
		for (int g = 0; g < TALLY_GROUPS; g++)
			for (size_t b = 0; b < h.ledgers[0].entries[k].group[g].len; b++)
				for (unsigned bit = 0; bit < 8; bit++) {
					uint8_t *p = &h.ledgers[0].entries[k].group[g].p[b];
					struct tally_report_ledger l =
						test_ledger_open(&h.ledgers[0]);
					struct tally_buf json = TALLY_BUF_INIT;
					struct tally_err err = TALLY_ERR_INIT;

					*p = (uint8_t)(*p ^ (1u << bit));
					if (try_report(&l, 1, DAY, &json, &err) == 0)
						made++;
					else
						failed += err.code == TALLY_FAILS;
					*p = (uint8_t)(*p ^ (1u << bit));
					tally_buf_deinit(&json);
				}
	assert_true(failed > 0 && made > 0);
	test_history_deinit(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_cases_of_one_kind_and_host_are_one_finding),
		cmocka_unit_test(what_lies_outside_the_period_is_no_finding),
		cmocka_unit_test(a_saved_state_that_begins_a_vm_twice_makes_a_clone),
		cmocka_unit_test(a_vm_that_is_saved_anew_or_failed_to_begin_is_no_clone),
		cmocka_unit_test(
			unclassified_run_time_that_grows_by_itself_and_by_its_share_is_told),
		cmocka_unit_test(a_period_of_which_no_ledger_tells_is_told),
		cmocka_unit_test(findings_stand_by_severity_then_kind),
		cmocka_unit_test(a_name_in_a_text_cannot_leave_it),
		cmocka_unit_test(an_empty_or_reversed_period_is_refused),
		cmocka_unit_test(two_ledgers_of_one_host_name_are_refused),
		cmocka_unit_test(a_ledger_that_is_shorter_than_its_checkpoint_fails),
		cmocka_unit_test(an_entry_that_does_not_decode_fails_by_its_index),
		cmocka_unit_test(undisclosed_entries_and_those_behind_the_checkpoint_are_told),
		cmocka_unit_test(a_tpm_reset_without_a_session_is_an_unlogged_boot),
		cmocka_unit_test(a_session_without_a_ledger_pcr_is_told_and_one_with_it_is_not),
		cmocka_unit_test(bent_groups_give_an_error_or_a_report),
	};
	int failed = cmocka_run_group_tests_name("reports findings", tests, NULL, NULL);

	report_done();
	return failed;
}
