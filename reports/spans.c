/* SPDX-License-Identifier: Apache-2.0 */
/* Added spans lie unsorted until somebody asks, or until there are so many that
 * settling them may save memory. */
#include <stdlib.h>
#include <string.h>
#include "spans.h"
#include "tally/bytes.h"

void
spans_deinit(struct spans *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

static int
compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

void
spans_settle(struct spans *s)
{
	size_t kept = 0;
	bool sorted = true;

	for (size_t i = 1; i < s->n && sorted; i++)
		sorted = s->p[i - 1].from <= s->p[i].from;
	if (!sorted)
		qsort(s->p, s->n, sizeof(*s->p), compare);
	for (size_t i = 0; i < s->n; i++) {
		if (kept > 0 && s->p[i].from <= s->p[kept - 1].to) {
			if (s->p[i].to > s->p[kept - 1].to)
				s->p[kept - 1].to = s->p[i].to;
		} else {
			s->p[kept++] = s->p[i];
		}
	}
	s->n = kept;
}

void
spans_add(struct spans *s, int64_t from, int64_t to)
{
	struct span *newest = s->n ? &s->p[s->n - 1] : NULL;

	if (from >= to)
		return;
	if (newest && from >= newest->from && from <= newest->to) {
		if (to > newest->to)
			newest->to = to;
		return;
	}
	if (s->n == s->cap) {
		spans_settle(s);
		if (s->n >= s->cap / 2) {
			s->cap = s->cap ? s->cap * 2 : 16;
			s->p = tally_realloc_array(s->p, s->cap, sizeof(*s->p));
		}
	}
	s->p[s->n++] = (struct span){ from, to };
}

void
spans_add_all(struct spans *s, const struct spans *other)
{
	for (size_t i = 0; i < other->n; i++)
		spans_add(s, other->p[i].from, other->p[i].to);
}

/* Both are settled. */
static struct spans
both(const struct spans *a, const struct spans *b)
{
	struct spans out = { 0 };

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		int64_t from = a->p[i].from > b->p[k].from ? a->p[i].from : b->p[k].from;
		int64_t to = a->p[i].to < b->p[k].to ? a->p[i].to : b->p[k].to;

		spans_add(&out, from, to);
		if (a->p[i].to < b->p[k].to)
			i++;
		else
			k++;
	}
	return out;
}

void
spans_cut(struct spans *s, const struct spans *limits)
{
	struct spans l = { 0 }, out;

	spans_add_all(&l, limits);
	spans_settle(&l);
	spans_settle(s);
	out = both(s, &l);
	spans_deinit(&l);
	spans_deinit(s);
	*s = out;
}

void
spans_subtract(struct spans *s, const struct spans *other)
{
	struct spans l = { 0 }, rest = { 0 };
	int64_t at = INT64_MIN;

	spans_add_all(&l, other);
	spans_settle(&l);
	for (size_t i = 0; i < l.n; i++) {
		spans_add(&rest, at, l.p[i].from);
		at = l.p[i].to;
	}
	spans_add(&rest, at, INT64_MAX);
	spans_cut(s, &rest);
	spans_deinit(&rest);
	spans_deinit(&l);
}

tally_i128
spans_sum(struct spans *s)
{
	tally_i128 sum = 0;

	spans_settle(s);
	for (size_t i = 0; i < s->n; i++)
		sum += (tally_i128)s->p[i].to - s->p[i].from;
	return sum;
}
