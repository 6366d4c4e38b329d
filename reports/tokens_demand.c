/* SPDX-License-Identifier: Apache-2.0 */
/* Demand steps put in order, and the question that decides who gives a token away:
 * when will this host need it again? */
#include <stdlib.h>
#include <string.h>
#include "tokens_internal.h"
#include "tally/bytes.h"
#include "tally/err.h"

/* The set of all hosts, where they have but one and nothing is on record that may be a
 * part of it; 0 where they do not. */
static uint64_t
common_set(const struct token_problem *p)
{
	uint64_t set = 0;

	for (size_t i = 0; i < p->n_steps; i++) {
		const struct token_step *s = &p->steps[i];
		uint64_t own = s->set ? s->set : 1;

		if (s->demand == 0)
			continue;
		if (s->demand % own != 0 || (set != 0 && set != own))
			return 0;
		set = own;
	}
	return p->n_held == 0 || set == 1 ? set : 0;
}

/* Those of hosts that had nothing free nobody. */
static void
take_failures(struct demand *d, const struct token_problem *p)
{
	bool *needed = tally_alloc(d->hosts + (size_t)1);
	size_t step = 0;

	d->failures = tally_alloc((p->n_failures + 1) * sizeof(*d->failures));
	for (size_t i = 0; i < p->n_held; i++)
		needed[p->held[i].host] = true;
	for (size_t i = 0; i < p->n_failures; i++) {
		for (; step < d->n && d->steps[step].at < p->failures[i].at; step++)
			needed[d->steps[step].host] = true;
		if (needed[p->failures[i].host])
			d->failures[d->n_failures++] = p->failures[i];
	}
	free(needed);
}

static int
compare_steps(const void *a, const void *b)
{
	const struct demand_step *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return x->was < y->was ? -1 : x->was > y->was; /* `was` is the number, so far */
}

/* Who goes through time brings them in order but for those of one instant. */
static void
sort_steps(struct demand_step *steps, size_t n)
{
	size_t i = 1;

	while (i < n && compare_steps(&steps[i - 1], &steps[i]) <= 0)
		i++;
	if (i < n)
		qsort(steps, n, sizeof(*steps), compare_steps);
}

/* The last of a host at an instant holds; then what was before is known. */
static void
settle(struct demand *d)
{
	uint64_t *now = tally_alloc((d->hosts + (size_t)1) * sizeof(*now));
	size_t n = 0;

	sort_steps(d->steps, d->n);
	for (size_t i = 0; i < d->n; i++) {
		struct demand_step s = d->steps[i];

		if (i + 1 < d->n && d->steps[i + 1].at == s.at && d->steps[i + 1].host == s.host)
			continue;
		if (s.to == now[s.host])
			continue;
		s.was = now[s.host];
		now[s.host] = s.to;
		d->steps[n++] = s;
	}
	d->n = n;
	free(now);
}

static void
number(struct demand *d)
{
	size_t *fill = tally_alloc((d->hosts + (size_t)1) * sizeof(*fill));

	d->begin = tally_alloc((d->hosts + (size_t)1) * sizeof(*d->begin));
	d->of = tally_alloc((d->n + 1) * sizeof(*d->of));
	d->block = tally_alloc((d->n / DEMAND_BLOCK + 1) * sizeof(*d->block));
	for (size_t i = 0; i < d->n; i++)
		d->begin[d->steps[i].host + 1]++;
	for (uint32_t h = 0; h < d->hosts; h++) {
		d->begin[h + 1] += d->begin[h];
		fill[h] = d->begin[h];
	}
	for (size_t i = 0; i < d->n; i++) {
		size_t at = fill[d->steps[i].host]++;
		uint64_t *most = &d->block[at / DEMAND_BLOCK];

		d->of[at] = (uint32_t)i;
		if (d->steps[i].to > *most)
			*most = d->steps[i].to;
	}
	free(fill);
}

uint64_t
demand_peaks(const struct demand *d)
{
	uint64_t sum = 0;

	for (uint32_t h = 0; h < d->hosts; h++) {
		uint64_t peak = 0;

		(void)demand_next(d, h, d->begin[h], UINT64_MAX, &peak);
		if (__builtin_add_overflow(sum, peak, &sum))
			return UINT64_MAX;
	}
	return sum;
}

bool
demand_make(struct demand *d, const struct token_problem *p)
{
	TALLY_ASSERT(p->n_steps < UINT32_MAX - p->hosts);
	memset(d, 0, sizeof(*d));
	d->hosts = p->hosts;
	d->steps = tally_alloc((p->n_steps + 1) * sizeof(*d->steps));
	d->unit = common_set(p);
	d->uniform = d->unit > 0 || p->n_steps == 0;
	if (d->unit == 0)
		d->unit = 1;
	for (size_t i = 0; i < p->n_steps; i++) {
		const struct token_step *s = &p->steps[i];

		TALLY_ASSERT(s->host < p->hosts);
		d->steps[d->n] = (struct demand_step){ s->at, s->host, s->demand / d->unit, d->n,
						       d->uniform || !s->set ? 1 : s->set };
		d->n++;
	}
	settle(d);
	take_failures(d, p);
	number(d);
	return demand_peaks(d) < UINT64_MAX / d->unit;
}

/* What a host needed up to an instant it needs from there on. */
void
demand_reverse(struct demand *d, const struct demand *from)
{
	memset(d, 0, sizeof(*d));
	TALLY_ASSERT(from->uniform && from->n_failures == 0);
	d->unit = from->unit;
	d->uniform = true;
	d->hosts = from->hosts;
	d->steps = tally_alloc((from->n + from->hosts + 1) * sizeof(*d->steps));
	for (uint32_t h = 0; h < from->hosts; h++)
		if (from->begin[h + 1] > from->begin[h])
			d->steps[d->n++] = (struct demand_step){
				INT64_MIN, h, from->steps[from->of[from->begin[h + 1] - 1]].to, 0, 1
			};
	for (size_t i = from->n; i-- > 0; d->n++)
		d->steps[d->n] = (struct demand_step){ -from->steps[i].at, from->steps[i].host,
						       from->steps[i].was, d->n, 1 };
	settle(d);
	number(d);
}

void
demand_deinit(struct demand *d)
{
	free(d->steps);
	free(d->begin);
	free(d->of);
	free(d->block);
	free(d->failures);
}

uint64_t
demand_at_once(const struct demand *d)
{
	uint64_t now = 0, most = 0;

	for (size_t i = 0; i < d->n; i++) {
		now += d->steps[i].to - d->steps[i].was;
		/* At one instant all change first. */
		if ((i + 1 == d->n || d->steps[i + 1].at != d->steps[i].at) && now > most)
			most = now;
	}
	return most;
}

int64_t
demand_next(const struct demand *d, uint32_t host, size_t i, uint64_t level, uint64_t *before)
{
	size_t end = d->begin[host + 1];

	*before = 0;
	while (i < end) {
		const struct demand_step *s;

		/* A block is this host's alone where it neither begins nor ends inside. */
		if (i % DEMAND_BLOCK == 0 && i + DEMAND_BLOCK <= end &&
		    d->block[i / DEMAND_BLOCK] < level) {
			if (d->block[i / DEMAND_BLOCK] > *before)
				*before = d->block[i / DEMAND_BLOCK];
			i += DEMAND_BLOCK;
			continue;
		}
		s = &d->steps[d->of[i]];
		if (s->to >= level)
			return s->at;
		if (s->to > *before)
			*before = s->to;
		i++;
	}
	return INT64_MAX;
}
