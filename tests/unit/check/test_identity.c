/* SPDX-License-Identifier: Apache-2.0 */
/* Checks 1, 4, 5 and 8 on a statement: which keys may attest, and over which PCRs. */
#include <string.h>
#include "fixture.h"

/* Offsets in the TPMT_PUBLIC of an AK. */
enum {
	AT_NAME_ALG = 2,
	AT_ATTRIBUTES = 4,
	AT_POLICY_SIZE = 8,
	AT_SYMMETRIC = 10,
	AT_SCHEME = 12,
	AT_SCHEME_HASH = 14,
	AT_CURVE = 16,
	AT_KDF = 18,
	AT_X_SIZE = 20,
	AT_X = 22,
	AT_Y_SIZE = 54,
	AT_Y = 56,
	AT_AK_END = 88
};

static unsigned
with_ak_byte(struct evidence *e, size_t at, uint8_t value)
{
	uint8_t old = e->tpm.ak_public.p[at];
	unsigned check;

	e->tpm.ak_public.p[at] = value;
	check = evidence_verdict(e);
	e->tpm.ak_public.p[at] = old;
	return check;
}

static void
check_5_stops_a_forged_attestation_by_an_unrestricted_key(void **state)
{
	struct evidence *e = *state;

	/* Everything in it is right, and the signature verifies; but this key would
	 * have signed anything. Neither its true attributes nor claimed ones help. */
	tally_buf_clear(&e->tpm.ak_public);
	faketpm_public_ak(&e->tpm.ak_public, e->tpm.ak, 0x00040472);
	e->st.ak_public = tally_buf_view(&e->tpm.ak_public);
	tally_buf_clear(&e->attest);
	faketpm_attest(&e->tpm, &e->attest, e->pcrs, QUOTED, e->q);
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 5);

	tally_buf_clear(&e->tpm.ak_public);
	faketpm_public_ak(&e->tpm.ak_public, e->tpm.ak, TALLY_AK_ATTRIBUTES);
	e->st.ak_public = tally_buf_view(&e->tpm.ak_public);
	assert_int_equal(evidence_verdict(e), 6);
}

static void
check_5_wants_exactly_its_attributes(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(evidence_verdict(e), 0);
	for (unsigned bit = 0; bit < 32; bit++) {
		tally_put_u32(e->tpm.ak_public.p + AT_ATTRIBUTES,
			      TALLY_AK_ATTRIBUTES ^ (1u << bit));
		assert_int_equal(evidence_verdict(e), 5);
	}
}

static void
check_5_stops_another_scheme_policy_or_name(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_ak_byte(e, AT_NAME_ALG + 1, 0x04), 5);
	assert_int_equal(with_ak_byte(e, AT_SCHEME_HASH + 1, 0x0c), 5);
	assert_int_equal(with_ak_byte(e, AT_SCHEME + 1, 0x1a), 1);
	assert_int_equal(with_ak_byte(e, AT_SYMMETRIC + 1, 0x06), 1);
	assert_int_equal(with_ak_byte(e, AT_CURVE + 1, 0x04), 1);
	assert_int_equal(with_ak_byte(e, AT_KDF + 1, 0x20), 1);
	assert_int_equal(with_ak_byte(e, 1, 0x01), 1); /* RSA */
}

static void
check_5_stops_a_policy_on_the_attestation_key(void **state)
{
	struct evidence *e = *state;
	struct tally_buf public = TALLY_BUF_INIT;

	tally_buf_add(&public, e->tpm.ak_public.p, AT_POLICY_SIZE);
	tally_buf_add_u16(&public, TALLY_HASH);
	tally_buf_add(&public, e->zero, TALLY_HASH);
	tally_buf_add(&public, e->tpm.ak_public.p + AT_SYMMETRIC, AT_AK_END - AT_SYMMETRIC);
	e->st.ak_public = tally_buf_view(&public);
	assert_int_equal(evidence_verdict(e), 5);
	tally_buf_deinit(&public);
}

static void
check_1_stops_coordinates_of_another_size(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_ak_byte(e, AT_X_SIZE + 1, 31), 1);
	assert_int_equal(with_ak_byte(e, AT_X_SIZE + 1, 33), 1);
	assert_int_equal(with_ak_byte(e, AT_Y_SIZE + 1, 31), 1);
	assert_int_equal(with_ak_byte(e, AT_Y_SIZE + 1, 0), 1);
}

static void
check_1_stops_public_areas_that_are_cut_or_too_long(void **state)
{
	struct evidence *e = *state;

	for (size_t n = 0; n < AT_AK_END; n++) {
		e->st.ak_public = tally_bytes(e->tpm.ak_public.p, n);
		assert_int_equal(evidence_verdict(e), 1);
	}
	tally_buf_add_u8(&e->tpm.ak_public, 0);
	e->st.ak_public = tally_buf_view(&e->tpm.ak_public);
	assert_int_equal(evidence_verdict(e), 1);
}

