/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in the estate, and what its machines do by themselves: servers that run for
 * months and now and then move, desktops that run by day, runners that live for
 * minutes. Each draws from a generator of its own, in whole numbers, so that a seed
 * gives the same estate on any machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "random.h"
#include "tally/bytes.h"
#include "tally/err.h"

enum role { WINDOWS, DESKTOPS, RHEL, SLES, RUNNERS, UBUNTU, DATABASES, MIXED };
static const uint8_t roles[DEMO_CLUSTERS] = {
	WINDOWS, WINDOWS, WINDOWS, WINDOWS, WINDOWS, WINDOWS, WINDOWS, DESKTOPS, DESKTOPS,  RHEL,
	RHEL,    RHEL,    RHEL,    SLES,    SLES,    RUNNERS, UBUNTU,  UBUNTU,   DATABASES, MIXED,
};

struct walk {
	struct demo_estate *e;
	uint64_t random;
	uint16_t host, vm;
	uint8_t vcpus;
	int64_t at;
};

static int64_t
between(struct walk *w, int64_t low, int64_t high)
{
	return low + (int64_t)(cli_random(&w->random) % (uint64_t)(high - low + 1));
}

/* Exponentially distributed, by von Neumann's comparisons: no logarithm, whose last
 * digits differ between machines. Whole seconds. */
static int64_t
exponential(struct walk *w, int64_t mean)
{
	for (uint64_t whole = 0;; whole++) {
		uint64_t first = cli_random(&w->random) >> 32, last = first, n = 1;

		for (;; n++) {
			uint64_t next = cli_random(&w->random) >> 32;

			if (next >= last)
				break;
			last = next;
		}
		if (n % 2 == 1)
			return (int64_t)(((whole << 32) + first) * (uint64_t)(mean / 1000) >> 32) *
			       1000;
	}
}

void
demo_host_name(char out[16], uint16_t host)
{
	if (host == DEMO_NOBODY)
		(void)snprintf(out, 16, "h-elsewhere");
	else
		(void)snprintf(out, 16, "h%03u", host + 1U);
}

unsigned
demo_cluster(const struct demo_estate *e, uint16_t host)
{
	return host / e->per_cluster;
}

const char *
demo_region(unsigned cluster)
{
	static const char *const regions[] = { "eu-north", "eu-west", "us-east", "apac" };

	return regions[cluster / 5 % 4];
}

unsigned
demo_cores(unsigned cluster)
{
	static const uint8_t cores[] = { 16, 16, 16, 16, 12, 16, 24, 32, 32, 16,
					 16, 24, 16, 16, 12, 24, 16, 24, 16, 8 };

	return cores[cluster];
}

struct demo_event *
demo_estate_add(struct demo_estate *e, int64_t at, enum demo_kind kind, uint16_t host, uint16_t vm)
{
	struct demo_event *ev;

	if (e->count == e->room) {
		e->room = e->room ? e->room * 2 : 4096;
		e->events = tally_realloc_array(e->events, e->room, sizeof(*e->events));
	}
	ev = &e->events[e->count];
	*ev = (struct demo_event){ .at = at,
				   .sequence = (uint32_t)e->count++,
				   .host = host,
				   .vm = vm,
				   .peer = DEMO_NOBODY,
				   .kind = (uint8_t)kind,
				   .from = -1,
				   .to = -1 };
	if (vm != DEMO_NOBODY)
		ev->vcpus = e->vms[vm].vcpus;
	return ev;
}

static struct demo_event *
tell(struct walk *w, enum demo_kind kind)
{
	struct demo_event *ev = demo_estate_add(w->e, w->at, kind, w->host, w->vm);

	ev->vcpus = w->vcpus;
	return ev;
}

