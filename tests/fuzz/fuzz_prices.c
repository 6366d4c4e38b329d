/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a price list: refused with a place, or taken within its bounds. */
#include <string.h>
#include "../reports/price.h"
#include "tally/err.h"
#include "tally/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at(const struct tally_prices *list, const struct price *p)
{
	struct decimal before = { 0, 0 };

	TALLY_ASSERT(p->tiers.count > 0);
	for (size_t i = 0; i < p->tiers.count; i++) {
		const struct price_tier *t = price_tier(p, i);
		int c = 0;

		TALLY_ASSERT(t->rate.digits >= 0 && t->rate.scale <= PRICE_DECIMALS);
		TALLY_ASSERT(t->last == (i + 1 == p->tiers.count));
		if (t->last)
			continue;
		TALLY_ASSERT(t->up_to.scale <= list->quantity_decimals);
		TALLY_ASSERT(decimal_cmp(&c, before, t->up_to) && c < 0);
		before = t->up_to;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_prices *p;
	struct tally_err err = TALLY_ERR_INIT;

	if (tally_prices_parse(&p, "f", tally_bytes(data, size), &err) < 0) {
		TALLY_ASSERT(err.code == TALLY_USE && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	TALLY_ASSERT(currency_digits(p->currency) == (int)p->minor_digits && p->skus.count > 0);
	for (size_t i = 0; i < p->skus.count; i++) {
		const struct price_sku *sku = prices_sku(p, i);

		TALLY_ASSERT(sku->prices.count > 0 && sku->meter < METERS);
		for (size_t k = 0; k < sku->prices.count; k++)
			look_at(p, sku_price(sku, k));
	}
	tally_prices_free(p);
	return 0;
}
