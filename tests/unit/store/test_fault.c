/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every write, sync and commit of the store and of LMDB under it fails once, in
 * three manners: after it the ledger opens, has all that was acknowledged, and
 * what was not is there whole or not at all.
 */
#include "fixture.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "interpose.h"
#include "tally/evidence.h"

struct attempt {
	struct fixture f;
	struct tally_store *s;
	uint64_t acknowledged, notes; /* entries; notes that were reported as made */
	int made;
};

/* One action under a disk whose n-th call fails; 0 done, -1 it failed. */
typedef int action(struct attempt *a, struct tally_err *err);

static void
prepare_ledger(struct attempt *a, bool checkpointed)
{
	struct tally_err err = TALLY_ERR_INIT;

	fixture_init(&a->f);
	fixture_create(&a->f);
	a->s = fixture_open(&a->f, TALLY_STORE_WRITE);
	a->acknowledged = 50;
	assert_ok(append_serials(a->s, 0, 50, 100, &err));
	if (checkpointed)
		assert_int_equal(tally_store_checkpoint(a->s, &err), 1);
	a->notes = checkpointed;
}

static uint64_t
count_notes(struct tally_store *s)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf note = TALLY_BUF_INIT;
	uint64_t last, n = 0;

	if (tally_store_last_note(s, &last, &note, &err) == 1)
		n = last + 1;
	tally_buf_deinit(&note);
	return n;
}

/* Opens, looks at all, and goes on as if nothing had been. */
static void
check_after(struct attempt *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t size = check_ledger(a->f.path, a->acknowledged);

	a->s = fixture_open(&a->f, TALLY_STORE_WRITE);
	assert_true(count_notes(a->s) >= a->notes);
	assert_ok(append_serials(a->s, size, 20, 100, &err));
	assert_ok(tally_store_checkpoint(a->s, &err));
	tally_store_close(a->s);
	a->s = NULL;
	assert_int_equal(check_ledger(a->f.path, size + 20), size + 20);
}

/* For each n until the action needs fewer calls. Gives the number of failures. */
static unsigned long
fail_each(action *act, bool checkpointed, enum disk_failure how, int error)
{
	for (unsigned long n = 1;; n++) {
		struct tally_err err = TALLY_ERR_INIT;
		struct attempt a = { .made = 0 };
		bool failed;
		int r;

		prepare_ledger(&a, checkpointed);
		disk_watch(a.f.root, n, how, error);
		r = act(&a, &err);
		disk_unwatch(&failed);
		if (r < 0) {
			assert_true(failed);
			assert_int_not_equal(err.code, TALLY_OK);
			if (error == ENOSPC)
				assert_int_equal(err.code, TALLY_FULL);
			assert_true(err.text[0] != '\0');
		}
		tally_store_close(a.s);
		check_after(&a);
		fixture_deinit(&a.f);
		if (!failed) {
			assert_int_equal(r, 0);
			return n - 1;
		}
	}
}

static unsigned long
fail_all(action *act, bool checkpointed)
{
	unsigned long n = 0;

	n += fail_each(act, checkpointed, DISK_REFUSES, EIO);
	n += fail_each(act, checkpointed, DISK_REFUSES, ENOSPC);
	n += fail_each(act, checkpointed, DISK_TEARS, EIO);
	n += fail_each(act, checkpointed, DISK_LIES, EIO);
	return n;
}

static int
append_three(struct attempt *a, struct tally_err *err)
{
	static const size_t sizes[] = { 1, 20, 50 };
	bool broken = false;

	for (int i = 0; i < 3; i++) {
		struct tally_err mine = TALLY_ERR_INIT;

		/* A batch is there whole or not at all, so the next serial is known. */
		if (append_serials(a->s, a->acknowledged, sizes[i], 100, &mine) < 0) {
			*err = mine;
			broken = true;
			break;
		}
		a->acknowledged += sizes[i];
	}
	return broken ? -1 : 0;
}

