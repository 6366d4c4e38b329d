/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run counts as, from now until something changes it. It stands in one
 * row of each scope; the rows of its own VM get the same time, which is why the
 * sum over hosts is the sum over VMs.
 */
#include <stdlib.h>
#include <string.h>
#include "sweep.h"
#include "tally/err.h"

static bool
counts(unsigned state)
{
	return state == RUNNING || state == PAUSED;
}

static void
stand(const struct sweep *s, const struct run *run, struct standing *out)
{
	memset(out, 0, sizeof(*out));
	out->state = NOT_COUNTED;
	out->since = s->now;
	if (run->ended || (run->cut && !run->saved))
		return;
	if (!run->standby && !run->part->skips)
		out->state = run->state;
	out->vcpus = run->vcpus;
	claims_effective(&out->claims, run->claims, run->vm->corrected);
	if (out->claims.value[CLAIM_OS] == 0)
		out->claims.value[CLAIM_OS] = s->unclassified;
	out->cluster = run->part->cluster;
	out->region = run->part->region;
}

static bool
same_rows(const struct run *run, const struct standing *a, const struct standing *b)
{
	static const enum claim_key keys[] = { CLAIM_OS, CLAIM_EDITION, CLAIM_TENANT,
					       CLAIM_COST_CENTER };

	if (!run->rows[0] || a->cluster != b->cluster || a->region != b->region)
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (a->claims.value[keys[i]] != b->claims.value[keys[i]])
			return false;
	return true;
}

static void
find_rows(struct sweep *s, struct run *run, const struct standing *is)
{
	bool corrected = run->vm->corrected && run->vm->corrected->n_active > 0;
	struct claims *c = run->claims;
	const uint32_t id[SCOPES] = {
		[SCOPE_CLUSTER] = is->cluster,
		[SCOPE_COST_CENTER] = is->claims.value[CLAIM_COST_CENTER],
		[SCOPE_FLEET] = s->fleet,
		[SCOPE_HOST] = run->part->host,
		[SCOPE_REGION] = is->region,
		[SCOPE_TENANT] = is->claims.value[CLAIM_TENANT],
	};

	if (!corrected && c->rows_part == run->part && c->rows_cluster == is->cluster &&
	    c->rows_region == is->region) {
		memcpy(run->rows, c->rows, sizeof(run->rows));
		return;
	}
	for (unsigned i = 0; i < SCOPES; i++)
		run->rows[i] = usage_row(&s->usage, is->claims.value[CLAIM_OS],
					 is->claims.value[CLAIM_EDITION], (enum scope)i, id[i]);
	if (corrected)
		return;
	c->rows_part = run->part;
	c->rows_cluster = is->cluster;
	c->rows_region = is->region;
	memcpy(c->rows, run->rows, sizeof(c->rows));
}

static void
step_rows(struct sweep *s, const struct run *run, const struct standing *as, bool more)
{
	struct usage_step step = {
		.at = s->now, .vcpus = as->vcpus, .state = as->state, .more = more
	};

	memcpy(step.rows, run->rows, sizeof(step.rows));
	count_usage(s, &step);
}

/* Moves the run from where it stood to where it stands. */
static void
move_rows(struct sweep *s, struct run *run, const struct standing *was, const struct standing *is)
{
	bool same = same_rows(run, was, is);

	if (same && was->state == is->state && was->vcpus == is->vcpus)
		return;
	if (was->state != NOT_COUNTED)
		step_rows(s, run, was, false);
	if (is->state == NOT_COUNTED) {
		if (!same)
			run->rows[0] = NULL;
		return;
	}
	if (!same)
		find_rows(s, run, is);
	step_rows(s, run, is, true);
}

static void
count_halves(struct sweep *s, const struct standing *was)
{
	int64_t middle = note_middle(s);

	for (unsigned half = 0; half < 2; half++) {
		int64_t from = half && was->since < middle ? middle : was->since;
		int64_t to = !half && s->now > middle ? middle : s->now;

		if (from >= to)
			continue;
		s->half_ns[half] += to - from;
		if (was->claims.value[CLAIM_OS] == s->unclassified)
			s->unknown_ns[half] += to - from;
	}
}

/* The time since the run last changed, for its VM's row. */
static void
count_time(struct sweep *s, struct run *run, const struct standing *was)
{
	struct vm_step step = { .row = run->row,
				.claims = was->claims,
				.ledger = run->part->ledger,
				.vcpus = was->vcpus,
				.state = was->state,
				.from = was->since,
				.to = s->now };

	if (!counts(was->state) || was->since >= s->now)
		return;
	count_vm(s, &step);
	s->run_ns += s->now - was->since;
	count_halves(s, was);
	if (!run->part->live)
		s->imported_ns[run->part->ledger] += s->now - was->since;
}

static void
keep_span(struct sweep *s, struct run *run, const struct standing *is)
{
	uint32_t product = is->claims.value[CLAIM_OS], edition = is->claims.value[CLAIM_EDITION];
	bool corrected = run->vm->corrected && run->vm->corrected->n_active > 0;

	if (run->product != product || run->edition != edition)
		run->row = NULL;
	run->product = product;
	run->edition = edition;
	if (!counts(is->state) || s->now >= s->to)
		return;
	if (!run->row)
		run->row = vms_span(&s->vms, run, product, edition, s->now);
	if (corrected || (run->claims->n_steps > 0 && run->claims->software_in != run->row)) {
		claims_software(&run->row->software, run->claims, run->vm->corrected);
		run->claims->software_in = corrected ? NULL : run->row;
	}
}

static void
settle_run(struct sweep *s, struct run *run)
{
	struct standing was = run->now, is;

	stand(s, run, &is);
	count_time(s, run, &was);
	move_rows(s, run, &was, &is);
	if (!run->ended && !(run->cut && !run->saved))
		keep_span(s, run, &is);
	if (counts(is.state) && s->now < s->to)
		note_corrected(s, run, &is.claims);
	run->now = is;
}

static int
compare(const void *a, const void *b)
{
	const struct run *x = *(struct run *const *)a, *y = *(struct run *const *)b;

	if (x->part->ledger != y->part->ledger)
		return x->part->ledger < y->part->ledger ? -1 : 1;
	if (x->part->live != y->part->live)
		return x->part->live ? 1 : -1;
	return x->begin_index < y->begin_index ? -1 : x->begin_index > y->begin_index;
}

void
sweep_settle(struct sweep *s)
{
	if ((s->opened || s->collecting) && s->n_changed > 1)
		qsort(s->changed, s->n_changed, sizeof(struct run *), compare);
	for (size_t i = 0; i < s->n_changed; i++) {
		s->changed[i]->changed = false;
		if (s->collecting)
			collect_run(s, s->changed[i]);
		if (s->opened)
			settle_run(s, s->changed[i]);
	}
	for (size_t i = 0; i < s->n_changed; i++)
		if (s->opened)
			note_conflict(s, s->changed[i]->vm);
	for (size_t i = 0; i < s->n_changed; i++) {
		struct run *run = s->changed[i];

		if (!run->ended)
			continue;
		claims_unref(&run->claims);
		residence_drop(s->residence, run);
	}
	s->n_changed = 0;
}
