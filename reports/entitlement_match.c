/* SPDX-License-Identifier: Apache-2.0 */
/* Positions stand in the order of their rules, so what serves a rule and product is
 * looked for once, and its scope alone is asked for each position. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "entitlement_match_internal.h"
#include "findings.h"
#include "tally/csv.h"
#include "tally/err.h"

#define DAY (86400 * TALLY_SECOND)

struct tally_bytes
match_text(const struct entitlement_match *m, uint32_t number)
{
	return strings_get(m->positions->estate->strings, number);
}

int64_t
match_when(const struct entitlement_match *m, const struct position *p)
{
	const struct estate *e = m->positions->estate;
	int64_t at = p->at == INT64_MIN ? m->to - 1 : p->at;

	if (at >= e->to)
		at = e->to - 1;
	return at < e->from ? e->from : at;
}

int64_t
match_instant(const struct entitlement_match *m, const struct position *p)
{
	int64_t at = p->at == INT64_MIN ? m->to - 1 : p->at;

	if (at >= m->to)
		at = m->to - 1;
	return at < m->from ? m->from : at;
}

const struct rule *
match_rule(const struct entitlement_match *m, const struct position *p)
{
	struct tally_bytes id = match_text(m, p->rule);
	int64_t at = match_when(m, p);

	for (size_t i = 0; i < m->n_packs; i++) {
		const struct rule *rule = pack_rule(m->packs[i], id, at);

		if (rule)
			return rule;
	}
	return NULL;
}

uint32_t
match_host(const struct entitlement_match *m, const char *name)
{
	const struct estate *e = m->positions->estate;

	for (uint32_t h = 0; name[0] != '\0' && h < e->n_hosts; h++)
		if (tally_bytes_eq(match_text(m, e->hosts[h].name), tally_bytes_str(name)))
			return h;
	return POSITION_NONE;
}

/* Before its first facts and behind its retirement a host stands where it stood next. */
static const struct host_facts *
known_facts(const struct estate *e, uint32_t host, int64_t at)
{
	const struct host_facts *f = estate_facts(e, host, at), *g = f;
	const struct host_facts *first = &e->facts[e->host_facts[host]];
	const struct host_facts *end = &e->facts[e->host_facts[host + 1]];

	while (!g->known && g > first)
		g--;
	while (!g->known && g + 1 < end)
		g++;
	return g->known ? g : f;
}

/* The region of the hosts of a cluster; empty where there are none. */
static struct tally_bytes
region_of(const struct entitlement_match *m, struct tally_bytes cluster, int64_t at)
{
	const struct estate *e = m->positions->estate;

	for (uint32_t h = 0; h < e->n_hosts; h++) {
		const struct host_facts *f = known_facts(e, h, at);

		if (tally_bytes_eq(match_text(m, f->cluster), cluster))
			return match_text(m, f->region);
	}
	return tally_bytes(NULL, 0);
}

void
match_place(const struct entitlement_match *m, const struct serving_row *r, int64_t at,
	    struct entitlement_place *out)
{
	struct tally_bytes id = tally_bytes_str(r->e->scope_id);

