/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row of an entitlements file: its texts checked, one by one and against one
 * another, and each refused at its own place.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "entitlement_internal.h"
#include "tally/csv.h"
#include "tally/err.h"
#include "tally/parse.h"

#define MOST     UINT64_C(1000000000000) /* of a quantity: far more than anybody holds */
#define DECIMALS 6

const char *const entitlement_keys[KEYS] = {
	[KEY_PRODUCT] = "product",
	[KEY_METRIC] = "metric",
	[KEY_QUANTITY] = "quantity",
	[KEY_AGREEMENT] = "agreement",
	[KEY_LEGAL_ENTITY] = "legal_entity",
	[KEY_VALID_FROM] = "valid_from",
	[KEY_VALID_TO] = "valid_to",
	[KEY_MAINTENANCE_FROM] = "maintenance_from",
	[KEY_MAINTENANCE_TO] = "maintenance_to",
	[KEY_RIGHTS] = "rights",
	[KEY_ASSIGNED_HOST] = "assigned_host",
	[KEY_ASSIGNED_DATE] = "assigned_date",
	[KEY_REFERENCE] = "reference",
	[KEY_SCOPE] = "scope",
};

const char *const entitlement_right_names[ENTITLEMENT_RIGHT_NAMES] = {
	"software-assurance",       "subscription", "dev-test",
	"disaster-recovery",        "byol",         "license-mobility",
	"unlimited-virtualization", "dr",
};
static const unsigned rights[ENTITLEMENT_RIGHT_NAMES] = {
	RIGHT_SOFTWARE_ASSURANCE,
	RIGHT_SUBSCRIPTION,
	RIGHT_DEV_TEST,
	RIGHT_DISASTER_RECOVERY,
	RIGHT_BYOL,
	RIGHT_LICENSE_MOBILITY,
	RIGHT_UNLIMITED_VIRTUALIZATION,
	RIGHT_DISASTER_RECOVERY,
};
#define RIGHTS ENTITLEMENT_RIGHT_NAMES

