/* SPDX-License-Identifier: Apache-2.0 */
/* The blob: one encoding, and no bit of it or of the keys behind it is free. */
#include <stdlib.h>
#include <string.h>
#include "fixture.h"

static void
make_blob(struct evidence *e, struct tally_buf *out)
{
	e->blob.attest = tally_buf_view(&e->attest);
	e->blob.signature = tally_buf_view(&e->signature);
	tally_blob_write(out, &e->blob);
}

static void
a_blob_comes_back_as_it_was_written(void **state)
{
	struct evidence *e = *state;
	struct tally_buf bytes = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	struct tally_blob parsed;

	make_blob(e, &bytes);
	assert_int_equal(bytes.len, 2 + QUOTED * 33 + 2 + AT_END + 2 + 72);
	assert_int_equal(bytes.p[0], 1);
	assert_int_equal(bytes.p[1], QUOTED);
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), 0);
	tally_blob_write(&again, &parsed);
	assert_true(tally_bytes_eq(tally_buf_view(&bytes), tally_buf_view(&again)));
	assert_int_equal(evidence_blob_verdict(e, tally_buf_view(&bytes)), 0);
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&again);
}

static void
cut_and_lengthened_blobs_are_refused(void **state)
{
	struct evidence *e = *state;
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_blob parsed;

	make_blob(e, &bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		assert_int_equal(tally_blob_parse(&parsed, tally_bytes(bytes.p, n), &e->err), -1);
		assert_int_equal(e->err.code, TALLY_FAILS);
	}
	tally_buf_add_u8(&bytes, 0);
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), -1);
	tally_buf_deinit(&bytes);
}

static void
pcrs_are_ascending_and_exist(void **state)
{
	struct evidence *e = *state;
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_blob parsed;

	make_blob(e, &bytes);
	bytes.p[2 + 33] = 0;
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), -1);
	bytes.p[2 + 33] = 1;
	bytes.p[2 + 8 * 33] = 24;
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), -1);
	bytes.p[2 + 8 * 33] = 14;
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), 0);
	bytes.p[1] = 0;
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), -1);
	bytes.p[1] = 25;
	assert_int_equal(tally_blob_parse(&parsed, tally_buf_view(&bytes), &e->err), -1);
	tally_buf_deinit(&bytes);
}

static void
every_bit_of_a_blob_counts(void **state)
{
	struct evidence *e = *state;
	struct tally_buf bytes = TALLY_BUF_INIT;
	unsigned by_check[11] = { 0 };

	make_blob(e, &bytes);
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		unsigned check;

		bytes.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		check = evidence_blob_verdict(e, tally_buf_view(&bytes));
		bytes.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (check == 0)
			fail_msg("bit %zu of the blob is free", bit);
		assert_true(check <= 10);
		by_check[check]++;
	}
	/* 1 structure, 2 magic, 3 type, 4 signature, 8 PCR values. Nothing gets as far
	 * as 6 or 7: the signature covers it. */
	print_message("bits stopped by check 1: %u, 2: %u, 3: %u, 4: %u, 8: %u\n", by_check[1],
		      by_check[2], by_check[3], by_check[4], by_check[8]);
	assert_int_equal(by_check[2], 32);
	assert_int_equal(by_check[3], 16);
	assert_true(by_check[1] > 0 && by_check[4] > 0);
	assert_true(by_check[8] >= QUOTED * TALLY_HASH * 8);
	assert_int_equal(by_check[6] + by_check[7], 0);
	tally_buf_deinit(&bytes);
}

/* Flips each bit of a public area that the statement names. */
static void
flip_public(struct evidence *e, const struct tally_buf *public, const char *name)
{
	for (size_t bit = 0; bit < public->len * 8; bit++) {
		unsigned check;

		public->p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		check = evidence_verdict(e);
		public->p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (check == 0)
			fail_msg("bit %zu of the %s's public area is free", bit, name);
	}
}

static void
every_bit_of_a_public_area_counts(void **state)
{
	struct evidence *e = *state;

	assert_int_equal(evidence_verdict(e), 0);
	flip_public(e, &e->tpm.ak_public, "AK");
	flip_public(e, &e->tpm.ek_public, "EK");
	assert_int_equal(evidence_verdict(e), 0);
}

static void
every_bit_of_a_statement_counts(void **state)
{
	struct evidence *e = *state;
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_buf bytes = TALLY_BUF_INIT;

	/* The quote of a session binds the hash of the statement's bytes. */
	assert_int_equal(tally_statement_encode(&e->st, &bytes, &e->err), 0);
	tally_q_statement(e->q, tally_buf_view(&bytes));
	tally_buf_clear(&e->attest);
	faketpm_attest(&e->tpm, &e->attest, e->pcrs, QUOTED, e->q);
	evidence_sign(e);
	assert_int_equal(evidence_verdict(e), 0);
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		bytes.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (tally_statement_decode(&e->st, tally_buf_view(&bytes), arena, &e->err) == 0) {
			tally_q_statement(e->q, tally_buf_view(&bytes));
			if (evidence_verdict(e) == 0)
				fail_msg("bit %zu of the statement is free", bit);
		}
		bytes.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		tally_arena_reset(arena);
	}
	tally_buf_deinit(&bytes);
	tally_arena_free(arena);
}

static void
the_class_is_what_is_proven_and_no_claim_raises_it(void **state)
{
	static const char *const transports[] = { "libtpms", "swtpm", "device", "", "hardware" };

	(void)state;
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		struct tally_bytes t = tally_bytes_str(transports[i]);

		assert_int_equal(tally_class_of(false, t), TALLY_CLASS_SELF_DECLARED);
		assert_int_equal(tally_class_of(true, t), TALLY_CLASS_SOFTWARE);
	}
	assert_string_equal(tally_class_name(TALLY_CLASS_SELF_DECLARED), "self-declared");
	assert_string_equal(tally_class_name(TALLY_CLASS_SOFTWARE), "software (libtpms)");
	assert_string_equal(tally_class_name(TALLY_CLASS_CLOUD), "cloud-vtpm");
	assert_string_equal(tally_class_name(TALLY_CLASS_UNCERTIFIED), "hardware-uncertified");
	assert_string_equal(tally_class_name(TALLY_CLASS_CERTIFIED), "hardware-certified");
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, evidence_setup, evidence_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_blob_comes_back_as_it_was_written),
		CASE(cut_and_lengthened_blobs_are_refused),
		CASE(pcrs_are_ascending_and_exist),
		CASE(every_bit_of_a_blob_counts),
		CASE(every_bit_of_a_public_area_counts),
		CASE(every_bit_of_a_statement_counts),
		CASE(the_class_is_what_is_proven_and_no_claim_raises_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
