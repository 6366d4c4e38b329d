/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeps through time, each with a number of tokens that must do. While there are
 * fewer, whoever has too few gets one more, which then has been there from the
 * first; when all are there, those come that may move and that their host needs
 * again last. Of a host's tokens those that may not move are used first, so that as
 * many as possible stay free to go. The fewest with which that goes well are found
 * by halving.
 */
#include <stdlib.h>
#include <string.h>
#include "table.h"
#include "tally/err.h"
#include "tokens_internal.h"

struct frozen { /* may not move before `until` */
	int64_t until;
	uint64_t count;
};
struct pile {
	uint64_t free; /* may move now */
	uint64_t all;
	struct frozen *frozen; /* by until, but for those that have thawed: from `first` on */
	size_t first, n, cap;
};
struct token_host {
	uint64_t demand, set;
	size_t step;      /* the entry behind the one in force */
	struct pile used; /* counted */
	struct pile held; /* on record, and not yet used */
	/* When it will need `level` again, as asked last; that holds until then. */
	uint64_t level;
	int64_t next;
};
struct sweeper {
	const struct demand *d;
	int64_t cooling, now;
	struct token_host *hosts;
	uint64_t count, limit;
	size_t failure; /* the next */
};

static void
freeze(struct pile *p, int64_t until, uint64_t count)
{
	size_t i = p->n;

	p->frozen = array_grow(p->frozen, &p->cap, p->n, sizeof(*p->frozen));
	for (; i > p->first && p->frozen[i - 1].until > until; i--)
		p->frozen[i] = p->frozen[i - 1];
	p->frozen[i] = (struct frozen){ until, count };
	p->n++;
	p->all += count;
}

static void
thaw(struct pile *p, int64_t now)
{
	while (p->first < p->n && p->frozen[p->first].until <= now)
		p->free += p->frozen[p->first++].count;
}

/* What may leave. */
static uint64_t
movable(const struct sweeper *s, struct pile *p)
{
	thaw(p, s->now);
	return p->free;
}

static void
take(struct pile *p, uint64_t count)
{
	TALLY_ASSERT(count <= p->free);
	p->free -= count;
	p->all -= count;
}

static int64_t
after(int64_t at, int64_t cooling)
{
	int64_t t;

	return __builtin_add_overflow(at, cooling, &t) ? INT64_MAX : t;
}

/* What had come before a host failed may go again. */
static void
fail_hosts(struct sweeper *s)
{
	for (; s->failure < s->d->n_failures && s->d->failures[s->failure].at <= s->now;
	     s->failure++) {
		const struct token_failure *f = &s->d->failures[s->failure];

		thaw(&s->hosts[f->host].used, after(f->at, s->cooling));
		thaw(&s->hosts[f->host].held, after(f->at, s->cooling));
	}
}

static void
arrive(struct sweeper *s, uint32_t host, uint64_t count)
{
	freeze(&s->hosts[host].used, after(s->now, s->cooling), count);
}

/* When a host needs all that it has. */
static int64_t
needs_all(const struct sweeper *s, uint32_t host)
{
	struct token_host *x = &s->hosts[host];
	uint64_t before;

	if (x->level != x->used.all || x->next <= s->now) {
		x->level = x->used.all;
		x->next = demand_next(s->d, host, x->step, x->level, &before);
	}
	return x->next;
}

/* The host that needs what it can spare last; how many of it can go alike. */
static bool
find_donor(struct sweeper *s, uint32_t *donor, uint64_t *count)
{
	int64_t best = INT64_MIN;
	uint64_t idle, before;
	struct token_host *x;

	for (uint32_t h = 0; h < s->d->hosts; h++) {
		int64_t next;

		x = &s->hosts[h];
		if (x->used.all <= x->demand || movable(s, &x->used) == 0)
			continue;
		next = needs_all(s, h);
		if (next <= best)
			continue;
		best = next;
		*donor = h;
	}
	if (best == INT64_MIN)
		return false;
	x = &s->hosts[*donor];
	idle = x->used.all - x->demand;
	*count = movable(s, &x->used);
	(void)demand_next(s->d, *donor, x->step, x->used.all, &before);
	if (before > x->demand && x->used.all - before < idle)
		idle = x->used.all - before;
	*count = idle < *count ? idle : *count;
	return true;
}

/* Tokens on record that nobody has needed yet: this host's, of which those that
 * may not move are used first, or else another's. */
static uint64_t
from_record(struct sweeper *s, uint32_t host, uint64_t wanted)
{
	struct pile *own = &s->hosts[host].held, *used = &s->hosts[host].used;
	uint64_t n;

	thaw(own, s->now);
	if (own->first < own->n) {
		struct frozen *f = &own->frozen[own->first];

		n = wanted < f->count ? wanted : f->count;
		freeze(used, f->until, n);
		f->count -= n;
		own->all -= n;
		own->first += f->count == 0;
		return n;
	}
	if (own->free > 0) {
		n = wanted < own->free ? wanted : own->free;
		take(own, n);
		used->free += n;
		used->all += n;
		return n;
	}
	for (uint32_t h = 0; h < s->d->hosts; h++) {
		n = movable(s, &s->hosts[h].held);
		if (n == 0)
			continue;
		n = n < wanted ? n : wanted;
		take(&s->hosts[h].held, n);
		arrive(s, host, n);
		return n;
	}
	return 0;
}

