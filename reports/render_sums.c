/* SPDX-License-Identifier: Apache-2.0 */
/* What is billed by invoice, tenant and cost centre: for a page that has no room for lines. */
#include <stdlib.h>
#include "report_internal.h"
#include "tally/json.h"

static int
compare_texts(const struct strings *s, uint32_t x, uint32_t y)
{
	return x == y ? 0 : tally_bytes_cmp(strings_get(s, x), strings_get(s, y));
}

/* By their texts: the numbers of these depend on which thread was first. */
static int
compare_charges(const void *a, const void *b, void *ctx)
{
	const struct charge *x = *(const struct charge *const *)a;
	const struct charge *y = *(const struct charge *const *)b;
	const struct strings *s = ctx;
	int c = compare_texts(s, x->invoice, y->invoice);

	if (c == 0)
		c = compare_texts(s, x->tenant, y->tenant);
	return c ? c : compare_texts(s, x->cost_center, y->cost_center);
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
		qsort_r(list, c->n, sizeof(*list), compare_charges, c->strings);
	tally_jsonw_array(w);
	for (size_t i = 0, n; i < c->n; i += n) {
		struct decimal sum = list[i]->billed;

		for (n = 1;
		     i + n < c->n && compare_charges(&list[i], &list[i + n], c->strings) == 0; n++)
			if (!decimal_add(&sum, sum, list[i + n]->billed))
				break;
		put_sum(w, c, list[i], sum, n);
	}
	tally_jsonw_end(w);
	free(list);
}
