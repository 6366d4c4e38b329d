/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness answers, and what it remembers. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fixture.h"
#include "tally/log.h"

struct world {
	char *root, *dir;
	struct memlog log;
	struct tally_witness *witness;
	struct tally_buf body, answer;
	struct tally_err err;
};

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	tally_log_level(0);
	w->root = test_dir_make();
	w->dir = test_path(w->root, "witness");
	memlog_init(&w->log, "example.com/log");
	w->witness = witness_new(w->dir, &w->log);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	tally_witness_close(w->witness);
	memlog_deinit(&w->log);
	tally_buf_deinit(&w->body), tally_buf_deinit(&w->answer);
	test_dir_remove(w->root);
	free(w->dir);
	free(w);
	return 0;
}

static int
reopen(struct world *w)
{
	struct tally_buf logs = TALLY_BUF_INIT;
	int r;

	tally_witness_close(w->witness);
	w->witness = NULL;
	memlog_vkey(&w->log, &logs);
	r = tally_witness_open(&w->witness, w->dir, "logs", tally_buf_view(&logs),
			       tally_disk_real(), &w->err);
	tally_buf_deinit(&logs);
	return r;
}

static unsigned
ask(struct world *w, uint64_t old, uint64_t size)
{
	memlog_request(&w->log, old, size, &w->body);
	return witness_ask(w->witness, tally_buf_view(&w->body), 1000 + size, &w->answer);
}

static void
assert_told(const struct world *w, const char *text)
{
	assert_true(tally_bytes_eq(tally_buf_view(&w->answer), tally_bytes_str(text)));
}

static void
a_growing_log_is_cosigned_with_the_time(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 2, 3, 8, 8, 100, 257 };
	struct world *w = *state;
	uint64_t old = 0, time;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); old = sizes[i++]) {
		struct tally_buf full = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
		struct tally_note note;

		assert_int_equal(ask(w, old, sizes[i]), 200);
		memlog_note(&w->log, sizes[i], &full);
		tally_buf_add_bytes(&full, tally_buf_view(&w->answer));
		assert_int_equal(tally_note_parse(&note, tally_buf_view(&full), &scratch, &w->err),
				 0);
		assert_int_equal(note.lines, 2);
		assert_int_equal(
			tally_note_cosigned(&note, tally_witness_vkey(w->witness), &time, &w->err),
			1);
		assert_true(time == 1000 + sizes[i]);
		tally_buf_deinit(&full), tally_buf_deinit(&scratch);
	}
}

static void
another_old_size_is_a_conflict_that_tells_the_newest(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 5, 9), 409);
	assert_told(w, "0\n");
	assert_int_equal(ask(w, 0, 5), 200);
	assert_int_equal(ask(w, 0, 9), 409);
	assert_told(w, "5\n");
	assert_int_equal(ask(w, 4, 9), 409);
	assert_int_equal(ask(w, 4, 4), 409);
	assert_told(w, "5\n");
	assert_int_equal(ask(w, 9, 5), 400);
	assert_int_equal(ask(w, 5, 9), 200);
}

static void
of_two_histories_it_cosigns_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 7), 200);
	w->log.branch = 1;
	w->log.fork = 6;
	assert_int_equal(ask(w, 7, 7), 409);
	assert_told(w, "7\n");
	assert_int_equal(ask(w, 7, 9), 422);
	assert_told(w, "the consistency proof does not verify\n");
	assert_int_equal(ask(w, 6, 9), 409);
	w->log.fork = 7;
	assert_int_equal(ask(w, 7, 9), 200);
	w->log.branch = 2;
	assert_int_equal(ask(w, 9, 12), 422);
}

