/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as entitlements, in YAML and in CSV. What is taken is whole: quantities
 * above nothing, spans that are not empty, scopes with names; what is refused says
 * where.
 */
#include <string.h>
#include "../../reports/entitlement.h"
#include "tally/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct entitlement *e, size_t size)
{
	TALLY_ASSERT(e->product[0] != '\0' && e->metric[0] != '\0' && e->scope_id[0] != '\0');
	TALLY_ASSERT(e->quantity > 0 && entitlement_units(e) >= e->quantity);
	TALLY_ASSERT(e->valid_from.at < e->valid_to.at);
	TALLY_ASSERT(e->maintenance_from.at < e->maintenance_to.at);
	TALLY_ASSERT(!e->assigned_date.given || e->assigned_host[0] != '\0');
	TALLY_ASSERT(e->place.line >= 1 && e->place.line <= size + 1);
	TALLY_ASSERT(e->place.column >= 1 && e->place.column <= size + 1);
}

static void
read_as(const char *name, struct tally_bytes in)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct entitlements *e;
	struct tally_zone *utc;

	if (entitlements_parse(&e, name, in, &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE);
		TALLY_ASSERT(strncmp(err.text, name, strlen(name)) == 0 &&
			     err.text[strlen(name)] == ':');
		return;
	}
	TALLY_ASSERT(e->n > 0 && tally_zone_open(&utc, "UTC", &err) == 0);
	TALLY_ASSERT(entitlements_settle(e, utc, &err) == 0);
	for (size_t i = 0; i < e->n; i++)
		look_at(&e->p[i], in.len);
	tally_zone_free(utc);
	entitlements_free(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as("f.yaml", tally_bytes(data, size));
	read_as("f.csv", tally_bytes(data, size));
	read_as("f", tally_bytes(data, size));
	return 0;
}
