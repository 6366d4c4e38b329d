/* SPDX-License-Identifier: Apache-2.0 */
/* The attestations of an anchor: each row of the check-list lets good ones through and
 * stops their forgeries, be they signed by the true key. */
#include <string.h>
#include "fixture.h"

#define INDEX  0x01812345u
#define VALUE  41
#define HEAD   101 /* bytes before what is attested: as in a quote, to the firmware's end */
#define NV_LEN 48  /* name, offset, contents, with their lengths */

static struct tally_bytes
nv_public(struct evidence *e)
{
	e->st.nv_public = tally_buf_view(&e->tpm.nv_public);
	return e->st.nv_public;
}

/* Signs `attest` anew and asks: 0, or the row that stops it. */
static unsigned
verdict(struct evidence *e, bool counter, struct tally_bytes attest)
{
	struct tally_identity_key *k = NULL;
	struct tally_buf signature = TALLY_BUF_INIT;
	struct tally_attested a = { .attest = attest };
	struct tally_tpm_time time;
	unsigned check = 0;
	uint64_t value = 0;
	int r;

	faketpm_sign(&signature, e->tpm.ak, attest);
	a.signature = tally_buf_view(&signature);
	assert_int_equal(tally_identity_open(&k, &e->st, &check, &e->err), 0);
	if (counter)
		r = tally_counter_check(k, &e->st, &a, e->q, &value, &check, &e->err);
	else
		r = tally_time_check(k, &e->st, &a, e->q, &time, &check, &e->err);
	tally_identity_free(k);
	tally_buf_deinit(&signature);
	assert_int_equal(r < 0, check != 0);
	if (r == 0 && counter)
		assert_int_equal(value, VALUE);
	if (r == 0 && !counter)
		assert_int_equal(time.time, e->tpm.time);
	return check;
}

/* The TPMS_ATTEST of a good one. */
static void
good(struct evidence *e, bool counter, struct tally_buf *attest)
{
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_attested a;

	faketpm_counter(&e->tpm, INDEX);
	(void)nv_public(e);
	e->tpm.time = 777;
	if (counter)
		faketpm_certify(&e->tpm, &bytes, VALUE, e->q);
	else
		faketpm_time(&e->tpm, &bytes, e->q);
	assert_int_equal(tally_attested_parse(&a, tally_buf_view(&bytes), &e->err), 0);
	tally_buf_clear(attest);
	tally_buf_add_bytes(attest, a.attest);
	tally_buf_deinit(&bytes);
}

/* One byte changed, and signed by the true key. */
static unsigned
bent(struct evidence *e, bool counter, size_t at, uint8_t flip)
{
	struct tally_buf attest = TALLY_BUF_INIT;
	unsigned check;

	good(e, counter, &attest);
	assert_true(at < attest.len);
	attest.p[at] ^= flip;
	check = verdict(e, counter, tally_buf_view(&attest));
	tally_buf_deinit(&attest);
	return check;
}

static void
good_attestations_hold_and_say_what_they_saw(void **state)
{
	struct evidence *e = *state;
	struct tally_buf attest = TALLY_BUF_INIT, bytes = TALLY_BUF_INIT;
	struct tally_tpm_time read;

	for (int counter = 0; counter < 2; counter++) {
		good(e, counter, &attest);
		assert_int_equal(attest.len, HEAD + (counter ? NV_LEN : 33));
		assert_int_equal(verdict(e, counter, tally_buf_view(&attest)), 0);
	}
	faketpm_time(&e->tpm, &bytes, e->q);
	assert_true(tally_tpm_time_read(&read, tally_buf_view(&bytes)));
	assert_int_equal(read.time, 777);
	assert_int_equal(read.clock, e->tpm.clock);
	assert_int_equal(read.reset_count, 1);
	bytes.len--;
	assert_false(tally_tpm_time_read(&read, tally_buf_view(&bytes)));
	tally_buf_deinit(&attest);
	tally_buf_deinit(&bytes);
}

static void
checks_1_to_7_stop_what_is_cut_bent_or_of_another_type(void **state)
{
	struct evidence *e = *state;
	struct tally_buf attest = TALLY_BUF_INIT;

	for (int counter = 0; counter < 2; counter++) {
		good(e, counter, &attest);
		for (size_t n = 0; n < attest.len; n++)
			assert_int_equal(verdict(e, counter, tally_bytes(attest.p, n)), 1);
		tally_buf_add_u8(&attest, 0);
		assert_int_equal(verdict(e, counter, tally_buf_view(&attest)), 1);
		good(e, counter, &attest);
		assert_int_equal(verdict(e, !counter, tally_buf_view(&attest)), 3);
		assert_int_equal(bent(e, counter, AT_MAGIC, 1), 2);
		assert_int_equal(bent(e, counter, AT_SIGNER, 1), 6);
		assert_int_equal(bent(e, counter, AT_EXTRA + 31, 1), 7);
		assert_int_equal(bent(e, counter, AT_RESET + 3, 2), 8);
		assert_int_equal(bent(e, counter, AT_RESTART + 3, 2), 8);
		assert_int_equal(bent(e, counter, AT_SAFE, 2), 1);
	}
	/* The clock that is attested is not that of the head. */
	assert_int_equal(bent(e, false, HEAD + 8 + 8 + 3, 1), 8);
	assert_int_equal(bent(e, false, HEAD + 8 + 8 + 8, 2), 1);
	tally_buf_deinit(&attest);
}

