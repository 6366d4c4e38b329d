/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as other rooms see it: a function table over the helper. An answer
 * that is late, malformed or missing ends the helper, for the state of an
 * unanswered command is unknown; every later call then fails at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tally/err.h"
#include "tally/wait.h"
#include "tally/parse.h"
#include "tally/tpm.h"
#include "protocol.h"
#include "helper.h"
#include "transport.h"

#define TIMEOUT_MS 30000
#define DEVICE_MS  120000 /* a chip may need some of its commands' 30 s for one of ours */
#define CLOSE_MS   10000
#define BURIAL_MS  2000

struct client {
	struct tally_tpm table;
	int fd; /* -1 where the helper is gone */
	pid_t pid;
	int timeout_ms;
	int cancelled;  /* an eventfd, readable once it is cancelled; -1 none */
	char gone[256]; /* why */
	uint8_t message[TPM_MESSAGE_MAX];
	struct tally_buf request, ek_public, ak_public, nv_public;
	const char *transport; /* its kind: what it is called is for the host only */
};

static void
bury(struct client *c, const char *why)
{
	char how[64];

	close(c->fd);
	c->fd = -1;
	helper_reap(c->pid, BURIAL_MS, how, sizeof(how));
	snprintf(c->gone, sizeof(c->gone), "%s (%s)", why, how);
}

static int
lost(struct client *c, const char *why, struct tally_err *err)
{
	bury(c, why);
	return tally_err_set(err, TALLY_TPM, "tallyd-tpm: %s", c->gone);
}

/* The length of the answer, 0 at the end of the stream, -1 at the time-out, when
 * it is cancelled, or at an error. */
static ssize_t
get_answer(struct client *c)
{
	int64_t end = tally_ticks_ms() + c->timeout_ms;

	for (;;) {
		struct pollfd p[] = { { .fd = c->fd, .events = POLLIN },
				      { .fd = c->cancelled, .events = POLLIN } };
		int64_t left = end - tally_ticks_ms();
		int ready = poll(p, 2, left > 0 ? (int)left : 0);
		ssize_t n;

		if (ready == 0)
			errno = ETIMEDOUT;
		else if (ready > 0 && p[1].revents != 0)
			errno = ECANCELED;
		if (ready == 0 || (ready < 0 && errno != EINTR) || p[1].revents != 0)
			return -1;
		n = ready < 0 ? -1 : recv(c->fd, c->message, sizeof(c->message), 0);
		if (n >= 0 || errno != EINTR)
			return n;
	}
}

/* Sends what stands in `request`; `answer` is valid until the next. */
static int
ask(struct client *c, struct tally_bytes *answer, struct tally_err *err)
{
	ssize_t n;

	if (c->fd < 0)
		return tally_err_set(err, TALLY_TPM, "tallyd-tpm: %s", c->gone);
	do {
		n = send(c->fd, c->request.p, c->request.len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return lost(c, "died", err);
	n = get_answer(c);
	if (n < 0)
		return lost(c,
			    errno == ETIMEDOUT   ? "no answer in time"
			    : errno == ECANCELED ? "no answer until it was given up"
						 : "cannot be read",
			    err);
	if (n == 0)
		return lost(c, "died", err);
	*answer = tally_bytes(c->message + 1, (size_t)n - 1);
	if (c->message[0] == 0)
		return 0;
	if (c->message[0] > TALLY_TPM)
		return lost(c, "malformed answer", err);
	return tally_err_set(err, (enum tally_code)c->message[0], "%.*s", (int)answer->len,
			     (const char *)answer->p);
}

static struct client *
begin(void *ctx, uint8_t operation)
{
	struct client *c = ctx;

	tally_buf_clear(&c->request);
	tally_buf_add_u8(&c->request, operation);
	return c;
}

static int
client_info(void *ctx, struct tally_tpm_info *out, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_INFO);
	struct tally_bytes answer, ek, ak, nv;
	struct tally_cursor cursor;

	if (ask(c, &answer, err) < 0)
		return -1;
	tally_cursor_init(&cursor, answer);
	out->reset_count = tally_cursor_u32(&cursor);
	out->restart_count = tally_cursor_u32(&cursor);
	ek = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	ak = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	nv = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	if (!tally_cursor_done(&cursor))
		return lost(c, "malformed answer", err);
	tally_buf_clear(&c->ek_public);
	tally_buf_add_bytes(&c->ek_public, ek);
	tally_buf_clear(&c->ak_public);
	tally_buf_add_bytes(&c->ak_public, ak);
	tally_buf_clear(&c->nv_public);
	tally_buf_add_bytes(&c->nv_public, nv);
	out->ek_public = tally_buf_view(&c->ek_public);
	out->ak_public = tally_buf_view(&c->ak_public);
	out->nv_public = tally_buf_view(&c->nv_public);
	out->transport = c->transport;
	return 0;
}

static int
client_pcr_read(void *ctx, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_PCR_READ);
	struct tally_bytes answer;

	tally_buf_add_u8(&c->request, (uint8_t)pcr);
	if (ask(c, &answer, err) < 0)
		return -1;
	if (answer.len != TALLY_HASH)
		return lost(c, "malformed answer", err);
	memcpy(out, answer.p, TALLY_HASH);
	return 0;
}

