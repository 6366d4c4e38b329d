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

struct topology_cpu { /* a thread, by the numbers of what it is part of */
	long package, die, core;
};
/* The same from a list of threads, which is sorted. 0, or -1 where it is empty or
 * has more sockets than fit (then nothing is filled). */
int topology_count(struct tally_host_view *out, struct topology_cpu *cpu, size_t n);
/* Sets doubt where the manager's view is another than the kernel's, `out`. */
void topology_compare(struct tally_host_view *out, const struct tally_host_view *manager);

#endif
