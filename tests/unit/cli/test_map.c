/* SPDX-License-Identifier: Apache-2.0 */
/* Claims into a ledger with a real TPM helper: whole or not at all, once, and at
 * every call of the store that fails a repeat completes them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "testlib.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/store.h"
#include "cli.h"
#include "ledger.h"
#include "map.h"

#define EVENT(rest) "{\"time\":\"2026-03-01T10:00:00Z\",\"host\":\"a\",\"event\":" rest "}\n"

struct scene {
	char *dir, *events, *file, *folder, *ledger;
	struct tally_err err;
	uint64_t before; /* entries of the ledger when it was made */
};

/* What a command prints is not of interest here. */
static int
quietly(int (*run)(int, char **, struct tally_err *), int argc, char **argv, struct tally_err *err)
{
	int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY), r;

	fflush(stdout);
	assert_true(saved >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
	*err = (struct tally_err)TALLY_ERR_INIT;
	r = run(argc, argv, err);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	close(null);
	return r;
}

static uint64_t
size_of(struct scene *s)
{
	struct tally_store *store;
	uint8_t root[TALLY_HASH];
	uint64_t size;

	assert_int_equal(tally_store_open(&store, s->ledger, TALLY_STORE_READ, NULL, &s->err), 0);
	assert_int_equal(tally_store_head(store, &size, root, &s->err), 0);
	tally_store_close(store);
	return size;
}

/* A ledger that has seen the VMs ...00 to ...09. */
static void
make(struct scene *s)
{
	char *argv[] = { (char *)"record", NULL, (char *)"--from", NULL, NULL };
	struct tally_buf text = TALLY_BUF_INIT;

	s->dir = test_dir_make();
	s->events = test_path(s->dir, "events.jsonl");
	s->file = test_path(s->dir, "cmdb.csv");
	s->folder = test_path(s->dir, "estate");
	s->ledger = test_path(s->folder, "a");
	for (int i = 0; i < 10; i++)
		tally_buf_addf(&text,
			       EVENT("\"start\",\"vm\":\"00000000-0000-4000-8000-%012d\",\"vcpus\":"
				     "1"),
			       i);
	test_file_write(s->events, text.p, text.len);
	tally_buf_deinit(&text);
	argv[1] = s->folder;
	argv[3] = s->events;
	assert_int_equal(quietly(cli_record, 4, argv, &s->err), 0);
	s->before = size_of(s);
}

static void
unmake(struct scene *s)
{
	test_dir_remove(s->dir);
	free(s->events);
	free(s->file);
	free(s->folder);
	free(s->ledger);
}

static int
setup(void **state)
{
	struct scene *s = tally_alloc(sizeof(*s));

	make(s);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	tally_store_fault_hook(NULL, NULL);
	unmake(s);
	free(s);
	return 0;
}

static void
write_rows(const struct scene *s, unsigned rows, const char *tenant)
{
	struct tally_buf text = TALLY_BUF_INIT;

	tally_buf_add_str(&text, "vm,tenant\n");
	for (unsigned i = 0; i < rows; i++)
		tally_buf_addf(&text, "00000000-0000-4000-8000-%012u,%s%u\n", i % 10, tenant, i);
	test_file_write(s->file, text.p, text.len);
	tally_buf_deinit(&text);
}

static int
map(struct scene *s, const char *option, const char *value)
{
	char *argv[] = { (char *)"map",
			 s->ledger,
			 (char *)"--from",
			 s->file,
			 (char *)"--reason",
			 (char *)"CMDB",
			 (char *)"--by",
			 (char *)"ann",
			 (char *)option,
			 (char *)value,
			 NULL };
	int argc = 8 + (option != NULL) + (value != NULL);

	return quietly(cli_map, argc, argv, &s->err);
}

