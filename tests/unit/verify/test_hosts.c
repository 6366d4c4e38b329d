/* SPDX-License-Identifier: Apache-2.0 */
/* Enrollers that come and go, keys that are made anew, ledgers that succeed one another. */
#include <stdlib.h>
#include <string.h>
#include "enrolled.h"

static void
check_14_keeps_to_the_dates_of_an_enroller(void **state)
{
	static const struct {
		const char *words;
		bool good;
	} rows[] = {
		{ " from 2026-03-01T00:00:00Z until 2026-03-01T00:00:01Z", true },
		{ " until 2026-03-01T00:00:00Z", false },
		{ " from 2026-03-01T00:00:01Z", false },
	};
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tally_buf_clear(&w->pins);
		tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
		testca_pem(&w->pins, w->root.certificate);
		world_pin_enroller(w, w->enroller, rows[i].words);
		if (rows[i].good)
			world_is_class(w, "hardware-certified");
		else
			world_is_problem(w, "tpm-14", 2);
	}
}

static void
check_14_wants_a_record_in_the_log_within_30_days_of_the_end_of_its_key(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	/* Somebody dates it back with a key that was given up. */
	e.time = test_wall("2026-02-28T23:59:58Z").ns;
	test_clock_advance(&w->l.clock, 30 * 86400 * TALLY_SECOND);
	world_enrolled(w, &e, w->enroller);
	for (int late = 0; late < 2; late++) {
		tally_buf_clear(&w->pins);
		tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
		testca_pem(&w->pins, w->root.certificate);
		world_pin_enroller(w, w->enroller,
				   late ? " until 2026-02-28T23:59:59Z"
					: " until 2026-03-01T00:00:00Z");
		if (late)
			world_is_problem(w, "tpm-14", 2);
		else
			world_is_class(w, "hardware-certified");
	}
}

static void
a_revoked_enroller_vouches_for_nothing(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_enrolled(w, &e, w->enroller);
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, " revoked");
	testca_pem(&w->pins, w->root.certificate);
	world_is_class(w, "software (libtpms)");
}

static void
after_a_rotation_the_new_enroller_signs_again(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_append(w, &e, w->enroller);
	e.time = test_wall("2026-03-01T00:00:05Z").ns;
	world_enrolled(w, &e, w->other);
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, " until 2026-03-01T00:00:03Z");
	world_pin_enroller(w, w->other, " from 2026-03-01T00:00:03Z");
	testca_pem(&w->pins, w->root.certificate);
	world_is_class(w, "hardware-certified");
	/* The old one revoked: the new record stands by itself. */
	tally_buf_clear(&w->pins);
	tally_buf_add_str(&w->pins, tally_buf_cstr(&w->l.vkey));
	world_pin_enroller(w, w->enroller, " revoked");
	world_pin_enroller(w, w->other, "");
	testca_pem(&w->pins, w->root.certificate);
	world_is_class(w, "hardware-certified");
}

static void
a_pinned_record_needs_no_enroller_and_anchors_its_log(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct tally_buf root = TALLY_BUF_INIT;
	struct tally_verify *v;

	world_append(w, &e, w->other);
	world_finish(w);
	tally_buf_clear(&w->pins);
	world_sign(w, &w->pins, &e, w->other);
	v = world_judged(w, false);
	assert_int_equal(tally_verify_exit(v), 0);
	/* No root is pinned: the certificate is the enroller's word. */
	assert_string_equal(tally_verify_class(v), "hardware-uncertified");
	tally_verify_free(v);
	assert_int_equal(tally_verify_new(&v, &w->err), 0);
	testca_pem(&root, w->root.certificate);
	assert_int_equal(tally_verify_anchor(v, "record", tally_buf_view(&w->pins), &w->err), 0);
	assert_int_equal(tally_verify_anchor(v, "roots", tally_buf_view(&root), &w->err), 0);
	assert_int_equal(tally_verify_path(v, w->dir, &w->err), 0);
	assert_int_equal(tally_verify_run(v, &w->err), 0);
	assert_string_equal(tally_verify_class(v), "hardware-certified");
	tally_verify_free(v);
	tally_buf_deinit(&root);
}

/* The attestation key of a faketpm, made anew. */
static void
new_key(struct faketpm *f)
{
	EVP_PKEY_free(f->ak);
	f->ak = faketpm_key();
	tally_buf_clear(&f->ak_public);
	faketpm_public_ak(&f->ak_public, f->ak, TALLY_AK_ATTRIBUTES);
}