static void
check_4_stops_another_key(void **state)
{
	struct evidence *e = *state;
	struct tally_buf attest = TALLY_BUF_INIT;
	EVP_PKEY *own = e->tpm.ak;

	for (int counter = 0; counter < 2; counter++) {
		good(e, counter, &attest);
		e->tpm.ak = faketpm_key();
		assert_int_equal(verdict(e, counter, tally_buf_view(&attest)), 4);
		EVP_PKEY_free(e->tpm.ak);
		e->tpm.ak = own;
	}
	tally_buf_deinit(&attest);
}

static void
check_12_stops_another_index_and_what_is_not_its_counter(void **state)
{
	struct evidence *e = *state;
	struct tally_buf attest = TALLY_BUF_INIT;

	assert_int_equal(bent(e, true, HEAD + 2 + 2, 1), 12);      /* its name */
	assert_int_equal(bent(e, true, HEAD + 2 + 34 + 1, 1), 12); /* its offset */
	good(e, true, &attest);
	faketpm_counter(&e->tpm, INDEX + 1);
	(void)nv_public(e);
	assert_int_equal(verdict(e, true, tally_buf_view(&attest)), 12);
	tally_buf_deinit(&attest);
}

/* An index that anybody may write, or that is no counter, has a good name, too. */
static void
check_12_stops_an_index_that_is_no_counter(void **state)
{
	struct evidence *e = *state;
	struct tally_buf attest = TALLY_BUF_INIT, bytes = TALLY_BUF_INIT;
	struct tally_attested a;
	uint32_t index;

	faketpm_counter(&e->tpm, INDEX);
	for (unsigned bit = 0; bit < 32; bit++) {
		faketpm_counter(&e->tpm, INDEX);
		e->tpm.nv_public.p[6 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)nv_public(e);
		tally_buf_clear(&bytes);
		faketpm_certify(&e->tpm, &bytes, VALUE, e->q);
		assert_int_equal(tally_attested_parse(&a, tally_buf_view(&bytes), &e->err), 0);
		assert_int_equal(verdict(e, true, a.attest), 12);
	}
	faketpm_counter(&e->tpm, INDEX);
	assert_int_equal(tally_counter_public(nv_public(e), &index, &e->err), 0);
	assert_int_equal(index, INDEX);
	tally_buf_add_u8(&e->tpm.nv_public, 0);
	assert_int_equal(tally_counter_public(nv_public(e), &index, &e->err), -1);
	tally_buf_deinit(&attest);
	tally_buf_deinit(&bytes);
}

static void
an_attestation_has_one_encoding(void **state)
{
	struct evidence *e = *state;
	struct tally_buf bytes = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	struct tally_attested a;

	faketpm_time(&e->tpm, &bytes, e->q);
	assert_int_equal(tally_attested_parse(&a, tally_buf_view(&bytes), &e->err), 0);
	tally_attested_write(&again, &a);
	assert_true(tally_bytes_eq(tally_buf_view(&bytes), tally_buf_view(&again)));
	for (size_t n = 0; n < bytes.len; n++)
		assert_int_equal(tally_attested_parse(&a, tally_bytes(bytes.p, n), &e->err), -1);
	tally_buf_add_u8(&bytes, 0);
	assert_int_equal(tally_attested_parse(&a, tally_buf_view(&bytes), &e->err), -1);
	bytes.p[0] = 2;
	assert_int_equal(tally_attested_parse(&a, tally_bytes(bytes.p, bytes.len - 1), &e->err),
			 -1);
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&again);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, evidence_setup, evidence_teardown)
	const struct CMUnitTest tests[] = {
		CASE(good_attestations_hold_and_say_what_they_saw),
		CASE(checks_1_to_7_stop_what_is_cut_bent_or_of_another_type),
		CASE(check_4_stops_another_key),
		CASE(check_12_stops_another_index_and_what_is_not_its_counter),
		CASE(check_12_stops_an_index_that_is_no_counter),
		CASE(an_attestation_has_one_encoding),
	};

	return cmocka_run_group_tests_name("check anchor", tests, NULL, NULL);
}
