/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of hosts: their facts over the whole window, and whether they are there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "simulate.h"
#include "tally/event.h"

static void
add_cores(struct tally_buf *out, const uint32_t *cores, uint32_t sockets)
{
	for (uint32_t i = 0; i < sockets; i++)
		tally_buf_addf(out, "%s%" PRIu32, i > 0 ? "+" : "", cores[i]);
	if (sockets == 0)
		tally_buf_add_str(out, "unknown");
}

static void
set_cores(struct tally_simulation *s, const struct change *c, struct host_facts *f)
{
	f->cores = tally_arena_alloc(s->arena, c->sockets * sizeof(*f->cores));
	memcpy(f->cores, c->cores, c->sockets * sizeof(*f->cores));
	f->sockets = c->sockets;
}

/* What the words give; the rest stays. */
static void
set_facts(struct tally_simulation *s, const struct change *c, struct host_facts *f)
{
	if (c->sockets > 0)
		set_cores(s, c, f);
	if (c->max_sockets > 0)
		f->max_sockets = c->max_sockets;
	if (c->threads > 0)
		f->threads_per_core = c->threads;
	if (c->value[KEY_CPU])
		f->cpu = sim_add_text(s, c->value[KEY_CPU]);
	if (c->what != CHANGE_ADD_HOST)
		return;
	if (c->hypervisor)
		f->hypervisor = c->hypervisor;
	if (c->value[KEY_CLUSTER])
		f->cluster = sim_add_text(s, c->value[KEY_CLUSTER]);
	if (c->value[KEY_REGION])
		f->region = sim_add_text(s, c->value[KEY_REGION]);
	if (c->value[KEY_PARTITIONING])
		f->partitioning = sim_add_text(s, c->value[KEY_PARTITIONING]);
	if (c->value[KEY_OS]) {
		f->os = sim_add_text(s, c->value[KEY_OS]);
		f->edition = 0;
	}
}

/* The region that hosts of the cluster are in, where they agree. */
static uint32_t
region_of(const struct tally_simulation *s, uint32_t cluster)
{
	uint32_t region = 0;

	for (size_t i = 0; i < s->n_hosts && cluster != 0; i++) {
		const struct host_facts *f = sim_newest(&s->hosts[i]);

		if (s->hosts[i].removed || !f->known || f->cluster != cluster)
			continue;
		if (region != 0 && region != f->region)
			return 0;
		region = f->region;
	}
	return region;
}

static int
like(const struct tally_simulation *s, const struct change *c, struct host_facts *f,
     struct tally_err *err)
{
	uint32_t host = sim_host_called(s, c, c->at[KEY_LIKE], c->value[KEY_LIKE], err);

	if (host == SIM_NONE)
		return -1;
	*f = *sim_newest(&s->hosts[host]);
	if (!f->known)
		return change_error(c, c->at[KEY_LIKE], err,
				    "nothing is known of host '%s' at the end of the period",
				    c->value[KEY_LIKE]);
	return 0;
}

static void
tell_added(struct tally_simulation *s, const struct change *c, const struct host_facts *f)
{
	struct tally_buf *told = &s->told[c->number - 1];
	struct tally_bytes cluster = sim_text(s, f->cluster), region = sim_text(s, f->region);

	tally_buf_addf(told, "a host with cores ");
	add_cores(told, f->cores, f->sockets);
	if (cluster.len > 0)
		tally_buf_addf(told, ", cluster %.*s", (int)cluster.len, (const char *)cluster.p);
	if (region.len > 0)
		tally_buf_addf(told, ", region %.*s", (int)region.len, (const char *)region.p);
	tally_buf_add_str(told, ", without machines");
}

int
sim_add_host(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct host_facts f = { .known = true };
	struct sim_host *h;

	for (size_t i = 0; i < s->n_hosts; i++)
		if (!s->hosts[i].removed &&
		    tally_bytes_eq(sim_host_name(s, (uint32_t)i), tally_bytes_str(c->subject)))
			return change_error(c, c->begin, err, "there is a host of that name");
	if (c->value[KEY_LIKE] && like(s, c, &f, err) < 0)
		return -1;
	set_facts(s, c, &f);
	if (c->value[KEY_CLUSTER] && !c->value[KEY_REGION]) {
		uint32_t region = region_of(s, f.cluster);

		f.region = region ? region : f.region;
	}
	f.from = s->old->from;
	f.to = s->old->to;
	f.entry = 0;
	f.imported = false;
	s->hosts = array_grow(s->hosts, &s->cap_hosts, s->n_hosts, sizeof(*s->hosts));
	h = &s->hosts[s->n_hosts++];
	*h = (struct sim_host){ .was = { .name = sim_add_text(s, c->subject),
					 .ledger = FLEET,
					 .seen_from = s->old->from,
					 .seen_to = s->old->to,
					 .retired = INT64_MAX },
				.added = true,
				.n_facts = 1 };
	h->facts = tally_realloc_array(NULL, 1, sizeof(*h->facts));
	h->facts[0] = f;
	tell_added(s, c, &f);
	return 0;
}

static void
pick_those_on(const struct tally_simulation *s, uint32_t host, struct ids *out)
{
	for (size_t i = 0; i < s->n_stays; i++)
		if (s->stays[i].stay.host == host && s->stays[i].stay.from < s->stays[i].stay.to)
			ids_add(out, (uint32_t)i);
}

