/* SPDX-License-Identifier: Apache-2.0 */
/* Powered time by the TPM: sums between anchors, boots that nobody logged, and nothing
 * where nothing is known. */
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"
#include "tally/event.h"

#define MINUTES(n) ((int64_t)(n)*60 * TALLY_SECOND)
#define MS(n)      ((uint64_t)(n)*60000) /* minutes */

/* An anchor's time: unsigned, for a report believes what the ledger says. */
static void
anchor(struct test_ledger *l, int64_t wall, uint64_t time, uint64_t clock, uint32_t resets,
       bool safe)
{
	struct tally_buf attest = TALLY_BUF_INIT, bytes = TALLY_BUF_INIT;
	struct tally_event ev = { .kind = TALLY_ANCHOR };
	struct tally_attested a;
	const uint8_t none[25] = { 0 };

	tally_buf_add_u32(&attest, 0xff544347);
	tally_buf_add_u16(&attest, 0x8019);
	tally_buf_add_u16(&attest, 0);
	tally_buf_add_u16(&attest, 0);
	tally_buf_add(&attest, none, sizeof(none));
	tally_buf_add_u64(&attest, time);
	tally_buf_add_u64(&attest, clock);
	tally_buf_add_u32(&attest, resets);
	tally_buf_add_u32(&attest, 0);
	tally_buf_add_u8(&attest, safe);
	tally_buf_add_u64(&attest, 1);
	a = (struct tally_attested){ tally_buf_view(&attest), tally_bytes(none, 1) };
	tally_attested_write(&bytes, &a);
	ev.o.tpm_time = tally_buf_view(&bytes);
	test_ledger_append(l, &ev, 0, 1, (uint64_t)wall);
	tally_buf_deinit(&attest);
	tally_buf_deinit(&bytes);
}

static void
session(struct test_ledger *l, int64_t wall, uint32_t resets)
{
	static const uint32_t pcr = 0;
	static const uint8_t hash[TALLY_HASH];
	const struct tally_bytes h = tally_bytes(hash, TALLY_HASH), t = tally_bytes_str("x");
	const struct tally_statement st = { .version = 1,
					    .host_id = h,
					    .ek_public = t,
					    .ak_public = t,
					    .origin = t,
					    .vkey = t,
					    .agent_version = t,
					    .agent_hash = h,
					    .pcr_bank = 11,
					    .boot_pcrs = { &pcr, 1 },
					    .ledger_pcr = 14,
					    .reset_count = resets,
					    .prev_root = h,
					    .transport = t,
					    .ledger_pcr_value = h };
	struct tally_event ev = { .kind = TALLY_SESSION_STATEMENT };
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	assert_int_equal(tally_statement_encode(&st, &bytes, &err), 0);
	ev.o.statement = tally_buf_view(&bytes);
	test_ledger_append(l, &ev, 0, 1, (uint64_t)wall);
	tally_buf_deinit(&bytes);
}

static const struct tally_json *
over(const struct test_history *h, const char *from, const char *to)
{
	return report_of_history(h, from, to);
}

#define assert_tpm(r, field, expected)                                                             \
	assert_figure(r, "coverage", "host=h1", "attested." field, expected)

/* A host that beats from 10:00 to 11:00, and whose TPM was on since 09:30. */
static struct test_ledger *
begin(struct test_history *h, int64_t *ten)
{
	test_history_init(h);
	test_history_add(h, "h1! 10:00 host cores_per_socket=4 boot=1\n"
			    "h1! 11:00 heartbeat from=10:00 to=11:00\n");
	*ten = test_wall("2026-03-01T10:00:00Z").ns;
	return test_history_ledger(h, "h1");
}

static void
powered_time_is_the_sum_between_anchors_and_goes_back_to_the_power_on(void **state)
{
	const struct tally_json *r;
	struct test_history h;
	struct test_ledger *l;
	int64_t ten;

	(void)state;
	l = begin(&h, &ten);
	session(l, ten + MINUTES(60), 1);
	anchor(l, ten + MINUTES(60), MS(90), MS(500), 1, true);
	anchor(l, ten + MINUTES(75), MS(105), MS(515), 1, true);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "6300");
	assert_tpm(r, "metered_seconds", "3600");
	assert_tpm(r, "unattested_seconds", "2700");
	assert_tpm(r, "resolution_seconds", "5400");
	assert_tpm(r, "boots", "1");
	assert_tpm(r, "clock_sets", "0");
	/* The half of the first piece. */
	r = over(&h, "2026-03-01T09:00:00Z", "2026-03-01T10:15:00Z");
	assert_tpm(r, "powered_seconds", "2700");
	assert_tpm(r, "metered_seconds", "900");
	report_done();
	test_history_deinit(&h);
}

