/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one answer. Nothing of a request is believed before its length is right. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "protocol.h"
#include "serve.h"

/* The length of a message, 0 at the end of the stream, -1. */
static ssize_t
get_request(int fd, uint8_t message[TPM_MESSAGE_MAX])
{
	ssize_t n;

	do {
		n = recv(fd, message, TPM_MESSAGE_MAX, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

static void
send_answer(int fd, uint8_t status, const void *content, size_t len)
{
	uint8_t message[TPM_MESSAGE_MAX];
	ssize_t n;

	TALLY_ASSERT(len < sizeof(message));
	message[0] = status;
	if (len > 0)
		memcpy(message + 1, content, len);
	do {
		n = send(fd, message, len + 1, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	/* A client that is gone is seen by the next receive. */
}

void
serve_answer(int fd, const struct tally_err *err)
{
	send_answer(fd, (uint8_t)err->code, err->text, strlen(err->text));
}

void
serve_failure(int fd, const struct tally_err *err)
{
	uint8_t message[TPM_MESSAGE_MAX];

	if (get_request(fd, message) > 0)
		serve_answer(fd, err);
}

static int
answer_info(struct chip *c, struct tally_buf *out, struct tally_err *err)
{
	uint32_t reset, restart;

	if (chip_counts(c, &reset, &restart, err) < 0)
		return -1;
	tally_buf_add_u32(out, reset);
	tally_buf_add_u32(out, restart);
	tally_buf_add_u16(out, (uint16_t)c->ek_public.len);
	tally_buf_add_bytes(out, tally_buf_view(&c->ek_public));
	tally_buf_add_u16(out, (uint16_t)c->ak_public.len);
	tally_buf_add_bytes(out, tally_buf_view(&c->ak_public));
	tally_buf_add_u16(out, (uint16_t)c->nv_public.len);
	tally_buf_add_bytes(out, tally_buf_view(&c->nv_public));
	return 0;
}

static int
malformed(struct tally_err *err)
{
	return tally_err_set(err, TALLY_USE, "malformed request");
}

static int
answer_quote(struct chip *c, struct tally_cursor *in, struct tally_buf *out, struct tally_err *err)
{
	size_t n = tally_cursor_u8(in);
	struct tally_bytes pcrs = tally_cursor_take(in, n);
	struct tally_bytes q = tally_cursor_take(in, TALLY_HASH);

	if (!tally_cursor_done(in) || n == 0 || n > TALLY_PCRS)
		return malformed(err);
	for (size_t i = 0; i < n; i++)
		if (pcrs.p[i] >= TALLY_PCRS || (i > 0 && pcrs.p[i] <= pcrs.p[i - 1]))
			return malformed(err);
	return chip_quote(c, pcrs.p, n, q.p, out, err);
}

static int
answer_endorsement(struct chip *c, struct tally_cursor *in, struct tally_buf *out,
		   struct tally_err *err)
{
	uint8_t template = tally_cursor_u8(in);
	struct tally_buf public = TALLY_BUF_INIT, certificate = TALLY_BUF_INIT;
	int r;

	if (!tally_cursor_done(in) || template >= TALLY_EK_TEMPLATES)
		return malformed(err);
	r = chip_endorsement(c, template, &public, &certificate, err);
	if (r == 1) {
		tally_buf_add_u16(out, (uint16_t) public.len);
		tally_buf_add_bytes(out, tally_buf_view(&public));
		tally_buf_add_bytes(out, tally_buf_view(&certificate));
	}
	tally_buf_deinit(&public);
	tally_buf_deinit(&certificate);
	return r < 0 ? -1 : 0;
}

static int
answer_activate(struct chip *c, struct tally_cursor *in, struct tally_buf *out,
		struct tally_err *err)
{
	uint8_t which = tally_cursor_u8(in);
	uint8_t template = which & (TPM_ACTIVATE_NEXT - 1);
	struct tally_bytes object = tally_cursor_take(in, tally_cursor_u16(in));
	struct tally_bytes secret = tally_cursor_take(in, tally_cursor_left(in));

	if (!tally_cursor_done(in) || template >= TALLY_EK_TEMPLATES)
		return malformed(err);
	return chip_activate(c, template, which & TPM_ACTIVATE_NEXT, object, secret, out, err);
}

static int
answer_counter(struct chip *c, struct tally_buf *out, struct tally_err *err)
{
	uint64_t value;

	if (chip_counter_read(c, &value, err) < 0)
		return -1;
	tally_buf_add_u64(out, value);
	return 0;
}

/* What anchors are made of. */
static int
answer_anchor(struct chip *c, unsigned operation, struct tally_cursor *in, struct tally_buf *out,
	      struct tally_err *err)
{
	bool bound = operation == TPM_OP_CERTIFY || operation == TPM_OP_TIME;
	struct tally_bytes q = tally_cursor_take(in, bound ? TALLY_HASH : 0);

	if (!tally_cursor_done(in))
		return malformed(err);
	switch (operation) {
	case TPM_OP_COUNTER:
		return answer_counter(c, out, err);
	case TPM_OP_INCREMENT:
		return chip_counter_increment(c, err);
	case TPM_OP_CERTIFY:
		return chip_counter_certify(c, q.p, out, err);
	default:
		return chip_time(c, q.p, out, err);
	}
}

/* Everything but SHUTDOWN. */
static int
answer(struct chip *c, unsigned operation, struct tally_cursor *in, struct tally_buf *out,
       struct tally_err *err)
{
	struct tally_bytes digest;
	uint8_t pcr; /* or the number of an issuer */

	switch (operation) {
	case TPM_OP_INFO:
		return tally_cursor_done(in) ? answer_info(c, out, err) : malformed(err);
	case TPM_OP_PCR_READ:
		pcr = tally_cursor_u8(in);
		if (!tally_cursor_done(in) || pcr >= TALLY_PCRS)
			return malformed(err);
		return chip_pcr_read(c, pcr, tally_buf_grow(out, TALLY_HASH), err);
	case TPM_OP_PCR_EXTEND:
		pcr = tally_cursor_u8(in);
		digest = tally_cursor_take(in, TALLY_HASH);
		if (!tally_cursor_done(in) || pcr >= TALLY_PCRS)
			return malformed(err);
		return chip_pcr_extend(c, pcr, digest.p, err);
	case TPM_OP_QUOTE:
		return answer_quote(c, in, out, err);
	case TPM_OP_ENDORSEMENT:
		return answer_endorsement(c, in, out, err);
	case TPM_OP_ISSUER:
		pcr = tally_cursor_u8(in);
		if (!tally_cursor_done(in))
			return malformed(err);
		return chip_issuer(c, pcr, out, err) < 0 ? -1 : 0;
	case TPM_OP_ACTIVATE:
		return answer_activate(c, in, out, err);
	case TPM_OP_NEXT_KEY:
		return tally_cursor_done(in) ? chip_next_key(c, out, err) : malformed(err);
	case TPM_OP_COUNTER:
	case TPM_OP_INCREMENT:
	case TPM_OP_CERTIFY:
	case TPM_OP_TIME:
		return answer_anchor(c, operation, in, out, err);
	default:
		return malformed(err);
	}
}

int
serve(int fd, struct chip *c, struct tally_err *err)
{
	struct tally_buf out = TALLY_BUF_INIT;
	uint8_t message[TPM_MESSAGE_MAX];
	bool going = true;
	ssize_t n;
	int r = 0;

	while (going && (n = get_request(fd, message)) > 0) {
		struct tally_cursor in;

		if (n == 1 && message[0] == TPM_OP_SHUTDOWN) {
			r = 1;
			break;
		}
		tally_buf_clear(&out);
		tally_err_clear(err);
		tally_cursor_init(&in, tally_bytes(message + 1, (size_t)n - 1));
		if (answer(c, message[0], &in, &out, err) == 0) {
			send_answer(fd, 0, out.p, out.len);
		} else {
			serve_answer(fd, err);
			going = err->code != TALLY_USE;
		}
	}
	tally_err_clear(err);
	tally_buf_deinit(&out);
	return r;
}
