/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From exact parts to lines. The running total of a group is rounded, and a line
 * gets what it adds to that: so the lines of a group add up to its total, rounded
 * once. A group is what one tier table counts over: a SKU's price in a month, of
 * one VM where there are no tiers.
 */
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"

#define HOUR_NS ((tally_i128)3600 * TALLY_SECOND)
#define MIB     1024

static const struct price *
price_of(const struct charge_work *w, const struct charge_part *p)
{
	return sku_price(prices_sku(w->in->prices, p->sku), p->price);
}

static uint64_t
group_of(const struct charge_work *w, const struct charge_part *p)
{
	const struct price_sku *sku = prices_sku(w->in->prices, p->sku);

	if (price_of(w, p)->tiers.count == 1 || sku->tier_scope == TIERS_VM)
		return p->vm;
	return sku->tier_scope == TIERS_COST_CENTER ? p->cost_center : 0;
}

static int
compare_texts(const struct strings *s, const uint32_t *a, const uint32_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int c = a[i] == b[i] ? 0
				     : tally_bytes_cmp(strings_get(s, a[i]), strings_get(s, b[i]));

		if (c)
			return c;
	}
	return 0;
}

#define CMP(a, b) ((a) < (b) ? -1 : (a) > (b))

static int
compare_groups(const struct charge_work *w, const struct charge_part *a,
	       const struct charge_part *b)
{
	int c = CMP(w->slices[a->slice].month, w->slices[b->slice].month);

	if (c || (c = CMP(a->sku, b->sku)) || (c = CMP(a->price, b->price)))
		return c;
	return CMP(group_of(w, a), group_of(w, b));
}

static int
compare_parts(const void *x, const void *y, void *work)
{
	const struct charge_work *w = work;
	const struct charge_part *a = x, *b = y;
	const struct estate *e = w->in->estate;
	const uint32_t s[] = { a->host, a->cost_center, a->tenant,   a->environment,
			       a->name, a->region,      a->rule_pack };
	const uint32_t t[] = { b->host, b->cost_center, b->tenant,   b->environment,
			       b->name, b->region,      b->rule_pack };
	int c = compare_groups(w, a, b);

	if (c || (c = CMP(a->slice, b->slice)) ||
	    (c = memcmp(e->vms[a->vm].uuid, e->vms[b->vm].uuid, TALLY_UUID)))
		return c;
	return compare_texts(e->strings, s, t, sizeof(s) / sizeof(*s));
}

struct charge *
charge_add(struct charges *c)
{
	c->p = array_grow(c->p, &c->cap, c->n, sizeof(*c->p));
	memset(&c->p[c->n], 0, sizeof(*c->p));
	return &c->p[c->n++];
}

static uint32_t
text(const struct charge_work *w, const char *s)
{
	return strings_add(w->out->strings, tally_bytes_str(s));
}

static int
refuse_overflow(const struct charge_work *w, const struct charge_part *p)
{
	const struct price_sku *sku = prices_sku(w->in->prices, p->sku);
	char uuid[TALLY_UUID_TEXT];

	tally_uuid_text(uuid, w->in->estate->vms[p->vm].uuid);
	return tally_err_set(
		w->err, TALLY_USE,
		"%s:%u:%u: what SKU '%s' costs for VM %s is more than exact numbers hold",
		w->in->prices->file, sku->line, sku->column, sku->id, uuid);
}

static int
compare_owners(const void *a, const void *b, void *strings)
{
	const struct charge_owner *x = a, *y = b;
	int c = compare_texts(strings, &x->origin, &y->origin, 1);

	return c ? c : CMP(x->index, y->index);
}

static void
give_owners(struct charge_work *w, const struct charge_part *p, struct charge *c)
{
	struct charge_owner *owners;

	if (p->owners.n == 0)
		return;
	if (!w->out->owners)
		w->out->owners = tally_arena_new(4096);
	owners = tally_arena_alloc(w->out->owners, p->owners.n * sizeof(*owners));
	for (uint32_t i = 0; i < p->owners.n; i++) {
		const struct estate_said *said = &w->in->estate->said[p->owners.p[i]];

		owners[i] = (struct charge_owner){
			strings_add(w->out->strings, w->in->origins[said->ledger]), said->index
		};
	}
	qsort_r(owners, p->owners.n, sizeof(*owners), compare_owners, w->out->strings);
	c->owners = owners;
	c->n_owners = p->owners.n;
}

/* All of a line but its figures. */
static struct charge *
begin_line(struct charge_work *w, const struct charge_part *p, size_t tier)
{
	const struct price_sku *sku = prices_sku(w->in->prices, p->sku);
	const struct slice *slice = &w->slices[p->slice];
	struct charge *c = charge_add(w->out);
	struct tally_buf id = TALLY_BUF_INIT;

	c->billing_from = slice->billing_from;
	c->billing_to = slice->billing_to;
	c->from = slice->from;
	c->to = slice->to;
	c->has_vm = true;
	memcpy(c->vm, w->in->estate->vms[p->vm].uuid, TALLY_UUID);
	tally_buf_add_str(&id, sku->id);
	if (price_of(w, p)->tiers.count > 1)
		tally_buf_addf(&id, "/%zu", tier + 1);
	c->price_id = strings_add(w->out->strings, tally_buf_view(&id));
	tally_buf_deinit(&id);
	c->sku = text(w, sku->id);
	c->meter = text(w, sku->name);
	c->service = text(w, sku->service);
	c->category = text(w, sku->service_category);
	c->unit = text(w, meter_unit(sku->meter));
	c->consumed_unit = text(w, meter_consumed(sku->meter));
	c->name = p->name;
	c->tenant = p->tenant;
	c->cost_center = p->cost_center;
	c->environment = p->environment;
	c->host = p->host;
	c->region = p->region;
	c->origin = strings_add(w->out->strings, w->in->origins[p->ledger]);
	c->rule_pack = p->rule_pack;
	c->evidence = p->witnessed && p->imported ? CHARGE_MIXED
		      : p->imported               ? CHARGE_IMPORTED
						  : CHARGE_WITNESSED;
	c->first = p->first;
	c->last = p->last;
	give_owners(w, p, c);
	c->sku_number = p->sku;
	c->until = p->until;
	return c;
}

