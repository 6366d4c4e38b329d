/* SPDX-License-Identifier: Apache-2.0 */
/* Price lists: the schema first, then what the table of fields cannot say. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "price.h"
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/report.h"

#define DAYS(n) ((uint64_t)(n)*86400 * (uint64_t)TALLY_SECOND)

static const struct tally_field tier_fields[] = {
	{ "up_to", TALLY_F_STRING, offsetof(struct price_tier, up_to_text), false, 1, 64, NULL },
	{ "rate", TALLY_F_STRING, offsetof(struct price_tier, rate_text), true, 1, 64, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};
static const struct tally_field price_fields[] = {
	{ "from", TALLY_F_STRING, offsetof(struct price, from_text), true, 10, 10, NULL },
	{ "to", TALLY_F_STRING, offsetof(struct price, to_text), false, 10, 10, NULL },
	{ "rate", TALLY_F_STRING, offsetof(struct price, rate_text), false, 1, 64, NULL },
	{ "tiers", TALLY_F_LIST, offsetof(struct price, tiers), false, 0, 0, tier_fields,
	  sizeof(struct price_tier) },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};
#define SKU(member) offsetof(struct price_sku, member)
static const struct tally_field sku_fields[] = {
	{ "id", TALLY_F_STRING, SKU(id), true, 1, 128, NULL },
	{ "name", TALLY_F_STRING, SKU(name), false, 1, 255, NULL },
	{ "service", TALLY_F_STRING, SKU(service), false, 1, 255, NULL },
	{ "service_category", TALLY_F_STRING, SKU(service_category), false, 1, 64, NULL },
	{ "meter", TALLY_F_STRING, SKU(meter_text), true, 1, 64, NULL },
	{ "product", TALLY_F_STRING, SKU(product), false, 1, 255, NULL },
	{ "per", TALLY_F_STRING, SKU(per), false, 1, 64, NULL },
	{ "minimum_vcpus", TALLY_F_U64, SKU(minimum_vcpus), false, 1, 4096, NULL },
	{ "minimum_time", TALLY_F_SPAN, SKU(minimum_time), false, (uint64_t)TALLY_SECOND, DAYS(31),
	  NULL },
	{ "time_step", TALLY_F_SPAN, SKU(time_step), false, (uint64_t)TALLY_SECOND, DAYS(31),
	  NULL },
	{ "minimum_charge", TALLY_F_STRING, SKU(minimum_charge_text), false, 1, 64, NULL },
	{ "tier_scope", TALLY_F_STRING, SKU(tier_scope_text), false, 1, 64, NULL },
	{ "prices", TALLY_F_LIST, SKU(prices), true, 0, 0, price_fields, sizeof(struct price) },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};
#define LIST(member) offsetof(struct tally_prices, member)
static const struct tally_field account_fields[] = {
	{ "id", TALLY_F_STRING, LIST(account.id) - LIST(account), true, 1, 255, NULL },
	{ "name", TALLY_F_STRING, LIST(account.name) - LIST(account), false, 1, 255, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};
static const struct tally_field rounding_fields[] = {
	{ "mode", TALLY_F_STRING, LIST(rounding_text.mode) - LIST(rounding_text), true, 1, 64,
	  NULL },
	{ "at", TALLY_F_STRING, LIST(rounding_text.at) - LIST(rounding_text), true, 1, 64, NULL },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};
static const struct tally_field list_fields[] = {
	{ "currency", TALLY_F_STRING, LIST(currency), true, 1, 64, NULL },
	{ "provider", TALLY_F_STRING, LIST(provider), true, 1, 255, NULL },
	{ "publisher", TALLY_F_STRING, LIST(publisher), false, 1, 255, NULL },
	{ "invoice_issuer", TALLY_F_STRING, LIST(issuer), false, 1, 255, NULL },
	{ "billing_account", TALLY_F_MAP, LIST(account), true, 0, 0, account_fields },
	{ "charge_period", TALLY_F_STRING, LIST(charge_period), false, 1, 64, NULL },
	{ "quantity_decimals", TALLY_F_U64, LIST(quantity_decimals), false, 0, QUANTITY_DECIMALS,
	  NULL },
	{ "rounding", TALLY_F_MAP, LIST(rounding_text), false, 0, 0, rounding_fields },
	{ "skus", TALLY_F_LIST, LIST(skus), true, 0, 0, sku_fields, sizeof(struct price_sku) },
	{ NULL, TALLY_F_STRING, 0, false, 0, 0, NULL },
};

/* One text against its tree, for errors with a place. */
struct check {
	struct tally_prices *list;
	struct tally_err *err;
};

