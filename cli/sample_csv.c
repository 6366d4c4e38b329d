/* SPDX-License-Identifier: Apache-2.0 */
/* The estate for databases: plain tables, in the units that suit them best; and
 * the least that any program would have to do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "sample.h"

/* Of a machine while the plain sweep goes by. */
struct state {
	uint32_t since;
	uint8_t vcpus;
	bool on;
};

static int
open_table(FILE **f, const char *folder, const char *name, struct tally_err *err)
{
	char path[4300];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return tally_err_set(err, TALLY_USE, "%s: too long a path", folder);
	*f = fopen(path, "we");
	return *f ? 0 : tally_err_sys(err, "%s", path);
}

static int
close_table(FILE *f, const char *name, struct tally_err *err)
{
	bool failed = ferror(f) != 0;

	if (fclose(f) != 0 || failed)
		return tally_err_sys(err, "%s", name);
	return 0;
}

static int
write_events(const struct sample_history *h, const char *folder, struct tally_err *err)
{
	static const char *const names[] = { "start", "config", "migrate-out", "migrate-in",
					     "stop" };
	FILE *f;

	if (open_table(&f, folder, "events.csv", err) < 0)
		return -1;
	fprintf(f, "sequence,t,vm,host,kind,vcpus\n");
	for (size_t i = 0; i < h->count; i++) {
		const struct sample_event *e = &h->events[i];

		fprintf(f, "%" PRIu32 ",%" PRId64 ",%" PRIu32 ",%u,%s,%u\n", e->sequence,
			SAMPLE_BEGIN + e->at, e->vm, e->host, names[e->kind], e->vcpus);
	}
	return close_table(f, "events.csv", err);
}

static int
write_machines(const struct sample_history *h, const char *folder, struct tally_err *err)
{
	FILE *f;

	if (open_table(&f, folder, "machines.csv", err) < 0)
		return -1;
	fprintf(f, "vm,product,edition,tenant,cost_center\n");
	for (unsigned vm = 0; vm < h->size.machines; vm++) {
		struct sample_machine m = sample_machine(vm);

		fprintf(f, "%u,%s,%s,tenant-%02u,cc%02u\n", vm, m.os, m.edition, m.tenant,
			m.cost_center);
	}
	return close_table(f, "machines.csv", err);
}

static int
write_hosts(const struct sample_history *h, const char *folder, struct tally_err *err)
{
	FILE *f;

	if (open_table(&f, folder, "hosts.csv", err) < 0)
		return -1;
	fprintf(f, "host,name,cluster,region,cores\n");
	for (unsigned host = 0; host < h->size.hosts; host++)
		fprintf(f, "%u,h%03u,c%02u,r%u,%u\n", host, host, sample_cluster(host),
			sample_region(host), 2 * sample_cores(host));
	return close_table(f, "hosts.csv", err);
}

int
sample_write_csv(const struct sample_history *h, const char *folder, struct tally_err *err)
{
	if (write_events(h, folder, err) < 0 || write_machines(h, folder, err) < 0)
		return -1;
	return write_hosts(h, folder, err);
}

static int
by_time(const void *a, const void *b)
{
	const struct sample_event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Ends of one instant before its begins do not matter here: a machine's own
 * events are in order, and the peak is looked at when time goes on. */
static uint64_t
sweep(const struct sample_event *e, size_t n, struct state *vms)
{
	uint64_t sum = 0, running = 0, peak = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		struct state *s = &vms[e[i].vm];

		if (e[i].at != at) {
			peak = running > peak ? running : peak;
			at = e[i].at;
		}
		if (s->on)
			sum += (uint64_t)s->vcpus * (e[i].at - s->since);
		running -= s->on;
		s->on = e[i].kind != SAMPLE_STOP && e[i].kind != SAMPLE_OUT;
		running += s->on;
		s->vcpus = e[i].vcpus;
		s->since = e[i].at;
	}
	return sum + peak;
}

double
sample_sweep_plainly(const struct sample_history *h)
{
	struct sample_event *sorted = tally_realloc_array(NULL, h->count, sizeof(*sorted));
	struct state *vms = tally_alloc(h->size.machines * sizeof(*vms));
	volatile uint64_t kept;
	double began;

	memcpy(sorted, h->events, h->count * sizeof(*sorted));
	qsort(sorted, h->count, sizeof(*sorted), by_time);
	began = cli_seconds();
	kept = sweep(sorted, h->count, vms);
	(void)kept;
	free(sorted);
	free(vms);
	return cli_seconds() - began;
}
