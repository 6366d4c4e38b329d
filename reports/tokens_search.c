/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep with second thoughts: whenever a host has too few tokens, each host
 * that could give one is tried, and one more besides, until an assignment with fewer
 * tokens than the best is found or there is none. Moving only when somebody is in
 * need, and away from a host only what it can spare, loses nothing where a token
 * moves once: a move can always wait until then. What is left undone is bounded
 * by a number of steps, not by time, so that everybody gets the same answer.
 */
#include <stdlib.h>
#include <string.h>
#include "tally/bytes.h"
#include "tokens_internal.h"

#define MOST_TOKENS 64      /* of more the search would not come to an end anyway */
#define MOST_STEPS  4000000 /* that are looked at in all */

struct searcher {
	const struct demand *d;
	uint64_t *demand, *all, *free; /* of each host */
	uint64_t count, limit;
	size_t failure;   /* the next */
	uint64_t *unfree; /* of each failure that was: what was free there before it */
	uint64_t left;    /* of the steps */
	int64_t now;
	bool gave_up;
};
static bool solve(struct searcher *s, size_t begin, size_t end);

static uint32_t
first_short(const struct searcher *s, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		if (s->all[s->d->steps[i].host] < s->demand[s->d->steps[i].host])
			return s->d->steps[i].host;
	return UINT32_MAX;
}

static bool
spend(struct searcher *s, uint64_t n)
{
	if (s->left < n) {
		s->gave_up = true;
		return false;
	}
	s->left -= n;
	return true;
}

/* One more for the host: from nowhere, then from each that can give it. */
static bool
supply_one(struct searcher *s, uint32_t host, size_t begin, size_t end)
{
	bool done;

	if (!spend(s, s->d->hosts))
		return false;
	if (s->count < s->limit) {
		s->count++;
		s->all[host]++;
		s->free[host]++;
		done = solve(s, begin, end);
		s->free[host]--;
		s->all[host]--;
		s->count--;
		if (done)
			return true;
	}
	for (uint32_t h = 0; h < s->d->hosts && !s->gave_up; h++) {
		if (s->all[h] <= s->demand[h] || s->free[h] == 0)
			continue;
		s->all[h]--;
		s->free[h]--;
		s->all[host]++;
		done = solve(s, begin, end);
		s->all[host]--;
		s->free[h]++;
		s->all[h]++;
		if (done)
			return true;
	}
	return false;
}

/* What stands on a host that fails may go. */
static void
fail_hosts(struct searcher *s)
{
	const struct demand *d = s->d;

	for (; s->failure < d->n_failures && d->failures[s->failure].at <= s->now; s->failure++) {
		uint32_t host = d->failures[s->failure].host;

		s->unfree[s->failure] = s->free[host];
		s->free[host] = s->all[host];
	}
}

/* From the instant whose steps are [begin, end), which are in force, to the last. */
static bool
solve(struct searcher *s, size_t begin, size_t end)
{
	const struct demand *d = s->d;
	size_t from = end, failure = s->failure;
	int64_t now = s->now;
	bool done;

	for (;;) {
		uint32_t host = first_short(s, begin, end);

		if (host != UINT32_MAX) {
			done = supply_one(s, host, begin, end);
			break;
		}
		done = end == d->n;
		if (done || !spend(s, 1))
			break;
		begin = end;
		s->now = d->steps[begin].at;
		fail_hosts(s);
		for (; end < d->n && d->steps[end].at == s->now; end++)
			s->demand[d->steps[end].host] = d->steps[end].to;
	}
	while (end-- > from)
		s->demand[d->steps[end].host] = d->steps[end].was;
	while (s->failure > failure) {
		s->failure--;
		s->free[d->failures[s->failure].host] = s->unfree[s->failure];
	}
	s->now = now;
	return done;
}

uint64_t
tokens_search(const struct demand *d, uint64_t best, uint64_t at_least, bool *exact)
{
	struct searcher s = { .d = d, .left = MOST_STEPS };
	size_t size = (d->hosts + (size_t)1) * sizeof(uint64_t);

	*exact = best == at_least;
	if (best > MOST_TOKENS)
		return best;
	s.demand = tally_alloc(size);
	s.all = tally_alloc(size);
	s.free = tally_alloc(size);
	s.unfree = tally_alloc((d->n_failures + 1) * sizeof(*s.unfree));
	while (best > at_least) {
		s.limit = best - 1;
		if (!solve(&s, 0, 0))
			break;
		best--;
	}
	*exact = !s.gave_up;
	free(s.demand);
	free(s.all);
	free(s.free);
	free(s.unfree);
	return best;
}
