/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport over a descriptor: swtpm's socket, or the device of a TPM. The TSS
 * has such, too; they wait for ever for a peer that is silent. Here each step has
 * its end, before the client's own time-out, and a failure has its words. What a
 * TPM has not done yet, by its own word, is asked of it again after a pause.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>
#include "tally/bytes.h"
#include "tally/err.h"
#include "tally/wait.h"
#include "wire.h"

#define MAGIC     0x54414c4c59535754ull /* of this transport */
#define HEADER    10                    /* tag, size, code */
#define PAUSE     20                    /* ms before a command is given again, ... */
#define PAUSE_MAX 1000                  /* ... twice as long each time, up to this */

struct wire {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: the TSS casts */
	int fd;
	bool device;  /* read and write of whole messages; else a socket's stream */
	bool waiting; /* a response has not been received yet */
	uint8_t command[TPM2_MAX_COMMAND_SIZE];
	size_t command_len;
	uint8_t response[TPM2_MAX_RESPONSE_SIZE];
	size_t len; /* of the response that was read; 0 none */
};

static struct {
	struct tally_err failure;
	char peer[280];
	int response_ms;
} state = { .response_ms = WIRE_RESPONSE_MS };

static struct wire *
own(TSS2_TCTI_CONTEXT *context)
{
	return context && TSS2_TCTI_MAGIC(context) == MAGIC ? (struct wire *)(void *)context : NULL;
}

int
wire_wait(int fd, short events, int64_t end)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = end - tally_ticks_ms();
		int r = poll(&p, 1, left > 0 ? (int)left : 0);

		if (r >= 0 || errno != EINTR)
			return r;
	}
}

static TSS2_RC
fail(struct wire *t, const char *what)
{
	(void)tally_err_set(&state.failure, TALLY_TPM, "%s: %s", state.peer, what);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->waiting = false;
	return TSS2_TCTI_RC_IO_ERROR;
}

static ssize_t
put(const struct wire *t, const uint8_t *p, size_t n)
{
	return t->device ? write(t->fd, p, n) : send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A device gives a response as a whole, and what does not fit is gone. */
static ssize_t
get(struct wire *t, size_t want)
{
	uint8_t *at = t->response + t->len;

	return t->device ? read(t->fd, at, sizeof(t->response) - t->len)
			 : recv(t->fd, at, want - t->len, 0);
}

static TSS2_RC
give_command(struct wire *t, int64_t end)
{
	const uint8_t *p = t->command;
	size_t size = t->command_len;

	/* Nothing was asked: what is here now is an end, or no TPM. */
	if (wire_wait(t->fd, POLLIN, 0) != 0)
		return fail(t, "the connection was lost");
	while (size > 0) {
		ssize_t n = put(t, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EBUSY)
			return fail(t, "the connection was lost");
		if (n < 0 && wire_wait(t->fd, POLLOUT, end) <= 0)
			return fail(t, "takes no command in time");
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	t->len = 0;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct wire *t = own(context);
	TSS2_RC rc;

	if (!t || !command)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (size > sizeof(t->command))
		return TSS2_TCTI_RC_BAD_VALUE;
	if (t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (t->fd < 0)
		return TSS2_TCTI_RC_IO_ERROR;
	memcpy(t->command, command, size);
	t->command_len = size;
	rc = give_command(t, tally_ticks_ms() + state.response_ms);
	t->waiting = rc == TSS2_RC_SUCCESS;
	return rc;
}

/* Until `want` bytes of the response are there. */
static TSS2_RC
gather(struct wire *t, size_t want, int64_t end)
{
	while (t->len < want) {
		int ready = wire_wait(t->fd, POLLIN, end);
		ssize_t n;

		if (ready == 0)
			return fail(t, t->device ? "no answer in time"
						 : "no answer in time; it serves one connection at "
						   "a time");
		n = ready < 0 ? -1 : get(t, want);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return fail(t, "the connection was lost before the answer");
		t->len += (size_t)n;
	}
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
gather_response(struct wire *t, int64_t end)
{
	TSS2_RC rc = gather(t, HEADER, end);
	size_t size;

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	size = tally_get_u32(t->response + 2);
	if (size < HEADER || size > sizeof(t->response) || size < t->len)
		return fail(t, "an answer that is none of a TPM");
	return gather(t, size, end);
}

/* The TPM has not begun with the command, and says so: it is to be given again. The
 * TSS does that too, but without a pause, and not for all of these. A lockout is
 * none of them: it lasts, and keys of ours are not subject to it. */
static bool
is_not_yet(const struct wire *t)
{
	switch (tally_get_u32(t->response + 6)) {
	case TPM2_RC_RETRY:
	case TPM2_RC_YIELDED:
	case TPM2_RC_TESTING:
	case TPM2_RC_NV_RATE:
		return true;
	default:
		return false;
	}
}

/* Asks until there is another answer than "not yet", or no time. */
static TSS2_RC
settle(struct wire *t)
{
	int64_t end = tally_ticks_ms() + state.response_ms, pause = PAUSE;
	TSS2_RC rc;

	for (;;) {
		rc = gather_response(t, end);
		if (rc != TSS2_RC_SUCCESS || !is_not_yet(t))
			return rc;
		if (tally_ticks_ms() + pause >= end)
			return fail(t, "it puts a command off, again and again");
		(void)poll(NULL, 0, (int)pause);
		pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
		rc = give_command(t, end);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
	}
}

/* Without a buffer it tells the size only. */
static TSS2_RC
receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct wire *t = own(context);
	TSS2_RC rc = TSS2_RC_SUCCESS;
	size_t room;

	(void)timeout; /* our own is shorter than for ever, and longer than any command */
	if (!t || !size)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (!t->waiting)
		return t->fd < 0 ? TSS2_TCTI_RC_IO_ERROR : TSS2_TCTI_RC_BAD_SEQUENCE;
	if (t->len == 0)
		rc = settle(t);
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

/* The owner frees the memory: wire_close. */
static void
finalize(TSS2_TCTI_CONTEXT *context)
{
	struct wire *t = own(context);

	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	TSS2_TCTI_MAGIC(context) = 0;
}

void
wire_name(const char *peer)
{
	tally_err_clear(&state.failure);
	(void)snprintf(state.peer, sizeof(state.peer), "%s", peer);
}

void
wire_open(TSS2_TCTI_CONTEXT **out, int fd, bool device)
{
	struct wire *t = tally_alloc(sizeof(*t));

	t->fd = fd;
	t->device = device;
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
}

void
wire_close(TSS2_TCTI_CONTEXT *tcti)
{
	Tss2_Tcti_Finalize(tcti);
	free(tcti);
	tally_err_clear(&state.failure);
}

const struct tally_err *
wire_failure(void)
{
	return state.failure.code == TALLY_OK ? NULL : &state.failure;
}

void
wire_set_timeout(int response_ms)
{
	state.response_ms = response_ms;
}