static void
append_is_all_or_nothing_at_every_fault(void **state)
{
	unsigned long n = fail_all(append_three, true);

	(void)state;
	assert_true(n > 100);
	/* Here the store's own hook is silent: these are LMDB's calls, at least
	 * pages, sync and header for each of three commits. */
	n = fail_each(append_three, true, DISK_TEARS, ENOSPC);
	assert_true(n >= 9);
}

static int
append_until_refused(struct attempt *a, struct tally_err *err)
{
	int r = append_three(a, err);
	bool failed;

	/* The disk is fine again, but after a failed commit the store is not. */
	if (r < 0 && strstr(err->text, "commit")) {
		struct tally_err second = TALLY_ERR_INIT;

		disk_unwatch(&failed);
		assert_true(failed);
		assert_int_equal(append_serials(a->s, a->acknowledged, 1, 100, &second), -1);
		assert_non_null(strstr(second.text, "opened again"));
		assert_int_equal(tally_store_checkpoint(a->s, &second), -1);
		a->made++;
	}
	return r;
}

static void
after_a_failed_commit_nothing_is_appended_until_it_is_opened_again(void **state)
{
	(void)state;
	assert_true(fail_each(append_until_refused, true, DISK_REFUSES, EIO) > 10);
}

static int
append_and_checkpoint(struct attempt *a, struct tally_err *err)
{
	int r;

	if (append_serials(a->s, a->acknowledged, 30, 100, err) < 0)
		return -1;
	a->acknowledged += 30;
	r = tally_store_checkpoint(a->s, err);
	if (r > 0)
		a->notes++;
	return r < 0 ? -1 : 0;
}

static void
checkpoint_is_all_or_nothing_at_every_fault(void **state)
{
	(void)state;
	assert_true(fail_all(append_and_checkpoint, true) > 40);
	assert_true(fail_all(append_and_checkpoint, false) > 40);
}

static int
attest(struct attempt *a, struct tally_err *err)
{
	struct tally_journal j = tally_store_journal(a->s);
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR };

	if (j.session(j.ctx, a->acknowledged, tally_bytes_str("statement"), tally_bytes_str("q"),
		      err) < 0)
		return -1;
	a->made = 1;
	if (j.intend(j.ctx, &row, err) < 0)
		return -1;
	a->notes++;
	a->made = 2;
	row.state = TALLY_ROW_DONE;
	if (j.settle(j.ctx, &row, tally_bytes_str("ak"), tally_bytes_str("blob"), err) < 0)
		return -1;
	a->made = 3;
	return 0;
}

/* What the journal says after a fault is one of its states, never between. */
static void
check_journal(struct attempt *a)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_store *s = fixture_open(&a->f, TALLY_STORE_WRITE);
	struct tally_journal j = tally_store_journal(s);
	struct tally_note note;
	struct tally_row row;
	uint8_t root[TALLY_HASH];
	uint64_t index, size;
	int session, has_row;

	assert_ok(j.head(j.ctx, &size, root, &err));
	session = j.last_session(j.ctx, &index, &bytes, &err);
	assert_int_equal(session, size == a->acknowledged + 1 ? 1 : 0);
	assert_true(session == 1 || a->made == 0);
	if (session == 1)
		assert_int_equal(index, a->acknowledged);
	has_row = j.last_row(j.ctx, &row, &err);
	assert_true(has_row >= (a->made >= 2));
	assert_int_equal(count_notes(s), 1 + (uint64_t)has_row);
	if (has_row == 1) {
		assert_int_equal(row.note, 1);
		assert_int_equal(tally_store_note(s, row.note, &bytes, &err), 1);
		assert_ok(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &err));
		assert_int_equal(note.lines, row.state == TALLY_ROW_DONE ? 2 : 1);
		assert_true(row.state == TALLY_ROW_DONE || a->made < 3);
	}
	tally_buf_deinit(&bytes);
	tally_buf_deinit(&scratch);
	tally_store_close(s);
}

