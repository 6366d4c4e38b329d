/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SERVED_H
#define NET_SERVED_H
/* What servers of POSTs by libmicrohttpd have in common: the body of a request, and answers. */
#include <microhttpd.h>
#include "tally/bytes.h"

struct served_request {
	struct tally_buf body;
	int64_t began; /* uptime, ns */
	bool too_long;
};
struct served_request *served_begin(int64_t now);
/* Takes all of it; of a body of more than `most` it keeps nothing more. */
void served_take(struct served_request *q, const char *data, size_t *size, size_t most);
/* MHD_OPTION_NOTIFY_COMPLETED of a request that was begun. */
void served_end(void *ctx, struct MHD_Connection *c, void **slot,
		enum MHD_RequestTerminationCode how);

#define SERVED_TEXT "text/plain; charset=utf-8"
enum MHD_Result served_answer(struct MHD_Connection *c, unsigned status, const char *type,
			      struct tally_bytes body);
enum MHD_Result served_text(struct MHD_Connection *c, unsigned status, const char *text);

#endif