static int
client_pcr_extend(void *ctx, unsigned pcr, const uint8_t digest[TALLY_HASH], struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_PCR_EXTEND);
	struct tally_bytes answer;

	tally_buf_add_u8(&c->request, (uint8_t)pcr);
	tally_buf_add(&c->request, digest, TALLY_HASH);
	return ask(c, &answer, err);
}

static int
client_quote(void *ctx, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
	     struct tally_buf *blob, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_QUOTE);
	struct tally_bytes answer;

	tally_buf_add_u8(&c->request, (uint8_t)n);
	tally_buf_add(&c->request, pcrs, n);
	tally_buf_add(&c->request, q, TALLY_HASH);
	if (ask(c, &answer, err) < 0)
		return -1;
	tally_buf_add_bytes(blob, answer);
	return 0;
}

static int
client_endorsement(void *ctx, enum tally_ek_template template, struct tally_buf *public,
		   struct tally_buf *certificate, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_ENDORSEMENT);
	struct tally_bytes answer, key;
	struct tally_cursor cursor;

	tally_buf_add_u8(&c->request, (uint8_t) template);
	if (ask(c, &answer, err) < 0)
		return -1;
	if (answer.len == 0)
		return 0;
	tally_cursor_init(&cursor, answer);
	key = tally_cursor_take(&cursor, tally_cursor_u16(&cursor));
	if (cursor.failed || tally_cursor_left(&cursor) == 0)
		return lost(c, "malformed answer", err);
	tally_buf_add_bytes(public, key);
	tally_buf_add_bytes(certificate, tally_cursor_take(&cursor, tally_cursor_left(&cursor)));
	return 1;
}

static int
client_issuer(void *ctx, unsigned n, struct tally_buf *certificate, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_ISSUER);
	struct tally_bytes answer;

	tally_buf_add_u8(&c->request, (uint8_t)n);
	if (ask(c, &answer, err) < 0)
		return -1;
	tally_buf_add_bytes(certificate, answer);
	return answer.len > 0;
}

static int
client_activate(void *ctx, enum tally_ek_template template, bool next, struct tally_bytes id_object,
		struct tally_bytes encrypted_secret, struct tally_buf *out, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_ACTIVATE);
	struct tally_bytes answer;

	if (id_object.len + encrypted_secret.len > TPM_MESSAGE_MAX - 8)
		return tally_err_set(err, TALLY_FAILS, "a credential that no TPM takes");
	tally_buf_add_u8(&c->request, (uint8_t)(template | (next ? TPM_ACTIVATE_NEXT : 0)));
	tally_buf_add_u16(&c->request, (uint16_t)id_object.len);
	tally_buf_add_bytes(&c->request, id_object);
	tally_buf_add_bytes(&c->request, encrypted_secret);
	if (ask(c, &answer, err) < 0)
		return -1;
	tally_buf_add_bytes(out, answer);
	return 0;
}

static int
client_next_key(void *ctx, struct tally_buf *public, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_NEXT_KEY);
	struct tally_bytes answer;

	if (ask(c, &answer, err) < 0)
		return -1;
	tally_buf_add_bytes(public, answer);
	return 0;
}

