/* SPDX-License-Identifier: Apache-2.0 */
/* The client and the real tallyd-tpm: life, death and what each leaves behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "helper.h"
#include "memjournal.h"
#include "protocol.h"
#include "testlib.h"
#include "tally/err.h"

struct place {
	char *root, *dir;
	struct tally_tpm *tpm;
	struct tally_seal *seal;
	struct memjournal journal;
	struct tally_err err;
};

static int
setup(void **state)
{
	struct place *p = tally_alloc(sizeof(*p));

	p->root = test_dir_make();
	p->dir = test_path(p->root, "tpm");
	memjournal_init(&p->journal);
	*state = p;
	return 0;
}

/* No test may leave a process behind, dead or alive. */
static int
teardown(void **state)
{
	struct place *p = *state;

	tally_seal_close(p->seal);
	tally_tpm_stop(p->tpm);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	memjournal_deinit(&p->journal);
	test_dir_remove(p->root);
	free(p->dir);
	free(p);
	return 0;
}

static void
start(struct place *p, bool create)
{
	if (tally_tpm_start(&p->tpm, NULL, p->dir, "libtpms", create, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

static void
stop(struct place *p)
{
	tally_tpm_stop(p->tpm);
	p->tpm = NULL;
}

static struct tally_tpm_info
info(struct place *p)
{
	struct tally_tpm_info i;

	if (p->tpm->info(p->tpm->ctx, &i, &p->err) < 0)
		fail_msg("%s", p->err.text);
	return i;
}

/* The only child of this process. */
static pid_t
child(void)
{
	DIR *d = opendir("/proc");
	pid_t found = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[300], line[512];
		int pid, parent;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) &&
		    sscanf(line, "%d (%*[^)]) %*c %d", &pid, &parent) == 2 && parent == getpid()) {
			assert_int_equal(found, 0);
			found = pid;
		}
		fclose(f);
	}
	closedir(d);
	assert_true(found > 0);
	return found;
}

