/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes: each row of the check-list lets good evidence through and stops its forgery. */
#include <string.h>
#include "fixture.h"

/* Changes one byte of the attestation and signs it again with the true key, as
 * a thief of the AK would: only the row that is meant can stop it. */
static unsigned
resigned(struct evidence *e, size_t at, uint8_t value)
{
	e->attest.p[at] = value;
	evidence_sign(e);
	return evidence_verdict(e);
}

static void
a_good_quote_holds_and_says_what_it_saw(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(evidence_verdict(e), 0);
	assert_int_equal(e->quote.reset_count, 1);
	assert_int_equal(e->quote.restart_count, 0);
	assert_true(e->quote.safe);
	assert_int_equal(e->quote.firmware, 0x2020031200010000);
	assert_int_equal(e->quote.clock, e->tpm.clock);
	assert_memory_equal(e->quote.ledger_pcr, e->tpm.pcr[14], TALLY_HASH);
}

static void
check_1_stops_bytes_left_over_and_cut_ones(void **state)
{
	struct evidence *e = *state;

	for (size_t n = 0; n < AT_END; n++) {
		e->attest.len = n;
		evidence_sign(e);
		assert_int_equal(evidence_verdict(e), 1);
	}
	e->attest.len = AT_END;
	tally_buf_add_u8(&e->attest, 0);
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 1);
}

static void
check_1_stops_sizes_that_are_not_canonical(void **state)
{
	struct evidence *e = *state;

	/* A selection of four bytes names the same PCRs. */
	tally_buf_add_u8(&e->attest, 0);
	memmove(e->attest.p + AT_DIGEST_SIZE + 1, e->attest.p + AT_DIGEST_SIZE,
		AT_END - AT_DIGEST_SIZE);
	e->attest.p[AT_DIGEST_SIZE] = 0;
	assert_int_equal(resigned(e, AT_SELECT_SIZE, 4), 1);
}

static void
check_1_stops_a_truth_value_that_is_neither(void **state)
{
	assert_int_equal(resigned(*state, AT_SAFE, 2), 1);
}

static void
check_2_stops_another_magic(void **state)
{
	assert_int_equal(resigned(*state, AT_MAGIC, 0xfe), 2);
}

static void
check_3_stops_another_type_of_attestation(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(resigned(e, AT_TYPE + 1, 0x19), 3); /* time */
	assert_int_equal(resigned(e, AT_TYPE + 1, 0x14), 3); /* NV */
}

static void
check_4_stops_an_attestation_that_was_changed_after_signing(void **state)
{
	struct evidence *e = *state;

	e->attest.p[AT_FIRMWARE] ^= 1;
	assert_int_equal(evidence_verdict(e), 4);
}

static void
check_4_stops_the_signature_of_another_key(void **state)
{
	struct evidence *e = *state;

	tally_buf_clear(&e->signature);
	faketpm_sign(&e->signature, e->tpm.ek, tally_buf_view(&e->attest));
	assert_int_equal(evidence_verdict(e), 4);
}

static void
check_6_stops_an_attestation_key_under_another_parent(void **state)
{
	static const uint8_t owner[] = { 0x40, 0x00, 0x00, 0x01 };
	struct evidence *e = *state;
	uint8_t name[34];

	/* Primary under the owner: the name has no endorsement key in it. */
	faketpm_qualify(name, tally_bytes(owner, sizeof(owner)), e->st.ak_public);
	memcpy(e->attest.p + AT_SIGNER, name, sizeof(name));
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 6);
}

static void
check_6_stops_a_primary_key_of_the_endorsement_hierarchy(void **state)
{
	static const uint8_t endorsement[] = { 0x40, 0x00, 0x00, 0x0b };
	struct evidence *e = *state;
	uint8_t name[34];

	faketpm_qualify(name, tally_bytes(endorsement, sizeof(endorsement)), e->st.ak_public);
	memcpy(e->attest.p + AT_SIGNER, name, sizeof(name));
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 6);
}

/* A primary key of the owner, and a child of the owner's storage key. */
static void
check_6_stops_attestation_keys_of_the_owner_hierarchy(void **state)
{
	static const uint8_t owner[] = { 0x40, 0x00, 0x00, 0x01 };
	struct tally_buf storage = TALLY_BUF_INIT;
	struct evidence *e = *state;
	uint8_t primary[34], child[34];
	EVP_PKEY *key = faketpm_key();

	faketpm_qualify(primary, tally_bytes(owner, sizeof(owner)), e->st.ak_public);
	memcpy(e->attest.p + AT_SIGNER, primary, sizeof(primary));
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 6);
	faketpm_public_ek(&storage, key);
	faketpm_qualify(primary, tally_bytes(owner, sizeof(owner)), tally_buf_view(&storage));
	faketpm_qualify(child, tally_bytes(primary, sizeof(primary)), e->st.ak_public);
	memcpy(e->attest.p + AT_SIGNER, child, sizeof(child));
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 6);
	tally_buf_deinit(&storage);
	EVP_PKEY_free(key);
}