/* How many files of that folder begin so, and hold the note of `size` (0: any). */
static unsigned
kept(struct world *w, const char *folder, const char *text, uint64_t size)
{
	char *dir = test_path(w->dir, folder);
	struct tally_buf note = TALLY_BUF_INIT;
	const struct dirent *e;
	DIR *d = opendir(dir);
	unsigned files = 0;

	if (size > 0)
		memlog_note(&w->log, size, &note);
	while (d && (e = readdir(d))) {
		char *path, *file;
		size_t n;

		if (e->d_name[0] == '.')
			continue;
		path = test_path(dir, e->d_name);
		file = test_file_read(path, &n);
		if (n > strlen(text) && memcmp(file, text, strlen(text)) == 0 &&
		    (size == 0 || memmem(file, n, note.p, note.len)))
			files++;
		free(file);
		free(path);
	}
	if (d)
		closedir(d);
	tally_buf_deinit(&note);
	free(dir);
	return files;
}

/* The log's own word against itself, with what had been cosigned; each once. */
static void
notes_of_a_second_history_are_kept(void **state)
{
	static const char begin[] = "tallystick-conflict 1\nexample.com/log\n7\n";
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 7), 200);
	assert_int_equal(kept(w, "conflicts", "", 0), 0);
	w->log.branch = 1;
	w->log.fork = 6;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(w, 7, 7), 409);
		assert_int_equal(ask(w, 7, 9), 422);
	}
	assert_int_equal(kept(w, "conflicts", begin, 7), 1);
	assert_int_equal(kept(w, "conflicts", "", 0), 1);
	assert_int_equal(kept(w, "unproven", begin, 9), 1);
	assert_int_equal(kept(w, "unproven", "", 0), 1);
}

/* Whoever has seen a signed note can send it with a proof of nothing: that is no conflict, and
 * takes nobody's place. */
static void
a_true_note_with_a_false_proof_is_no_conflict(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 7), 200);
	for (uint64_t size = 9; size < 40; size++) {
		memlog_request(&w->log, 7, size, &w->body);
		w->body.p[8] ^= 1; /* of the first hash, in base64 */
		assert_int_equal(witness_ask(w->witness, tally_buf_view(&w->body), 1, NULL), 422);
	}
	assert_int_equal(kept(w, "conflicts", "", 0), 0);
	assert_int_equal(kept(w, "unproven", "", 0), 4);
	w->log.branch = 1;
	w->log.fork = 3;
	assert_int_equal(ask(w, 7, 7), 409);
	assert_int_equal(kept(w, "conflicts", "", 7), 1);
}

/* One log that shows histories without end leaves room for what others show. */
static void
of_each_log_a_few_conflicts_are_kept(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 7), 200);
	w->log.fork = 6;
	for (w->log.branch = 1; w->log.branch < 20; w->log.branch++)
		assert_int_equal(ask(w, 7, 7), 409);
	assert_int_equal(kept(w, "conflicts", "", 0), 4);
}

static void
what_the_log_has_not_signed_is_refused_in_the_order_of_the_protocol(void **state)
{
	struct world *w = *state;
	struct memlog thief, other;
	struct tally_buf body = TALLY_BUF_INIT;

	memlog_init(&thief, "example.com/log");
	memlog_init(&other, "example.com/other");
	memlog_request(&thief, 0, 5, &body);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 403);
	memlog_request(&other, 9, 5, &body);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 404);
	memlog_request(&thief, 9, 5, &body);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 403);
	assert_int_equal(ask(w, 9, 5), 400);
	assert_int_equal(witness_ask(w->witness, tally_bytes_str("old 0\n"), 1, NULL), 400);
	assert_int_equal(witness_ask(w->witness, tally_bytes_str("old 0\n\nno note\n"), 1, NULL),
			 403);
	assert_int_equal(ask(w, 0, 5), 200);
	tally_buf_deinit(&body);
	memlog_deinit(&thief), memlog_deinit(&other);
}

static void
no_changed_bit_of_a_request_is_cosigned(void **state)
{
	struct world *w = *state;
	struct tally_buf body = TALLY_BUF_INIT;

	assert_int_equal(ask(w, 0, 5), 200);
	memlog_request(&w->log, 5, 11, &body);
	for (size_t bit = 0; bit < body.len * 8; bit++) {
		body.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 200);
		body.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t n = 0; n < body.len; n++)
		assert_int_not_equal(witness_ask(w->witness, tally_bytes(body.p, n), 1, NULL), 200);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 200);
	tally_buf_deinit(&body);
}