static void
settle_is_all_or_nothing_at_every_fault(void **state)
{
	static const enum disk_failure how[] = { DISK_REFUSES, DISK_TEARS, DISK_LIES };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bool failed = true;

		for (unsigned long n = 1; failed; n++) {
			struct tally_err err = TALLY_ERR_INIT;
			struct attempt a = { .made = 0 };
			int r;

			prepare_ledger(&a, true);
			disk_watch(a.f.root, n, how[i], EIO);
			r = attest(&a, &err);
			disk_unwatch(&failed);
			assert_int_equal(r < 0, failed);
			tally_store_close(a.s);
			check_journal(&a);
			fixture_deinit(&a.f);
		}
	}
}

static int
export_all(struct attempt *a, struct tally_err *err)
{
	return tally_store_export(a->s, a->f.out, false, NULL, NULL, err);
}

static void
a_failed_export_leaves_nothing_that_looks_like_one(void **state)
{
	char checkpoint[128];

	(void)state;
	for (int kind = DISK_REFUSES; kind <= DISK_LIES; kind++) {
		bool failed = true;

		for (unsigned long n = 1; failed; n++) {
			struct tally_err err = TALLY_ERR_INIT;
			struct attempt a = { .made = 0 };
			int r;

			prepare_ledger(&a, true);
			disk_watch(a.f.root, n, (enum disk_failure)kind, ENOSPC);
			r = export_all(&a, &err);
			disk_unwatch(&failed);
			assert_int_equal(r < 0, failed);
			snprintf(checkpoint, sizeof(checkpoint), "%s/checkpoint", a.f.out);
			assert_int_equal(access(checkpoint, F_OK) == 0, r == 0);
			if (r < 0) {
				assert_int_equal(err.code, TALLY_FULL);
				assert_int_not_equal(access(a.f.out, F_OK), 0);
				assert_ok(export_all(&a, &err)); /* there is room again */
			}
			tally_store_close(a.s);
			check_after(&a);
			fixture_deinit(&a.f);
		}
	}
}

static void
a_ledger_is_made_whole_or_not_at_all(void **state)
{
	struct tally_init_options o = { .origin = "example.org/log" };

	(void)state;
	for (int kind = DISK_REFUSES; kind <= DISK_LIES; kind++) {
		bool failed = true;

		for (unsigned long n = 1; failed; n++) {
			struct tally_err err = TALLY_ERR_INIT;
			struct fixture f;
			int r;

			fixture_init(&f);
			disk_watch(f.root, n, (enum disk_failure)kind, EIO);
			r = tally_store_create(f.path, &o, &err);
			disk_unwatch(&failed);
			assert_int_equal(r < 0, failed);
			if (r < 0) {
				assert_int_not_equal(access(f.path, F_OK), 0);
				fixture_create(&f);
			}
			check_ledger(f.path, 0);
			fixture_deinit(&f);
		}
	}
}

static int
just_open(struct attempt *a, struct tally_err *err)
{
	tally_store_close(a->s);
	a->s = NULL;
	return tally_store_open(&a->s, a->f.path, TALLY_STORE_WRITE, &a->f.clock.clock, err);
}

static void
opening_harms_nothing_at_any_fault(void **state)
{
	(void)state;
	assert_true(fail_all(just_open, true) >= 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_is_all_or_nothing_at_every_fault),
		cmocka_unit_test(
			after_a_failed_commit_nothing_is_appended_until_it_is_opened_again),
		cmocka_unit_test(checkpoint_is_all_or_nothing_at_every_fault),
		cmocka_unit_test(settle_is_all_or_nothing_at_every_fault),
		cmocka_unit_test(a_failed_export_leaves_nothing_that_looks_like_one),
		cmocka_unit_test(a_ledger_is_made_whole_or_not_at_all),
		cmocka_unit_test(opening_harms_nothing_at_any_fault),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