/* How many may be new of those that are wanted: whole sets, the first of which may be
 * there in part. */
static uint64_t
new_ones(const struct token_host *x, uint64_t wanted, uint64_t more)
{
	uint64_t first = (wanted - 1) % x->set + 1;

	if (more >= wanted)
		return wanted;
	return more < first ? 0 : first + (more - first) / x->set * x->set;
}

static bool
supply(struct sweeper *s, uint32_t host)
{
	struct token_host *x = &s->hosts[host];

	while (x->used.all < x->demand) {
		uint64_t wanted = x->demand - x->used.all, n;
		uint64_t more = new_ones(x, wanted, s->limit - s->count);
		uint32_t donor;

		if (more > 0) {
			n = from_record(s, host, more);
			if (n == 0) {
				n = more;
				x->used.free += n;
				x->used.all += n;
			}
			s->count += n;
			continue;
		}
		if (!find_donor(s, &donor, &n))
			return false;
		n = n < wanted ? n : wanted;
		take(&s->hosts[donor].used, n);
		arrive(s, host, n);
	}
	return true;
}

static int
compare_held(const void *a, const void *b)
{
	const struct token_held *x = a, *y = b;

	return x->assigned < y->assigned ? -1 : x->assigned > y->assigned;
}

static void
place_held(struct sweeper *s, const struct token_problem *p)
{
	struct token_held *held;

	if (p->n_held == 0)
		return;
	held = tally_realloc_array(NULL, p->n_held, sizeof(*held));
	memcpy(held, p->held, p->n_held * sizeof(*held));
	qsort(held, p->n_held, sizeof(*held), compare_held);
	for (size_t i = 0; i < p->n_held; i++) {
		TALLY_ASSERT(held[i].host < p->hosts);
		freeze(&s->hosts[held[i].host].held, after(held[i].assigned, p->cooling),
		       held[i].count / s->d->unit);
	}
	free(held);
}

/* Whether so many do. */
static bool
sweep(const struct demand *d, const struct token_problem *p, uint64_t limit)
{
	struct sweeper s = { .d = d, .cooling = p->cooling, .limit = limit };
	bool enough = true;
	size_t end;

	s.hosts = tally_alloc((d->hosts + (size_t)1) * sizeof(*s.hosts));
	for (uint32_t h = 0; h < d->hosts; h++) {
		s.hosts[h].step = d->begin[h];
		s.hosts[h].next = INT64_MIN;
	}
	place_held(&s, p);
	for (size_t i = 0; enough && i < d->n; i = end) {
		s.now = d->steps[i].at;
		fail_hosts(&s);
		for (end = i; end < d->n && d->steps[end].at == s.now; end++) {
			s.hosts[d->steps[end].host].demand = d->steps[end].to;
			s.hosts[d->steps[end].host].set = d->steps[end].set;
			s.hosts[d->steps[end].host].step++;
		}
		for (size_t k = i; enough && k < end; k++)
			enough = supply(&s, d->steps[k].host);
	}
	for (uint32_t h = 0; h < d->hosts; h++) {
		free(s.hosts[h].used.frozen);
		free(s.hosts[h].held.frozen);
	}
	free(s.hosts);
	return enough;
}

/* `best` does; nothing below `at_least` can. */
static uint64_t
fewest(const struct demand *d, const struct token_problem *p, uint64_t at_least, uint64_t best)
{
	while (at_least < best) {
		uint64_t middle = at_least + (best - at_least) / 2;

		if (sweep(d, p, middle))
			best = middle;
		else
			at_least = middle + 1;
	}
	return best;
}

/* Whether nobody can move twice in the time that is looked at. */
static bool
moves_once(const struct demand *d, int64_t cooling)
{
	return d->n == 0 || d->steps[d->n - 1].at < after(d->steps[0].at, cooling);
}

/* As many as the hosts' peaks add up to never have to move. */
static void
count_demand(struct token_answer *out, const struct token_problem *p, const struct demand *d)
{
	uint64_t at_least = demand_at_once(d);
	uint64_t best = fewest(d, p, at_least, demand_peaks(d));

	out->exact = best == at_least;
	if (!out->exact && d->uniform && p->n_held == 0 && moves_once(d, p->cooling)) {
		if (d->n_failures == 0) {
			struct demand back;

			demand_reverse(&back, d);
			best = fewest(&back, p, at_least, best);
			demand_deinit(&back);
		}
		best = tokens_search(d, best, at_least, &out->exact);
	}
	out->need = best * d->unit;
}

void
tokens_count(struct token_answer *out, const struct token_problem *p)
{
	uint64_t apart;
	struct demand d;

	if (!demand_make(&d, p)) {
		demand_deinit(&d);
		*out = (struct token_answer){ UINT64_MAX, false };
		return;
	}
	count_demand(out, p, &d);
	if (!d.uniform && !out->exact && p->n_held == 0) {
		apart = tokens_apart(p);
		out->need = apart < out->need ? apart : out->need;
	}
	demand_deinit(&d);
}
