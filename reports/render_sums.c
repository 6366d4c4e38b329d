/* SPDX-License-Identifier: Apache-2.0 */
/* What is billed by invoice, tenant and cost centre: for a page that has no room for lines. */
#include <stdlib.h>
#include "report_internal.h"
#include "tally/json.h"

static int
compare_charges(const void *a, const void *b)
{
	const struct charge *x = *(const struct charge *const *)a;
	const struct charge *y = *(const struct charge *const *)b;

	if (x->invoice != y->invoice)
		return x->invoice < y->invoice ? -1 : 1;
	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	return x->cost_center < y->cost_center ? -1 : x->cost_center > y->cost_center;
}

static void
put_text(struct tally_jsonw *w, const struct charges *c, const char *key, uint32_t number)
{
	tally_jsonw_key(w, key);
	tally_jsonw_string(w, strings_get(c->strings, number));
}

static void
put_sum(struct tally_jsonw *w, const struct charges *c, const struct charge *of,
	struct decimal billed, size_t lines)
{
	char text[DECIMAL_TEXT];

	decimal_text(text, billed, c->prices->minor_digits);
	tally_jsonw_object(w);
	tally_jsonw_key(w, "billed");
	tally_jsonw_str(w, text);
	put_text(w, c, "cost_center", of->cost_center);
	tally_jsonw_key(w, "currency");
	tally_jsonw_str(w, c->prices->currency);
	put_text(w, c, "invoice", of->invoice);
	tally_jsonw_key(w, "lines");
	tally_jsonw_u64(w, lines);
	put_text(w, c, "tenant", of->tenant);
	tally_jsonw_end(w);
}

/* A sum that is more than exact money holds goes on in another row. */
void
report_sums_json(struct tally_jsonw *w, const struct tally_report *r)
{
	const struct charges *c = &r->charges;
	const struct charge **list = tally_alloc((c->n + 1) * sizeof(*list));

	for (size_t i = 0; i < c->n; i++)
		list[i] = &c->p[i];
	if (c->n > 1)
		qsort(list, c->n, sizeof(*list), compare_charges);
	tally_jsonw_array(w);
	for (size_t i = 0, n; i < c->n; i += n) {
		struct decimal sum = list[i]->billed;

		for (n = 1; i + n < c->n && compare_charges(&list[i], &list[i + n]) == 0; n++)
			if (!decimal_add(&sum, sum, list[i + n]->billed))
				break;
		put_sum(w, c, list[i], sum, n);
	}
	tally_jsonw_end(w);
	free(list);
}
