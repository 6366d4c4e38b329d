/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a software TPM: what an attested checkpoint costs beside one that is
 * signed alone, on the same ledger, and how many of them a core verifies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tally/entry.h"
#include "tally/verify.h"
#include "bench.h"
#include "cli.h"
#include "ledger.h"

#define CHECKPOINTS 1000U

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One entry and a checkpoint over it, again and again: the median of the latter, in ms. */
static int
sign(struct cli_ledger *l, bool attested, double *p50, struct tally_err *err)
{
	const struct tally_event ev = { .kind = TALLY_HEARTBEAT, .imported = true };
	double *ms = tally_alloc(CHECKPOINTS * sizeof(*ms));
	uint64_t index;
	int status = 0;

	for (unsigned i = 0; i < CHECKPOINTS && status >= 0; i++) {
		double began;

		status = tally_store_append_event(l->store, &ev, &index, err);
		if (status < 0)
			break;
		began = cli_seconds();
		status = attested ? tally_seal_checkpoint(l->seal, err)
				  : tally_store_checkpoint(l->store, err);
		ms[i] = (cli_seconds() - began) * 1e3;
	}
	qsort(ms, CHECKPOINTS, sizeof(*ms), by_value);
	*p50 = ms[CHECKPOINTS / 2];
	free(ms);
	return status < 0 ? -1 : 0;
}

/* The ledger, its export, and what the checkpoints took. */
static int
fill(const char *ledger, const char *export, struct bench_case *c, struct tally_buf *vkey,
     struct tally_err *err)
{
	struct cli_ledger l;
	int status;

	if (cli_ledger_make(ledger, "libtpms", "bench", NULL, err) < 0 ||
	    cli_ledger_open(&l, ledger, false, err) < 0)
		return -1;
	tally_vkey_text(vkey, tally_store_vkey(l.store));
	tally_buf_add_str(vkey, "\n");
	status = cli_ledger_seal(&l, false, err);
	if (status == 0)
		status = sign(&l, true, &c->ours, err);
	if (status == 0)
		status = tally_store_export(l.store, export, false, NULL, NULL, err);
	if (status == 0)
		status = sign(&l, false, &c->baseline, err);
	return cli_ledger_close(&l, status, err);
}

static int
verify(const char *export, struct tally_bytes vkey, double *rate, struct tally_err *err)
{
	struct tally_verify *v = NULL;
	double began = bench_cpu_seconds();
	int status = tally_verify_new(&v, err);

	if (status == 0)
		status = tally_verify_anchor(v, "vkey", vkey, err);
	if (status == 0)
		status = tally_verify_path(v, export, err);
	if (status == 0)
		status = tally_verify_run(v, err);
	if (status == 0 && tally_verify_exit(v) != 0)
		status = tally_err_set(err, TALLY_FAILS, "%s: it does not hold: %s", export,
				       tally_verify_problems(v) > 0
					       ? tally_verify_problem(v, 0)->text
					       : "not anchored");
	*rate = CHECKPOINTS / (bench_cpu_seconds() - began);
	tally_verify_free(v);
	return status;
}

int
tally_bench_evidence(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	struct bench_case c[2] = {
		{ .name = "evidence-checkpoint", .unit = "ms" },
		{ .name = "evidence-verify", .unit = "checkpoints/s/core" },
	};
	struct tally_buf ledger = TALLY_BUF_INIT, export = TALLY_BUF_INIT, vkey = TALLY_BUF_INIT;
	int status;

	tally_buf_addf(&ledger, "%s/ledger", o->dir);
	tally_buf_addf(&export, "%s/export", o->dir);
	status = fill(tally_buf_cstr(&ledger), tally_buf_cstr(&export), &c[0], &vkey, err);
	if (status == 0)
		status = verify(tally_buf_cstr(&export), tally_buf_view(&vkey), &c[1].ours, err);
	if (status == 0)
		bench_write(out, c, 2, o->json);
	tally_buf_deinit(&ledger);
	tally_buf_deinit(&export);
	tally_buf_deinit(&vkey);
	return status;
}
