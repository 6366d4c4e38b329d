/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made a figure: the guests and hosts that stood in its scope at the instant
 * of its peak (of each host's own peak, where such peaks are added), what the
 * counted time rests on, and who was left out or is not resolved. The figures are
 * known by now, so one look at each stay is enough.
 */
#include <stdlib.h>
#include <string.h>
#include "position_internal.h"
#include "tally/err.h"

struct details {
	struct positions *out;
	const struct position_case *c;
	struct case_window *w;
	struct map told; /* (vm, host, node, why) that stand in a list */
	struct fact_nodes {
		uint32_t cluster, region;
	} * of_facts; /* of each of the estate's facts */
};

static struct position *
position_of(struct details *d, uint32_t node)
{
	size_t number = node == NO_NODE ? 0 : d->w->position[node];

	return number > 0 ? &d->out->p[number - 1] : NULL;
}

static uint32_t
find_node(const struct meter *m, enum scope scope, uint32_t id)
{
	for (uint32_t i = 0; i < m->n_nodes; i++)
		if (m->nodes[i].scope == scope && m->nodes[i].id == id)
			return i;
	return NO_NODE;
}

static struct fact_nodes *
nodes_of_facts(const struct meter *m)
{
	const struct estate *e = m->estate;
	struct fact_nodes *out = tally_alloc((e->n_facts + 1) * sizeof(*out));

	for (size_t i = 0; i < e->n_facts; i++) {
		out[i].cluster = find_node(m, SCOPE_CLUSTER, e->facts[i].cluster);
		out[i].region = find_node(m, SCOPE_REGION, e->facts[i].region);
	}
	return out;
}

/* The nodes that a host stood in at an instant. */
struct places {
	uint32_t node[4];
};

static struct places
places_at(struct details *d, uint32_t host, int64_t at)
{
	const struct meter *m = &d->w->meter;
	const struct host_facts *f = estate_facts(m->estate, host, at);
	const struct fact_nodes *n = &d->of_facts[f - m->estate->facts];
	struct places p = { { m->hosts[host].node, n->cluster, n->region, m->fleet } };

	return p;
}

/* The instant at which the figure was made; where hosts' own peaks are added, that of
 * the host's part in it; where regions' are, that of the region. */
static int64_t
instant_of(struct details *d, uint32_t host, unsigned place, const struct places *places)
{
	struct meter *m = &d->w->meter;
	uint32_t node = places->node[place];

	if (node != NO_NODE && m->rule->aggregation == AGG_HOST_PEAKS)
		node = place == 0 || place == 3 ? m->hosts[host].node : meter_part(m, host, node);
	else if (m->rule->aggregation == AGG_REGION_PEAKS && place == 3)
		node = places->node[2];
	return node == NO_NODE ? INT64_MIN : m->nodes[node].peak_at[MEASURED];
}

static void
add_because(struct position *p, int64_t at, uint32_t host, uint32_t vm, uint32_t ledger,
	    uint64_t index)
{
	p->because = array_grow(p->because, &p->cap_because, p->n_because, sizeof(*p->because));
	p->because[p->n_because++] = (struct position_because){ at, host, vm, ledger, index };
}

/* The guest, and the facts of its host where these were counted. */
static void
blame(struct details *d, const struct stay *s, struct position *p, int64_t at)
{
	const struct estate *e = d->out->estate;
	const struct host_facts *f = estate_facts(e, s->host, at);
	uint32_t ledger = e->hosts[s->host].ledger;

	add_because(p, at, s->host, s->vm, ledger, s->entry);
	if (f->known &&
	    (!metric_of_vms(d->w->meter.rule) || d->w->meter.rule->kind == METRIC_SUB_CAPACITY))
		add_because(p, at, s->host, POSITION_NONE, ledger, f->entry);
}

static void
add_because_of(struct details *d, const struct stay *s, const struct case_piece *piece)
{
	bool timed = d->w->meter.rule->aggregation == AGG_TIME;
	int64_t from = s->from > piece->from ? s->from : piece->from;
	struct places places = places_at(d, s->host, from);

	for (unsigned i = 0; i < 4; i++) {
		struct position *p = position_of(d, places.node[i]);
		int64_t at = timed ? from : instant_of(d, s->host, i, &places);

		if (p && at >= from && at < s->to && at < piece->to &&
		    !(timed && p->n_because >= POSITION_BECAUSE))
			blame(d, s, p, at);
	}
}

static void
add_evidence(struct details *d, const struct stay *s, const struct case_piece *piece)
{
	const struct stay_claims *claims = &d->out->estate->claims[s->claims];
	int64_t from = s->from > piece->from ? s->from : piece->from;
	int64_t to = s->to < piece->to ? s->to : piece->to;
	struct places places = places_at(d, s->host, from);
	bool declared = piece->rule->software.count > 0 || claims->evidence <= TALLY_E_OPERATOR;

	for (unsigned i = 0; i < 4; i++) {
		struct position *p = position_of(d, places.node[i]);

		if (!p)
			continue;
		if (s->imported)
			p->evidence.imported += to - from;
		else if (declared)
			p->evidence.declared += to - from;
		else
			p->evidence.witnessed += to - from;
	}
}

static void
add_vm(struct details *d, const struct stay *s, bool excluded, uint32_t why)
{
	const struct estate *e = d->out->estate;
	int64_t at = s->from > d->w->from ? s->from : d->w->from;
	struct places places = places_at(d, s->host, at);
	struct position_vm v = { s->vm, e->claims[s->claims].name, s->host, why };

	for (unsigned i = 0; i < 4; i++) {
		struct position *p = position_of(d, places.node[i]);
		uint8_t key[16];
		void **place;

		if (!p)
			continue;
		tally_put_u32(key, v.vm);
		tally_put_u32(key + 4, v.host);
		tally_put_u32(key + 8, why);
		tally_put_u32(key + 12, places.node[i] << 1 | excluded);
		place = map_place(&d->told, key);
		if (*place)
			continue;
		*place = (void *)(uintptr_t)1;
		if (excluded) {
			p->excluded = array_grow(p->excluded, &p->cap_excluded, p->n_excluded,
						 sizeof(*p->excluded));
			p->excluded[p->n_excluded++] = v;
		} else {
			p->unresolved = array_grow(p->unresolved, &p->cap_unresolved,
						   p->n_unresolved, sizeof(*p->unresolved));
			p->unresolved[p->n_unresolved++] = v;
		}
	}
}

static void
look_at(struct details *d, const struct stay *s, const struct case_piece *piece)
{
	const struct counted *k = &piece->counted;
	const char *unresolved;
	uint32_t excluded;

	if (k->classes[s->claims] == COUNTED_NOT)
		return;
	excluded = counted_excluded(k, s);
	if (excluded) {
		add_vm(d, s, true, excluded);
		return;
	}
	if (counted_stay(k, s) & COUNTS_MEASURED) {
		add_evidence(d, s, piece);
		add_because_of(d, s, piece);
	}
	unresolved = counted_unresolved(k, s);
	if (unresolved)
		add_vm(d, s, false,
		       strings_add(d->out->estate->strings, tally_bytes_str(unresolved)));
}

/* A host that counts by itself. */
static void
look_at_host(struct details *d, const struct host_facts *f, const struct case_piece *piece)
{
	const struct estate *e = d->out->estate;
	int64_t from = f->from > piece->from ? f->from : piece->from;
	int64_t to = f->to < piece->to ? f->to : piece->to;
	struct places places;

	if (from >= to || !counted_host(&piece->counted, f))
		return;
	places = places_at(d, f->host, from);
	for (unsigned i = 0; i < 4; i++) {
		struct position *p = position_of(d, places.node[i]);
		int64_t at = p ? instant_of(d, f->host, i, &places) : INT64_MIN;

		if (!p)
			continue;
		*(f->imported ? &p->evidence.imported : &p->evidence.witnessed) += to - from;
		if (at >= from && at < to)
			add_because(p, at, f->host, POSITION_NONE, e->hosts[f->host].ledger,
				    f->entry);
	}
}

void
position_details(struct positions *out, const struct position_case *c, struct case_window *w)
{
	struct details d = { .out = out, .c = c, .w = w, .of_facts = nodes_of_facts(&w->meter) };
	const struct estate *e = out->estate;

	for (size_t k = 0; k < w->n_pieces; k++) {
		const struct case_piece *piece = &w->pieces[k];

		for (size_t i = 0; i < e->n_stays && e->stays[i].from < piece->to; i++)
			if (e->stays[i].to > piece->from && e->stays[i].to > e->stays[i].from)
				look_at(&d, &e->stays[i], piece);
		for (size_t i = 0; i < e->n_facts; i++)
			look_at_host(&d, &e->facts[i], piece);
	}
	map_deinit(&d.told);
	free(d.of_facts);
}

static int
compare_because(const void *a, const void *b, void *ctx)
{
	const struct position_because *x = a, *y = b;
	const struct estate *e = ctx;
	int c = 0;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->vm == POSITION_NONE || y->vm == POSITION_NONE)
		c = (y->vm == POSITION_NONE) - (x->vm == POSITION_NONE);
	else
		c = memcmp(e->vms[x->vm].uuid, e->vms[y->vm].uuid, TALLY_UUID);
	if (c != 0)
		return c;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int
compare_vms(const void *a, const void *b, void *ctx)
{
	const struct position_vm *x = a, *y = b;
	const struct estate *e = ctx;
	int c = memcmp(e->vms[x->vm].uuid, e->vms[y->vm].uuid, TALLY_UUID);

	if (c != 0)
		return c;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return tally_bytes_cmp(strings_get(e->strings, x->why), strings_get(e->strings, y->why));
}

void
position_details_finish(const struct estate *e, struct position *p)
{
	void *ctx = (void *)(uintptr_t)e;
	size_t kept = 0;

	if (p->n_because > 1)
		qsort_r(p->because, p->n_because, sizeof(*p->because), compare_because, ctx);
	for (size_t i = 0; i < p->n_because && kept < POSITION_BECAUSE; i++)
		if (i == 0 || compare_because(&p->because[i - 1], &p->because[i], ctx) != 0)
			p->because[kept++] = p->because[i];
	p->n_because = kept;
	if (p->n_excluded > 1)
		qsort_r(p->excluded, p->n_excluded, sizeof(*p->excluded), compare_vms, ctx);
	if (p->n_unresolved > 1)
		qsort_r(p->unresolved, p->n_unresolved, sizeof(*p->unresolved), compare_vms, ctx);
}
