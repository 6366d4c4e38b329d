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

/*
 * What one host's facts come to in one window: the positions of the scopes that it
 * stands in (NULL where another window has them), the instants at which their figures
 * were made, and what the time counted under these facts rests on.
 */
enum { OF_HOST, OF_CLUSTER, OF_REGION, OF_FLEET, PLACES };
struct spot {
	struct position *p[PLACES];
	struct position *high[PLACES]; /* only their `high` is of this window */
	int64_t at[PLACES];
	uint32_t node[PLACES];
	tally_i128 witnessed, declared, imported;
};
/* One case's window is looked at, in one of its pieces. */
struct details {
	const struct estate *e;
	const uint32_t *why; /* texts */
	struct case_window *w;
	const struct case_piece *piece;
	struct spot *spots; /* of each of the estate's facts */
	bool timed, of_hosts;
};

/* Where hosts' own peaks are added, the instant is that of the host's part in the
 * scope; where regions' are, that of the region. */
static int64_t
instant_of(const struct meter *m, const struct meter_place *place, const struct spot *s,
	   unsigned which)
{
	uint32_t node = s->node[which];

	if (node != NO_NODE && m->aggregation == AGG_HOST_PEAKS)
		node = which == OF_HOST || which == OF_FLEET ? s->node[OF_HOST]
							     : place->part[which - OF_CLUSTER];
	else if (m->aggregation == AGG_REGION_PEAKS && which == OF_FLEET)
		node = s->node[OF_REGION];
	return node == NO_NODE ? INT64_MIN : m->nodes[node].peak_at[MEASURED];
}

static struct position *
high_of(struct positions *out, const struct case_window *w, uint32_t node)
{
	size_t number = node == NO_NODE ? 0 : w->asked[node];

	return number > 0 && out->p[number - 1].high_from == w->from ? &out->p[number - 1] : NULL;
}

static struct spot *
make_spots(struct positions *out, const struct case_window *w)
{
	const struct meter *m = &w->meter;
	const struct estate *e = m->estate;
	struct spot *spots = tally_alloc((e->n_facts + 1) * sizeof(*spots));

	for (size_t i = 0; i < e->n_facts; i++) {
		const struct meter_place *place = &m->places[i];
		struct spot *s = &spots[i];

		s->node[OF_HOST] = m->hosts[e->facts[i].host].node;
		s->node[OF_CLUSTER] = place->cluster;
		s->node[OF_REGION] = place->region;
		s->node[OF_FLEET] = m->fleet;
		for (unsigned k = 0; k < PLACES; k++) {
			size_t number = s->node[k] == NO_NODE ? 0 : w->position[s->node[k]];

			s->p[k] = number > 0 ? &out->p[number - 1] : NULL;
			s->high[k] = high_of(out, w, s->node[k]);
			s->at[k] = s->p[k] ? instant_of(m, place, s, k) : INT64_MIN;
		}
	}
	return spots;
}

/* The evidence goes where the facts stood. */
static void
free_spots(struct spot *spots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < PLACES; k++) {
			struct position *p = spots[i].p[k];

			if (!p)
				continue;
			p->evidence.witnessed += spots[i].witnessed;
			p->evidence.declared += spots[i].declared;
			p->evidence.imported += spots[i].imported;
		}
	free(spots);
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
blame(const struct details *d, const struct stay *s, struct position *p, int64_t at)
{
	const struct host_facts *f = estate_facts(d->e, s->host, at);
	uint32_t ledger = d->e->hosts[s->host].ledger;

	add_because(p, at, s->host, s->vm, ledger, s->entry);
	if (f->known && d->of_hosts)
		add_because(p, at, s->host, POSITION_NONE, ledger, f->entry);
}

/* Of a sum over time a stay is told once, when it begins; `before`: in the same stay. */
static void
add_because_of(const struct details *d, const struct stay *s, const struct spot *spot,
	       const struct spot *before, int64_t from, int64_t to)
{
	for (unsigned i = 0; i < PLACES; i++) {
		int64_t at = d->timed ? from : spot->at[i];

		if (at < from || at >= to || !spot->p[i] ||
		    (d->timed && before && before->p[i] == spot->p[i]) ||
		    (d->timed && spot->p[i]->n_because >= POSITION_BECAUSE))
			continue;
		blame(d, s, spot->p[i], at);
	}
}

