/* SPDX-License-Identifier: Apache-2.0 */
/* An export as a source of entries: what was checked is what is read. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"

static struct ledger one;
static char *dir;

static int
set_up(void **state)
{
	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 300);
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
the_entries_are_those_of_the_ledger(void **state)
{
	struct tally_entries ours, theirs;
	struct tally_entry a, b;
	struct tally_export *x;
	uint8_t root[TALLY_HASH];
	uint64_t size, count;

	(void)state;
	assert_int_equal(tally_store_head(one.store, &size, root, &one.err), 0);
	if (tally_export_open(&x, dir, &one.err) < 0)
		fail_msg("%s", one.err.text);
	assert_string_equal(tally_export_origin(x), ORIGIN);
	assert_int_equal(tally_export_size(x), size);
	assert_memory_equal(tally_export_root(x), root, TALLY_HASH);
	assert_int_equal(tally_export_entries(x, size, &ours, &one.err), 0);
	assert_int_equal(tally_store_entries(one.store, 0, size, &theirs, &one.err), 0);
	for (int pass = 0; pass < 2; pass++) {
		for (count = 0; ours.next(ours.ctx, &a, &one.err) == 1; count++) {
			assert_int_equal(theirs.next(theirs.ctx, &b, &one.err), 1);
			assert_int_equal(a.header.index, b.header.index);
			assert_int_equal(a.header.kind, b.header.kind);
			assert_int_equal(a.header.flags, b.header.flags);
			assert_int_equal(a.header.boot, b.header.boot);
			assert_int_equal(a.header.wall, b.header.wall);
			assert_int_equal(a.header.uptime, b.header.uptime);
			assert_int_equal(a.mask, 7);
			for (int k = 0; k < TALLY_GROUPS; k++)
				assert_true(tally_bytes_eq(a.group[k], b.group[k]));
		}
		assert_int_equal(count, size);
		assert_int_equal(ours.rewind(ours.ctx, &one.err), 0);
		assert_int_equal(theirs.rewind(theirs.ctx, &one.err), 0);
	}
	ours.close(ours.ctx);
	theirs.close(theirs.ctx);
	tally_export_close(x);
}

static void
a_prefix_ends_where_it_should_and_no_more_is_given(void **state)
{
	struct tally_entries entries;
	struct tally_export *x;
	struct tally_entry e;
	uint64_t count = 0;

	(void)state;
	assert_int_equal(tally_export_open(&x, dir, &one.err), 0);
	assert_int_equal(tally_export_entries(x, 257, &entries, &one.err), 0);
	while (entries.next(entries.ctx, &e, &one.err) == 1)
		assert_int_equal(e.header.index, count++);
	assert_int_equal(count, 257);
	entries.close(entries.ctx);
	assert_int_equal(tally_export_entries(x, tally_export_size(x) + 1, &entries, &one.err), -1);
	assert_int_equal(one.err.code, TALLY_USE);
	tally_export_close(x);
}

/* Changed between the check and the reading. */
static void
changes_after(const char *name, size_t at)
{
	struct tally_entries entries;
	struct edit e = edit_open(dir, name);
	struct tally_export *x;
	struct tally_entry entry;
	int r = 1;

	assert_int_equal(tally_export_open(&x, dir, &one.err), 0);
	assert_int_equal(tally_export_entries(x, tally_export_size(x), &entries, &one.err), 0);
	e.bytes[at] ^= 1;
	edit_write(&e, e.bytes, e.n);
	e.bytes[at] ^= 1;
	while (r == 1)
		r = entries.next(entries.ctx, &entry, &one.err);
	assert_int_equal(r, -1);
	assert_int_equal(one.err.code, TALLY_FAILS);
	assert_non_null(strstr(one.err.text, "changed while it was read"));
	entries.close(entries.ctx);
	tally_export_close(x);
	edit_close(&e);
}

static void
what_changes_after_the_check_is_not_read(void **state)
{
	(void)state;
	changes_after("tile/entries/000", 138 * 7 + 20);
	changes_after("private/payload/000", 12345);
	changes_after("private/payload/001.p/46", 1000);
}

static void
a_damaged_export_does_not_open_and_names_the_first_problem(void **state)
{
	struct edit e = edit_open(dir, "private/payload/000");
	struct tally_export *x;

	(void)state;
	e.bytes[5000] ^= 1;
	edit_write(&e, e.bytes, e.n);
	e.bytes[5000] ^= 1;
	assert_int_equal(tally_export_open(&x, dir, &one.err), -1);
	assert_int_equal(one.err.code, TALLY_FAILS);
	assert_non_null(strstr(one.err.text, "private/payload/000"));
	edit_close(&e);
}

static void
a_public_mirror_has_no_entries_to_read(void **state)
{
	char *mirror = ledger_export(&one, "mirror", true);
	struct tally_export *x;

	(void)state;
	assert_int_equal(tally_export_open(&x, mirror, &one.err), -1);
	assert_int_equal(one.err.code, TALLY_USE);
	assert_int_equal(tally_export_open(&x, one.root, &one.err), -1);
	free(mirror);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_entries_are_those_of_the_ledger),
		cmocka_unit_test(a_prefix_ends_where_it_should_and_no_more_is_given),
		cmocka_unit_test(what_changes_after_the_check_is_not_read),
		cmocka_unit_test(a_damaged_export_does_not_open_and_names_the_first_problem),
		cmocka_unit_test(a_public_mirror_has_no_entries_to_read),
	};

	return cmocka_run_group_tests_name("verify entries", tests, set_up, tear_down);
}
