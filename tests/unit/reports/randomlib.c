/* SPDX-License-Identifier: Apache-2.0 */
/* What random histories are made of. */
#include <stdio.h>
#include <string.h>
#include "randomlib.h"

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

unsigned
random_below(uint64_t *seed, unsigned n)
{
	return (unsigned)(next_random(seed) % n);
}

static const char *const systems[] = {
	"os=http://microsoft.com/win/2k22 edition=standard",
	"os=http://microsoft.com/win/2k19 edition=datacenter",
	"os=http://microsoft.com/win/2k22",
	"os=http://redhat.com/rhel/9.2",
	"os=http://suse.com/sles/15",
	"os=http://ubuntu.com/ubuntu/22.04",
	"os=http://microsoft.com/win/11",
	"",
	"software=oracle-database-enterprise pinned=0,1 os=http://redhat.com/rhel/9.2",
	"software=ibm-websphere-nd,sql-server-standard",
	"software=sql-server-enterprise os=http://microsoft.com/win/2k22 edition=standard",
	"software=oracle-database-enterprise pinned=0",
	"software=sql-server-standard environment=test os=http://microsoft.com/win/2k22",
};
static const char *const machines[] = {
	"cores_per_socket=8,8 cluster=c1 region=eu cpu=Xeon max_sockets=2",
	"cores_per_socket=4 cluster=c1 region=eu cpu=Xeon",
	"cores_per_socket=16,16,16 cluster=c2 region=us os=http://suse.com/sles/15 "
	"hypervisor=vmware",
	"cores_per_socket=2,2 region=us os=http://redhat.com/rhel/9.2 "
	"partitioning=oracle-linux-kvm",
	"cores_per_socket=24 cluster=c2 hypervisor=vmware",
	"cores_per_socket=3 cluster=c1 cpu=Intel%20Xeon partitioning=oracle-linux-kvm",
	"cores_per_socket=2 cluster=c1 cpu=other",
	"cores_per_socket=3 region=eu cpu=Intel%20Itanium partitioning=oracle-linux-kvm",
};

static void __attribute__((format(printf, 5, 6)))
add(struct random_history *h, unsigned at, unsigned vm, bool added, const char *fmt, ...)
{
	struct random_event *e = &h->p[h->n++];
	va_list ap;

	assert_true(h->n <= sizeof(h->p) / sizeof(*h->p));
	*e = (struct random_event){ .at = at, .vm = vm, .added = added };
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

/* One VM's day: it starts, stops, moves, is resized, forgets to say that it ended. */
static void
live(struct random_history *h, uint64_t *seed, unsigned vm, bool added, unsigned how)
{
	unsigned at = 60 + random_below(seed, 300), host = random_below(seed, RANDOM_HOSTS);
	char name = (char)('a' + vm);
	bool runs = false;

	for (unsigned steps = 3 + random_below(seed, 8); steps > 0 && at < 1400; steps--) {
		unsigned what = random_below(seed, 8), other = random_below(seed, RANDOM_HOSTS);

		if (!runs) {
			add(h, at, vm, added, "h%u %02u:%02u start %c vcpus=%u %s\n", host, at / 60,
			    at % 60, name, 1 + random_below(seed, 20),
			    systems[random_below(seed, sizeof(systems) / sizeof(*systems))]);
			runs = true;
		} else if (what < 2) {
			add(h, at, vm, added, "h%u %02u:%02u stop %c cause=shutdown\n", host,
			    at / 60, at % 60, name);
			runs = false;
		} else if (what < 5 && other != host && (how & RANDOM_MOVES)) {
			add(h, at, vm, added, "h%u %02u:%02u migrate-out %c\n", host, at / 60,
			    at % 60, name);
			host = other;
			add(h, at, vm, added, "h%u %02u:%02u migrate-in %c vcpus=%u\n", host,
			    at / 60, at % 60, name, 1 + random_below(seed, 20));
		} else if (what == 5) {
			add(h, at, vm, added, "h%u %02u:%02u config %c vcpus=%u\n", host, at / 60,
			    at % 60, name, 1 + random_below(seed, 20));
		} else if (what == 6 && (how & RANDOM_LOSSES)) {
			add(h, at, vm, added, "h%u %02u:%02u start %c vcpus=2 %s\n", host, at / 60,
			    at % 60, name, systems[0]);
		} else {
			add(h, at, vm, added, "h%u %02u:%02u suspend %c\n", host, at / 60, at % 60,
			    name);
		}
		at += 10 * random_below(seed, 30);
	}
}

/* By insertion: what stands at one minute keeps its order. */
static void
sort(struct random_history *h)
{
	for (size_t i = 1; i < h->n; i++)
		for (size_t k = i; k > 0 && h->p[k - 1].at > h->p[k].at; k--) {
			struct random_event keep = h->p[k];

			h->p[k] = h->p[k - 1];
			h->p[k - 1] = keep;
		}
}

void
random_make(struct random_history *h, uint64_t seed, unsigned how)
{
	h->n = 0;
	seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < RANDOM_HOSTS; i++) {
		add(h, 0, 0, false, "h%u 00:00 host %s boot=1\n", i,
		    machines[random_below(&seed, sizeof(machines) / sizeof(*machines))]);
		if (random_below(&seed, 3) == 0) {
			unsigned at = 600 + random_below(&seed, 300);

			add(h, at, 0, false, "h%u %02u:%02u host %s boot=%u\n", i, at / 60, at % 60,
			    machines[random_below(&seed, sizeof(machines) / sizeof(*machines))],
			    1 + (how & RANDOM_LOSSES ? random_below(&seed, 2) : 0));
		}
		/* Both histories end alike. */
		add(h, 1439, 0, false, "h%u 23:59 heartbeat\n", i);
	}
	for (unsigned vm = 0; vm < RANDOM_VMS; vm++)
		live(h, &seed, vm, vm + 1 == RANDOM_VMS, how);
	sort(h);
}

void
random_write(struct tally_buf *out, const struct random_history *h, bool with_added)
{
	tally_buf_clear(out);
	for (size_t i = 0; i < h->n; i++)
		if (with_added || !h->p[i].added)
			tally_buf_add_str(out, h->p[i].text);
}