#define refuse(c, node, ...) tally_yaml_error((c)->list->file, (node), (c)->err, __VA_ARGS__)

/* A text that is shown to people: something to see, and nothing that moves a cursor. */
static int
check_texts(const struct check *c, const struct tally_yaml *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct tally_yaml *y = map->items[i];
		bool seen = false;

		if (y->type != TALLY_YAML_SCALAR)
			continue;
		for (const char *p = y->text; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				return refuse(c, y, "'%s' has a control character in it",
					      map->keys[i]);
			seen = seen || *p != ' ';
		}
		if (!seen)
			return refuse(c, y, "'%s' is blank", map->keys[i]);
	}
	return 0;
}

/* An amount of money that may be nought: a rate, a minimum. */
static int
read_money(const struct check *c, const struct tally_yaml *map, const char *key,
	   struct decimal *out)
{
	const struct tally_yaml *y = tally_yaml_get(map, key);
	struct decimal d = { 0, 0 };
	int compared = 1;

	switch (decimal_parse(&d, tally_bytes_str(y->text), PRICE_DECIMALS)) {
	case DECIMAL_MALFORMED:
		return refuse(c, y, "'%s' must be a decimal number such as 0.046", key);
	case DECIMAL_TOO_FINE:
		return refuse(c, y, "'%s' has more than %d decimals", key, PRICE_DECIMALS);
	case DECIMAL_TOO_LARGE:
		break;
	case DECIMAL_TAKEN:
		if (y->text[0] == '-')
			return refuse(c, y, "'%s' is negative", key);
		if (decimal_cmp(&compared, d, (struct decimal){ PRICE_LARGEST, 0 }) &&
		    compared <= 0) {
			*out = d;
			return 0;
		}
	}
	return refuse(c, y, "'%s' is more than %ld", key, PRICE_LARGEST);
}

/* The position of a word in a list that ends with NULL. */
static int
read_word(const struct check *c, const struct tally_yaml *map, const char *key,
	  const char *const *words, int *out)
{
	const struct tally_yaml *y = tally_yaml_get(map, key);
	struct tally_buf b = TALLY_BUF_INIT;

	if (!y)
		return 0;
	for (int i = 0; words[i]; i++) {
		tally_buf_addf(&b, "%s%s", i ? ", " : "", words[i]);
		if (strcmp(words[i], y->text) == 0) {
			*out = i;
			tally_buf_deinit(&b);
			return 0;
		}
	}
	(void)refuse(c, y, "'%s' must be one of %s", key, tally_buf_cstr(&b));
	tally_buf_deinit(&b);
	return -1;
}

static bool
read_digits(const char *s, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + (s[i] - '0');
	}
	return true;
}

static int
read_date(const struct check *c, const struct tally_yaml *map, const char *key,
	  struct tally_date *out)
{
	const struct tally_yaml *y = tally_yaml_get(map, key);
	struct tally_err ignored = TALLY_ERR_INIT;
	struct tally_zone *utc = NULL;
	struct tally_wall at;
	bool is;

	if (tally_zone_open(&utc, "UTC", c->err) < 0)
		return -1;
	is = strlen(y->text) == 10 && y->text[4] == '-' && y->text[7] == '-' &&
	     read_digits(y->text, 4, &out->year) && read_digits(y->text + 5, 2, &out->month) &&
	     read_digits(y->text + 8, 2, &out->day) &&
	     tally_zone_start_of(utc, *out, &at, &ignored) == 0;
	tally_zone_free(utc);
	return is ? 0 : refuse(c, y, "'%s' must be a day such as 2026-01-01", key);
}

static int
compare_dates(struct tally_date a, struct tally_date b)
{
	if (a.year != b.year)
		return a.year < b.year ? -1 : 1;
	if (a.month != b.month)
		return a.month < b.month ? -1 : 1;
	return (a.day > b.day) - (a.day < b.day);
}