/* So many files, and every claim of each once, in order, under an attested checkpoint. */
static void
check_ledger(struct scene *s, unsigned files, unsigned claims)
{
	struct tally_arena *arena = tally_arena_new(4096);
	unsigned seen = 0, seen_files = 0;
	struct tally_entries entries;
	struct cli_newest newest;
	struct tally_store *store;
	struct tally_entry e;
	struct tally_event ev;
	uint64_t size = size_of(s), line = 1;

	assert_int_equal(tally_store_open(&store, s->ledger, TALLY_STORE_READ, NULL, &s->err), 0);
	assert_int_equal(cli_newest_read(&newest, store, &s->err), 1);
	assert_true(newest.checkpoint.size == size && newest.note.lines == 2);
	cli_newest_deinit(&newest);
	assert_int_equal(tally_store_entries(store, s->before, size, &entries, &s->err), 0);
	while (entries.next(entries.ctx, &e, &s->err) > 0) {
		tally_arena_reset(arena);
		assert_int_equal(tally_event_decode(&ev, e.group, e.mask, arena, &s->err), 0);
		assert_int_equal(e.header.flags, 0);
		if (e.header.kind == TALLY_OPERATOR_ACTION) {
			seen_files++;
			line = 1;
		} else if (e.header.kind == TALLY_TAGS) {
			assert_int_equal(ev.o.line, ++line);
			seen++;
		} else {
			assert_int_equal(e.header.kind, TALLY_SESSION_STATEMENT);
		}
	}
	entries.close(entries.ctx);
	tally_store_close(store);
	tally_arena_free(arena);
	assert_int_equal(seen_files, files);
	assert_int_equal(seen, claims);
}

struct fault {
	unsigned left;
	bool hit, puts; /* count single puts too */
	bool dead;      /* nothing works behind it */
};

static int
fail_once(void *ctx, const char *call)
{
	struct fault *f = ctx;

	if (f->hit && f->dead) {
		errno = EIO;
		return -1;
	}
	if (f->hit || (!f->puts && strcmp(call, "put") == 0) || --f->left > 0)
		return 0;
	f->hit = true;
	errno = EIO;
	return -1;
}

static void
the_same_file_is_refused_and_further_ones_follow(void **state)
{
	struct scene *s = *state;

	write_rows(s, 10, "t");
	assert_int_equal(map(s, NULL, NULL), 0);
	check_ledger(s, 1, 10);
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "this file was mapped before (SHA-256 "));
	write_rows(s, 3, "u");
	assert_int_equal(map(s, NULL, NULL), 0);
	check_ledger(s, 2, 13);
	write_rows(s, 10, "t");
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_non_null(strstr(s->err.text, "mapped before"));
	check_ledger(s, 2, 13);
}

static void
nothing_is_stored_of_a_file_with_a_fault(void **state)
{
	static const char text[] = "vm,tenant\n00000000-0000-4000-8000-000000000001,t\nx,t\n";
	static const char foreign[] = "vm,tenant\n00000000-0000-4000-8000-000000000001,t\n"
				      "00000000-0000-4000-8000-00000000000a,t\n";
	struct scene *s = *state;
	char place[512];

	test_file_write(s->file, text, sizeof(text) - 1);
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	snprintf(place, sizeof(place), "%s:3:1: 'vm' must be a UUID", s->file);
	assert_ptr_equal(strstr(s->err.text, place), s->err.text);
	assert_int_equal(size_of(s), s->before);
	test_file_write(s->file, foreign, sizeof(foreign) - 1);
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	snprintf(place, sizeof(place), "%s:3:1: this ledger never saw the VM", s->file);
	assert_ptr_equal(strstr(s->err.text, place), s->err.text);
	assert_int_equal(size_of(s), s->before);
	assert_int_equal(map(s, "--unknown-ok", NULL), 0);
	check_ledger(s, 1, 2);
}

