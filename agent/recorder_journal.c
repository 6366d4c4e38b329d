/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's journal as the evidence side sees it: each call takes the ledger for
 * itself, and none holds it over a command of the TPM.
 */
#include "recorder_internal.h"

/* The ledger with its lock held; NULL where it is to be opened again. */
static struct tally_store *
take(struct recorder *r, struct tally_err *err)
{
	pthread_mutex_lock(&r->store_lock);
	if (r->store != NULL)
		return r->store;
	pthread_mutex_unlock(&r->store_lock);
	r->evidence.journal_failed = true;
	(void)tally_err_set(err, TALLY_SYS, "the ledger is about to be opened again");
	return NULL;
}

/* A ledger that failed is trusted no more; the writer opens it again. */
static int
give_back(struct recorder *r, int rc)
{
	if (rc < 0) {
		r->evidence.journal_failed = true;
		recorder_release(r);
		pthread_mutex_lock(&r->lock);
		r->broken = true;
		pthread_cond_signal(&r->wake);
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_unlock(&r->store_lock);
	return rc;
}

static int
last_session(void *ctx, uint64_t *index, struct tally_buf *statement, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.last_session(j.ctx, index, statement, err));
}

static int
session(void *ctx, uint64_t index, struct tally_bytes statement, struct tally_bytes quote,
	struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.session(j.ctx, index, statement, quote, err);
	r->evidence.moved = rc == 0;
	return give_back(r, rc);
}

static int
head(void *ctx, uint64_t *size, uint8_t root[TALLY_HASH], struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	r->evidence.moved = false; /* another try at a statement */
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(r, j.head(j.ctx, size, root, err));
}

static int
last_row(void *ctx, struct tally_row *out, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.last_row(j.ctx, out, err));
}

/* The store's lock is held: `committed` is what the note covers. */
static void
intended(struct recorder *r, bool made, const struct recorder_note *note)
{
	struct evidence *e = &r->evidence;
	pthread_mutex_lock(&r->lock);
	if (r->sealed < r->committed)
		r->sealed = r->committed;
	if (!made) { /* the newest note covers all, and has its evidence */
		e->attested = r->committed;
	} else {
		e->intended = r->committed;
		e->intended_note = *note;
		if (r->checkpoints == 0 || r->note.sequence < note->sequence) {
			r->note = *note;
			r->checkpoints++;
			r->round.last_checkpoint = tally_clock_now(r->o.clock).uptime.ns;
		}
	}
	pthread_mutex_unlock(&r->lock);
}

static int
intend(void *ctx, struct tally_row *row, struct tally_err *err)
{
	struct recorder *r = ctx;
	struct tally_store *s = take(r, err);
	struct recorder_note note;
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.intend(j.ctx, row, err);
	if (rc > 0 && recorder_newest_note(s, &note, err) < 0)
		rc = -1;
	if (rc >= 0)
		intended(r, rc > 0, &note);
	return give_back(r, rc);
}

static int
settle(void *ctx, const struct tally_row *row, struct tally_bytes ak_public,
       struct tally_bytes blob, struct tally_err *err)
{
	struct recorder *r = ctx;
	struct evidence *e = &r->evidence;
	struct tally_store *s = take(r, err);
	struct tally_journal j;
	int rc;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	rc = j.settle(j.ctx, row, ak_public, blob, err);
	/* A row that an earlier run of the agent left pending is none of those counted here. */
	if (rc == 0 && row->state == TALLY_ROW_DONE && e->intended > 0 &&
	    row->note == e->intended_note.sequence) {
		pthread_mutex_lock(&r->lock);
		if (e->attested < e->intended)
			e->attested = e->intended;
		e->note = e->intended_note;
		e->note.attested = true;
		e->attested_at = tally_clock_now(r->o.clock).wall;
		pthread_mutex_unlock(&r->lock);
	}
	return give_back(r, rc);
}

static int
anchors(void *ctx, struct tally_anchors *out, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	if (s == NULL)
		return -1;
	return give_back(ctx, tally_store_anchors(s, out, err));
}

static int
anchor_intend(void *ctx, const struct tally_anchor *intent, uint64_t *index, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.anchor_intend(j.ctx, intent, index, err));
}

static int
anchor_note(void *ctx, uint64_t intent, uint8_t q[TALLY_HASH], struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.anchor_note(j.ctx, intent, q, err));
}

static int
anchor_settle(void *ctx, const struct tally_anchor *a, struct tally_err *err)
{
	struct tally_store *s = take(ctx, err);
	struct tally_journal j;
	if (s == NULL)
		return -1;
	j = tally_store_journal(s);
	return give_back(ctx, j.anchor_settle(j.ctx, a, err));
}

static int
close_signing(void *ctx, const char *why, struct tally_err *err)
{
	return recorder_close_signing(ctx, why, err);
}

void
recorder_journal_open(struct recorder *r)
{
	r->evidence.journal = (struct tally_journal){ .ctx = r,
						      .last_session = last_session,
						      .session = session,
						      .head = head,
						      .last_row = last_row,
						      .intend = intend,
						      .settle = settle,
						      .anchors = anchors,
						      .anchor_intend = anchor_intend,
						      .anchor_note = anchor_note,
						      .anchor_settle = anchor_settle,
						      .close_signing = close_signing };
}
