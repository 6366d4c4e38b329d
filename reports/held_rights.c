/* SPDX-License-Identifier: Apache-2.0 */
/* Entitlements as a rule asks for them: which exclude, which are maintained, which
 * are assigned to a host. */
#include <stdlib.h>
#include "entitlement.h"
#include "held_rights.h"

static struct tally_bytes
text(const struct held_rights *h, uint32_t number)
{
	return strings_get(h->estate->strings, number);
}

static uint32_t
excludes(const void *ctx, const struct rule *rule, uint32_t product, const char *right,
	 const struct host_facts *where, int64_t at)
{
	const struct held_rights *h = ctx;
	struct tally_bytes name = tally_bytes_str(right);
	struct entitlement_place place = {
		text(h, h->estate->hosts[where->host].name),
		text(h, where->cluster),
		text(h, where->region),
	};
	const struct entitlement *e =
		entitlement_excludes(h->held, rule, text(h, product), name, &place, at);

	if (!e)
		return 0;
	return h->reasons[(size_t)(e - h->held->p) * ENTITLEMENT_RIGHT_NAMES +
			  entitlement_right_number(name)];
}

/* A right may have two names: the reason tells the rule's. */
static void
make_reasons(struct held_rights *h)
{
	h->reasons = tally_alloc((h->held->n + 1) * ENTITLEMENT_RIGHT_NAMES * sizeof(*h->reasons));
	for (size_t i = 0; i < h->held->n; i++)
		for (size_t k = 0; k < ENTITLEMENT_RIGHT_NAMES; k++) {
			const struct entitlement *e = &h->held->p[i];
			struct tally_bytes name = tally_bytes_str(entitlement_right_names[k]);
			struct tally_buf why = TALLY_BUF_INIT;

			if (!(e->rights & entitlement_right(name)))
				continue;
			entitlement_reason(h->held, e, name, &why);
			h->reasons[i * ENTITLEMENT_RIGHT_NAMES + k] =
				strings_add(h->estate->strings, tally_buf_view(&why));
			tally_buf_deinit(&why);
		}
}

static amount
maintained(const void *ctx, const struct rule *rule, uint32_t product)
{
	const struct held_rights *h = ctx;
	amount units = 0;

	for (size_t i = 0; i < h->held->n; i++) {
		const struct entitlement *e = &h->held->p[i];

		if (entitlement_valid(e, h->to - 1) && entitlement_maintained(e, h->to - 1) &&
		    entitlement_serves(e, rule, text(h, product)))
			units += entitlement_units(e);
	}
	return units;
}

static bool
holds(const void *ctx, const struct rule *rule, uint32_t product)
{
	const struct held_rights *h = ctx;

	for (size_t i = 0; i < h->held->n; i++)
		if (entitlement_serves(&h->held->p[i], rule, text(h, product)))
			return true;
	return false;
}

/* In force at the end of the period, and assigned to a host of the estate. */
static size_t
held(const void *ctx, const struct rule *rule, uint32_t product, struct token_held **out)
{
	const struct held_rights *h = ctx;
	const amount most = UINT32_MAX; /* of one row: no demand is larger, nor their sum */
	size_t n = 0;

	*out = tally_realloc_array(NULL, h->held->n + 1, sizeof(**out));
	for (size_t i = 0; i < h->held->n; i++) {
		const struct entitlement *e = &h->held->p[i];
		amount units;

		if (e->assigned_host[0] == '\0' || !entitlement_valid(e, h->to - 1) ||
		    !entitlement_serves(e, rule, text(h, product)))
			continue;
		units = entitlement_units(e) / AMOUNT_ONE;
		for (uint32_t k = 0; k < h->estate->n_hosts; k++) {
			if (!tally_bytes_eq(text(h, h->estate->hosts[k].name),
					    tally_bytes_str(e->assigned_host)))
				continue;
			(*out)[n++] = (struct token_held){
				.host = k,
				.count = (uint64_t)(units < most ? units : most),
				.assigned = e->assigned_date.at,
			};
			break;
		}
	}
	return n;
}

void
held_rights_init(struct held_rights *h, const struct entitlements *list,
		 const struct estate *estate, int64_t to)
{
	*h = (struct held_rights){ .held = list, .estate = estate, .to = to };
	make_reasons(h);
	h->rights = (struct counted_rights){ h, excludes, maintained, holds, held };
}

void
held_rights_deinit(struct held_rights *h)
{
	free(h->reasons);
	*h = (struct held_rights){ 0 };
}

static int
compare_instants(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void
held_rights_split(struct estate *estate, const struct entitlements *list)
{
	int64_t *at = tally_realloc_array(NULL, list->n * 4 + 1, sizeof(*at));
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct entitlement *e = &list->p[i];
		const struct day *days[] = { &e->valid_from, &e->valid_to, &e->maintenance_from,
					     &e->maintenance_to };

		for (size_t k = 0; k < 4 && e->rights != 0; k++)
			if (days[k]->given && days[k]->at > estate->from &&
			    days[k]->at < estate->to)
				at[n++] = days[k]->at;
	}
	if (n > 1)
		qsort(at, n, sizeof(*at), compare_instants);
	estate_split(estate, at, n);
	free(at);
}
