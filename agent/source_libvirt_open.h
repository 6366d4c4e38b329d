/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SOURCE_LIBVIRT_OPEN_H
#define AGENT_SOURCE_LIBVIRT_OPEN_H
/*
 * Opening a connection in bounded time. A manager that is stopped answers
 * nothing, and libvirt's open waits for it without end: so a thread of its own
 * opens, and whoever waits can give up and come back.
 */
#include <libvirt/libvirt.h>

#include "tally/time.h"

struct tally_err;

struct libvirt_opening; /* under way; NULL: none */
/* Begins to open `uri` where nothing is under way, and waits for the end at most
 * `most`. 0 with the connection; -1: it failed, or *o is still under way. */
int libvirt_open(struct libvirt_opening **o, const char *uri, struct tally_span most,
		 virConnectPtr *out, struct tally_err *err);
/* What is under way ends by itself; the connection is closed. NULL ok. */
void libvirt_open_abandon(struct libvirt_opening *o);

/* -1, with what libvirt said last in this thread. */
int libvirt_error(struct tally_err *err, const char *what);

#endif
