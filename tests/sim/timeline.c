/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real report over the ledgers. It gives sums; the intervals behind them
 * are taken where they are counted, by the linker's --wrap.
 */
#include <string.h>

#include "check.h"
#include "tally/entry.h"
#include "tally/err.h"
#include "tally/note.h"
#include "tally/report.h"
#include "tally/store.h"
#include "wrap.h"

static struct world *world;
static struct seen *seen;
static unsigned next_host;

void
__wrap_vms_count(const struct vm_step *step)
{
	__real_vms_count(step);
	for (unsigned i = 0; i < world->vm_count; i++) {
		struct counted *c = &seen->vm[step->ledger][i];
		if (memcmp(world->vm[i].uuid, step->row->vm->uuid, TALLY_UUID) != 0)
			continue;
		spans_add(&c->residence, step->from, step->to);
		if (step->state == RUNNING)
			spans_add(&c->running, step->from, step->to);
		return;
	}
	sim_fail(world, NULL, "the report has a VM that never was");
}

/* Called for one host after the other, in the order of their names. */
void
__wrap_host_coverage_make(struct host_coverage *out, struct part_coverage *const parts[], size_t n,
			  const struct gaps *gaps, const struct powered *tpm,
			  const struct span *period, const struct strings *strings)
{
	__real_host_coverage_make(out, parts, n, gaps, tpm, period, strings);
	for (size_t i = 0; i < n; i++) {
		spans_add_all(&seen->powered[next_host], &parts[i]->powered);
		spans_add_all(&seen->metered[next_host], &parts[i]->metered);
	}
	world->counts.gaps += gaps->n;
	next_host++;
}

static int
open_entries(struct tally_store *store, struct tally_report_ledger *l, struct tally_err *err)
{
	if (tally_store_head(store, &l->size, l->root, err) < 0)
		return -1;
	l->origin = tally_store_origin(store);
	if (tally_store_entries(store, 0, l->size, &l->entries, err) < 0 ||
	    tally_store_entries(store, 0, l->size, &l->entries2, err) < 0)
		return -1;
	return 0;
}

static void
close_entries(struct tally_report_ledger *l)
{
	if (l->entries.close != NULL)
		l->entries.close(l->entries.ctx);
	if (l->entries2.close != NULL)
		l->entries2.close(l->entries2.ctx);
}

int
timeline_read(struct world *w, struct tally_store *const *stores, struct seen *out)
{
	struct tally_report_options o = { .from = { 0 },
					  .to = { TALLY_WALL_MAX - 1 },
					  .tool = "tally-sim",
					  .tzdata = "none",
					  .sha256 = tally_sha256 };
	struct tally_report_ledger ledgers[HOSTS] = { 0 };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report *report = NULL;
	struct tally_zone *zone;
	int rc;
	world = w;
	seen = out;
	next_host = 0;
	memset(out, 0, sizeof(*out));
	rc = tally_zone_open(&zone, "UTC", &err);
	for (unsigned i = 0; i < w->host_count && rc == 0; i++)
		rc = open_entries(stores[i], &ledgers[i], &err);
	if (rc == 0) {
		o.zone = zone;
		rc = tally_report_make(&report, ledgers, w->host_count, &o, &err);
	}
	if (rc < 0)
		sim_fail(w, NULL, "no report: %s", err.text);
	tally_report_free(report);
	for (unsigned i = 0; i < w->host_count; i++)
		close_entries(&ledgers[i]);
	tally_zone_free(zone);
	return rc;
}

void
timeline_free(struct seen *s)
{
	for (unsigned h = 0; h < HOSTS; h++) {
		spans_deinit(&s->powered[h]);
		spans_deinit(&s->metered[h]);
		for (unsigned i = 0; i < VMS; i++) {
			spans_deinit(&s->vm[h][i].residence);
			spans_deinit(&s->vm[h][i].running);
			spans_deinit(&s->vm[h][i].bounds);
		}
	}
}
