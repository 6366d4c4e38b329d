/* SPDX-License-Identifier: Apache-2.0 */
/* Checks 5, 13, 14 and 18: what an enrolment record in an export is worth. */
#include <stdlib.h>
#include <string.h>
#include "enrolled.h"

static void
check_18_gives_hardware_to_an_enrolled_certified_tpm(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "hardware-certified");
}

static void
without_a_record_a_device_is_software(void **state)
{
	struct world *w = *state;

	world_finish(w);
	world_pin_all(w);
	world_is_class(w, "software (libtpms)");
}

static void
check_14_wants_a_pinned_enroller(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->other);
	world_is_class(w, "software (libtpms)");
	/* Its own log's key is no enroller's, whatever is pinned. */
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	testca_pem(&w->pins, w->root.certificate);
	world_is_class(w, "software (libtpms)");
}

static void
check_14_refuses_a_signature_that_does_not_verify(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct tally_event ev = { .kind = TALLY_ENROLMENT };
	struct tally_buf record = TALLY_BUF_INIT;
	uint8_t *time;
	uint64_t index;

	world_sign(w, &record, &e, w->enroller);
	time = memmem(record.p, record.len, "time 2026-03-01", 15);
	assert_non_null(time);
	time[14] = '2';
	ev.o.enrolment = tally_buf_view(&record);
	assert_int_equal(tally_store_append_event(w->l.store, &ev, &index, &w->err), 0);
	tally_buf_deinit(&record);
	world_finish(w);
	world_pin_all(w);
	world_is_problem(w, "tpm-14", (int64_t)index);
}

static void
a_record_that_is_none_is_a_problem(void **state)
{
	struct tally_event ev = { .kind = TALLY_ENROLMENT };
	struct world *w = *state;
	uint64_t index;

	ev.o.enrolment = tally_bytes_str("tallystick/enrolment/v1\n");
	assert_int_equal(tally_store_append_event(w->l.store, &ev, &index, &w->err), 0);
	world_finish(w);
	world_pin_all(w);
	world_is_problem(w, "tpm-1", (int64_t)index);
}

/* One field of an honest record, changed and signed by the enroller all the same. */
static void
check_14_binds_the_record_to_its_log(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct tally_logkey *log;
	struct tally_buf vkey = TALLY_BUF_INIT;

	assert_int_equal(tally_logkey_generate(&log, "example.com/elsewhere", &w->err), 0);
	tally_vkey_text(&vkey, tally_logkey_vkey(log));
	e.origin = tally_bytes_str("example.com/elsewhere");
	e.vkey = tally_buf_view(&vkey);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-14", 2);
	tally_logkey_free(log);
	tally_buf_deinit(&vkey);
}

static void
check_14_wants_the_key_of_the_log_too(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct tally_logkey *log;
	struct tally_buf vkey = TALLY_BUF_INIT;

	assert_int_equal(tally_logkey_generate(&log, ORIGIN, &w->err), 0);
	tally_vkey_text(&vkey, tally_logkey_vkey(log));
	e.vkey = tally_buf_view(&vkey);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-14", 2);
	tally_logkey_free(log);
	tally_buf_deinit(&vkey);
}

static void
check_14_refuses_a_record_from_the_future(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	e.time = test_wall("2026-03-01T02:00:00Z").ns;
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-14", 2);
}

static void
check_5_wants_the_session_s_endorsement_key(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct faketpm other;

	faketpm_init(&other);
	e.ek_public = e.certified_public = tally_buf_view(&other.ek_public);
	e.certificates = 0;
	tally_host_id(e.host_id, e.ek_public);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-5", 2);
	faketpm_deinit(&other);
}

static void
check_5_wants_the_session_s_attestation_key(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct faketpm other;

	faketpm_init(&other);
	e.ak_public = tally_buf_view(&other.ak_public);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-5", 2);
	faketpm_deinit(&other);
}

static void
check_13_refuses_a_certificate_for_something_else(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e;

	tally_buf_clear(&w->certificate);
	testca_issue(&w->certificate, &w->root, w->l.tpm.ek,
		     &(struct testca_leaf){ .eku = "2.23.133.8.3" });
	e = world_honest(w);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-13", 2);
}

static void
check_13_judges_the_certificate_when_it_was_enrolled(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e;

	tally_buf_clear(&w->certificate);
	testca_issue(&w->certificate, &w->root, w->l.tpm.ek,
		     &(struct testca_leaf){ .to = "20260228000000Z" });
	e = world_honest(w);
	world_enrolled(w, &e, w->enroller);
	world_is_problem(w, "tpm-13", 2);
}

static void
an_unpinned_root_is_no_hardware_however_it_is_signed(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct testca other;

	world_enrolled(w, &e, w->enroller);
	testca_init(&other, "Another Root", NULL);
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, "");
	testca_pem(&w->pins, other.certificate);
	world_is_class(w, "software (libtpms)");
	testca_deinit(&other);
}

static void
the_enroller_s_word_alone_is_uncertified_hardware(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	e.certificates = 0;
	e.class = TALLY_CLASS_UNCERTIFIED;
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "hardware-uncertified");
}