static int
check_up_to(const struct check *c, const struct tally_yaml *map, struct price_tier *t,
	    const struct price_tier *before)
{
	const struct tally_yaml *y = tally_yaml_get(map, "up_to");
	unsigned decimals = (unsigned)c->list->quantity_decimals;
	int compared = 1;

	switch (decimal_parse(&t->up_to, tally_bytes_str(y->text), decimals)) {
	case DECIMAL_MALFORMED:
		return refuse(c, y, "'up_to' must be a decimal number such as 1000");
	case DECIMAL_TOO_FINE:
		return refuse(c, y, "'up_to' has more than %u decimals", decimals);
	case DECIMAL_TOO_LARGE:
		return refuse(c, y, "'up_to' is more than %ld", PRICE_LARGEST);
	case DECIMAL_TAKEN:
		break;
	}
	if (t->up_to.digits <= 0)
		return refuse(c, y, "'up_to' must be more than 0");
	if (!decimal_cmp(&compared, t->up_to, (struct decimal){ PRICE_LARGEST, 0 }) || compared > 0)
		return refuse(c, y, "'up_to' is more than %ld", PRICE_LARGEST);
	if (before && decimal_cmp(&compared, t->up_to, before->up_to) && compared <= 0)
		return refuse(c, y, "'up_to' must be more than that of the tier before it");
	return 0;
}

static int
check_tiers(const struct check *c, const struct tally_yaml *node, struct price *price)
{
	const struct tally_yaml *list = tally_yaml_get(node, "tiers");
	struct price_tier *tiers = price->tiers.items;
	size_t n = price->tiers.count;

	if (n == 0)
		return refuse(c, list, "'tiers' is empty");
	for (size_t i = 0; i < n; i++) {
		const struct tally_yaml *map = list->items[i];

		tiers[i].last = !tiers[i].up_to_text;
		if (tiers[i].last && i + 1 < n)
			return refuse(c, map,
				      "key 'up_to' is missing: only the last tier has no end");
		if (!tiers[i].last && i + 1 == n)
			return refuse(c, tally_yaml_get(map, "up_to"),
				      "'up_to' in the last tier: what lies above it has no price");
		if (!tiers[i].last && check_up_to(c, map, &tiers[i], i ? &tiers[i - 1] : NULL) < 0)
			return -1;
		if (read_money(c, map, "rate", &tiers[i].rate) < 0)
			return -1;
	}
	return 0;
}

/* A rate alone is one tier without end. */
static int
check_rates(const struct check *c, const struct tally_yaml *node, struct price *price)
{
	const struct tally_yaml *rate = tally_yaml_get(node, "rate");
	struct price_tier *tier;

	if (rate && tally_yaml_get(node, "tiers"))
		return refuse(c, rate, "'rate' and 'tiers' exclude each other");
	if (!rate && !tally_yaml_get(node, "tiers"))
		return refuse(c, node, "key 'rate' is missing, or 'tiers'");
	if (!rate)
		return check_tiers(c, node, price);
	tier = tally_alloc(sizeof(*tier));
	price->tiers = (struct tally_list){ tier, 1 };
	tier->last = true;
	return read_money(c, node, "rate", &tier->rate);
}

static int
check_validity(const struct check *c, const struct tally_yaml *node, struct price *price,
	       const struct price *before)
{
	const struct tally_yaml *from = tally_yaml_get(node, "from");

	if (read_date(c, node, "from", &price->from) < 0)
		return -1;
	if (price->to_text && read_date(c, node, "to", &price->to) < 0)
		return -1;
	if (price->to_text && compare_dates(price->to, price->from) <= 0)
		return refuse(c, tally_yaml_get(node, "to"), "'to' must lie behind 'from'");
	if (!before)
		return 0;
	if (compare_dates(price->from, before->from) <= 0)
		return refuse(c, from, "'from' must lie behind that of the price before it");
	if (before->to_text && compare_dates(price->from, before->to) < 0)
		return refuse(c, from, "overlap: the price before it holds until %s",
			      before->to_text);
	if (before->to_text && compare_dates(price->from, before->to) > 0)
		return refuse(c, from, "hole: no price from %s to %s", before->to_text,
			      price->from_text);
	return 0;
}