	*out = (struct entitlement_place){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	if (r->e->scope == SCOPE_REGION)
		out->region = id;
	if (r->e->scope == SCOPE_CLUSTER)
		out->cluster = id;
	if (r->host != POSITION_NONE) {
		const struct host_facts *f = known_facts(m->positions->estate, r->host, at);

		out->host = match_text(m, m->positions->estate->hosts[r->host].name);
		out->cluster = match_text(m, f->cluster);
		out->region = match_text(m, f->region);
	} else if (r->e->scope == SCOPE_CLUSTER) {
		out->region = region_of(m, id, at);
	}
}

/* Whether it counts at the position's scope. */
static bool
inside(const struct entitlement_match *m, const struct serving_row *r, const struct position *p,
       int64_t at)
{
	struct tally_bytes id = match_text(m, p->id);
	struct entitlement_place place;

	if (p->scope == SCOPE_FLEET)
		return true;
	/* Hosts are many, and where its cluster stands is nothing to these. */
	if (r->host == POSITION_NONE && r->e->scope == SCOPE_CLUSTER && p->scope != SCOPE_REGION)
		return p->scope == SCOPE_CLUSTER &&
		       tally_bytes_eq(tally_bytes_str(r->e->scope_id), id);
	match_place(m, r, at, &place);
	if (p->scope == SCOPE_HOST)
		return place.host.len > 0 && tally_bytes_eq(place.host, id);
	if (p->scope == SCOPE_CLUSTER)
		return place.cluster.len > 0 && tally_bytes_eq(place.cluster, id);
	return p->scope == SCOPE_REGION && place.region.len > 0 && tally_bytes_eq(place.region, id);
}

/* What is assigned to a host of which no ledger tells is of no use here. */
static bool
known_host(const struct entitlement_match *m, const struct entitlement *e)
{
	return e->assigned_host[0] == '\0' || match_host(m, e->assigned_host) != POSITION_NONE;
}

static bool
known_scope(const struct entitlement_match *m, const struct entitlement *e)
{
	const struct estate *s = m->positions->estate;
	struct tally_bytes id = tally_bytes_str(e->scope_id);

	if (e->scope == SCOPE_FLEET)
		return true;
	if (e->scope == SCOPE_HOST)
		return match_host(m, e->scope_id) != POSITION_NONE;
	for (size_t i = 0; i < s->n_facts; i++)
		if (tally_bytes_eq(id,
				   match_text(m, e->scope == SCOPE_CLUSTER ? s->facts[i].cluster
									   : s->facts[i].region)))
			return true;
	return false;
}

amount
match_units(const struct serving_row *r, const struct rule *rule, int64_t at)
{
	if (r->lost || !entitlement_valid(r->e, at) ||
	    (rule->needs_maintenance && !entitlement_maintained(r->e, at)))
		return 0;
	return entitlement_units(r->e);
}

/* Ever; what never had any is no licence for a rule that needs it. */
static bool
has_maintenance(const struct entitlement *e)
{
	return e->maintenance_from.given || e->maintenance_to.given ||
	       (e->rights & (RIGHT_SOFTWARE_ASSURANCE | RIGHT_SUBSCRIPTION));
}

/* One of several products by a name that all of them share is nobody's. */
static bool
ambiguous(const struct entitlement_match *m, const struct entitlement *e, const struct rule *rule)
{
	struct tally_bytes name = tally_bytes_str(e->product);
	unsigned products = 0;

	if (rule->product || rule_in(&rule->software, name))
		return false;
	for (size_t i = 0; i < m->positions->n; i++) {
		const struct position *p = &m->positions->p[i];

		products += p->scope == SCOPE_FLEET &&
			    tally_bytes_eq(match_text(m, p->rule), tally_bytes_str(rule->id));
	}
	return products > 1;
}

struct serving_row
match_row(const struct entitlement_match *m, const struct entitlement *e)
{
	const char *host = e->scope == SCOPE_HOST ? e->scope_id : e->assigned_host;

	return (struct serving_row){ e, match_host(m, host), !known_host(m, e) };
}

void
match_serving(const struct entitlement_match *m, const struct rule *rule,
	      struct tally_bytes product, struct serving *out)
{
	out->n = 0;
	for (size_t i = 0; m->held && i < m->held->n; i++) {
		const struct entitlement *e = &m->held->p[i];

		if (!entitlement_serves(e, rule, product) || !known_scope(m, e) ||
		    ambiguous(m, e, rule) || (rule->needs_maintenance && !has_maintenance(e)))
			continue;
		out->p = array_grow(out->p, &out->cap, out->n, sizeof(*out->p));
		out->p[out->n++] = match_row(m, e);
	}
}

/* The first cut at `at` or behind it. */
static size_t
cut_from(const struct cuts *cuts, int64_t at)
{
	size_t k = match_stretch(cuts, at);

	return cuts->p[k] < at ? k + 1 : k;
}

/* The cuts [first, end) at which a row is worth anything: it is so once, and over. */
static void
in_force(const struct serving_row *r, const struct rule *rule, const struct cuts *cuts,
	 size_t *first, size_t *end)
{
	const struct entitlement *e = r->e;
	bool dated = e->maintenance_from.given || e->maintenance_to.given;
	size_t k;

	*first = cut_from(cuts, e->valid_from.at);
	*end = r->lost ? 0 : cut_from(cuts, e->valid_to.at);
	if (!rule->needs_maintenance || !dated)
		return;
	k = cut_from(cuts, e->maintenance_from.at);
	*first = k > *first ? k : *first;
	k = cut_from(cuts, e->maintenance_to.at);
	*end = k < *end ? k : *end;
}

/* The sums of what counts there; null where nothing is of such a scope. */
static void
add_up(const struct entitlement_match *m, struct position *p, const struct rule *rule,
       const struct serving *serving, amount *sums, const struct cuts *cuts)
{
	int64_t at = match_when(m, p);

	for (size_t i = 0; i < serving->n; i++) {
		const struct serving_row *r = &serving->p[i];
		size_t first, end;

		if (!inside(m, r, p, at))
			continue;
		p->has_entitled = true;
		in_force(r, rule, cuts, &first, &end);
		if (first >= end)
			continue;
		sums[first] += entitlement_units(r->e);
		sums[end] -= entitlement_units(r->e);
	}
	for (size_t k = 1; k < cuts->n; k++)
		sums[k] += sums[k - 1];
}

/* The least of what is held in the stretches that it is asked about. */
static void
entitle(const struct entitlement_match *m, struct position *p, const struct rule *rule,
	const struct serving *serving, const bool *asked, const struct cuts *cuts)
{
	amount *sums = tally_alloc((cuts->n + 1) * sizeof(*sums));
	size_t least = match_stretch(cuts, match_instant(m, p));

	add_up(m, p, rule, serving, sums, cuts);
	for (size_t k = 0; k < cuts->n; k++)
		if (asked[k] && sums[k] < sums[least])
			least = k;
	p->entitled = sums[least];
	p->held_at = cuts->p[least];
	free(sums);
	if (p->has_entitled)
		p->surplus =
			(struct reading){ p->entitled - p->need.low, p->entitled - p->need.measured,
					  p->entitled - p->need.high };
}

static void
tell(struct finding *g, const struct entitlement_match *m, const struct entitlement *e,
     const char *what, const struct day *date)
{
	struct tally_buf shown = TALLY_BUF_INIT;
	char when[16] = "";

	if (!finding_tells(g))
		return;
	tally_printable(&shown, tally_bytes_str(e->reference[0] ? e->reference : e->product));
	if (date)
		snprintf(when, sizeof(when), " %04d-%02d-%02d", date->date.year % 10000,
			 date->date.month % 100, date->date.day % 100);
	finding_case(g, "%s (%s:%u) %s%s", tally_buf_cstr(&shown), m->held->name, e->place.line,
		     what, when);
	tally_buf_deinit(&shown);
}

/* An end inside the period is told; one before it where what is left is too little;
 * one soon after it, ahead of time. */
static void
tell_end(const struct entitlement_match *m, const struct entitlement *e, const struct day *end,
	 const char *ended, const char *ends, bool lacking)
{
	int64_t soon;

	if (!end->given)
		return;
	if (__builtin_add_overflow(m->to, ENTITLEMENT_EXPIRES * DAY, &soon))
		soon = INT64_MAX;
	if (end->at <= m->to && (end->at > m->from || lacking))
		tell(findings_count(m->findings, F_ENTITLEMENT_EXPIRED, FLEET, 1), m, e, ended,
		     end);
	else if (end->at > m->to && end->at <= soon)
		tell(findings_count(m->findings, F_ENTITLEMENT_EXPIRING, FLEET, 1), m, e, ends,
		     end);
}

struct use {
	bool asked;    /* some rule of the packs asks for such a licence */
	bool by_right; /* or for one of its rights */
	bool enough;   /* one that it has the maintenance for */
	bool doubtful; /* by a name that several products share */
	bool lacking;  /* where it would count there is too little */
};

/* Whether the rule takes machines out by a right that it carries, whatever its metric. */
static bool
right_asked(const struct entitlement *e, const struct rule *rule)
{
	if (!entitlement_concerns(e, rule))
		return false;
	for (size_t i = 0; i < rule->n_exclusions; i++)
		if (e->rights & entitlement_right(tally_bytes_str(rule->exclusions[i].right)))
			return true;
	return false;
}

static void
look_at_use(const struct entitlement_match *m, const struct entitlement *e, struct use *use)
{
	struct tally_bytes name = tally_bytes_str(e->product);

	memset(use, 0, sizeof(*use));
	for (size_t k = 0; k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			use->by_right |= right_asked(e, rule);
			if (rule->product
				    ? !entitlement_serves(e, rule, tally_bytes_str(rule->product))
				    : !(rule_in(&rule->software, name) ||
					rule_in(&rule->licences, name)) ||
					      !entitlement_serves(e, rule, name))
				continue;
			use->asked = true;
			use->enough |= !rule->needs_maintenance || has_maintenance(e);
			use->doubtful |= ambiguous(m, e, rule);
		}
}

static int
check_decimals(const struct entitlement_match *m, const struct entitlement *e,
	       struct tally_err *err)
{
	if (e->quantity % AMOUNT_ONE == 0)
		return 0;
	for (size_t k = 0; k < m->n_packs; k++)
		for (size_t r = 0; r < m->packs[k]->n_rules; r++) {
			const struct rule *rule = &m->packs[k]->rules[r];

			if (entitlement_names(e, rule) && rule->decimals == 0)
				return tally_err_set(err, TALLY_USE,
						     "%s:%u:%u: 'quantity' must be a whole number: "
						     "so is what the rule counts",
						     m->held->name, e->quantity_place.line,
						     e->quantity_place.column);
		}
	return 0;
}

/* Where a position is short whose rule it serves. */
static void
find_lack(const struct entitlement_match *m, const struct position *p,
	  const struct serving *serving, struct use *uses)
{
	if (p->scope != SCOPE_FLEET || !p->has_entitled || p->surplus.measured >= 0)
		return;
	for (size_t i = 0; i < serving->n; i++)
		uses[serving->p[i].e - m->held->p].lacking = true;
}

static void
note_all(const struct entitlement_match *m, const struct use *uses)
{
	for (size_t i = 0; i < m->held->n; i++) {
		const struct entitlement *e = &m->held->p[i];
		const char *why = NULL;

		if (!uses[i].asked && !uses[i].by_right)
			why = "is of a product and metric that no rule asks for";
		else if (!known_scope(m, e))
			why = "is of a scope that no host of these ledgers is in";
		else if (!known_host(m, e))
			why = "is assigned to a host that no ledger tells of";
		else if (uses[i].asked && !uses[i].enough && !uses[i].by_right)
			why = "has no maintenance, which its rule needs";
		else if (uses[i].doubtful)
			why = "is of a name that several products share";
		if (why) {
			tell(findings_count(m->findings, F_ENTITLEMENT_UNMATCHED, FLEET, 1), m, e,
			     why, NULL);
			continue;
		}
		tell_end(m, e, &e->valid_to, "ended", "ends", uses[i].lacking);
		if (e->maintenance_to.at != e->valid_to.at)
			tell_end(m, e, &e->maintenance_to, "has no maintenance since",
				 "has no maintenance from", uses[i].lacking);
	}
}

/* The positions [first, end) of one rule for one product. */
static void
match_group(const struct entitlement_match *m, size_t first, size_t end, const struct cuts *cuts,
	    struct use *uses)
{
	struct serving serving = { 0 };
	const struct rule *rule = NULL;
	bool *asked = NULL;

