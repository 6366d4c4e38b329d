/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page's pictures are drawn from: who stood where from when to when, and how
 * many ran at once. Times are milliseconds from the report's begin, rounded down. The
 * figures beside the pictures are the report's own; of the pictures, the page computes
 * again what it can from the entries.
 */
#include <stdlib.h>
#include <string.h>
#include "report_internal.h"

#define STEPS_MAX 2000 /* of one curve; else the most of each of so many parts of the period */
#define FINEST    8000 /* of the period: the first gap that is closed; */
#define COARSE    1000 /* and the longest one before what is as short is left out */
#define MS        1000000

/* States of a lane: those of the clock, then: */
enum { LANE_UNCERTAIN = CLOCKS, LANE_STANDBY };

/* Of a lane, in the order of their names. */
enum column {
	COLUMN_AFTER,
	COLUMN_ENTRY,
	COLUMN_HOST,
	COLUMN_LENGTH,
	COLUMN_PRODUCT,
	COLUMN_STATE,
	COLUMN_VM,
	COLUMNS
};

struct page_lane {
	int64_t from, to; /* ns from the report's begin */
	uint32_t vm, host, product;
	unsigned state;
	uint64_t entry;
};
struct page {
	const struct tally_report *r;
	const struct report_cut *cut;
	struct product {
		uint32_t os, edition;
	} * products;
	size_t n_products, cap_products;
	struct map numbers;      /* of products, from 1 */
	struct page_lane *lanes; /* by VM, then begin, then host */
	size_t n_lanes;
	int64_t gap; /* ns: lanes closer than this stand as one; 0: each is there */
};

static uint32_t
product_of(struct page *p, const struct stay_claims *c)
{
	const uint32_t pair[4] = { c->os, c->edition };
	uint8_t key[16];
	void **number;

	memcpy(key, pair, sizeof(key));
	number = map_place(&p->numbers, key);
	if (!*number) {
		p->products = array_grow(p->products, &p->cap_products, p->n_products,
					 sizeof(*p->products));
		p->products[p->n_products++] = (struct product){ c->os, c->edition };
		*number = (void *)(uintptr_t)p->n_products; /* and none is NULL */
	}
	return (uint32_t)((uintptr_t)*number - 1);
}

static int
compare_lanes(const void *a, const void *b)
{
	const struct page_lane *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static bool
runs(const struct page_lane *l)
{
	return l->state == RUNNING || l->state == PAUSED;
}

/* Over a gap, a run goes on where it was paused. */
static bool
goes_on(const struct page_lane *a, const struct page_lane *b, int64_t gap)
{
	return a->vm == b->vm && a->host == b->host && a->product == b->product &&
	       (a->state == b->state || (gap > 0 && runs(a) && runs(b))) && b->from - a->to <= gap;
}

/* Lanes that follow one another as one. */
static void
merge_lanes(struct page *p, int64_t gap)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_lanes; i++) {
		struct page_lane *last = n > 0 ? &p->lanes[n - 1] : NULL;

		if (last && goes_on(last, &p->lanes[i], gap)) {
			if (p->lanes[i].to > last->to)
				last->to = p->lanes[i].to;
		} else {
			p->lanes[n++] = p->lanes[i];
		}
	}
	p->n_lanes = n;
}

/* Without lanes shorter than the gap, or those of them that do not run; but a VM that has
 * nothing else keeps one. */
static void
thin_lanes(struct page *p, int64_t gap, bool all)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_lanes; i++) {
		const struct page_lane *l = &p->lanes[i];
		bool first = n == 0 || p->lanes[n - 1].vm != l->vm;
		bool last = i + 1 == p->n_lanes || l[1].vm != l->vm;

		if (l->to - l->from >= gap || (!all && runs(l)) || (first && last))
			p->lanes[n++] = *l;
	}
	p->n_lanes = n;
}

/* As many lanes as a page draws: what is closer than a gap stands as one over short times
 * without a run, and where that is not enough, short runs are not drawn either. The gap is
 * told; of whole milliseconds. */
static void
coarsen(struct page *p)
{
	int64_t length = p->r->to - p->r->from, gap = (length / FINEST / MS + 1) * MS;

	while (p->n_lanes > p->cut->lanes && p->gap <= length) {
		thin_lanes(p, gap, gap > length / COARSE);
		merge_lanes(p, gap);
		p->gap = gap;
		gap = gap > length / 2 ? length + MS : 2 * gap;
	}
}

