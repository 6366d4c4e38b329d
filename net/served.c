/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers of a server by libmicrohttpd. */
#include "served.h"
#include <stdlib.h>

struct served_request *
served_begin(int64_t now)
{
	struct served_request *q = tally_alloc(sizeof(*q));

	q->began = now;
	return q;
}

void
served_take(struct served_request *q, const char *data, size_t *size, size_t most)
{
	q->too_long = q->too_long || *size > most - q->body.len;
	if (!q->too_long)
		tally_buf_add(&q->body, data, *size);
	*size = 0;
}

void
served_end(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode how)
{
	struct served_request *q = *slot;

	(void)ctx, (void)c, (void)how;
	if (q)
		tally_buf_deinit(&q->body);
	free(q);
	*slot = NULL;
}

enum MHD_Result
served_answer(struct MHD_Connection *c, unsigned status, const char *type, struct tally_bytes body)
{
	struct MHD_Response *r;
	enum MHD_Result sent;

	r = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.p,
					    MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	sent = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (sent == MHD_YES && status == 405)
		sent = MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "POST");
	if (sent == MHD_YES)
		sent = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return sent;
}

enum MHD_Result
served_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return served_answer(c, status, SERVED_TEXT, tally_bytes_str(text));
}
