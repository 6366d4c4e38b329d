/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a SKU counts a stay. A SKU of a rule counts what the rule's positions
 * measure, by the same function: what a right excludes there is not billed here.
 */
#include <stdlib.h>
#include <string.h>
#include "charge_internal.h"
#include "tally/err.h"

/* Versions of a rule in one pack: positions are of the products of the newest. */
static const struct rule *
newest_of(const struct tally_pack *pack, const struct rule *r)
{
	const struct rule *newest = r;

	for (size_t i = 0; i < pack->n_rules; i++)
		if (strcmp(pack->rules[i].id, r->id) == 0 &&
		    pack->rules[i].valid_from > newest->valid_from)
			newest = &pack->rules[i];
	return newest;
}

static void
add_counted(const struct charge_work *w, struct charge_rule *c, const char *product,
	    const char *software)
{
	uint32_t text = strings_add(w->in->estate->strings, tally_bytes_str(product));

	counted_init(&c->counted[c->n++], w->in->estate, c->rule, text, software, w->in->rights);
}

const struct charge_rule *
charge_rule(struct charge_work *w, const struct tally_pack *pack, const struct rule *r)
{
	const struct rule *newest = newest_of(pack, r);
	size_t n = newest->product ? 1 : newest->software.count;
	struct charge_rule *c;

	for (size_t i = 0; i < w->n_rules; i++)
		if (w->rules[i]->rule == r)
			return w->rules[i];
	c = tally_alloc(sizeof(*c));
	w->rules = array_grow(w->rules, &w->cap_rules, w->n_rules, sizeof(struct charge_rule *));
	w->rules[w->n_rules++] = c;
	c->rule = r;
	c->counted = tally_alloc((n + 1) * sizeof(*c->counted));
	if (newest->product)
		add_counted(w, c, newest->product, NULL);
	for (size_t i = 0; !newest->product && i < n; i++)
		add_counted(w, c, newest->software.items[i], newest->software.items[i]);
	return c;
}

void
charge_rules_deinit(struct charge_work *w)
{
	for (size_t i = 0; i < w->n_rules; i++) {
		for (size_t k = 0; k < w->rules[i]->n; k++)
			counted_deinit(&w->rules[i]->counted[k]);
		free(w->rules[i]->counted);
		free(w->rules[i]);
	}
	free(w->rules);
}

static enum charge_counts
rule_counts(const struct charge_rule *c, const struct stay *s)
{
	unsigned in = 0;

	for (size_t i = 0; i < c->n; i++)
		in |= counted_stay(&c->counted[i], s);
	return in & COUNTS_MEASURED ? CHARGE_COUNTS : in ? CHARGE_PERHAPS : CHARGE_COUNTS_NOT;
}

static bool
begins(struct tally_bytes text, const char *prefix)
{
	size_t n = strlen(prefix);

	return text.len >= n && memcmp(text.p, prefix, n) == 0;
}

static enum charge_counts
os_counts(const struct charge_work *w, const struct stay_claims *c, const char *const *prefixes)
{
	struct tally_bytes os = strings_get(w->in->estate->strings, c->os);

	if (c->os == 0)
		return CHARGE_PERHAPS;
	for (; *prefixes; prefixes++)
		if (begins(os, *prefixes))
			return CHARGE_COUNTS;
	return CHARGE_COUNTS_NOT;
}

static enum charge_counts
software_counts(const struct charge_work *w, const struct stay_claims *c, const char *software)
{
	for (uint32_t i = 0; i < c->software.n; i++)
		if (tally_bytes_eq(strings_get(w->in->estate->strings, c->software.p[i]),
				   tally_bytes_str(software)))
			return CHARGE_COUNTS;
	return CHARGE_COUNTS_NOT;
}

enum charge_counts
charge_counts(const struct charge_work *w, const struct stay *s, const struct price_sku *sku,
	      const struct sku_span *span)
{
	const struct stay_claims *c = &w->in->estate->claims[s->claims];
	const char *const uri[] = { sku->product, NULL };

	if (sku->kind == PRODUCT_RULE)
		return span->rule ? rule_counts(span->rule, s) : CHARGE_COUNTS_NOT;
	if ((s->state != RUNNING && s->state != PAUSED) || s->standby)
		return CHARGE_COUNTS_NOT;
	switch (sku->kind) {
	case PRODUCT_ANY:
		return CHARGE_COUNTS;
	case PRODUCT_OS:
		return os_counts(w, c, uri);
	case PRODUCT_FAMILY:
		return os_counts(w, c, sku->prefixes);
	case PRODUCT_SOFTWARE:
		return software_counts(w, c, sku->product);
	case PRODUCT_RULE:
		break;
	}
	tally_assert_failed("a kind of product", __FILE__, __LINE__);
}