void
entitlement_refuse_(const char *name, unsigned line, unsigned column, struct tally_err *err,
		    const char *fmt, ...)
{
	char what[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
		what[0] = '\0';
	va_end(ap);
	tally_err_set_(err, TALLY_USE, "%s:%u:%u: %s", name, line, column, what);
}

unsigned
entitlement_right(struct tally_bytes name)
{
	for (size_t i = 0; i < RIGHTS; i++)
		if (tally_bytes_eq(name, tally_bytes_str(entitlement_right_names[i])))
			return rights[i];
	return 0;
}

size_t
entitlement_right_number(struct tally_bytes name)
{
	for (size_t i = 0; i < RIGHTS; i++)
		if (tally_bytes_eq(name, tally_bytes_str(entitlement_right_names[i])))
			return i;
	tally_assert_failed("the name of a right", __FILE__, __LINE__);
}

const char *
entitlement_right_name(enum entitlement_right right)
{
	for (size_t i = 0; i < RIGHTS; i++)
		if (rights[i] == (unsigned)right)
			return entitlement_right_names[i];
	tally_assert_failed("a right", __FILE__, __LINE__);
}

static char *
take_text(const struct entitlement_row *row, enum entitlement_key key)
{
	struct tally_bytes t = row->at[key].text;

	return t.len > 0 ? tally_strndup((const char *)t.p, t.len) : tally_strdup("");
}

static struct rule_place
place_of(const struct entitlement_row *row, enum entitlement_key key)
{
	return (struct rule_place){ row->at[key].line, row->at[key].column };
}

static int
take_date(struct day *d, const struct entitlement_row *row, enum entitlement_key key,
	  struct tally_err *err)
{
	const struct entitlement_value *v = &row->at[key];

	if (v->text.len == 0)
		return 0;
	if (!day_parse(d, v->text))
		return entitlement_refuse(row->name, v, err,
					  "'%s' must be a day from 1971-01-01 on, as YYYY-MM-DD",
					  entitlement_keys[key]);
	return 0;
}

/* Half-open: a span that ends where it begins holds at no instant. */
static int
check_span(const struct day *from, const struct day *to, const struct entitlement_row *row,
	   enum entitlement_key key, struct tally_err *err)
{
	if (!from->given || !to->given || day_compare(from, to) < 0)
		return 0;
	return entitlement_refuse(row->name, &row->at[key], err, "'%s' must lie behind '%s'",
				  entitlement_keys[key], entitlement_keys[key - 1]);
}

static int
take_dates(struct entitlement *e, const struct entitlement_row *row, struct tally_err *err)
{
	if (take_date(&e->valid_from, row, KEY_VALID_FROM, err) < 0 ||
	    take_date(&e->valid_to, row, KEY_VALID_TO, err) < 0 ||
	    take_date(&e->maintenance_from, row, KEY_MAINTENANCE_FROM, err) < 0 ||
	    take_date(&e->maintenance_to, row, KEY_MAINTENANCE_TO, err) < 0 ||
	    take_date(&e->assigned_date, row, KEY_ASSIGNED_DATE, err) < 0 ||
	    check_span(&e->valid_from, &e->valid_to, row, KEY_VALID_TO, err) < 0)
		return -1;
	return check_span(&e->maintenance_from, &e->maintenance_to, row, KEY_MAINTENANCE_TO, err);
}

/* Hours can be held in parts, and a rule that is named says for itself. */
static bool
takes_decimals(struct tally_bytes metric)
{
	return memmem(metric.p, metric.len, "hour", 4) || memchr(metric.p, '/', metric.len);
}

static int
take_quantity(struct entitlement *e, const struct entitlement_row *row, struct tally_err *err)
{
	const struct entitlement_value *v = &row->at[KEY_QUANTITY];
	const char *text = (const char *)v->text.p, *point = memchr(text, '.', v->text.len);
	size_t whole = point ? (size_t)(point - text) : v->text.len;
	size_t decimals = point ? v->text.len - whole - 1 : 0;
	uint64_t units, parts = 0;
	bool good = tally_parse_u64(&units, text, whole, UINT64_MAX);

	if (point)
		good = good && decimals > 0 && decimals <= DECIMALS;
	for (size_t i = 0; good && point && i < DECIMALS; i++) {
		char digit = i < decimals ? point[1 + i] : '0';

		good = digit >= '0' && digit <= '9';
		parts = parts * 10 + (uint64_t)(digit - '0');
	}
	if (!good || (units == 0 && parts == 0))
		return entitlement_refuse(row->name, v, err,
					  "'quantity' must be a number above 0, with six decimals "
					  "at most");
	if (point && !takes_decimals(row->at[KEY_METRIC].text))
		return entitlement_refuse(row->name, v, err,
					  "'quantity' must be a whole number: only hours have "
					  "decimals");
	if (units > MOST)
		return entitlement_refuse(row->name, v, err, "'quantity' is beyond %llu",
					  (unsigned long long)MOST);
	e->quantity = (amount)units * AMOUNT_ONE + parts;
	return 0;
}

static int
take_rights(struct entitlement *e, const struct entitlement_row *row, struct tally_err *err)
{
	for (size_t i = 0; i < row->n_rights; i++) {
		const struct entitlement_value *v = &row->rights[i];
		unsigned right = entitlement_right(v->text);
		struct tally_buf known = TALLY_BUF_INIT;

		if (right != 0 && !(e->rights & right)) {
			e->rights |= right;
			continue;
		}
		if (right == 0) {
			tally_buf_add_str(&known, "an unknown right: it must be one of ");
			for (size_t k = 0; k < RIGHTS; k++)
				tally_buf_addf(&known, "%s%s", k ? ", " : "",
					       entitlement_right_names[k]);
		} else {
			tally_buf_addf(&known, "the right '%s' stands there twice",
				       entitlement_right_name((enum entitlement_right)right));
		}
		entitlement_refuse_(row->name, v->line, v->column, err, "%s",
				    tally_buf_cstr(&known));
		tally_buf_deinit(&known);
		return -1;
	}
	return 0;
}

static int
take_scope(struct entitlement *e, const struct entitlement_row *row, struct tally_err *err)
{
	static const struct {
		const char *prefix;
		enum scope scope;
	} scopes[] = { { "host:", SCOPE_HOST },
		       { "cluster:", SCOPE_CLUSTER },
		       { "region:", SCOPE_REGION } };
	const struct entitlement_value *v = &row->at[KEY_SCOPE];

	if (v->text.len == 0 || tally_bytes_eq(v->text, tally_bytes_str("fleet"))) {
		e->scope = SCOPE_FLEET;
		e->scope_id = tally_strdup("fleet");
		return 0;
	}
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(scopes[i].prefix);

		if (v->text.len <= n || memcmp(v->text.p, scopes[i].prefix, n) != 0)
			continue;
		e->scope = scopes[i].scope;
		e->scope_id = tally_strndup((const char *)v->text.p + n, v->text.len - n);
		return 0;
	}
	return entitlement_refuse(row->name, v, err,
				  "'scope' must be fleet, host:NAME, cluster:NAME or region:NAME");
}

