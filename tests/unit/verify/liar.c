/* SPDX-License-Identifier: Apache-2.0 */
/* The lies of a host's root about its anchors, and the questions that find them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "liar.h"

struct liar liar;

static int
lie_anchors(void *ctx, struct tally_anchors *out, struct tally_err *err)
{
	int r = liar.true_one.anchors(ctx, out, err);

	if (liar.how == KNOW_NOTHING && !out->open)
		out->has_counter = false;
	return r;
}

static int
lie_intend(void *ctx, const struct tally_anchor *intent, uint64_t *index, struct tally_err *err)
{
	struct tally_anchor a = *intent;
	int r;

	a.reset_count += liar.how == OTHER_SESSION;
	r = liar.true_one.anchor_intend(ctx, &a, index, err);
	liar.intent = *index;
	return r;
}

static void
replace(struct tally_buf *to, struct tally_bytes from)
{
	tally_buf_clear(to);
	tally_buf_add_bytes(to, from);
}

static void
forge(struct tally_buf *counter, struct tally_buf *time, const uint8_t q[TALLY_HASH])
{
	struct faketpm *tpm = &liar.l->tpm;

	switch (liar.how) {
	case FLIP_COUNTER:
		counter->p[liar.at % counter->len] ^= 1;
		break;
	case FLIP_TIME:
		time->p[liar.at % time->len] ^= 1;
		break;
	case OLD_COUNTER:
		replace(counter, tally_buf_view(&liar.counter));
		break;
	case OLD_TIME:
		replace(time, tally_buf_view(&liar.time));
		break;
	case OTHER_INDEX:
	case OTHER_VALUE:
		tally_buf_clear(counter);
		faketpm_counter(tpm, liar.how == OTHER_INDEX ? INDEX + 1 : INDEX);
		faketpm_certify(tpm, counter, tpm->counter + (liar.how == OTHER_VALUE), q);
		faketpm_counter(tpm, INDEX);
		break;
	case NO_COUNTER:
		tally_buf_clear(counter);
		break;
	default:
		break;
	}
}

static int
lie_settle(void *ctx, const struct tally_anchor *done, struct tally_err *err)
{
	struct tally_buf counter = TALLY_BUF_INIT, time = TALLY_BUF_INIT;
	struct tally_anchor a = *done;
	uint8_t q[TALLY_HASH], root[TALLY_HASH];
	int r;

	assert_int_equal(tally_store_head(ctx, &liar.settled, root, err), 0);
	if (a.gap)
		return liar.true_one.anchor_settle(ctx, &a, err);
	assert_int_equal(liar.true_one.anchor_note(ctx, liar.intent, q, err), 1);
	replace(&counter, done->certification);
	replace(&time, done->time);
	forge(&counter, &time, q);
	a.certification = tally_buf_view(&counter);
	a.time = tally_buf_view(&time);
	r = liar.true_one.anchor_settle(ctx, &a, err);
	replace(&liar.counter, done->certification);
	replace(&liar.time, done->time);
	tally_buf_deinit(&counter);
	tally_buf_deinit(&time);
	return r;
}

static int
lie_close_signing(void *ctx, const char *why, struct tally_err *err)
{
	if (liar.how == NO_CLOSING)
		return tally_err_set(err, TALLY_SYS, "the disk is full");
	return liar.true_one.close_signing(ctx, why, err);
}

/* Opens the seal of a ledger anew, over the liar's journal, which begins honest. */
void
reseal(struct ledger *l)
{
	struct tally_seal_info info = { .origin = l->origin,
					.vkey = tally_bytes(l->vkey.p, l->vkey.len - 1),
					.version = "0",
					.ledger_pcr = l->pcr };
	struct tally_journal table = tally_store_journal(l->store);

	tally_buf_deinit(&liar.counter);
	tally_buf_deinit(&liar.time);
	liar = (struct liar){ .true_one = table, .l = l };
	table.anchors = lie_anchors;
	table.anchor_intend = lie_intend;
	table.anchor_settle = lie_settle;
	table.close_signing = lie_close_signing;
	tally_seal_close(l->seal);
	l->seal = NULL;
	if (tally_seal_open(&l->seal, &l->tpm.table, &table, &info, &l->err) < 0)
		fail_msg("%s", l->err.text);
}

/* A ledger whose TPM has a counter, in a session that says so. */
void
make(struct ledger *l)
{
	ledger_init(l, ORIGIN, "h1", false);
	faketpm_counter(&l->tpm, INDEX);
	l->tpm.counter = 7;
	faketpm_reset(&l->tpm);
	reseal(l);
	ledger_append(l, 2);
	ledger_checkpoint(l);
}

int
try_anchor(struct ledger *l, struct tally_anchors *out)
{
	return tally_seal_anchor(l->seal, 0, out, &l->err);
}

/* Entries, an anchor a quarter of an hour later, and a note over both. */
void
anchor(struct ledger *l)
{
	struct tally_anchors now;

	ledger_append(l, 2);
	test_clock_advance(&l->clock, MINUTES(15));
	faketpm_advance(&l->tpm, 15 * 60 * 1000);
	if (try_anchor(l, &now) != 1)
		fail_msg("%s", l->err.text);
	assert_false(now.open);
	assert_true(now.has_last);
	ledger_checkpoint(l);
}

struct tally_verify *
verdict(struct ledger *l, const char *name)
{
	char *dir = ledger_export(l, name, false);
	struct tally_verify *v = verified_one((const char *)l->vkey.p, dir);

	free(dir);
	return v;
}

void
holds(struct ledger *l, const char *says)
{
	static unsigned serial;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_verify *v;
	char name[32];

	snprintf(name, sizeof(name), "holds-%u", serial++);
	v = verdict(l, name);
	if (tally_verify_exit(v) != 0) {
		tell_problems(v);
		fail_msg("it does not hold");
	}
	tally_verify_text(v, &text);
	if (says && !strstr(tally_buf_cstr(&text), says))
		fail_msg("no '%s' in: %s", says, tally_buf_cstr(&text));
	tally_buf_deinit(&text);
	tally_verify_free(v);
}

/* Whether a problem is of this check, in this entry (-1: any), and says this. */
bool
told(const struct tally_verify *v, const char *check, int64_t entry, const char *says)
{
	for (size_t i = 0; i < tally_verify_problems(v); i++) {
		const struct tally_problem *p = tally_verify_problem(v, i);

		if ((!check || strcmp(p->check, check) == 0) &&
		    (entry < 0 || (p->has_entry && p->entry == (uint64_t)entry)) &&
		    strstr(p->text, says))
			return true;
	}
	return false;
}

void
fails(struct ledger *l, const char *check, int64_t entry, const char *says)
{
	static unsigned serial;
	struct tally_verify *v;
	char name[32];

	snprintf(name, sizeof(name), "fails-%u", serial++);
	v = verdict(l, name);
	if (tally_verify_exit(v) != 1 || !told(v, check, entry, says)) {
		tell_problems(v);
		fail_msg("%s: not told: %s", check, says);
	}
	tally_verify_free(v);
}

void
liar_free(void)
{
	tally_buf_deinit(&liar.counter);
	tally_buf_deinit(&liar.time);
}
