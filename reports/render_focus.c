/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges as FOCUS 1.2 (FORMAT.md section 22): the 21 mandatory columns, those
 * that a meter can fill, then ours. One table says what a column is called, of
 * which type it is, and how a line fills it; the metadata are the same table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "charge.h"
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/json.h"

/* Of the columns below: a new one with each change of theirs. */
#define SCHEMA_ID     "8d2f6c1e-4b7a-4e0c-9d53-71a6e2c40b95"
#define SCHEMA_DATE   "2026-11-22T00:00:00Z"
#define FOCUS_VERSION "1.2"
#define STRING_MOST   65535 /* bytes: what an entry's group can hold */

struct focus {
	const struct charges *c;
	const struct charge_root *roots;
	size_t n_roots;
	struct tally_buf *out;
	struct tally_buf cell;
};
enum focus_type { STRING, DECIMAL, INTEGER, DATETIME, JSON };

/* A line's cell: text or number into `f->cell`; nothing is a null. */
typedef void focus_fill(struct focus *f, const struct charge *c);

static void
text(struct focus *f, uint32_t number)
{
	tally_buf_add_bytes(&f->cell, strings_get(f->c->strings, number));
}

static void
number(struct focus *f, struct decimal d, unsigned decimals)
{
	char digits[DECIMAL_TEXT];

	decimal_text(digits, d, decimals);
	tally_buf_add_str(&f->cell, digits);
}

static void
money(struct focus *f, struct decimal d)
{
	number(f, d, f->c->prices->minor_digits);
}

/* Whole seconds: a period's begin down, its end up. */
static void
instant(struct focus *f, int64_t at, bool end)
{
	char shown[TALLY_TIME_TEXT];
	int64_t rest = at % TALLY_SECOND;

	at -= rest;
	if (end && rest > 0)
		at += TALLY_SECOND;
	tally_wall_text(shown, (struct tally_wall){ at });
	tally_buf_add_str(&f->cell, shown);
}

static bool
is_usage(const struct charge *c)
{
	return c->kind == CHARGE_USAGE;
}

static void
billed_cost(struct focus *f, const struct charge *c)
{
	money(f, c->billed);
}

static void
list_cost(struct focus *f, const struct charge *c)
{
	money(f, is_usage(c) ? c->cost : c->billed);
}

static void
account_id(struct focus *f, const struct charge *c)
{
	(void)c;
	tally_buf_add_str(&f->cell, f->c->prices->account.id);
}

static void
account_name(struct focus *f, const struct charge *c)
{
	text(f, c->account_name);
}

static void
currency(struct focus *f, const struct charge *c)
{
	(void)c;
	tally_buf_add_str(&f->cell, f->c->prices->currency);
}

static void
billing_start(struct focus *f, const struct charge *c)
{
	instant(f, c->billing_from, false);
}

static void
billing_end(struct focus *f, const struct charge *c)
{
	instant(f, c->billing_to, true);
}

static void
charge_start(struct focus *f, const struct charge *c)
{
	instant(f, c->from, false);
}

static void
charge_end(struct focus *f, const struct charge *c)
{
	instant(f, c->to, true);
}

static void
charge_category(struct focus *f, const struct charge *c)
{
	tally_buf_add_str(&f->cell, is_usage(c) ? "Usage" : "Adjustment");
}

static void
charge_class(struct focus *f, const struct charge *c)
{
	tally_buf_add_str(&f->cell, c->revision ? "Correction" : "");
}

static void
description(struct focus *f, const struct charge *c)
{
	if (c->revision)
		tally_buf_add_str(&f->cell, "Correction: ");
	if (c->kind == CHARGE_ROUNDING) {
		tally_buf_add_str(&f->cell, "Rounding of the invoice");
		return;
	}
	text(f, c->meter);
	tally_buf_add_str(&f->cell, ": ");
	if (c->kind == CHARGE_MINIMUM) {
		tally_buf_add_str(&f->cell, "to the minimum charge");
		return;
	}
	number(f, c->quantity, 0);
	tally_buf_add_str(&f->cell, " ");
	text(f, c->unit);
	tally_buf_add_str(&f->cell, " at ");
	number(f, c->price, 0);
	tally_buf_addf(&f->cell, " %s", f->c->prices->currency);
}

