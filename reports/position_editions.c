/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where guests are of an edition that a rule's licences do not cover, that rule is no
 * lawful choice, whatever it costs: at their host, and at each scope around it.
 */
#include <stdlib.h>
#include "position_internal.h"
#include "tally/err.h"

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
mark_piece(struct position_marks *u, const struct case_piece *p, const struct estate *e)
{
	bool *claims = p->rule->covers_editions.count > 0 ? find_claims(p, e) : NULL;

	for (size_t i = 0; claims && i < e->n_stays && e->stays[i].from < p->to; i++) {
		const struct stay *s = &e->stays[i];

		if (claims[s->claims] && s->to > p->from &&
		    (counted_stay(p->counted, s) & COUNTS_MEASURED))
			position_mark(u, e, s->host, s->from > p->from ? s->from : p->from,
				      s->to < p->to ? s->to : p->to);
	}
	free(claims);
}

void
position_editions(struct positions *out, const struct position_case *c)
{
	const struct rule *newest = c->versions[c->n_versions - 1];
	struct position_marks u = { 0 };

	for (size_t w = 0; newest->group && w < c->n_windows; w++)
		for (size_t k = 0; k < c->windows[w].n_pieces; k++)
			mark_piece(&u, &c->windows[w].pieces[k], c->request->estate);
	for (size_t i = c->first; i < c->end; i++)
		out->p[i].uncovered = position_marked(&u, &out->p[i]);
	position_marks_deinit(&u);
}
