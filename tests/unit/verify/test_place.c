/* SPDX-License-Identifier: Apache-2.0 */
/* A record that does not fit to a ledger is refused before it is stored, and what is
 * let through a verifier takes. */
#include <stdlib.h>
#include <string.h>
#include "enrolled.h"
#include "tally/enrol.h"

/* What whoever stores records asks first; `wall` is the entry's. */
static int
fits_by(struct world *w, const struct tally_enrolment *e, struct tally_logkey *by, const char *wall)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_buf record = TALLY_BUF_INIT;
	struct tally_enrolment_file f = { 0 };
	struct tally_store_origins o;
	int r;

	tally_err_clear(&w->err);
	world_sign(w, &record, e, by);
	assert_int_equal(
		tally_enrolment_file_read(&f, "r", tally_buf_view(&record), false, arena, &w->err),
		0);
	assert_int_equal(tally_store_origins_read(w->l.store, true, &o, &w->err), 0);
	r = tally_record_fits(&f, "r", tally_buf_view(&record),
			      &(struct tally_record_ledger){ tally_store_vkey(w->l.store),
							     test_wall(wall).ns, &o },
			      &w->err);
	tally_store_origins_deinit(&o);
	tally_enrolment_file_deinit(&f);
	tally_buf_deinit(&record);
	tally_arena_free(arena);
	return r;
}

static int
fits(struct world *w, const struct tally_enrolment *e, const char *wall)
{
	return fits_by(w, e, w->enroller, wall);
}

#define NOW "2026-03-01T00:00:00Z"

static void
is_refused(struct world *w, const struct tally_enrolment *e, const char *wall, const char *why)
{
	assert_int_equal(fits(w, e, wall), -1);
	assert_int_equal(w->err.code, TALLY_FAILS);
	if (!strstr(w->err.text, why))
		fail_msg("'%s' is not in '%s'", why, w->err.text);
}

static void
an_honest_record_fits(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	assert_int_equal(fits(w, &e, NOW), 0);
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "hardware-certified");
}

static void
the_newest_record_itself_is_no_second_entry_and_an_older_one_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w), older = e;

	world_append(w, &e, w->enroller);
	assert_int_equal(fits(w, &e, NOW), 1);
	older.time -= TALLY_SECOND;
	is_refused(w, &older, NOW, "older than the ledger's newest record");
	/* Something else of that second, or the same of a later one, is another record. */
	e.asset = tally_bytes_str("0043");
	assert_int_equal(fits(w, &e, NOW), 0);
	e = world_honest(w);
	e.time += TALLY_SECOND;
	assert_int_equal(fits(w, &e, NOW), 0);
}

/* The present key he may enrol: who pins him alone begins there, and nobody else minds. */
static void
a_new_attestation_key_of_another_enroller_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_enrolment present = world_honest(w), new = present;
	struct faketpm other;

	faketpm_init(&other);
	new.ak_public = tally_buf_view(&other.ak_public);
	world_append(w, &present, w->enroller);
	assert_int_equal(fits_by(w, &new, w->other, NOW), -1);
	assert_int_equal(w->err.code, TALLY_FAILS);
	assert_non_null(strstr(w->err.text, "not of the enroller of the ledger's newest record"));
	assert_int_equal(fits_by(w, &present, w->other, NOW), 0);
	world_append(w, &present, w->other);
	assert_int_equal(fits_by(w, &new, w->other, NOW), 0);
	assert_int_equal(fits_by(w, &new, w->enroller, NOW), -1);
	faketpm_deinit(&other);
}

static void
a_record_of_another_log_tpm_or_key_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct tally_buf vkey = TALLY_BUF_INIT;
	struct tally_logkey *log;
	struct faketpm other;

	faketpm_init(&other);
	e.ak_public = tally_buf_view(&other.ak_public);
	is_refused(w, &e, NOW, "of another attestation key");
	e.ek_public = e.certified_public = tally_buf_view(&other.ek_public);
	e.certificates = 0;
	tally_host_id(e.host_id, e.ek_public);
	is_refused(w, &e, NOW, "of another TPM");
	e = world_honest(w);
	assert_int_equal(tally_logkey_generate(&log, ORIGIN, &w->err), 0);
	tally_vkey_text(&vkey, tally_logkey_vkey(log));
	e.vkey = tally_buf_view(&vkey);
	is_refused(w, &e, NOW, "of another log");
	tally_logkey_free(log);
	tally_buf_deinit(&vkey);
	faketpm_deinit(&other);
}

static void
a_record_more_than_an_hour_ahead_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	assert_int_equal(fits(w, &e, "2026-02-28T23:00:00Z"), 0);
	is_refused(w, &e, "2026-02-28T22:59:59Z", "dated after");
}

static void
a_record_with_another_succession_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	e.succeeds = true;
	e.prev_origin = tally_bytes_str("example.com/old");
	e.prev_size = 7;
	is_refused(w, &e, NOW, "succession");
}

/* A new attestation key: its record stands in a session of the old one, which a record
 * names; then the new one may come, and the class is still the enrolled one. */
static void
a_new_attestation_key_fits_behind_a_record_of_the_old_one_only(void **state)
{
	struct world *w = *state;
	struct tally_enrolment old = world_honest(w), new = old;
	struct faketpm other;

	faketpm_init(&other);
	new.ak_public = tally_buf_view(&other.ak_public);
	is_refused(w, &new, NOW, "of another attestation key");
	world_append(w, &old, w->enroller);
	ledger_append(&w->l, 3);
	assert_int_equal(fits(w, &new, NOW), 0);
	world_enrolled(w, &new, w->enroller);
	world_is_class(w, "hardware-certified");
	faketpm_deinit(&other);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enrolled_setup, enrolled_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_honest_record_fits),
		TEST(the_newest_record_itself_is_no_second_entry_and_an_older_one_is_refused),
		TEST(a_new_attestation_key_of_another_enroller_is_refused),
		TEST(a_record_of_another_log_tpm_or_key_is_refused),
		TEST(a_record_more_than_an_hour_ahead_is_refused),
		TEST(a_record_with_another_succession_is_refused),
		TEST(a_new_attestation_key_fits_behind_a_record_of_the_old_one_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
