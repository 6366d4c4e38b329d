/* SPDX-License-Identifier: Apache-2.0 */
/* Cosignatures and add-checkpoint bodies; the policies are test_policy.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/err.h"
#include "tally/witness.h"

static struct tally_logkey *
witness_key(void)
{
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key = NULL;
	uint8_t typed[33] = { TALLY_SIG_ED25519 };

	/* The seed of make.py; the id is that of the log key of this name. */
	for (uint8_t i = 0; i < 32; i++)
		typed[1 + i] = (uint8_t)(32 + i);
	tally_buf_add_str(&text, "PRIVATE+KEY+witness.example.com+27cf0af6+");
	tally_buf_add_base64(&text, typed, sizeof(typed));
	if (tally_logkey_parse(&key, tally_buf_view(&text), &err) < 0)
		fail_msg("%s", err.text);
	tally_buf_deinit(&text);
	return key;
}

static void
check_cosignature(void *ctx, const struct vector *v)
{
	struct tally_logkey *key = ctx;
	struct tally_buf text = vector_bytes(v, 2), full = vector_bytes(v, 4);
	struct tally_buf scratch = TALLY_BUF_INIT, made = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey vkey;
	struct tally_note note;
	uint64_t time = 0;

	tally_cosigner_vkey(&vkey, key);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&full), &scratch, &err), 0);
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), 1);
	assert_true(time == tally_get_u64(note.line[2].sig));
	assert_int_equal(tally_cosign(&made, tally_buf_view(&text), key, time, &err), 0);
	assert_true(full.len > made.len);
	assert_memory_equal(full.p + full.len - made.len, made.p, made.len);
	tally_buf_deinit(&text), tally_buf_deinit(&full);
	tally_buf_deinit(&scratch), tally_buf_deinit(&made);
}

static void
check_vkey(void *ctx, const struct vector *v)
{
	struct tally_buf theirs = vector_bytes(v, 0), ours = TALLY_BUF_INIT;
	struct tally_vkey vkey;

	tally_cosigner_vkey(&vkey, ctx);
	tally_vkey_text(&ours, &vkey);
	assert_true(tally_bytes_eq(tally_buf_view(&ours), tally_buf_view(&theirs)));
	tally_buf_deinit(&theirs), tally_buf_deinit(&ours);
}

static void
cosignatures_are_those_that_python_makes(void **state)
{
	struct tally_logkey *key = witness_key();

	(void)state;
	assert_int_equal(vectors_each("witness", check_vkey, key), 1);
	assert_int_equal(vectors_each("note", check_cosignature, key), 3);
	tally_logkey_free(key);
}

static void
of_two_cosignatures_the_earlier_time_counts_and_both_must_verify(void **state)
{
	static const char text[] =
		"example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
	struct tally_logkey *key = witness_key();
	struct tally_buf full = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey vkey;
	struct tally_note note;
	uint64_t time = 0;

	(void)state;
	tally_cosigner_vkey(&vkey, key);
	tally_buf_addf(&full, "%s\n", text);
	assert_int_equal(tally_cosign(&full, tally_bytes_str(text), key, 200, &err), 0);
	assert_int_equal(tally_cosign(&full, tally_bytes_str(text), key, 100, &err), 0);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&full), &scratch, &err), 0);
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), 1);
	assert_true(time == 100);
	scratch.p[4 + 8 + 3] ^= 1; /* of the first line's signature */
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	scratch.p[4 + 8 + 3] ^= 1;
	vkey.name[0] = 'W';
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), 0);
	tally_buf_deinit(&full), tally_buf_deinit(&scratch);
	tally_logkey_free(key);
}

static void
a_time_above_63_bits_does_not_verify_though_it_is_signed(void **state)
{
	static const char text[] = "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
	struct tally_logkey *key = witness_key();
	struct tally_signer signer = tally_logkey_signer(key);
	struct tally_buf message = TALLY_BUF_INIT, full = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t stamped[72];
	struct tally_vkey vkey;
	struct tally_note note;
	uint64_t time;

	(void)state;
	tally_cosigner_vkey(&vkey, key);
	tally_put_u64(stamped, UINT64_C(1) << 63);
	tally_buf_addf(&message, "cosignature/v1\ntime 9223372036854775808\n%s", text);
	assert_int_equal(signer.sign(signer.ctx, tally_buf_view(&message), stamped + 8, &err), 0);
	tally_buf_addf(&full, "%s\n", text);
	tally_note_add_line(&full, vkey.name, vkey.id, tally_bytes(stamped, sizeof(stamped)));
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&full), &scratch, &err), 0);
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), -1);
	tally_buf_deinit(&message), tally_buf_deinit(&full), tally_buf_deinit(&scratch);
	tally_logkey_free(key);
}

