/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_REPORTS_PRICE_H
#define TALLY_REPORTS_PRICE_H
/*
 * A price list: one YAML file (FORMAT.md section 20). What stands here is checked:
 * exact decimals within bounds, tiers that ascend, prices of a SKU that follow one
 * another without hole or overlap. Days are those of the report's calendar.
 */
#include "decimal.h"
#include "tally/yaml.h"

struct tally_err;

#define PRICE_DECIMALS    12          /* most decimals of a rate or a charge */
#define PRICE_LARGEST     1000000000L /* currency units, of a rate or a charge */
#define QUANTITY_DECIMALS 9           /* most decimals of a quantity */

enum price_meter {
	METER_VCPU_HOUR,
	METER_GIB_HOUR,
	METER_VM_HOUR,
	METER_LICENCE_HOUR, /* of VMs */
	METER_CORE_HOUR,    /* licence-hours of vCPUs */
	METERS
};
enum price_scope { TIERS_ACCOUNT, TIERS_COST_CENTER, TIERS_VM };
enum price_money { MONEY_EXACT, MONEY_LINE, MONEY_INVOICE };

/* What lies above the tier before it and up to `up_to`. */
struct price_tier {
	char *up_to_text, *rate_text;
	struct decimal up_to, rate;
	bool last; /* without end */
};
struct price {
	char *from_text, *to_text, *rate_text;
	struct tally_date from, to; /* to.year 0: until the next one, or for ever */
	struct tally_list tiers;    /* of struct price_tier; one where there is but a rate */
};
/* What a VM must be, where `product` says so. */
enum price_product {
	PRODUCT_ANY,
	PRODUCT_OS,       /* `product` begins the OS's URI */
	PRODUCT_FAMILY,   /* `prefixes` */
	PRODUCT_RULE,     /* what the rule of that id counts */
	PRODUCT_SOFTWARE, /* the VM holds it */
};
struct price_sku {
	char *id, *name, *service, *service_category, *meter_text, *product, *per;
	char *tier_scope_text, *minimum_charge_text;
	uint64_t minimum_vcpus;
	struct tally_span minimum_time, time_step; /* 0: none */
	struct tally_list prices;                  /* of struct price, ascending */

	enum price_meter meter;
	enum price_product kind;
	const char *const *prefixes; /* ends with NULL */
	enum price_scope tier_scope;
	struct decimal minimum_charge; /* of a VM and month; 0: none */
	unsigned line, column;
};
struct tally_prices {
	char *file;               /* base name */
	struct tally_buf content; /* as it was read: an input of the report */
	char *currency;
	unsigned minor_digits;
	char *provider, *publisher, *issuer;
	struct {
		char *id, *name;
	} account;
	char *charge_period;
	bool by_day; /* else by month */
	uint64_t quantity_decimals;
	struct {
		char *mode, *at;
	} rounding_text;
	enum decimal_rounding rounding;
	enum price_money money;
	struct tally_list skus; /* of struct price_sku */
};

static inline const struct price_sku *
prices_sku(const struct tally_prices *p, size_t i)
{
	return &((const struct price_sku *)p->skus.items)[i];
}
static inline const struct price *
sku_price(const struct price_sku *s, size_t i)
{
	return &((const struct price *)s->prices.items)[i];
}
static inline const struct price_tier *
price_tier(const struct price *p, size_t i)
{
	return &((const struct price_tier *)p->tiers.items)[i];
}
const char *meter_unit(enum price_meter meter);     /* "VCPU-Hours" */
const char *meter_consumed(enum price_meter meter); /* "VCPU-Seconds" */

/* price_names.c: what others have named. */
int currency_digits(const char *code); /* minor digits of ISO 4217; -1 unknown */
bool service_category_known(const char *name);
const char *const *os_family(const char *name); /* URI prefixes; NULL unknown */
#endif
