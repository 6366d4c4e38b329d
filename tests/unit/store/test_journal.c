/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence rows: written down before and after, one pending at most. */
#include "fixture.h"
#include <string.h>
#include "tally/evidence.h"

static const uint8_t ak_public[5] = { 0, 1, 2, 3, 4 };
static const uint8_t blob[] = "an evidence blob";

static struct tally_row
intended(struct tally_journal *j, uint8_t before)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR, .session = 7 };

	memset(row.before, before, TALLY_HASH);
	assert_int_equal(j->intend(j->ctx, &row, &err), 1);
	return row;
}

static int
settle(struct tally_journal *j, struct tally_row *row, uint8_t state, struct tally_err *err)
{
	bool done = state == TALLY_ROW_DONE;

	row->state = state;
	return j->settle(j->ctx, row, tally_bytes(ak_public, sizeof(ak_public)),
			 tally_bytes(done ? blob : NULL, done ? sizeof(blob) : 0), err);
}

/* Evidence lines of the note with this sequence, and whether the log's verifies. */
static size_t
lines_of(struct tally_store *s, uint64_t sequence)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_note_line *line;
	struct tally_note note;
	uint8_t id[4];
	size_t n;

	assert_int_equal(tally_store_note(s, sequence, &bytes, &err), 1);
	assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
	assert_int_equal(tally_note_verify(&note, tally_store_vkey(s), &err), 1);
	tally_evidence_key_id(id, tally_store_origin(s), tally_bytes(ak_public, sizeof(ak_public)));
	line = tally_note_find(&note, tally_bytes_str(tally_store_origin(s)), id);
	n = note.lines;
	if (n > 1) {
		assert_non_null(line);
		assert_true(tally_bytes_eq(tally_bytes(line->sig, line->sig_len),
					   tally_bytes(blob, sizeof(blob))));
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	return n;
}

static void
a_row_is_pending_before_and_done_with_its_line_after(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t after[TALLY_HASH], q[TALLY_HASH];
	struct tally_row row, last = { .pcr = 1 };
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	struct tally_journal j;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_int_equal(j.last_row(j.ctx, &last, &err), 0);
	assert_int_equal(j.intend(j.ctx, &last, &err), 0); /* no entry, nothing to sign */
	assert_ok(append_serials(s, 0, 20, 24, &err));
	row = intended(&j, 0xaa);
	assert_int_equal(row.state, TALLY_ROW_PENDING);
	assert_int_equal(row.number, 0);
	assert_int_equal(row.note, 0);
	assert_int_equal(row.session, 7);
	assert_int_equal(tally_store_note(s, 0, &bytes, &err), 1);
	assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
	tally_q_checkpoint(q, note.text);
	assert_memory_equal(q, row.q, TALLY_HASH);
	tally_pcr_extend(after, row.before, q);
	assert_memory_equal(after, row.after, TALLY_HASH);
	assert_int_equal(lines_of(s, 0), 1);
	assert_int_equal(j.last_row(j.ctx, &last, &err), 1);
	assert_memory_equal(&last, &row, sizeof(row));

	last = row;
	assert_int_equal(j.intend(j.ctx, &last, &err), -1); /* one is pending */
	last.before[0] ^= 1;
	assert_int_equal(settle(&j, &last, TALLY_ROW_DONE, &err), -1); /* not that one */
	assert_int_equal(err.code, TALLY_FAILS);
	assert_ok(settle(&j, &row, TALLY_ROW_DONE, &err));
	assert_int_equal(lines_of(s, 0), 2);
	assert_int_equal(settle(&j, &row, TALLY_ROW_DONE, &err), -1); /* not twice */
	assert_int_equal(lines_of(s, 0), 2);
	assert_int_equal(j.intend(j.ctx, &last, &err), 0); /* nothing new */
	tally_store_close(s);
	check_ledger(f.path, 20);
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	fixture_deinit(&f);
}

static void
a_foreign_or_lost_row_is_followed_by_another_for_the_same_note(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_row row, read;
	struct tally_journal j;
	struct tally_store *s;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_ok(append_serials(s, 0, 3, 24, &err));
	row = intended(&j, 1);
	memset(row.after, 0x77, TALLY_HASH); /* the value found */
	assert_ok(settle(&j, &row, TALLY_ROW_FOREIGN, &err));
	row = intended(&j, 0x77);
	assert_int_equal(row.number, 1);
	assert_int_equal(row.note, 0);
	assert_ok(settle(&j, &row, TALLY_ROW_DONE, &err));
	assert_int_equal(lines_of(s, 0), 2);
	assert_int_equal(tally_store_row(s, 0, &read, &err), 1);
	assert_int_equal(read.state, TALLY_ROW_FOREIGN);
	assert_int_equal(read.after[5], 0x77);
	assert_int_equal(tally_store_row(s, 2, &read, &err), 0);

	assert_ok(append_serials(s, 3, 1, 24, &err));
	row = intended(&j, 2);
	assert_int_equal(row.note, 1);
	assert_ok(settle(&j, &row, TALLY_ROW_LOST, &err));
	assert_int_equal(lines_of(s, 1), 1);
	assert_int_equal(intended(&j, 3).note, 1);
	/* A note without any row is attested too. */
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_int_equal(j.last_row(j.ctx, &row, &err), 1);
	assert_int_equal(row.state, TALLY_ROW_PENDING);
	assert_ok(settle(&j, &row, TALLY_ROW_DONE, &err));
	assert_ok(append_serials(s, 4, 1, 24, &err));
	assert_int_equal(tally_store_checkpoint(s, &err), 1);
	row = intended(&j, 4);
	assert_int_equal(row.note, 2);
	assert_int_equal(row.number, 4);
	tally_store_close(s);
	fixture_deinit(&f);
}

static void
the_newest_session_statement_is_found_again(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf statement = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH];
	struct tally_journal j;
	struct tally_store *s;
	struct fixture f;
	uint64_t index, size;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_int_equal(j.last_session(j.ctx, &index, &statement, &err), 0);
	assert_ok(append_serials(s, 0, 2, 24, &err));
	assert_ok(j.head(j.ctx, &size, root, &err));
	assert_int_equal(size, 2);
	/* The head has moved since: nothing is appended. */
	assert_int_equal(j.session(j.ctx, 1, tally_bytes_str("old"), tally_bytes_str("q"), &err),
			 0);
	assert_int_equal(j.session(j.ctx, 2, tally_bytes_str("one"), tally_bytes_str("q"), &err),
			 1);
	assert_int_equal(j.session(j.ctx, 3, tally_bytes_str("two"), tally_bytes_str("q"), &err),
			 1);
	assert_ok(j.head(j.ctx, &size, root, &err));
	assert_int_equal(size, 4);
	tally_store_close(s);
	s = fixture_open(&f, TALLY_STORE_WRITE);
	j = tally_store_journal(s);
	assert_int_equal(j.last_session(j.ctx, &index, &statement, &err), 1);
	assert_int_equal(index, 3);
	assert_true(tally_bytes_eq(tally_buf_view(&statement), tally_bytes_str("two")));
	tally_buf_deinit(&statement);
	tally_store_close(s);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_pending_before_and_done_with_its_line_after),
		cmocka_unit_test(a_foreign_or_lost_row_is_followed_by_another_for_the_same_note),
		cmocka_unit_test(the_newest_session_statement_is_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
