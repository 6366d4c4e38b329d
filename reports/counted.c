/* SPDX-License-Identifier: Apache-2.0 */
/* Claims are few where stays are many: each set of claims is judged once. */
#include <stdlib.h>
#include <string.h>
#include "counted.h"
#include "tally/err.h"

static struct tally_bytes
text(const struct counted *c, uint32_t number)
{
	return strings_get(c->estate->strings, number);
}

static bool
holds_software(const struct counted *c, const struct ids *set)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct tally_bytes id = text(c, set->p[i]);

		if (c->software ? tally_bytes_eq(id, tally_bytes_str(c->software))
				: rule_in(&c->rule->software, id))
			return true;
	}
	return false;
}

static enum counted_class
class_of(const struct counted *c, const struct stay_claims *claims)
{
	const struct rule *r = c->rule;

	if (r->software.count > 0)
		return holds_software(c, &claims->software) ? COUNTED_YES : COUNTED_NOT;
	if (r->os.count == 0)
		return COUNTED_NOT;
	if (claims->os == 0)
		return r->unknown_os == UNKNOWN_IGNORED ? COUNTED_NOT : COUNTED_UNKNOWN_OS;
	if (!rule_os_fits(&r->os, text(c, claims->os)))
		return COUNTED_NOT;
	if (r->editions.count == 0)
		return claims->edition == 0 && r->unknown_edition == UNKNOWN_COUNTED
			       ? COUNTED_EDITION_TOLD
			       : COUNTED_YES;
	if (claims->edition == 0)
		return r->unknown_edition == UNKNOWN_IGNORED ? COUNTED_NOT
							     : COUNTED_UNKNOWN_EDITION;
	return rule_knows(&r->editions, text(c, claims->edition)) ? COUNTED_YES : COUNTED_NOT;
}

/* The first of the rule's exclusions that speaks of the environment. */
static uint8_t
exclusion_of(const struct counted *c, const struct stay_claims *claims)
{
	for (size_t i = 0; i < c->rule->n_exclusions && i < UINT8_MAX; i++)
		if (claims->environment != 0 &&
		    rule_knows(&c->rule->exclusions[i].environments, text(c, claims->environment)))
			return (uint8_t)(i + 1);
	return 0;
}

/* In which readings a class counts where its VM is seen. */
static uint8_t
readings_of(const struct counted *c, enum counted_class class)
{
	if (class == COUNTED_NOT)
		return 0;
	if ((class == COUNTED_UNKNOWN_OS && c->rule->unknown_os == UNKNOWN_HIGH) ||
	    (class == COUNTED_UNKNOWN_EDITION && c->rule->unknown_edition == UNKNOWN_HIGH))
		return COUNTS_HIGH;
	return COUNTS_MEASURED | COUNTS_HIGH;
}

void
counted_init(struct counted *c, const struct estate *e, const struct rule *r, uint32_t product,
	     const char *software, const struct counted_rights *rights)
{
	*c = (struct counted){
		.estate = e, .rule = r, .product = product, .software = software, .rights = rights
	};
	c->classes = tally_alloc(e->n_claims + 1);
	c->exclusions = tally_alloc(e->n_claims + 1);
	c->plain = tally_alloc(e->n_claims + 1);
	for (size_t i = 0; i < e->n_claims; i++) {
		c->classes[i] = (uint8_t)class_of(c, &e->claims[i]);
		c->exclusions[i] = exclusion_of(c, &e->claims[i]);
		c->plain[i] = readings_of(c, (enum counted_class)c->classes[i]);
		if (c->plain[i] != 0 && rights && c->exclusions[i] > 0)
			c->plain[i] |= COUNTS_PERHAPS;
	}
}

void
counted_deinit(struct counted *c)
{
	free(c->classes);
	free(c->exclusions);
	free(c->plain);
}

bool
counted_host(const struct counted *c, const struct host_facts *f)
{
	const struct rule *r = c->rule;
	const char *hypervisor = tally_hypervisor_name(f->hypervisor);

	if (!f->known)
		return false;
	if (f->os != 0 && rule_os_fits(&r->host_os, text(c, f->os)))
		return true;
	if (hypervisor && rule_in(&r->hypervisors, tally_bytes_str(hypervisor)))
		return true;
	return r->software.count > 0 && holds_software(c, &f->software);
}