static void
check_7_stops_a_replayed_quote(void **state)
{
	struct evidence *e = *state;

	/* Truly signed, once, over the checkpoint before. */
	assert_int_equal(evidence_verdict(e), 0);
	e->q[0] ^= 1;
	assert_int_equal(evidence_verdict(e), 7);
}

static void
check_7_stops_a_nonce_that_is_cut(void **state)
{
	struct evidence *e = *state;

	memmove(e->attest.p + AT_CLOCK - 1, e->attest.p + AT_CLOCK, AT_END - AT_CLOCK);
	e->attest.len--;
	assert_int_equal(resigned(e, AT_EXTRA_SIZE + 1, TALLY_HASH - 1), 7);
}

static void
check_8_stops_another_selection_of_pcrs(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(resigned(e, AT_SELECT, 0x7f), 8);
}

static void
without_a_ledger_pcr_the_boot_pcrs_are_quoted_alone(void **state)
{
	uint8_t value[TALLY_HASH] = { 0 };
	struct evidence *e = *state;

	e->st.ledger_pcr = TALLY_NO_PCR;
	assert_int_equal(evidence_verdict(e), 8); /* it was quoted with PCR 14 */
	e->blob.pcrs = 8;
	tally_buf_clear(&e->attest);
	faketpm_attest(&e->tpm, &e->attest, e->pcrs, 8, e->q);
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 0);
	assert_memory_equal(e->quote.ledger_pcr, value, TALLY_HASH);
	value[31] = 1; /* a value of nothing */
	e->st.ledger_pcr_value = tally_bytes(value, TALLY_HASH);
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_8_stops_a_quote_without_the_ledger_pcr(void **state)
{
	struct evidence *e = *state;

	tally_buf_clear(&e->attest);
	faketpm_attest(&e->tpm, &e->attest, e->pcrs, 8, e->q);
	evidence_sign(e);
	e->blob.pcrs = 8;
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_8_stops_another_bank_and_a_second_one(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(resigned(e, AT_BANK + 1, 0x04), 8);
	e->attest.p[AT_BANK + 1] = 0x0b;
	assert_int_equal(resigned(e, AT_BANKS + 3, 2), 8);
}

static void
check_8_stops_values_that_were_not_quoted(void **state)
{
	struct evidence *e = *state;

	e->blob.value[8][31] ^= 0x80;
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_8_stops_values_listed_under_another_number(void **state)
{
	struct evidence *e = *state;

	e->blob.pcr[8] = 15;
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_8_stops_a_digest_that_is_cut(void **state)
{
	struct evidence *e = *state;

	e->attest.len--;
	assert_int_equal(resigned(e, AT_DIGEST_SIZE + 1, TALLY_HASH - 1), 8);
}

static void
check_8_stops_a_quote_of_another_session(void **state)
{
	struct evidence *e = *state;

	e->st.reset_count = 2;
	assert_int_equal(evidence_verdict(e), 8);
	e->st.reset_count = 1;
	e->st.restart_count = 1;
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_10_marks_an_unsafe_clock_and_lets_it_pass(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(resigned(e, AT_SAFE, 0), 0);
	assert_false(e->quote.safe);
	assert_int_equal(resigned(e, AT_SAFE, 1), 0);
	assert_true(e->quote.safe);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, evidence_setup, evidence_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_good_quote_holds_and_says_what_it_saw),
		CASE(check_1_stops_bytes_left_over_and_cut_ones),
		CASE(check_1_stops_sizes_that_are_not_canonical),
		CASE(check_1_stops_a_truth_value_that_is_neither),
		CASE(check_2_stops_another_magic),
		CASE(check_3_stops_another_type_of_attestation),
		CASE(check_4_stops_an_attestation_that_was_changed_after_signing),
		CASE(check_4_stops_the_signature_of_another_key),
		CASE(check_6_stops_an_attestation_key_under_another_parent),
		CASE(check_6_stops_a_primary_key_of_the_endorsement_hierarchy),
		CASE(check_6_stops_attestation_keys_of_the_owner_hierarchy),
		CASE(check_7_stops_a_replayed_quote),
		CASE(check_7_stops_a_nonce_that_is_cut),
		CASE(check_8_stops_another_selection_of_pcrs),
		CASE(without_a_ledger_pcr_the_boot_pcrs_are_quoted_alone),
		CASE(check_8_stops_a_quote_without_the_ledger_pcr),
		CASE(check_8_stops_another_bank_and_a_second_one),
		CASE(check_8_stops_values_that_were_not_quoted),
		CASE(check_8_stops_values_listed_under_another_number),
		CASE(check_8_stops_a_digest_that_is_cut),
		CASE(check_8_stops_a_quote_of_another_session),
		CASE(check_10_marks_an_unsafe_clock_and_lets_it_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
