/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of unlike size, each size by itself: among those of one size the fewest can be
 * found, and nothing that stands beside them makes it another number. */
#include <stdlib.h>
#include <string.h>
#include "tokens_internal.h"
#include "tally/bytes.h"
#include "tally/err.h"

#define CHANGES UINT64_MAX

struct of_host {
	uint64_t set; /* 0: it needs nothing */
	uint64_t peak;
	uint32_t as; /* its number among those of its set */
};
struct apart {
	const struct token_problem *p;
	struct of_host *hosts;
	struct token_step *steps; /* by set, then as they were */
	uint64_t *sets;           /* of each of them */
	struct token_failure *failures;
};

static void
look_at_hosts(struct apart *a)
{
	for (size_t i = 0; i < a->p->n_steps; i++) {
		const struct token_step *s = &a->p->steps[i];
		struct of_host *h = &a->hosts[s->host];
		uint64_t set = s->set ? s->set : 1;

		if (s->demand == 0)
			continue;
		if ((h->set != 0 && h->set != set) || s->demand % set != 0)
			set = CHANGES;
		h->set = set;
		h->peak = s->demand > h->peak ? s->demand : h->peak;
	}
}

static int
compare(const void *x, const void *y, void *ctx)
{
	const struct apart *a = ctx;
	uint32_t i = *(const uint32_t *)x, k = *(const uint32_t *)y;
	uint64_t one = a->hosts[a->p->steps[i].host].set, two = a->hosts[a->p->steps[k].host].set;

	if (one != two)
		return one < two ? -1 : 1;
	return i < k ? -1 : i > k;
}

static void
sort_steps(struct apart *a)
{
	size_t n = a->p->n_steps;
	uint32_t *order = tally_realloc_array(NULL, n + 1, sizeof(*order));

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	if (n > 1)
		qsort_r(order, n, sizeof(*order), compare, a);
	for (size_t i = 0; i < n; i++) {
		a->steps[i] = a->p->steps[order[i]];
		a->sets[i] = a->hosts[a->steps[i].host].set;
	}
	free(order);
}

/* Steps [from, to) are all of one set. */
static uint64_t
count_set(struct apart *a, size_t from, size_t to)
{
	struct token_problem p = { .steps = &a->steps[from],
				   .n_steps = to - from,
				   .failures = a->failures,
				   .cooling = a->p->cooling };
	struct token_answer answer;

	for (size_t i = from; i < to; i++)
		a->hosts[a->steps[i].host].as = UINT32_MAX;
	for (size_t i = from; i < to; i++) {
		struct of_host *h = &a->hosts[a->steps[i].host];

		if (h->as == UINT32_MAX)
			h->as = p.hosts++;
	}
	for (size_t i = 0; i < a->p->n_failures; i++) {
		const struct token_failure *f = &a->p->failures[i];

		if (a->hosts[f->host].set == a->sets[from])
			a->failures[p.n_failures++] =
				(struct token_failure){ f->at, a->hosts[f->host].as };
	}
	for (size_t i = from; i < to; i++)
		a->steps[i].host = a->hosts[a->steps[i].host].as;
	tokens_count(&answer, &p);
	return answer.need;
}

uint64_t
tokens_apart(const struct token_problem *p)
{
	struct apart a = { .p = p };
	uint64_t sum = 0;

	TALLY_ASSERT(p->n_held == 0 && p->n_steps < UINT32_MAX);
	a.hosts = tally_alloc((p->hosts + (size_t)1) * sizeof(*a.hosts));
	a.steps = tally_realloc_array(NULL, p->n_steps + 1, sizeof(*a.steps));
	a.sets = tally_realloc_array(NULL, p->n_steps + 1, sizeof(*a.sets));
	a.failures = tally_realloc_array(NULL, p->n_failures + 1, sizeof(*a.failures));
	look_at_hosts(&a);
	sort_steps(&a);
	for (size_t i = 0, end; i < p->n_steps; i = end) {
		for (end = i; end < p->n_steps && a.sets[end] == a.sets[i];)
			end++;
		/* Their peaks' sum was a number, so this is one. */
		if (a.sets[i] != 0 && a.sets[i] != CHANGES)
			sum += count_set(&a, i, end);
	}
	for (uint32_t h = 0; h < p->hosts; h++)
		if (a.hosts[h].set == CHANGES)
			sum += a.hosts[h].peak;
	free(a.hosts);
	free(a.steps);
	free(a.sets);
	free(a.failures);
	return sum;
}
