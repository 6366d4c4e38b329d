/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the second reading leaves for rules: each run's stays and each host's
 * facts. A run stands in at most one stay; it goes over into another only where
 * what a rule could see of it differs.
 */
#include <stdlib.h>
#include "sweep.h"
#include "tally/err.h"

void
collect_hosts(struct sweep *s, const struct tally_bytes *hosts, size_t ledgers)
{
	if (!s->estate)
		return;
	TALLY_ASSERT(s->estate->from <= s->from && s->estate->to == s->to);
	for (size_t i = 0; i < ledgers; i++)
		estate_host(s->estate, strings_add(s->strings, hosts[i]), (uint32_t)i);
	s->estate->n_said = s->plan->n_corrections;
	s->estate->said =
		tally_realloc_array(NULL, s->estate->n_said + 1, sizeof(*s->estate->said));
	for (size_t i = 0; i < s->estate->n_said; i++)
		s->estate->said[i] = (struct estate_said){ s->plan->corrections[i].recorded.ledger,
							   s->plan->corrections[i].recorded.index };
}

static void
tell_facts(struct sweep *s, const struct part *p, const struct slot *e)
{
	const struct tally_metering *m = &e->ev->m;
	struct host_facts f = { .from = e->at,
				.host = p->ledger,
				.cluster = strings_add(s->strings, m->cluster),
				.region = strings_add(s->strings, m->region),
				.cpu = strings_add(s->strings, m->cpu),
				.partitioning = strings_add(s->strings, m->partitioning),
				.os = strings_add(s->strings, m->os),
				.edition = strings_add(s->strings, m->edition),
				.sockets = (uint32_t)m->cores_per_socket.count,
				.max_sockets = m->has_max_sockets ? m->max_sockets : 0,
				.threads_per_core =
					m->has_threads_per_core ? m->threads_per_core : 0,
				.hypervisor = m->has_hypervisor ? m->hypervisor : 0,
				.imported = !p->live,
				.known = true,
				.entry = e->h.index };
	uint32_t *cores = tally_alloc((f.sockets + 1) * sizeof(*cores));

	for (uint32_t i = 0; i < f.sockets; i++)
		cores[i] = m->cores_per_socket.items[i];
	f.cores = cores;
	for (size_t i = 0; i < m->software.count; i++)
		ids_add(&f.software, strings_add(s->strings, m->software.items[i]));
	estate_tell(s->estate, &f);
	ids_deinit(&f.software);
	free(cores);
}

void
collect_entry(struct sweep *s, const struct part *p, const struct slot *e)
{
	struct estate_host *host;

	if (!s->estate || p->aside)
		return; /* what an operator says of a guest is no sight of its host */
	host = &s->estate->hosts[p->ledger];
	if (e->at < host->seen_from)
		host->seen_from = e->at;
	if (e->at > host->seen_to)
		host->seen_to = e->at;
	if (e->at < s->estate->reached_from)
		s->estate->reached_from = e->at;
	if (e->h.kind == TALLY_HOST_FACTS) {
		tell_facts(s, p, e);
	} else if (e->h.kind == TALLY_HOST_FAILED) {
		estate_fail(s->estate, p->ledger, e->at);
	} else if (e->h.kind == TALLY_HOST_RETIRED) {
		struct host_facts gone = { .from = e->at, .host = p->ledger, .entry = e->h.index };

		host->retired = e->at;
		estate_tell(s->estate, &gone);
	}
}

void
collect_size(struct sweep *s, struct run *run, const struct said *m, bool anew)
{
	struct stay_size size = { 0 };

	if (!s->estate)
		return;
	if (!anew)
		size = s->estate->sizes[run->size];
	size.vcpus = run->vcpus;
	if (m->has_memory)
		size.memory_mib = m->memory_mib;
	if (m->has_pinned) {
		size.cores = m->pinned;
		size.pinned = m->pinned.n > 0;
	}
	run->size = estate_size(s->estate, &size);
}

/* Whose word the owner rests on, where that is an operator's. */
static void
owners_of(const struct sweep *s, const struct run *run, struct stay_claims *c)
{
	static const enum claim_key keys[OWNERS] = { CLAIM_TENANT, CLAIM_COST_CENTER,
						     CLAIM_ENVIRONMENT };

	for (unsigned i = 0; i < OWNERS; i++) {
		const struct correction *k =
			claims_corrected(run->claims, run->vm->corrected, keys[i]);

		if (k)
			c->owner[i] = (uint32_t)(k - s->plan->corrections) + 1;
	}
}

