/* SPDX-License-Identifier: Apache-2.0 */
/* Charges as the report's `charges`: everything that another format needs is in a line. */
#include "charge.h"
#include "tally/err.h"
#include "tally/json.h"

const char *
charge_evidence_name(enum charge_evidence e)
{
	static const char *const names[CHARGE_EVIDENCES] = { "witnessed", "imported", "mixed" };

	return names[e];
}

const char *
charge_kind_name(enum charge_kind kind)
{
	static const char *const names[CHARGE_KINDS] = { "usage", "minimum", "rounding" };

	return names[kind];
}

struct out {
	struct tally_jsonw *w;
	const struct charges *c;
};

static void
put_text(const struct out *o, const char *key, uint32_t number)
{
	tally_jsonw_key(o->w, key);
	tally_jsonw_string(o->w, strings_get(o->c->strings, number));
}

static void
put_time(const struct out *o, const char *key, int64_t at)
{
	char text[TALLY_TIME_TEXT];

	tally_wall_text(text, (struct tally_wall){ at });
	tally_jsonw_key(o->w, key);
	tally_jsonw_str(o->w, text);
}

static void
put_decimal(const struct out *o, const char *key, bool has, struct decimal d, unsigned decimals)
{
	char text[DECIMAL_TEXT];

	tally_jsonw_key(o->w, key);
	if (!has) {
		tally_jsonw_null(o->w);
		return;
	}
	decimal_text(text, d, decimals);
	tally_jsonw_str(o->w, text);
}

static void
put_index(const struct out *o, const char *key, bool has, uint64_t index)
{
	tally_jsonw_key(o->w, key);
	if (has)
		tally_jsonw_u64(o->w, index);
	else
		tally_jsonw_null(o->w);
}

static void
put_name(const struct out *o, const char *key, const char *name)
{
	tally_jsonw_key(o->w, key);
	if (name)
		tally_jsonw_str(o->w, name);
	else
		tally_jsonw_null(o->w);
}

/* What was billed, for what time, and who pays. */
static void
put_first(const struct out *o, const struct charge *c)
{
	unsigned minor = o->c->prices->minor_digits;
	bool usage = c->kind == CHARGE_USAGE;

	put_name(o, "account", o->c->prices->account.id);
	put_text(o, "account_name", c->account_name);
	put_decimal(o, "billed", true, c->billed, minor);
	put_time(o, "billing_from", c->billing_from);
	put_time(o, "billing_to", c->billing_to);
	put_time(o, "charge_from", c->from);
	put_time(o, "charge_to", c->to);
	put_name(o, "class", c->revision ? "Correction" : NULL);
	put_decimal(o, "consumed_quantity", usage, c->consumed, 0);
	put_text(o, "consumed_unit", c->consumed_unit);
	put_decimal(o, "cost", true, c->cost, minor);
	put_text(o, "cost_center", c->cost_center);
	put_name(o, "currency", o->c->prices->currency);
	put_text(o, "environment", c->environment);
	put_name(o, "evidence", c->has_vm ? charge_evidence_name(c->evidence) : NULL);
	put_index(o, "first_index", c->has_vm, c->first);
	put_text(o, "host", c->host);
	put_text(o, "invoice", c->invoice);
	put_text(o, "invoice_issuer", c->issuer);
	put_name(o, "kind", charge_kind_name(c->kind));
	put_index(o, "last_index", c->has_vm, c->last);
}

static void
put_owners(const struct out *o, const struct charge *c)
{
	tally_jsonw_key(o->w, "owner");
	tally_jsonw_array(o->w);
	for (uint32_t i = 0; i < c->n_owners; i++) {
		tally_jsonw_object(o->w);
		tally_jsonw_key(o->w, "index");
		tally_jsonw_u64(o->w, c->owners[i].index);
		put_text(o, "origin", c->owners[i].origin);
		tally_jsonw_end(o->w);
	}
	tally_jsonw_end(o->w);
}

static void
put_line(const struct out *o, const struct charge *c)
{
	char uuid[TALLY_UUID_TEXT];
	bool usage = c->kind == CHARGE_USAGE;

	tally_uuid_text(uuid, c->vm);
	tally_jsonw_object(o->w);
	put_first(o, c);
	put_text(o, "meter", c->meter);
	put_text(o, "name", c->name);
	put_text(o, "origin", c->origin);
	put_owners(o, c);
	put_decimal(o, "price", usage, c->price, 0);
	put_text(o, "price_id", c->price_id);
	put_text(o, "provider", c->provider);
	put_text(o, "publisher", c->publisher);
	put_decimal(o, "quantity", usage, c->quantity, 0);
	put_text(o, "region", c->region);
	put_index(o, "revision", true, c->revision);
	put_text(o, "rule_pack", c->rule_pack);
	put_text(o, "service", c->service);
	put_text(o, "service_category", c->category);
	put_text(o, "sku", c->sku);
	put_text(o, "tenant", c->tenant);
	put_text(o, "unit", c->unit);
	put_name(o, "vm", c->has_vm ? uuid : NULL);
	tally_jsonw_end(o->w);
}

void
charges_json(const struct charges *c, struct tally_jsonw *w)
{
	struct out o = { w, c };

	tally_jsonw_array(w);
	for (size_t i = 0; i < c->n; i++)
		put_line(&o, &c->p[i]);
	tally_jsonw_end(w);
}
