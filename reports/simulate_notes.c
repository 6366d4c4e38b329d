/* SPDX-License-Identifier: Apache-2.0 */
/* What is strange about what came out: no error, but whoever reads the figures ought to
 * know it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "entitlement.h"
#include "simulate.h"

/* vCPUs at once on each host of an estate. */
struct crowd {
	const struct estate *e;
	uint64_t *now, *most;
	int64_t *at; /* the first instant of `most` */
	uint32_t *touched;
	size_t n_touched, cap_touched;
};

/* What is seen to run; nobody runs on a standby's vCPUs. */
static bool
runs(const struct stay *stay)
{
	return stay->state <= PAUSED && !stay->uncertain && !stay->standby;
}

static bool
count(struct crowd *c, uint32_t stay, bool begins)
{
	uint32_t host = c->e->stays[stay].host;
	uint64_t vcpus = c->e->sizes[c->e->stays[stay].size].vcpus;

	if (!runs(&c->e->stays[stay]))
		return false;
	c->now[host] += begins ? vcpus : -vcpus;
	c->touched = array_grow(c->touched, &c->cap_touched, c->n_touched, sizeof(*c->touched));
	c->touched[c->n_touched++] = host;
	return true;
}

static bool
begins(void *ctx, uint32_t stay)
{
	return count(ctx, stay, true);
}

static bool
ends(void *ctx, uint32_t stay)
{
	return count(ctx, stay, false);
}

static void
settled(void *ctx, int64_t at)
{
	struct crowd *c = ctx;

	for (size_t i = 0; i < c->n_touched; i++) {
		uint32_t host = c->touched[i];

		if (c->now[host] <= c->most[host])
			continue;
		c->most[host] = c->now[host];
		c->at[host] = at;
	}
	c->n_touched = 0;
}

static void
crowd_make(struct crowd *c, const struct estate *e)
{
	const struct estate_walker w = { .ctx = c,
					 .from = e->from,
					 .to = e->to,
					 .begin = begins,
					 .end = ends,
					 .settled = settled };

	*c = (struct crowd){ .e = e };
	c->now = tally_alloc((e->n_hosts + 1) * sizeof(*c->now));
	c->most = tally_alloc((e->n_hosts + 1) * sizeof(*c->most));
	c->at = tally_alloc((e->n_hosts + 1) * sizeof(*c->at));
	estate_walk(e, &w, 1);
}

static void
crowd_deinit(struct crowd *c)
{
	free(c->now);
	free(c->most);
	free(c->at);
	free(c->touched);
}

static uint64_t
cores_at(const struct crowd *c, uint32_t host)
{
	const struct host_facts *f =
		estate_facts(c->e, host, c->most[host] > 0 ? c->at[host] : c->e->to - 1);
	uint64_t n = 0;

	for (uint32_t i = 0; i < f->sockets; i++)
		n += f->cores[i];
	return n;
}

/* More vCPUs than cores, where a change made it so or worse. */
static void
note_crowds(struct tally_simulation *s)
{
	struct crowd was, is;

	crowd_make(&was, s->old);
	crowd_make(&is, &s->estate);
	for (uint32_t d = 0; d < s->n_hosts; d++) {
		uint32_t host = s->numbers[d];
		struct tally_bytes name = sim_host_name(s, d);
		uint64_t cores, before;
		char at[TALLY_TIME_TEXT];
		struct tally_buf *b;

		if (host == SIM_NONE || (cores = cores_at(&is, host)) == 0 ||
		    is.most[host] <= cores)
			continue;
		before = s->hosts[d].added ? 0 : was.most[d];
		if (is.most[host] <= before && cores >= cores_at(&was, d))
			continue;
		b = &sim_note(s, 0)->text;
		tally_wall_text(at, (struct tally_wall){ is.at[host] });
		tally_buf_addf(b,
			       "host %.*s: up to %" PRIu64 " vCPUs at once on %" PRIu64
			       " cores, first at %s",
			       (int)name.len, (const char *)name.p, is.most[host], cores, at);
		if (!s->hosts[d].added)
			tally_buf_addf(b, "; before, %" PRIu64 " on %" PRIu64, before,
				       cores_at(&was, d));
	}
	crowd_deinit(&was);
	crowd_deinit(&is);
}

/* Where nothing is known of a host, rules about hosts have to guess. */
static void
note_unknown(struct tally_simulation *s)
{
	uint8_t *dark = tally_alloc(s->n_hosts + 1);

	for (size_t i = 0; i < s->n_stays; i++) {
		const struct stay *stay = &s->stays[i].stay;
		const struct sim_host *h = &s->hosts[stay->host];

		if (!s->stays[i].changed || stay->from >= stay->to)
			continue;
		for (size_t k = 0; k < h->n_facts; k++)
			dark[stay->host] |=
				!h->facts[k].known && h->facts[k].from < stay->to &&
				(k + 1 == h->n_facts || h->facts[k + 1].from > stay->from);
	}
	for (uint32_t d = 0; d < s->n_hosts; d++) {
		struct tally_bytes name = sim_host_name(s, d);

		if (dark[d])
			tally_buf_addf(
				&sim_note(s, 0)->text,
				"host %.*s: nothing is known of it for a part of the time: what "
				"was put there counts then as on a host of one socket and as "
				"many cores as its guests have vCPUs",
				(int)name.len, (const char *)name.p);
	}
	free(dark);
}