static void
what_the_tpm_says_of_boots_suspends_and_its_clock_is_told(void **state)
{
	const struct tally_json *r;
	struct test_history h;
	struct test_ledger *l;
	int64_t ten;

	(void)state;
	l = begin(&h, &ten);
	session(l, ten + MINUTES(60), 1);
	anchor(l, ten + MINUTES(60), MS(60), MS(500), 1, true);
	anchor(l, ten + MINUTES(75), MS(75), MS(600), 1, true); /* its clock was set */
	session(l, ten + MINUTES(200), 4);
	anchor(l, ten + MINUTES(200), MS(20), MS(620), 4, false);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "5700");
	assert_tpm(r, "boots", "2");
	assert_tpm(r, "unlogged_boots", "2");
	assert_tpm(r, "unclean_stops", "1");
	assert_tpm(r, "clock_sets", "1");
	report_done();
	test_history_deinit(&h);
}

/* A TPM whose time runs slower than the host's says less: it is what counts. */
static void
a_slowed_tpm_says_less_than_the_host(void **state)
{
	const struct tally_json *r;
	struct test_history h;
	struct test_ledger *l;
	int64_t ten;

	(void)state;
	l = begin(&h, &ten);
	session(l, ten + MINUTES(60), 1);
	anchor(l, ten + MINUTES(60), MS(0), MS(500), 1, true);
	anchor(l, ten + MINUTES(160), MS(85), MS(585), 1, true);
	r = over(&h, "2026-03-01T11:00:00Z", "2026-03-02");
	assert_tpm(r, "powered_seconds", "5100");
	report_done();
	test_history_deinit(&h);
}

/* Its instants go on behind the last one, as those of the timeline do. */
static void
a_clock_that_goes_back_lets_nothing_count_twice(void **state)
{
	const struct tally_json *r;
	struct test_history h;
	struct test_ledger *l;
	int64_t ten;

	(void)state;
	l = begin(&h, &ten);
	session(l, ten + MINUTES(60), 1);
	anchor(l, ten + MINUTES(60), MS(60), MS(60), 1, true);
	anchor(l, ten + MINUTES(75), MS(75), MS(75), 1, true);
	l->stepped -= MINUTES(60);
	anchor(l, ten + MINUTES(30), MS(90), MS(90), 1, true);
	anchor(l, ten + MINUTES(45), MS(105), MS(105), 1, true);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "6300");
	assert_tpm(r, "resolution_seconds", "3600");
	r = over(&h, "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z");
	assert_tpm(r, "powered_seconds", "3600");
	/* Put right again, it has no hour too many, and none too few. */
	l->stepped += MINUTES(60);
	anchor(l, ten + MINUTES(120), MS(120), MS(120), 1, true);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "7200");
	r = over(&h, "2026-03-01T11:45:00Z", "2026-03-02");
	assert_tpm(r, "powered_seconds", "900");
	/* A session whose clock begins in the past. */
	l->stepped -= MINUTES(100);
	session(l, ten + MINUTES(40), 2);
	anchor(l, ten + MINUTES(40), MS(10), MS(130), 2, true);
	anchor(l, ten + MINUTES(55), MS(25), MS(145), 2, true);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "8700");
	r = over(&h, "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z");
	assert_tpm(r, "powered_seconds", "3600");
	report_done();
	test_history_deinit(&h);
}

static void
without_anchors_nothing_is_told_and_no_zero(void **state)
{
	const struct tally_json *r;
	struct test_history h;
	struct test_ledger *l;
	int64_t ten;

	(void)state;
	l = begin(&h, &ten);
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "");
	anchor(l, ten + MINUTES(60), MS(30), MS(30), 1, true);
	r = over(&h, "2026-03-05", "2026-03-06");
	assert_tpm(r, "powered_seconds", "");
	r = over(&h, "2026-03-01", "2026-03-02");
	assert_tpm(r, "powered_seconds", "1800");
	report_done();
	test_history_deinit(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			powered_time_is_the_sum_between_anchors_and_goes_back_to_the_power_on),
		cmocka_unit_test(what_the_tpm_says_of_boots_suspends_and_its_clock_is_told),
		cmocka_unit_test(a_slowed_tpm_says_less_than_the_host),
		cmocka_unit_test(a_clock_that_goes_back_lets_nothing_count_twice),
		cmocka_unit_test(without_anchors_nothing_is_told_and_no_zero),
	};

	return cmocka_run_group_tests_name("powered", tests, NULL, NULL);
}
