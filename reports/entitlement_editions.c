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

/* Of guests with such claims, on a host while its facts hold, over a stretch in which
 * what is held stays the same: the rule whose licence is too little for them; NULL where
 * nothing is held, or enough. */
struct look {
	const struct entitlement_match *m;
	struct cuts cuts;
	struct map seen; /* (facts, claims, stretch): what was found */
};
static const char nothing; /* to be told from what was never looked for */

/* A licence that bears one name is of one edition, whichever rule it is used by. */
static const struct rule *
too_little(const struct entitlement_match *m, const struct entitlement *e,
	   struct tally_bytes edition)
{
	struct tally_bytes name = tally_bytes_str(e->product);

	for (size_t k = 0; k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			if (rule->covers_editions.count > 0 &&
			    (rule_in(&rule->licences, name) || entitlement_names(e, rule)) &&
			    !rule_knows(&rule->covers_editions, edition))
				return rule;
		}
	return NULL;
}

/* Names are compared last: rows and hosts may be many. */
static bool
counts_there(const struct entitlement *e, const struct rule *rule,
	     const struct entitlement_place *place, int64_t at)
{
	const struct serving_row row = { .e = e };

	if (!entitlement_valid(e, at) || !entitlement_covers(e, place) ||
	    (e->assigned_host[0] != '\0' &&
	     !tally_bytes_eq(tally_bytes_str(e->assigned_host), place->host)))
		return false;
	return match_units(&row, rule, at) > 0 &&
	       entitlement_serves(e, rule, tally_bytes_str(rule->product));
}

static const struct rule *
look_for(const struct entitlement_match *m, const struct host_facts *f, uint32_t claims, int64_t at)
{
	const struct estate *e = m->positions->estate;
	const struct stay_claims *c = &e->claims[claims];
	struct entitlement_place place = { match_text(m, e->hosts[f->host].name),
					   match_text(m, f->cluster), match_text(m, f->region) };
	const struct rule *found = NULL;

	for (size_t k = 0; k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			if (!rule->product || rule->os.count == 0 || at < rule->valid_from ||
			    at >= rule->valid_to || !rule_os_fits(&rule->os, match_text(m, c->os)))
				continue;
			for (size_t i = 0; i < m->held->n; i++) {
				const struct entitlement *held = &m->held->p[i];

				if (!counts_there(held, rule, &place, at))
					continue;
				found = too_little(m, held, match_text(m, c->edition));
				if (!found)
					return NULL;
			}
		}
	return found;
}

static const struct rule *
look_once(struct look *look, const struct host_facts *f, uint32_t claims, size_t stretch)
{
	int64_t at = look->cuts.p[stretch];
	uint8_t key[16] = { 0 };
	const struct rule *found;
	void **place;

	tally_put_u64(key, (uint64_t)(f - look->m->positions->estate->facts));
	tally_put_u32(key + 8, claims);
	tally_put_u32(key + 12, (uint32_t)stretch);
	place = map_place(&look->seen, key);
	if (!*place) {
		found = look_for(look->m, f, claims, at < f->from ? f->from : at);
		*place = found ? (void *)(uintptr_t)found : (void *)(uintptr_t)&nothing;
	}
	return *place == &nothing ? NULL : *place;
}

/* At each instant of the stay that lies in the period. */
static const struct rule *
look_at_stay(struct look *look, const struct stay *s)
{
	const struct entitlement_match *m = look->m;
	int64_t at = s->from > m->from ? s->from : m->from, to = s->to < m->to ? s->to : m->to;

	while (at < to) {
		const struct host_facts *f = estate_facts(m->positions->estate, s->host, at);
		size_t stretch = match_stretch(&look->cuts, at);
		const struct rule *found = look_once(look, f, s->claims, stretch);

		if (found)
			return found;
		at = f->to > at ? f->to : to;
		if (stretch + 1 < look->cuts.n && look->cuts.p[stretch + 1] < at)
			at = look->cuts.p[stretch + 1];
	}
	return NULL;
}

static void
tell(const struct entitlement_match *m, const struct stay *s, const struct rule *by)
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
		     (const char *)edition.p, by->id);
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
			    !rule_knows(&rule->covers_editions, edition) &&
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
	struct look look = { .m = m };
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
	match_cuts(m, &look.cuts);
	for (size_t i = 0; i < n; i++) {
		const struct stay *s = &e->stays[order[i]];
		const struct rule *by = look_at_stay(&look, s);

		if (!by)
			continue;
		tell(m, s, by);
		while (i + 1 < n && e->stays[order[i + 1]].host == s->host &&
		       e->stays[order[i + 1]].vm == s->vm)
			i++;
	}
	free(look.cuts.p);
	map_deinit(&look.seen);
	free(order);
	free(asked);
}