/* Without a word of where to, the rest of the cluster takes its machines. */
static int
empty_host(struct tally_simulation *s, const struct change *c, uint32_t host, uint32_t *chosen,
	   struct tally_err *err)
{
	struct sim_places places = { 0 };
	struct ids stays = { 0 };
	int rc = 0;

	pick_those_on(s, host, &stays);
	if (stays.n > 0) {
		rc = c->to == PLACE_NONE ? sim_places_left(s, c, host, &places, err)
					 : sim_places_of(s, c, &places, err);
		if (rc == 0)
			sim_put(s, c, &stays, &places, false, chosen);
	}
	ids_deinit(&places.hosts);
	ids_deinit(&stays);
	return rc;
}

int
sim_remove_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	uint32_t *chosen = sim_nowhere(s);
	struct sim_places places = { 0 };
	struct ids hosts = { 0 };
	size_t moved;
	int rc = sim_pick_hosts(s, c, c->subject, &hosts, err);

	for (uint32_t i = 0; rc == 0 && i < hosts.n; i++)
		s->hosts[hosts.p[i]].removed = c->number;
	/* Also where no machine has to go there. */
	if (rc == 0 && c->to != PLACE_NONE)
		rc = sim_places_of(s, c, &places, err);
	for (uint32_t i = 0; rc == 0 && i < hosts.n; i++)
		rc = empty_host(s, c, hosts.p[i], chosen, err);
	if (rc == 0) {
		moved = sim_machines(s, c->number);
		tally_buf_addf(&s->told[c->number - 1], "%" PRIu32 " host%s removed", hosts.n,
			       hosts.n == 1 ? "" : "s");
		if (moved > 0)
			tally_buf_addf(&s->told[c->number - 1], ", %zu machine%s %s", moved,
				       moved == 1 ? "" : "s",
				       c->to == PLACE_GONE ? "gone" : "moved");
	}
	ids_deinit(&places.hosts);
	ids_deinit(&hosts);
	free(chosen);
	return rc;
}

int
sim_move_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	uint32_t cluster = sim_add_text(s, c->place);
	struct ids hosts = { 0 };
	size_t changed = 0;

	if (sim_pick_hosts(s, c, c->subject + strlen("host:"), &hosts, err) < 0)
		return -1;
	for (uint32_t i = 0; i < hosts.n; i++) {
		struct sim_host *h = &s->hosts[hosts.p[i]];
		bool differs = false;

		for (size_t k = 0; k < h->n_facts; k++) {
			differs |= h->facts[k].known && h->facts[k].cluster != cluster;
			if (h->facts[k].known)
				h->facts[k].cluster = cluster;
		}
		changed += differs;
	}
	ids_deinit(&hosts);
	if (changed == 0)
		return change_error(c, c->begin, err, "changes nothing: they are in cluster '%s'",
				    c->place);
	tally_buf_addf(&s->told[c->number - 1], "%zu host%s put into cluster %s", changed,
		       changed == 1 ? "" : "s", c->place);
	return 0;
}

static bool
same_facts(const struct host_facts *a, const struct host_facts *b)
{
	return a->sockets == b->sockets && a->max_sockets == b->max_sockets &&
	       a->threads_per_core == b->threads_per_core && a->cpu == b->cpu &&
	       (a->sockets == 0 || memcmp(a->cores, b->cores, a->sockets * sizeof(*a->cores)) == 0);
}

/* "cores 24+24 (were 16+16)" of one; of several only what they are now. */
static void
tell_grown(struct tally_simulation *s, const struct change *c, const struct host_facts *was,
	   size_t changed)
{
	struct tally_buf *told = &s->told[c->number - 1];
	const char *sign = ": ";

	tally_buf_addf(told, "%zu host%s", changed, changed == 1 ? "" : "s");
	if (c->sockets > 0) {
		tally_buf_add_str(told, ": cores ");
		add_cores(told, c->cores, c->sockets);
		if (changed == 1) {
			tally_buf_add_str(told, " instead of ");
			add_cores(told, was->cores, was->sockets);
		}
		sign = ", ";
	}
	if (c->value[KEY_CPU]) {
		tally_buf_addf(told, "%scpu %s", sign, c->value[KEY_CPU]);
		sign = ", ";
	}
	if (c->max_sockets > 0) {
		tally_buf_addf(told, "%smax-sockets %" PRIu32, sign, c->max_sockets);
		sign = ", ";
	}
	if (c->threads > 0)
		tally_buf_addf(told, "%sthreads %" PRIu32 " a core", sign, c->threads);
}

int
sim_grow_hosts(struct tally_simulation *s, const struct change *c, struct tally_err *err)
{
	struct host_facts was = { 0 };
	struct ids hosts = { 0 };
	size_t changed = 0, known = 0;

	if (sim_pick_hosts(s, c, c->subject, &hosts, err) < 0)
		return -1;
	for (uint32_t i = 0; i < hosts.n; i++) {
		struct sim_host *h = &s->hosts[hosts.p[i]];
		bool differs = false;

		for (size_t k = 0; k < h->n_facts; k++) {
			struct host_facts *f = &h->facts[k], before = *f;

			if (!f->known)
				continue;
			known++;
			set_facts(s, c, f);
			if (same_facts(f, &before))
				continue;
			differs = true;
			was = before;
		}
		changed += differs;
	}
	ids_deinit(&hosts);
	if (changed == 0)
		return change_error(c, c->begin, err,
				    known > 0 ? "changes nothing: they are so already"
					      : "nothing is known of the host but its name");
	tell_grown(s, c, &was, changed);
	return 0;
}
