/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper is started when the first checkpoint is due, and again ten seconds
 * after a failure. Each failure is a gap of the evidence in the log's words; the
 * gap itself is visible to the verifier as notes without a row.
 */
#include "seal_step.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "tally/err.h"
#include "tally/log.h"
#include "tally/tpm.h"

#define RETRY (10 * TALLY_SECOND)

struct seal_step {
	struct tally_store *store;
	const struct tally_clock *clock;
	const struct tpm_starter *starter;
	bool attest;
	unsigned ledger_pcr;
	struct tally_journal journal;
	struct tally_tpm *tpm;
	struct tally_seal *seal;
	int64_t failed_at; /* uptime; 0 never */
};

static int
start_helper(void *ctx, struct tally_tpm **out, const char *dir, const char *transport,
	     struct tally_err *err)
{
	(void)ctx;
	return tally_tpm_start(out, NULL, dir, transport, false, err);
}

static void
stop_helper(void *ctx, struct tally_tpm *tpm)
{
	(void)ctx;
	tally_tpm_stop(tpm);
}

static const struct tpm_starter real_starter = { NULL, start_helper, stop_helper };

struct seal_step *
seal_step_new(struct tally_store *store, bool attest, unsigned ledger_pcr,
	      const struct tpm_starter *tpm, const struct tally_clock *clock)
{
	struct seal_step *s = tally_alloc(sizeof(*s));
	s->store = store;
	s->clock = clock;
	s->starter = tpm != NULL ? tpm : &real_starter;
	s->attest = attest;
	s->ledger_pcr =
		ledger_pcr != 0 ? ledger_pcr : tally_tpm_default_pcr(tally_store_transport(store));
	s->journal = tally_store_journal(store);
	return s;
}

static void
let_go(struct seal_step *s)
{
	tally_seal_close(s->seal);
	if (s->tpm != NULL)
		s->starter->stop(s->starter->ctx, s->tpm);
	s->seal = NULL;
	s->tpm = NULL;
}

void
seal_step_close(struct seal_step *s)
{
	if (s == NULL)
		return;
	let_go(s);
	free(s);
}

static int
take_hold(struct seal_step *s, struct tally_err *err)
{
	struct tally_buf dir = TALLY_BUF_INIT, vkey = TALLY_BUF_INIT;
	struct tally_seal_info info = { .origin = tally_store_origin(s->store),
					.version = TALLY_VERSION,
					.ledger_pcr = s->ledger_pcr };
	int rc;
	tally_buf_addf(&dir, "%s/tpm", tally_store_path(s->store));
	tally_vkey_text(&vkey, tally_store_vkey(s->store));
	info.vkey = tally_buf_view(&vkey);
	rc = program_hash(info.program_hash, err);
	if (rc == 0)
		rc = s->starter->start(s->starter->ctx, &s->tpm, tally_buf_cstr(&dir),
				       tally_store_transport(s->store), err);
	if (rc == 0)
		rc = tally_seal_open(&s->seal, s->tpm, &s->journal, &info, err);
	tally_buf_deinit(&dir);
	tally_buf_deinit(&vkey);
	return rc;
}

int
seal_step_checkpoint(struct seal_step *s, struct tally_err *err)
{
	struct tally_err tpm_err = TALLY_ERR_INIT;
	int64_t now = tally_clock_now(s->clock).uptime.ns;
	if (s->attest && (s->failed_at == 0 || now - s->failed_at >= RETRY)) {
		if ((s->seal != NULL || take_hold(s, &tpm_err) == 0) &&
		    tally_seal_checkpoint(s->seal, &tpm_err) >= 0) {
			if (s->failed_at != 0)
				tally_log(TALLY_LOG_NOTICE, "the TPM answers again");
			s->failed_at = 0;
			return 0;
		}
		tally_log(TALLY_LOG_ERR, "checkpoint without evidence: %s", tpm_err.text);
		let_go(s);
		s->failed_at = now != 0 ? now : 1;
	}
	return tally_store_checkpoint(s->store, err) < 0 ? -1 : 0;
}
