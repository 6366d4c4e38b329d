/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of hosts, as one chain of spans a host over the whole window. */
#include <stdlib.h>
#include <string.h>
#include "estate.h"
#include "tally/err.h"

/* Whether they say the same, whenever and wherever they were told. */
static bool
same(const struct host_facts *a, const struct host_facts *b)
{
	return a->known == b->known && a->cluster == b->cluster && a->region == b->region &&
	       a->cpu == b->cpu && a->partitioning == b->partitioning && a->os == b->os &&
	       a->edition == b->edition && a->sockets == b->sockets &&
	       a->max_sockets == b->max_sockets && a->threads_per_core == b->threads_per_core &&
	       a->hypervisor == b->hypervisor && a->software.n == b->software.n &&
	       (a->software.n == 0 || memcmp(a->software.p, b->software.p,
					     a->software.n * sizeof(*a->software.p)) == 0) &&
	       (a->sockets == 0 || memcmp(a->cores, b->cores, a->sockets * sizeof(*a->cores)) == 0);
}

/* A host that is given up is not larger or smaller than it was. */
static struct host_facts
as_it_was(const struct host_facts *gone, const struct host_facts *was)
{
	struct host_facts f = *gone;

	f.cpu = was->cpu;
	f.sockets = was->sockets;
	f.max_sockets = was->max_sockets;
	f.threads_per_core = was->threads_per_core;
	f.cores = was->cores;
	return f;
}

/* With its own lists. */
static struct host_facts
copy(const struct host_facts *f)
{
	struct host_facts c = *f;

	c.software = (struct ids){ 0 };
	ids_copy(&c.software, &f->software);
	c.cores = NULL;
	if (f->sockets > 0) {
		c.cores = tally_realloc_array(NULL, f->sockets, sizeof(*c.cores));
		memcpy(c.cores, f->cores, f->sockets * sizeof(*c.cores));
	}
	return c;
}

static void
forget(struct host_facts *f)
{
	ids_deinit(&f->software);
	free(f->cores);
}

void
estate_tell(struct estate *e, const struct host_facts *told)
{
	struct estate_host *host = &e->hosts[told->host];
	struct host_facts *kept = host->told ? &e->facts[host->told - 1] : NULL;
	struct host_facts f = kept && !told->known ? as_it_was(told, kept) : *told;

	TALLY_ASSERT(!e->finished && told->host < e->n_hosts);
	if (f.from >= e->to || (kept && f.from >= kept->from && same(kept, &f)))
		return;
	f = copy(&f);
	/* An agent tells them often: before the window only the newest counts. */
	if (kept && kept->from <= f.from && f.from <= e->from) {
		forget(kept);
	} else {
		e->facts = array_grow(e->facts, &e->cap_facts, e->n_facts, sizeof(*e->facts));
		host->told = ++e->n_facts;
		kept = &e->facts[host->told - 1];
	}
	*kept = f;
	/* Until they are settled: the order in which they were told. */
	kept->to = (int64_t)host->told;
}

static int
compare(const void *a, const void *b)
{
	const struct host_facts *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

struct chain {
	struct host_facts *p;
	size_t n, cap;
};

/* Takes `f`: behind the newest of its host, in its place where that held for no
 * time, or not at all where it says nothing new. */
static void
chain_add(struct chain *c, size_t first, struct host_facts *f)
{
	if (c->n > first && c->p[c->n - 1].from >= f->from)
		forget(&c->p[--c->n]);
	if (c->n > first && same(&c->p[c->n - 1], f)) {
		forget(f);
		return;
	}
	c->p = array_grow(c->p, &c->cap, c->n, sizeof(*c->p));
	c->p[c->n++] = *f;
}

void
estate_settle_facts(struct estate *e)
{
	struct chain c = { 0 };
	size_t at = 0;

	if (e->n_facts > 1)
		qsort(e->facts, e->n_facts, sizeof(*e->facts), compare);
	e->host_facts = tally_alloc((e->n_hosts + 1) * sizeof(*e->host_facts));
	for (uint32_t h = 0; h < e->n_hosts; h++) {
		struct host_facts none = { .from = e->from, .host = h };
		size_t first = e->host_facts[h] = c.n;

		chain_add(&c, first, &none);
		for (; at < e->n_facts && e->facts[at].host == h; at++) {
			if (e->facts[at].from < e->from)
				e->facts[at].from = e->from;
			chain_add(&c, first, &e->facts[at]);
		}
		for (size_t i = first; i < c.n; i++)
			c.p[i].to = i + 1 < c.n ? c.p[i + 1].from : e->to;
	}
	e->host_facts[e->n_hosts] = c.n;
	free(e->facts);
	e->facts = c.p;
	e->n_facts = c.n;
	e->cap_facts = c.cap;
}

const struct host_facts *
estate_facts(const struct estate *e, uint32_t host, int64_t at)
{
	size_t low = e->host_facts[host], high = e->host_facts[host + 1];

	TALLY_ASSERT(e->finished && low < high);
	/* The last that begins at `at` or before. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (e->facts[middle].from <= at)
			low = middle;
		else
			high = middle;
	}
	return &e->facts[low];
}