static void
open_seal(struct place *p)
{
	const struct tally_seal_info about = { .origin = "example.com/memory",
					       .vkey = tally_bytes_str("vkey"),
					       .version = "0" };

	tally_seal_close(p->seal);
	p->seal = NULL;
	if (tally_seal_open(&p->seal, p->tpm, &p->journal.table, &about, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

static void
checkpoints(struct place *p, int n)
{
	for (int i = 0; i < n; i++) {
		memjournal_append(&p->journal);
		if (tally_seal_checkpoint(p->seal, &p->err) != 1)
			fail_msg("%s", p->err.text);
	}
}

static void
a_seal_over_the_real_helper_holds_over_restarts(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < 3; i++) {
		start(p, i == 0);
		open_seal(p);
		checkpoints(p, 5);
		stop(p);
	}
	assert_int_equal(p->journal.sessions, 3);
	if (memjournal_judge(&p->journal, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

static void
a_helper_that_is_killed_costs_a_session_and_nothing_else(void **state)
{
	struct place *p = *state;

	start(p, true);
	open_seal(p);
	checkpoints(p, 3);
	memjournal_append(&p->journal);
	kill(child(), SIGKILL);
	assert_int_equal(tally_seal_checkpoint(p->seal, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "killed by signal 9"));
	/* Dead at once, and no zombie. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(tally_seal_checkpoint(p->seal, &p->err), -1);
	stop(p);
	start(p, false);
	open_seal(p);
	checkpoints(p, 3);
	assert_int_equal(memjournal_count(&p->journal, TALLY_ROW_LOST), 1);
	assert_int_equal(memjournal_count(&p->journal, TALLY_ROW_DONE), 6);
	if (memjournal_judge(&p->journal, &p->err) < 0)
		fail_msg("%s", p->err.text);
}

/* Check 10: the mark of the clock, on a fresh quote. */
static bool
clock_is_safe(struct place *p)
{
	static const uint8_t pcrs[] = { 14 }, q[TALLY_HASH];
	struct tally_buf bytes = TALLY_BUF_INIT;
	struct tally_blob blob;
	bool safe;

	assert_int_equal(p->tpm->quote(p->tpm->ctx, pcrs, 1, q, &bytes, &p->err), 0);
	assert_int_equal(tally_blob_parse(&blob, tally_buf_view(&bytes), &p->err), 0);
	safe = blob.attest.p[92] == 1;
	tally_buf_deinit(&bytes);
	return safe;
}

static void
the_clock_is_marked_after_an_unorderly_end_only(void **state)
{
	struct place *p = *state;

	start(p, true);
	stop(p);
	start(p, false);
	assert_true(clock_is_safe(p));
	kill(child(), SIGKILL);
	stop(p);
	start(p, false);
	assert_false(clock_is_safe(p));
}

static void
a_helper_ends_in_order_when_its_parent_is_killed(void **state)
{
	struct place *p = *state;
	int pipes[2];
	char byte;
	pid_t parent;

	start(p, true);
	stop(p);
	assert_int_equal(pipe(pipes), 0);
	parent = fork();
	if (parent == 0) {
		start(p, false);
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* The helper, now an orphan, may take a moment; the next one waits for it. */
	start(p, false);
	assert_true(clock_is_safe(p));
	close(pipes[0]);
	close(pipes[1]);
}

static void
signals_meant_for_the_parent_do_not_end_the_helper(void **state)
{
	struct place *p = *state;
	pid_t pid;

	start(p, true);
	pid = child();
	kill(pid, SIGTERM);
	kill(pid, SIGINT);
	kill(pid, SIGHUP);
	info(p);
	assert_int_equal(child(), pid);
}

static void
two_helpers_cannot_hold_one_tpm(void **state)
{
	struct place *p = *state;
	struct tally_tpm *second = NULL;

	start(p, true);
	assert_int_equal(tally_tpm_start(&second, NULL, p->dir, "libtpms", false, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_HELD);
	info(p);
}

static void
the_helper_inherits_nothing_but_its_socket_and_leaves_no_core(void **state)
{
	struct place *p = *state;
	char path[64], target[256], line[256], *secret = test_path(p->root, "secret");
	bool limited = false;
	int fd;
	FILE *f;

	test_file_write(secret, "x", 1);
	fd = open(secret, O_RDONLY); /* inheritable, on purpose */
	assert_true(fd >= 0);
	start(p, true);
	for (int i = 0; i < 64; i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", child(), i);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			assert_null(strstr(target, "secret"));
		}
	}
	snprintf(path, sizeof(path), "/proc/%d/limits", child());
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "Max core file size", 18) == 0) {
			char soft[32];

			assert_int_equal(sscanf(line + 18, "%31s", soft), 1);
			limited = strcmp(soft, "0") == 0;
		}
	fclose(f);
	assert_true(limited);
	close(fd);
	free(secret);
}

static void
a_helper_that_hangs_is_given_up(void **state)
{
	struct tally_tpm_info i;
	struct place *p = *state;

	start(p, true);
	client_set_timeout(p->tpm, 100);
	kill(child(), SIGSTOP);
	assert_int_equal(p->tpm->info(p->tpm->ctx, &i, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "no answer in time"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Seccomp: 2 is a filter. */
static void
the_helper_runs_behind_its_sandbox(void **state)
{
	struct place *p = *state;
	char path[64], line[256];
	bool filtered = false;
	FILE *f;

	start(p, true);
	snprintf(path, sizeof(path), "/proc/%d/status", child());
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		filtered = filtered || strcmp(line, "Seccomp:\t2\n") == 0;
	fclose(f);
	assert_true(filtered);
}

static void
a_helper_that_hangs_is_given_up_by_another_thread_at_once(void **state)
{
	struct tally_tpm_info i;
	struct place *p = *state;

	start(p, true); /* its time-out is half a minute */
	kill(child(), SIGSTOP);
	p->tpm->cancel(p->tpm->ctx);
	assert_int_equal(p->tpm->info(p->tpm->ctx, &i, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "given up"));
	assert_int_equal(p->tpm->info(p->tpm->ctx, &i, &p->err), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
what_cannot_be_started_is_told_with_its_name(void **state)
{
	struct place *p = *state;

	assert_int_equal(
		tally_tpm_start(&p->tpm, "/nowhere/helper", p->dir, "libtpms", true, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "/nowhere/helper"));
	assert_int_equal(tally_tpm_start(&p->tpm, "/bin/true", p->dir, "libtpms", true, &p->err),
			 -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_int_equal(
		tally_tpm_start(&p->tpm, NULL, p->dir, "device:/dev/tpmrm99", true, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_TPM);
	assert_non_null(strstr(p->err.text, "/dev/tpmrm99"));
	assert_int_equal(tally_tpm_start(&p->tpm, NULL, p->dir, "device:/dev/null", true, &p->err),
			 -1);
	assert_int_equal(p->err.code, TALLY_USE);
	assert_non_null(strstr(p->err.text, "/dev/tpmrmN"));
	/* No TPM, and no leave to make one. */
	assert_int_equal(tally_tpm_start(&p->tpm, NULL, p->dir, "libtpms", false, &p->err), -1);
	assert_int_equal(p->err.code, TALLY_SYS);
	assert_null(p->tpm);
}

/* The status of the answer to one raw message, -1 where there is none. */
static int
raw(struct place *p, const uint8_t *message, size_t n)
{
	struct tally_buf path = TALLY_BUF_INIT;
	uint8_t answer[TPM_MESSAGE_MAX];
	char how[64];
	ssize_t got;
	pid_t pid;
	int fd;

	helper_find(&path, NULL);
	assert_int_equal(
		helper_spawn(tally_buf_cstr(&path), p->dir, "libtpms", true, &fd, &pid, &p->err),
		0);
	assert_int_equal(send(fd, message, n, 0), (ssize_t)n);
	got = recv(fd, answer, sizeof(answer), 0);
	close(fd);
	helper_reap(pid, 5000, how, sizeof(how));
	assert_string_equal(how, "exited with status 0");
	tally_buf_deinit(&path);
	return got > 0 ? answer[0] : -1;
}

static void
malformed_requests_are_answered_and_end_it(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t n;
	} wrong[] = {
		{ { 0 }, 1 },
		{ { 6 }, 1 },
		{ { 255 }, 1 },
		{ { TPM_OP_INFO, 0 }, 2 },
		{ { TPM_OP_PCR_READ }, 1 },
		{ { TPM_OP_PCR_READ, 24 }, 2 },
		{ { TPM_OP_PCR_READ, 14, 0 }, 3 },
		{ { TPM_OP_PCR_EXTEND, 14, 0 }, 3 },
		{ { TPM_OP_QUOTE }, 1 },
		{ { TPM_OP_QUOTE, 0 }, 2 },
		{ { TPM_OP_QUOTE, 255 }, 2 },
		{ { TPM_OP_SHUTDOWN, 0 }, 2 },
	};
	struct place *p = *state;
	uint8_t quote[2 + 2 + TALLY_HASH] = { TPM_OP_QUOTE, 2, 3, 3 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(raw(p, wrong[i].bytes, wrong[i].n), TALLY_USE);
	assert_int_equal(raw(p, quote, sizeof(quote)), TALLY_USE); /* not ascending */
	quote[3] = 4;
	assert_int_equal(raw(p, quote, sizeof(quote)), 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_seal_over_the_real_helper_holds_over_restarts),
		CASE(a_helper_that_is_killed_costs_a_session_and_nothing_else),
		CASE(the_clock_is_marked_after_an_unorderly_end_only),
		CASE(a_helper_ends_in_order_when_its_parent_is_killed),
		CASE(signals_meant_for_the_parent_do_not_end_the_helper),
		CASE(two_helpers_cannot_hold_one_tpm),
		CASE(the_helper_inherits_nothing_but_its_socket_and_leaves_no_core),
		CASE(a_helper_that_hangs_is_given_up),
		CASE(the_helper_runs_behind_its_sandbox),
		CASE(a_helper_that_hangs_is_given_up_by_another_thread_at_once),
		CASE(what_cannot_be_started_is_told_with_its_name),
		CASE(malformed_requests_are_answered_and_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
