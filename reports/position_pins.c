/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM is proof of its pins where it stayed on one host, on the same cores, for as
 * long as it counted in the window. Another host, other cores, or cores that its host
 * does not have are a breach, and then nothing less than the whole host is lawful.
 */
#include <stdlib.h>
#include <string.h>
#include "findings.h"
#include "position_internal.h"
#include "tally/err.h"

struct first {
	uint32_t host, size; /* number + 1 */
};

static bool
same_cores(const struct estate *e, uint32_t a, uint32_t b)
{
	const struct stay_size *x = &e->sizes[a], *y = &e->sizes[b];

	return x->pinned == y->pinned && x->cores.n == y->cores.n &&
	       (x->cores.n == 0 ||
		memcmp(x->cores.p, y->cores.p, x->cores.n * sizeof(*x->cores.p)) == 0);
}

static bool
approved(const struct estate *e, const struct rule *r, const struct stay *s)
{
	const struct host_facts *f = estate_facts(e, s->host, s->from);

	return f->known && formula_approved(r, strings_get(e->strings, f->partitioning));
}

static void
note_breach(const struct position_case *c, const struct rule *r, const struct stay *s,
	    const char *what)
{
	const struct estate *e = c->request->estate;
	char uuid[TALLY_UUID_TEXT], at[TALLY_TIME_TEXT];
	uint32_t ledger = e->hosts[s->host].ledger;
	struct finding *g;

	if (!c->request->findings)
		return;
	g = findings_count(c->request->findings, F_PIN_BREACH, ledger, 1);
	finding_entry(g, ledger, s->entry);
	if (!finding_tells(g))
		return;
	tally_uuid_text(uuid, e->vms[s->vm].uuid);
	tally_wall_text(at, (struct tally_wall){ s->from });
	finding_case(g, "VM %s at %s on %s (%s)", uuid, at, what, r->id);
}

/* Whether it is pinned to a core beyond those that its host is known to have, at any
 * time of [from, to). */
static bool
beyond_host(const struct estate *e, const struct stay *s, int64_t from, int64_t to)
{
	const struct ids *pins = &e->sizes[s->size].cores;

	for (int64_t at = s->from > from ? s->from : from; at < s->to && at < to;) {
		const struct host_facts *f = estate_facts(e, s->host, at);
		uint64_t cores = 0;

		for (uint32_t i = 0; i < f->sockets; i++)
			cores += f->cores[i];
		if (f->sockets > 0 && pins->p[pins->n - 1] >= cores)
			return true;
		if (f->to <= at)
			break;
		at = f->to;
	}
	return false;
}

uint8_t *
position_breaches(const struct position_case *c, const struct case_window *w)
{
	const struct estate *e = c->request->estate;
	uint8_t *breached = tally_alloc(e->n_vms + 1);
	struct first *first = tally_alloc((e->n_vms + 1) * sizeof(*first));

	for (size_t p = 0; p < w->n_pieces; p++)
		for (size_t i = 0; i < e->n_stays; i++) {
			const struct stay *s = &e->stays[i];
			struct first *f = &first[s->vm];

			if (s->from >= w->pieces[p].to)
				break;
			if (s->to <= w->pieces[p].from ||
			    !(counted_stay(w->pieces[p].counted, s) & COUNTS_MEASURED))
				continue;
			if (e->sizes[s->size].pinned && !breached[s->vm] &&
			    approved(e, w->pieces[p].rule, s) &&
			    beyond_host(e, s, w->pieces[p].from, w->pieces[p].to)) {
				breached[s->vm] = 1;
				note_breach(c, w->pieces[p].rule, s,
					    "cores that the host does not have");
			}
			if (f->size == 0) {
				*f = (struct first){ s->host + 1, s->size + 1 };
				continue;
			}
			if (breached[s->vm] ||
			    (f->host == s->host + 1 && same_cores(e, f->size - 1, s->size)))
				continue;
			breached[s->vm] = 1;
			if ((e->sizes[f->size - 1].pinned || e->sizes[s->size].pinned) &&
			    approved(e, w->pieces[p].rule, s))
				note_breach(c, w->pieces[p].rule, s,
					    f->host == s->host + 1 ? "other cores"
								   : "another host");
		}
	free(first);
	return breached;
}
