/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth against the ledgers. For each VM and host the time that the report
 * counts and the time that it really was may differ only
 *  - where the ledger says that it does not know: outside of metered time, and
 *    inside the bounds of a stop that nobody saw;
 *  - between a change and the instant at which the agent could know of it;
 *  - over what an agent took with it that died;
 *  - over what the host's wall clock jumped.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"
#include "tally/err.h"
#include "tally/store.h"
#include "witness.h"
#include "wrap.h"

#define EPS   (2 * MS)
#define EXACT (50 * MS)  /* of a run against the outside truth */
#define STEP  (2 * SEC)  /* a simulated agent looks at the clock each second, and may be busy */
#define CLOSE (20 * SEC) /* entries so close prove the time between them */

static void
complement(struct spans *out, const struct spans *of)
{
	spans_add(out, INT64_MIN / 2, INT64_MAX / 2);
	spans_subtract(out, of);
}

/* What is in one of two sets and not in both. */
static void
difference(struct spans *out, const struct spans *a, const struct spans *b)
{
	struct spans other = { 0 };
	spans_add_all(out, a);
	spans_subtract(out, b);
	spans_add_all(&other, b);
	spans_subtract(&other, a);
	spans_add_all(out, &other);
	spans_settle(out);
	spans_deinit(&other);
}

/* Where the ledger and the truth about this VM may differ. */
static void
allowed(struct host *h, const struct sim_vm *vm, const struct seen *seen, struct spans *out)
{
	struct spans steps = { 0 };
	complement(out, &seen->metered[h->index]);
	spans_add_all(out, &seen->vm[h->index][vm->number].bounds);
	spans_add_all(out, &h->truth.outages);
	spans_add_all(&steps, &h->truth.steps);
	for (size_t i = 0; i < steps.n; i++)
		spans_add(out, steps.p[i].from - STEP, steps.p[i].to + STEP);
	for (const struct change *c = h->truth.changes; c != NULL; c = c->next) {
		if (c->vm == vm)
			spans_add(out, c->at - EPS, c->known + EPS);
	}
	spans_settle(out);
	spans_deinit(&steps);
}

/* The change before an instant of the host's clock, for the message. */
static const struct change *
newest_before(const struct host *h, const struct sim_vm *vm, int64_t at)
{
	const struct change *newest = NULL;
	for (const struct change *c = h->truth.changes; c != NULL; c = c->next) {
		if (c->vm == vm && c->at <= at + EPS && (newest == NULL || c->at > newest->at))
			newest = c;
	}
	return newest;
}

static void
compare(struct host *h, struct sim_vm *vm, const char *what, const struct spans *truth,
	const struct spans *counted, const struct spans *may)
{
	struct spans d = { 0 };
	difference(&d, truth, counted);
	spans_subtract(&d, may);
	for (size_t i = 0; i < d.n; i++) {
		char from[TALLY_TIME_TEXT], to[TALLY_TIME_TEXT];
		const struct change *c = newest_before(h, vm, d.p[i].from);
		struct spans in = { 0 };
		if (d.p[i].to - d.p[i].from <= EPS)
			continue;
		spans_add(&in, d.p[i].from, d.p[i].to);
		spans_cut(&in, truth);
		tally_wall_text(from, (struct tally_wall){ d.p[i].from });
		tally_wall_text(to, (struct tally_wall){ d.p[i].to });
		sim_fail(h->world, h,
			 "%s: %s from %s to %s (%.3f s) is %s; before it: %s at %.3f s, "
			 "known %.3f s later",
			 vm->name, what, from, to, (double)(d.p[i].to - d.p[i].from) / 1e9,
			 in.n > 0 ? "not in the ledger" : "in the ledger and never was",
			 c != NULL ? c->what : "nothing", c != NULL ? (double)c->now / 1e9 : 0.0,
			 c != NULL ? (double)(c->known - c->at) / 1e9 : 0.0);
		spans_deinit(&in);
		break;
	}
	spans_deinit(&d);
}

/* How well each life is in the ledger, for the table. */
static void
count_lives(struct host *h, const struct seen *seen)
{
	for (struct life *l = h->world->truth.lives; l != NULL; l = l->next) {
		struct spans d = { 0 }, around = { 0 };
		if (l->host != h)
			continue;
		difference(&d, &l->residence, &seen->vm[h->index][l->vm->number].residence);
		/* Only what touches this life: another one of the VM is not its matter. */
		spans_add(&around, l->begin, l->end);
		spans_cut(&d, &around);
		h->world->counts.lives++;
		if (spans_sum(&d) <= EXACT)
			h->world->counts.lives_exact++;
		else
			h->world->counts.lives_gap++;
		spans_deinit(&d);
		spans_deinit(&around);
	}
}

