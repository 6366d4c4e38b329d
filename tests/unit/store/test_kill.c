/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9 at random moments of a writer that appends, checkpoints and attests,
 * and tells of each acknowledgement through a pipe. Whatever it told is there.
 */
#include "fixture.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tally/evidence.h"

#define KILLS 500

/* What the child has told: entries and notes that were acknowledged. */
struct told {
	uint64_t entries, notes;
};

static void
tell(int fd, const struct told *t)
{
	if (write(fd, t, sizeof(*t)) != (ssize_t)sizeof(*t))
		_exit(3);
}

static int
attest(struct tally_store *s, struct tally_err *err)
{
	struct tally_journal j = tally_store_journal(s);
	struct tally_row row = { .pcr = TALLY_LEDGER_PCR };
	int r = j.last_row(j.ctx, &row, err);

	if (r == 0 || (r > 0 && row.state != TALLY_ROW_PENDING)) {
		memset(&row, 0, sizeof(row));
		r = j.intend(j.ctx, &row, err);
	}
	if (r <= 0)
		return r;
	row.state = TALLY_ROW_DONE;
	return j.settle(j.ctx, &row, tally_bytes_str("ak"), tally_bytes_str("blob"), err) < 0 ? -1
											      : 1;
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

/* Lives until it is killed. */
static _Noreturn void
write_for_ever(const char *path, int fd, unsigned seed)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint8_t root[TALLY_HASH];
	struct tally_store *s;
	struct told t;

	if (tally_store_open(&s, path, TALLY_STORE_WRITE, NULL, &err) < 0 ||
	    tally_store_head(s, &t.entries, root, &err) < 0)
		goto failed;
	for (;;) {
		unsigned what = (unsigned)rand_r(&seed) % 8;
		int r;

		t.notes = count_notes(s);
		tell(fd, &t);
		if (what == 0)
			r = tally_store_checkpoint(s, &err);
		else if (what == 1)
			r = attest(s, &err);
		else {
			size_t n = (size_t)rand_r(&seed) % (what == 2 ? 60 : 4) + 1;

			r = append_serials(s, t.entries, n, 60, &err);
			t.entries += n;
		}
		if (r < 0)
			goto failed;
	}
failed:
	fprintf(stderr, "child: %s\n", err.text);
	_exit(2);
}

/* The last that was told before the pipe broke. */
static struct told
listen_to(int fd)
{
	struct told last = { 0, 0 }, t;

	while (read(fd, &t, sizeof(t)) == (ssize_t)sizeof(t))
		last = t;
	return last;
}

static struct told
run_and_kill(const char *path, unsigned seed, long after_us)
{
	struct timespec nap = { 0, after_us * 1000 };
	struct told first, last;
	int pipes[2], status;
	bool have = false;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(pipes[0]);
		write_for_ever(path, pipes[1], seed);
	}
	close(pipes[1]);
	/* Three of four get as far as their first word, however slow the machine;
	 * the fourth may die while it opens. */
	if (seed % 4 != 0)
		have = read(pipes[0], &first, sizeof(first)) == (ssize_t)sizeof(first);
	nanosleep(&nap, NULL);
	assert_int_equal(kill(child, SIGKILL), 0);
	last = listen_to(pipes[0]);
	if (have && last.entries == 0 && last.notes == 0)
		last = first;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(pipes[0]);
	return last;
}

static void
nothing_acknowledged_is_lost_at_500_kills(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct told told = { 0, 0 };
	unsigned seed = 20261122;
	uint8_t root[TALLY_HASH];
	unsigned long spoke = 0;
	struct tally_store *s;
	struct fixture f;
	uint64_t size;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	for (int i = 0; i < KILLS; i++) {
		struct told now = run_and_kill(f.path, seed + (unsigned)i, rand_r(&seed) % 15000);

		if (now.entries > 0) { /* it had time to say something */
			assert_true(now.entries >= told.entries && now.notes >= told.notes);
			told = now;
			spoke++;
		}
		/* Opening for writing re-hashes the tail. */
		s = fixture_open(&f, TALLY_STORE_WRITE);
		assert_ok(tally_store_head(s, &size, root, &err));
		assert_true(size >= told.entries);
		assert_true(count_notes(s) >= told.notes);
		told.entries = size;
		tally_store_close(s);
		if (i % 100 == 99)
			check_ledger(f.path, told.entries);
	}
	/* Kills that all came too early would have shown nothing. */
	assert_true(spoke > KILLS / 3);
	assert_true(told.entries > KILLS && told.notes > KILLS / 10);
	fixture_deinit(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_at_500_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
