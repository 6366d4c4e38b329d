/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is meant. Machines are meant by what is claimed of them and where they stand at a
 * time, so a pattern means their stays, not all that they ever did. What means nobody
 * is an error, and says who is there.
 */
#include <stdlib.h>
#include <string.h>
#include "price.h"
#include "simulate.h"

#define TOLD_MOST 8 /* names that an error lists */

void
sim_list_hosts(const struct tally_simulation *s, struct tally_buf *out)
{
	size_t told = 0, left = 0;

	for (size_t i = 0; i < s->n_hosts; i++) {
		struct tally_bytes name = sim_host_name(s, (uint32_t)i);

		left += !s->hosts[i].removed;
		if (s->hosts[i].removed || told >= TOLD_MOST)
			continue;
		tally_buf_addf(out, "%s%.*s", told > 0 ? ", " : "", (int)name.len,
			       (const char *)name.p);
		told++;
	}
	if (left > told)
		tally_buf_addf(out, " and %zu more", left - told);
	if (left == 0)
		tally_buf_add_str(out, "none");
}

uint32_t
sim_host_called(const struct tally_simulation *s, const struct change *c, unsigned at,
		const char *name, struct tally_err *err)
{
	struct tally_buf there = TALLY_BUF_INIT;
	size_t removed = 0;

	for (size_t i = 0; i < s->n_hosts; i++) {
		if (!tally_bytes_eq(sim_host_name(s, (uint32_t)i), tally_bytes_str(name)))
			continue;
		if (!s->hosts[i].removed)
			return (uint32_t)i;
		removed = s->hosts[i].removed;
	}
	sim_list_hosts(s, &there);
	if (removed)
		change_error_(c, at, err, "host '%s' was removed by change %zu", name, removed);
	else
		change_error_(c, at, err, "no host is called '%s' (there are: %s)", name,
			      tally_buf_cstr(&there));
	tally_buf_deinit(&there);
	return SIM_NONE;
}

static bool
in_cluster(const struct tally_simulation *s, const struct sim_host *h, const char *cluster)
{
	const struct host_facts *f = sim_newest(h);

	return f->known && tally_bytes_eq(sim_text(s, f->cluster), tally_bytes_str(cluster));
}

int
sim_pick_hosts(const struct tally_simulation *s, const struct change *c, const char *pattern,
	       struct ids *out, struct tally_err *err)
{
	const char *cluster = c->value[KEY_CLUSTER];
	struct tally_buf there = TALLY_BUF_INIT;

	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct sim_host *h = &s->hosts[i];

		if (!h->removed && rule_text_fits(pattern, sim_host_name(s, (uint32_t)i)) &&
		    (!cluster || in_cluster(s, h, cluster)))
			ids_add(out, (uint32_t)i);
	}
	if (out->n > 0)
		return 0;
	if (!strchr(pattern, '*') && !cluster &&
	    sim_host_called(s, c, c->begin, pattern, err) == SIM_NONE)
		return -1;
	sim_list_hosts(s, &there);
	change_error_(c, c->begin, err, "no host is '%s'%s%s (there are: %s)", pattern,
		      cluster ? " in cluster " : "", cluster ? cluster : "",
		      tally_buf_cstr(&there));
	tally_buf_deinit(&there);
	return -1;
}

/* A family of systems, a pattern of URIs, or what nobody knows. */
static bool
os_fits(const char *pattern, struct tally_bytes os)
{
	const char *const *family = os_family(pattern);

	if (os.len == 0)
		return rule_text_fits(pattern, tally_bytes_str("unclassified"));
	for (; family && *family; family++)
		if (strlen(*family) <= os.len && memcmp(*family, os.p, strlen(*family)) == 0)
			return true;
	return !os_family(pattern) && rule_text_fits(pattern, os);
}

static bool
fits(const struct tally_simulation *s, const struct change *c, enum change_key key, uint32_t text)
{
	return !c->value[key] || rule_text_fits(c->value[key], sim_text(s, text));
}

static bool
software_fits(const struct tally_simulation *s, const char *pattern, const struct ids *set)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (rule_text_fits(pattern, sim_text(s, set->p[i])))
			return true;
	return false;
}

enum { FITS_NAME = 1, FITS_REST = 2 };

/* What claims alone decide, for each set of them. */
static uint8_t *
judge_claims(const struct tally_simulation *s, const struct change *c)
{
	const struct estate *e = s->old;
	uint8_t *out = tally_alloc(e->n_claims + 1);

	for (size_t i = 0; i < e->n_claims; i++) {
		const struct stay_claims *k = &e->claims[i];

		if (rule_text_fits(c->subject, sim_text(s, k->name)))
			out[i] |= FITS_NAME;
		if ((!c->value[KEY_OS] || os_fits(c->value[KEY_OS], sim_text(s, k->os))) &&
		    (!c->value[KEY_SOFTWARE] ||
		     software_fits(s, c->value[KEY_SOFTWARE], &k->software)) &&
		    fits(s, c, KEY_EDITION, k->edition) && fits(s, c, KEY_TENANT, k->tenant) &&
		    fits(s, c, KEY_ENVIRONMENT, k->environment))
			out[i] |= FITS_REST;
	}
	return out;
}

/* VMs whose UUID the subject fits. */
static uint8_t *
judge_uuids(const struct tally_simulation *s, const struct change *c)
{
	uint8_t *out = tally_alloc(s->estate.n_vms + 1);
	char uuid[TALLY_UUID_TEXT];

	for (size_t i = 0; i < s->estate.n_vms; i++) {
		tally_uuid_text(uuid, s->estate.vms[i].uuid);
		out[i] = rule_text_fits(c->subject, tally_bytes_str(uuid));
	}
	return out;
}

static bool
stands_where(const struct tally_simulation *s, const struct change *c, const struct stay *stay)
{
	const struct sim_host *h = &s->hosts[stay->host];

	return fits(s, c, KEY_HOST, h->was.name) &&
	       (!c->value[KEY_CLUSTER] ||
		rule_text_fits(c->value[KEY_CLUSTER],
			       sim_text(s, sim_facts(h, stay->from)->cluster)));
}

int
sim_pick_stays(const struct tally_simulation *s, const struct change *c, struct ids *out,
	       struct tally_err *err)
{
	uint8_t *claims = judge_claims(s, c), *uuids = judge_uuids(s, c);
	bool named = false;

	for (size_t i = 0; i < s->n_stays; i++) {
		const struct stay *stay = &s->stays[i].stay;
		bool name = uuids[stay->vm] || (claims[stay->claims] & FITS_NAME);

		if (stay->from >= stay->to)
			continue;
		named |= name;
		if (name && (claims[stay->claims] & FITS_REST) && stands_where(s, c, stay))
			ids_add(out, (uint32_t)i);
	}
	free(claims);
	free(uuids);
	if (out->n > 0)
		return 0;
	return change_error(c, c->begin, err,
			    named ? "no machine that '%s' fits is what the rest of the words says"
				  : "no machine is called '%s', in all the time that rules look at",
			    c->subject);
}