static void
name_vm(struct demo_estate *e, uint16_t vm, const char *what)
{
	struct walk w = { .random = e->seed * 1000003 + vm + UINT64_C(0x75756964) };
	uint64_t a = cli_random(&w.random), b = cli_random(&w.random);
	struct demo_vm *m = &e->vms[vm];
	uint8_t uuid[TALLY_UUID];

	tally_put_u64(uuid, a);
	tally_put_u64(uuid + 8, b);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	tally_uuid_text(m->uuid, uuid);
	(void)snprintf(m->name, sizeof(m->name), "%s-%03u", what, vm + 1U);
}

static void
set_os(struct demo_vm *m, const char *os, const char *edition, const char *software)
{
	m->os = os;
	m->edition = edition;
	m->software = software;
}

static const char *
choose_system(struct demo_vm *m, enum role role, uint16_t vm)
{
	static const char *const windows[] = { "http://microsoft.com/win/2k22",
					       "http://microsoft.com/win/2k22",
					       "http://microsoft.com/win/2k19" };
	const char *const rhel = "http://redhat.com/rhel/9.2";

	switch (role) {
	case WINDOWS:
		set_os(m, windows[vm % 3], "standard", vm % 9 == 4 ? "sql-server-standard" : NULL);
		return vm % 9 == 4 ? "sql" : vm % 2 ? "app" : "web";
	case DESKTOPS:
		set_os(m, "http://microsoft.com/win/11", "enterprise", NULL);
		return "desk";
	case RHEL:
		set_os(m, rhel, NULL, NULL);
		return vm % 2 ? "erp" : "mq";
	case SLES:
		set_os(m, "http://suse.com/sles/15.4", NULL, NULL);
		return "sap";
	case RUNNERS:
		set_os(m, "http://ubuntu.com/ubuntu/22.04", NULL, NULL);
		return "runner";
	case UBUNTU:
		set_os(m, "http://ubuntu.com/ubuntu/22.04", NULL, NULL);
		return "svc";
	case DATABASES:
		set_os(m, rhel, NULL,
		       vm % 4 == 1   ? "oracle-database-enterprise"
		       : vm % 4 == 2 ? "ibm-websphere-nd"
				     : NULL);
		return vm % 4 == 1 ? "ora" : "was";
	case MIXED:
		break;
	}
	/* Of a few nobody knows what they run. */
	set_os(m, vm % 8 == 3 ? NULL : vm % 2 ? rhel : "http://debian.org/debian/12", NULL, NULL);
	return vm % 8 == 3 ? "box" : "lab";
}

static void
make_vm(struct demo_estate *e, uint16_t vm)
{
	static const char *const tenants[] = { "retail",   "logistics", "finance",
					       "research", "people",    "platform" };
	static const uint8_t sizes[] = { 2, 4, 4, 8 };
	enum role role = roles[demo_cluster(e, (uint16_t)(vm / DEMO_PER_HOST))];
	struct demo_vm *m = &e->vms[vm];
	unsigned tenant = vm % 37U * 7 % 6;

	name_vm(e, vm, choose_system(m, role, vm));
	m->vcpus = sizes[vm * 5U / 3 % 4];
	m->memory_mib = m->vcpus * 4096U;
	m->tenant = role == RUNNERS ? "platform" : tenants[tenant];
	m->cost_center = 4100 + tenant * 100 + vm % 3U * 10;
	m->environment = vm % 10 == 8 ? "test" : "production";
}

static void
move(struct walk *w, uint16_t to)
{
	uint16_t from = w->host;

	tell(w, DEMO_OUT)->peer = to;
	w->host = to;
	w->at += between(w, 40, 900);
	tell(w, DEMO_IN)->peer = from;
}

/* Another host of the cluster, which the story does not need as it is. */
static bool
find_place(struct walk *w, uint16_t *to)
{
	unsigned first = w->host / w->e->per_cluster * w->e->per_cluster;

	*to = (uint16_t)(first + (unsigned)between(w, 0, w->e->per_cluster - 1));
	return *to != w->host && !demo_story_owns(w->e, *to);
}

