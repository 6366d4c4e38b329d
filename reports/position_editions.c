/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where guests are of an edition that a rule's licences do not cover, that rule is no
 * lawful choice, whatever it costs: at their host, and at each scope around it.
 */
#include <stdlib.h>
#include "position_internal.h"
#include "tally/err.h"

/* Where such guests stood: texts, by scope. */
struct uncovered {
	struct ids at[SCOPES];
};

static bool
covers(const struct estate *e, const struct rule *r, const struct stay_claims *c)
{
	return c->edition == 0 ||
	       rule_knows(&r->covers_editions, strings_get(e->strings, c->edition));
}

/* Of each of the estate's claims; NULL: the licences cover all that count. */
static bool *
find_claims(const struct case_piece *p, const struct estate *e)
{
	bool *out = tally_alloc(e->n_claims + 1), any = false;

	for (size_t i = 0; i < e->n_claims; i++) {
		out[i] =
			p->counted->classes[i] != COUNTED_NOT && !covers(e, p->rule, &e->claims[i]);
		any |= out[i];
	}
	if (any)
		return out;
	free(out);
	return NULL;
}

static void
mark(struct uncovered *u, const struct estate *e, const struct stay *s, int64_t from, int64_t to)
{
	ids_add(&u->at[SCOPE_HOST], e->hosts[s->host].name);
	for (int64_t at = s->from > from ? s->from : from; at < s->to && at < to;) {
		const struct host_facts *f = estate_facts(e, s->host, at);

		ids_add(&u->at[SCOPE_CLUSTER], f->cluster);
		ids_add(&u->at[SCOPE_REGION], f->region);
		if (f->to <= at)
			return;
		at = f->to;
	}
}

static void
mark_piece(struct uncovered *u, const struct case_piece *p, const struct estate *e)
{
	bool *claims = p->rule->covers_editions.count > 0 ? find_claims(p, e) : NULL;

	for (size_t i = 0; claims && i < e->n_stays && e->stays[i].from < p->to; i++) {
		const struct stay *s = &e->stays[i];

		if (claims[s->claims] && s->to > p->from &&
		    (counted_stay(p->counted, s) & COUNTS_MEASURED))
			mark(u, e, s, p->from, p->to);
	}
	free(claims);
}

static bool
stands_in(const struct ids *ids, uint32_t id)
{
	for (uint32_t i = 0; i < ids->n; i++)
		if (ids->p[i] == id)
			return true;
	return false;
}

void
position_editions(struct positions *out, const struct position_case *c)
{
	const struct rule *newest = c->versions[c->n_versions - 1];
	struct uncovered u = { 0 };

	for (size_t w = 0; newest->group && w < c->n_windows; w++)
		for (size_t k = 0; k < c->windows[w].n_pieces; k++)
			mark_piece(&u, &c->windows[w].pieces[k], c->request->estate);
	for (size_t i = c->first; u.at[SCOPE_HOST].n > 0 && i < c->end; i++) {
		struct position *p = &out->p[i];

		p->uncovered = p->scope == SCOPE_FLEET || stands_in(&u.at[p->scope], p->id);
	}
	for (unsigned i = 0; i < SCOPES; i++)
		ids_deinit(&u.at[i]);
}
