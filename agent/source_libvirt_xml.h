/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SOURCE_LIBVIRT_XML_H
#define AGENT_SOURCE_LIBVIRT_XML_H
/*
 * The manager's XML, which is outside text: no network, no entity of its own (a
 * document type ends the reading), nothing longer than libvirt's own limit.
 * What is not well-formed counts as far as it was.
 */
#include "tally/source.h"

#define LIBVIRT_XML_MAX ((size_t)4 * 1024 * 1024)

/* The claims in a domain's metadata (docs/FORMAT.md, section 13): fills os, tenant,
 * cost_center and environment, "" where there is none or where it is too long to
 * be kept whole. */
void libvirt_xml_claims(struct tally_domain *out, const char *xml, size_t len);

/* Sockets and cores of the host in the capabilities. 0, or -1 where they are not told. */
int libvirt_xml_topology(struct tally_host_view *out, const char *xml, size_t len);

#endif