static void
collect_lanes(struct page *p)
{
	const struct estate *e = &p->r->estate;

	p->lanes = tally_alloc((e->n_stays + 1) * sizeof(*p->lanes));
	for (size_t i = 0; i < e->n_stays; i++) {
		const struct stay *s = &e->stays[i];
		int64_t from = s->from > p->r->from ? s->from : p->r->from;
		int64_t to = s->to < p->r->to ? s->to : p->r->to;

		if (from >= to)
			continue;
		p->lanes[p->n_lanes++] = (struct page_lane){
			.from = from - p->r->from,
			.to = to - p->r->from,
			.vm = s->vm,
			.host = s->host,
			.product = product_of(p, &e->claims[s->claims]),
			.state = s->uncertain ? (unsigned)LANE_UNCERTAIN
				 : s->standby ? (unsigned)LANE_STANDBY
					      : s->state,
			.entry = s->entry,
		};
	}
	if (p->n_lanes > 1)
		qsort(p->lanes, p->n_lanes, sizeof(*p->lanes), compare_lanes);
	merge_lanes(p, 0);
}

struct step {
	int64_t at;
	uint32_t product;
	int change;
};

static int
compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->product != y->product)
		return x->product < y->product ? -1 : 1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->change < y->change ? -1 : x->change > y->change;
}

/* All changes, by product, in order; returns how many. */
static size_t
collect_steps(const struct page *p, struct step *steps)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_lanes; i++) {
		const struct page_lane *l = &p->lanes[i];

		if (!runs(l))
			continue;
		steps[n++] = (struct step){ l->from, l->product, 1 };
		steps[n++] = (struct step){ l->to, l->product, -1 };
	}
	if (n > 1)
		qsort(steps, n, sizeof(*steps), compare_steps);
	return n;
}

static void
put_point(struct tally_jsonw *w, int64_t at, int64_t count)
{
	tally_jsonw_i64(w, at / MS);
	tally_jsonw_i64(w, count);
}

/* The number after each instant; or, of too many, the most in each part of the period. */
static void
put_points(struct tally_jsonw *w, const struct step *steps, size_t n, int64_t length)
{
	int64_t count = 0, part = n > STEPS_MAX ? length / STEPS_MAX + 1 : 0, end = part, most = 0;

	for (size_t i = 0; i < n;) {
		int64_t at = steps[i].at;

		while (part > 0 && at >= end) {
			put_point(w, end - part, most);
			most = count;
			end += part;
		}
		for (; i < n && steps[i].at == at; i++)
			count += steps[i].change;
		if (part == 0)
			put_point(w, at, count);
		if (count > most)
			most = count;
	}
	if (part > 0)
		put_point(w, end - part, most);
}

static void
put_text(struct tally_jsonw *w, const char *key, struct tally_bytes text)
{
	tally_jsonw_key(w, key);
	tally_jsonw_string(w, text);
}

static struct tally_bytes
os_of(const struct page *p, const struct product *product)
{
	struct tally_bytes os = report_text(p->r, product->os);

	return os.len > 0 ? os : tally_bytes_str("unclassified");
}

/* The changes of one product. */
static void
put_curve(struct tally_jsonw *w, const struct page *p, const struct step *steps, size_t n)
{
	const struct product *product = &p->products[steps->product];

	tally_jsonw_object(w);
	put_text(w, "edition", report_text(p->r, product->edition));
	tally_jsonw_key(w, "exact");
	tally_jsonw_bool(w, n <= STEPS_MAX);
	tally_jsonw_key(w, "points");
	tally_jsonw_array(w);
	put_points(w, steps, n, p->r->to - p->r->from);
	tally_jsonw_end(w);
	put_text(w, "product", os_of(p, product));
	tally_jsonw_end(w);
}

static void
put_curves(struct tally_jsonw *w, const struct page *p)
{
	struct step *steps = tally_alloc((2 * p->n_lanes + 1) * sizeof(*steps));
	size_t n = collect_steps(p, steps);

	tally_jsonw_array(w);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && steps[end].product == steps[i].product;)
			end++;
		put_curve(w, p, &steps[i], end - i);
	}
	tally_jsonw_end(w);
	free(steps);
}

/* What one column says of a lane that follows another. */
static int64_t
column_of(enum column c, const struct page_lane *l, const struct page_lane *before)
{
	bool first = !before || before->vm != l->vm;

	switch (c) {
	case COLUMN_AFTER:
		return l->from / MS - (first ? 0 : before->to / MS);
	case COLUMN_ENTRY:
		return (int64_t)l->entry;
	case COLUMN_HOST:
		return l->host;
	case COLUMN_LENGTH:
		return l->to / MS - l->from / MS;
	case COLUMN_PRODUCT:
		return l->product;
	case COLUMN_STATE:
		return (int64_t)l->state;
	case COLUMN_VM:
		return (int64_t)l->vm - (before ? before->vm : 0);
	case COLUMNS:
		break;
	}
	tally_assert_failed("a column", __FILE__, __LINE__);
}

