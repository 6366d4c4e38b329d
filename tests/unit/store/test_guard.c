/* SPDX-License-Identifier: Apache-2.0 */
/* Faults under open ledgers, each in a child: damage ends it with one line and
 * exit 1, everything else as without a guard. */
#include "fixture.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct ending {
	int status;
	char text[512]; /* what it said on stderr */
};

/* Runs this program anew, for cmocka's handlers would stand before the guard's. */
static struct ending
in_child(const struct fixture *a, const struct fixture *b, const char *what)
{
	struct ending e = { 0 };
	size_t len = 0;
	ssize_t n;
	int to_us[2];
	pid_t child;

	assert_int_equal(pipe(to_us), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(to_us[1], STDERR_FILENO);
		close(to_us[0]);
		close(to_us[1]);
		(void)execl("/proc/self/exe", "store-guard", what, a->path, b->path, (char *)NULL);
		_exit(9);
	}
	close(to_us[1]);
	while (len < sizeof(e.text) - 1 &&
	       (n = read(to_us[0], e.text + len, sizeof(e.text) - 1 - len)) > 0)
		len += (size_t)n;
	close(to_us[0]);
	assert_int_equal(waitpid(child, &e.status, 0), child);
	return e;
}

/* Its pages are gone from under the map, as where a disk cannot read them. */
static void
read_what_is_gone(struct tally_store *s, const char *path)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf record = TALLY_BUF_INIT;
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/data.mdb", path);
	if (truncate(file, 0) < 0)
		_exit(9);
	(void)tally_store_entry(s, 500, &record, NULL, NULL, &err);
}

static void
write_where_we_may_not(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		*page = 1;
}

/* Both ledgers are open; nobody catches the signals but the guard. */
static int
be_the_child(char **argv)
{
	const struct rlimit no_core = { 0, 0 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *a, *b;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	tally_store_program("tried");
	if (tally_store_open(&a, argv[2], TALLY_STORE_READ, NULL, &err) < 0 ||
	    tally_store_open(&b, argv[3], TALLY_STORE_READ, NULL, &err) < 0)
		return 9;
	if (strcmp(argv[1], "gone") == 0)
		read_what_is_gone(b, argv[3]);
	else if (strcmp(argv[1], "ours") == 0)
		write_where_we_may_not();
	else
		(void)kill(getpid(), SIGSEGV);
	return 8;
}

struct two {
	struct fixture a, b;
};

static void
make(struct fixture *f)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s;

	fixture_init(f);
	fixture_create(f);
	s = fixture_open(f, TALLY_STORE_WRITE);
	assert_ok(append_serials(s, 0, 1000, 60, &err));
	tally_store_close(s);
}

static int
setup(void **state)
{
	struct two *t = tally_alloc(sizeof(*t));

	make(&t->a);
	make(&t->b);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct two *t = *state;

	fixture_deinit(&t->a);
	fixture_deinit(&t->b);
	free(t);
	return 0;
}

static void
a_page_that_cannot_be_read_ends_the_program_with_the_ledgers_name(void **state)
{
	struct two *t = *state;
	struct ending e = in_child(&t->a, &t->b, "gone");

	assert_true(WIFEXITED(e.status));
	assert_int_equal(WEXITSTATUS(e.status), 1);
	assert_int_equal(strncmp(e.text, "tried: ", 7), 0);
	assert_non_null(strstr(e.text, t->b.path));
	assert_non_null(strstr(e.text, "damaged or cannot be read\n"));
	assert_ptr_equal(strchr(e.text, '\n'), e.text + strlen(e.text) - 1);
}

static void
a_fault_of_our_own_ends_it_as_ever(void **state)
{
	struct two *t = *state;
	struct ending e = in_child(&t->a, &t->b, "ours");

	assert_true(WIFSIGNALED(e.status));
	assert_int_equal(WTERMSIG(e.status), SIGSEGV);
	assert_string_equal(e.text, "");
}

static void
a_signal_that_somebody_sends_ends_it_at_once(void **state)
{
	struct two *t = *state;
	struct ending e = in_child(&t->a, &t->b, "sent");

	assert_true(WIFSIGNALED(e.status));
	assert_int_equal(WTERMSIG(e.status), SIGSEGV);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(a_page_that_cannot_be_read_ends_the_program_with_the_ledgers_name),
		CASE(a_fault_of_our_own_ends_it_as_ever),
		CASE(a_signal_that_somebody_sends_ends_it_at_once),
	};

	if (argc == 4)
		return be_the_child(argv);
	return cmocka_run_group_tests_name("store guard", tests, NULL, NULL);
}