static int
client_counter_read(void *ctx, uint64_t *value, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_COUNTER);
	struct tally_bytes answer;

	if (ask(c, &answer, err) < 0)
		return -1;
	if (answer.len != 8)
		return lost(c, "malformed answer", err);
	*value = tally_get_u64(answer.p);
	return 0;
}

static int
client_counter_increment(void *ctx, struct tally_err *err)
{
	struct client *c = begin(ctx, TPM_OP_INCREMENT);
	struct tally_bytes answer;

	return ask(c, &answer, err);
}

static int
ask_attested(struct client *c, const uint8_t q[TALLY_HASH], struct tally_buf *out,
	     struct tally_err *err)
{
	struct tally_bytes answer;

	tally_buf_add(&c->request, q, TALLY_HASH);
	if (ask(c, &answer, err) < 0)
		return -1;
	tally_buf_add_bytes(out, answer);
	return 0;
}

static int
client_counter_certify(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out,
		       struct tally_err *err)
{
	return ask_attested(begin(ctx, TPM_OP_CERTIFY), q, out, err);
}

static int
client_time(void *ctx, const uint8_t q[TALLY_HASH], struct tally_buf *out, struct tally_err *err)
{
	return ask_attested(begin(ctx, TPM_OP_TIME), q, out, err);
}

/* Orderly where the helper still listens; it is gone afterwards in any case. */
static void
client_close(void *ctx)
{
	struct client *c = begin(ctx, TPM_OP_SHUTDOWN);
	struct tally_bytes answer;
	struct tally_err ignored;

	if (c->timeout_ms > CLOSE_MS)
		c->timeout_ms = CLOSE_MS;
	if (c->fd >= 0)
		(void)ask(c, &answer, &ignored);
	if (c->fd >= 0)
		bury(c, "closed");
	if (c->cancelled >= 0)
		close(c->cancelled);
	tally_buf_deinit(&c->request);
	tally_buf_deinit(&c->ek_public);
	tally_buf_deinit(&c->ak_public);
	tally_buf_deinit(&c->nv_public);
	free(c);
}

/* Nobody reads the counter: once it is readable it stays so. */
static void
client_cancel(void *ctx)
{
	struct client *c = ctx;

	if (c->cancelled >= 0)
		(void)eventfd_write(c->cancelled, 1);
}

int
tally_tpm_start(struct tally_tpm **out, const char *helper, const char *dir, const char *transport,
		bool create, struct tally_err *err)
{
	struct tally_buf path = TALLY_BUF_INIT;
	struct tally_tpm_info info;
	struct tpm_transport which;
	struct client *c;
	int r;

	if (transport_parse(&which, transport, err) < 0)
		return tally_err_prefix(err, "tpm");
	c = tally_alloc(sizeof(*c));
	c->table = (struct tally_tpm){ .ctx = c,
				       .info = client_info,
				       .pcr_read = client_pcr_read,
				       .pcr_extend = client_pcr_extend,
				       .quote = client_quote,
				       .close = client_close,
				       .cancel = client_cancel,
				       .endorsement = client_endorsement,
				       .issuer = client_issuer,
				       .activate = client_activate,
				       .next_key = client_next_key,
				       .counter_read = client_counter_read,
				       .counter_increment = client_counter_increment,
				       .counter_certify = client_counter_certify,
				       .time = client_time };
	c->cancelled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->transport = which.name;
	c->timeout_ms = which.kind == TPM_DEVICE ? DEVICE_MS : TIMEOUT_MS;
	helper_find(&path, helper);
	r = helper_spawn(tally_buf_cstr(&path), dir, transport, create, &c->fd, &c->pid, err);
	tally_buf_deinit(&path);
	if (r < 0)
		c->fd = -1;
	else
		r = client_info(c, &info, err);
	if (r < 0) {
		client_close(c);
		return tally_err_prefix(err, "tpm");
	}
	*out = &c->table;
	return 0;
}

void
tally_tpm_stop(struct tally_tpm *tpm)
{
	if (tpm)
		tpm->close(tpm->ctx);
}

void
client_set_timeout(struct tally_tpm *tpm, int timeout_ms)
{
	struct client *c = tpm->ctx;

	c->timeout_ms = timeout_ms;
}
