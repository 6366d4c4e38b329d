/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes and evidence rows: each of the check-list's rows from its bad side, as
 * somebody without the TPM could do it, and what is no fault: a row that was
 * lost, one that somebody else extended, one that is pending.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "tally/row.h"

#define NOTES    "private/notes"
#define EVIDENCE "private/evidence"

static struct ledger one;
static char *dir;

static int
set_up(void **state)
{
	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	for (int i = 0; i < 4; i++) {
		ledger_append(&one, 3);
		ledger_checkpoint(&one);
	}
	ledger_reboot(&one);
	ledger_append(&one, 3);
	ledger_checkpoint(&one);
	dir = ledger_export(&one, "export", false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ledger_deinit(&one);
	free(dir);
	return 0;
}

static void
finds(const char *check, const char *file, const char *what)
{
	struct tally_verify *v = verified_one(NULL, dir);

	if (tally_verify_exit(v) != 1 || !names(v, check, dir, file, -1)) {
		tell_problems(v);
		fail_msg("%s: %s: not found: %s", file, check, what);
	}
	tally_verify_free(v);
}

static void
holds(const char *path, int expected, const char *says)
{
	struct tally_verify *v = verified_one((const char *)one.vkey.p, path);
	struct tally_buf text = TALLY_BUF_INIT;

	if (tally_verify_exit(v) != expected)
		tell_problems(v);
	assert_int_equal(tally_verify_exit(v), expected);
	tally_verify_text(v, &text);
	if (says)
		assert_non_null(strstr(tally_buf_cstr(&text), says));
	tally_buf_deinit(&text);
	tally_verify_free(v);
}

/* Where note k begins (its length before it), or the end. */
static size_t
note_at(const struct edit *e, unsigned k)
{
	size_t at = 0;

	for (; k > 0 && at < e->n; k--)
		at += 4 + tally_get_u32((const uint8_t *)e->bytes + at);
	return at;
}

/* The notes with those in [at, end) replaced. */
static void
write_notes(const struct edit *e, size_t at, size_t end, struct tally_bytes instead)
{
	struct tally_buf out = TALLY_BUF_INIT;

	tally_buf_add(&out, e->bytes, at);
	tally_buf_add_bytes(&out, instead);
	tally_buf_add(&out, e->bytes + end, e->n - end);
	edit_write(e, out.p, out.len);
	tally_buf_deinit(&out);
}

static void
a_missing_note_is_missed(void **state)
{
	struct edit e = edit_open(dir, NOTES);

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		write_notes(&e, note_at(&e, k), note_at(&e, k + 1), tally_bytes(NULL, 0));
		finds("missing", NOTES, "a note");
	}
	write_notes(&e, note_at(&e, 1), note_at(&e, 3), tally_bytes(NULL, 0));
	finds("missing", NOTES, "two notes");
	edit_write(&e, "", 0);
	finds("missing", NOTES, "all notes");
	edit_close(&e);
}

static void
notes_that_are_doubled_or_swapped_are_found(void **state)
{
	struct edit e = edit_open(dir, NOTES);
	struct tally_buf mixed = TALLY_BUF_INIT;
	size_t a = note_at(&e, 1), b = note_at(&e, 2), c = note_at(&e, 3);

	(void)state;
	write_notes(&e, b, b, tally_bytes(e.bytes + a, b - a));
	finds("note", NOTES, "doubled");
	tally_buf_add(&mixed, e.bytes + b, c - b);
	tally_buf_add(&mixed, e.bytes + a, b - a);
	write_notes(&e, a, c, tally_buf_view(&mixed));
	finds("note", NOTES, "swapped");
	tally_buf_deinit(&mixed);
	edit_close(&e);
}

/* Note k rewritten: its evidence line from note `from` (or none for -1), and a line more. */
static void
rewrite(const struct edit *e, unsigned k, int from, const char *line)
{
	struct tally_buf out = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT, other = TALLY_BUF_INIT;
	struct tally_buf framed = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	const uint8_t *p = (const uint8_t *)e->bytes;
	size_t at = note_at(e, k), end = note_at(e, k + 1);
	struct tally_note note, theirs;

	assert_int_equal(
		tally_note_parse(&note, tally_bytes(p + at + 4, end - at - 4), &scratch, &err), 0);
	assert_int_equal(note.lines, 2);
	tally_buf_add_bytes(&out, note.text);
	tally_buf_add_u8(&out, '\n');
	tally_note_add_line(&out, ORIGIN, note.line[0].id,
			    tally_bytes(note.line[0].sig, note.line[0].sig_len));
	if (from >= 0) {
		size_t from_at = note_at(e, (unsigned)from), next = note_at(e, (unsigned)from + 1);

		assert_int_equal(tally_note_parse(&theirs,
						  tally_bytes(p + from_at + 4, next - from_at - 4),
						  &other, &err),
				 0);
		tally_note_add_line(&out, ORIGIN, note.line[1].id,
				    tally_bytes(theirs.line[1].sig, theirs.line[1].sig_len));
	}
	tally_buf_add_str(&out, line);
	tally_buf_add_u32(&framed, (uint32_t)out.len);
	tally_buf_add_bytes(&framed, tally_buf_view(&out));
	write_notes(e, at, end, tally_buf_view(&framed));
	tally_buf_deinit(&out), tally_buf_deinit(&scratch), tally_buf_deinit(&other);
	tally_buf_deinit(&framed);
}