/* By columns, of which each packs better than all in turn. */
static void
put_lanes(struct tally_jsonw *w, const struct page *p)
{
	static const char *const names[COLUMNS] = {
		"after", "entry", "host", "length", "product", "state", "vm",
	};

	tally_jsonw_object(w);
	for (unsigned c = 0; c < COLUMNS; c++) {
		tally_jsonw_key(w, names[c]);
		tally_jsonw_array(w);
		for (size_t i = 0; i < p->n_lanes; i++)
			tally_jsonw_i64(
				w, column_of(c, &p->lanes[i], i > 0 ? &p->lanes[i - 1] : NULL));
		tally_jsonw_end(w);
	}
	tally_jsonw_end(w);
}

/* When its ledger tells of a host. */
static void
put_seen(struct tally_jsonw *w, const struct tally_report *r, const struct estate_host *h)
{
	int64_t from = h->seen_from > r->from ? h->seen_from : r->from;
	int64_t to = h->seen_to < r->to ? h->seen_to : r->to;

	if (from >= to) {
		tally_jsonw_null(w);
		tally_jsonw_null(w);
		return;
	}
	tally_jsonw_i64(w, (from - r->from) / MS);
	tally_jsonw_i64(w, (to - r->from) / MS);
}

static void
put_names(struct tally_jsonw *w, const struct page *p)
{
	const struct estate *e = &p->r->estate;
	char uuid[TALLY_UUID_TEXT];

	tally_jsonw_key(w, "products");
	tally_jsonw_array(w);
	for (size_t i = 0; i < p->n_products; i++) {
		tally_jsonw_string(w, os_of(p, &p->products[i]));
		tally_jsonw_string(w, report_text(p->r, p->products[i].edition));
	}
	tally_jsonw_end(w);
	tally_jsonw_key(w, "seen");
	tally_jsonw_array(w);
	for (size_t i = 0; i < e->n_hosts; i++)
		put_seen(w, p->r, &e->hosts[i]);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "sums");
	if (p->cut->charges)
		report_sums_json(w, p->r);
	else
		tally_jsonw_null(w);
	tally_jsonw_key(w, "vms");
	tally_jsonw_array(w);
	for (size_t i = 0; i < e->n_vms; i++) {
		tally_uuid_text(uuid, e->vms[i].uuid);
		tally_jsonw_str(w, uuid);
	}
	tally_jsonw_end(w);
}

/* How much of the report stands elsewhere only. */
static void
put_left_out(struct tally_jsonw *w, const struct page *p)
{
	tally_jsonw_key(w, "left_out");
	tally_jsonw_object(w);
	tally_jsonw_key(w, "because");
	tally_jsonw_u64(w, p->cut->because ? report_positions_behind(p->r) : 0);
	tally_jsonw_key(w, "charges");
	tally_jsonw_u64(w, p->cut->charges ? p->r->charges.n : 0);
	tally_jsonw_key(w, "vms");
	tally_jsonw_u64(w, p->cut->vms ? p->r->sweep.vms.count : 0);
	tally_jsonw_end(w);
}

static void
put_page(struct tally_jsonw *w, struct page *p)
{
	const struct estate *e = &p->r->estate;

	tally_jsonw_object(w);
	tally_jsonw_key(w, "curves");
	put_curves(w, p);
	coarsen(p);
	tally_jsonw_key(w, "gap");
	tally_jsonw_i64(w, p->gap / MS);
	tally_jsonw_key(w, "hosts");
	tally_jsonw_array(w);
	for (size_t i = 0; i < e->n_hosts; i++)
		tally_jsonw_string(w, report_text(p->r, e->hosts[i].name));
	tally_jsonw_end(w);
	tally_jsonw_key(w, "lanes");
	put_lanes(w, p);
	put_left_out(w, p);
	tally_jsonw_key(w, "needs");
	report_needs_json(w, p->r);
	put_names(w, p);
	tally_jsonw_end(w);
}

void
report_page_json(const struct tally_report *r, const struct report_cut *cut, struct tally_buf *out)
{
	struct page p = { .r = r, .cut = cut };
	struct tally_jsonw *w = tally_jsonw_new(out, true);

	TALLY_ASSERT(r->has_estate);
	collect_lanes(&p);
	put_page(w, &p);
	tally_jsonw_free(w);
	map_deinit(&p.numbers);
	free(p.products);
	free(p.lanes);
}