	for (size_t i = first; i < end; i++) {
		struct position *p = &m->positions->p[i];
		const struct rule *its = match_rule(m, p);

		if (!its)
			continue;
		if (its != rule)
			match_serving(m, its, match_text(m, p->product), &serving);
		rule = its;
		p->has_entitled = false;
		p->entitled = 0;
		if (serving.n > 0 && !asked)
			asked = match_asked(m, first, end, cuts);
		if (serving.n > 0)
			entitle(m, p, rule, &serving, &asked[(i - first) * cuts->n], cuts);
	}
	if (serving.n > 0)
		entitlements_bound(m, &serving, first, end);
	for (size_t i = first; i < end; i++)
		find_lack(m, &m->positions->p[i], &serving, uses);
	free(asked);
	free(serving.p);
}

int
entitlements_match(const struct entitlement_match *m, struct tally_err *err)
{
	const struct positions *all = m->positions;
	struct cuts cuts = { 0 };
	struct use *uses;

	if (!m->held)
		return 0;
	for (size_t i = 0; i < m->held->n; i++)
		if (check_decimals(m, &m->held->p[i], err) < 0)
			return -1;
	uses = tally_alloc((m->held->n + 1) * sizeof(*uses));
	for (size_t i = 0; i < m->held->n; i++)
		look_at_use(m, &m->held->p[i], &uses[i]);
	match_cuts(m, &cuts);
	for (size_t i = 0, end; i < all->n; i = end) {
		for (end = i + 1; end < all->n && all->p[end].rule == all->p[i].rule &&
				  all->p[end].product == all->p[i].product;)
			end++;
		match_group(m, i, end, &cuts, uses);
	}
	note_all(m, uses);
	free(cuts.p);
	free(uses);
	return 0;
}
