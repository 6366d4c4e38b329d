/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each present CPU names its package and its core; a socket's cores are the
 * distinct core ids of its package. Offline CPUs have no topology folder and do
 * not count: what is switched off in firmware is invisible to every observer.
 */
#include "topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define CPUS_MAX 8192

struct cpu {
	long package, core;
};

static int
read_number(const char *cpus, int cpu, const char *name, long *out)
{
	char path[512], *end;
	char line[64];
	FILE *f;
	(void)snprintf(path, sizeof(path), "%s/cpu%d/topology/%s", cpus, cpu, name);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	*out = strtol(line, &end, 10);
	return end == line ? -1 : 0;
}

static int
by_place(const void *a, const void *b)
{
	const struct cpu *x = a, *y = b;
	if (x->package != y->package)
		return x->package < y->package ? -1 : 1;
	return x->core < y->core ? -1 : x->core > y->core;
}

/* The first "key : value" of a file, or the first line where key is NULL. */
static void
read_text(char *out, size_t size, const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[512];
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *value = line;
		line[strcspn(line, "\n")] = '\0';
		if (key != NULL) {
			value = strchr(line, ':');
			if (value == NULL || strncmp(line, key, strlen(key)) != 0)
				continue;
			value += strspn(value, ": \t");
		}
		text_copy(out, size, value);
		break;
	}
	(void)fclose(f);
}

int
topology_read(struct tally_host_view *out, const char *cpus, const char *cpuinfo,
	      const char *product)
{
	struct cpu *cpu = calloc(CPUS_MAX, sizeof(*cpu));
	size_t n = 0, sockets = 0, cores = 0;
	uint32_t per_socket[sizeof(out->cores_per_socket) / sizeof(*out->cores_per_socket)] = { 0 };
	int rc = -1;
	if (cpu == NULL)
		return -1;
	for (int i = 0; i < CPUS_MAX; i++) {
		if (read_number(cpus, i, "physical_package_id", &cpu[n].package) == 0 &&
		    read_number(cpus, i, "core_id", &cpu[n].core) == 0)
			n++;
		else if (i > 0 && n == 0)
			break;
	}
	if (n == 0)
		goto out;
	qsort(cpu, n, sizeof(*cpu), by_place);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || cpu[i].package != cpu[i - 1].package) {
			if (sockets == sizeof(per_socket) / sizeof(*per_socket))
				goto out;
			sockets++;
		}
		if (i == 0 || by_place(&cpu[i - 1], &cpu[i]) != 0) {
			per_socket[sockets - 1]++;
			cores++;
		}
	}
	memcpy(out->cores_per_socket, per_socket, sizeof(per_socket));
	out->sockets = sockets;
	out->threads_per_core = (uint32_t)((n + cores - 1) / cores);
	read_text(out->cpu, sizeof(out->cpu), cpuinfo, "model name");
	read_text(out->model, sizeof(out->model), product, NULL);
	rc = 0;
out:
	free(cpu);
	return rc;
}
