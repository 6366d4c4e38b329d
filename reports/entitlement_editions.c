/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's edition is a claim, the licence is what is held: guests of a lesser
 * edition may run under a greater licence, not the other way. A host is licensed by
 * what is assigned to it or, where nothing is, by what its scope holds.
 */
#include <stdlib.h>
#include <string.h>
#include "entitlement_match_internal.h"
#include "findings.h"
#include "tally/csv.h"
#include "tally/err.h"

struct licensed {
	bool any;     /* by some rule about this guest */
	bool covered; /* by one that its edition may run under */
	const struct rule *rule;
};

static void
license(const struct entitlement *e, const struct rule *rule, const struct entitlement_place *place,
	struct tally_bytes edition, int64_t at, struct licensed *out)
{
	if (match_units(e, rule, at) == 0 || !entitlement_covers(e, place) ||
	    (e->assigned_host[0] != '\0' &&
	     !tally_bytes_eq(tally_bytes_str(e->assigned_host), place->host)))
		return;
	out->any = true;
	if (rule->covers_editions.count == 0 || rule_in(&rule->covers_editions, edition))
		out->covered = true;
	else
		out->rule = rule;
}

static void
look_at_stay(const struct entitlement_match *m, const struct stay *s, struct licensed *out)
{
	const struct estate *e = m->positions->estate;
	const struct stay_claims *c = &e->claims[s->claims];
	const struct host_facts *f = estate_facts(e, s->host, s->from);
	struct entitlement_place place = { match_text(m, e->hosts[s->host].name),
					   match_text(m, f->cluster), match_text(m, f->region) };

	memset(out, 0, sizeof(*out));
	for (size_t k = 0; k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			if (!rule->product || rule->os.count == 0 || s->from < rule->valid_from ||
			    s->from >= rule->valid_to ||
			    !rule_os_fits(&rule->os, match_text(m, c->os)))
				continue;
			for (size_t i = 0; i < m->held->n; i++)
				if (entitlement_serves(&m->held->p[i], rule,
						       tally_bytes_str(rule->product)))
					license(&m->held->p[i], rule, &place,
						match_text(m, c->edition), s->from, out);
		}
}

static void
tell(const struct entitlement_match *m, const struct stay *s, const struct licensed *by)
{
	const struct estate *e = m->positions->estate;
	const struct stay_claims *c = &e->claims[s->claims];
	uint32_t ledger = e->hosts[s->host].ledger;
	struct finding *g = findings_count(m->findings, F_EDITION_MISMATCH, ledger, 1);
	struct tally_bytes edition = match_text(m, c->edition);
	char uuid[TALLY_UUID_TEXT];

	finding_entry(g, ledger, s->entry);
	tally_uuid_text(uuid, e->vms[s->vm].uuid);
	finding_case(g, "%s is %.*s, its host holds %s", uuid, (int)edition.len,
		     (const char *)edition.p, by->rule->id);
}

static int
compare_stays(const void *a, const void *b, void *ctx)
{
	const struct estate *e = ctx;
	const struct stay *x = &e->stays[*(const uint32_t *)a];
	const struct stay *y = &e->stays[*(const uint32_t *)b];

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Whether some licence that is held could be too little for such guests. */
static bool
in_question(const struct entitlement_match *m, const struct stay_claims *c)
{
	struct tally_bytes edition = match_text(m, c->edition);

	for (size_t k = 0; edition.len > 0 && k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			if (rule->product && rule->covers_editions.count > 0 &&
			    !rule_in(&rule->covers_editions, edition) &&
			    rule_os_fits(&rule->os, match_text(m, c->os)))
				return true;
		}
	return false;
}

/* One case for each machine and host. */
void
entitlements_check_editions(const struct entitlement_match *m)
{
	const struct estate *e = m->positions->estate;
	bool *asked;
	uint32_t *order;
	size_t n = 0;

	if (!m->held)
		return;
	asked = tally_alloc(e->n_claims + 1);
	for (size_t i = 0; i < e->n_claims; i++)
		asked[i] = in_question(m, &e->claims[i]);
	order = tally_realloc_array(NULL, e->n_stays + 1, sizeof(*order));
	for (size_t i = 0; i < e->n_stays; i++) {
		const struct stay *s = &e->stays[i];

		if (asked[s->claims] && s->from < m->to && s->to > m->from && !s->standby &&
		    !s->uncertain)
			order[n++] = (uint32_t)i;
	}
	if (n > 0)
		qsort_r(order, n, sizeof(*order), compare_stays, (void *)(uintptr_t)e);
	for (size_t i = 0; i < n; i++) {
		const struct stay *s = &e->stays[order[i]];
		struct licensed by;

		look_at_stay(m, s, &by);
		if (!by.any || by.covered)
			continue;
		tell(m, s, &by);
		while (i + 1 < n && e->stays[order[i + 1]].host == s->host &&
		       e->stays[order[i + 1]].vm == s->vm)
			i++;
	}
	free(order);
	free(asked);
}