static void
proof_lines_that_do_not_belong_are_refused(void **state)
{
	struct world *w = *state;
	struct tally_add_checkpoint r;
	struct tally_buf body = TALLY_BUF_INIT, more = TALLY_BUF_INIT;

	memlog_request(&w->log, 0, 5, &body);
	assert_int_equal(tally_add_checkpoint_parse(&r, tally_buf_view(&body), &w->err), 0);
	r.hashes = 1;
	memset(r.hash, 0, TALLY_HASH);
	tally_add_checkpoint_text(&more, &r);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&more), 1, NULL), 422);
	assert_int_equal(ask(w, 0, 5), 200);
	memlog_request(&w->log, 5, 5, &body);
	assert_int_equal(tally_add_checkpoint_parse(&r, tally_buf_view(&body), &w->err), 0);
	r.hashes = 1;
	tally_buf_clear(&more);
	tally_add_checkpoint_text(&more, &r);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&more), 1, NULL), 422);
	tally_buf_deinit(&body), tally_buf_deinit(&more);
}

static void
it_remembers_after_a_restart(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 21), 200);
	assert_int_equal(reopen(w), 0);
	assert_int_equal(ask(w, 0, 22), 409);
	assert_told(w, "21\n");
	w->log.branch = 1;
	w->log.fork = 20;
	assert_int_equal(ask(w, 21, 22), 422);
}

static void
a_witness_without_its_state_does_not_start(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->dir, "state");

	assert_int_equal(ask(w, 0, 5), 200);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(reopen(w), -1);
	assert_int_equal(w->err.code, TALLY_FAILS);
	assert_non_null(strstr(w->err.text, "has forgotten"));
	free(path);
}

static void
a_damaged_state_is_named_and_not_used(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->dir, "state"), *text;
	size_t n;

	assert_int_equal(ask(w, 0, 5), 200);
	text = test_file_read(path, &n);
	for (size_t cut = 0; cut < n; cut++) {
		if (cut == strlen("tallystick-witness 1\n"))
			continue; /* a witness that has seen nothing */
		test_file_write(path, text, cut);
		assert_int_equal(reopen(w), -1);
		assert_int_equal(w->err.code, TALLY_FAILS);
		assert_non_null(strstr(w->err.text, "/state: "));
	}
	test_file_write(path, text, n);
	assert_int_equal(reopen(w), 0);
	free(text);
	free(path);
}

static void
a_folder_serves_one_witness_and_keeps_its_key(void **state)
{
	struct world *w = *state;
	struct tally_buf logs = TALLY_BUF_INIT;
	struct tally_witness *second = NULL;

	memlog_vkey(&w->log, &logs);
	assert_int_equal(tally_witness_open(&second, w->dir, "logs", tally_buf_view(&logs),
					    tally_disk_real(), &w->err),
			 -1);
	assert_int_equal(w->err.code, TALLY_HELD);
	assert_int_equal(tally_witness_make(w->dir, "another", tally_disk_real(), &w->err), -1);
	assert_int_equal(w->err.code, TALLY_USE);
	tally_buf_deinit(&logs);
}

static void
the_key_of_an_enroller_makes_no_witness(void **state)
{
	struct world *w = *state;
	struct tally_buf text = TALLY_BUF_INIT;
	char *path = test_path(w->dir, "key");
	struct tally_logkey *key = NULL;

	assert_int_equal(tally_enrollerkey_generate(&key, "witness.example.com/1", &w->err), 0);
	tally_logkey_text(key, &text);
	test_file_write(path, text.p, text.len);
	assert_int_equal(reopen(w), -1);
	assert_int_equal(w->err.code, TALLY_FAILS);
	assert_non_null(strstr(w->err.text, "/key: an enroller's key, and no witness's"));
	tally_logkey_free(key);
	tally_buf_deinit(&text);
	free(path);
}