static void
issuer(struct focus *f, const struct charge *c)
{
	text(f, c->issuer);
}

static void
provider(struct focus *f, const struct charge *c)
{
	text(f, c->provider);
}

static void
publisher(struct focus *f, const struct charge *c)
{
	text(f, c->publisher);
}

static void
pricing_quantity(struct focus *f, const struct charge *c)
{
	if (is_usage(c))
		number(f, c->quantity, 0);
}

static void
pricing_unit(struct focus *f, const struct charge *c)
{
	text(f, c->unit);
}

static void
service_category(struct focus *f, const struct charge *c)
{
	text(f, c->category);
}

static void
service_name(struct focus *f, const struct charge *c)
{
	text(f, c->service);
}

static void
consumed_quantity(struct focus *f, const struct charge *c)
{
	if (is_usage(c))
		number(f, c->consumed, 0);
}

static void
consumed_unit(struct focus *f, const struct charge *c)
{
	text(f, c->consumed_unit);
}

static void
resource_id(struct focus *f, const struct charge *c)
{
	char uuid[TALLY_UUID_TEXT];

	if (!c->has_vm)
		return;
	tally_uuid_text(uuid, c->vm);
	tally_buf_add_str(&f->cell, uuid);
}

static void
resource_name(struct focus *f, const struct charge *c)
{
	text(f, c->name);
}

static void
resource_type(struct focus *f, const struct charge *c)
{
	if (c->has_vm)
		tally_buf_add_str(&f->cell, "Virtual Machine");
}

static void
region(struct focus *f, const struct charge *c)
{
	text(f, c->region);
}

static void
cost_center(struct focus *f, const struct charge *c)
{
	text(f, c->cost_center);
}

static void
sub_account_type(struct focus *f, const struct charge *c)
{
	if (c->cost_center)
		tally_buf_add_str(&f->cell, "Cost Center");
}

static void
sku_id(struct focus *f, const struct charge *c)
{
	text(f, c->sku);
}

static void
sku_meter(struct focus *f, const struct charge *c)
{
	text(f, c->meter);
}

static void
sku_price_id(struct focus *f, const struct charge *c)
{
	text(f, c->price_id);
}

static void
unit_price(struct focus *f, const struct charge *c)
{
	if (is_usage(c))
		number(f, c->price, 0);
}

static void
pricing_category(struct focus *f, const struct charge *c)
{
	if (is_usage(c))
		tally_buf_add_str(&f->cell, "Standard");
}

static void
tags(struct focus *f, const struct charge *c)
{
	const struct {
		const char *key;
		uint32_t value;
	} all[] = { { "cost_center", c->cost_center },
		    { "environment", c->environment },
		    { "tenant", c->tenant } };
	struct tally_jsonw *w;

	if (!c->cost_center && !c->environment && !c->tenant)
		return;
	w = tally_jsonw_new(&f->cell, true);
	tally_jsonw_object(w);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].value) {
			tally_jsonw_key(w, all[i].key);
			tally_jsonw_string(w, strings_get(f->c->strings, all[i].value));
		}
	tally_jsonw_end(w);
	tally_jsonw_free(w);
}

static void
invoice_id(struct focus *f, const struct charge *c)
{
	text(f, c->invoice);
}

static void
ledger_root(struct focus *f, const struct charge *c)
{
	struct tally_bytes origin = strings_get(f->c->strings, c->origin);

	for (size_t i = 0; c->has_vm && i < f->n_roots; i++)
		if (tally_bytes_eq(f->roots[i].origin, origin)) {
			tally_buf_add_base64(&f->cell, f->roots[i].root, TALLY_HASH);
			return;
		}
}

static void
first_index(struct focus *f, const struct charge *c)
{
	if (c->has_vm)
		tally_buf_addf(&f->cell, "%" PRIu64, c->first);
}

static void
last_index(struct focus *f, const struct charge *c)
{
	if (c->has_vm)
		tally_buf_addf(&f->cell, "%" PRIu64, c->last);
}