/* Of each change, how many of the machines that it put elsewhere are pinned to cores. */
static void
note_pins(struct tally_simulation *s)
{
	uint8_t *pinned = tally_alloc(s->estate.n_vms + 1);
	size_t n = 0;

	for (size_t i = 0; i < s->n_stays; i++)
		if (s->stays[i].changed && s->stays[i].stay.from < s->stays[i].stay.to &&
		    s->estate.sizes[s->stays[i].stay.size].pinned)
			pinned[s->stays[i].stay.vm] = 1;
	for (size_t i = 0; i < s->estate.n_vms; i++)
		n += pinned[i];
	free(pinned);
	if (n > 0)
		tally_buf_addf(
			&sim_note(s, 0)->text,
			"%zu of the changed machines %s pinned to cores: the pins were left as "
			"they are",
			n, n == 1 ? "is" : "are");
}

/* VMs that stand on one host twice at an instant. */
struct twice {
	const struct tally_simulation *s;
	struct map standing; /* (VM, host): how many, less one */
	uint8_t *vms;        /* of each: 1 changed, 2 twice as well */
};

static uintptr_t *
standing(struct twice *t, uint32_t stay)
{
	const struct stay *x = &t->s->estate.stays[stay];
	uint8_t key[16] = { 0 };

	tally_put_u32(key, x->vm);
	tally_put_u32(key + 4, x->host);
	return (uintptr_t *)map_place(&t->standing, key);
}

static bool
changed_and_runs(const struct twice *t, uint32_t stay)
{
	const struct stay *s = &t->s->estate.stays[stay];

	return t->vms[s->vm] > 0 && runs(s);
}

/* A slot of the map is free while it holds 0: so many more than one. */
static bool
stands(void *ctx, uint32_t stay)
{
	struct twice *t = ctx;
	uintptr_t *n;

	if (!changed_and_runs(t, stay))
		return false;
	n = standing(t, stay);
	*n = *n == 0 ? 2 : *n + 1;
	if (*n > 2)
		t->vms[t->s->estate.stays[stay].vm] = 2;
	return true;
}

static bool
goes(void *ctx, uint32_t stay)
{
	if (!changed_and_runs(ctx, stay))
		return false;
	--*standing(ctx, stay);
	return true;
}

static void
nothing(void *ctx, int64_t at)
{
	(void)ctx;
	(void)at;
}

static void
note_twice(struct tally_simulation *s)
{
	struct twice t = { .s = s, .vms = tally_alloc(s->estate.n_vms + 1) };
	const struct estate_walker w = { .ctx = &t,
					 .from = s->estate.from,
					 .to = s->estate.to,
					 .begin = stands,
					 .end = goes,
					 .settled = nothing };
	size_t n = 0;

	for (size_t i = 0; i < s->n_stays; i++)
		if (s->stays[i].changed)
			t.vms[s->stays[i].stay.vm] = 1;
	estate_walk(&s->estate, &w, 1);
	for (size_t i = 0; i < s->estate.n_vms; i++)
		n += t.vms[i] == 2;
	if (n > 0)
		tally_buf_addf(
			&sim_note(s, 0)->text,
			"%zu machine%s on one host twice at once: the ledgers have %s on two "
			"hosts (finding uuid-conflict), and that counts twice here, too",
			n, n == 1 ? " stands" : "s stand", n == 1 ? "it" : "them");
	map_deinit(&t.standing);
	free(t.vms);
}

/* Licences go with the host that they are bound to. */
static void
note_licences(struct tally_simulation *s)
{
	const struct entitlements *list = s->report->entitlements;

	for (size_t i = 0; list && i < list->n; i++) {
		const struct entitlement *e = &list->p[i];
		bool bound = e->scope == SCOPE_HOST;
		struct tally_bytes name = tally_bytes_str(bound ? e->scope_id : e->assigned_host);

		for (uint32_t d = 0; d < s->n_hosts; d++)
			if (s->hosts[d].removed && tally_bytes_eq(sim_host_name(s, d), name))
				tally_buf_addf(&sim_note(s, s->hosts[d].removed)->text,
					       "%s:%u is %s host %.*s, which is removed: %s",
					       list->name, e->place.line,
					       bound ? "bound to" : "assigned to", (int)name.len,
					       (const char *)name.p,
					       bound ? "it counts nowhere"
						     : "it counts for the fleet, but for no host");
	}
}

void
sim_notes(struct tally_simulation *s)
{
	note_licences(s);
	note_unknown(s);
	note_twice(s);
	note_pins(s);
	note_crowds(s);
}
