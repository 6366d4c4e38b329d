/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as two observers see it: the kernel in sysfs, which is what is
 * recorded, and libvirt in its capabilities, which is what doubts it.
 */
#include "source_libvirt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_libvirt_xml.h"
#include "topology.h"
#include "tally/err.h"

/* Where neither tells a topology: NUMA nodes times sockets. */
static int
node_topology(struct tally_host_view *out, virConnectPtr conn, struct tally_err *err)
{
	virNodeInfo node;
	size_t sockets;
	if (virNodeGetInfo(conn, &node) < 0)
		return libvirt_error(err, "node information");
	sockets = (size_t)node.nodes * node.sockets;
	if (sockets > sizeof(out->cores_per_socket) / sizeof(*out->cores_per_socket))
		return tally_err_set(err, TALLY_SYS, "libvirt: %zu sockets", sockets);
	out->sockets = sockets;
	for (size_t i = 0; i < sockets; i++)
		out->cores_per_socket[i] = node.cores;
	out->threads_per_core = node.threads;
	return 0;
}

static int
manager_topology(struct tally_host_view *out, virConnectPtr conn)
{
	char *xml = virConnectGetCapabilities(conn);
	int rc = xml != NULL ? libvirt_xml_topology(out, xml, strlen(xml)) : -1;
	free(xml);
	return rc;
}

int
libvirt_facts(struct libvirt_source *s, struct tally_host_view *out, struct tally_err *err)
{
	struct tally_host_view theirs = { 0 };
	unsigned long hv = 0, lib = 0;
	const char *type;
	int told;
	memset(out, 0, sizeof(*out));
	if (s->conn == NULL || virConnectGetLibVersion(s->conn, &lib) < 0)
		return libvirt_error(err, "version");
	type = virConnectGetType(s->conn);
	(void)virConnectGetVersion(s->conn, &hv);
	(void)snprintf(out->manager, sizeof(out->manager), "libvirt %lu.%lu.%lu %s %lu.%lu.%lu",
		       lib / 1000000, lib / 1000 % 1000, lib % 1000, type != NULL ? type : "?",
		       hv / 1000000, hv / 1000 % 1000, hv % 1000);
	out->hypervisor = type == NULL                ? 5
			  : strcmp(type, "QEMU") == 0 ? 1
			  : strcmp(type, "Xen") == 0  ? 2
						      : 5;
	told = manager_topology(&theirs, s->conn);
	if (topology_read(out, "/sys/devices/system/cpu", "/proc/cpuinfo",
			  "/sys/class/dmi/id/product_name") == 0) {
		/* The test driver's host is none at all. */
		if (told == 0 && (out->hypervisor == 1 || out->hypervisor == 2))
			topology_compare(out, &theirs);
		return 0;
	}
	if (told < 0)
		return node_topology(out, s->conn, err);
	memcpy(out->cores_per_socket, theirs.cores_per_socket, sizeof(out->cores_per_socket));
	out->sockets = theirs.sockets;
	out->threads_per_core = theirs.threads_per_core;
	return 0;
}
