/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper is started when the first checkpoint is to be attested. Each
 * failure is a gap of the evidence in the log's words; the gap itself is
 * visible to the verifier as notes without a row.
 */
#include "seal_step.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "tally/err.h"

struct seal_step {
	const struct tpm_starter *starter;
	struct tally_journal journal;
	char *dir, *origin, *transport;
	struct tally_buf vkey;
	unsigned ledger_pcr;
	struct tally_seal *seal;
	bool warm;
	pthread_mutex_t lock; /* of the two below, against cancel */
	struct tally_tpm *tpm;
	bool cancelled;
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

static const struct tpm_starter helper = { NULL, start_helper, stop_helper };

struct seal_step *
seal_step_new(const struct tally_journal *journal, const struct tally_store *store,
	      unsigned ledger_pcr, const struct tpm_starter *tpm)
{
	struct seal_step *s = tally_alloc(sizeof(*s));
	struct tally_buf dir = TALLY_BUF_INIT;
	s->starter = tpm != NULL ? tpm : &helper;
	s->journal = *journal;
	tally_buf_addf(&dir, "%s/tpm", tally_store_path(store));
	s->dir = tally_strdup(tally_buf_cstr(&dir));
	tally_buf_deinit(&dir);
	s->origin = tally_strdup(tally_store_origin(store));
	s->transport = tally_strdup(tally_store_transport(store));
	s->ledger_pcr = ledger_pcr != 0 ? ledger_pcr : tally_tpm_default_pcr(s->transport);
	tally_vkey_text(&s->vkey, tally_store_vkey(store));
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void
publish(struct seal_step *s, struct tally_tpm *tpm)
{
	pthread_mutex_lock(&s->lock);
	s->tpm = tpm;
	if (tpm != NULL && s->cancelled && tpm->cancel != NULL)
		tpm->cancel(tpm->ctx);
	pthread_mutex_unlock(&s->lock);
}

void
seal_step_let_go(struct seal_step *s)
{
	struct tally_tpm *tpm = s->tpm;
	tally_seal_close(s->seal);
	s->seal = NULL;
	s->warm = false;
	publish(s, NULL);
	if (tpm != NULL)
		s->starter->stop(s->starter->ctx, tpm);
}

void
seal_step_close(struct seal_step *s)
{
	if (s == NULL)
		return;
	seal_step_let_go(s);
	pthread_mutex_destroy(&s->lock);
	tally_buf_deinit(&s->vkey);
	free(s->dir);
	free(s->origin);
	free(s->transport);
	free(s);
}

static int
start_tpm(struct seal_step *s, struct tally_err *err)
{
	struct tally_tpm *tpm = NULL;
	if (s->starter->start(s->starter->ctx, &tpm, s->dir, s->transport, err) < 0)
		return -1;
	publish(s, tpm);
	return 0;
}

static int
open_seal(struct seal_step *s, struct tally_err *err)
{
	struct tally_seal_info info = { .origin = s->origin,
					.vkey = tally_buf_view(&s->vkey),
					.version = TALLY_VERSION,
					.ledger_pcr = s->ledger_pcr };
	if (program_hash(info.program_hash, err) < 0)
		return -1;
	return tally_seal_open(&s->seal, s->tpm, &s->journal, &info, err);
}

int
seal_step_checkpoint(struct seal_step *s, struct tally_err *err)
{
	int rc;
	if ((s->tpm == NULL && start_tpm(s, err) < 0) || (s->seal == NULL && open_seal(s, err) < 0))
		return -1;
	rc = tally_seal_checkpoint(s->seal, err);
	s->warm = rc >= 0;
	return rc;
}

int
seal_step_anchor(struct seal_step *s, bool due, int64_t youngest, struct tally_anchors *out,
		 struct tally_err *err)
{
	*out = (struct tally_anchors){ .any = false };
	if (!due && !tally_seal_is_unanchored(s->seal))
		return 0;
	return tally_seal_anchor(s->seal, youngest, out, err);
}

bool
seal_step_is_warm(const struct seal_step *s)
{
	return s->warm;
}

void
seal_step_cancel(struct seal_step *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->cancelled = true;
	if (s->tpm != NULL && s->tpm->cancel != NULL)
		s->tpm->cancel(s->tpm->ctx);
	pthread_mutex_unlock(&s->lock);
}
