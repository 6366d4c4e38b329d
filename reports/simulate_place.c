/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where machines go. A machine goes as a whole: to spread its stays would make up
 * migrations, which cost licences. The largest come first, each to the host with the
 * fewest vCPUs (summed over the time that they run), so that the same estate always
 * gives the same answer.
 */
#include <stdlib.h>
#include <string.h>
#include "simulate.h"

uint32_t *
sim_nowhere(const struct tally_simulation *s)
{
	uint32_t *chosen = tally_realloc_array(NULL, s->estate.n_vms + 1, sizeof(*chosen));

	for (size_t i = 0; i < s->estate.n_vms; i++)
		chosen[i] = SIM_NONE;
	return chosen;
}

/* Where machines may go: there are facts of it to the end. */
static bool
is_open(const struct sim_host *h)
{
	return !h->removed && sim_newest(h)->known;
}

static void
open_hosts_of(const struct tally_simulation *s, struct tally_bytes cluster, struct ids *out)
{
	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct sim_host *h = &s->hosts[i];

		if (is_open(h) && tally_bytes_eq(sim_text(s, sim_newest(h)->cluster), cluster))
			ids_add(out, (uint32_t)i);
	}
}

/* One of that name is there, or was before a change took it. */
static bool
host_named(const struct tally_simulation *s, const char *name)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (tally_bytes_eq(sim_host_name(s, (uint32_t)i), tally_bytes_str(name)))
			return true;
	return false;
}

static int
one_host(const struct tally_simulation *s, const struct change *c, struct sim_places *out,
	 struct tally_err *err)
{
	uint32_t host = sim_host_called(s, c, c->at[KEY_TO], c->place, err);

	if (host == SIM_NONE)
		return -1;
	if (!is_open(&s->hosts[host]))
		return change_error(c, c->at[KEY_TO], err,
				    s->hosts[host].was.retired != INT64_MAX
					    ? "host '%s' was retired: nothing can go there"
					    : "nothing is known of host '%s' but its name: say "
					      "what it is by --add-host",
				    c->place);
	ids_add(&out->hosts, host);
	return 0;
}

/* Neither a host nor a cluster. */
static int
not_there(const struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct tally_buf there = TALLY_BUF_INIT;

	sim_list_hosts(s, &there);
	change_error_(c, c->at[KEY_TO], err,
		      "'%s' is neither a host nor a cluster with one (hosts are: %s)", c->place,
		      tally_buf_cstr(&there));
	tally_buf_deinit(&there);
	return -1;
}

int
sim_places_of(const struct tally_simulation *s, const struct change *c, struct sim_places *out,
	      struct tally_err *err)
{
	*out = (struct sim_places){ .gone = c->to == PLACE_GONE };
	if (out->gone)
		return 0;
	if (c->to != PLACE_HOST)
		open_hosts_of(s, tally_bytes_str(c->place), &out->hosts);
	if (c->to == PLACE_EITHER && out->hosts.n > 0 && host_named(s, c->place))
		return change_error(c, c->at[KEY_TO], err,
				    "'%s' is a host and a cluster: say host:%s or cluster:%s",
				    c->place, c->place, c->place);
	if (out->hosts.n > 0)
		return 0;
	if (c->to == PLACE_CLUSTER)
		return change_error(c, c->at[KEY_TO], err, "no host is in cluster '%s'", c->place);
	if (c->to == PLACE_EITHER && !host_named(s, c->place))
		return not_there(s, c, err);
	return one_host(s, c, out, err);
}

int
sim_places_left(const struct tally_simulation *s, const struct change *c, uint32_t host,
		struct sim_places *out, struct tally_err *err)
{
	static const char how[] = "say to=HOST, to=cluster:NAME or to=gone";
	const struct sim_host *h = &s->hosts[host];
	struct tally_bytes name = sim_host_name(s, host), cluster = { NULL, 0 };

	*out = (struct sim_places){ 0 };
	/* A host that was retired has its cluster from the time before. */
	for (size_t i = h->n_facts; i > 0 && cluster.len == 0; i--)
		cluster = sim_text(s, h->facts[i - 1].cluster);
	if (cluster.len == 0)
		return change_error(c, c->begin, err,
				    "host '%.*s' has machines and is in no cluster: %s",
				    (int)name.len, (const char *)name.p, how);
	open_hosts_of(s, cluster, &out->hosts);
	if (out->hosts.n > 0)
		return 0;
	return change_error(c, c->begin, err,
			    "host '%.*s' has machines, and no host is left in cluster '%.*s': %s",
			    (int)name.len, (const char *)name.p, (int)cluster.len,
			    (const char *)cluster.p, how);
}

static bool
holds(const struct ids *set, uint32_t id)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->p[i] == id)
			return true;
	return false;
}

/* vCPUs times how long they run; one that nobody counted is one. */
static tally_i128
load_of(const struct tally_simulation *s, const struct stay *stay)
{
	uint32_t vcpus = s->estate.sizes[stay->size].vcpus;

	if (stay->from >= stay->to || stay->state > PAUSED || stay->uncertain || stay->standby)
		return 0;
	return (tally_i128)(stay->to - stay->from) * (vcpus ? vcpus : 1);
}