/* Moves away for a while or for good, boots again, is made larger or smaller. */
static void
live_as_server(struct walk *w)
{
	for (;;) {
		int64_t chance = between(w, 0, 99);
		uint16_t home = w->host, to;

		w->at += DEMO_HOUR + exponential(w, 12 * DEMO_DAY);
		if (w->at > DEMO_END - DEMO_DAY)
			return;
		if (chance < 60) {
			if (!find_place(w, &to))
				continue;
			move(w, to);
			if (chance < 45) {
				w->at += between(w, 4 * 60, 75 * 60) * 1000;
				move(w, home);
			}
		} else if (chance < 85) {
			tell(w, DEMO_REBOOT);
		} else {
			w->vcpus = (uint8_t)(w->vcpus == 8 ? 4 : w->vcpus * 2);
			tell(w, DEMO_CONFIG);
		}
	}
}

/* By day, from Monday to Friday; the first of January is a Thursday. */
static void
live_as_desktop(struct walk *w)
{
	for (int64_t day = 0; day < 120; day++) {
		if ((day + 3) % 7 >= 5 || between(w, 0, 99) < 12)
			continue;
		w->at = day * DEMO_DAY + between(w, 7 * 3600, 10 * 3600) * 1000;
		tell(w, DEMO_START)->word = "boot";
		w->at = day * DEMO_DAY + between(w, 15 * 3600, 19 * 3600) * 1000;
		tell(w, DEMO_STOP)->word = "shutdown";
	}
}

/* One job, one life: six minutes in the mean. */
static void
live_as_runner(struct walk *w)
{
	for (;;) {
		w->at += 1000 + exponential(w, 170 * DEMO_MINUTE);
		if (w->at > DEMO_END - DEMO_DAY)
			return;
		tell(w, DEMO_START)->word = "boot";
		w->at += 5000 + exponential(w, 6 * DEMO_MINUTE);
		tell(w, DEMO_STOP)->word = "destroyed";
	}
}

static void
live(struct demo_estate *e, uint16_t vm)
{
	uint16_t host = (uint16_t)(vm / DEMO_PER_HOST);
	struct walk w = {
		.e = e,
		.random = e->seed * 1000003 + vm,
		.host = host,
		.vm = vm,
		.vcpus = e->vms[vm].vcpus,
	};
	enum role role = roles[demo_cluster(e, host)];

	if (demo_story_owns(e, host)) {
		tell(&w, DEMO_START);
	} else if (role == DESKTOPS) {
		live_as_desktop(&w);
	} else if (role == RUNNERS) {
		live_as_runner(&w);
	} else {
		tell(&w, DEMO_START);
		live_as_server(&w);
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct demo_event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

int
demo_estate_make(struct demo_estate *e, unsigned hosts, uint64_t seed, struct tally_err *err)
{
	*e = (struct demo_estate){ .seed = seed };
	if (hosts < 2 * DEMO_CLUSTERS || hosts > 1000 || hosts % DEMO_CLUSTERS != 0)
		return tally_err_set(err, TALLY_USE,
				     "--hosts: %u is no multiple of 20 from 40 to 1000", hosts);
	e->hosts = hosts;
	e->per_cluster = hosts / DEMO_CLUSTERS;
	e->vm_count = (size_t)hosts * DEMO_PER_HOST;
	e->vms = tally_alloc(e->vm_count * sizeof(*e->vms));
	for (size_t vm = 0; vm < e->vm_count; vm++)
		make_vm(e, (uint16_t)vm);
	demo_story_cast(e);
	for (unsigned host = 0; host < hosts; host++)
		demo_estate_add(e, 0, DEMO_HOST, (uint16_t)host, DEMO_NOBODY);
	for (size_t vm = 0; vm < e->vm_count; vm++)
		live(e, (uint16_t)vm);
	demo_story_play(e);
	for (unsigned host = 0; host < hosts; host++)
		demo_estate_add(e, DEMO_END, DEMO_HEARTBEAT, (uint16_t)host, DEMO_NOBODY);
	qsort(e->events, e->count, sizeof(*e->events), by_time);
	return 0;
}

void
demo_estate_deinit(struct demo_estate *e)
{
	free(e->vms);
	free(e->events);
}
