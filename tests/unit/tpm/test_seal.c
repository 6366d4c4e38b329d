/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal over a fake TPM and a journal in memory: whatever stops it and
 * whenever, what is written down afterwards proves what it should.
 */
#include <stdlib.h>
#include <string.h>
#include "faketpm.h"
#include "memjournal.h"
#include "testlib.h"
#include "tally/err.h"

struct bench {
	struct faketpm tpm;
	struct memjournal journal;
	struct tally_seal *seal;
	struct tally_err err;
	unsigned pcr; /* as tally_seal_info has it */
};

static int
setup(void **state)
{
	struct bench *b = tally_alloc(sizeof(*b));

	faketpm_init(&b->tpm);
	memjournal_init(&b->journal);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	tally_seal_close(b->seal);
	memjournal_deinit(&b->journal);
	faketpm_deinit(&b->tpm);
	free(b);
	return 0;
}

static int
open_seal(struct bench *b)
{
	const struct tally_seal_info info = {
		.origin = "example.com/memory",
		.vkey = { (const uint8_t *)"vkey", 4 },
		.version = "0",
		.ledger_pcr = b->pcr,
	};

	tally_seal_close(b->seal);
	b->seal = NULL;
	return tally_seal_open(&b->seal, &b->tpm.table, &b->journal.table, &info, &b->err);
}

static void
judge(struct bench *b)
{
	uint8_t end[TALLY_HASH];

	if (memjournal_judge(&b->journal, &b->err) < 0)
		fail_msg("%s", b->err.text);
	memjournal_chain_end(&b->journal, end);
	if (b->pcr != TALLY_NO_PCR)
		assert_memory_equal(end, b->tpm.pcr[b->pcr ? b->pcr : 14], TALLY_HASH);
}

static void
append_and_checkpoint(struct bench *b)
{
	memjournal_append(&b->journal);
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 1);
}

static void
checkpoints_chain_from_the_statement(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.sessions, 1);
	for (int i = 0; i < 20; i++)
		append_and_checkpoint(b);
	assert_int_equal(memjournal_count(&b->journal, TALLY_ROW_DONE), 20);
	assert_int_equal(b->tpm.extends, 20);
	assert_int_equal(b->tpm.quotes, 21);
	judge(b);
}

static void
nothing_new_makes_no_checkpoint_and_no_tpm_command(void **state)
{
	struct bench *b = *state;
	unsigned calls;

	assert_int_equal(open_seal(b), 0);
	/* The statement itself is an entry. */
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 1);
	calls = b->tpm.calls;
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 0);
	assert_int_equal(b->tpm.calls, calls);
	assert_int_equal(b->journal.notes, 1);
	judge(b);
}

static void
a_session_has_one_statement_however_often_it_is_opened(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_seal(b), 0);
		append_and_checkpoint(b);
	}
	assert_int_equal(b->journal.sessions, 1);
	assert_int_equal(b->journal.rows, 3);
	judge(b);
}

static void
a_reset_and_a_resume_begin_sessions_of_their_own(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	append_and_checkpoint(b);
	faketpm_reset(&b->tpm);
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.sessions, 2);
	append_and_checkpoint(b);
	faketpm_restart(&b->tpm); /* the PCR keeps its value */
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.sessions, 3);
	append_and_checkpoint(b);
	judge(b);
}

static bool
is_foreign(struct bench *b, size_t session)
{
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_statement st;
	bool foreign;

	assert_int_equal(
		tally_statement_decode(&st, tally_buf_view(&b->journal.session[session].statement),
				       arena, &b->err),
		0);
	foreign = st.foreign;
	tally_arena_free(arena);
	return foreign;
}

static void
a_pcr_that_is_not_zero_after_a_reset_is_recorded_as_foreign(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	assert_false(is_foreign(b, 0));
	faketpm_reset(&b->tpm);
	faketpm_foreign(&b->tpm, 14);
	assert_int_equal(open_seal(b), 0);
	assert_true(is_foreign(b, 1));
	append_and_checkpoint(b);
	faketpm_restart(&b->tpm);
	assert_int_equal(open_seal(b), 0);
	assert_false(is_foreign(b, 2)); /* kept over the resume: ours */
	judge(b);
}