static int
check_assignment(const struct entitlement *e, const struct entitlement_row *row,
		 struct tally_err *err)
{
	if (e->assigned_date.given && e->assigned_host[0] == '\0')
		return entitlement_refuse(row->name, &row->at[KEY_ASSIGNED_DATE], err,
					  "'assigned_date' without 'assigned_host'");
	if (e->assigned_host[0] != '\0' && e->scope == SCOPE_HOST &&
	    strcmp(e->assigned_host, e->scope_id) != 0)
		return entitlement_refuse(row->name, &row->at[KEY_ASSIGNED_HOST], err,
					  "'assigned_host' is another host than that of 'scope'");
	return 0;
}

static int
check_given(const struct entitlement_row *row, struct tally_err *err)
{
	static const enum entitlement_key required[] = { KEY_PRODUCT, KEY_METRIC, KEY_QUANTITY };

	for (size_t i = 0; i < 3; i++)
		if (row->at[required[i]].text.len == 0)
			return entitlement_refuse(row->name, row, err, "'%s' is missing",
						  entitlement_keys[required[i]]);
	return 0;
}

void
entitlement_release(struct entitlement *e)
{
	free(e->product);
	free(e->metric);
	free(e->agreement);
	free(e->legal_entity);
	free(e->reference);
	free(e->assigned_host);
	free(e->scope_id);
	memset(e, 0, sizeof(*e));
}

int
entitlement_make(struct entitlement *e, const struct entitlement_row *row, struct tally_err *err)
{
	memset(e, 0, sizeof(*e));
	if (check_given(row, err) < 0)
		return -1;
	e->place = (struct rule_place){ row->line, row->column };
	e->metric_place = place_of(row, KEY_METRIC);
	e->quantity_place = place_of(row, KEY_QUANTITY);
	e->reference_place = place_of(row, KEY_REFERENCE);
	e->product = take_text(row, KEY_PRODUCT);
	e->metric = take_text(row, KEY_METRIC);
	e->agreement = take_text(row, KEY_AGREEMENT);
	e->legal_entity = take_text(row, KEY_LEGAL_ENTITY);
	e->reference = take_text(row, KEY_REFERENCE);
	e->assigned_host = take_text(row, KEY_ASSIGNED_HOST);
	if (take_quantity(e, row, err) < 0 || take_dates(e, row, err) < 0 ||
	    take_rights(e, row, err) < 0 || take_scope(e, row, err) < 0 ||
	    check_assignment(e, row, err) < 0) {
		entitlement_release(e);
		return -1;
	}
	return 0;
}