static void
add_evidence(const struct details *d, const struct stay *s, struct spot *spot, int64_t ns)
{
	const struct stay_claims *claims = &d->e->claims[s->claims];

	if (s->imported)
		spot->imported += ns;
	else if (d->piece->rule->software.count > 0 || claims->evidence <= TALLY_E_OPERATOR)
		spot->declared += ns;
	else
		spot->witnessed += ns;
}

static void
add_vm(const struct details *d, const struct stay *s, const struct spot *spot, bool excluded,
       uint32_t why)
{
	struct position_vm v = { s->vm, d->e->claims[s->claims].name, s->host, why };

	for (unsigned i = 0; i < PLACES; i++) {
		struct position *p = spot->p[i] || excluded ? spot->p[i] : spot->high[i];
		uint8_t key[16];
		void **place;

		if (!p)
			continue;
		tally_put_u32(key, v.vm);
		tally_put_u32(key + 4, v.host);
		tally_put_u32(key + 8, why);
		tally_put_u32(key + 12, spot->node[i] << 1 | excluded);
		place = map_place(&d->w->told, key);
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

/* The part [from, to) of a stay, under one of its host's facts. */
static void
look_at_part(const struct details *d, const struct stay *s, const struct host_facts *f,
	     int64_t from, int64_t to)
{
	const struct counted *counted = d->piece->counted;
	struct spot *spot = &d->spots[f - d->e->facts];
	uint32_t excluded = counted_excluded(counted, s);
	enum counted_why unresolved;

	if (excluded) {
		add_vm(d, s, spot, true, excluded);
		return;
	}
	if (counted_stay(counted, s) & COUNTS_MEASURED) {
		bool first = f->from <= s->from || f->from <= d->piece->from;

		add_evidence(d, s, spot, to - from);
		add_because_of(d, s, spot, first ? NULL : spot - 1, from, to);
	}
	unresolved = counted_unresolved(counted, s, f);
	if (unresolved != WHY_NOT)
		add_vm(d, s, spot, false, d->why[unresolved]);
}

static void
look_at(const struct details *d, const struct stay *s)
{
	const struct case_piece *piece = d->piece;
	int64_t from = s->from > piece->from ? s->from : piece->from;
	int64_t to = s->to < piece->to ? s->to : piece->to;
	const struct host_facts *f, *end = &d->e->facts[d->e->host_facts[s->host + 1]];

	if (piece->counted->classes[s->claims] == COUNTED_NOT)
		return;
	for (f = estate_facts(d->e, s->host, from); f < end && f->from < to; f++)
		look_at_part(d, s, f, f->from > from ? f->from : from, f->to < to ? f->to : to);
}

/* A host that counts by itself. */
static void
look_at_host(const struct details *d, const struct host_facts *f)
{
	int64_t from = f->from > d->piece->from ? f->from : d->piece->from;
	int64_t to = f->to < d->piece->to ? f->to : d->piece->to;
	struct spot *spot = &d->spots[f - d->e->facts];

	if (from >= to || !counted_host(d->piece->counted, f))
		return;
	*(f->imported ? &spot->imported : &spot->witnessed) += to - from;
	for (unsigned i = 0; i < PLACES; i++)
		if (spot->p[i] && spot->at[i] >= from && spot->at[i] < to)
			add_because(spot->p[i], spot->at[i], f->host, POSITION_NONE,
				    d->e->hosts[f->host].ledger, f->entry);
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

static void
sort_details(const struct estate *e, struct position *p)
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
	kept = 0; /* of two windows */
	for (size_t i = 0; i < p->n_unresolved; i++)
		if (i == 0 || compare_vms(&p->unresolved[i - 1], &p->unresolved[i], ctx) != 0)
			p->unresolved[kept++] = p->unresolved[i];
	p->n_unresolved = kept;
}

#define AHEAD 16 /* stays for whose claims memory is asked */

/* The pieces of a case that are looked at in one pass over the stays, by time: one of
 * each window. */
struct lane {
	struct details *pieces;
	size_t n, next; /* the first that is not over */
};

static void
lane_make(struct lane *l, struct positions *out, const uint32_t *why, struct position_case *c,
	  size_t pass)
{
	*l = (struct lane){ 0 };
	l->pieces = tally_realloc_array(NULL, c->n_windows + 1, sizeof(*l->pieces));
	for (size_t i = 0; i < c->n_windows; i++) {
		struct case_window *w = &c->windows[i];
		const struct rule *r = w->meter.rule;

		if (pass < w->n_pieces)
			l->pieces[l->n++] = (struct details){
				.e = out->estate,
				.why = why,
				.w = w,
				.piece = &w->pieces[pass],
				.spots = make_spots(out, w),
				.timed = w->meter.aggregation == AGG_TIME ||
					 w->meter.aggregation == AGG_DISTINCT,
				.of_hosts = !metric_of_vms(r) || r->kind == METRIC_SUB_CAPACITY,
			};
	}
}

static void
lane_finish(struct lane *l, const struct estate *e)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < e->n_facts; k++)
			look_at_host(&l->pieces[i], &e->facts[k]);
		free_spots(l->pieces[i].spots, e->n_facts);
	}
	free(l->pieces);
}