static void
a_log_that_left_the_list_is_not_forgotten(void **state)
{
	struct world *w = *state;
	struct tally_buf both = TALLY_BUF_INIT, body = TALLY_BUF_INIT;
	struct memlog other;

	memlog_init(&other, "example.com/other");
	memlog_vkey(&w->log, &both);
	memlog_vkey(&other, &both);
	tally_witness_close(w->witness);
	assert_int_equal(tally_witness_open(&w->witness, w->dir, "logs", tally_buf_view(&both),
					    tally_disk_real(), &w->err),
			 0);
	assert_int_equal(tally_witness_logs(w->witness), 2);
	memlog_request(&other, 0, 4, &body);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 200);
	assert_int_equal(reopen(w), 0);
	assert_int_equal(tally_witness_logs(w->witness), 1);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 404);
	assert_int_equal(ask(w, 0, 5), 200);
	tally_witness_close(w->witness);
	assert_int_equal(tally_witness_open(&w->witness, w->dir, "logs", tally_buf_view(&both),
					    tally_disk_real(), &w->err),
			 0);
	memlog_request(&other, 0, 6, &body);
	assert_int_equal(witness_ask(w->witness, tally_buf_view(&body), 1, NULL), 409);
	memlog_deinit(&other);
	tally_buf_deinit(&both), tally_buf_deinit(&body);
}

static void
malformed_lists_are_refused_with_their_place(void **state)
{
#define VKEY "log.example/a+c1f9cf96+Af0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
	static const struct {
		const char *text, *told;
	} bad[] = {
		{ "", "logs: no log in it" },
		{ "# none\n\n", "logs: no log in it" },
		{ "x\n", "logs:1:1: not a verifier key (NAME+8 HEX+BASE64)" },
		{ "#\n" VKEY " \n", "logs:2:1: malformed origin" },
		{ VKEY " o\xff\n", "logs:1:1: malformed origin" },
		{ VKEY "\n" VKEY "\n", "logs:2:1: the same key twice" },
		{ "w0.example+f9990dfd+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n",
		  "logs:1:1: not the key of a log" },
	};
	struct world *w = *state;

	tally_witness_close(w->witness);
	w->witness = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tally_witness_open(&w->witness, w->dir, "logs",
						    tally_bytes_str(bad[i].text), tally_disk_real(),
						    &w->err),
				 -1);
		assert_string_equal(w->err.text, bad[i].told);
		assert_int_equal(w->err.code, TALLY_USE);
	}
}

/* A disk on which the process dies in the middle of the n-th call. */
static void
die_in_call(struct world *w, unsigned n, int fd)
{
	struct tally_buf logs = TALLY_BUF_INIT;
	struct tally_witness *witness = NULL;
	struct test_disk disk;
	unsigned status;

	test_disk_init(&disk, n, EIO);
	disk.stay_failed = disk.torn = true;
	memlog_vkey(&w->log, &logs);
	if (tally_witness_open(&witness, w->dir, "logs", tally_buf_view(&logs), &disk.table,
			       &w->err) < 0)
		_exit(3);
	memlog_request(&w->log, 5, 11, &w->body);
	status = witness_ask(witness, tally_buf_view(&w->body), 1, NULL);
	if (write(fd, &status, sizeof(status)) != sizeof(status) || !disk.failed)
		_exit(2);
	_exit(0);
}

