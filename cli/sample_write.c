/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The estate as ledgers: each host's events in batches, a checkpoint at the end.
 * Two jobs take hosts in turn. There is no TPM: two hundred of them would take
 * longer than all else, and a report asks for none.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sample.h"
#include "tally/entry.h"
#include "tally/note.h"
#include "tally/parallel.h"
#include "tally/store.h"

#define BATCH 4096U
#define JOBS  2U

struct batch {
	struct tally_buf group[TALLY_GROUPS];
	size_t length[BATCH][TALLY_GROUPS];
	uint8_t kind[BATCH];
	uint8_t seed[BATCH][TALLY_SEED];
	struct tally_prepared prepared[BATCH];
	size_t count;
};
struct job {
	const struct sample_history *h;
	const char *folder;
	_Atomic unsigned *next; /* host */
	struct tally_err err;
};

static int
batch_store(struct batch *b, struct tally_store *s, struct tally_err *err)
{
	size_t at[TALLY_GROUPS] = { 0 };
	uint64_t first;

	if (b->count == 0)
		return 0;
	tally_seeds(b->seed, b->count);
	for (size_t i = 0; i < b->count; i++) {
		uint16_t flags = b->kind[i] != TALLY_LEDGER_BEGIN; /* imported */
		struct tally_bytes groups[TALLY_GROUPS] = { 0 };

		for (size_t g = 0; g < TALLY_GROUPS; g++) {
			if (b->length[i][g] > 0)
				groups[g] = tally_bytes(b->group[g].p + at[g], b->length[i][g]);
			at[g] += b->length[i][g];
		}
		tally_prepare(&b->prepared[i], b->kind[i], flags, b->seed[i], groups);
	}
	if (tally_store_append(s, b->prepared, b->count, &first, err) < 0)
		return -1;
	b->count = 0;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_clear(&b->group[g]);
	return 0;
}

static int
batch_add(struct batch *b, struct tally_store *s, const struct tally_event *ev,
	  struct tally_err *err)
{
	size_t before[TALLY_GROUPS];

	if (b->count == BATCH && batch_store(b, s, err) < 0)
		return -1;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		before[g] = b->group[g].len;
	if (tally_event_encode(ev, b->group, err) < 0)
		return -1;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		b->length[b->count][g] = b->group[g].len - before[g];
	b->kind[b->count++] = (uint8_t)ev->kind;
	return 0;
}

static void
set_time(struct tally_event *ev, uint32_t at)
{
	ev->m.has_time = true;
	ev->m.time = (uint64_t)(SAMPLE_BEGIN + at) * TALLY_SECOND;
}

static int
add_host(struct batch *b, struct tally_store *s, unsigned host, struct tally_err *err)
{
	uint32_t cores[2] = { sample_cores(host), sample_cores(host) };
	char name[16], cluster[16], region[16];
	struct tally_buf vkey = TALLY_BUF_INIT;
	struct tally_event begin = { .kind = TALLY_LEDGER_BEGIN };
	struct tally_event facts = { .kind = TALLY_HOST_FACTS, .imported = true };
	int status;

	(void)snprintf(name, sizeof(name), "h%03u", host);
	(void)snprintf(cluster, sizeof(cluster), "c%02u", sample_cluster(host));
	(void)snprintf(region, sizeof(region), "r%u", sample_region(host));
	begin.i.host = facts.i.host = tally_bytes_str(name);
	/* Without these nobody could verify it. */
	tally_vkey_text(&vkey, tally_store_vkey(s));
	begin.o.origin = tally_bytes_str(tally_store_origin(s));
	begin.o.vkey = tally_buf_view(&vkey);
	set_time(&facts, 0);
	facts.m.cores_per_socket = (struct tally_numbers){ cores, 2 };
	facts.m.has_max_sockets = true;
	facts.m.max_sockets = 2;
	facts.m.has_threads_per_core = true;
	facts.m.threads_per_core = 2;
	facts.m.cpu = tally_bytes_str("Intel(R) Xeon(R) Gold 6338");
	facts.m.has_hypervisor = true;
	facts.m.hypervisor = 1;
	facts.m.cluster = tally_bytes_str(cluster);
	facts.m.region = tally_bytes_str(region);
	facts.m.boot = tally_bytes_str("1");
	status = batch_add(b, s, &begin, err);
	tally_buf_deinit(&vkey);
	return status < 0 ? -1 : batch_add(b, s, &facts, err);
}

struct words {
	char name[24], tenant[24], cost_center[24], peer[24];
	struct tally_bytes software;
};

