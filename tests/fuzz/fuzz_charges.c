/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the charges of an earlier report: refused, or taken whole; then
 * nothing that was billed is changed, and all of it is taken back, since this
 * estate used nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "../reports/charge.h"
#include "tally/err.h"
#include "tally/json.h"
#include "tally/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char list[] =
	"currency: EUR\nprovider: P\nbilling_account: {id: acme}\n"
	"skus: [{id: s, meter: vm-hour, prices: [{from: 2025-01-01, rate: 1}]}]\n";

static void
look_at(const struct charges *c, size_t old)
{
	struct decimal sum = { 0, 0 };
	struct tally_buf csv = TALLY_BUF_INIT;
	size_t first = 0;

	for (size_t i = 0; i < c->n; i++) {
		first += c->p[i].revision == 0;
		TALLY_ASSERT(decimal_add(&sum, sum, c->p[i].billed));
	}
	TALLY_ASSERT(sum.digits == 0 && c->n >= old && first <= old);
	charges_focus(c, NULL, 0, &csv);
	tally_buf_deinit(&csv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_json_doc *doc = NULL;
	struct tally_prices *prices = NULL;
	struct charges c = { 0 };
	struct strings strings;

	if (tally_json_parse(&doc, tally_bytes(data, size), &err) < 0)
		return 0;
	TALLY_ASSERT(tally_prices_parse(&prices, "p", tally_bytes_str(list), &err) == 0);
	strings_init(&strings);
	c.strings = &strings;
	c.prices = prices;
	if (charges_correct(&c, tally_json_root(doc), &err) == 0)
		look_at(&c, tally_json_count(tally_json_root(doc)));
	else
		TALLY_ASSERT(err.code == TALLY_USE && err.text[0]);
	charges_deinit(&c);
	strings_deinit(&strings);
	tally_prices_free(prices);
	tally_json_free(doc);
	return 0;
}
