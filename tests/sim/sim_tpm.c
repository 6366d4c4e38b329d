/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_tpm.h. The class of the evidence is that of the ledger's transport. */
#include "sim_tpm.h"

#include <string.h>

#include "sim.h"
#include "tally/err.h"
#include "tally/tpm.h"

static int
fail(struct sim_tpm *t, const char *what, const char *why, struct tally_err *err)
{
	sim_trace(t->host->world, t->host, "tpm %s: %s", what, why);
	t->host->world->counts.tpm_faults++;
	return tally_err_set(err, TALLY_TPM, "simulated TPM: %s: %s", what, why);
}

/* Before a command: 0 go on, 1 do it and then fail, -1 it fails. */
static int
before(struct sim_tpm *t, const char *what, struct tally_err *err)
{
	struct random *r = &t->host->world->random;
	if (!host_outside(t->host, what) || t->broken || !t->helper)
		return fail(t, what, "no helper", err);
	if (t->host->world->now < t->dead_until) {
		host_call_time(t->host, random_between(r, 0, 200 * MS), true);
		return fail(t, what, "dead", err);
	}
	if (random_chance(r, t->foreign_percent)) {
		sim_trace(t->host->world, t->host, "tpm: somebody extends the ledger's PCR");
		faketpm_foreign(&t->chip, TALLY_LEDGER_PCR);
		t->host->world->counts.tpm_foreign++;
	}
	if (random_chance(r, t->slow_percent)) {
		bool in_time = random_chance(r, 80);
		host_call_time(t->host, random_between(r, 50 * MS, in_time ? 2 * SEC : 30 * SEC),
			       true);
		if (!in_time)
			return random_chance(r, 50) ? 1 : fail(t, what, "timed out", err);
	}
	if (random_chance(r, t->fail_percent))
		return random_chance(r, 50) ? 1 : fail(t, what, "failed", err);
	return 0;
}

/* The command is done; whether its answer comes. */
static int
after(struct sim_tpm *t, int how, const char *what, int rc, struct tally_err *err)
{
	if (rc < 0)
		return rc;
	if (how > 0)
		return fail(t, what, "done, and no answer", err);
	if (t->host->dead)
		return fail(t, what, "killed", err);
	return rc;
}

static int
call_info(void *ctx, struct tally_tpm_info *out, struct tally_err *err)
{
	struct sim_tpm *t = ctx;
	int how = before(t, "info", err);
	if (how < 0)
		return -1;
	return after(t, how, "info", t->chip.table.info(t->chip.table.ctx, out, err), err);
}

static int
call_pcr_read(void *ctx, unsigned pcr, uint8_t out[TALLY_HASH], struct tally_err *err)
{
	struct sim_tpm *t = ctx;
	int how = before(t, "pcr read", err);
	if (how < 0)
		return -1;
	return after(t, how, "pcr read", t->chip.table.pcr_read(t->chip.table.ctx, pcr, out, err),
		     err);
}

static int
call_pcr_extend(void *ctx, unsigned pcr, const uint8_t digest[TALLY_HASH], struct tally_err *err)
{
	struct sim_tpm *t = ctx;
	int how = before(t, "pcr extend", err);
	if (how < 0)
		return -1;
	return after(t, how, "pcr extend",
		     t->chip.table.pcr_extend(t->chip.table.ctx, pcr, digest, err), err);
}

static int
call_quote(void *ctx, const uint8_t *pcrs, size_t n, const uint8_t q[TALLY_HASH],
	   struct tally_buf *blob, struct tally_err *err)
{
	struct sim_tpm *t = ctx;
	int how = before(t, "quote", err);
	if (how < 0)
		return -1;
	return after(t, how, "quote", t->chip.table.quote(t->chip.table.ctx, pcrs, n, q, blob, err),
		     err);
}

static void
call_close(void *ctx)
{
	(void)ctx;
}

static int
start(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
      struct tally_err *err)
{
	struct sim_tpm *t = ctx;
	struct random *r = &t->host->world->random;
	(void)dir;
	(void)transport;
	if (!host_outside(t->host, "tpm start"))
		return fail(t, "start", "killed", err);
	if (t->host->world->now < t->dead_until)
		return fail(t, "start", "dead", err);
	if (t->in_helper) {
		/* Its state was stored, or the whole TPM began again. */
		if (t->orderly && random_chance(r, 50))
			faketpm_restart(&t->chip);
		else
			faketpm_reset(&t->chip);
		t->host->world->counts.tpm_resets++;
		sim_trace(t->host->world, t->host, "tpm: session %u.%u", t->chip.reset_count,
			  t->chip.restart_count);
	}
	t->helper = true;
	t->orderly = false;
	t->broken = false;
	*out = &t->table;
	return 0;
}

static void
stop(void *ctx, struct tally_tpm *tpm)
{
	struct sim_tpm *t = ctx;
	if (tpm == NULL)
		return;
	t->helper = false;
	t->orderly = !t->host->dead && !t->broken;
}

void
tpm_init(struct sim_tpm *t, struct host *h, bool in_helper)
{
	memset(t, 0, sizeof(*t));
	t->host = h;
	t->in_helper = in_helper;
	faketpm_init(&t->chip);
	t->table = (struct tally_tpm){ t,          call_info, call_pcr_read, call_pcr_extend,
				       call_quote, call_close };
	t->starter = (struct tpm_starter){ .ctx = t, .start = start, .stop = stop };
}

void
tpm_deinit(struct sim_tpm *t)
{
	faketpm_deinit(&t->chip);
}

void
tpm_power(struct sim_tpm *t)
{
	faketpm_reset(&t->chip);
	t->helper = t->orderly = t->broken = false;
}

void
tpm_resume(struct sim_tpm *t)
{
	if (!t->in_helper)
		faketpm_restart(&t->chip);
}

void
tpm_helper_dies(struct sim_tpm *t)
{
	t->broken = true;
}
