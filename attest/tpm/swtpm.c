/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport to swtpm. tpm2-tss has one too; it waits for ever for a peer
 * that is silent, and it talks to the control socket. Here each step has its
 * end, before the client's own time-out, and a failure has its words.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>
#include "tally/bytes.h"
#include "tally/err.h"
#include "swtpm.h"

#define MAGIC  0x54414c4c59535754ull /* of this transport */
#define HEADER 10                    /* tag, size, code */

struct swtpm {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: the TSS casts */
	int fd;
	bool waiting; /* a response has not been received yet */
	uint8_t response[TPM2_MAX_RESPONSE_SIZE];
	size_t len; /* of the response that was read; 0 none */
};

static struct {
	struct tally_err failure;
	char peer[280];
	int connect_ms, response_ms;
} state = { .connect_ms = 5000, .response_ms = 20000 };

static struct swtpm *
own(TSS2_TCTI_CONTEXT *context)
{
	return context && TSS2_TCTI_MAGIC(context) == MAGIC ? (struct swtpm *)(void *)context
							    : NULL;
}

/* Milliseconds on a clock that nobody sets. */
static int64_t
ticks(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until `events` or the end: 1, 0 at the end, -1. */
static int
wait_for(int fd, short events, int64_t end)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = end - ticks();
		int r = poll(&p, 1, left > 0 ? (int)left : 0);

		if (r >= 0 || errno != EINTR)
			return r;
	}
}

static TSS2_RC
fail(struct swtpm *t, const char *what)
{
	(void)tally_err_set(&state.failure, TALLY_TPM, "%s: %s", state.peer, what);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->waiting = false;
	return TSS2_TCTI_RC_IO_ERROR;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct swtpm *t = own(context);
	int64_t end = ticks() + state.response_ms;

	if (!t || !command)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (t->fd < 0)
		return TSS2_TCTI_RC_IO_ERROR;
	/* Nothing was asked: what is here now is an end, or no TPM. */
	if (wait_for(t->fd, POLLIN, 0) != 0)
		return fail(t, "the connection was lost");
	while (size > 0) {
		ssize_t n = send(t->fd, command, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return fail(t, "the connection was lost");
		if (n < 0 && wait_for(t->fd, POLLOUT, end) <= 0)
			return fail(t, "takes no command in time");
		if (n > 0) {
			command += n;
			size -= (size_t)n;
		}
	}
	t->waiting = true;
	t->len = 0;
	return TSS2_RC_SUCCESS;
}

/* Until `want` bytes of the response are there. */
static TSS2_RC
gather(struct swtpm *t, size_t want, int64_t end)
{
	while (t->len < want) {
		int ready = wait_for(t->fd, POLLIN, end);
		ssize_t n;

		if (ready == 0)
			return fail(t, "no answer in time; it serves one connection at a time");
		n = ready < 0 ? -1 : recv(t->fd, t->response + t->len, want - t->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(t, "the connection was lost before the answer");
		t->len += (size_t)n;
	}
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
gather_response(struct swtpm *t)
{
	int64_t end = ticks() + state.response_ms;
	TSS2_RC rc = gather(t, HEADER, end);
	size_t size;

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	size = tally_get_u32(t->response + 2);
	if (size < HEADER || size > sizeof(t->response))
		return fail(t, "an answer that is none of a TPM");
	return gather(t, size, end);
}

/* Without a buffer it tells the size only. */
static TSS2_RC
receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct swtpm *t = own(context);
	TSS2_RC rc = TSS2_RC_SUCCESS;
	size_t room;

	(void)timeout; /* our own is shorter than for ever, and longer than any command */
	if (!t || !size)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (!t->waiting)
		return t->fd < 0 ? TSS2_TCTI_RC_IO_ERROR : TSS2_TCTI_RC_BAD_SEQUENCE;
	if (t->len == 0)
		rc = gather_response(t);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	room = *size;
	*size = t->len;
	if (!response)
		return TSS2_RC_SUCCESS;
	if (room < t->len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, t->response, t->len);
	t->waiting = false;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED; /* a matter of the control socket */
}

static TSS2_RC
get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
	(void)context;
	(void)handles;
	*count = 0;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	(void)context;
	return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
	(void)context;
	(void)handle;
	(void)sticky;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

/* The owner frees the memory: swtpm_close. */
static void
finalize(TSS2_TCTI_CONTEXT *context)
{
	struct swtpm *t = own(context);

	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	TSS2_TCTI_MAGIC(context) = 0;
}

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
		ready = wait_for(fd, POLLOUT, end);
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
reach(const struct tpm_transport *t, struct tally_err *err)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	int64_t end = ticks() + state.connect_ms;
	struct addrinfo *found = NULL;
	char port[8];
	int r, fd = -1;

	(void)snprintf(port, sizeof(port), "%u", t->port);
	r = getaddrinfo(t->host, port, &wanted, &found);
	if (r != 0)
		return tally_err_set(err, TALLY_TPM, "%s: %s", state.peer, gai_strerror(r));
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = connect_to(a, end);
	if (fd < 0)
		(void)tally_err_set(err, TALLY_TPM, "%s: %s", state.peer, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int
swtpm_open(TSS2_TCTI_CONTEXT **out, const struct tpm_transport *where, struct tally_err *err)
{
	struct swtpm *t;
	int fd;

	tally_err_clear(&state.failure);
	(void)snprintf(state.peer, sizeof(state.peer), "swtpm at %s port %u", where->host,
		       where->port);
	fd = reach(where, err);
	if (fd < 0)
		return -1;
	t = tally_alloc(sizeof(*t));
	t->fd = fd;
	t->common.v1.magic = MAGIC;
	t->common.v1.version = 2;
	t->common.v1.transmit = transmit;
	t->common.v1.receive = receive;
	t->common.v1.finalize = finalize;
	t->common.v1.cancel = cancel;
	t->common.v1.getPollHandles = get_poll_handles;
	t->common.v1.setLocality = set_locality;
	t->common.makeSticky = make_sticky;
	*out = (TSS2_TCTI_CONTEXT *)(void *)t;
	return 0;
}

void
swtpm_close(TSS2_TCTI_CONTEXT *tcti)
{
	Tss2_Tcti_Finalize(tcti);
	free(tcti);
	tally_err_clear(&state.failure);
}

const struct tally_err *
swtpm_failure(void)
{
	return state.failure.code == TALLY_OK ? NULL : &state.failure;
}

void
swtpm_set_timeouts(int connect_ms, int response_ms)
{
	state.connect_ms = connect_ms;
	state.response_ms = response_ms;
}