/* The TPM goes on with another attestation key, in the session that it is in. */
static void
take_new_key(struct bench *b)
{
	EVP_PKEY_free(b->tpm.ak);
	b->tpm.ak = faketpm_key();
	tally_buf_clear(&b->tpm.ak_public);
	faketpm_public_ak(&b->tpm.ak_public, b->tpm.ak, TALLY_AK_ATTRIBUTES);
}

static void
a_new_key_within_a_session_finds_its_own_pcr_and_nobody_else_s(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	append_and_checkpoint(b);
	take_new_key(b);
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.sessions, 2);
	assert_false(is_foreign(b, 1));
	append_and_checkpoint(b);
	faketpm_foreign(&b->tpm, 14);
	take_new_key(b);
	assert_int_equal(open_seal(b), 0);
	assert_true(is_foreign(b, 2));
	append_and_checkpoint(b);
	take_new_key(b);
	assert_int_equal(open_seal(b), 0);
	assert_true(is_foreign(b, 3)); /* it stays so */
}

static void
a_tpm_that_was_set_back_begins_a_session_though_its_counters_agree(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	append_and_checkpoint(b);
	faketpm_reset(&b->tpm);
	b->tpm.reset_count--;
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.sessions, 2);
	append_and_checkpoint(b);
	judge(b);
}

static void
a_foreign_extend_between_checkpoints_is_recorded_and_the_note_sealed_anew(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	append_and_checkpoint(b);
	faketpm_foreign(&b->tpm, 14);
	append_and_checkpoint(b);
	assert_int_equal(memjournal_count(&b->journal, TALLY_ROW_FOREIGN), 1);
	assert_int_equal(memjournal_count(&b->journal, TALLY_ROW_DONE), 2);
	assert_int_equal(b->journal.notes, 2);
	judge(b);
	append_and_checkpoint(b);
	judge(b);
}

static void
entries_that_come_in_while_the_statement_is_made_do_not_upset_it(void **state)
{
	struct bench *b = *state;

	b->journal.moves = 3;
	assert_int_equal(open_seal(b), 0);
	append_and_checkpoint(b);
	judge(b);
	b->journal.moves = 1000;
	faketpm_reset(&b->tpm);
	assert_int_equal(open_seal(b), -1);
	assert_int_equal(b->err.code, TALLY_SYS);
}

static void
a_quote_that_would_not_hold_is_never_written_down(void **state)
{
	struct bench *b = *state;
	EVP_PKEY *ak = b->tpm.ak;

	assert_int_equal(open_seal(b), 0);
	memjournal_append(&b->journal);
	b->tpm.ak = b->tpm.ek; /* a broken chip */
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), -1);
	assert_int_equal(b->err.code, TALLY_TPM);
	assert_non_null(strstr(b->err.text, "check 4"));
	b->tpm.ak = ak;
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 1);
	judge(b);
}

enum after { AFTER_NOTHING, AFTER_RESET, AFTER_RESTART, AFTER_FOREIGN };

/* What a machine meets between the crash and the next start. */
static void
pass_time(struct bench *b, enum after after)
{
	b->tpm.fail_at = 0;
	b->journal.fail_at = 0;
	if (after == AFTER_RESET)
		faketpm_reset(&b->tpm);
	else if (after == AFTER_RESTART)
		faketpm_restart(&b->tpm);
	else if (after == AFTER_FOREIGN)
		faketpm_foreign(&b->tpm, 14);
}

/*
 * Opens, makes two checkpoints, and dies at the `at`-th call of the TPM or the
 * journal, before or after its work. Then goes on: with the same seal, as an
 * agent does that lives, or with a new one. False where `at` was past the end.
 */
