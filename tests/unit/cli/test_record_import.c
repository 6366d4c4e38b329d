/* SPDX-License-Identifier: Apache-2.0 */
/* Recording with a real TPM helper: every call of the store fails once, the repeat completes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/store.h"
#include "cli.h"
#include "ledger.h"
#include "record.h"

struct scene {
	char *dir, *file, *folder, *ledger;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->dir = test_dir_make();
	s->file = test_path(s->dir, "events.jsonl");
	s->folder = test_path(s->dir, "estate");
	s->ledger = test_path(s->folder, "a");
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	tally_store_fault_hook(NULL, NULL);
	test_dir_remove(s->dir);
	free(s->file);
	free(s->folder);
	free(s->ledger);
	free(s);
	return 0;
}

static void
write_events(const struct scene *s, unsigned from, unsigned count)
{
	struct tally_buf text = TALLY_BUF_INIT;

	for (unsigned i = from; i < from + count; i++)
		tally_buf_addf(&text,
			       "{\"time\":\"2026-03-01T%02u:%02u:%02uZ\",\"host\":\"a\",\"event\":"
			       "\"heartbeat\"}\n",
			       i / 3600, i / 60 % 60, i % 60);
	test_file_write(s->file, text.p, text.len);
	tally_buf_deinit(&text);
}

/* What it prints is not of interest here. */
static int
record(struct scene *s)
{
	char *argv[] = { (char *)"record", s->folder, (char *)"--from", s->file, NULL };
	int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY), r;

	fflush(stdout);
	assert_true(saved >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
	s->err = (struct tally_err)TALLY_ERR_INIT;
	r = cli_record(4, argv, &s->err);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	close(null);
	return r;
}

/* Every line once, in order, under an attested checkpoint. */
static void
check_ledger(struct scene *s, unsigned imports, unsigned events)
{
	struct tally_arena *arena = tally_arena_new(4096);
	unsigned seen = 0, seen_imports = 0;
	struct tally_entries entries;
	struct cli_newest newest;
	struct tally_store *store;
	struct tally_entry e;
	struct tally_event ev;
	uint8_t root[TALLY_HASH];
	uint64_t size, line = 0;

	assert_int_equal(tally_store_open(&store, s->ledger, TALLY_STORE_READ, NULL, &s->err), 0);
	assert_int_equal(tally_store_head(store, &size, root, &s->err), 0);
	assert_int_equal(cli_newest_read(&newest, store, &s->err), 1);
	assert_true(newest.checkpoint.size == size && newest.note.lines == 2);
	cli_newest_deinit(&newest);
	assert_int_equal(tally_store_entries(store, 0, size, &entries, &s->err), 0);
	while (entries.next(entries.ctx, &e, &s->err) > 0) {
		tally_arena_reset(arena);
		assert_int_equal(tally_event_decode(&ev, e.group, e.mask, arena, &s->err), 0);
		if (e.header.kind == TALLY_IMPORT) {
			seen_imports++;
			line = 0;
		}
		if (!(e.header.flags & TALLY_FLAG_IMPORTED))
			continue;
		assert_true(ev.o.line == ++line);
		seen++;
	}
	entries.close(entries.ctx);
	tally_store_close(store);
	tally_arena_free(arena);
	assert_int_equal(seen_imports, imports);
	assert_int_equal(seen, events);
}

struct fault {
	unsigned left;
	bool hit, puts; /* count single puts too */
};

static int
fail_once(void *ctx, const char *call)
{
	struct fault *f = ctx;

	if (f->hit || (!f->puts && strcmp(call, "put") == 0) || --f->left > 0)
		return 0;
	f->hit = true;
	errno = EIO;
	return -1;
}

static void
a_second_import_is_refused_and_further_files_follow(void **state)
{
	struct scene *s = *state;
	struct stat st;

	write_events(s, 0, 10);
	assert_int_equal(record(s), 0);
	assert_int_equal(stat(s->ledger, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	check_ledger(s, 1, 10);
	assert_int_equal(record(s), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "this file was imported before (SHA-256 "));
	write_events(s, 9, 5);
	assert_int_equal(record(s), 0);
	check_ledger(s, 2, 15);
	write_events(s, 0, 10);
	assert_int_equal(record(s), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "imported before"));
}

static void
start_anew(struct scene *s)
{
	test_dir_remove(s->dir);
	free(s->file);
	free(s->folder);
	free(s->ledger);
	s->dir = test_dir_make();
	s->file = test_path(s->dir, "events.jsonl");
	s->folder = test_path(s->dir, "estate");
	s->ledger = test_path(s->folder, "a");
}

static void
fail_each(struct scene *s, unsigned events, bool puts)
{
	unsigned n = 0;

	for (bool more = true; more;) {
		struct fault f = { .left = ++n, .puts = puts };
		int r;

		write_events(s, 0, events);
		tally_store_fault_hook(fail_once, &f);
		r = record(s);
		tally_store_fault_hook(NULL, NULL);
		more = f.hit;
		if (r < 0) {
			assert_true(f.hit);
			assert_int_equal(tally_err_exit(&s->err), 3);
			assert_int_equal(record(s), 0);
		}
		check_ledger(s, 1, events);
		start_anew(s);
	}
	assert_true(n > 10);
	print_message("%u calls, each failed once\n", n - 1);
}

static void
at_every_fault_a_repeat_completes_the_import(void **state)
{
	fail_each(*state, 5, true);
}

static void
at_every_fault_between_batches_a_repeat_goes_on(void **state)
{
	fail_each(*state, RECORD_BATCH + 100, false);
}

static void
a_file_that_changes_between_check_and_storing_is_not_stored(void **state)
{
	struct scene *s = *state;
	struct cli_progress progress = { 0 };
	struct tally_buf vkeys = TALLY_BUF_INIT;
	struct record_plan plan;
	uint64_t stored = 0;
	FILE *f;

	write_events(s, 0, 10);
	assert_int_equal(mkdir(s->folder, 0700), 0);
	assert_int_equal(record_plan_make(&plan, s->folder, s->file, &progress, &s->err), 0);
	f = fopen(s->file, "r+");
	assert_non_null(f);
	fseek(f, 27, SEEK_SET); /* a digit of the first second */
	fputc('1', f);
	fclose(f);
	assert_int_equal(
		record_import_host(&plan, plan.hosts[0], &stored, &progress, &vkeys, &s->err), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "the file changed while it was read"));
	assert_true(stored == 0);
	tally_buf_deinit(&vkeys);
	record_plan_deinit(&plan);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_second_import_is_refused_and_further_files_follow),
		CASE(at_every_fault_a_repeat_completes_the_import),
		CASE(at_every_fault_between_batches_a_repeat_goes_on),
		CASE(a_file_that_changes_between_check_and_storing_is_not_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
