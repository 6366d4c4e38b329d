/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TOPOLOGY_H
#define AGENT_TOPOLOGY_H
/* Sockets, cores and threads of the host from sysfs: the kernel's own view, which
 * is the same under every hypervisor manager. The paths are given by the caller. */
#include "tally/source.h"

/* Fills cores_per_socket, sockets, threads_per_core, cpu, model. 0, or -1 where
 * sysfs does not tell (then these stay as they were). */
int topology_read(struct tally_host_view *out, const char *cpus, const char *cpuinfo,
		  const char *product);

#endif
