/* SPDX-License-Identifier: Apache-2.0 */
/* Charges as a part of the report: what its price list makes of its estate, what an
 * earlier report billed already, and what the list could not count. */
#include <stdlib.h>
#include "compare.h"
#include "report_internal.h"
#include "tally/csv.h"
#include "tally/err.h"

/* Time that is not charged for want of a figure must not pass for free time. */
static void
note_sku(struct tally_report *r, const struct price_sku *sku, const struct charge_note *note)
{
	struct tally_buf text = TALLY_BUF_INIT;
	char seconds[64];

	if (note->unknown_ns > 0) {
		tally_seconds_text(seconds, note->unknown_ns);
		tally_buf_addf(&text, ", %s s", seconds);
	}
	if (note->unknown_os_ns > 0) {
		tally_seconds_text(seconds, note->unknown_os_ns);
		tally_buf_addf(&text, ", %s s of an unknown OS or edition", seconds);
	}
	if (text.len > 0) {
		struct finding *g = findings_count(&r->findings, F_CHARGE_UNKNOWN, FLEET, 1);

		finding_case(g, "%s%s", sku->id, tally_buf_cstr(&text));
		finding_entry(g, note->ledger, note->entry);
	} else if (note->lines == 0) {
		finding_case(findings_count(&r->findings, F_PRICE_UNUSED, FLEET, 1), "%s", sku->id);
	}
	tally_buf_deinit(&text);
}

/* An invoice of a part of a month bears the name of the month's. */
static void
note_parts(struct tally_report *r)
{
	const struct charges *c = &r->charges;

	for (size_t i = 0; i < c->n; i++) {
		const struct charge *line = &c->p[i];
		struct tally_bytes id = strings_get(c->strings, line->invoice);

		if ((i > 0 && line->billing_from == line[-1].billing_from) ||
		    (r->from <= line->billing_from && r->to >= line->billing_to))
			continue;
		finding_case(findings_count(&r->findings, F_BILLING_PART, FLEET, 1), "%.*s",
			     (int)id.len, (const char *)id.p);
	}
}

static bool
rule_names(const struct rule *r, struct tally_bytes product)
{
	return rule_in(&r->software, product) || rule_in(&r->licences, product) ||
	       (r->product && tally_bytes_eq(tally_bytes_str(r->product), product));
}

/* Software may be called anything; what nothing else calls so may be mistyped. */
static bool
product_known(const struct tally_report *r, const struct tally_report_options *o,
	      struct tally_bytes product)
{
	for (size_t i = 0; i < o->n_packs; i++)
		for (size_t k = 0; k < o->packs[i]->n_rules; k++)
			if (rule_names(&o->packs[i]->rules[k], product))
				return true;
	for (size_t i = 0; i < r->estate.n_claims; i++)
		for (uint32_t k = 0; k < r->estate.claims[i].software.n; k++)
			if (tally_bytes_eq(report_text(r, r->estate.claims[i].software.p[k]),
					   product))
				return true;
	return false;
}

static void
note_product(struct tally_report *r, const struct tally_report_options *o,
	     const struct price_sku *sku)
{
	if (sku->kind == PRODUCT_SOFTWARE && !product_known(r, o, tally_bytes_str(sku->product)))
		finding_case(findings_count(&r->findings, F_PRICE_UNKNOWN_PRODUCT, FLEET, 1),
			     "%s, %s", sku->id, sku->product);
}

int
report_charges(struct tally_report *r, const struct tally_report_options *o, struct tally_err *err)
{
	struct tally_bytes *origins;
	struct charge_inputs in = { .estate = &r->estate,
				    .prices = o->prices,
				    .zone = o->zone,
				    .from = r->from,
				    .to = r->to,
				    .packs = o->packs,
				    .n_packs = o->n_packs,
				    .rights = r->entitlements ? &r->rights.rights : NULL };
	int rc;

	if (!o->prices)
		return 0;
	origins = tally_alloc((r->n_ledgers + 1) * sizeof(*origins));
	for (size_t i = 0; i < r->n_ledgers; i++)
		origins[i] = r->ledgers[i].origin;
	in.origins = origins;
	rc = charges_make(&r->charges, &in, err);
	free(origins);
	for (size_t i = 0; rc == 0 && i < o->prices->skus.count; i++) {
		note_sku(r, prices_sku(o->prices, i), &r->charges.notes[i]);
		note_product(r, o, prices_sku(o->prices, i));
	}
	if (rc == 0)
		note_parts(r);
	return rc;
}

int
report_correct(struct tally_report *r, const struct compare *old, struct tally_err *err)
{
	const struct tally_json *charges = tally_json_get(tally_json_root(old->doc), "charges");

	/* Nothing was billed, so there is nothing to correct. */
	if (charges && tally_json_type(charges) == TALLY_JSON_ARRAY &&
	    tally_json_count(charges) == 0)
		return 0;
	if (!r->charges.prices)
		return tally_err_set(err, TALLY_USE,
				     "%s: it has charges: without a price list they would be lost",
				     old->name);
	if (charges_correct(&r->charges, charges, err) < 0)
		return tally_err_prefix(err, "%s", old->name);
	return 0;
}

void
report_charges_json(struct tally_jsonw *w, const struct tally_report *r)
{
	if (r->charges.prices) {
		charges_json(&r->charges, w);
		return;
	}
	tally_jsonw_array(w);
	tally_jsonw_end(w);
}

void
tally_report_focus(const struct tally_report *r, struct tally_buf *out)
{
	struct charge_root *roots = tally_alloc((r->n_ledgers + 1) * sizeof(*roots));

	TALLY_ASSERT(r->charges.prices);
	for (size_t i = 0; i < r->n_ledgers; i++)
		roots[i] = (struct charge_root){ r->ledgers[i].origin, r->ledgers[i].root };
	charges_focus(&r->charges, roots, r->n_ledgers, out);
	free(roots);
}

int
tally_report_focus_metadata(const struct tally_report *r, const char *name, uint64_t bytes,
			    struct tally_buf *out, struct tally_err *err)
{
	TALLY_ASSERT(r->charges.prices);
	return charges_focus_metadata(&r->charges, name, bytes, out, err);
}

void
report_charges_text(const struct tally_report *r, struct tally_buf *out)
{
	const struct charges *c = &r->charges;
	struct tally_err ignored = TALLY_ERR_INIT;
	struct invoice *list = NULL;
	size_t n = 0;

	if (!c->prices || charges_invoices(c, &list, &n, &ignored) < 0)
		return;
	tally_buf_add_str(out, "\nInvoices\n");
	if (n == 0)
		tally_buf_add_str(out, "  nothing is charged\n");
	for (size_t i = 0; i < n; i++) {
		char digits[DECIMAL_TEXT];

		decimal_text(digits, list[i].billed, c->prices->minor_digits);
		tally_buf_add_str(out, "  ");
		tally_printable(out, strings_get(c->strings, list[i].id));
		tally_buf_addf(out, "  %s %s, %zu %s\n", digits, c->prices->currency, list[i].lines,
			       list[i].lines == 1 ? "line" : "lines");
	}
	free(list);
}