static void
evidence_class(struct focus *f, const struct charge *c)
{
	if (c->has_vm)
		tally_buf_add_str(&f->cell, charge_evidence_name(c->evidence));
}

static void
host_id(struct focus *f, const struct charge *c)
{
	text(f, c->host);
}

static void
rule_pack(struct focus *f, const struct charge *c)
{
	text(f, c->rule_pack);
}

static const struct {
	const char *name;
	enum focus_type type;
	focus_fill *fill;
	unsigned scale; /* of decimals: most digits behind the point */
} columns[] = {
	/* Mandatory. */
	{ "BilledCost", DECIMAL, billed_cost, PRICE_DECIMALS + QUANTITY_DECIMALS },
	{ "BillingAccountId", STRING, account_id, 0 },
	{ "BillingAccountName", STRING, account_name, 0 },
	{ "BillingCurrency", STRING, currency, 0 },
	{ "BillingPeriodEnd", DATETIME, billing_end, 0 },
	{ "BillingPeriodStart", DATETIME, billing_start, 0 },
	{ "ChargeCategory", STRING, charge_category, 0 },
	{ "ChargeClass", STRING, charge_class, 0 },
	{ "ChargeDescription", STRING, description, 0 },
	{ "ChargePeriodEnd", DATETIME, charge_end, 0 },
	{ "ChargePeriodStart", DATETIME, charge_start, 0 },
	{ "ContractedCost", DECIMAL, list_cost, PRICE_DECIMALS + QUANTITY_DECIMALS },
	{ "EffectiveCost", DECIMAL, billed_cost, PRICE_DECIMALS + QUANTITY_DECIMALS },
	{ "InvoiceIssuerName", STRING, issuer, 0 },
	{ "ListCost", DECIMAL, list_cost, PRICE_DECIMALS + QUANTITY_DECIMALS },
	{ "PricingQuantity", DECIMAL, pricing_quantity, QUANTITY_DECIMALS },
	{ "PricingUnit", STRING, pricing_unit, 0 },
	{ "ProviderName", STRING, provider, 0 },
	{ "PublisherName", STRING, publisher, 0 },
	{ "ServiceCategory", STRING, service_category, 0 },
	{ "ServiceName", STRING, service_name, 0 },
	/* Conditional and recommended. */
	{ "ConsumedQuantity", DECIMAL, consumed_quantity, 19 },
	{ "ConsumedUnit", STRING, consumed_unit, 0 },
	{ "ResourceId", STRING, resource_id, 0 },
	{ "ResourceName", STRING, resource_name, 0 },
	{ "ResourceType", STRING, resource_type, 0 },
	{ "RegionId", STRING, region, 0 },
	{ "RegionName", STRING, region, 0 },
	{ "SubAccountId", STRING, cost_center, 0 },
	{ "SubAccountName", STRING, cost_center, 0 },
	{ "SubAccountType", STRING, sub_account_type, 0 },
	{ "SkuId", STRING, sku_id, 0 },
	{ "SkuMeter", STRING, sku_meter, 0 },
	{ "SkuPriceId", STRING, sku_price_id, 0 },
	{ "ListUnitPrice", DECIMAL, unit_price, PRICE_DECIMALS },
	{ "ContractedUnitPrice", DECIMAL, unit_price, PRICE_DECIMALS },
	{ "PricingCategory", STRING, pricing_category, 0 },
	{ "Tags", JSON, tags, 0 },
	{ "InvoiceId", STRING, invoice_id, 0 },
	/* Ours. */
	{ "x_LedgerRoot", STRING, ledger_root, 0 },
	{ "x_FirstIndex", INTEGER, first_index, 0 },
	{ "x_LastIndex", INTEGER, last_index, 0 },
	{ "x_EvidenceClass", STRING, evidence_class, 0 },
	{ "x_HostId", STRING, host_id, 0 },
	{ "x_RulePack", STRING, rule_pack, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(*columns))

static void
row(struct focus *f, const struct charge *c)
{
	for (size_t i = 0; i < N_COLUMNS; i++) {
		tally_buf_clear(&f->cell);
		columns[i].fill(f, c);
		if (columns[i].type == DECIMAL || columns[i].type == INTEGER)
			tally_csv_number(f->out, tally_buf_cstr(&f->cell));
		else
			tally_csv_text(f->out, tally_buf_view(&f->cell));
	}
	tally_csv_end(f->out);
}

void
charges_focus(const struct charges *c, const struct charge_root *roots, size_t n,
	      struct tally_buf *out)
{
	struct focus f = { .c = c, .roots = roots, .n_roots = n, .out = out };

	for (size_t i = 0; i < N_COLUMNS; i++)
		tally_csv_text(out, tally_bytes_str(columns[i].name));
	tally_csv_end(out);
	for (size_t i = 0; i < c->n; i++)
		row(&f, &c->p[i]);
	tally_buf_deinit(&f.cell);
}

static void
put_str(struct tally_jsonw *w, const char *key, const char *value)
{
	tally_jsonw_key(w, key);
	tally_jsonw_str(w, value);
}

static void
put_number(struct tally_jsonw *w, const char *key, uint64_t value)
{
	tally_jsonw_key(w, key);
	tally_jsonw_u64(w, value);
}

static void
put_column(struct tally_jsonw *w, size_t i)
{
	static const char *const types[] = { "STRING", "DECIMAL", "INTEGER", "DATETIME", "JSON" };

	tally_jsonw_object(w);
	put_str(w, "ColumnName", columns[i].name);
	put_str(w, "DataType", types[columns[i].type]);
	if (columns[i].type == DECIMAL) {
		put_number(w, "NumberScale", columns[i].scale);
		put_number(w, "NumericPrecision", 39);
	} else if (columns[i].type == INTEGER) {
		put_number(w, "NumericPrecision", 20);
	} else if (columns[i].type == JSON) {
		tally_jsonw_key(w, "ProviderTagPrefixes");
		tally_jsonw_array(w); /* all tags are the users' */
		tally_jsonw_end(w);
	} else if (columns[i].type == STRING) {
		put_str(w, "StringEncoding", "UTF-8");
		put_number(w, "StringMaxLength", STRING_MOST);
	}
	tally_jsonw_end(w);
}

static void
put_invoice(struct tally_jsonw *w, const struct charges *c, const struct invoice *i)
{
	char digits[DECIMAL_TEXT];

	decimal_text(digits, i->billed, c->prices->minor_digits);
	tally_jsonw_object(w);
	put_str(w, "BilledCost", digits);
	put_str(w, "BillingCurrency", c->prices->currency);
	tally_jsonw_key(w, "InvoiceId");
	tally_jsonw_string(w, strings_get(c->strings, i->id));
	put_number(w, "rows", i->lines);
	tally_jsonw_end(w);
}

int
charges_focus_metadata(const struct charges *c, const char *name, uint64_t bytes,
		       struct tally_buf *out, struct tally_err *err)
{
	struct invoice *invoices = NULL;
	struct tally_jsonw *w;
	size_t n = 0;

	if (charges_invoices(c, &invoices, &n, err) < 0)
		return -1;
	w = tally_jsonw_new(out, false);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "ColumnDefinition");
	tally_jsonw_array(w);
	for (size_t i = 0; i < N_COLUMNS; i++)
		put_column(w, i);
	tally_jsonw_end(w);
	put_str(w, "CreationDate", SCHEMA_DATE);
	put_str(w, "DataGenerator", "Tallystick");
	put_str(w, "DataGeneratorVersion", TALLY_VERSION);
	put_str(w, "FocusVersion", FOCUS_VERSION);
	put_str(w, "SchemaId", SCHEMA_ID);
	tally_jsonw_key(w, "data_location");
	tally_jsonw_array(w);
	tally_jsonw_object(w);
	put_str(w, "filepath", name);
	put_number(w, "total_bytes", bytes);
	put_number(w, "total_rows", c->n);
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_key(w, "x_Invoices");
	tally_jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		put_invoice(w, c, &invoices[i]);
	tally_jsonw_end(w);
	tally_jsonw_end(w);
	tally_jsonw_free(w);
	tally_buf_add_u8(out, '\n');
	free(invoices);
	return 0;
}
