/* SPDX-License-Identifier: Apache-2.0 */
/* What the machines of the estate do: each by a random generator of its own, whose
 * seed is its number. */
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "random.h"
#include "tally/bytes.h"

#define CLUSTER 10U /* hosts */

struct walk {
	struct sample_history *h;
	struct sample_event *out;
	uint64_t random;
	uint32_t vm, at;
	uint16_t host;
	uint8_t vcpus;
	unsigned left; /* events of this machine */
	uint32_t gap;  /* twice the mean */
};

static unsigned
draw(struct walk *w, unsigned below)
{
	return (unsigned)(cli_random(&w->random) % below);
}

uint32_t
sample_seconds(const struct sample_size *size)
{
	return SAMPLE_YEAR * (size->years ? size->years : 1);
}

/* The last second is the heartbeat's, and each event has one left. */
static void
pass_time(struct walk *w)
{
	uint32_t last = sample_seconds(&w->h->size) - 2 - w->left;

	w->at += 1 + draw(w, w->gap);
	if (w->at > last)
		w->at = last;
}

static void
tell(struct walk *w, uint8_t kind, uint16_t peer)
{
	struct sample_event *e = &w->out[w->h->count];

	*e = (struct sample_event){ w->at, w->vm,   (uint32_t)w->h->count, w->host, peer,
				    kind,  w->vcpus };
	w->h->count++;
	w->left--;
}

static void
change(struct walk *w)
{
	pass_time(w);
	w->vcpus = (uint8_t)(1U << draw(w, 4));
	tell(w, SAMPLE_CONFIG, 0);
}

/* Executes there from the instant on at which it ceases to here. */
static void
move(struct walk *w)
{
	unsigned first = w->host / CLUSTER * CLUSTER, hosts = w->h->size.hosts - first;
	uint16_t from = w->host, to;

	hosts = hosts < CLUSTER ? hosts : CLUSTER;
	to = (uint16_t)(first + draw(w, hosts));
	if (to == from)
		return;
	pass_time(w);
	tell(w, SAMPLE_OUT, to);
	w->host = to;
	tell(w, SAMPLE_IN, from);
}

static void
live(struct walk *w)
{
	while (w->left >= 2) {
		unsigned what;

		pass_time(w);
		w->vcpus = (uint8_t)(1U << draw(w, 4));
		tell(w, SAMPLE_START, 0);
		while (w->left >= 3 && (what = draw(w, 8)) < 2)
			if (what == 0)
				change(w);
			else
				move(w);
		pass_time(w);
		tell(w, SAMPLE_STOP, 0);
	}
	if (w->left == 1) {
		pass_time(w);
		tell(w, SAMPLE_START, 0);
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct sample_event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* `all` into `h->events`, in the order of the ledgers. */
static void
sort(struct sample_history *h, const struct sample_event *all)
{
	size_t *at;

	for (size_t i = 0; i < h->count; i++)
		h->first[all[i].host + 1]++;
	for (unsigned host = 0; host < h->size.hosts; host++)
		h->first[host + 1] += h->first[host];
	at = tally_realloc_array(NULL, h->size.hosts, sizeof(*at));
	memcpy(at, h->first, h->size.hosts * sizeof(*at));
	for (size_t i = 0; i < h->count; i++)
		h->events[at[all[i].host]++] = all[i];
	free(at);
	for (unsigned host = 0; host < h->size.hosts; host++)
		qsort(h->events + h->first[host], h->first[host + 1] - h->first[host],
		      sizeof(*h->events), by_time);
}

int
sample_make(struct sample_history *h, const struct sample_size *size, struct tally_err *err)
{
	struct sample_event *all;

	*h = (struct sample_history){ .size = *size };
	if (size->machines == 0 || size->hosts == 0 || size->hosts > UINT16_MAX ||
	    size->years > 100 || size->events / size->machines < 4 ||
	    size->events / size->machines > sample_seconds(size) / 8)
		return tally_err_set(err, TALLY_USE,
				     "an estate has machines, 1 to 65535 hosts, and at least 4 "
				     "events a machine");
	all = tally_realloc_array(NULL, size->events, sizeof(*all));
	h->events = tally_realloc_array(NULL, size->events, sizeof(*h->events));
	h->first = tally_alloc((size->hosts + 1) * sizeof(*h->first));
	for (unsigned vm = 0; vm < size->machines; vm++) {
		/* What does not divide evenly, the first ones have more. */
		unsigned own = size->events / size->machines +
			       (vm < size->events % size->machines ? 1 : 0);
		struct walk w = { .h = h,
				  .out = all,
				  .random = vm,
				  .vm = vm,
				  .host = (uint16_t)(vm % size->hosts),
				  .left = own,
				  .gap = sample_seconds(size) / own * 2 / 10 * 9 };

		live(&w);
	}
	sort(h, all);
	free(all);
	return 0;
}

void
sample_deinit(struct sample_history *h)
{
	free(h->events);
	free(h->first);
}

struct sample_machine
sample_machine(unsigned vm)
{
	static const struct {
		const char *os, *edition;
	} systems[10] = {
		{ "http://microsoft.com/win/2k22", "standard" },
		{ "http://microsoft.com/win/2k22", "standard" },
		{ "http://microsoft.com/win/2k22", "standard" },
		{ "http://microsoft.com/win/2k22", "datacenter" },
		{ "http://microsoft.com/win/2k19", "standard" },
		{ "http://redhat.com/rhel/9.2", "" },
		{ "http://redhat.com/rhel/9.2", "" },
		{ "http://redhat.com/rhel/8.8", "" },
		{ "http://suse.com/sles/15.4", "" },
		{ "http://ubuntu.com/ubuntu/22.04", "" },
	};
	/* Another factor than the hosts', or each host would have one system. */
	unsigned n = (vm / 7 + vm) % 10;
	struct sample_machine m = { systems[n].os, systems[n].edition, NULL, vm % 17,
				    vm % 23,       2048U << vm % 4 };

	if (n < 5 && vm % 4 == 0)
		m.software = "sql-server-standard";
	else if (n >= 5 && n < 8 && vm % 8 == 1)
		m.software = "oracle-database-enterprise";
	else if (n >= 5 && n < 8 && vm % 8 == 3)
		m.software = "ibm-websphere-nd";
	return m;
}

unsigned
sample_cores(unsigned host)
{
	static const unsigned cores[] = { 8, 12, 16, 24 };

	return cores[host % 4];
}

unsigned
sample_cluster(unsigned host)
{
	return host / CLUSTER;
}

unsigned
sample_region(unsigned host)
{
	return host / CLUSTER % 4;
}
