/* SPDX-License-Identifier: Apache-2.0 */
/* Out of the report's estate and into another one. Without a change between the two
 * they are alike, number by number. */
#include <stdlib.h>
#include <string.h>
#include "simulate.h"

const struct host_facts *
sim_facts(const struct sim_host *h, int64_t at)
{
	size_t i = h->n_facts - 1;

	while (i > 0 && h->facts[i].from > at)
		i--;
	return &h->facts[i];
}

static void
take_hosts(struct tally_simulation *s)
{
	const struct estate *e = s->old;

	for (size_t i = 0; i < e->n_hosts; i++) {
		size_t first = e->host_facts[i], n = e->host_facts[i + 1] - first;
		struct sim_host *h;

		s->hosts = array_grow(s->hosts, &s->cap_hosts, s->n_hosts, sizeof(*s->hosts));
		h = &s->hosts[s->n_hosts++];
		*h = (struct sim_host){ .was = e->hosts[i], .n_facts = n };
		h->facts = tally_realloc_array(NULL, n, sizeof(*h->facts));
		memcpy(h->facts, &e->facts[first], n * sizeof(*h->facts));
	}
}

void
sim_begin(struct tally_simulation *s)
{
	const struct estate *e = s->old;

	estate_init(&s->estate, e->strings, e->from, e->to);
	for (size_t i = 0; i < e->n_claims; i++)
		TALLY_ASSERT(estate_claims(&s->estate, &e->claims[i]) == i);
	for (size_t i = 0; i < e->n_sizes; i++)
		TALLY_ASSERT(estate_size(&s->estate, &e->sizes[i]) == i);
	for (size_t i = 0; i < e->n_vms; i++)
		TALLY_ASSERT(estate_vm(&s->estate, e->vms[i].uuid) == i);
	take_hosts(s);
	s->n_stays = s->cap_stays = e->n_stays;
	s->stays = tally_realloc_array(NULL, e->n_stays + 1, sizeof(*s->stays));
	for (size_t i = 0; i < e->n_stays; i++)
		s->stays[i] = (struct sim_stay){ .stay = e->stays[i], .original = SIM_NONE };
}

static int
compare_hosts(const void *a, const void *b, void *ctx)
{
	const struct tally_simulation *s = ctx;

	return tally_bytes_cmp(sim_host_name(s, *(const uint32_t *)a),
			       sim_host_name(s, *(const uint32_t *)b));
}

/* Those that are left, in the order of a report. */
static void
give_hosts(struct tally_simulation *s)
{
	uint32_t *order = tally_realloc_array(NULL, s->n_hosts + 1, sizeof(*order));

	s->numbers = tally_realloc_array(NULL, s->n_hosts + 1, sizeof(*s->numbers));
	for (size_t i = 0; i < s->n_hosts; i++) {
		order[i] = (uint32_t)i;
		s->numbers[i] = SIM_NONE;
	}
	qsort_r(order, s->n_hosts, sizeof(*order), compare_hosts, s);
	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct sim_host *h = &s->hosts[order[i]];
		uint32_t number;

		if (h->removed)
			continue;
		number = estate_host(&s->estate, h->was.name, h->was.ledger);
		s->numbers[order[i]] = number;
		s->estate.hosts[number] = h->was;
		s->estate.hosts[number].told = 0;
		for (size_t k = 0; k < h->n_facts; k++) {
			struct host_facts f = h->facts[k];

			f.host = number;
			estate_tell(&s->estate, &f);
		}
	}
	for (size_t i = 0; i < s->old->n_failures; i++) {
		uint32_t number = s->numbers[s->old->failures[i].host];

		if (number != SIM_NONE)
			estate_fail(&s->estate, number, s->old->failures[i].at);
	}
	free(order);
}

void
sim_finish(struct tally_simulation *s)
{
	give_hosts(s);
	for (size_t i = 0; i < s->n_stays; i++) {
		struct stay stay = s->stays[i].stay;

		if (stay.from >= stay.to)
			continue;
		stay.host = s->numbers[stay.host];
		TALLY_ASSERT(stay.host != SIM_NONE);
		estate_stay(&s->estate, &stay);
	}
	s->estate.reached_from = s->old->reached_from;
	estate_finish(&s->estate);
}