static bool
crash(struct bench *b, bool tpm_fails, unsigned at, bool late, enum after after, bool same_seal)
{
	unsigned *fail_at = tpm_fails ? &b->tpm.fail_at : &b->journal.fail_at;
	bool died;

	*(tpm_fails ? &b->tpm.late : &b->journal.late) = late;
	*fail_at = at;
	died = open_seal(b) < 0;
	for (int i = 0; i < 2 && !died; i++) {
		memjournal_append(&b->journal);
		died = tally_seal_checkpoint(b->seal, &b->err) < 0;
	}
	if (!died)
		return false;
	assert_true(b->err.code == TALLY_TPM || b->err.code == TALLY_SYS);
	pass_time(b, after);
	if (!b->seal || !same_seal)
		assert_int_equal(open_seal(b), 0);
	/* In one seal, or in three more. */
	for (int i = 0; i < 3; i++) {
		append_and_checkpoint(b);
		judge(b);
		if (!same_seal)
			assert_int_equal(open_seal(b), 0);
	}
	return true;
}

static void
every_crash(bool tpm_fails, enum after after, unsigned pcr)
{
	for (unsigned variant = 0; variant < 4; variant++) {
		bool late = variant & 1, same_seal = variant & 2;
		unsigned at = 0;
		bool died = true;

		while (died) {
			struct bench *b;
			size_t limit;

			at++;
			assert_int_equal(setup((void **)&b), 0);
			b->pcr = pcr;
			died = crash(b, tpm_fails, at, late, after, same_seal);
			if (died) {
				limit = after == AFTER_FOREIGN ? 2 : 0;
				assert_true(memjournal_count(&b->journal, TALLY_ROW_FOREIGN) <=
					    limit);
				limit = after == AFTER_RESET || after == AFTER_RESTART;
				assert_true(memjournal_count(&b->journal, TALLY_ROW_LOST) <= limit);
				limit = after == AFTER_RESET || after == AFTER_RESTART ? 2 : 1;
				assert_true(b->journal.sessions <= limit);
			}
			teardown((void **)&b);
		}
		/* open: info, read, quote; two checkpoints of two commands each. Without a
		 * ledger PCR: no read, no extend. */
		assert_true(at > (!tpm_fails ? 6 : pcr == TALLY_NO_PCR ? 4 : 7));
	}
}

#define EVERY_CRASH(name, tpm_fails, after, pcr)                                                   \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		every_crash((tpm_fails), (after), (pcr));                                          \
	}
EVERY_CRASH(a_crash_around_any_tpm_command_is_recovered, true, AFTER_NOTHING, 0)
EVERY_CRASH(a_crash_around_any_tpm_command_is_recovered_after_a_reset, true, AFTER_RESET, 0)
EVERY_CRASH(a_crash_around_any_tpm_command_is_recovered_after_a_resume, true, AFTER_RESTART, 0)
EVERY_CRASH(a_crash_around_any_tpm_command_is_recovered_after_a_foreign_extend, true, AFTER_FOREIGN,
	    0)
EVERY_CRASH(a_crash_around_any_journal_call_is_recovered, false, AFTER_NOTHING, 0)
EVERY_CRASH(a_crash_around_any_journal_call_is_recovered_after_a_reset, false, AFTER_RESET, 0)
EVERY_CRASH(a_crash_around_any_journal_call_is_recovered_after_a_resume, false, AFTER_RESTART, 0)
EVERY_CRASH(a_crash_around_any_journal_call_is_recovered_after_a_foreign_extend, false,
	    AFTER_FOREIGN, 0)

EVERY_CRASH(without_a_ledger_pcr_a_crash_around_any_tpm_command_is_recovered, true, AFTER_NOTHING,
	    TALLY_NO_PCR)
EVERY_CRASH(without_a_ledger_pcr_a_crash_around_any_tpm_command_is_recovered_after_a_reset, true,
	    AFTER_RESET, TALLY_NO_PCR)
EVERY_CRASH(without_a_ledger_pcr_a_crash_around_any_journal_call_is_recovered, false, AFTER_NOTHING,
	    TALLY_NO_PCR)
