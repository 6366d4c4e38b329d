/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an estate. Who goes through time adds stays in the order of their
 * begins and ends them in the order of their ends, so both orders come for
 * nothing; whatever comes otherwise is sorted at the end.
 */
#include <stdlib.h>
#include <string.h>
#include "estate.h"
#include "tally/err.h"

void
estate_init(struct estate *e, struct strings *strings, int64_t from, int64_t to)
{
	TALLY_ASSERT(from < to);
	memset(e, 0, sizeof(*e));
	e->strings = strings;
	e->from = from;
	e->to = to;
	e->reached_from = INT64_MAX;
}

void
estate_deinit(struct estate *e)
{
	for (size_t i = 0; i < e->n_claims; i++)
		ids_deinit(&e->claims[i].software);
	for (size_t i = 0; i < e->n_sizes; i++)
		ids_deinit(&e->sizes[i].cores);
	for (size_t i = 0; i < e->n_facts; i++) {
		ids_deinit(&e->facts[i].software);
		free(e->facts[i].cores);
	}
	map_deinit(&e->vm_slots);
	free(e->claim_slots.slots);
	free(e->size_slots.slots);
	free(e->stays);
	free(e->by_end);
	free(e->loose);
	free(e->claims);
	free(e->said);
	free(e->sizes);
	free(e->vms);
	free(e->hosts);
	free(e->facts);
	free(e->host_facts);
	free(e->failures);
	memset(e, 0, sizeof(*e));
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

static uint64_t
mix_ids(uint64_t h, const struct ids *set)
{
	for (uint32_t i = 0; i < set->n; i++)
		h = mix(h, set->p[i]);
	return h;
}

static bool
same_ids(const struct ids *a, const struct ids *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n * sizeof(*a->p)) == 0);
}

static uint64_t
claims_hash(const struct stay_claims *c)
{
	uint64_t h = mix(c->os, c->edition);

	h = mix(h, (uint64_t)c->environment << 32 | c->tenant);
	h = mix(h, (uint64_t)c->cost_center << 32 | c->name);
	for (unsigned i = 0; i < OWNERS; i++)
		h = mix(h, c->owner[i]);
	return mix_ids(mix(h, c->evidence), &c->software);
}

static bool
same_claims(const struct stay_claims *a, const struct stay_claims *b)
{
	return a->os == b->os && a->edition == b->edition && a->environment == b->environment &&
	       a->tenant == b->tenant && a->cost_center == b->cost_center && a->name == b->name &&
	       a->evidence == b->evidence && memcmp(a->owner, b->owner, sizeof(a->owner)) == 0 &&
	       same_ids(&a->software, &b->software);
}

static uint64_t
size_hash(const struct stay_size *s)
{
	return mix_ids(mix(mix(s->vcpus, s->memory_mib), s->pinned), &s->cores);
}

static bool
same_size(const struct stay_size *a, const struct stay_size *b)
{
	return a->vcpus == b->vcpus && a->memory_mib == b->memory_mib && a->pinned == b->pinned &&
	       same_ids(&a->cores, &b->cores);
}

/* Puts a number where its content belongs in slots that do not hold it. */
static void
slots_put(uint32_t *slots, size_t cap, uint64_t hash, uint32_t number)
{
	size_t i = (size_t)hash & (cap - 1);

	while (slots[i])
		i = (i + 1) & (cap - 1);
	slots[i] = number + 1;
}

static bool
slots_full(const struct interned *s, size_t count)
{
	return count >= s->cap / 4 * 3;
}

uint32_t
estate_claims(struct estate *e, const struct stay_claims *c)
{
	uint64_t hash = claims_hash(c);
	struct interned *in = &e->claim_slots;
	struct stay_claims *kept;

	for (size_t i = (size_t)hash & (in->cap - 1); in->cap && in->slots[i];
	     i = (i + 1) & (in->cap - 1))
		if (same_claims(&e->claims[in->slots[i] - 1], c))
			return in->slots[i] - 1;
	if (slots_full(in, e->n_claims)) {
		in->cap = in->cap ? in->cap * 2 : 64;
		free(in->slots);
		in->slots = tally_alloc(in->cap * sizeof(*in->slots));
		for (size_t i = 0; i < e->n_claims; i++)
			slots_put(in->slots, in->cap, claims_hash(&e->claims[i]), (uint32_t)i);
	}
	TALLY_ASSERT(e->n_claims < UINT32_MAX - 1);
	e->claims = array_grow(e->claims, &e->cap_claims, e->n_claims, sizeof(*e->claims));
	kept = &e->claims[e->n_claims];
	*kept = *c;
	kept->software = (struct ids){ 0 };
	ids_copy(&kept->software, &c->software);
	slots_put(in->slots, in->cap, hash, (uint32_t)e->n_claims);
	return (uint32_t)e->n_claims++;
}

