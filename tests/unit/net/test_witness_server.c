/* SPDX-License-Identifier: Apache-2.0 */
/* A witness on loopback, asked by libcurl: its limits, and kill -9 in between. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fixture.h"
#include "tally/log.h"

struct world {
	char *root, *dir, url[64];
	struct memlog log;
	pid_t pid; /* of the server */
	unsigned port;
	struct tally_http_client *client;
	struct tally_http http;
	struct tally_buf body;
	struct tally_http_answer answer;
	struct tally_err err;
};

static void
serve(struct world *w, int fd)
{
	struct tally_witness_server *server;
	struct tally_buf logs = TALLY_BUF_INIT;
	struct tally_witness *witness;
	unsigned port;

	memlog_vkey(&w->log, &logs);
	if (tally_witness_open(&witness, w->dir, "logs", tally_buf_view(&logs), tally_disk_real(),
			       &w->err) < 0 ||
	    tally_witness_serve(&server, witness, "127.0.0.1:0", tally_clock_real(), &w->err) < 0)
		_exit(1);
	port = tally_witness_port(server);
	if (write(fd, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	for (;;)
		pause();
}

static void
start(struct world *w)
{
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0)
		serve(w, pipes[1]);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &w->port, sizeof(w->port)), sizeof(w->port));
	close(pipes[0]);
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/add-checkpoint", w->port);
}

static void
kill_hard(struct world *w)
{
	if (w->pid <= 0)
		return;
	assert_int_equal(kill(w->pid, SIGKILL), 0);
	assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
	w->pid = 0;
}

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));

	tally_log_level(0);
	w->root = test_dir_make();
	w->dir = test_path(w->root, "witness");
	memlog_init(&w->log, "example.com/log");
	tally_witness_close(witness_new(w->dir, &w->log));
	start(w);
	assert_int_equal(tally_http_open(&w->client, &w->err), 0);
	w->http = tally_http_client(w->client);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	kill_hard(w);
	tally_http_close(w->client);
	memlog_deinit(&w->log);
	tally_buf_deinit(&w->body), tally_buf_deinit(&w->answer.body);
	test_dir_remove(w->root);
	free(w->dir);
	free(w);
	return 0;
}

static unsigned
post(struct world *w, struct tally_bytes body)
{
	if (w->http.post(w->http.ctx, w->url, "text/plain", body, 4096, &w->answer, &w->err) < 0)
		fail_msg("%s", w->err.text);
	return w->answer.status;
}

static unsigned
ask(struct world *w, uint64_t old, uint64_t size)
{
	memlog_request(&w->log, old, size, &w->body);
	return post(w, tally_buf_view(&w->body));
}

static void
cosignatures_come_over_http(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 5), 200);
	assert_memory_equal(w->answer.body.p, "\xe2\x80\x94 witness.example.com/1 ", 26);
	assert_int_equal(w->answer.body.p[w->answer.body.len - 1], '\n');
	assert_int_equal(ask(w, 5, 300), 200);
	assert_int_equal(ask(w, 5, 400), 409);
	assert_string_equal(w->answer.type, "text/x.tlog.size");
	assert_true(tally_bytes_eq(tally_buf_view(&w->answer.body), tally_bytes_str("300\n")));
}

static void
what_was_answered_outlives_kill_9(void **state)
{
	struct world *w = *state;

	for (uint64_t size = 5, old = 0; size < 60; old = size, size += 11) {
		assert_int_equal(ask(w, old, size), 200);
		kill_hard(w);
		start(w);
		w->log.branch = 1;
		w->log.fork = size - 1;
		assert_int_equal(ask(w, size, size + 2), 422);
		w->log.branch = 0;
	}
}

/* Sends raw bytes; the answer up to the end of the connection, or 4 KiB of it. */
static struct tally_buf
raw(struct world *w, const char *head, size_t filler)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
	struct tally_buf out = TALLY_BUF_INIT;
	char block[4096];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
	memset(block, 'a', sizeof(block));
	for (n = 0; filler > 0 && n >= 0; filler -= filler < sizeof(block) ? filler : sizeof(block))
		n = send(fd, block, filler < sizeof(block) ? filler : sizeof(block), MSG_NOSIGNAL);
	while (out.len < sizeof(block) && (n = recv(fd, block, sizeof(block), 0)) > 0)
		tally_buf_add(&out, block, (size_t)n);
	close(fd);
	(void)tally_buf_cstr(&out);
	return out;
}

