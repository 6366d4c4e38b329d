/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_CHARGE_INTERNAL_H
#define TALLY_REPORTS_CHARGE_INTERNAL_H
/*
 * Between the steps of charging. A part is what one SKU counts of one VM in one
 * slice of the calendar while nothing that a line shows changes: exact, in units
 * times nanoseconds (GiB-hours: MiB times nanoseconds).
 */
#include "charge.h"

/* A charge period: a day or a month of the zone's calendar, cut to the report. */
struct slice {
	int64_t from, to, billing_from, billing_to;
	unsigned month; /* of slices in one billing period, from 0 */
};
struct charge_part {
	uint32_t slice, sku, price; /* numbers */
	uint32_t vm;                /* of the estate */
	uint32_t host, ledger, name, tenant, cost_center, environment, region, rule_pack;
	struct ids owners;           /* in the estate's `said`: the first CHARGE_OWNERS */
	tally_i128 consumed, priced; /* priced: with what minima and steps add */
	uint64_t first, last;
	int64_t until; /* where its last piece ends */
	bool witnessed, imported;
};
/* What SKUs of a version of a rule count: as its positions do, for each of its products. */
struct charge_rule {
	const struct rule *rule;
	struct counted *counted;
	size_t n;
};
/* An instant from which on a SKU counts otherwise: another price, another rule. */
struct sku_span {
	int64_t from;
	int price;                      /* number; -1: none holds */
	const struct charge_rule *rule; /* of PRODUCT_RULE; NULL: none holds */
	uint32_t rule_pack;             /* text */
};
struct sku_plan {
	struct sku_span *spans; /* ascending; the first covers the report's begin */
	size_t n;
};
struct charge_work {
	const struct charge_inputs *in;
	struct charges *out;
	struct tally_err *err;
	struct slice *slices;
	size_t n_slices;
	struct sku_plan *plans; /* of each SKU */
	struct charge_rule **rules;
	size_t n_rules, cap_rules;
	struct charge_part *parts;
	size_t n_parts, cap_parts;
	uint32_t *slots; /* of parts, by content: number + 1 */
	size_t cap_slots;
};

/* charge_plan.c */
int charge_plan(struct charge_work *w);
void charge_plan_deinit(struct charge_work *w);
const struct slice *charge_slice(const struct charge_work *w, int64_t at);
const struct sku_span *charge_span(const struct sku_plan *plan, int64_t at, int64_t *until);
/* charge_rule.c: whether a SKU counts a stay, as the prices and rules of a span have it. */
enum charge_counts {
	CHARGE_COUNTS_NOT,
	CHARGE_COUNTS,
	CHARGE_PERHAPS, /* its OS or edition is unknown: not charged, but told */
};
enum charge_counts charge_counts(const struct charge_work *w, const struct stay *s,
				 const struct price_sku *sku, const struct sku_span *span);
const struct charge_rule *charge_rule(struct charge_work *w, const struct tally_pack *pack,
				      const struct rule *r);
void charge_rules_deinit(struct charge_work *w);
/* charge_merge.c: adds to the part that is alike, or as a new one; its number. false:
 * an overflow. */
bool charge_part_add(struct charge_work *w, const struct charge_part *part, size_t *place);
/* charge_part.c: all parts, merged, in no order. */
int charge_parts(struct charge_work *w);
/* charge_line.c: parts to lines, tiers, minima, money. */
int charge_lines(struct charge_work *w);
int charge_money(struct charges *c, const struct charge_inputs *in, struct tally_err *err);
struct charge *charge_add(struct charges *c);
void charge_sort(struct charges *c);
int charge_compare(const struct charges *c, const struct charge *a, const struct charge *b);
#endif