static void
a_done_row_needs_its_evidence_line_and_no_other(void **state)
{
	struct edit e = edit_open(dir, NOTES);

	(void)state;
	rewrite(&e, 2, 2, "");
	holds(dir, 0, "it holds");
	rewrite(&e, 2, -1, "");
	finds("missing", NOTES, "no evidence line");
	/* A quote of this TPM, but over another note: replayed. */
	rewrite(&e, 2, 1, "");
	finds("tpm-7", NOTES, "replayed");
	/* Over another TPM session. */
	rewrite(&e, 4, 1, "");
	finds("tpm-7", NOTES, "replayed from another session");
	rewrite(&e, 2, 2, "\xe2\x80\x94 example.com/witness AAAAAAA=\n");
	holds(dir, 0, "it holds"); /* a witness that nobody here knows */
	rewrite(&e, 2, 2, "\xe2\x80\x94 " ORIGIN " AAAAAAA=\n");
	finds("note", NOTES, "a line more of its own name");
	edit_close(&e);
}

/* One row changed by `f`, written again. */
static void
change_row(const struct edit *e, unsigned k, void (*f)(struct tally_row *row))
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_row row;
	uint8_t *copy = tally_alloc(e->n);

	memcpy(copy, e->bytes, e->n);
	assert_int_equal(tally_row_read(&row, copy + k * TALLY_ROW, &err), 0);
	f(&row);
	tally_row_write(copy + k * TALLY_ROW, &row);
	edit_write(e, copy, e->n);
	free(copy);
}

static void
to_pending(struct tally_row *row)
{
	row->state = TALLY_ROW_PENDING;
}
static void
to_lost(struct tally_row *row)
{
	row->state = TALLY_ROW_LOST;
}
static void
to_foreign(struct tally_row *row)
{
	row->state = TALLY_ROW_FOREIGN;
}
static void
other_pcr(struct tally_row *row)
{
	row->pcr = 13;
}
static void
other_number(struct tally_row *row)
{
	row->number++;
}
static void
earlier_note(struct tally_row *row)
{
	row->note--;
}
static void
later_note(struct tally_row *row)
{
	row->note++;
}
static void
other_session(struct tally_row *row)
{
	row->session++;
}
static void
other_before(struct tally_row *row)
{
	row->before[3] ^= 1;
}
/* One that agrees with itself, as if the chain had begun elsewhere. */
static void
other_chain(struct tally_row *row)
{
	row->before[3] ^= 1;
	tally_pcr_extend(row->after, row->before, row->q);
}
static void
other_after(struct tally_row *row)
{
	row->after[3] ^= 1;
}
static void
other_q(struct tally_row *row)
{
	row->q[3] ^= 1;
}

static void
every_field_of_a_row_is_checked(void **state)
{
	static void (*const changes[])(struct tally_row *) = {
		to_pending, to_lost,       to_foreign,   other_pcr,   other_number, earlier_note,
		later_note, other_session, other_before, other_chain, other_after,  other_q,
	};
	struct edit e = edit_open(dir, EVIDENCE);

	(void)state;
	assert_int_equal(e.n, 5 * TALLY_ROW);
	for (unsigned k = 0; k < 5; k++)
		for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
			char what[32];

			if (changes[i] == earlier_note && k == 0)
				continue;
			snprintf(what, sizeof(what), "row %u, change %zu", k, i);
			change_row(&e, k, changes[i]);
			finds(NULL, EVIDENCE, what);
		}
	edit_close(&e);
}

