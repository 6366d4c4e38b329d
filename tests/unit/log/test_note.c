/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, checkpoints and proofs as texts. */
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "tally/err.h"
#include "tally/note.h"

struct keys {
	struct tally_vkey log, witness;
	struct tally_logkey *private;
	struct tally_buf note; /* the last one with three lines */
};

static void
read_private(void *ctx, const struct vector *v)
{
	struct keys *k = ctx;
	struct tally_buf text = vector_bytes(v, 0);
	struct tally_err err = TALLY_ERR_INIT;

	assert_int_equal(tally_logkey_parse(&k->private, tally_buf_view(&text), &err), 0);
	tally_buf_deinit(&text);
}

static void
read_vkey(void *ctx, const struct vector *v)
{
	struct tally_buf text = vector_bytes(v, 0);
	struct tally_err err = TALLY_ERR_INIT;

	assert_int_equal(tally_vkey_parse(ctx, tally_buf_view(&text), &err), 0);
	tally_buf_deinit(&text);
}

static void
read_note(void *ctx, const struct vector *v)
{
	struct keys *k = ctx;

	tally_buf_deinit(&k->note);
	k->note = vector_bytes(v, 4);
}

static int
set_up(void **state)
{
	struct keys *k = tally_alloc(sizeof(*k));

	vectors_each("private", read_private, k);
	vectors_each("vkey", read_vkey, &k->log);
	vectors_each("witness", read_vkey, &k->witness);
	vectors_each("note", read_note, k);
	*state = k;
	return 0;
}

static int
tear_down(void **state)
{
	struct keys *k = *state;

	tally_logkey_free(k->private);
	tally_buf_deinit(&k->note);
	free(k);
	return 0;
}

static void
check_note(void *ctx, const struct vector *v)
{
	struct keys *k = ctx;
	struct tally_buf root = vector_bytes(v, 1), text = vector_bytes(v, 2);
	struct tally_buf signed_note = vector_bytes(v, 3), full = vector_bytes(v, 4);
	struct tally_buf made = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_signer signer = tally_logkey_signer(k->private);
	struct tally_checkpoint checkpoint;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;

	tally_checkpoint_text(&made, k->log.name, vector_number(v, 0), root.p);
	assert_true(tally_bytes_eq(tally_buf_view(&made), tally_buf_view(&text)));
	tally_buf_clear(&made);
	assert_int_equal(tally_note_sign(&made, tally_buf_view(&text), &signer, &err), 0);
	assert_true(tally_bytes_eq(tally_buf_view(&made), tally_buf_view(&signed_note)));
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&full), &scratch, &err), 0);
	assert_int_equal(note.lines, 3);
	assert_true(tally_bytes_eq(note.text, tally_buf_view(&text)));
	assert_int_equal(tally_note_verify(&note, &k->log, &err), 1);
	assert_int_equal(tally_note_verify(&note, &k->witness, &err), 1);
	assert_int_equal(note.line[1].sig_len, 4);
	assert_memory_equal(note.line[1].sig, "blob", 4);
	assert_int_equal(tally_checkpoint_parse(&checkpoint, note.text, false, &err), 0);
	assert_true(checkpoint.size == vector_number(v, 0));
	assert_memory_equal(checkpoint.root, root.p, TALLY_HASH);
	tally_buf_deinit(&root), tally_buf_deinit(&text), tally_buf_deinit(&signed_note);
	tally_buf_deinit(&full), tally_buf_deinit(&made), tally_buf_deinit(&scratch);
}

static void
notes_are_those_that_python_signs(void **state)
{
	assert_int_equal(vectors_each("note", check_note, *state), 3);
}