EVERY_CRASH(without_a_ledger_pcr_a_crash_around_any_journal_call_is_recovered_after_a_resume, false,
	    AFTER_RESTART, TALLY_NO_PCR)

/* The PCRs of a TPM that is not the ledger's own are other people's. */
static void
a_tpm_that_is_not_the_ledgers_own_is_not_extended_unless_told(void **state)
{
	struct bench *b = *state;

	b->tpm.transport = "swtpm";
	assert_int_equal(open_seal(b), 0);
	for (int i = 0; i < 3; i++)
		append_and_checkpoint(b);
	faketpm_foreign(&b->tpm, 14); /* none of ours */
	append_and_checkpoint(b);
	assert_int_equal(b->tpm.extends, 0);
	assert_int_equal(b->tpm.quotes, 5);
	assert_int_equal(memjournal_count(&b->journal, TALLY_ROW_DONE), 4);
	assert_int_equal(b->journal.row[0].pcr, TALLY_NO_PCR);
	b->pcr = TALLY_NO_PCR;
	judge(b);
}

static void
a_ledger_pcr_by_number_begins_a_session_and_is_kept_by_who_has_no_wish(void **state)
{
	static const unsigned wishes[] = { 0, 9, 0, 9, TALLY_NO_PCR, 0, TALLY_NO_PCR };
	static const size_t sessions[] = { 1, 2, 2, 2, 3, 3, 3 };
	static const unsigned pcrs[] = { TALLY_NO_PCR, 9,           9, 9, TALLY_NO_PCR,
					 TALLY_NO_PCR, TALLY_NO_PCR };
	struct bench *b = *state;

	b->tpm.transport = "swtpm";
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		b->pcr = wishes[i];
		assert_int_equal(open_seal(b), 0);
		append_and_checkpoint(b);
		assert_int_equal(b->journal.sessions, sessions[i]);
		assert_int_equal(b->journal.row[i].pcr, pcrs[i]);
		b->pcr = pcrs[i];
		judge(b);
	}
	assert_int_equal(b->tpm.extends, 3);
}

/* The last command that was carried out before the machine stopped. */
static void
a_pending_row_is_decided_by_the_value_found(void **state)
{
	static const struct {
		unsigned at; /* TPM call of the checkpoint: 1 extend, 2 quote */
		bool late;
		enum after after;
		enum tally_row_state expected;
		unsigned extends; /* of the row's q, after the crash */
	} cases[] = {
		{ 1, false, AFTER_NOTHING, TALLY_ROW_DONE, 1 },
		{ 1, true, AFTER_NOTHING, TALLY_ROW_DONE, 0 },
		{ 2, false, AFTER_NOTHING, TALLY_ROW_DONE, 0 },
		{ 2, true, AFTER_NOTHING, TALLY_ROW_DONE, 0 },
		{ 1, false, AFTER_RESET, TALLY_ROW_LOST, 0 },
		{ 2, true, AFTER_RESET, TALLY_ROW_LOST, 0 },
		{ 1, false, AFTER_RESTART, TALLY_ROW_LOST, 0 },
		{ 1, false, AFTER_FOREIGN, TALLY_ROW_FOREIGN, 0 },
		{ 2, true, AFTER_FOREIGN, TALLY_ROW_FOREIGN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *b;
		unsigned before;

		setup((void **)&b);
		assert_int_equal(open_seal(b), 0);
		b->tpm.fail_at = b->tpm.calls + cases[i].at;
		b->tpm.late = cases[i].late;
		assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), -1);
		assert_int_equal(b->journal.rows, 1);
		assert_int_equal(b->journal.row[0].state, TALLY_ROW_PENDING);
		before = b->tpm.extends;
		pass_time(b, cases[i].after);
		assert_int_equal(open_seal(b), 0);
		assert_int_equal(b->journal.row[0].state, cases[i].expected);
		assert_int_equal(b->tpm.extends - before, cases[i].extends);
		teardown((void **)&b);
	}
}