/* A claim is no sight of a VM: who was taken with --unknown-ok stays unknown. */
static void
a_vm_that_was_only_claimed_was_not_seen(void **state)
{
	static const char foreign[] = "vm,tenant\n00000000-0000-4000-8000-00000000000a,t\n";
	static const char again[] = "vm,tenant\n00000000-0000-4000-8000-00000000000a,u\n";
	struct scene *s = *state;

	test_file_write(s->file, foreign, sizeof(foreign) - 1);
	assert_int_equal(map(s, "--unknown-ok", NULL), 0);
	test_file_write(s->file, again, sizeof(again) - 1);
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_non_null(strstr(s->err.text, "never saw the VM"));
}

static void
a_ledger_that_is_held_is_refused_with_the_pid(void **state)
{
	struct scene *s = *state;
	struct tally_store *store;
	char pid[64];

	write_rows(s, 1, "t");
	assert_int_equal(
		tally_store_open(&store, s->ledger, TALLY_STORE_WRITE, tally_clock_real(), &s->err),
		0);
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_int_equal(tally_err_exit(&s->err), 3);
	snprintf(pid, sizeof(pid), "held by process %ld", (long)getpid());
	assert_non_null(strstr(s->err.text, pid));
	tally_store_close(store);
	assert_int_equal(map(s, NULL, NULL), 0);
	check_ledger(s, 1, 1);
}

static void
fail_each(struct scene *s, unsigned rows, bool puts)
{
	unsigned n = 0;

	for (bool more = true; more;) {
		struct fault f = { .left = ++n, .puts = puts };
		int r;

		write_rows(s, rows, "t");
		tally_store_fault_hook(fail_once, &f);
		r = map(s, NULL, NULL);
		tally_store_fault_hook(NULL, NULL);
		more = f.hit;
		if (r < 0) {
			assert_true(f.hit);
			assert_int_equal(tally_err_exit(&s->err), 3);
			assert_int_equal(map(s, NULL, NULL), 0);
		}
		check_ledger(s, 1, rows);
		unmake(s);
		make(s);
	}
	assert_true(n > 5);
	print_message("%u calls, each failed once\n", n - 1);
}

static void
at_every_fault_a_repeat_completes_the_claims(void **state)
{
	fail_each(*state, 3, false);
}

/* The third batch fails, and all behind it. */
static void
break_off(struct scene *s, unsigned rows)
{
	bool partial = false;

	for (unsigned n = 1; !partial; n++) {
		struct fault f = { .left = n, .dead = true };

		write_rows(s, rows, "t");
		tally_store_fault_hook(fail_once, &f);
		assert_int_equal(map(s, NULL, NULL), -1);
		tally_store_fault_hook(NULL, NULL);
		partial = size_of(s) > s->before + 4096;
		if (!partial) {
			unmake(s);
			make(s);
		}
	}
}

static void
what_was_broken_off_goes_on_with_the_same_file_and_options_only(void **state)
{
	struct scene *s = *state;

	break_off(s, 5000);
	write_rows(s, 3, "u");
	assert_int_equal(map(s, NULL, NULL), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "the mapping of 'cmdb.csv'"));
	assert_non_null(strstr(s->err.text, "map that file again first"));
	write_rows(s, 5000, "t");
	assert_int_equal(map(s, "--since", "2026-03-01"), -1);
	assert_int_equal(tally_err_exit(&s->err), 2);
	assert_non_null(strstr(s->err.text, "made with other options"));
	assert_int_equal(map(s, NULL, NULL), 0);
	check_ledger(s, 1, 5000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_same_file_is_refused_and_further_ones_follow),
		CASE(nothing_is_stored_of_a_file_with_a_fault),
		CASE(a_vm_that_was_only_claimed_was_not_seen),
		CASE(a_ledger_that_is_held_is_refused_with_the_pid),
		CASE(at_every_fault_a_repeat_completes_the_claims),
		CASE(what_was_broken_off_goes_on_with_the_same_file_and_options_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