static void
no_changed_bit_of_a_note_passes(void **state)
{
	struct keys *k = *state;
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note good, note;
	struct tally_bytes in;
	struct tally_buf blob = TALLY_BUF_INIT;

	/* The evidence's 4 bytes are not signed by either key: compared apart. */
	assert_int_equal(tally_note_parse(&good, tally_buf_view(&k->note), &blob, &err), 0);
	for (size_t bit = 0; bit < k->note.len * 8; bit++) {
		bool holds;

		k->note.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		in = tally_buf_view(&k->note);
		tally_buf_clear(&scratch);
		holds = tally_note_parse(&note, in, &scratch, &err) == 0 && note.lines == 3 &&
			tally_note_verify(&note, &k->log, &err) == 1 &&
			tally_note_verify(&note, &k->witness, &err) == 1 &&
			memcmp(note.line[1].id, good.line[1].id, 4) == 0 &&
			note.line[1].sig_len == 4 && memcmp(note.line[1].sig, "blob", 4) == 0 &&
			tally_bytes_eq(note.line[1].name, tally_bytes_str(k->log.name));
		assert_false(holds);
		k->note.p[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	tally_buf_deinit(&scratch), tally_buf_deinit(&blob);
}

/* S + L is the same number for the equation, and would make two signatures of one. */
static void
a_signature_in_another_spelling_is_refused(void **state)
{
	static const uint8_t order[32] = {
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
		0xa2, 0xde, 0xf9, 0xde, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
	};
	struct keys *k = *state;
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;
	unsigned carry = 0;
	uint8_t *s;

	assert_int_equal(tally_note_parse(&note, tally_buf_view(&k->note), &scratch, &err), 0);
	assert_int_equal(tally_note_verify(&note, &k->log, &err), 1);
	assert_int_equal(note.line[0].sig_len, 64);
	assert_true(note.line[0].sig >= scratch.p &&
		    note.line[0].sig + 64 <= scratch.p + scratch.len);
	s = scratch.p + (note.line[0].sig - scratch.p) + 32;
	for (size_t i = 0; i < sizeof(order); i++) {
		carry += (unsigned)s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_int_equal(tally_note_verify(&note, &k->log, &err), -1);
	assert_int_equal(tally_note_verify(&note, &k->witness, &err), 1);
	tally_buf_deinit(&scratch);
}

static void
an_unknown_key_is_none_and_a_known_one_must_verify(void **state)
{
	struct keys *k = *state;
	struct tally_buf scratch = TALLY_BUF_INIT, doubled = TALLY_BUF_INIT;
	struct tally_vkey other = k->log;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;
	uint8_t wrong[64] = { 0 };

	assert_int_equal(tally_note_parse(&note, tally_buf_view(&k->note), &scratch, &err), 0);
	other.id[0] ^= 1;
	assert_int_equal(tally_note_verify(&note, &other, &err), 0);
	assert_null(tally_note_find(&note, tally_bytes_str(k->log.name), other.id));
	assert_non_null(tally_note_find(&note, tally_bytes_str(k->log.name), k->log.id));
	other = k->log;
	other.key[0] ^= 1;
	assert_int_equal(tally_note_verify(&note, &other, &err), -1);
	assert_int_equal(err.code, TALLY_FAILS);
	/* One good line does not excuse a bad one of the same key. */
	tally_buf_add_bytes(&doubled, tally_buf_view(&k->note));
	tally_note_add_line(&doubled, k->log.name, k->log.id, tally_bytes(wrong, 64));
	tally_buf_clear(&scratch);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&doubled), &scratch, &err), 0);
	assert_int_equal(tally_note_verify(&note, &k->log, &err), -1);
	tally_buf_deinit(&scratch), tally_buf_deinit(&doubled);
}

#define LINE  "\xe2\x80\x94 a AAAAAAA=\n"

#define EIGHT LINE LINE LINE LINE LINE LINE LINE LINE

