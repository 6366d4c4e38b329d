/* SPDX-License-Identifier: Apache-2.0 */
/* What one entitlement is good for: when, where, for which rule, and by which of
 * its rights a machine need not count. */
#include <string.h>
#include <strings.h>
#include "entitlement_internal.h"
#include "tally/err.h"
#include "tally/parse.h"

#define MOST_IN_PACK 1000000

int
entitlements_settle(struct entitlements *e, const struct tally_zone *zone, struct tally_err *err)
{
	for (size_t i = 0; i < e->n; i++) {
		struct entitlement *x = &e->p[i];

		if (day_settle(&x->valid_from, DAY_ALWAYS, zone, err) < 0 ||
		    day_settle(&x->valid_to, DAY_FOREVER, zone, err) < 0 ||
		    day_settle(&x->maintenance_from, DAY_ALWAYS, zone, err) < 0 ||
		    day_settle(&x->maintenance_to, DAY_FOREVER, zone, err) < 0 ||
		    day_settle(&x->assigned_date, DAY_ALWAYS, zone, err) < 0)
			return tally_err_prefix(err, "%s:%u:%u", e->name, x->place.line,
						x->place.column);
	}
	return 0;
}

bool
entitlement_valid(const struct entitlement *e, int64_t at)
{
	return e->valid_from.at <= at && at < e->valid_to.at;
}

bool
entitlement_maintained(const struct entitlement *e, int64_t at)
{
	if (!e->maintenance_from.given && !e->maintenance_to.given)
		return e->rights & (RIGHT_SOFTWARE_ASSURANCE | RIGHT_SUBSCRIPTION);
	return e->maintenance_from.at <= at && at < e->maintenance_to.at;
}

static bool
drop(struct tally_bytes *text, const char *ending)
{
	size_t n = strlen(ending);

	if (text->len <= n || strncasecmp((const char *)text->p + text->len - n, ending, n) != 0)
		return false;
	text->len -= n;
	return true;
}

/* "16-core-packs" are 16 of "core"; so are "core-licences" and "cores" one each. */
static struct tally_bytes
unit_of(struct tally_bytes text, uint64_t *each)
{
	const uint8_t *dash = text.len ? memchr(text.p, '-', text.len) : NULL;
	struct tally_bytes base = text;

	*each = 1;
	drop(&base, "s");
	if (dash && drop(&base, "-pack") && base.p + base.len > dash + 1 &&
	    tally_parse_u64(each, (const char *)text.p, (size_t)(dash - text.p), MOST_IN_PACK) &&
	    *each > 0) {
		base = tally_bytes(dash + 1, (size_t)(base.p + base.len - dash - 1));
	} else {
		*each = 1;
		base = text;
		drop(&base, "s");
	}
	if (!drop(&base, "-licence"))
		drop(&base, "-license");
	return base;
}

amount
entitlement_units(const struct entitlement *e)
{
	uint64_t each;

	(void)unit_of(tally_bytes_str(e->metric), &each);
	return e->quantity * (amount)each;
}

bool
entitlement_names(const struct entitlement *e, const struct rule *rule)
{
	return strcasecmp(e->metric, rule->id) == 0;
}

static bool
metric_fits(const struct entitlement *e, const struct rule *rule)
{
	struct tally_bytes held, asked;
	uint64_t each, ours;

	if (entitlement_names(e, rule))
		return true;
	held = unit_of(tally_bytes_str(e->metric), &each);
	asked = unit_of(tally_bytes_str(rule->unit), &ours);
	return ours == 1 && held.len == asked.len &&
	       strncasecmp((const char *)held.p, (const char *)asked.p, held.len) == 0;
}

/* A rule over several products has a position for each; its common names serve any
 * of them, the name of one only that. */
static bool
product_fits(const struct entitlement *e, const struct rule *rule, struct tally_bytes product)
{
	struct tally_bytes name = tally_bytes_str(e->product);

	if (!rule->product)
		return tally_bytes_eq(name, product) ||
		       (rule_in(&rule->licences, name) && !rule_in(&rule->software, name));
	return rule_in(&rule->licences, name) ||
	       (tally_bytes_eq(name, product) && entitlement_names(e, rule));
}

bool
entitlement_serves(const struct entitlement *e, const struct rule *rule, struct tally_bytes product)
{
	return metric_fits(e, rule) && product_fits(e, rule, product);
}

bool
entitlement_covers(const struct entitlement *e, const struct entitlement_place *place)
{
	struct tally_bytes id = tally_bytes_str(e->scope_id);

	switch (e->scope) {
	case SCOPE_FLEET:
		return true;
	case SCOPE_REGION:
		return tally_bytes_eq(id, place->region);
	case SCOPE_CLUSTER:
		return tally_bytes_eq(id, place->cluster);
	case SCOPE_HOST:
		return tally_bytes_eq(id, place->host);
	case SCOPE_TENANT:
	case SCOPE_COST_CENTER:
		break;
	}
	tally_assert_failed("a scope of entitlements", __FILE__, __LINE__);
}

/* A right that maintenance gives goes with it. */
static bool
right_holds(const struct entitlement *e, unsigned right, int64_t at)
{
	if (!(e->rights & right) || !entitlement_valid(e, at))
		return false;
	return (!e->maintenance_from.given && !e->maintenance_to.given) ||
	       entitlement_maintained(e, at);
}

/* What is assigned to a host is good for the machines there. */
static bool
at_its_host(const struct entitlement *e, const struct entitlement_place *place)
{
	return e->assigned_host[0] == '\0' ||
	       tally_bytes_eq(tally_bytes_str(e->assigned_host), place->host);
}

/* Whatever its metric: a right by users or by contract excludes machines as well. A
 * product's common name is enough. */
static bool
right_concerns(const struct entitlement *e, const struct rule *rule, struct tally_bytes product)
{
	struct tally_bytes name = tally_bytes_str(e->product);

	return tally_bytes_eq(name, product) || rule_in(&rule->licences, name);
}

bool
entitlement_concerns(const struct entitlement *e, const struct rule *rule)
{
	if (!rule->product)
		return right_concerns(e, rule, tally_bytes(NULL, 0)) ||
		       rule_in(&rule->software, tally_bytes_str(e->product));
	return right_concerns(e, rule, tally_bytes_str(rule->product));
}

const struct entitlement *
entitlement_excludes(const struct entitlements *e, const struct rule *rule,
		     struct tally_bytes product, struct tally_bytes right,
		     const struct entitlement_place *place, int64_t at)
{
	unsigned bit = entitlement_right(right);

	if (!e || bit == 0)
		return NULL;
	for (size_t i = 0; i < e->n; i++)
		if (right_holds(&e->p[i], bit, at) && right_concerns(&e->p[i], rule, product) &&
		    at_its_host(&e->p[i], place) && entitlement_covers(&e->p[i], place))
			return &e->p[i];
	return NULL;
}

void
entitlement_reason(const struct entitlements *list, const struct entitlement *e,
		   struct tally_bytes right, struct tally_buf *out)
{
	tally_buf_add_bytes(out, right);
	if (e->reference[0] != '\0')
		tally_buf_addf(out, " by %s", e->reference);
	else
		tally_buf_addf(out, " by %s:%u", list->name, e->place.line);
}
