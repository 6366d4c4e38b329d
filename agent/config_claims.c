/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator claims of VMs by their names. The pattern is the operator's,
 * the name may be anybody's: it is bytes to fnmatch, which the C locale keeps so.
 */
#include <fnmatch.h>
#include <string.h>

#include "config.h"
#include "tally/source.h"

/* The schema has seen to it that a claim fits. */
static void
fill(char *at, size_t size, const char *claim)
{
	size_t length;

	if (at[0] != '\0' || claim == NULL)
		return;
	length = strlen(claim);
	if (length < size)
		memcpy(at, claim, length + 1);
}

void
config_claims(const struct config *c, struct tally_domain *d)
{
	const struct config_claim *claims = c->claims.items;

	for (size_t i = 0; i < c->claims.count; i++) {
		if (fnmatch(claims[i].name, d->name, 0) != 0)
			continue;
		fill(d->tenant, sizeof(d->tenant), claims[i].tenant);
		fill(d->cost_center, sizeof(d->cost_center), claims[i].cost_center);
		fill(d->environment, sizeof(d->environment), claims[i].environment);
		fill(d->os, sizeof(d->os), claims[i].os);
	}
}