static void
check_lives(struct world *w, const struct seen *seen)
{
	for (unsigned i = 0; i < w->host_count; i++) {
		struct host *h = &w->host[i];
		for (unsigned k = 0; k < w->vm_count && !world_failed(w); k++) {
			struct spans residence = { 0 }, running = { 0 }, may = { 0 };
			for (struct life *l = w->truth.lives; l != NULL; l = l->next) {
				if (l->host != h || l->vm != &w->vm[k])
					continue;
				spans_add_all(&residence, &l->residence);
				spans_add_all(&running, &l->running_time);
			}
			allowed(h, &w->vm[k], seen, &may);
			compare(h, &w->vm[k], "time of a run", &residence,
				&seen->vm[i][k].residence, &may);
			compare(h, &w->vm[k], "running time", &running, &seen->vm[i][k].running,
				&may);
			spans_deinit(&residence);
			spans_deinit(&running);
			spans_deinit(&may);
		}
		count_lives(h, seen);
	}
}

/* Coverage claims only time in which lists came, and what 20 s bridge. */
static void
check_claimed(struct host *h, const struct seen *seen)
{
	struct spans over = { 0 };
	int64_t most = CLOSE * (1 + (int64_t)seen->starts_of_agent[h->index]) + SEC;
	spans_add_all(&over, &seen->metered[h->index]);
	spans_subtract(&over, &h->truth.watched);
	spans_subtract(&over, &h->truth.steps);
	for (size_t i = 0; i < over.n; i++) {
		char from[TALLY_TIME_TEXT];
		if (over.p[i].to - over.p[i].from <= most)
			continue;
		tally_wall_text(from, (struct tally_wall){ over.p[i].from });
		sim_fail(h->world, h, "coverage claims %.3f s from %s in which nobody looked",
			 (double)(over.p[i].to - over.p[i].from) / 1e9, from);
		break;
	}
	spans_deinit(&over);
}

/* And what it does not claim has a cause: a ledger of gaps only would be easy. */
static void
check_disclaimed(struct host *h, const struct seen *seen)
{
	struct spans not = { 0 }, cause = { 0 }, wide = { 0 };
	const struct spans *t = &h->truth.disturbed;
	int64_t before = h->config.heartbeat.record.ns + 40 * SEC;
	spans_add_all(&not, &seen->powered[h->index]);
	spans_subtract(&not, &seen->metered[h->index]);
	complement(&cause, &h->truth.watched);
	spans_add_all(&cause, t);
	spans_add_all(&cause, &h->truth.steps);
	spans_add_all(&cause, &h->truth.outages);
	spans_settle(&cause);
	for (size_t i = 0; i < cause.n; i++)
		spans_add(&wide, cause.p[i].from - before, cause.p[i].to + 40 * SEC);
	spans_subtract(&not, &wide);
	if (not .n > 0) {
		char from[TALLY_TIME_TEXT];
		tally_wall_text(from, (struct tally_wall){ not .p[0].from });
		sim_fail(h->world, h, "%.3f s from %s are not metered, and nothing was wrong",
			 (double)(not .p[0].to - not .p[0].from) / 1e9, from);
	}
	spans_deinit(&not );
	spans_deinit(&cause);
	spans_deinit(&wide);
}

static int
open_all(struct world *w, struct tally_store **stores)
{
	struct tally_err err = TALLY_ERR_INIT;
	for (unsigned i = 0; i < w->host_count; i++) {
		struct host *h = &w->host[i];
		if (tally_store_open(&stores[i], h->path, TALLY_STORE_READ, &h->clock, &err) < 0) {
			sim_fail(w, h, "the ledger cannot be read: %s", err.text);
			return -1;
		}
	}
	return 0;
}

void
check_between(struct host *h)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *store = NULL;
	struct host *running = h->world->running;
	witness_running(NULL);
	if (tally_store_open(&store, h->path, TALLY_STORE_READ, &h->clock, &err) < 0) {
		sim_fail(h->world, h, "the ledger cannot be read: %s", err.text);
	} else {
		witness_check(h, store);
		verify_ledger(h, store);
	}
	tally_store_close(store);
	witness_running(running);
}

void
check_world(struct world *w)
{
	struct tally_store *stores[HOSTS] = { NULL };
	struct seen *seen = tally_alloc(sizeof(*seen));
	witness_running(NULL);
	if (open_all(w, stores) == 0 && timeline_read(w, stores, seen) == 0) {
		for (unsigned i = 0; i < w->host_count && !world_failed(w); i++) {
			witness_check(&w->host[i], stores[i]);
			records_check(&w->host[i], stores[i], seen);
			verify_ledger(&w->host[i], stores[i]);
			check_claimed(&w->host[i], seen);
			check_disclaimed(&w->host[i], seen);
		}
		check_lives(w, seen);
	}
	for (unsigned i = 0; i < w->host_count; i++)
		tally_store_close(stores[i]);
	timeline_free(seen);
	free(seen);
}