static int
check_prices(const struct check *c, const struct tally_yaml *node, struct price_sku *sku)
{
	const struct tally_yaml *list = tally_yaml_get(node, "prices");
	struct price *prices = sku->prices.items;

	if (sku->prices.count == 0)
		return refuse(c, list, "'prices' is empty");
	for (size_t i = 0; i < sku->prices.count; i++)
		if (check_validity(c, list->items[i], &prices[i], i ? &prices[i - 1] : NULL) < 0 ||
		    check_rates(c, list->items[i], &prices[i]) < 0)
			return -1;
	return 0;
}

static int
check_meter(const struct check *c, const struct tally_yaml *node, struct price_sku *sku)
{
	static const char *const meters[] = { "vcpu-hour", "gib-hour", "vm-hour", "licence-hour",
					      NULL };
	static const char *const units[] = { "vm", "vcpu", NULL };
	int meter = 0, per = 0;

	if (read_word(c, node, "meter", meters, &meter) < 0 ||
	    read_word(c, node, "per", units, &per) < 0)
		return -1;
	sku->meter = (enum price_meter)meter;
	if (sku->meter == METER_LICENCE_HOUR) {
		if (!sku->product)
			return refuse(c, node,
				      "key 'product' is missing: a licence-hour is of something");
		if (!sku->per)
			return refuse(c, node,
				      "key 'per' is missing: a licence-hour per vm or per vcpu");
		if (per == 1)
			sku->meter = METER_CORE_HOUR;
	} else if (sku->per) {
		return refuse(c, tally_yaml_get(node, "per"),
			      "'per' is for meter licence-hour alone");
	}
	if (sku->minimum_vcpus > 0 && sku->meter != METER_CORE_HOUR &&
	    sku->meter != METER_VCPU_HOUR)
		return refuse(c, tally_yaml_get(node, "minimum_vcpus"),
			      "'minimum_vcpus' is for meters of vCPUs alone");
	return 0;
}

static int
check_product(const struct check *c, const struct tally_yaml *node, struct price_sku *sku)
{
	const struct tally_yaml *y = tally_yaml_get(node, "product");

	if (!y)
		return 0;
	sku->prefixes = os_family(y->text);
	if (strstr(y->text, "://")) {
		sku->kind = PRODUCT_OS;
		return 0;
	}
	sku->kind = sku->prefixes          ? PRODUCT_FAMILY
		    : strchr(y->text, '/') ? PRODUCT_RULE
					   : PRODUCT_SOFTWARE;
	for (const char *p = y->text; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("-./", *p)))
			return refuse(c, y,
				      "'product' must be an OS family, an OS's URI, a rule's id or "
				      "the id of a software");
	return 0;
}

static void
set_default(char **text, const char *value)
{
	if (!*text)
		*text = tally_strdup(value);
}

static int
check_sku(const struct check *c, const struct tally_yaml *node, struct price_sku *sku)
{
	static const char *const scopes[] = { "account", "cost-center", "vm", NULL };
	int scope = 0;

	sku->line = node->line;
	sku->column = node->column;
	if (check_texts(c, node) < 0)
		return -1;
	set_default(&sku->name, sku->id);
	set_default(&sku->service, "Virtual Machines");
	set_default(&sku->service_category, "Compute");
	if (!service_category_known(sku->service_category))
		return refuse(c, tally_yaml_get(node, "service_category"),
			      "'service_category' is none of FOCUS 1.2");
	if (check_meter(c, node, sku) < 0 || check_product(c, node, sku) < 0 ||
	    read_word(c, node, "tier_scope", scopes, &scope) < 0)
		return -1;
	sku->tier_scope = (enum price_scope)scope;
	if (sku->minimum_charge_text &&
	    read_money(c, node, "minimum_charge", &sku->minimum_charge) < 0)
		return -1;
	return check_prices(c, node, sku);
}

/* The most tiers of a SKU's prices; 1: its price ids are its id. */
static size_t
most_tiers(const struct price_sku *sku)
{
	size_t most = 1;

	for (size_t i = 0; i < sku->prices.count; i++)
		if (sku_price(sku, i)->tiers.count > most)
			most = sku_price(sku, i)->tiers.count;
	return most;
}