static void
malformed_notes_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"text\n",
		"text\n\n",
		"text\n" LINE,
		"text\n\n" LINE "\n",
		"text\n\n" LINE LINE "x",
		"text\n\n\xe2\x80\x94 a AAAAAAA=",
		"text\n\n- a AAAAAAA=\n",
		"text\n\n\xe2\x80\x94  AAAAAAA=\n",
		"text\n\n\xe2\x80\x94 a  AAAAAAA=\n",
		"text\n\n\xe2\x80\x94 a AAAAAAA=\r\n",
		"text\n\n\xe2\x80\x94 a AAAAAAB=\n",   /* stray bits */
		"text\n\n\xe2\x80\x94 a AAAAAAA\n",    /* no padding */
		"text\n\n\xe2\x80\x94 a AAAAAA==\n",   /* an id and no signature */
		"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n", /* a plus */
		"text\n\n\xe2\x80\x94 a\xc2\xa0 AAAAAAA=\n",
		"te\txt\n\n" LINE,
		"te\xffxt\n\n" LINE,
		"text\n\n" LINE EIGHT EIGHT EIGHT EIGHT EIGHT,
	};
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;
	uint8_t *big = tally_alloc(TALLY_NOTE_MAX + 1);

	(void)state;
	assert_int_equal(tally_note_parse(&note, tally_bytes_str("text\n\n" LINE), &scratch, &err),
			 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		tally_buf_clear(&scratch);
		assert_int_equal(tally_note_parse(&note, tally_bytes_str(bad[i]), &scratch, &err),
				 -1);
		assert_int_equal(err.code, TALLY_FAILS);
	}
	assert_int_equal(tally_note_parse(&note,
					  tally_bytes_str("text\n\n" EIGHT EIGHT EIGHT EIGHT EIGHT),
					  &scratch, &err),
			 0);
	memset(big, 'a', TALLY_NOTE_MAX + 1);
	assert_int_equal(
		tally_note_parse(&note, tally_bytes(big, TALLY_NOTE_MAX + 1), &scratch, &err), -1);
	free(big);
	tally_buf_deinit(&scratch);
}

static void
the_text_ends_at_the_last_blank_line(void **state)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;

	(void)state;
	assert_int_equal(
		tally_note_parse(&note, tally_bytes_str("a\n\n\nb\n\n" LINE), &scratch, &err), 0);
	assert_int_equal(note.text.len, 6);
	assert_int_equal(note.lines, 1);
	tally_buf_deinit(&scratch);
}

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static void
checkpoints_have_one_form(void **state)
{
	static const char *const bad[] = {
		"",
		"o\n1\n",
		"o\n1\nAAAA\n",
		"\n1\n" ROOT,
		"o\n01\n" ROOT,
		"o\n+1\n" ROOT,
		"o\n-1\n" ROOT,
		"o\n\n" ROOT,
		"o\n9223372036854775808\n" ROOT,
		"o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		"o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"o\n1\n" ROOT "\n",
		"o\n1\n" ROOT "ext",
	};
	struct tally_checkpoint c;
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	assert_int_equal(tally_checkpoint_parse(&c, tally_bytes_str("o\n1\n" ROOT), false, &err),
			 0);
	assert_int_equal(
		tally_checkpoint_parse(&c, tally_bytes_str("o\n1\n" ROOT "ext\n"), true, &err), 0);
	assert_int_equal(
		tally_checkpoint_parse(&c, tally_bytes_str("o\n1\n" ROOT "ext\n"), false, &err),
		-1);
	/* Ours are key names; those of others need not be. */
	assert_int_equal(tally_checkpoint_parse(&c, tally_bytes_str("o o\n1\n" ROOT), true, &err),
			 0);
	assert_int_equal(tally_checkpoint_parse(&c, tally_bytes_str("o o\n1\n" ROOT), false, &err),
			 -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tally_checkpoint_parse(&c, tally_bytes_str(bad[i]), true, &err),
				 -1);
		assert_int_equal(err.code, TALLY_FAILS);
	}
}

