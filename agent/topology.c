/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each present CPU names its package, die and core; a socket's cores are the
 * distinct cores of its package. Offline CPUs have no topology folder and do
 * not count: what is switched off in firmware is invisible to every observer.
 */
#include "topology.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tally/bytes.h"
#include "tally/parse.h"

#define CPUS_MAX 8192

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
	const struct topology_cpu *x = a, *y = b;
	if (x->package != y->package)
		return x->package < y->package ? -1 : 1;
	if (x->die != y->die)
		return x->die < y->die ? -1 : 1;
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
topology_count(struct tally_host_view *out, struct topology_cpu *cpu, size_t n)
{
	uint32_t per_socket[sizeof(out->cores_per_socket) / sizeof(*out->cores_per_socket)] = { 0 };
	size_t sockets = 0, cores = 0;
	qsort(cpu, n, sizeof(*cpu), by_place);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || cpu[i].package != cpu[i - 1].package) {
			if (sockets == sizeof(per_socket) / sizeof(*per_socket))
				return -1;
			sockets++;
		}
		if (i == 0 || by_place(&cpu[i - 1], &cpu[i]) != 0) {
			per_socket[sockets - 1]++;
			cores++;
		}
	}
	if (n == 0)
		return -1;
	memcpy(out->cores_per_socket, per_socket, sizeof(per_socket));
	out->sockets = sockets;
	out->threads_per_core = (uint32_t)((n + cores - 1) / cores);
	return 0;
}

int
topology_read(struct tally_host_view *out, const char *cpus, const char *cpuinfo,
	      const char *product)
{
	struct topology_cpu *cpu = tally_alloc(CPUS_MAX * sizeof(*cpu));
	size_t n = 0;
	int rc;
	DIR *d = opendir(cpus);
	for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && n < CPUS_MAX;
	     e = readdir(d)) {
		uint64_t i;
		if (strncmp(e->d_name, "cpu", 3) != 0 ||
		    !tally_parse_u64(&i, e->d_name + 3, strlen(e->d_name + 3), INT32_MAX))
			continue;
		if (read_number(cpus, (int)i, "physical_package_id", &cpu[n].package) < 0 ||
		    read_number(cpus, (int)i, "core_id", &cpu[n].core) < 0)
			continue;
		/* Kernels before 5.2 know no dies, and number cores through. */
		if (read_number(cpus, (int)i, "die_id", &cpu[n].die) < 0)
			cpu[n].die = 0;
		n++;
	}
	if (d != NULL)
		(void)closedir(d);
	rc = topology_count(out, cpu, n);
	free(cpu);
	if (rc < 0)
		return -1;
	read_text(out->cpu, sizeof(out->cpu), cpuinfo, "model name");
	read_text(out->model, sizeof(out->model), product, NULL);
	return 0;
}

/* "2 sockets of 8 cores", "2 sockets of 8+6 cores". */
static void
describe(struct tally_buf *b, const struct tally_host_view *v)
{
	bool even = true;
	for (size_t i = 1; i < v->sockets; i++)
		even = even && v->cores_per_socket[i] == v->cores_per_socket[0];
	tally_buf_addf(b, "%zu socket%s of ", v->sockets, v->sockets == 1 ? "" : "s");
	for (size_t i = 0; i < (even ? 1 : v->sockets); i++)
		tally_buf_addf(b, "%s%u", i > 0 ? "+" : "", v->cores_per_socket[i]);
	tally_buf_addf(b, " cores, %u thread%s each", v->threads_per_core,
		       v->threads_per_core == 1 ? "" : "s");
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

void
topology_compare(struct tally_host_view *out, const struct tally_host_view *manager)
{
	uint32_t ours[64], theirs[64];
	struct tally_buf b = TALLY_BUF_INIT;
	_Static_assert(sizeof(ours) == sizeof(out->cores_per_socket), "one a socket");
	memcpy(ours, out->cores_per_socket, sizeof(ours));
	memcpy(theirs, manager->cores_per_socket, sizeof(theirs));
	/* The order of sockets is nobody's. */
	qsort(ours, out->sockets, sizeof(*ours), by_number);
	qsort(theirs, manager->sockets, sizeof(*theirs), by_number);
	if (out->sockets == manager->sockets &&
	    out->threads_per_core == manager->threads_per_core &&
	    memcmp(ours, theirs, out->sockets * sizeof(*ours)) == 0)
		return;
	tally_buf_add_str(&b, "sysfs: ");
	describe(&b, out);
	tally_buf_add_str(&b, "; libvirt: ");
	describe(&b, manager);
	text_copy(out->doubt, sizeof(out->doubt), tally_buf_cstr(&b));
	tally_buf_deinit(&b);
}
