/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to swtpm. Its data socket alone: the control socket, to which the
 * TSS's own transport talks, is for the one who started it.
 */
#include "swtpm.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/wait.h"
#include "wire.h"

static int connect_ms = 5000;

/* A socket that is connected before `end`, or -1 with errno. */
static int
connect_to(const struct addrinfo *a, int64_t end)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	int failed = 0, ready, one = 1;
	socklen_t len = sizeof(failed);

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		failed = errno;
	if (failed == EINPROGRESS) {
		ready = wire_wait(fd, POLLOUT, end);
		if (ready == 0)
			failed = ETIMEDOUT;
		else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
			failed = errno;
	}
	if (failed == 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return fd;
	}
	close(fd);
	errno = failed;
	return -1;
}

static int
reach(const struct tpm_transport *t, const char *peer, struct tally_err *err)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	int64_t end = tally_ticks_ms() + connect_ms;
	struct addrinfo *found = NULL;
	char port[8];
	int r, fd = -1;

	(void)snprintf(port, sizeof(port), "%u", t->port);
	r = getaddrinfo(t->host, port, &wanted, &found);
	if (r != 0)
		return tally_err_set(err, TALLY_TPM, "%s: %s", peer, gai_strerror(r));
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = connect_to(a, end);
	if (fd < 0)
		(void)tally_err_set(err, TALLY_TPM, "%s: %s", peer, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int
swtpm_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *where, struct tally_err *err)
{
	char peer[280];
	int fd;

	(void)snprintf(peer, sizeof(peer), "swtpm at %s port %u", where->host, where->port);
	wire_name(peer);
	fd = reach(where, peer, err);
	if (fd < 0)
		return -1;
	wire_open(out, fd, false);
	return 0;
}

void
swtpm_set_timeout(int ms)
{
	connect_ms = ms;
}
