/* SPDX-License-Identifier: Apache-2.0 */
/* Signature lines from outside, and a ledger that is closed for signing. */
#include "fixture.h"
#include <string.h>
#include "tally/evidence.h"
#include "tally/witness.h"

static struct tally_buf
newest(struct tally_store *s, uint64_t *sequence)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;

	assert_int_equal(tally_store_last_note(s, sequence, &out, &err), 1);
	return out;
}

static void
cosign(struct tally_store *s, struct tally_logkey *key, uint64_t time, struct tally_buf *lines)
{
	struct tally_buf scratch = TALLY_BUF_INIT, bytes;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_note note;
	uint64_t sequence;

	bytes = newest(s, &sequence);
	assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
	assert_ok(tally_cosign(lines, note.text, key, time, &err));
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
}

static size_t
lines_of(struct tally_store *s, struct tally_logkey *key, uint64_t *time)
{
	struct tally_buf scratch = TALLY_BUF_INIT, bytes;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_vkey vkey;
	struct tally_note note;
	uint64_t sequence;
	size_t n;

	bytes = newest(s, &sequence);
	tally_cosigner_vkey(&vkey, key);
	assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
	assert_int_equal(tally_note_verify(&note, tally_store_vkey(s), &err), 1);
	assert_int_equal(tally_note_cosigned(&note, &vkey, time, &err), 1);
	n = note.lines;
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
	return n;
}

static void
each_signer_has_one_line_behind_the_logs_own(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *a, *b;
	struct tally_store *s;
	struct fixture f;
	uint64_t time;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(tally_logkey_generate(&a, "w.example/a", &err));
	assert_ok(tally_logkey_generate(&b, "w.example/b", &err));
	assert_ok(append_serials(s, 0, 5, 24, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	cosign(s, a, 100, &lines);
	assert_ok(tally_store_cosigned(s, 0, tally_buf_view(&lines), &err));
	tally_buf_clear(&lines);
	cosign(s, a, 50, &lines); /* again: the first one stays */
	cosign(s, b, 70, &lines);
	assert_ok(tally_store_cosigned(s, 0, tally_buf_view(&lines), &err));
	assert_int_equal(lines_of(s, a, &time), 3);
	assert_true(time == 100);
	assert_int_equal(lines_of(s, b, &time), 3);
	assert_true(time == 70);
	assert_int_equal(tally_store_checkpoint(s, &err), 0);
	/* Opening verifies the newest note. */
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_int_equal(lines_of(s, a, &time), 3);
	tally_store_close(s);
	tally_logkey_free(a), tally_logkey_free(b);
	tally_buf_deinit(&lines);
	fixture_deinit(&f);
}

static void
lines_that_cannot_stand_there_are_refused_and_change_nothing(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT, before, after;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key;
	struct tally_store *s;
	struct fixture f;
	uint64_t sequence;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 5, 24, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	before = newest(s, &sequence);
	assert_int_equal(
		tally_store_cosigned(s, 1, tally_bytes_str("\xe2\x80\x94 a AAAAAAA=\n"), &err), -1);
	assert_non_null(strstr(err.text, "note 1: missing"));
	assert_int_equal(tally_store_cosigned(s, 0, tally_bytes_str("x\n"), &err), -1);
	assert_int_equal(tally_store_cosigned(s, 0, tally_bytes_str(""), &err), -1);
	tally_buf_addf(&lines, "\xe2\x80\x94 %s AAAAAAA=\n", tally_store_origin(s));
	assert_int_equal(tally_store_cosigned(s, 0, tally_buf_view(&lines), &err), -1);
	assert_non_null(strstr(err.text, "in the log's own name"));
	/* One more than a note can carry. */
	tally_buf_clear(&lines);
	for (unsigned i = 0; i < TALLY_NOTE_LINES; i++)
		tally_buf_addf(&lines, "\xe2\x80\x94 w%u AAAAAAA=\n", i);
	assert_int_equal(tally_store_cosigned(s, 0, tally_buf_view(&lines), &err), -1);
	after = newest(s, &sequence);
	assert_true(tally_bytes_eq(tally_buf_view(&before), tally_buf_view(&after)));
	/* And the ledger goes on. */
	assert_ok(tally_logkey_generate(&key, "w.example/a", &err));
	tally_buf_clear(&lines);
	cosign(s, key, 1, &lines);
	assert_ok(tally_store_cosigned(s, 0, tally_buf_view(&lines), &err));
	tally_logkey_free(key);
	tally_store_close(s);
	tally_buf_deinit(&lines), tally_buf_deinit(&before), tally_buf_deinit(&after);
	fixture_deinit(&f);
}

static void
evidence_and_cosignatures_come_in_either_order(void **state)
{
	static const uint8_t ak[3] = { 1, 2, 3 };
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR, .session = 7 };
	struct tally_buf lines = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key;
	struct tally_journal j;
	struct tally_store *s;
	struct fixture f;
	uint64_t time;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_ok(tally_logkey_generate(&key, "w.example/a", &err));
	assert_ok(append_serials(s, 0, 5, 24, &err));
	assert_int_equal(j.intend(j.ctx, &row, &err), 1);
	cosign(s, key, 100, &lines);
	assert_ok(tally_store_cosigned(s, row.note, tally_buf_view(&lines), &err));
	row.state = TALLY_ROW_DONE;
	assert_ok(j.settle(j.ctx, &row, tally_bytes(ak, sizeof(ak)), tally_bytes("blob", 4), &err));
	assert_int_equal(lines_of(s, key, &time), 3);
	tally_store_close(s);
	tally_logkey_free(key);
	tally_buf_deinit(&lines);
	fixture_deinit(&f);
}

static void
a_closed_ledger_takes_entries_and_signs_nothing_for_good(void **state)
{
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR, .session = 7 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_journal j;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 5, 24, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	assert_null(tally_store_closed(s));
	assert_ok(tally_store_close_signing(s, "witness w says so", &err));
	assert_ok(tally_store_close_signing(s, "another reason", &err));
	for (int i = 0; i < 2; i++) {
		assert_string_equal(tally_store_closed(s), "witness w says so");
		assert_ok(append_serials(s, 5 + (uint64_t)i, 1, 24, &err));
		assert_int_equal(tally_store_checkpoint(s, &err), -1);
		assert_int_equal(err.code, TALLY_FAILS);
		assert_non_null(strstr(err.text, "closed for signing: witness w says so"));
		j = tally_store_journal(s);
		assert_int_equal(j.intend(j.ctx, &row, &err), -1);
		assert_non_null(strstr(err.text, "closed for signing"));
		tally_store_close(s);
		s = fixture_open(&f, TALLY_STORE_WRITE);
	}
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_READ);
	assert_string_equal(tally_store_closed(s), "witness w says so");
	tally_store_close(s);
	check_ledger(f.path, 7);
	fixture_deinit(&f);
}