static void
describe(struct tally_event *ev, const struct sample_event *e, struct words *w)
{
	struct sample_machine m = sample_machine(e->vm);

	(void)snprintf(w->name, sizeof(w->name), "vm-%05u", e->vm);
	(void)snprintf(w->tenant, sizeof(w->tenant), "tenant-%02u", m.tenant);
	(void)snprintf(w->cost_center, sizeof(w->cost_center), "cc%02u", m.cost_center);
	ev->i.name = tally_bytes_str(w->name);
	ev->i.tenant = tally_bytes_str(w->tenant);
	ev->i.cost_center = tally_bytes_str(w->cost_center);
	ev->m.os = tally_bytes_str(m.os);
	ev->m.edition = tally_bytes(m.edition, strlen(m.edition));
	ev->m.has_evidence = true;
	ev->m.evidence = TALLY_E_OPERATOR;
	ev->m.has_memory_mib = true;
	ev->m.memory_mib = m.memory_mib;
	ev->m.environment = tally_bytes_str("production");
	w->software = tally_bytes_str(m.software);
	if (m.software)
		ev->m.software = (struct tally_texts){ &w->software, 1 };
}

static int
add_event(struct batch *b, struct tally_store *s, const struct sample_event *e,
	  struct tally_err *err)
{
	static const uint8_t kinds[] = { TALLY_STARTED, TALLY_CONFIG, TALLY_MIGRATED_OUT,
					 TALLY_MIGRATED_IN, TALLY_STOPPED };
	struct tally_event ev = { .kind = kinds[e->kind], .imported = true };
	struct words w;

	set_time(&ev, e->at);
	ev.i.has_vm = true;
	memcpy(ev.i.vm, "\0\0\0\0\0\0\x40\0\x80\0\0\0", 12);
	tally_put_u32(ev.i.vm + 12, e->vm);
	if (e->kind == SAMPLE_START || e->kind == SAMPLE_IN)
		describe(&ev, e, &w);
	ev.m.has_vcpus =
		e->kind == SAMPLE_START || e->kind == SAMPLE_IN || e->kind == SAMPLE_CONFIG;
	ev.m.vcpus = ev.m.has_vcpus ? e->vcpus : 0;
	ev.m.has_cause = e->kind == SAMPLE_STOP;
	ev.m.cause = ev.m.has_cause ? TALLY_C_SHUTDOWN : 0;
	if (e->kind == SAMPLE_OUT || e->kind == SAMPLE_IN) {
		(void)snprintf(w.peer, sizeof(w.peer), "h%03u", e->peer);
		ev.o.peer = tally_bytes_str(w.peer);
	}
	return batch_add(b, s, &ev, err);
}

static int
fill(const struct job *j, unsigned host, struct tally_store *s, struct tally_err *err)
{
	struct batch *b = tally_alloc(sizeof(*b));
	struct tally_event beat = { .kind = TALLY_HEARTBEAT, .imported = true };
	const struct sample_history *h = j->h;
	int status = add_host(b, s, host, err);

	for (size_t i = h->first[host]; i < h->first[host + 1] && status == 0; i++)
		status = add_event(b, s, &h->events[i], err);
	set_time(&beat, sample_seconds(&h->size) - 1);
	if (status == 0)
		status = batch_add(b, s, &beat, err);
	if (status == 0)
		status = batch_store(b, s, err);
	if (status == 0 && tally_store_checkpoint(s, err) < 0)
		status = -1;
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&b->group[g]);
	free(b);
	return status;
}

static int
write_one(const struct job *j, unsigned host, struct tally_err *err)
{
	char path[4300], origin[48];
	struct tally_init_options o = { .origin = origin };
	struct tally_store *s = NULL;
	int status;

	(void)snprintf(origin, sizeof(origin), "estate.invalid/h%03u", host);
	if (snprintf(path, sizeof(path), "%s/h%03u", j->folder, host) >= (int)sizeof(path))
		return tally_err_set(err, TALLY_USE, "%s: too long a path", j->folder);
	status = tally_store_create(path, &o, err);
	if (status == 0)
		status = tally_store_open(&s, path, TALLY_STORE_WRITE, NULL, err);
	if (status == 0)
		status = fill(j, host, s, err);
	tally_store_close(s);
	return status;
}

static void
write_some(void *arg, size_t i)
{
	struct job *j = (struct job *)arg + i;
	unsigned host;

	while ((host = atomic_fetch_add(j->next, 1)) < j->h->size.hosts)
		if (write_one(j, host, &j->err) < 0)
			break;
}

int
sample_write_ledgers(const struct sample_history *h, const char *folder, struct tally_err *err)
{
	_Atomic unsigned next = 0;
	struct job jobs[JOBS];
	int status = 0;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return tally_err_sys(err, "%s", folder);
	for (unsigned i = 0; i < JOBS; i++)
		jobs[i] = (struct job){ h, folder, &next, TALLY_ERR_INIT };
	tally_parallel(JOBS, write_some, jobs);
	for (unsigned i = 0; i < JOBS && status == 0; i++) {
		if (jobs[i].err.code != TALLY_OK) {
			*err = jobs[i].err;
			status = -1;
		}
	}
	return status;
}