uint32_t
estate_size(struct estate *e, const struct stay_size *s)
{
	uint64_t hash = size_hash(s);
	struct interned *in = &e->size_slots;
	struct stay_size *kept;

	for (size_t i = (size_t)hash & (in->cap - 1); in->cap && in->slots[i];
	     i = (i + 1) & (in->cap - 1))
		if (same_size(&e->sizes[in->slots[i] - 1], s))
			return in->slots[i] - 1;
	if (slots_full(in, e->n_sizes)) {
		in->cap = in->cap ? in->cap * 2 : 64;
		free(in->slots);
		in->slots = tally_alloc(in->cap * sizeof(*in->slots));
		for (size_t i = 0; i < e->n_sizes; i++)
			slots_put(in->slots, in->cap, size_hash(&e->sizes[i]), (uint32_t)i);
	}
	TALLY_ASSERT(e->n_sizes < UINT32_MAX - 1);
	e->sizes = array_grow(e->sizes, &e->cap_sizes, e->n_sizes, sizeof(*e->sizes));
	kept = &e->sizes[e->n_sizes];
	*kept = *s;
	kept->cores = (struct ids){ 0 };
	ids_copy(&kept->cores, &s->cores);
	slots_put(in->slots, in->cap, hash, (uint32_t)e->n_sizes);
	return (uint32_t)e->n_sizes++;
}

uint32_t
estate_vm(struct estate *e, const uint8_t uuid[TALLY_UUID])
{
	void **place = map_place(&e->vm_slots, uuid);

	if (*place)
		return (uint32_t)((uintptr_t)*place - 1);
	TALLY_ASSERT(e->n_vms < UINT32_MAX - 1);
	e->vms = array_grow(e->vms, &e->cap_vms, e->n_vms, sizeof(*e->vms));
	memcpy(e->vms[e->n_vms].uuid, uuid, TALLY_UUID);
	*place = (void *)((uintptr_t)e->n_vms + 1);
	return (uint32_t)e->n_vms++;
}

uint32_t
estate_host(struct estate *e, uint32_t name, uint32_t ledger)
{
	e->hosts = array_grow(e->hosts, &e->cap_hosts, e->n_hosts, sizeof(*e->hosts));
	e->hosts[e->n_hosts] = (struct estate_host){ .name = name,
						     .ledger = ledger,
						     .seen_from = INT64_MAX,
						     .seen_to = INT64_MIN,
						     .retired = INT64_MAX };
	return (uint32_t)e->n_hosts++;
}

void
estate_fail(struct estate *e, uint32_t host, int64_t at)
{
	TALLY_ASSERT(host < e->n_hosts);
	e->failures =
		array_grow(e->failures, &e->cap_failures, e->n_failures, sizeof(*e->failures));
	e->failures[e->n_failures++] = (struct host_failure){ at, host };
}

static uint32_t
push(struct estate *e, const struct stay *s)
{
	TALLY_ASSERT(!e->finished && e->n_stays < UINT32_MAX - 1);
	e->stays = array_grow(e->stays, &e->cap_stays, e->n_stays, sizeof(*e->stays));
	e->stays[e->n_stays] = *s;
	return (uint32_t)e->n_stays++;
}

static void
push_end(struct estate *e, uint32_t stay)
{
	e->by_end = array_grow(e->by_end, &e->cap_by_end, e->n_by_end, sizeof(*e->by_end));
	e->by_end[e->n_by_end++] = stay;
}

static void
push_loose(struct estate *e, uint32_t stay)
{
	e->loose = array_grow(e->loose, &e->cap_loose, e->n_loose, sizeof(*e->loose));
	e->loose[e->n_loose++] = stay;
}

void
estate_stay(struct estate *e, const struct stay *s)
{
	struct stay cut = *s;

	if (cut.from < e->from)
		cut.from = e->from;
	if (cut.to > e->to)
		cut.to = e->to;
	if (cut.from < cut.to)
		push_loose(e, push(e, &cut));
}

uint32_t
estate_begin(struct estate *e, const struct stay *s)
{
	TALLY_ASSERT(s->from >= e->from && s->from < e->to && !s->uncertain);
	return push(e, s);
}

void
estate_end(struct estate *e, uint32_t stay, int64_t to)
{
	struct stay *s = &e->stays[stay];

	TALLY_ASSERT(!e->finished && s->from < to && to <= e->to);
	s->to = to;
	if (e->n_by_end > 0 && e->stays[e->by_end[e->n_by_end - 1]].to > to)
		push_loose(e, stay);
	else
		push_end(e, stay);
}

