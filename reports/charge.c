/* SPDX-License-Identifier: Apache-2.0 */
/* Charges of a report: the steps in order, and what is done to money itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"

static int
refuse_money(const struct tally_prices *p, struct tally_err *err)
{
	return tally_err_set(err, TALLY_USE, "%s: an invoice is more than exact money holds",
			     p->file);
}

/* Usage lines of one VM, SKU and billing period follow one another in this order: the
 * last is that whose time ends last. */
static int
compare_minima(const void *x, const void *y, void *list)
{
	const struct charges *c = list;
	const struct charge *a = &c->p[*(const size_t *)x], *b = &c->p[*(const size_t *)y];
	int r = a->billing_from < b->billing_from ? -1 : a->billing_from > b->billing_from;

	if (r || (r = memcmp(a->vm, b->vm, TALLY_UUID)))
		return r;
	if (a->sku_number != b->sku_number)
		return a->sku_number < b->sku_number ? -1 : 1;
	if (a->until != b->until)
		return a->until < b->until ? -1 : 1;
	return a < b ? -1 : a > b; /* the report's order */
}

static bool
round_line(const struct charges *c, struct charge *line)
{
	line->billed = line->cost;
	return c->prices->money != MONEY_LINE ||
	       decimal_round(&line->billed, line->cost, c->prices->minor_digits,
			     c->prices->rounding);
}

/* What lacks to the minimum goes to the owner of the last time, in a line of its own. */
static bool
add_minimum(struct charges *c, size_t last, struct decimal sum)
{
	struct decimal least = prices_sku(c->prices, c->p[last].sku_number)->minimum_charge, lack;
	struct charge *line;
	int compared;

	if (least.digits == 0)
		return true;
	if (!decimal_cmp(&compared, sum, least) || !decimal_sub(&lack, least, sum))
		return false;
	if (compared >= 0)
		return true;
	line = charge_add(c);
	*line = c->p[last];
	line->kind = CHARGE_MINIMUM;
	line->unit = line->consumed_unit = line->price_id = 0;
	line->quantity = line->consumed = line->price = decimal_of(0, 0);
	line->cost = lack;
	return round_line(c, line);
}

static bool
add_minima(struct charges *c)
{
	size_t n = c->n, *order = tally_alloc((n + 1) * sizeof(*order));
	struct decimal sum = { 0, 0 };
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	if (n > 1)
		qsort_r(order, n, sizeof(*order), compare_minima, c);
	for (size_t i = 0; ok && i < n; i++) {
		const struct charge *a = &c->p[order[i]],
				    *b = i + 1 < n ? &c->p[order[i + 1]] : NULL;

		ok = decimal_add(&sum, sum, a->billed);
		if (b && a->billing_from == b->billing_from && a->sku_number == b->sku_number &&
		    memcmp(a->vm, b->vm, TALLY_UUID) == 0)
			continue;
		ok = ok && add_minimum(c, order[i], sum);
		sum = decimal_of(0, 0);
	}
	free(order);
	return ok;
}

/* Lines [first, end) are one billing period's, in the report's order. */
static bool
round_invoice(struct charges *c, size_t first, size_t end)
{
	struct decimal sum = { 0, 0 }, whole, rest;
	struct charge *line;

	for (size_t i = first; i < end; i++)
		if (!decimal_add(&sum, sum, c->p[i].billed))
			return false;
	if (!decimal_round(&whole, sum, c->prices->minor_digits, c->prices->rounding) ||
	    !decimal_sub(&rest, whole, sum))
		return false;
	if (rest.digits == 0)
		return true;
	line = charge_add(c);
	line->kind = CHARGE_ROUNDING;
	line->billing_from = c->p[first].billing_from;
	line->billing_to = c->p[first].billing_to;
	line->from = c->p[first].from;
	line->to = c->p[end - 1].to;
	line->service = strings_add(c->strings, tally_bytes_str("Billing"));
	line->category = strings_add(c->strings, tally_bytes_str("Other"));
	line->cost = line->billed = rest;
	return true;
}

static bool
round_invoices(struct charges *c)
{
	size_t n = c->n;

	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1;
		     end < n && c->p[end].billing_from == c->p[first].billing_from;)
			end++;
		if (!round_invoice(c, first, end))
			return false;
	}
	return true;
}

static int
name_invoices(struct charges *c, const struct tally_zone *zone, struct tally_err *err)
{
	struct tally_buf id = TALLY_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->n; i++) {
		struct tally_date d;

		if (i > 0 && c->p[i].billing_from == c->p[i - 1].billing_from) {
			c->p[i].invoice = c->p[i - 1].invoice;
			continue;
		}
		rc = tally_zone_date_of(zone, (struct tally_wall){ c->p[i].billing_from }, &d, err);
		if (rc < 0)
			break;
		tally_buf_clear(&id);
		tally_buf_addf(&id, "%s-%04d-%02d", c->prices->account.id, d.year, d.month);
		c->p[i].invoice = strings_add(c->strings, tally_buf_view(&id));
	}
	tally_buf_deinit(&id);
	return rc;
}