static void
rows_that_are_missing_or_swapped_are_found(void **state)
{
	struct edit e = edit_open(dir, EVIDENCE);
	char *copy = malloc(e.n);

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		memcpy(copy, e.bytes, (size_t)k * TALLY_ROW);
		memcpy(copy + k * TALLY_ROW, e.bytes + (k + 1) * TALLY_ROW,
		       e.n - (k + 1) * (size_t)TALLY_ROW);
		edit_write(&e, copy, e.n - TALLY_ROW);
		finds("missing", EVIDENCE, "a row");
	}
	memcpy(copy, e.bytes, e.n);
	memcpy(copy + TALLY_ROW, e.bytes + (size_t)2 * TALLY_ROW, TALLY_ROW);
	memcpy(copy + (size_t)2 * TALLY_ROW, e.bytes + TALLY_ROW, TALLY_ROW);
	edit_write(&e, copy, e.n);
	finds(NULL, EVIDENCE, "swapped");
	edit_write(&e, "", 0);
	finds("missing", EVIDENCE, "all rows");
	edit_close(&e);
	free(copy);
}

static void
an_extend_by_somebody_else_is_a_remark(void **state)
{
	struct ledger l;
	char *path;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	/* Between two checkpoints: the seal sees it when it quotes. */
	faketpm_foreign(&l.tpm, TALLY_LEDGER_PCR);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	path = ledger_export(&l, "export", false);
	tally_buf_clear(&one.vkey);
	tally_buf_add_bytes(&one.vkey, tally_buf_view(&l.vkey));
	(void)tally_buf_cstr(&one.vkey);
	holds(path, 0, "somebody else extended PCR 14");
	free(path);
	ledger_deinit(&l);
}

/* Of a ledger whose TPM extends no PCR: it holds, the verdict says what that
 * leaves open, and rows and lines are bound all the same. */
static void
without_a_ledger_pcr_it_holds_with_a_remark_and_each_row_is_checked(void **state)
{
	struct ledger l;
	struct edit e;
	char *path, *before = dir;

	(void)state;
	ledger_init_pcr(&l, TALLY_NO_PCR);
	for (int i = 0; i < 3; i++) {
		ledger_append(&l, 2);
		ledger_checkpoint(&l);
	}
	ledger_reboot(&l);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	path = ledger_export(&l, "export", false);
	tally_buf_clear(&one.vkey);
	tally_buf_add_bytes(&one.vkey, tally_buf_view(&l.vkey));
	(void)tally_buf_cstr(&one.vkey);
	holds(path, 0, "no PCR is extended");
	dir = path;
	e = edit_open(path, EVIDENCE);
	for (size_t k = 0; k < e.n; k += TALLY_ROW) {
		static const struct {
			size_t at;
			uint8_t mask;
		} changes[] = { { 1, 2 }, { 1, 3 }, { 2, 1 }, { 32, 1 }, { 64, 1 }, { 127, 1 } };

		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			uint8_t *copy = tally_alloc(e.n);

			memcpy(copy, e.bytes, e.n);
			copy[k + changes[i].at] ^= changes[i].mask;
			edit_write(&e, copy, e.n);
			finds(NULL, EVIDENCE, "a changed field");
			free(copy);
		}
	}
	edit_close(&e);
	holds(path, 0, "it holds");
	dir = before;
	free(path);
	ledger_deinit(&l);
}

/* The TPM dies behind the extend: the row is pending, and lost after a reset. */
static void
a_lost_row_is_no_fault_and_a_pending_one_is_not_shown(void **state)
{
	struct ledger l;
	char *pending, *lost;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	ledger_append(&l, 2);
	l.tpm.calls = 0;
	l.tpm.fail_at = 2; /* extend, then quote */
	assert_int_equal(tally_seal_checkpoint(l.seal, &l.err), -1);
	l.tpm.fail_at = 0;
	pending = ledger_export(&l, "pending", false);
	tally_buf_clear(&one.vkey);
	tally_buf_add_bytes(&one.vkey, tally_buf_view(&l.vkey));
	(void)tally_buf_cstr(&one.vkey);
	holds(pending, 0, "it holds");
	ledger_reboot(&l);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	lost = ledger_export(&l, "lost", false);
	holds(lost, 0, "it holds");
	free(pending), free(lost);
	ledger_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_note_is_missed),
		cmocka_unit_test(notes_that_are_doubled_or_swapped_are_found),
		cmocka_unit_test(a_done_row_needs_its_evidence_line_and_no_other),
		cmocka_unit_test(every_field_of_a_row_is_checked),
		cmocka_unit_test(rows_that_are_missing_or_swapped_are_found),
		cmocka_unit_test(an_extend_by_somebody_else_is_a_remark),
		cmocka_unit_test(
			without_a_ledger_pcr_it_holds_with_a_remark_and_each_row_is_checked),
		cmocka_unit_test(a_lost_row_is_no_fault_and_a_pending_one_is_not_shown),
	};

	return cmocka_run_group_tests_name("verify rows", tests, set_up, tear_down);
}
