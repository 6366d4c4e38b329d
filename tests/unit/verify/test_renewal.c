/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a new attestation key, and whose record speaks for it. */
#include <stdlib.h>
#include <string.h>

#include "enrolled.h"

/* The TPM goes on with a new key after the next boot; its public part. */
struct next {
	EVP_PKEY *key;
	struct tally_buf public;
};

static void
next_init(struct next *n)
{
	*n = (struct next){ .key = faketpm_key() };
	faketpm_public_ak(&n->public, n->key, TALLY_AK_ATTRIBUTES);
}

static void
take_key(EVP_PKEY **key, struct tally_buf *public, EVP_PKEY *new, struct tally_buf *new_public)
{
	EVP_PKEY_free(*key);
	*key = new;
	tally_buf_clear(public);
	tally_buf_add_bytes(public, tally_buf_view(new_public));
	tally_buf_deinit(new_public);
}

/* The key is the TPM's now. */
static void
next_begin(struct world *w, struct next *n)
{
	ledger_append(&w->l, 1);
	ledger_checkpoint(&w->l);
	take_key(&w->l.tpm.ak, &w->l.tpm.ak_public, n->key, &n->public);
	ledger_reboot(&w->l);
}

/* The present key's record, and one of the new key by `by` (NULL: none), then its session. */
static void
renew(struct world *w, struct tally_logkey *by)
{
	struct tally_enrolment e = world_honest(w);
	struct next n;

	next_init(&n);
	world_append(w, &e, w->enroller);
	e.ak_public = tally_buf_view(&n.public);
	if (by)
		world_append(w, &e, by);
	next_begin(w, &n);
}

static void
finish(struct world *w)
{
	world_finish(w);
	world_pin_all(w);
}

static bool
is_told(struct world *w, const char *what)
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

#define LAPSED "no record that counts is of: from here on none vouches"

static void
a_new_key_that_a_pinned_enroller_signed_keeps_the_class(void **state)
{
	struct world *w = *state;

	renew(w, w->enroller);
	finish(w);
	world_is_class(w, "hardware-certified");
	assert_false(is_told(w, LAPSED));
}

static void
a_new_key_that_another_enroller_signed_is_a_remark_and_the_class_is_that_of_no_record(void **state)
{
	struct world *w = *state;

	renew(w, w->other);
	finish(w);
	world_is_class(w, "software (libtpms)");
	assert_true(is_told(w, LAPSED));
	/* Who pins both follows. */
	world_pin_enroller(w, w->other, "");
	world_is_class(w, "hardware-certified");
	assert_false(is_told(w, LAPSED));
}

static void
a_record_that_counts_again_does_not_vouch_for_what_lies_between(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e;

	renew(w, w->other);
	e = world_honest(w);
	world_enrolled(w, &e, w->enroller);
	world_is_class(w, "software (libtpms)");
}

static void
the_record_of_an_enroller_whose_key_is_revoked_vouches_no_more_either(void **state)
{
	struct world *w = *state;

	renew(w, w->other);
	finish(w);
	world_pin_enroller(w, w->other, " revoked");
	world_is_class(w, "software (libtpms)");
	assert_true(is_told(w, LAPSED));
}

static void
is_problem_of(struct world *w, const char *check)
{
	struct tally_verify *v = world_judged(w, false);
	bool found = false;

	for (size_t i = 0; i < tally_verify_problems(v); i++)
		found = found || strcmp(tally_verify_problem(v, i)->check, check) == 0;
	if (!found)
		tell_problems(v);
	assert_true(found);
	tally_verify_free(v);
}

static void
check_5_refuses_a_new_key_that_nobody_signed(void **state)
{
	struct world *w = *state;

	renew(w, NULL);
	finish(w);
	is_problem_of(w, "tpm-5");
}

static void
check_5_refuses_another_tpm_whoever_signed_its_key(void **state)
{
	struct world *w = *state;
	struct tally_enrolment e = world_honest(w);
	struct faketpm *t = &w->l.tpm;
	EVP_PKEY *ek = faketpm_key();
	struct tally_buf public = TALLY_BUF_INIT;
	struct next n;

	next_init(&n);
	world_append(w, &e, w->enroller);
	faketpm_public_ek(&public, ek);
	e.ek_public = tally_buf_view(&public);
	e.certificates = 0;
	e.ak_public = tally_buf_view(&n.public);
	tally_host_id(e.host_id, e.ek_public);
	world_append(w, &e, w->other);
	ledger_append(&w->l, 1);
	ledger_checkpoint(&w->l);
	take_key(&t->ek, &t->ek_public, ek, &public);
	take_key(&t->ak, &t->ak_public, n.key, &n.public);
	ledger_reboot(&w->l);
	world_finish(w);
	world_pin_all(w);
	is_problem_of(w, "tpm-5");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, enrolled_setup, enrolled_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_key_that_a_pinned_enroller_signed_keeps_the_class),
		CASE(a_new_key_that_another_enroller_signed_is_a_remark_and_the_class_is_that_of_no_record),
		CASE(a_record_that_counts_again_does_not_vouch_for_what_lies_between),
		CASE(the_record_of_an_enroller_whose_key_is_revoked_vouches_no_more_either),
		CASE(check_5_refuses_a_new_key_that_nobody_signed),
		CASE(check_5_refuses_another_tpm_whoever_signed_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