static void
check_evidence_id(void *ctx, const struct vector *v)
{
	struct tally_buf name = vector_bytes(v, 0), ak = vector_bytes(v, 1);
	struct tally_buf id = vector_bytes(v, 2);
	uint8_t got[4];

	(void)ctx;
	tally_evidence_key_id(got, tally_buf_cstr(&name), tally_buf_view(&ak));
	assert_memory_equal(got, id.p, 4);
	tally_buf_deinit(&name), tally_buf_deinit(&ak), tally_buf_deinit(&id);
}

static void
evidence_has_the_key_id_that_python_gives(void **state)
{
	(void)state;
	vectors_each("evidence-id", check_evidence_id, NULL);
}

static void
check_tlog_proof(void *ctx, const struct vector *v)
{
	struct tally_buf record = vector_bytes(v, 1), text = vector_bytes(v, 2);
	struct tally_buf scratch = TALLY_BUF_INIT, again = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_tlog_proof p;

	(void)ctx;
	assert_int_equal(tally_tlog_proof_parse(&p, tally_buf_view(&text), &scratch, &err), 0);
	assert_int_equal(p.index, vector_number(v, 0));
	assert_true(tally_bytes_eq(p.extra, tally_buf_view(&record)));
	assert_int_equal(p.hashes, 5);
	tally_tlog_proof_text(&again, &p);
	assert_true(tally_bytes_eq(tally_buf_view(&again), tally_buf_view(&text)));
	tally_buf_deinit(&record), tally_buf_deinit(&text);
	tally_buf_deinit(&scratch), tally_buf_deinit(&again);
}

static void
proofs_as_texts_come_back(void **state)
{
	(void)state;
	assert_int_equal(vectors_each("tlog-proof", check_tlog_proof, NULL), 1);
}

#define HEAD "c2sp.org/tlog-proof@v1\n"

static void
malformed_proofs_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		HEAD,
		HEAD "index 1\n",
		HEAD "index 1\n\n",
		HEAD "index 01\n\nx",
		HEAD "index \n\nx",
		HEAD "extra AA\nindex 1\n\nx",
		HEAD "index 1\nextra AA==\n\nx",
		HEAD "extra AA==\nextra AA==\nindex 1\n\nx",
		HEAD "index 1\nAAAA\n\nx",
		HEAD "index 1\n" ROOT "x",
		"c2sp.org/tlog-proof@v2\nindex 1\n\nx",
	};
	struct tally_buf scratch = TALLY_BUF_INIT, much = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_tlog_proof p;

	(void)state;
	assert_int_equal(
		tally_tlog_proof_parse(&p, tally_bytes_str(HEAD "index 1\n\nx"), &scratch, &err),
		0);
	assert_null(p.extra.p);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
			tally_tlog_proof_parse(&p, tally_bytes_str(bad[i]), &scratch, &err), -1);
	tally_buf_add_str(&much, HEAD "index 1\n");
	for (int i = 0; i < 64; i++)
		tally_buf_add_str(&much, ROOT);
	tally_buf_add_str(&much, "\nx");
	assert_int_equal(tally_tlog_proof_parse(&p, tally_buf_view(&much), &scratch, &err), -1);
	tally_buf_deinit(&scratch), tally_buf_deinit(&much);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_are_those_that_python_signs),
		cmocka_unit_test(no_changed_bit_of_a_note_passes),
		cmocka_unit_test(a_signature_in_another_spelling_is_refused),
		cmocka_unit_test(an_unknown_key_is_none_and_a_known_one_must_verify),
		cmocka_unit_test(malformed_notes_are_refused),
		cmocka_unit_test(the_text_ends_at_the_last_blank_line),
		cmocka_unit_test(checkpoints_have_one_form),
		cmocka_unit_test(evidence_has_the_key_id_that_python_gives),
		cmocka_unit_test(proofs_as_texts_come_back),
		cmocka_unit_test(malformed_proofs_are_refused),
	};

	return cmocka_run_group_tests_name("log note", tests, set_up, tear_down);
}
