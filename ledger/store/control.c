/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket (FORMAT.md section 14): one JSON object on one line each
 * way, at most 64 KiB, with a deadline, from root or the holder's own user.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "store_internal.h"
#include "tally/wait.h"

#define LINE_MAX_BYTES 65536
#define SERVE_MS       5000 /* a request is one line that is there already */

/* 0 ready, -1 with errno (ETIMEDOUT). */
static int
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline - tally_ticks_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

static int
send_line(int fd, struct tally_bytes line, int64_t deadline, struct tally_err *err)
{
	while (line.len > 0) {
		ssize_t n = send(fd, line.p, line.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			line = tally_bytes(line.p + n, line.len - (size_t)n);
		else if (n < 0 && errno == EAGAIN && wait_for(fd, POLLOUT, deadline) == 0)
			continue;
		else if (n < 0 && errno != EINTR)
			return tally_err_sys(err, "control: send");
	}
	return 0;
}

/* Up to the first newline, which is taken off. What comes behind it is an error. */
static int
receive_line(int fd, struct tally_buf *out, int64_t deadline, struct tally_err *err)
{
	tally_buf_clear(out);
	for (;;) {
		uint8_t piece[4096];
		ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
		const uint8_t *end;

		if (n < 0 && errno == EAGAIN && wait_for(fd, POLLIN, deadline) == 0)
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tally_err_sys(err, "control: receive");
		if (n == 0)
			return tally_err_set(err, TALLY_SYS, "control: closed before a whole line");
		end = memchr(piece, '\n', (size_t)n);
		tally_buf_add(out, piece, end ? (size_t)(end - piece) : (size_t)n);
		if (out->len >= LINE_MAX_BYTES)
			return tally_err_set(err, TALLY_USE,
					     "control: a line of more than %d bytes",
					     LINE_MAX_BYTES);
		if (end && end + 1 != piece + n)
			return tally_err_set(err, TALLY_USE, "control: more than one line");
		if (end)
			return 0;
	}
}

/* The folder may have a longer path than an address has room for, so the
 * address goes over the open folder. */
static int
socket_at(const char *ledger, int *dirfd, struct sockaddr_un *address, struct tally_err *err)
{
	int fd;

	*dirfd = open(ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dirfd < 0)
		return tally_err_sys(err, "%s", ledger);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		tally_err_sys_(err, "control: socket");
		close(*dirfd);
		return -1;
	}
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/control", *dirfd);
	return fd;
}

int
tally_control_ask(const char *ledger, const char *request, int timeout_ms, struct tally_buf *answer,
		  struct tally_err *err)
{
	int64_t deadline = tally_ticks_ms() + timeout_ms;
	struct sockaddr_un address;
	struct tally_buf line = TALLY_BUF_INIT;
	int dirfd, fd = socket_at(ledger, &dirfd, &address, err), r;

	if (fd < 0)
		return -1;
	tally_buf_add_str(&line, request);
	tally_buf_add_u8(&line, '\n');
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = tally_err_sys(err, "%s/control", ledger);
	else if ((r = send_line(fd, tally_buf_view(&line), deadline, err)) == 0)
		r = receive_line(fd, answer, deadline, err);
	tally_buf_deinit(&line);
	close(fd);
	close(dirfd);
	return r;
}

int
tally_control_listen(const char *ledger, struct tally_err *err)
{
	struct sockaddr_un address;
	int dirfd, fd = socket_at(ledger, &dirfd, &address, err), r = 0;

	if (fd < 0)
		return -1;
	/* The lock is ours, so a socket that is there belongs to nobody. */
	if ((unlinkat(dirfd, "control", 0) < 0 && errno != ENOENT) || fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(dirfd, "control", 0600, 0) < 0 || listen(fd, 16) < 0)
		r = tally_err_sys(err, "%s/control", ledger);
	close(dirfd);
	if (r < 0)
		close(fd);
	return r < 0 ? -1 : fd;
}

static int
check_peer(int connection, struct tally_err *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return tally_err_sys(err, "control: peer");
	if (peer.uid != 0 && peer.uid != geteuid())
		return tally_err_set(err, TALLY_USE, "control: user %u may not ask",
				     (unsigned)peer.uid);
	return 0;
}

static void
refuse(struct tally_buf *out, const char *why)
{
	tally_buf_clear(out);
	tally_buf_addf(out, "{\"ok\":false,\"error\":\"%s\"}", why);
}

int
tally_control_serve(int connection,
		    int (*answer)(void *ctx, struct tally_bytes request, struct tally_buf *out),
		    void *ctx, struct tally_err *err)
{
	struct tally_buf request = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_err second = TALLY_ERR_INIT;
	int r = check_peer(connection, err);

	if (r < 0)
		refuse(&out, "not allowed");
	else if ((r = receive_line(connection, &request, tally_ticks_ms() + SERVE_MS, err)) < 0)
		refuse(&out, "malformed request");
	else if (answer(ctx, tally_buf_view(&request), &out) < 0 || out.len == 0 ||
		 memchr(out.p, '\n', out.len) != NULL || out.len >= LINE_MAX_BYTES)
		refuse(&out, "no answer");
	tally_buf_add_u8(&out, '\n');
	/* The first error is the one that tells. */
	if (send_line(connection, tally_buf_view(&out), tally_ticks_ms() + SERVE_MS,
		      r < 0 ? &second : err) < 0)
		r = -1;
	tally_buf_deinit(&request);
	tally_buf_deinit(&out);
	return r;
}