static void
a_pending_row_of_an_older_session_is_lost_though_the_value_fits(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	b->tpm.fail_at = b->tpm.calls + 1;
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), -1);
	b->tpm.fail_at = 0;
	b->journal.row[0].session = 12345;
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.row[0].state, TALLY_ROW_LOST);
	assert_int_equal(b->tpm.extends, 0);
}

static void
a_recovered_checkpoint_counts_as_made(void **state)
{
	struct bench *b = *state;

	assert_int_equal(open_seal(b), 0);
	b->tpm.fail_at = b->tpm.calls + 2;
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), -1);
	b->tpm.fail_at = 0;
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 1);
	assert_int_equal(b->journal.rows, 1);
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 0);
	judge(b);
}

static void
without_a_ledger_pcr_a_pending_row_of_this_session_is_quoted_again(void **state)
{
	struct bench *b = *state;

	b->pcr = TALLY_NO_PCR;
	assert_int_equal(open_seal(b), 0);
	b->tpm.fail_at = b->tpm.calls + 1;
	b->tpm.late = true; /* the quote was made, the answer was lost */
	assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), -1);
	assert_int_equal(b->journal.row[0].state, TALLY_ROW_PENDING);
	b->tpm.fail_at = 0;
	assert_int_equal(open_seal(b), 0);
	assert_int_equal(b->journal.row[0].state, TALLY_ROW_DONE);
	assert_int_equal(b->journal.rows, 1);
	judge(b);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(checkpoints_chain_from_the_statement),
		CASE(nothing_new_makes_no_checkpoint_and_no_tpm_command),
		CASE(a_session_has_one_statement_however_often_it_is_opened),
		CASE(a_reset_and_a_resume_begin_sessions_of_their_own),
		CASE(a_pcr_that_is_not_zero_after_a_reset_is_recorded_as_foreign),
		CASE(a_new_key_within_a_session_finds_its_own_pcr_and_nobody_else_s),
		CASE(a_tpm_that_was_set_back_begins_a_session_though_its_counters_agree),
		CASE(a_foreign_extend_between_checkpoints_is_recorded_and_the_note_sealed_anew),
		CASE(entries_that_come_in_while_the_statement_is_made_do_not_upset_it),
		CASE(a_tpm_that_is_not_the_ledgers_own_is_not_extended_unless_told),
		CASE(a_ledger_pcr_by_number_begins_a_session_and_is_kept_by_who_has_no_wish),
		CASE(without_a_ledger_pcr_a_pending_row_of_this_session_is_quoted_again),
		CASE(a_quote_that_would_not_hold_is_never_written_down),
		cmocka_unit_test(without_a_ledger_pcr_a_crash_around_any_tpm_command_is_recovered),
		cmocka_unit_test(
			without_a_ledger_pcr_a_crash_around_any_tpm_command_is_recovered_after_a_reset),
		cmocka_unit_test(without_a_ledger_pcr_a_crash_around_any_journal_call_is_recovered),
		cmocka_unit_test(
			without_a_ledger_pcr_a_crash_around_any_journal_call_is_recovered_after_a_resume),
		cmocka_unit_test(a_crash_around_any_tpm_command_is_recovered),
		cmocka_unit_test(a_crash_around_any_tpm_command_is_recovered_after_a_reset),
		cmocka_unit_test(a_crash_around_any_tpm_command_is_recovered_after_a_resume),
		cmocka_unit_test(
			a_crash_around_any_tpm_command_is_recovered_after_a_foreign_extend),
		cmocka_unit_test(a_crash_around_any_journal_call_is_recovered),
		cmocka_unit_test(a_crash_around_any_journal_call_is_recovered_after_a_reset),
		cmocka_unit_test(a_crash_around_any_journal_call_is_recovered_after_a_resume),
		cmocka_unit_test(
			a_crash_around_any_journal_call_is_recovered_after_a_foreign_extend),
		cmocka_unit_test(a_pending_row_is_decided_by_the_value_found),
		CASE(a_pending_row_of_an_older_session_is_lost_though_the_value_fits),
		CASE(a_recovered_checkpoint_counts_as_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