static void
lane_stay(struct lane *l, const struct stay *s)
{
	while (l->next < l->n && l->pieces[l->next].piece->to <= s->from)
		l->next++;
	for (size_t i = l->next; i < l->n && l->pieces[i].piece->from < s->to; i++)
		look_at(&l->pieces[i], s);
}

/* Which lanes may want a stay with such claims. */
static uint64_t *
find_lanes(const struct estate *e, const struct lane *lanes, size_t n)
{
	uint64_t *out = tally_alloc((e->n_claims + 1) * sizeof(*out));

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < lanes[i].n; k++) {
			const struct counted *of = lanes[i].pieces[k].piece->counted;

			if (k > 0 && of == lanes[i].pieces[k - 1].piece->counted)
				continue;
			for (size_t c = 0; c < e->n_claims; c++)
				if (of->classes[c] != COUNTED_NOT)
					out[c] |= UINT64_C(1) << i;
		}
	return out;
}

/* Several versions in one window are told one behind the other. */
static bool
look_at_pass(struct positions *out, const uint32_t *why, struct position_case *const *cases,
	     size_t n, size_t pass)
{
	struct lane *lanes = tally_alloc((n + 1) * sizeof(*lanes));
	const struct estate *e = out->estate;
	bool any = false;
	uint64_t *of;

	for (size_t i = 0; i < n; i++) {
		lane_make(&lanes[i], out, why, cases[i], pass);
		any = any || lanes[i].n > 0;
	}
	of = find_lanes(e, lanes, n);
	for (size_t i = 0; any && i < e->n_stays; i++) {
		const struct stay *s = &e->stays[i];
		uint64_t left = s->from < s->to ? of[s->claims] : 0;

		if (i + AHEAD < e->n_stays) {
			__builtin_prefetch(&of[s[AHEAD].claims]);
			__builtin_prefetch(&e->claims[s[AHEAD].claims].evidence);
		}
		for (; left != 0; left &= left - 1)
			lane_stay(&lanes[__builtin_ctzll(left)], s);
	}
	for (size_t i = 0; i < n; i++)
		lane_finish(&lanes[i], e);
	free(of);
	free(lanes);
	return any;
}

void
position_details(struct positions *out, const uint32_t *why, struct position_case *const *cases,
		 size_t n)
{
	TALLY_ASSERT(n <= ESTATE_LANES);
	for (size_t pass = 0; look_at_pass(out, why, cases, n, pass);)
		pass++;
	for (size_t i = 0; i < n; i++)
		for (size_t k = cases[i]->first; k < cases[i]->end; k++)
			sort_details(out->estate, &out->p[k]);
}