struct machine {
	uint32_t vm;
	tally_i128 load;
};
struct put {
	struct tally_simulation *s;
	bool anew;         /* nothing of it stands anywhere yet */
	tally_i128 *loads; /* of each host, without what is put */
	struct machine *machines;
	size_t n;
};

static int
compare_machines(const void *a, const void *b, void *ctx)
{
	const struct machine *x = a, *y = b;
	const struct tally_simulation *s = ctx;

	if (x->load != y->load)
		return x->load > y->load ? -1 : 1;
	return memcmp(s->estate.vms[x->vm].uuid, s->estate.vms[y->vm].uuid, TALLY_UUID);
}

/* Every machine that has to go somewhere, once, and how full the hosts are without it. */
static void
weigh(struct put *p, const struct ids *stays, const struct sim_places *places)
{
	struct tally_simulation *s = p->s;
	uint32_t *known = tally_alloc((s->estate.n_vms + 1) * sizeof(*known)); /* number + 1 */

	p->loads = tally_alloc((s->n_hosts + 1) * sizeof(*p->loads));
	p->machines = tally_alloc((s->estate.n_vms + 1) * sizeof(*p->machines));
	for (size_t i = 0; i < s->n_stays; i++)
		p->loads[s->stays[i].stay.host] += load_of(s, &s->stays[i].stay);
	for (uint32_t i = 0; i < stays->n; i++) {
		const struct stay *stay = &s->stays[stays->p[i]].stay;
		tally_i128 load = load_of(s, stay);

		if (!p->anew && holds(&places->hosts, stay->host))
			continue;
		if (!known[stay->vm]) {
			p->machines[p->n++] = (struct machine){ .vm = stay->vm };
			known[stay->vm] = (uint32_t)p->n;
		}
		p->machines[known[stay->vm] - 1].load += load;
		p->loads[stay->host] -= load;
	}
	qsort_r(p->machines, p->n, sizeof(*p->machines), compare_machines, s);
	free(known);
}

/* Where a machine stands at another time is where the rest of it goes. */
static void
keep_together(const struct tally_simulation *s, const struct ids *stays,
	      const struct sim_places *places, uint32_t *chosen)
{
	uint8_t *goes = tally_alloc(s->estate.n_vms + 1);

	for (uint32_t i = 0; i < stays->n; i++)
		goes[s->stays[stays->p[i]].stay.vm] = 1;
	for (size_t i = 0; i < s->n_stays; i++) {
		const struct stay *stay = &s->stays[i].stay;

		if (goes[stay->vm] && chosen[stay->vm] == SIM_NONE && stay->from < stay->to &&
		    holds(&places->hosts, stay->host))
			chosen[stay->vm] = stay->host;
	}
	free(goes);
}

/* Of two that are alike the first by name: added hosts have numbers behind all others. */
static bool
emptier(const struct put *p, uint32_t a, uint32_t b)
{
	if (p->loads[a] != p->loads[b])
		return p->loads[a] < p->loads[b];
	return tally_bytes_cmp(sim_host_name(p->s, a), sim_host_name(p->s, b)) < 0;
}

static void
choose(struct put *p, const struct sim_places *places, uint32_t *chosen)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct machine *m = &p->machines[i];
		uint32_t best = chosen[m->vm];

		if (best == SIM_NONE || !holds(&places->hosts, best)) {
			best = places->hosts.p[0];
			for (uint32_t k = 1; k < places->hosts.n; k++)
				if (emptier(p, places->hosts.p[k], best))
					best = places->hosts.p[k];
		}
		chosen[m->vm] = best;
		p->loads[best] += m->load;
	}
}

/* Every stay that has to go goes. */
static size_t
go(const struct put *p, const struct change *c, const struct ids *stays,
   const struct sim_places *places, const uint32_t *chosen)
{
	size_t moved = 0;

	for (uint32_t i = 0; i < stays->n; i++) {
		struct sim_stay *x = &p->s->stays[stays->p[i]];
		uint32_t to = places->gone ? SIM_NONE : chosen[x->stay.vm];

		if (!p->anew && holds(&places->hosts, x->stay.host))
			continue;
		sim_effect(p->s, c->number, x, p->anew ? SIM_NONE : x->stay.host, to);
		x->changed = true;
		moved++;
		if (to == SIM_NONE)
			x->stay.to = x->stay.from;
		else
			x->stay.host = to;
	}
	return moved;
}

size_t
sim_put(struct tally_simulation *s, const struct change *c, const struct ids *stays,
	const struct sim_places *places, bool anew, uint32_t *chosen)
{
	struct put p = { .s = s, .anew = anew };
	size_t moved;

	if (!places->gone) {
		if (!anew)
			keep_together(s, stays, places, chosen);
		weigh(&p, stays, places);
		choose(&p, places, chosen);
	}
	moved = go(&p, c, stays, places, chosen);
	free(p.loads);
	free(p.machines);
	return moved;
}