static void
other_methods_paths_and_long_bodies_are_refused(void **state)
{
	static const struct {
		const char *head;
		size_t filler;
		const char *status;
	} cases[] = {
		{ "GET /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0,
		  "HTTP/1.1 405" },
		{ "POST /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		  "0\r\n\r\n",
		  0, "HTTP/1.1 404" },
		{ "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: "
		  "close\r\nContent-Length: "
		  "1000000\r\n\r\n",
		  1000000, "HTTP/1.1 413" },
		{ "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: "
		  "close\r\nContent-Length: "
		  "0\r\n\r\n",
		  0, "HTTP/1.1 400" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tally_buf answer = raw(w, cases[i].head, cases[i].filler);

		if (strncmp((char *)answer.p, cases[i].status, 12) != 0)
			fail_msg("%zu: %s", i, (char *)answer.p);
		tally_buf_deinit(&answer);
	}
	assert_int_equal(ask(w, 0, 5), 200);
}

static void
a_conflict_has_the_content_type_of_the_protocol(void **state)
{
	struct world *w = *state;
	struct tally_buf head = TALLY_BUF_INIT, answer;

	memlog_request(&w->log, 1, 5, &w->body);
	tally_buf_addf(&head,
		       "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: "
		       "close\r\nContent-Length: %zu\r\n\r\n",
		       w->body.len);
	tally_buf_add_bytes(&head, tally_buf_view(&w->body));
	answer = raw(w, tally_buf_cstr(&head), 0);
	assert_memory_equal(answer.p, "HTTP/1.1 409", 12);
	assert_non_null(strstr((char *)answer.p, "Content-Type: text/x.tlog.size\r\n"));
	assert_non_null(strstr((char *)answer.p, "\r\n\r\n0\n"));
	tally_buf_deinit(&head), tally_buf_deinit(&answer);
}

static void
idle_connections_keep_nobody_from_it(void **state)
{
	struct world *w = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
	int fd[40];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < 40; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(send(fd[i], "POST /add", 9, MSG_NOSIGNAL), 9);
	}
	assert_int_equal(ask(w, 0, 5), 200);
	for (size_t i = 0; i < 40; i++)
		close(fd[i]);
}

/* s that this program's wall clock is ahead of the kernel's: as if it had been, and had been set
 * back since. */
static _Atomic time_t set_back;

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int r = __real_clock_gettime(id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += set_back;
	return r;
}

static _Atomic int64_t fast; /* ns that the server's clock is ahead */

static struct tally_now
fast_now(void *ctx)
{
	struct tally_now now = tally_clock_now(tally_clock_real());

	(void)ctx;
	now.uptime.ns += fast;
	return now;
}

/* A byte of a header now and then is no idleness; so a connection has its life. */
static void
end_connection(struct world *w)
{
	const struct tally_clock clock = { .now = fast_now };
	const struct timespec pause = { 0, 100000000 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct tally_witness_server *s = NULL;
	bool ended = false;
	char byte;
	int fd;

	if (tally_witness_serve(&s, NULL, "127.0.0.1:0", &clock, &w->err) < 0)
		fail_msg("%s", w->err.text);
	to.sin_port = htons((uint16_t)tally_witness_port(s));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "POST /add-checkpoint HTTP/1.1\r\nX: ", 35, MSG_NOSIGNAL), 35);
	for (int i = 0; i < 100 && !ended; i++) {
		if (i == 3) {
			assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
			fast = 61 * TALLY_SECOND;
		}
		nanosleep(&pause, NULL);
		ended = send(fd, "x", 1, MSG_NOSIGNAL) < 0 || recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
		assert_true(i > 2 || !ended);
	}
	assert_true(ended);
	close(fd);
	fast = 0;
	tally_witness_stop(s);
}

static void
a_connection_ends_whatever_comes_over_it(void **state)
{
	end_connection(*state);
}

static void
it_ends_whatever_the_wall_clock_does(void **state)
{
	set_back = 3600;
	end_connection(*state);
	set_back = -3600;
	end_connection(*state);
	set_back = 0;
}

static void
the_client_takes_no_answer_but_a_whole_one_within_its_bound(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, 0, 5), 200);
	memlog_request(&w->log, 5, 6, &w->body);
	assert_int_equal(w->http.post(w->http.ctx, w->url, "text/plain", tally_buf_view(&w->body),
				      3, &w->answer, &w->err),
			 -1);
	assert_non_null(strstr(w->err.text, "more than 3 bytes"));
	assert_int_equal(w->http.post(w->http.ctx, "file:///etc/passwd", "text/plain",
				      tally_bytes_str("a"), 4096, &w->answer, &w->err),
			 -1);
	kill_hard(w);
	assert_int_equal(w->http.post(w->http.ctx, w->url, "text/plain", tally_bytes_str("a"), 4096,
				      &w->answer, &w->err),
			 -1);
	assert_int_equal(w->err.code, TALLY_SYS);
	start(w);
	tally_http_cancel(w->client);
	assert_int_equal(w->http.post(w->http.ctx, w->url, "text/plain", tally_bytes_str("a"), 4096,
				      &w->answer, &w->err),
			 -1);
}

static void
addresses_are_numeric_and_have_a_port(void **state)
{
	static const char *const bad[] = {
		"",       "127.0.0.1", ":80",     "localhost:80", "127.0.0.1:65536",
		"::1:80", "[::1]",     "[::1:80", "127.0.0.1:",   "127.0.0.1:080"
	};
	struct tally_witness_server *s = NULL;
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tally_witness_serve(&s, NULL, bad[i], tally_clock_real(), &w->err),
				 -1);
		assert_int_equal(w->err.code, TALLY_USE);
	}
	assert_true(tally_http_url_valid("http://127.0.0.1:1/x"));
	assert_true(tally_http_url_valid("https://witness.example.com"));
	assert_false(tally_http_url_valid("ftp://witness.example.com"));
	assert_false(tally_http_url_valid("witness"));
	assert_false(tally_http_url_valid(""));
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD(cosignatures_come_over_http),
		WORLD(what_was_answered_outlives_kill_9),
		WORLD(other_methods_paths_and_long_bodies_are_refused),
		WORLD(a_conflict_has_the_content_type_of_the_protocol),
		WORLD(idle_connections_keep_nobody_from_it),
		WORLD(a_connection_ends_whatever_comes_over_it),
		WORLD(it_ends_whatever_the_wall_clock_does),
		WORLD(the_client_takes_no_answer_but_a_whole_one_within_its_bound),
		WORLD(addresses_are_numeric_and_have_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