static void
an_export_shows_cosignatures_and_nothing_of_the_tpm_in_its_checkpoint(void **state)
{
	static const uint8_t ak[3] = { 1, 2, 3 };
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR, .session = 7, .state = 0 };
	struct tally_buf lines = TALLY_BUF_INIT, file = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_logkey *key;
	struct tally_journal j;
	struct tally_store *s;
	struct tally_note note;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_ok(tally_logkey_generate(&key, "w.example/a", &err));
	assert_ok(append_serials(s, 0, 5, 24, &err));
	assert_int_equal(j.intend(j.ctx, &row, &err), 1);
	row.state = TALLY_ROW_DONE;
	assert_ok(j.settle(j.ctx, &row, tally_bytes(ak, sizeof(ak)), tally_bytes("blob", 4), &err));
	cosign(s, key, 100, &lines);
	assert_ok(tally_store_cosigned(s, row.note, tally_buf_view(&lines), &err));
	assert_ok(tally_store_export(s, f.out, true, NULL, NULL, &err));
	assert_int_equal(read_whole(f.out, "checkpoint", &file), 1);
	assert_ok(tally_note_parse(&note, tally_buf_view(&file), &scratch, &err));
	assert_int_equal(note.lines, 2);
	assert_true(tally_bytes_eq(note.line[0].name, tally_bytes_str(tally_store_origin(s))));
	assert_true(tally_bytes_eq(note.line[1].name, tally_bytes_str("w.example/a")));
	tally_store_close(s);
	tally_logkey_free(key);
	tally_buf_deinit(&lines), tally_buf_deinit(&file), tally_buf_deinit(&scratch);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signer_has_one_line_behind_the_logs_own),
		cmocka_unit_test(lines_that_cannot_stand_there_are_refused_and_change_nothing),
		cmocka_unit_test(evidence_and_cosignatures_come_in_either_order),
		cmocka_unit_test(a_closed_ledger_takes_entries_and_signs_nothing_for_good),
		cmocka_unit_test(
			an_export_shows_cosignatures_and_nothing_of_the_tpm_in_its_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
