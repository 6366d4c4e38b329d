/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: one line each way, from the right user, in time. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
	int listener, served;
	struct tally_err err;
};

static int
echo(void *ctx, struct tally_bytes request, struct tally_buf *out)
{
	(void)ctx;
	if (tally_bytes_eq(request, tally_bytes_str("no")))
		return -1;
	tally_buf_add_str(out, "got ");
	tally_buf_add_bytes(out, request);
	return 0;
}

static void *
serve_one(void *ctx)
{
	struct server *s = ctx;
	int fd = accept(s->listener, NULL, NULL);

	s->served = tally_control_serve(fd, echo, NULL, &s->err);
	close(fd);
	return NULL;
}

static int
ask(const char *ledger, struct server *s, const char *request, struct tally_buf *answer)
{
	struct tally_err err = TALLY_ERR_INIT;
	pthread_t thread;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, serve_one, s), 0);
	r = tally_control_ask(ledger, request, TALLY_CONTROL_MS, answer, &err);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return r;
}

static void
a_request_gets_its_answer(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf answer = TALLY_BUF_INIT, big = TALLY_BUF_INIT;
	struct server server = { 0 };
	struct fixture f;
	char path[400];
	struct stat st;

	(void)state;
	fixture_init(&f);
	/* A path longer than an address of a socket has room for. */
	snprintf(path, sizeof(path), "%s/%0200d", f.root, 1);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(tally_control_ask(path, "x", TALLY_CONTROL_MS, &answer, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	server.listener = tally_control_listen(path, &err);
	assert_true(server.listener >= 0);
	close(server.listener);
	server.listener = tally_control_listen(path, &err); /* over a stale one */
	assert_true(server.listener >= 0);
	assert_int_equal(ask(path, &server, "{\"op\":\"status\"}", &answer), 0);
	assert_int_equal(server.served, 0);
	assert_string_equal(tally_buf_cstr(&answer), "got {\"op\":\"status\"}");
	assert_int_equal(ask(path, &server, "no", &answer), 0);
	assert_string_equal(tally_buf_cstr(&answer), "{\"ok\":false,\"error\":\"no answer\"}");
	/* 64 KiB and more are cut off, and so are two lines. */
	memset(tally_buf_grow(&big, 70000), 'x', 70000);
	ask(path, &server, tally_buf_cstr(&big), &answer);
	assert_int_equal(server.served, -1);
	assert_int_equal(server.err.code, TALLY_USE);
	ask(path, &server, "a\nb", &answer);
	assert_int_equal(server.served, -1);
	snprintf(path, sizeof(path), "%s/%0200d/control", f.root, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(server.listener);
	tally_buf_deinit(&answer);
	tally_buf_deinit(&big);
	fixture_deinit(&f);
}

static void
a_held_ledger_is_asked_through_its_holder(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_writer *w;
	struct fixture f;
	int ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	fixture_init(&f);
	fixture_create(&f);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct tally_err e = TALLY_ERR_INIT;
		struct tally_store *s;
		int listener, connection;

		if (tally_store_open(&s, f.path, TALLY_STORE_WRITE, NULL, &e) < 0)
			_exit(1);
		listener = tally_control_listen(f.path, &e);
		(void)!write(ready[1], "x", 1);
		connection = accept(listener, NULL, NULL);
		_exit(tally_control_serve(connection, echo, NULL, &e) == 0 ? 0 : 2);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_ok(tally_writer_open(&w, f.path, NULL, &err));
	assert_true(tally_writer_is_remote(w));
	assert_null(tally_writer_store(w));
	tally_writer_close(w);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
	fixture_deinit(&f);
}

static void
another_user_is_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	int pair[2], status;
	char text[64] = "";
	pid_t child;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root, to become another user\n");
		skip();
	}
	/* The credentials of a pair are those of its maker. */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct tally_err e = TALLY_ERR_INIT;

		if (seteuid(65534) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
		    seteuid(0) < 0)
			_exit(1);
		if (write(pair[0], "x\n", 2) != 2)
			_exit(2);
		if (tally_control_serve(pair[1], echo, NULL, &e) != -1 || e.code != TALLY_USE)
			_exit(3);
		if (read(pair[0], text, sizeof(text) - 1) <= 0 || !strstr(text, "not allowed"))
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)err;
}

static void
a_peer_that_says_nothing_is_not_waited_for(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[0], "half", 4), 4);
	assert_int_equal(tally_control_serve(pair[1], echo, NULL, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_gets_its_answer),
		cmocka_unit_test(a_held_ledger_is_asked_through_its_holder),
		cmocka_unit_test(another_user_is_refused),
		cmocka_unit_test(a_peer_that_says_nothing_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
