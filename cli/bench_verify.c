/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying: entries a second and core, over a public mirror (records only) and
 * over a whole export (payloads too), beside plain SHA-256 of the bytes that
 * such a check has to hash. In processor time, so that a busy machine says the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/entry.h"
#include "tally/verify.h"
#include "bench.h"
#include "cli.h"
#include "ledger.h"

#define ENTRIES 262144U
#define BATCH   4096U
#define GROUP   100U /* bytes of each of the three groups */

/* Groups of about 300 bytes together, as a start of a VM has them. */
static int
make_groups(struct tally_buf groups[TALLY_GROUPS], struct tally_err *err)
{
	static const char filler[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789";
	struct tally_event ev = { .kind = TALLY_STARTED, .imported = true };

	ev.m.has_time = true;
	ev.m.time = UINT64_C(1772359200000000000);
	ev.m.os = tally_bytes_str(filler);
	ev.i.has_vm = true;
	ev.i.name = tally_bytes_str(filler);
	ev.o.detail = tally_bytes_str(filler);
	if (tally_event_encode(&ev, groups, err) < 0)
		return -1;
	/* Exactly GROUP bytes each: a filling that a decoder skips (field 1000). */
	for (size_t g = 0; g < TALLY_GROUPS; g++) {
		size_t left = GROUP - groups[g].len;

		TALLY_ASSERT(groups[g].len + 3 <= GROUP && left < 131);
		tally_buf_add_u8(&groups[g], 0xc2);
		tally_buf_add_u8(&groups[g], 0x3e);
		tally_buf_add_u8(&groups[g], (uint8_t)(left - 3));
		memset(tally_buf_grow(&groups[g], left - 3), 'x', left - 3);
	}
	return 0;
}

static int
fill(struct tally_store *s, struct tally_err *err)
{
	struct tally_buf groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_prepared *prepared = tally_alloc(BATCH * sizeof(*prepared));
	uint8_t(*seeds)[TALLY_SEED] = tally_alloc(BATCH * sizeof(*seeds));
	struct tally_bytes views[TALLY_GROUPS];
	uint64_t first;
	int status = make_groups(groups, err);

	for (size_t g = 0; g < TALLY_GROUPS; g++)
		views[g] = tally_buf_view(&groups[g]);
	for (unsigned n = 0; n < ENTRIES && status == 0; n += BATCH) {
		tally_seeds(seeds, BATCH);
		for (unsigned i = 0; i < BATCH; i++)
			tally_prepare(&prepared[i], TALLY_STARTED, TALLY_FLAG_IMPORTED, seeds[i],
				      views);
		status = tally_store_append(s, prepared, BATCH, &first, err);
	}
	for (size_t g = 0; g < TALLY_GROUPS; g++)
		tally_buf_deinit(&groups[g]);
	free(prepared);
	free(seeds);
	return status;
}

static int
make_exports(const char *ledger, const char *whole, const char *public_only, struct tally_buf *vkey,
	     struct tally_err *err)
{
	struct cli_ledger l;
	int status;

	if (cli_ledger_make(ledger, "libtpms", "bench", NULL, err) < 0 ||
	    cli_ledger_open(&l, ledger, false, err) < 0)
		return -1;
	tally_vkey_text(vkey, tally_store_vkey(l.store));
	tally_buf_add_str(vkey, "\n");
	status = fill(l.store, err);
	if (status == 0)
		status = cli_ledger_seal(&l, false, err);
	if (status == 0 && cli_ledger_checkpoint(&l, err) < 0)
		status = -1;
	if (status == 0)
		status = tally_store_export(l.store, whole, false, NULL, NULL, err);
	if (status == 0)
		status = tally_store_export(l.store, public_only, true, NULL, NULL, err);
	return cli_ledger_close(&l, status, err);
}

static int
measure(const char *path, struct tally_bytes vkey, double *rate, struct tally_err *err)
{
	struct tally_verify *v = NULL;
	double began = bench_cpu_seconds();
	int status = tally_verify_new(&v, err);

	if (status == 0)
		status = tally_verify_anchor(v, "vkey", vkey, err);
	if (status == 0)
		status = tally_verify_path(v, path, err);
	if (status == 0)
		status = tally_verify_run(v, err);
	if (status == 0 && tally_verify_exit(v) != 0)
		status = tally_err_set(err, TALLY_FAILS, "%s: it does not hold: %s", path,
				       tally_verify_problems(v) > 0
					       ? tally_verify_problem(v, 0)->text
					       : "not anchored");
	*rate = ENTRIES / (bench_cpu_seconds() - began);
	tally_verify_free(v);
	return status;
}

/* A leaf and a node an entry; with payloads a commitment for each group as well. */
static double
hash_plainly(bool payloads)
{
	uint8_t bytes[256] = { 0 }, hash[TALLY_HASH];
	double began = bench_cpu_seconds();

	for (unsigned i = 0; i < ENTRIES; i++) {
		tally_put_u32(bytes, i);
		tally_sha256(hash, tally_bytes(bytes, 1 + TALLY_RECORD));
		tally_sha256(hash, tally_bytes(bytes, 1 + 2 * TALLY_HASH));
		for (unsigned g = 0; payloads && g < TALLY_GROUPS; g++)
			tally_sha256(hash, tally_bytes(bytes, 1 + TALLY_SALT + GROUP));
	}
	return ENTRIES / (bench_cpu_seconds() - began);
}

int
tally_bench_verify(const struct bench_options *o, struct tally_buf *out, struct tally_err *err)
{
	struct bench_case c[2] = {
		{ .name = "verify-records", .unit = "entries/s/core" },
		{ .name = "verify-payloads", .unit = "entries/s/core" },
	};
	struct tally_buf ledger = TALLY_BUF_INIT, whole = TALLY_BUF_INIT, mirror = TALLY_BUF_INIT,
			 vkey = TALLY_BUF_INIT;
	int status;

	tally_buf_addf(&ledger, "%s/ledger", o->dir);
	tally_buf_addf(&whole, "%s/export", o->dir);
	tally_buf_addf(&mirror, "%s/mirror", o->dir);
	status = make_exports(tally_buf_cstr(&ledger), tally_buf_cstr(&whole),
			      tally_buf_cstr(&mirror), &vkey, err);
	c[0].baseline = hash_plainly(false);
	c[1].baseline = hash_plainly(true);
	if (status == 0)
		status = measure(tally_buf_cstr(&mirror), tally_buf_view(&vkey), &c[0].ours, err);
	if (status == 0)
		status = measure(tally_buf_cstr(&whole), tally_buf_view(&vkey), &c[1].ours, err);
	if (status == 0)
		bench_write(out, c, 2, o->json);
	tally_buf_deinit(&ledger);
	tally_buf_deinit(&whole);
	tally_buf_deinit(&mirror);
	tally_buf_deinit(&vkey);
	return status;
}