static bool
smaller(struct decimal a, struct decimal b)
{
	int c = 0;

	return decimal_cmp(&c, a, b) && c < 0;
}

/* `quantity` of a part at one tier's rate, of which `left` was consumed. */
static bool
add_line(struct charge_work *w, const struct charge_part *p, size_t tier, struct decimal quantity,
	 struct decimal *left, bool last)
{
	struct charge *c = begin_line(w, p, tier);
	struct decimal seconds;

	if (!decimal_mul(&seconds, quantity, decimal_of(3600, 0)))
		return false;
	c->quantity = quantity;
	c->price = price_tier(price_of(w, p), tier)->rate;
	c->consumed = last || smaller(*left, seconds) ? *left : seconds;
	return decimal_sub(left, *left, c->consumed) &&
	       decimal_mul(&c->cost, c->quantity, c->price);
}

/* The rounded running total goes from `low` to `high`: one line for each tier in there. */
static bool
add_lines(struct charge_work *w, const struct charge_part *p, struct decimal low,
	  struct decimal high, struct decimal consumed)
{
	const struct price *price = price_of(w, p);

	for (size_t i = 0; i < price->tiers.count; i++) {
		const struct price_tier *t = price_tier(price, i);
		bool last = t->last || !smaller(t->up_to, high);
		struct decimal end = last ? high : t->up_to, quantity;

		if (!t->last && !smaller(low, t->up_to))
			continue;
		if (!decimal_sub(&quantity, end, low) ||
		    !add_line(w, p, i, quantity, &consumed, last))
			return false;
		if (last)
			return true;
		low = end;
	}
	tally_assert_failed("a tier without end", __FILE__, __LINE__);
}

static tally_i128
divisor(const struct charge_work *w, const struct charge_part *p, tally_i128 ns)
{
	return prices_sku(w->in->prices, p->sku)->meter == METER_GIB_HOUR ? ns * MIB : ns;
}

static int
price_parts(struct charge_work *w)
{
	tally_i128 total = 0;
	struct decimal low = { 0, 0 }, high, consumed;

	for (size_t i = 0; i < w->n_parts; i++) {
		const struct charge_part *p = &w->parts[i];
		struct ratio exact;

		if (i == 0 || compare_groups(w, p - 1, p) != 0) {
			total = 0;
			low = decimal_of(0, 0);
		}
		if (__builtin_add_overflow(total, p->priced, &total) ||
		    !ratio_make(&exact, p->consumed, divisor(w, p, TALLY_SECOND)) ||
		    !ratio_exact(&consumed, exact) ||
		    !ratio_make(&exact, total, divisor(w, p, HOUR_NS)) ||
		    !ratio_round(&high, exact, (unsigned)w->in->prices->quantity_decimals,
				 DECIMAL_HALF_UP) ||
		    !add_lines(w, p, low, high, consumed))
			return refuse_overflow(w, p);
		w->out->notes[p->sku].lines++;
		low = high;
	}
	return 0;
}

int
charge_lines(struct charge_work *w)
{
	if (w->n_parts > 1)
		qsort_r(w->parts, w->n_parts, sizeof(*w->parts), compare_parts, w);
	return price_parts(w);
}

int
charge_compare(const struct charges *list, const struct charge *a, const struct charge *b)
{
	const uint32_t s[] = { a->host,          a->cost_center, a->tenant,    a->environment,
			       a->name,          a->region,      a->rule_pack, a->unit,
			       a->consumed_unit, a->meter,       a->service,   a->category };
	const uint32_t t[] = { b->host,          b->cost_center, b->tenant,    b->environment,
			       b->name,          b->region,      b->rule_pack, b->unit,
			       b->consumed_unit, b->meter,       b->service,   b->category };
	int c = CMP(a->billing_from, b->billing_from);

	if (c || (c = CMP(a->from, b->from)) || (c = CMP(a->to, b->to)) ||
	    (c = CMP(b->has_vm, a->has_vm)) || (c = memcmp(a->vm, b->vm, TALLY_UUID)) ||
	    (c = compare_texts(list->strings, &a->sku, &b->sku, 1)) ||
	    (c = CMP(a->kind, b->kind)) ||
	    (c = compare_texts(list->strings, &a->price_id, &b->price_id, 1)))
		return c;
	if (!decimal_cmp(&c, a->price, b->price)) /* of 12 decimals: it does */
		tally_assert_failed("a price", __FILE__, __LINE__);
	return c ? c : compare_texts(list->strings, s, t, sizeof(s) / sizeof(*s));
}

/* All that tells two lines of a report apart. */
static int
compare_lines(const void *x, const void *y, void *list)
{
	const struct charge *a = x, *b = y;
	int c = charge_compare(list, a, b);

	if (c || (c = CMP(a->revision, b->revision)) || (c = CMP(a->first, b->first)) ||
	    (c = CMP(a->last, b->last)) || !decimal_cmp(&c, a->quantity, b->quantity))
		return c;
	return c;
}

void
charge_sort(struct charges *c)
{
	if (c->n > 1)
		qsort_r(c->p, c->n, sizeof(*c->p), compare_lines, c);
}