/* An issued line keeps them, whatever a later list calls them. */
static void
name_parties(struct charges *c)
{
	const struct tally_prices *p = c->prices;
	const char *account = p->account.name ? p->account.name : "";
	uint32_t name = strings_add(c->strings, tally_bytes_str(account));
	uint32_t issuer = strings_add(c->strings, tally_bytes_str(p->issuer));
	uint32_t provider = strings_add(c->strings, tally_bytes_str(p->provider));
	uint32_t publisher = strings_add(c->strings, tally_bytes_str(p->publisher));

	for (size_t i = 0; i < c->n; i++) {
		c->p[i].account_name = name;
		c->p[i].issuer = issuer;
		c->p[i].provider = provider;
		c->p[i].publisher = publisher;
	}
}

int
charge_money(struct charges *c, const struct charge_inputs *in, struct tally_err *err)
{
	struct invoice *invoices = NULL;
	size_t n;

	charge_sort(c);
	for (size_t i = 0; i < c->n; i++)
		if (!round_line(c, &c->p[i]))
			return refuse_money(c->prices, err);
	if (!add_minima(c))
		return refuse_money(c->prices, err);
	charge_sort(c);
	if (c->prices->money == MONEY_INVOICE && !round_invoices(c))
		return refuse_money(c->prices, err);
	charge_sort(c);
	name_parties(c);
	if (name_invoices(c, in->zone, err) < 0 || charges_invoices(c, &invoices, &n, err) < 0)
		return -1;
	free(invoices);
	return 0;
}

int
charges_make(struct charges *out, const struct charge_inputs *in, struct tally_err *err)
{
	struct charge_work w = { .in = in, .out = out, .err = err };
	int rc;

	memset(out, 0, sizeof(*out));
	out->strings = in->estate->strings;
	out->prices = in->prices;
	out->notes = tally_alloc((in->prices->skus.count + 1) * sizeof(*out->notes));
	rc = charge_plan(&w);
	if (rc == 0)
		rc = charge_parts(&w);
	if (rc == 0)
		rc = charge_lines(&w);
	if (rc == 0)
		rc = charge_money(out, in, err);
	charge_plan_deinit(&w);
	for (size_t i = 0; i < w.n_parts; i++)
		ids_deinit(&w.parts[i].owners);
	free(w.parts);
	free(w.slots);
	if (rc < 0)
		charges_deinit(out);
	return rc;
}

void
charges_deinit(struct charges *c)
{
	free(c->p);
	free(c->notes);
	tally_arena_free(c->owners);
	memset(c, 0, sizeof(*c));
}

static int
compare_invoices(const void *x, const void *y, void *list)
{
	const struct charges *c = list;
	const struct charge *a = &c->p[*(const size_t *)x], *b = &c->p[*(const size_t *)y];

	if (a->billing_from != b->billing_from)
		return a->billing_from < b->billing_from ? -1 : 1;
	if (a->revision != b->revision)
		return a->revision < b->revision ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Adds a line to the newest invoice, or begins one. */
static bool
add_to_invoice(struct invoice *list, size_t *n, const struct charge *line)
{
	if (*n == 0 || list[*n - 1].id != line->invoice)
		list[(*n)++] = (struct invoice){ .id = line->invoice,
						 .from = line->billing_from,
						 .to = line->billing_to };
	list[*n - 1].lines++;
	return decimal_add(&list[*n - 1].billed, list[*n - 1].billed, line->billed);
}

int
charges_invoices(const struct charges *c, struct invoice **out, size_t *n, struct tally_err *err)
{
	size_t *order = tally_alloc((c->n + 1) * sizeof(*order));
	struct invoice *list = NULL;
	size_t cap = 0;
	bool ok = true;

	*n = 0;
	for (size_t i = 0; i < c->n; i++)
		order[i] = i;
	if (c->n > 1)
		qsort_r(order, c->n, sizeof(*order), compare_invoices, (void *)(uintptr_t)c);
	for (size_t i = 0; ok && i < c->n; i++) {
		list = array_grow(list, &cap, *n, sizeof(*list));
		ok = add_to_invoice(list, n, &c->p[order[i]]);
	}
	/* Whoever pays, pays whole minor units, and they are 64 bits wide. */
	for (size_t i = 0; ok && i < *n; i++) {
		struct decimal payable;
		int64_t minor;

		ok = decimal_round(&payable, list[i].billed, c->prices->minor_digits,
				   c->prices->rounding) &&
		     decimal_minor(&minor, payable, c->prices->minor_digits);
	}
	free(order);
	if (!ok) {
		free(list);
		return refuse_money(c->prices, err);
	}
	*out = list;
	return 0;
}
