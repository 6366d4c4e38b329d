/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: a numeric address and a port, no names to be resolved. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "tally/err.h"
#include "tally/parse.h"
#include "address.h"

int
address_parse(const char *listen, struct sockaddr_storage *out, struct tally_err *err)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	const char *colon = strrchr(listen, ':');
	struct tally_buf host = TALLY_BUF_INIT;
	uint64_t port = 0;
	bool ok = colon && tally_parse_u64(&port, colon + 1, strlen(colon + 1), UINT16_MAX);
	size_t n = ok ? (size_t)(colon - listen) : 0;
	bool brackets = n >= 2 && listen[0] == '[' && listen[n - 1] == ']';

	memset(out, 0, sizeof(*out));
	tally_buf_add(&host, listen + brackets, n - 2 * brackets);
	if (ok && brackets) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		ok = inet_pton(AF_INET6, tally_buf_cstr(&host), &six->sin6_addr) == 1;
	} else if (ok) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		ok = inet_pton(AF_INET, tally_buf_cstr(&host), &four->sin_addr) == 1;
	}
	tally_buf_deinit(&host);
	return ok ? 0
		  : tally_err_set(err, TALLY_USE,
				  "'%s' is no address and port (127.0.0.1:7380, [::1]:7380)",
				  listen);
}

void
address_text(const struct sockaddr *a, char out[ADDRESS_TEXT])
{
	const void *p = a->sa_family == AF_INET6
				? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
				: (const void *)&((const struct sockaddr_in *)a)->sin_addr;

	if (!inet_ntop(a->sa_family, p, out, ADDRESS_TEXT))
		memcpy(out, "?", 2);
}
