/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as texts, and their names. */
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/err.h"
#include "tally/note.h"

static void
check_vkey(void *ctx, const struct vector *v)
{
	struct tally_buf text = vector_bytes(v, 0), again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey key, changed;

	(void)ctx;
	assert_int_equal(tally_vkey_parse(&key, tally_buf_view(&text), &err), 0);
	tally_vkey_text(&again, &key);
	assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&text)));
	assert_true(tally_vkey_eq(&key, &key));
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		text.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		assert_int_equal(tally_vkey_parse(&changed, tally_buf_view(&text), &err), -1);
		assert_int_equal(err.code, TALLY_USE);
		text.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	tally_buf_deinit(&text), tally_buf_deinit(&again);
}

static void
a_vkey_comes_back_and_no_changed_bit_of_it_passes(void **state)
{
	(void)state;
	vectors_each("vkey", check_vkey, NULL);
	vectors_each("witness", check_vkey, NULL);
}

static void
check_private(void *ctx, const struct vector *v)
{
	struct tally_buf text = vector_bytes(v, 0), again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key;

	(void)ctx;
	assert_int_equal(tally_logkey_parse(&key, tally_buf_view(&text), &err), 0);
	tally_logkey_text(key, &again);
	assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&text)));
	tally_logkey_free(key);
	assert_int_equal(tally_logkey_parse(&key, tally_bytes(text.p, text.len - 1), &err), 0);
	tally_logkey_free(key);
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		text.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		assert_int_equal(tally_logkey_parse(&key, tally_buf_view(&text), &err), -1);
		assert_null(key);
		text.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	assert_int_equal(tally_logkey_parse(&key, tally_bytes("", 0), &err), -1);
	tally_buf_deinit(&text), tally_buf_deinit(&again);
}

static void
a_private_key_comes_back_and_no_changed_bit_of_it_passes(void **state)
{
	(void)state;
	vectors_each("private", check_private, NULL);
}

static void
a_fresh_key_signs_what_its_vkey_verifies(void **state)
{
	struct tally_logkey *key, *again;
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_signer signer;
	struct tally_note parsed;

	(void)state;
	assert_int_equal(tally_logkey_generate(&key, "example.com/fresh", &err), 0);
	assert_int_equal(tally_logkey_generate(&again, "example.com/fresh", &err), 0);
	assert_false(tally_vkey_eq(tally_logkey_vkey(key), tally_logkey_vkey(again)));
	tally_logkey_free(again);
	tally_logkey_text(key, &text);
	assert_int_equal(tally_logkey_parse(&again, tally_buf_view(&text), &err), 0);
	signer = tally_logkey_signer(again);
	assert_int_equal(tally_note_sign(&note, tally_bytes_str("text\n"), &signer, &err), 0);
	assert_int_equal(tally_note_parse(&parsed, tally_buf_view(&note), &scratch, &err), 0);
	assert_int_equal(tally_note_verify(&parsed, tally_logkey_vkey(key), &err), 1);
	tally_logkey_free(key), tally_logkey_free(again), tally_logkey_free(NULL);
	tally_buf_deinit(&note), tally_buf_deinit(&scratch), tally_buf_deinit(&text);
}

static void
names_have_no_space_no_plus_and_255_bytes_at_most(void **state)
{
	static const char *const bad[] = {
		"",          "a b",          "a+b",          "a\n",   "a\tb",  "a\xc2\xa0",
		"a\xc2\x85", "\xe2\x80\xaf", "\xe3\x80\x80", "a\xff", "a\x7f", "\xe2\x80\xa8",
	};
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key;
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(tally_name_valid(tally_bytes_str(bad[i])));
	assert_true(tally_name_valid(tally_bytes_str("tallystick.invalid/h\xc3\xb6st-0a1b2c3d")));
	memset(longest, 'a', sizeof(longest));
	assert_true(tally_name_valid(tally_bytes(longest, 255)));
	assert_false(tally_name_valid(tally_bytes(longest, 256)));
	assert_false(tally_name_valid(tally_bytes("a\0b", 3)));
	assert_int_equal(tally_logkey_generate(&key, "a b", &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vkey_comes_back_and_no_changed_bit_of_it_passes),
		cmocka_unit_test(a_private_key_comes_back_and_no_changed_bit_of_it_passes),
		cmocka_unit_test(a_fresh_key_signs_what_its_vkey_verifies),
		cmocka_unit_test(names_have_no_space_no_plus_and_255_bytes_at_most),
	};

	return cmocka_run_group_tests_name("log key", tests, NULL, NULL);
}