static void
check_5_wants_every_later_session_to_be_enrolled(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);

	world_append(w, &e, w->enroller);
	ledger_checkpoint(&w->l);
	new_key(&w->l.tpm);
	ledger_reboot(&w->l);
	world_finish(w);
	world_pin_all(w);
	world_is_problem(w, "tpm-5", 3);
}

static void
a_new_attestation_key_is_enrolled_before_its_first_session(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct faketpm *f = &w->l.tpm;
	EVP_PKEY *old = f->ak;
	struct tally_buf old_public = f->ak_public;

	world_append(w, &e, w->enroller);
	f->ak = faketpm_key();
	f->ak_public = (struct tally_buf)TALLY_BUF_INIT;
	faketpm_public_ak(&f->ak_public, f->ak, TALLY_AK_ATTRIBUTES);
	e = world_honest(w);
	world_append(w, &e, w->enroller);
	EVP_PKEY_free(old);
	tally_buf_deinit(&old_public);
	ledger_reboot(&w->l);
	world_finish(w);
	world_pin_all(w);
	world_is_class(w, "hardware-certified");
}

/* Verifies two exports together; owned by the caller. */
static struct tally_verify *
both(struct world *w, const char *first, const char *second)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &err), 0);
	assert_int_equal(tally_verify_anchor(v, "pins", tally_buf_view(&w->pins), &err), 0);
	assert_int_equal(tally_verify_path(v, first, &err), 0);
	assert_int_equal(tally_verify_path(v, second, &err), 0);
	assert_int_equal(tally_verify_run(v, &err), 0);
	return v;
}

static void
another_tpm_for_a_known_asset_is_an_alarm(void **state)
{
	struct world *w = *state, second = *w;
	struct tally_enrolment e = world_honest(w);
	struct tally_verify *v;

	world_enrolled(w, &e, w->enroller);
	second.certificate = second.pins = (struct tally_buf)TALLY_BUF_INIT;
	second.dir = NULL;
	world_begin(&second, "example.com/second", NULL);
	e = world_honest(&second);
	world_enrolled(&second, &e, w->enroller);
	v = both(w, w->dir, second.dir);
	assert_true(names(v, "tpm-14", second.dir, "", -1));
	tally_verify_free(v);
	ledger_deinit(&second.l);
	tally_buf_deinit(&second.certificate);
	tally_buf_deinit(&second.pins);
	free(second.dir);
}

/* Nobody can tell which of them is the machine's: a remark where none is enrolled; where one
 * is, or both are, the other one is a problem. */
static void
two_ledgers_on_one_tpm_are_told(void **state)
{
	static const char *const says[] = { NULL, "alone, and seals", "is enrolled for" };
	static const char *const names_of[] = { "none", "one", "both" };
	struct world *w = *state;

	for (int enrolled = 0; enrolled < 3; enrolled++) {
		struct world second = *w;
		struct tally_buf text = TALLY_BUF_INIT;
		struct tally_verify *v;
		bool seen = false;

		second.certificate = second.pins = (struct tally_buf)TALLY_BUF_INIT;
		second.dir = NULL;
		ledger_init_beside(&second.l, "example.com/second", &w->l);
		tally_buf_add_bytes(&second.certificate, tally_buf_view(&w->certificate));
		if (enrolled > 0) {
			struct tally_enrolment e = world_honest(w);

			world_append(w, &e, w->enroller);
		}
		if (enrolled > 1) {
			struct tally_enrolment e = world_honest(&second);

			world_append(&second, &e, w->enroller);
		}
		ledger_append(&w->l, 4);
		ledger_checkpoint(&w->l);
		free(w->dir);
		w->dir = ledger_export(&w->l, names_of[enrolled], false);
		world_finish(&second);
		world_pin_all(w);
		tally_buf_add_str(&w->pins, tally_buf_cstr(&second.l.vkey));
		v = both(w, w->dir, second.dir);
		tally_verify_text(v, &text);
		assert_int_equal(tally_verify_holds(v), enrolled == 0);
		for (size_t i = 0; i < tally_verify_problems(v); i++)
			seen = seen || (strcmp(tally_verify_problem(v, i)->check, "tpm-14") == 0 &&
					strstr(tally_verify_problem(v, i)->text, says[enrolled]));
		assert_int_equal(seen, enrolled > 0);
		if (enrolled == 0 &&
		    !strstr(tally_buf_cstr(&text), "which of the two is the ledger"))
			fail_msg("%s", tally_buf_cstr(&text));
		tally_verify_free(v);
		tally_buf_deinit(&text);
		ledger_deinit(&second.l);
		tally_buf_deinit(&second.certificate);
		tally_buf_deinit(&second.pins);
		free(second.dir);
	}
}

