/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's XML: the bytes as a domain and as capabilities. What is taken of
 * it is text that a record can hold, or a count that its fields can hold.
 */
#include <stdlib.h>
#include <string.h>

#include "source_libvirt_xml.h"
#include "tally/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);
	if (end == NULL || !tally_utf8_valid(text, (size_t)(end - text)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_domain dom;
	struct tally_host_view host = { 0 };
	memset(&dom, 'x', sizeof(dom));
	libvirt_xml_claims(&dom, (const char *)data, size);
	check(dom.os, sizeof(dom.os));
	check(dom.tenant, sizeof(dom.tenant));
	check(dom.cost_center, sizeof(dom.cost_center));
	check(dom.environment, sizeof(dom.environment));
	if (libvirt_xml_topology(&host, (const char *)data, size) == 0 &&
	    (host.sockets == 0 || host.cores_per_socket[0] == 0 || host.threads_per_core == 0))
		abort();
	return 0;
}
