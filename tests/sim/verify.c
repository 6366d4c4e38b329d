/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's look: the export, the pinned key, and the real verifier. */
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "check.h"
#include "tally/err.h"
#include "tally/row.h"
#include "tally/store.h"
#include "tally/verify.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
judge(struct host *h, struct tally_verify *v)
{
	const struct tally_problem *p;
	if (tally_verify_holds(v) && tally_verify_anchored(v))
		return;
	if (tally_verify_problems(v) == 0) {
		sim_fail(h->world, h, "the export is not anchored by the pinned key");
		return;
	}
	p = tally_verify_problem(v, 0);
	sim_fail(h->world, h, "verify: %s: entry %lld: %s", p->check,
		 p->has_entry ? (long long)p->entry : -1LL, p->text);
}

static void
count_evidence(struct host *h, struct tally_store *store)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_row row;
	for (uint64_t i = 0; tally_store_row(store, i, &row, &err) == 1; i++)
		h->world->counts.evidence += row.state == TALLY_ROW_DONE;
}

void
verify_ledger(struct host *h, struct tally_store *store)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v = NULL;
	char dir[300];
	(void)snprintf(dir, sizeof(dir), "%s/export-%u", h->world->scratch, h->index);
	h->world->counts.verifies++;
	count_evidence(h, store);
	if (tally_store_export(store, dir, false, NULL, NULL, &err) < 0) {
		sim_fail(h->world, h, "export: %s", err.text);
		return;
	}
	if (tally_verify_new(&v, &err) < 0 ||
	    tally_verify_anchor(v, "pinned", tally_bytes_str(h->vkey), &err) < 0 ||
	    tally_verify_path(v, dir, &err) < 0 || tally_verify_run(v, &err) < 0)
		sim_fail(h->world, h, "verify does not run: %s", err.text);
	else
		judge(h, v);
	tally_verify_free(v);
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		sim_fail(h->world, h, "%s cannot be removed", dir);
}