/* Whether `id` is what a tier of the SKU is called: ID/1, ID/2, ... */
static bool
names_tier(const struct price_sku *sku, const char *id)
{
	size_t n = strlen(sku->id);
	int number;

	return strncmp(id, sku->id, n) == 0 && id[n] == '/' && id[n + 1] != '0' &&
	       id[n + 1] != '\0' && strlen(id + n) <= 8 &&
	       read_digits(id + n + 1, strlen(id + n + 1), &number) && most_tiers(sku) > 1 &&
	       (size_t)number <= most_tiers(sku);
}

static int
check_ids(const struct check *c, const struct tally_yaml *node, size_t i)
{
	const struct price_sku *skus = c->list->skus.items, *sku = &skus[i];
	const struct tally_yaml *id = tally_yaml_get(node, "id");

	for (size_t k = 0; k < i; k++) {
		if (strcmp(sku->id, skus[k].id) == 0)
			return refuse(c, id, "'id' stands at line %u already", skus[k].line);
		if (names_tier(&skus[k], sku->id) || names_tier(sku, skus[k].id))
			return refuse(c, id,
				      "'id' and that of line %u: one of them names a tier of the "
				      "other's prices",
				      skus[k].line);
	}
	return 0;
}

static int
check_skus(const struct check *c, const struct tally_yaml *root)
{
	const struct tally_yaml *list = tally_yaml_get(root, "skus");
	struct price_sku *skus = c->list->skus.items;

	if (c->list->skus.count == 0)
		return refuse(c, list, "'skus' is empty");
	for (size_t i = 0; i < c->list->skus.count; i++)
		if (check_sku(c, list->items[i], &skus[i]) < 0 ||
		    check_ids(c, list->items[i], i) < 0)
			return -1;
	return 0;
}

static int
check_list(const struct check *c, const struct tally_yaml *root)
{
	static const char *const modes[] = { "half-up", "half-even", "up", NULL };
	static const char *const places[] = { "none", "line", "invoice", NULL };
	static const char *const periods[] = { "month", "day", NULL };
	const struct tally_yaml *account = tally_yaml_get(root, "billing_account");
	const struct tally_yaml *rounding = tally_yaml_get(root, "rounding");
	struct tally_prices *p = c->list;
	int digits = currency_digits(p->currency), period = 0, mode = 0, at = 0;

	if (digits < 0)
		return refuse(c, tally_yaml_get(root, "currency"),
			      "'currency' is none of ISO 4217, such as EUR");
	if (check_texts(c, root) < 0 || check_texts(c, account) < 0 ||
	    read_word(c, root, "charge_period", periods, &period) < 0)
		return -1;
	if (rounding && (read_word(c, rounding, "mode", modes, &mode) < 0 ||
			 read_word(c, rounding, "at", places, &at) < 0))
		return -1;
	p->minor_digits = (unsigned)digits;
	p->by_day = period == 1;
	p->rounding = (enum decimal_rounding)mode;
	p->money = (enum price_money)at;
	set_default(&p->publisher, p->provider);
	set_default(&p->issuer, p->provider);
	return check_skus(c, root);
}

int
tally_prices_parse(struct tally_prices **out, const char *name, struct tally_bytes in,
		   struct tally_err *err)
{
	struct tally_prices *p = tally_alloc(sizeof(*p));
	struct check c = { p, err };
	struct tally_yaml *root = NULL;
	int rc = -1;

	p->file = tally_strdup(name);
	tally_buf_add_bytes(&p->content, in);
	p->quantity_decimals = QUANTITY_DECIMALS;
	if (tally_yaml_parse(&root, name, in, err) == 0 &&
	    tally_yaml_read(name, root, list_fields, p, err) == 0)
		rc = check_list(&c, root);
	tally_yaml_free(root);
	if (rc < 0) {
		tally_prices_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
tally_prices_free(struct tally_prices *p)
{
	if (!p)
		return;
	tally_yaml_release(list_fields, p);
	tally_buf_deinit(&p->content);
	free(p->file);
	free(p);
}

const char *
meter_unit(enum price_meter meter)
{
	static const char *const names[METERS] = { "VCPU-Hours", "GiB-Hours", "VM-Hours",
						   "Licence-Hours", "Core-Hours" };

	return names[meter];
}

const char *
meter_consumed(enum price_meter meter)
{
	static const char *const names[METERS] = { "VCPU-Seconds", "GiB-Seconds", "VM-Seconds",
						   "Licence-Seconds", "Core-Seconds" };

	return names[meter];
}
