/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H
/* Numeric addresses of servers and their clients. */
#include <netinet/in.h>
#include <sys/socket.h>

struct tally_err;

#define ADDRESS_TEXT INET6_ADDRSTRLEN

/* "127.0.0.1:80" or "[::1]:80". */
int address_parse(const char *listen, struct sockaddr_storage *out, struct tally_err *err);
void address_text(const struct sockaddr *a, char out[ADDRESS_TEXT]);

#endif