static void
a_class_that_is_signed_can_only_lower(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	e.class = TALLY_CLASS_SOFTWARE;
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "software (libtpms)");
}

static void
swtpm_s_certificate_is_software_under_a_pinned_root(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e;

	tally_buf_clear(&w->certificate);
	testca_issue(&w->certificate, &w->root, w->l.tpm.ek,
		     &(struct testca_leaf){ .model = "swtpm" });
	e = world_honest(w);
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "software (libtpms)");
}

static void
roots_of_a_cloud_give_its_class(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, "");
	tally_buf_add_str(&w->pins, "roots cloud-vtpm\n");
	testca_pem(&w->pins, w->root.certificate);
	world_is_class(w, "cloud-vtpm");
}

static void
a_record_vouches_for_entries_behind_it_only(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	ledger_append(&w->l, 1);
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "software (libtpms)");
}

static void
export_as(struct world *w, const char *name)
{
	free(w->dir);
	w->dir = ledger_export(&w->l, name, false);
	world_pin_all(w);
}

/* What a thief of the log's key can do: a note that no TPM has quoted. */
static void
export_unquoted(struct world *w, const char *name)
{
	assert_int_equal(tally_store_checkpoint(w->l.store, &w->l.err), 1);
	export_as(w, name);
}

static bool
is_remarked(struct world *w, const char *what)
{
	struct tally_verify *v = world_judged(w, false);
	struct tally_buf text = TALLY_BUF_INIT;
	bool found;

	tally_verify_text(v, &text);
	found = strstr(tally_buf_cstr(&text), what) != NULL;
	tally_buf_deinit(&text);
	tally_verify_free(v);
	return found;
}

static void
check_18_wants_more_than_the_quote_of_a_session_statement(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_append(w, &e, w->enroller);
	ledger_append(&w->l, 6);
	export_unquoted(w, "out");
	world_is_class(w, "software (libtpms)");
	assert_true(is_remarked(w, "entries from 0 on are not attested"));
}

static void
entries_a_quarter_of_an_hour_behind_the_newest_quote_lower_the_class(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	test_clock_advance(&w->l.clock, 899 * TALLY_SECOND);
	ledger_append(&w->l, 1);
	export_unquoted(w, "soon");
	world_is_class(w, "hardware-certified");
	ledger_append(&w->l, 1);
	export_unquoted(w, "late");
	world_is_class(w, "software (libtpms)");
	assert_true(is_remarked(w, "entries from 9 on are not attested"));
	/* The next quote covers them all. */
	ledger_append(&w->l, 1);
	ledger_checkpoint(&w->l);
	export_as(w, "quoted");
	world_is_class(w, "hardware-certified");
}

static void
neither_clock_of_what_no_quote_covers_can_be_made_to_stand(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	/* An hour that the wall clock does not show, then one that it shows alone. */
	test_clock_advance(&w->l.clock, 3600 * TALLY_SECOND);
	test_clock_step(&w->l.clock, -3600 * TALLY_SECOND);
	ledger_append(&w->l, 1);
	export_unquoted(w, "uptime");
	world_is_class(w, "software (libtpms)");
	ledger_append(&w->l, 1);
	ledger_checkpoint(&w->l);
	test_clock_step(&w->l.clock, 3600 * TALLY_SECOND);
	ledger_append(&w->l, 1);
	test_clock_step(&w->l.clock, -3600 * TALLY_SECOND);
	ledger_append(&w->l, 1);
	export_unquoted(w, "wall");
	world_is_class(w, "software (libtpms)");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, enrolled_setup, enrolled_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(check_18_gives_hardware_to_an_enrolled_certified_tpm),
		CASE(without_a_record_a_device_is_software),
		CASE(check_14_wants_a_pinned_enroller),
		CASE(check_14_refuses_a_signature_that_does_not_verify),
		CASE(a_record_that_is_none_is_a_problem),
		CASE(check_14_binds_the_record_to_its_log),
		CASE(check_14_wants_the_key_of_the_log_too),
		CASE(check_14_refuses_a_record_from_the_future),
		CASE(check_5_wants_the_session_s_endorsement_key),
		CASE(check_5_wants_the_session_s_attestation_key),
		CASE(check_13_refuses_a_certificate_for_something_else),
		CASE(check_13_judges_the_certificate_when_it_was_enrolled),
		CASE(an_unpinned_root_is_no_hardware_however_it_is_signed),
		CASE(the_enroller_s_word_alone_is_uncertified_hardware),
		CASE(a_class_that_is_signed_can_only_lower),
		CASE(swtpm_s_certificate_is_software_under_a_pinned_root),
		CASE(roots_of_a_cloud_give_its_class),
		CASE(a_record_vouches_for_entries_behind_it_only),
		CASE(check_18_wants_more_than_the_quote_of_a_session_statement),
		CASE(entries_a_quarter_of_an_hour_behind_the_newest_quote_lower_the_class),
		CASE(neither_clock_of_what_no_quote_covers_can_be_made_to_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