static void
a_succession_that_an_enroller_signed_is_no_alarm(void **state)
{
	struct world *w = *state, second = *w;
	struct tally_enrolment e = world_honest(w);
	uint8_t root[TALLY_HASH];
	struct tally_verify *v;

	world_enrolled(w, &e, w->enroller);
	second.certificate = second.pins = (struct tally_buf)TALLY_BUF_INIT;
	second.dir = NULL;
	world_begin(&second, "example.com/second", &w->l);
	e = world_honest(&second);
	e.succeeds = true;
	e.prev_origin = tally_bytes_str(w->l.origin);
	assert_int_equal(tally_store_head(w->l.store, &e.prev_size, root, &w->err), 0);
	memcpy(e.prev_root, root, TALLY_HASH);
	world_enrolled(&second, &e, w->enroller);
	v = both(w, w->dir, second.dir);
	if (!tally_verify_holds(v))
		tell_problems(v);
	assert_true(tally_verify_holds(v));
	tally_verify_free(v);
	world_is_class(&second, "hardware-certified");
	ledger_deinit(&second.l);
	tally_buf_deinit(&second.certificate);
	tally_buf_deinit(&second.pins);
	free(second.dir);
}

static void
a_succession_that_no_record_names_is_a_problem(void **state)
{
	struct world *w = *state, second = *w;
	struct tally_enrolment e;

	ledger_checkpoint(&w->l);
	second.certificate = second.pins = (struct tally_buf)TALLY_BUF_INIT;
	second.dir = NULL;
	world_begin(&second, "example.com/second", &w->l);
	e = world_honest(&second);
	world_enrolled(&second, &e, w->enroller);
	world_is_problem(&second, "tpm-14", 2);
	ledger_deinit(&second.l);
	tally_buf_deinit(&second.certificate);
	tally_buf_deinit(&second.pins);
	free(second.dir);
}

static void
malformed_pins_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = { " until", " until noon", " since 2026-03-01T00:00:00Z" };
	struct world *w = *state;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &w->err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		tally_buf_clear(&w->pins);
		tally_buf_add_str(&w->pins, "\n");
		world_pin_enroller(w, w->enroller, bad[i]);
		assert_int_equal(tally_verify_anchor(v, "pins", tally_buf_view(&w->pins), &w->err),
				 -1);
		assert_int_equal(w->err.code, TALLY_USE);
		assert_int_equal(strncmp(w->err.text, "pins:2:", 7), 0);
	}
	assert_int_equal(
		tally_verify_anchor(v, "r", tally_bytes_str("tallystick/enrolment/v1\n"), &w->err),
		-1);
	assert_int_equal(w->err.code, TALLY_USE);
	/* Words are for enrollers only. */
	tally_buf_clear(&w->pins);
	tally_buf_addf(&w->pins, "%.*s revoked\n", (int)w->l.vkey.len - 1, (char *)w->l.vkey.p);
	assert_int_equal(tally_verify_anchor(v, "pins", tally_buf_view(&w->pins), &w->err), -1);
	tally_verify_free(v);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, enrolled_setup, enrolled_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(check_14_keeps_to_the_dates_of_an_enroller),
		CASE(check_14_wants_a_record_in_the_log_within_30_days_of_the_end_of_its_key),
		CASE(a_revoked_enroller_vouches_for_nothing),
		CASE(after_a_rotation_the_new_enroller_signs_again),
		CASE(a_pinned_record_needs_no_enroller_and_anchors_its_log),
		CASE(check_5_wants_every_later_session_to_be_enrolled),
		CASE(a_new_attestation_key_is_enrolled_before_its_first_session),
		CASE(another_tpm_for_a_known_asset_is_an_alarm),
		CASE(two_ledgers_on_one_tpm_are_told),
		CASE(a_succession_that_an_enroller_signed_is_no_alarm),
		CASE(a_succession_that_no_record_names_is_a_problem),
		CASE(malformed_pins_are_refused_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