static void
whatever_fails_it_has_persisted_what_it_answered(void **state)
{
	struct world *w = *state;
	char *path = test_path(w->dir, "state"), *before;
	unsigned n, answered;
	int pipes[2], status = 0;
	size_t length;

	assert_int_equal(ask(w, 0, 5), 200);
	before = test_file_read(path, &length);
	for (n = 1; !WIFEXITED(status) || WEXITSTATUS(status) != 2; n++) {
		pid_t pid;

		tally_witness_close(w->witness);
		w->witness = NULL;
		test_file_write(path, before, length);
		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			die_in_call(w, n, pipes[1]);
		close(pipes[1]);
		assert_int_equal(read(pipes[0], &answered, sizeof(answered)), sizeof(answered));
		close(pipes[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 3);
		assert_int_equal(reopen(w), 0);
		/* The other branch, from 5: only who has not persisted 11 takes it. */
		if (answered == 200) {
			assert_int_equal(ask(w, 5, 12), 409);
			assert_told(w, "11\n");
		} else {
			assert_int_equal(answered, 500);
		}
		assert_true(n < 20);
	}
	assert_true(n > 4);
	free(before);
	free(path);
}

/* The exchanges of litewitness, with the statuses that it gave. */
static void
run_exchanges(const char *name, const char *logs, unsigned expected)
{
	char *root = test_dir_make(), *dir = test_path(root, "w"), *path, *text, *at;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf answer = TALLY_BUF_INIT;
	struct tally_witness *w = NULL;
	unsigned count = 0;
	size_t n;

	path = test_path(test_vectors(), name);
	text = test_file_read(path, &n);
	assert_non_null(text);
	assert_int_equal(tally_witness_make(dir, "example.com/witness", tally_disk_real(), &err),
			 0);
	if (tally_witness_open(&w, dir, "logs", tally_bytes_str(logs), tally_disk_real(), &err) < 0)
		fail_msg("%s", err.text);
	for (at = strstr(text, "```\n"); at; at = strstr(at, "```\n"), count++) {
		char *end = strstr(at + 4, "```\n"), *quoted;
		unsigned status = (unsigned)strtoul(strstr(end, "HTTP ") + 5, NULL, 10);
		unsigned got =
			witness_ask(w, tally_bytes(at + 4, (size_t)(end - at - 4)), 1, &answer);

		/* An unknown log was 403 once; c2sp.org/tlog-witness has 404 for it now. */
		if (status == 403 && strstr(end, "unknown log") &&
		    strstr(end, "unknown log") < strstr(end, "POST "))
			status = 404;
		assert_int_equal(got, status);
		quoted = strstr(end, "body == \"");
		if (status == 409) {
			assert_non_null(quoted);
			assert_int_equal(answer.len, 2);
			assert_int_equal(answer.p[0], quoted[9]);
		}
		if (status == 200)
			assert_memory_equal(answer.p, "\xe2\x80\x94 example.com/witness ", 24);
		at = end + 4;
	}
	assert_int_equal(count, expected);
	tally_witness_close(w);
	tally_buf_deinit(&answer);
	free(text);
	free(path);
	free(dir);
	test_dir_remove(root);
}

static void
the_public_exchanges_are_answered_as_litewitness_does(void **state)
{
	/* The name and the id of the key follow from the raw key that is told there. */
	static const char sigsum[] =
		"sigsum.org/v1/tree/"
		"4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
		"+5202289b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP\n";
	static const char sumdb[] =
		"sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
		" go.sum database tree\n";

	(void)state;
	if (!test_vectors()) {
		print_message("skipped: no public vectors (TALLY_VECTORS)\n");
		skip();
	}
	run_exchanges("ledger/torchwood-litewitness/cmd/litewitness/testdata/litewitness.txt",
		      sigsum, 9);
	run_exchanges("ledger/torchwood-litewitness/cmd/litewitness/testdata/sumdb.txt", sumdb, 1);
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD(a_growing_log_is_cosigned_with_the_time),
		WORLD(another_old_size_is_a_conflict_that_tells_the_newest),
		WORLD(of_two_histories_it_cosigns_one),
		WORLD(notes_of_a_second_history_are_kept),
		WORLD(a_true_note_with_a_false_proof_is_no_conflict),
		WORLD(of_each_log_a_few_conflicts_are_kept),
		WORLD(what_the_log_has_not_signed_is_refused_in_the_order_of_the_protocol),
		WORLD(no_changed_bit_of_a_request_is_cosigned),
		WORLD(proof_lines_that_do_not_belong_are_refused),
		WORLD(it_remembers_after_a_restart),
		WORLD(a_witness_without_its_state_does_not_start),
		WORLD(a_damaged_state_is_named_and_not_used),
		WORLD(a_folder_serves_one_witness_and_keeps_its_key),
		WORLD(the_key_of_an_enroller_makes_no_witness),
		WORLD(a_log_that_left_the_list_is_not_forgotten),
		WORLD(malformed_lists_are_refused_with_their_place),
		WORLD(whatever_fails_it_has_persisted_what_it_answered),
		cmocka_unit_test(the_public_exchanges_are_answered_as_litewitness_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