static void
foreign_cosignatures_of_the_public_vectors_verify_with_their_time(void **state)
{
	static const char vkey_text[] =
		"witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN";
	struct tally_buf file, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey vkey;
	struct tally_note note;
	uint64_t time = 0;

	(void)state;
	vectors_or_skip();
	file = vectors_file("ledger/sunlight/cmd/skylight/testdata/witness/"
			    "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/"
			    "checkpoint");
	assert_int_equal(tally_vkey_parse(&vkey, tally_bytes_str(vkey_text), &err), 0);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&file), &scratch, &err), 0);
	assert_int_equal(tally_note_cosigned(&note, &vkey, &time, &err), 1);
	assert_true(time == 0x69546780);
	tally_buf_deinit(&file), tally_buf_deinit(&scratch);
}

/* Bodies stand between two lines of ```. */
static void
the_public_requests_are_read_and_written_again_as_they_were(void **state)
{
	static const char *const files[] = { "litewitness.txt", "sumdb.txt" };
	size_t bodies = 0;

	(void)state;
	vectors_or_skip();
	for (size_t i = 0; i < 2; i++) {
		char name[120];
		struct tally_buf file, again = TALLY_BUF_INIT;
		struct tally_err err = TALLY_ERR_INIT;
		struct tally_add_checkpoint r;
		char *at;

		snprintf(name, sizeof(name),
			 "ledger/torchwood-litewitness/cmd/litewitness/testdata/%s", files[i]);
		file = vectors_file(name);
		for (at = strstr((char *)file.p, "```\n"); at; at = strstr(at, "```\n")) {
			char *end = strstr(at + 4, "```\n");
			struct tally_bytes body = tally_bytes(at + 4, (size_t)(end - at - 4));

			tally_buf_clear(&again);
			if (tally_add_checkpoint_parse(&r, body, &err) < 0)
				fail_msg("%s", err.text);
			tally_add_checkpoint_text(&again, &r);
			assert_true(tally_bytes_eq(tally_buf_view(&again), body));
			bodies++;
			at = end + 4;
		}
		tally_buf_deinit(&file), tally_buf_deinit(&again);
	}
	assert_int_equal(bodies, 10);
}

#define ROOT "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0="

static void
malformed_requests_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"old 1",
		"old 1\n",
		"old 1\n\n",
		"old 01\n\nx",
		"old -1\n\nx",
		"old \n\nx",
		"Old 1\n\nx",
		"old  1\n\nx",
		"old 1 \n\nx",
		"old 9223372036854775808\n\nx",
		("old 1\n" ROOT "x\n\nx"),
		("old 1\n" ROOT "\r\n\nx"),
		"old 1\n RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=\n\nx",
		"old 1\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl1=\n\nx",
		("old 1\n" ROOT "\nx"),
	};
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_add_checkpoint r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (tally_add_checkpoint_parse(&r, tally_bytes_str(bad[i]), &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, TALLY_FAILS);
	}
}

static void
sixty_three_proof_lines_are_taken_and_one_more_is_refused(void **state)
{
	struct tally_buf body = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_add_checkpoint r;

	(void)state;
	for (unsigned n = 63; n <= 64; n++) {
		tally_buf_clear(&body);
		tally_buf_add_str(&body, "old 9223372036854775807\n");
		for (unsigned i = 0; i < n; i++)
			tally_buf_add_str(&body, ROOT "\n");
		tally_buf_add_str(&body, "\nx");
		assert_int_equal(tally_add_checkpoint_parse(&r, tally_buf_view(&body), &err),
				 n == 63 ? 0 : -1);
	}
	assert_int_equal(r.hashes, 63);
	assert_true(r.old == INT64_MAX);
	tally_buf_deinit(&body);
}

static void
a_conflict_tells_one_size_and_nothing_else(void **state)
{
	static const char *const bad[] = { "",      "\n",   "5",
					   "5\n\n", "05\n", " 5\n",
					   "5 \n",  "-1\n", "9223372036854775808\n" };
	uint64_t size = 1;

	(void)state;
	assert_true(tally_tlog_size_parse(&size, tally_bytes_str("0\n")));
	assert_true(size == 0);
	assert_true(tally_tlog_size_parse(&size, tally_bytes_str("35225469\n")));
	assert_true(size == 35225469);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(tally_tlog_size_parse(&size, tally_bytes_str(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cosignatures_are_those_that_python_makes),
		cmocka_unit_test(of_two_cosignatures_the_earlier_time_counts_and_both_must_verify),
		cmocka_unit_test(a_time_above_63_bits_does_not_verify_though_it_is_signed),
		cmocka_unit_test(foreign_cosignatures_of_the_public_vectors_verify_with_their_time),
		cmocka_unit_test(the_public_requests_are_read_and_written_again_as_they_were),
		cmocka_unit_test(malformed_requests_are_refused),
		cmocka_unit_test(sixty_three_proof_lines_are_taken_and_one_more_is_refused),
		cmocka_unit_test(a_conflict_tells_one_size_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