static uint32_t
claims_of(struct sweep *s, const struct run *run)
{
	bool corrected = run->vm->corrected && run->vm->corrected->n_active > 0;
	struct stay_claims c = { 0 };
	struct effective now;
	uint32_t number;

	if (!corrected && run->claims->stay_claims)
		return run->claims->stay_claims - 1;
	claims_effective(&now, run->claims, run->vm->corrected);
	c.os = now.value[CLAIM_OS];
	c.edition = now.value[CLAIM_EDITION];
	c.environment = now.value[CLAIM_ENVIRONMENT];
	c.tenant = now.value[CLAIM_TENANT];
	c.cost_center = now.value[CLAIM_COST_CENTER];
	c.name = now.value[CLAIM_NAME];
	c.evidence = now.evidence;
	if (corrected)
		owners_of(s, run, &c);
	claims_software(&c.software, run->claims, run->vm->corrected);
	number = estate_claims(s->estate, &c);
	if (!corrected)
		run->claims->stay_claims = number + 1;
	ids_deinit(&c.software);
	return number;
}

static struct stay
stay_of(struct sweep *s, const struct run *run)
{
	struct vm *vm = run->vm;

	if (!vm->in_estate)
		vm->in_estate = estate_vm(s->estate, vm->uuid) + 1;
	return (struct stay){ .from = s->now,
			      .vm = vm->in_estate - 1,
			      .host = run->part->ledger,
			      .claims = claims_of(s, run),
			      .size = run->size,
			      .entry = run->seen_index & ((UINT64_C(1) << 56) - 1),
			      .state = run->state & 7,
			      .imported = !run->part->live,
			      .standby = run->standby };
}

static bool
same(const struct run *run, const struct stay *is)
{
	return run->stay_claims == is->claims && run->stay_size == is->size &&
	       run->stay_state == is->state && run->stay_standby == is->standby;
}

static uint32_t
next_stay(struct sweep *s)
{
	TALLY_ASSERT(s->n_stays < UINT32_MAX - 1);
	return ++s->n_stays;
}

void
collect_run(struct sweep *s, struct run *run)
{
	struct stay_step step = { 0 };

	step.begins =
		!run->ended && (!run->cut || run->saved) && !run->part->skips && s->now < s->to;
	if (step.begins) {
		step.stay = stay_of(s, run);
		if (run->stay && same(run, &step.stay))
			return;
	} else if (!run->stay) {
		return;
	}
	step.stay.from = s->now;
	step.ends = run->stay;
	run->stay = 0;
	if (step.begins) {
		run->stay = next_stay(s);
		run->stay_claims = step.stay.claims;
		run->stay_size = step.stay.size;
		run->stay_state = step.stay.state;
		run->stay_standby = step.stay.standby;
	}
	count_stay(s, &step);
}

void
collect_uncertain(struct sweep *s, const struct run *run, int64_t from, int64_t to)
{
	struct stay_step step = { .whole = true };
	struct stay *u = &step.stay;

	if (!s->estate)
		return;
	from = from < s->estate->from ? s->estate->from : from;
	to = to > s->to ? s->to : to;
	if (from >= to)
		return;
	*u = stay_of(s, run);
	u->from = from;
	u->to = to;
	u->uncertain = true;
	(void)next_stay(s);
	count_stay(s, &step);
}

/* From where nothing more was seen of the run; false where it is known how it
 * ended there. */
static bool
last_seen(const struct sweep *s, const struct run *run, int64_t *at)
{
	const struct cut *cut = plan_cut(s->plan, run);

	if (run->departing || (cut && (cut->firm || cut->uncertain)))
		return false;
	if (cut && cut->at < *at)
		*at = cut->at;
	return true;
}

void
collect_end(struct sweep *s, const struct run *run, int64_t at, enum end_why why,
	    const struct slot *by)
{
	int64_t from = at;

	if (!s->estate)
		return;
	if (why == END_MISSED || why == END_BOOT) {
		if (last_seen(s, run, &from))
			collect_uncertain(s, run, from, by->at);
	} else if (why == END_STOPPED && run->part->live && by->said->cause == TALLY_C_VANISHED &&
		   last_seen(s, run, &from)) {
		/* A gap's begin may have cut it. */
		collect_uncertain(s, run, from, by->own_at);
	}
}

void
collect_finish(struct sweep *s)
{
	/* The last settling has ended every stay. */
	if (!s->estate)
		return;
	TALLY_ASSERT(s->estate->n_stays == s->n_stays);
	estate_finish(s->estate);
}
