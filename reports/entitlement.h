/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_ENTITLEMENT_H
#define TALLY_REPORTS_ENTITLEMENT_H
/*
 * What is held: one row for each licence that was bought, from a file in YAML or
 * CSV (FORMAT.md, "Entitlements"). Every value is checked when it is read and refused
 * with its place; whether a rule asks for such a licence is seen later, when the
 * packs are known, and what no rule asks for is a finding.
 */
#include "day.h"
#include "rule.h"
#include "usage.h"

struct findings;
struct positions;

/* Bits of `rights`. */
enum entitlement_right {
	RIGHT_SOFTWARE_ASSURANCE = 1,
	RIGHT_SUBSCRIPTION = 2,
	RIGHT_DEV_TEST = 4,
	RIGHT_DISASTER_RECOVERY = 8,
	RIGHT_BYOL = 16,
	RIGHT_LICENSE_MOBILITY = 32,
	RIGHT_UNLIMITED_VIRTUALIZATION = 64,
};
#define ENTITLEMENT_EXPIRES 90 /* days ahead that an end is told */

struct entitlement {
	char *product, *metric;
	amount quantity;                            /* of the metric; more than 0 */
	char *agreement, *legal_entity, *reference; /* "" where not given */
	struct day valid_from, valid_to;
	struct day maintenance_from, maintenance_to;
	unsigned rights;
	char *assigned_host; /* "" of none */
	struct day assigned_date;
	enum scope scope; /* host, cluster, region or fleet */
	char *scope_id;   /* "fleet" for the fleet */
	struct rule_place place, metric_place, quantity_place, reference_place;
};
struct entitlements {
	char *name; /* of the file */
	struct entitlement *p;
	size_t n, cap;
};
/* By content: a file whose name ends in .csv is CSV, in .yaml or .yml YAML; any
 * other is CSV where its first line names the columns. TALLY_USE, "NAME:LINE:COLUMN:
 * what". */
int entitlements_parse(struct entitlements **out, const char *name, struct tally_bytes in,
		       struct tally_err *err);
void entitlements_free(struct entitlements *e);
/* Dates become instants of the zone. */
int entitlements_settle(struct entitlements *e, const struct tally_zone *zone,
			struct tally_err *err);

/* The bit of a right's name (dr and disaster-recovery are one), 0 unknown. */
unsigned entitlement_right(struct tally_bytes name);
/* All names of rights, and which of them a name is, which is one. */
#define ENTITLEMENT_RIGHT_NAMES 8
extern const char *const entitlement_right_names[ENTITLEMENT_RIGHT_NAMES];
size_t entitlement_right_number(struct tally_bytes name);
const char *entitlement_right_name(enum entitlement_right right);
/* In force at an instant; with maintenance in force, or a right that stands for it. */
bool entitlement_valid(const struct entitlement *e, int64_t at);
bool entitlement_maintained(const struct entitlement *e, int64_t at);
/* Whether a product and a metric are what a rule asks for, for a position's product. */
bool entitlement_serves(const struct entitlement *e, const struct rule *rule,
			struct tally_bytes product);
/* Whether its metric is the rule's id; ASCII case does not count in metrics. */
bool entitlement_names(const struct entitlement *e, const struct rule *rule);
/* How many units of the rule it is worth: packs of n cores count n times. */
amount entitlement_units(const struct entitlement *e);

/* Where a VM or a host stands. */
struct entitlement_place {
	struct tally_bytes host, cluster, region;
};
/* Whether a scope covers a place. */
bool entitlement_covers(const struct entitlement *e, const struct entitlement_place *place);
/* Whether its rights concern what a rule counts, of whatever product of the rule's. */
bool entitlement_concerns(const struct entitlement *e, const struct rule *rule);
/* The entitlement by whose right a VM there is counted and then excluded, or NULL. `e`
 * may be NULL. It serves the rule and is in force at the instant. */
const struct entitlement *entitlement_excludes(const struct entitlements *e,
					       const struct rule *rule, struct tally_bytes product,
					       struct tally_bytes right,
					       const struct entitlement_place *place, int64_t at);
/* "dev-test (EA-1234, servers.yaml:7)": what is told of such an exclusion. */
void entitlement_reason(const struct entitlements *list, const struct entitlement *e,
			struct tally_bytes right, struct tally_buf *out);

#endif