static bool
may_occur(const struct counted *c)
{
	if (!c->rights || !c->rights->holds ||
	    !c->rights->holds(c->rights->ctx, c->rule, c->product))
		return false;
	for (size_t i = 0; i < c->estate->n_claims; i++)
		if (c->classes[i] == COUNTED_UNKNOWN_OS)
			return true;
	return false;
}

bool
counted_occurs(const struct counted *c)
{
	const struct estate *e = c->estate;

	for (size_t i = 0; i < e->n_claims; i++)
		if ((c->classes[i] != COUNTED_NOT && c->classes[i] != COUNTED_UNKNOWN_OS) ||
		    (c->rule->software.count == 0 && e->claims[i].os != 0 &&
		     rule_os_fits(&c->rule->os, text(c, e->claims[i].os))))
			return true;
	for (size_t i = 0; i < e->n_facts; i++)
		if (counted_host(c, &e->facts[i]))
			return true;
	return may_occur(c);
}

/* On the rule's clock and in a role that counts. */
static bool
clocked(const struct counted *c, const struct stay *s)
{
	return c->classes[s->claims] != COUNTED_NOT && (c->rule->clock >> s->state & 1) &&
	       (!s->standby || c->rule->count_standby);
}

static const struct rule_exclusion *
exclusion(const struct counted *c, const struct stay *s)
{
	uint8_t number = c->exclusions[s->claims];

	if (number > 0)
		return &c->rule->exclusions[number - 1];
	for (size_t i = 0; s->standby && i < c->rule->n_exclusions; i++)
		if (c->rule->exclusions[i].standby)
			return &c->rule->exclusions[i];
	return NULL;
}

uint32_t
counted_excluded(const struct counted *c, const struct stay *s)
{
	const struct rule_exclusion *x;

	if (!c->rights || !clocked(c, s) || s->uncertain)
		return 0;
	x = exclusion(c, s);
	if (!x)
		return 0;
	return c->rights->excludes(c->rights->ctx, c->rule, c->product, x->right,
				   estate_facts(c->estate, s->host, s->from), s->from);
}

unsigned
counted_stay_asked(const struct counted *c, const struct stay *s)
{
	if (!clocked(c, s))
		return 0;
	if (c->rights && (c->exclusions[s->claims] > 0 || s->standby) && exclusion(c, s) &&
	    c->rights->excludes(c->rights->ctx, c->rule, c->product, exclusion(c, s)->right,
				estate_facts(c->estate, s->host, s->from), s->from) != 0)
		return 0;
	return s->uncertain ? COUNTS_HIGH : c->plain[s->claims] & (COUNTS_MEASURED | COUNTS_HIGH);
}

enum counted_why
counted_unresolved(const struct counted *c, const struct stay *s, const struct host_facts *where)
{
	bool of_vcpus = c->rule->kind == METRIC_VM_CORES || c->rule->kind == METRIC_SUB_CAPACITY ||
			c->rule->kind == METRIC_VCPU_HOURS ||
			(c->rule->kind == METRIC_TIERS && c->rule->of == OF_VMS);
	bool of_hosts =
		c->rule->kind == METRIC_HOST_CORES || c->rule->kind == METRIC_SOCKET_PAIRS ||
		c->rule->kind == METRIC_PROCESSOR_FACTOR || c->rule->kind == METRIC_SUB_CAPACITY ||
		(c->rule->kind == METRIC_TIERS && c->rule->of == OF_HOSTS);

	if (counted_stay(c, s) == 0)
		return WHY_NOT;
	switch (c->classes[s->claims]) {
	case COUNTED_UNKNOWN_OS:
		return WHY_OS;
	case COUNTED_UNKNOWN_EDITION:
	case COUNTED_EDITION_TOLD:
		return WHY_EDITION;
	default:
		break;
	}
	if (s->uncertain)
		return WHY_END;
	if (of_vcpus && c->estate->sizes[s->size].vcpus == 0)
		return WHY_VCPUS;
	if (of_hosts && !where->known)
		return where->sockets > 0 ? WHY_RETIRED : WHY_HOST;
	return WHY_NOT;
}

const char *
counted_why_text(enum counted_why why)
{
	static const char *const texts[COUNTED_WHYS] = {
		[WHY_OS] = "unknown OS",           [WHY_EDITION] = "unknown edition",
		[WHY_END] = "uncertain end",       [WHY_VCPUS] = "unknown vCPUs",
		[WHY_HOST] = "host without facts", [WHY_RETIRED] = "retired host",
	};

	TALLY_ASSERT(why > WHY_NOT && why < COUNTED_WHYS);
	return texts[why];
}