static void
check_4_stops_a_point_that_is_not_on_the_curve(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(with_ak_byte(e, AT_Y + 31, (uint8_t)(e->tpm.ak_public.p[AT_Y + 31] ^ 1)),
			 4);
	assert_non_null(strstr(e->err.text, "P-256"));
	/* Larger than the field, though the same point modulo its prime may be. */
	memset(e->tpm.ak_public.p + AT_X, 0xff, 32);
	assert_int_equal(evidence_verdict(e), 4);
	memset(e->tpm.ak_public.p + AT_X, 0, 32);
	memset(e->tpm.ak_public.p + AT_Y, 0, 32);
	assert_int_equal(evidence_verdict(e), 4);
}

static void
check_5_ties_host_id_to_the_endorsement_key(void **state)
{
	struct evidence *e = *state;
	struct tally_buf other = TALLY_BUF_INIT;

	e->host_id[5] ^= 1;
	assert_int_equal(evidence_verdict(e), 5);
	e->host_id[5] ^= 1;
	faketpm_public_ek(&other, e->tpm.ak);
	e->st.ek_public = tally_buf_view(&other);
	assert_int_equal(evidence_verdict(e), 5);
	/* With its own host_id the other key is whole, but it is not the AK's parent. */
	tally_host_id(e->host_id, e->st.ek_public);
	assert_int_equal(evidence_verdict(e), 6);
	tally_buf_deinit(&other);
}

static void
check_5_wants_the_endorsement_key_of_the_template(void **state)
{
	struct evidence *e = *state;

	/* name algorithm, attributes, policy, key bits, mode */
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = { { 3, 0x0c }, { 7, 0x72 }, { 20, 0x00 }, { 45, 0x00 }, { 46, 0x01 } };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t *p = e->tpm.ek_public.p + changes[i].at, old = *p;

		*p = changes[i].value;
		tally_host_id(e->host_id, e->st.ek_public);
		assert_int_equal(evidence_verdict(e), 5);
		*p = old;
	}
	tally_host_id(e->host_id, e->st.ek_public);
	assert_int_equal(evidence_verdict(e), 0);
}

static void
check_8_wants_pcrs_that_hold_what_they_are_given(void **state)
{
	static const uint32_t twice[] = { 0, 0 }, back[] = { 1, 0 }, ours[] = { 0, 14 },
			      far[] = { 24 };
	struct evidence *e = *state;

	e->st.ledger_pcr = 16; /* resettable from software */
	assert_int_equal(evidence_verdict(e), 8);
	e->st.ledger_pcr = 23;
	assert_int_equal(evidence_verdict(e), 8);
	e->st.ledger_pcr = 14;
	e->st.pcr_bank = 0x0004;
	assert_int_equal(evidence_verdict(e), 8);
	e->st.pcr_bank = 0x000b;
	e->st.boot_pcrs = (struct tally_numbers){ twice, 2 };
	assert_int_equal(evidence_verdict(e), 8);
	e->st.boot_pcrs.items = back;
	assert_int_equal(evidence_verdict(e), 8);
	e->st.boot_pcrs.items = ours;
	assert_int_equal(evidence_verdict(e), 8);
	e->st.boot_pcrs = (struct tally_numbers){ far, 1 };
	assert_int_equal(evidence_verdict(e), 8);
}

static void
check_1_stops_fields_of_another_size(void **state)
{
	struct evidence *e = *state;

	e->st.prev_root.len = 31;
	assert_int_equal(evidence_verdict(e), 1);
	e->st.prev_root.len = 32;
	e->st.host_id.len = 0;
	assert_int_equal(evidence_verdict(e), 1);
	e->st.host_id.len = 32;
	e->st.version = 2;
	assert_int_equal(evidence_verdict(e), 1);
}

static void
names_and_hashes_are_those_of_the_specification(void **state)
{
	struct evidence *e = *state;
	uint8_t name[34], id[TALLY_HASH], q[TALLY_HASH];
	char hex[65];

	tally_tpm_name(name, e->st.ek_public);
	tally_host_id(id, e->st.ek_public);
	assert_int_equal(tally_get_u16(name), 0x000b);
	assert_memory_equal(name + 2, id, TALLY_HASH);
	/* printf 'tally/session/v1\0abc' | sha256sum */
	tally_q_statement(q, tally_bytes_str("abc"));
	tally_hex(hex, q, sizeof(q));
	assert_string_equal(hex,
			    "b9dfa8c3dcb6bb0c9a3eabbdf42f111f5f2370646be4a1e5437740b5f59f5fb3");
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, evidence_setup, evidence_teardown)
	const struct CMUnitTest tests[] = {
		CASE(check_5_stops_a_forged_attestation_by_an_unrestricted_key),
		CASE(check_5_wants_exactly_its_attributes),
		CASE(check_5_stops_another_scheme_policy_or_name),
		CASE(check_5_stops_a_policy_on_the_attestation_key),
		CASE(check_1_stops_coordinates_of_another_size),
		CASE(check_1_stops_public_areas_that_are_cut_or_too_long),
		CASE(check_4_stops_a_point_that_is_not_on_the_curve),
		CASE(check_5_ties_host_id_to_the_endorsement_key),
		CASE(check_5_wants_the_endorsement_key_of_the_template),
		CASE(check_8_wants_pcrs_that_hold_what_they_are_given),
		CASE(check_1_stops_fields_of_another_size),
		CASE(names_and_hashes_are_those_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