static int
compare_begins(const void *a, const void *b, void *ctx)
{
	const struct stay *stays = ctx, *x = &stays[*(const uint32_t *)a],
			  *y = &stays[*(const uint32_t *)b];

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int
compare_ends(const void *a, const void *b, void *ctx)
{
	const struct stay *stays = ctx, *x = &stays[*(const uint32_t *)a],
			  *y = &stays[*(const uint32_t *)b];

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* By begin; those of one instant stay as they are. All ends become loose. */
static void
sort_stays(struct estate *e)
{
	struct stay *sorted;
	bool fine = true;

	for (size_t i = 1; i < e->n_stays && fine; i++)
		fine = e->stays[i - 1].from <= e->stays[i].from;
	if (fine)
		return;
	sorted = tally_realloc_array(NULL, e->n_stays, sizeof(*sorted));
	e->n_by_end = e->n_loose = 0;
	for (size_t i = 0; i < e->n_stays; i++)
		push_loose(e, (uint32_t)i);
	qsort_r(e->loose, e->n_stays, sizeof(*e->loose), compare_begins, e->stays);
	for (size_t i = 0; i < e->n_stays; i++)
		sorted[i] = e->stays[e->loose[i]];
	for (size_t i = 0; i < e->n_stays; i++)
		e->loose[i] = (uint32_t)i;
	free(e->stays);
	e->stays = sorted;
	e->cap_stays = e->n_stays;
}

/* A run that began elsewhere shows that the one nobody saw had ended: backward through
 * time, of each VM the next begin that was seen. What is cut to nothing stays in its
 * place, as long as nothing, and is never told. */
static void
cut_uncertain(struct estate *e)
{
	int64_t *next = tally_realloc_array(NULL, e->n_vms + 1, sizeof(*next));

	for (size_t i = 0; i < e->n_vms; i++)
		next[i] = INT64_MAX;
	for (size_t end = e->n_stays, begin; end > 0; end = begin) {
		for (begin = end; begin > 0 && e->stays[begin - 1].from == e->stays[end - 1].from;)
			begin--;
		for (size_t i = begin; i < end; i++)
			if (!e->stays[i].uncertain)
				next[e->stays[i].vm] = e->stays[i].from;
		for (size_t i = begin; i < end; i++) {
			struct stay *u = &e->stays[i];

			if (u->uncertain && next[u->vm] < u->to)
				u->to = next[u->vm];
		}
	}
	free(next);
}

static void
sort_ends(struct estate *e)
{
	size_t kept = 0, at;

	for (size_t i = 0; i < e->n_loose; i++)
		if (e->stays[e->loose[i]].from < e->stays[e->loose[i]].to)
			e->loose[kept++] = e->loose[i];
	if (kept > 1)
		qsort_r(e->loose, kept, sizeof(*e->loose), compare_ends, e->stays);
	/* Merged from behind, in place. */
	at = e->n_by_end;
	for (size_t i = 0; i < kept; i++)
		push_end(e, 0);
	for (size_t i = e->n_by_end; kept > 0; i--) {
		bool old = at > 0 &&
			   compare_ends(&e->by_end[at - 1], &e->loose[kept - 1], e->stays) > 0;

		e->by_end[i - 1] = old ? e->by_end[--at] : e->loose[--kept];
	}
	free(e->loose);
	e->loose = NULL;
	e->n_loose = e->cap_loose = 0;
}

static void
check_stays(const struct estate *e)
{
	for (size_t i = 0; i < e->n_stays; i++) {
		const struct stay *s = &e->stays[i];

		TALLY_ASSERT(s->host < e->n_hosts && s->vm < e->n_vms && s->claims < e->n_claims &&
			     s->size < e->n_sizes);
	}
}

void
estate_finish(struct estate *e)
{
	TALLY_ASSERT(!e->finished);
	check_stays(e);
	TALLY_ASSERT(e->n_by_end + e->n_loose == e->n_stays);
	sort_stays(e);
	cut_uncertain(e);
	sort_ends(e);
	estate_settle_facts(e);
	e->finished = true;
}

static void
split_at(struct estate *e, size_t stay, int64_t at)
{
	struct stay rest = e->stays[stay];

	if (at <= rest.from || at >= rest.to)
		return;
	e->stays[stay].to = at;
	rest.from = at;
	TALLY_ASSERT(e->n_stays < UINT32_MAX - 1);
	e->stays = array_grow(e->stays, &e->cap_stays, e->n_stays, sizeof(*e->stays));
	e->stays[e->n_stays++] = rest;
}

static void
split_stay(struct estate *e, size_t stay, const int64_t *at, size_t n)
{
	uint32_t host = e->stays[stay].host;
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (at[middle] <= e->stays[stay].from)
			low = middle + 1;
		else
			high = middle;
	}
	/* From behind, so that what is left to be cut keeps its number. */
	for (high = low; high < n && at[high] < e->stays[stay].to;)
		high++;
	while (high-- > low)
		split_at(e, stay, at[high]);
	for (size_t i = e->host_facts[host + 1]; i-- > e->host_facts[host] + 1;) {
		const struct host_facts *f = &e->facts[i];

		if (f->cluster != f[-1].cluster || f->region != f[-1].region)
			split_at(e, stay, f->from);
	}
}

void
estate_split(struct estate *e, const int64_t *at, size_t n)
{
	size_t count = e->n_stays;

	TALLY_ASSERT(e->finished);
	for (size_t i = 0; i < count; i++)
		if (e->stays[i].standby || e->claims[e->stays[i].claims].environment != 0)
			split_stay(e, i, at, n);
	if (e->n_stays == count)
		return;
	e->n_by_end = e->n_loose = 0;
	sort_stays(e);
	for (size_t i = 0; e->n_loose < e->n_stays; i++)
		push_loose(e, (uint32_t)i);
	sort_ends(e);
}
