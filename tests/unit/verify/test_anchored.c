/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors, end to end: made by a seal that is stopped before and behind each of its
 * steps, and forged by somebody who has the log's key, or the whole host, but no TPM
 * of his own making.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fixture.h"

#define MINUTES(n) ((int64_t)(n)*60 * TALLY_SECOND)
#define INDEX      0x01800042u

/* A journal that lies: what the host's root would write. Its functions are called with
 * the store's context, so there is one of it. */
static struct liar {
	struct tally_journal true_one;
	struct ledger *l;
	enum {
		HONEST,
		FLIP_COUNTER,
		FLIP_TIME,
		OLD_COUNTER,
		OLD_TIME,
		OTHER_INDEX,
		OTHER_VALUE,
		NO_COUNTER,
		OTHER_SESSION,
		KNOW_NOTHING
	} how;
	size_t at;                      /* of the byte to flip */
	struct tally_buf counter, time; /* of the anchor before */
	uint64_t intent, settled;       /* entries: the newest ones */
} liar;

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

/* Opens the seal of a ledger anew, over the liar's journal, which begins honest. */
static void
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
	tally_seal_close(l->seal);
	l->seal = NULL;
	if (tally_seal_open(&l->seal, &l->tpm.table, &table, &info, &l->err) < 0)
		fail_msg("%s", l->err.text);
}

/* A ledger whose TPM has a counter, in a session that says so. */
static void
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

static int
try_anchor(struct ledger *l, struct tally_anchors *out)
{
	return tally_seal_anchor(l->seal, 0, out, &l->err);
}

/* Entries, an anchor a quarter of an hour later, and a note over both. */
static void
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

static struct tally_verify *
verdict(struct ledger *l, const char *name)
{
	char *dir = ledger_export(l, name, false);
	struct tally_verify *v = verified_one((const char *)l->vkey.p, dir);

	free(dir);
	return v;
}

static void
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
static bool
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

static void
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

static void
anchors_rise_over_sessions_and_stand_before_the_verifier(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	for (int i = 0; i < 3; i++)
		anchor(&l);
	assert_int_equal(l.tpm.counter, 10);
	faketpm_restart(&l.tpm);
	reseal(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	faketpm_reset(&l.tpm);
	reseal(&l);
	anchor(&l);
	assert_int_equal(l.tpm.counter, 12);
	assert_int_equal(l.tpm.increments, 5);
	holds(&l, "TPM boots with a session: 3, without: 1; suspends: 1; unclean stops: 0");
	ledger_deinit(&l);
}

static void
a_tpm_without_a_counter_anchors_the_time_alone(void **state)
{
	struct ledger l;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	faketpm_counter(&l.tpm, INDEX);
	tally_buf_clear(&l.tpm.nv_public);
	reseal(&l);
	anchor(&l);
	anchor(&l);
	assert_int_equal(l.tpm.increments, 0);
	holds(&l, NULL);
	/* Later it has one. */
	faketpm_counter(&l.tpm, INDEX);
	reseal(&l);
	anchor(&l);
	assert_int_equal(l.tpm.increments, 1);
	holds(&l, NULL);
	ledger_deinit(&l);
}

static void
anchors_are_made_as_often_as_they_may(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	/* A session that begins has one at once; then the newest must be old enough. */
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 1);
	assert_int_equal(now.day, 1);
	test_clock_advance(&l.clock, MINUTES(15) - 1);
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 0);
	assert_int_equal(now.age, MINUTES(15) - 1);
	test_clock_advance(&l.clock, 1);
	assert_int_equal(tally_seal_anchor(l.seal, MINUTES(15), &now, &l.err), 1);
	for (int i = 2; i < TALLY_ANCHOR_CAP; i++) {
		test_clock_advance(&l.clock, TALLY_SECOND);
		assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 1);
	}
	assert_int_equal(now.day, TALLY_ANCHOR_CAP);
	assert_int_equal(l.tpm.increments, TALLY_ANCHOR_CAP);
	assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 0);
	assert_int_equal(now.free_in,
			 MINUTES(24 * 60 - 15) - (TALLY_ANCHOR_CAP - 2) * TALLY_SECOND);
	test_clock_advance(&l.clock, now.free_in);
	assert_int_equal(tally_seal_anchor(l.seal, 0, &now, &l.err), 1);
	ledger_checkpoint(&l);
	holds(&l, NULL);
	ledger_deinit(&l);
}

/* The fault of the disk: the n-th of its calls fails, and all that follow. */
static unsigned disk_calls, disk_fails;

static int
fail_disk(void *ctx, const char *call)
{
	(void)ctx;
	(void)call;
	if (disk_fails == 0 || ++disk_calls < disk_fails)
		return 0;
	errno = EIO;
	return -1;
}

/* What happens to the machine while the anchor is not made. */
enum turn { GOES_ON, RESUMES, BOOTS };

/* The ledger is closed as it is and opened again, with its TPM in another state. */
static void
come_back(struct ledger *l, enum turn turn)
{
	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	if (turn == RESUMES)
		faketpm_restart(&l->tpm);
	if (turn == BOOTS)
		faketpm_reset(&l->tpm);
	reseal(l);
}

/* One anchor that is stopped by `stop`: false where nothing was left to be stopped. */
static bool
is_stopped(struct ledger *l, unsigned n, int where)
{
	struct tally_anchors now;
	int r;

	ledger_append(l, 2);
	test_clock_advance(&l->clock, MINUTES(15));
	if (where == 2) {
		disk_calls = 0;
		disk_fails = n;
	} else {
		l->tpm.calls = 0;
		l->tpm.fail_at = n;
		l->tpm.late = where == 1;
	}
	r = try_anchor(l, &now);
	disk_fails = 0;
	l->tpm.fail_at = 0;
	assert_true(r != 0);
	return r < 0;
}

/* Stopped at every command of the TPM, before and behind it, and at every call that
 * changes the disk: the counter never has more than one for each intent. */
static void
an_anchor_that_was_stopped_anywhere_is_ended_once(void **state)
{
	(void)state;
	tally_store_fault_hook(fail_disk, NULL);
	for (int where = 0; where < 3; where++) {
		bool stopped = true;

		for (unsigned n = 1; stopped; n++) {
			struct tally_anchors now;
			struct ledger l;
			uint64_t before;

			make(&l);
			anchor(&l);
			before = l.tpm.counter;
			stopped = is_stopped(&l, n, where);
			come_back(&l, (enum turn)(n % 3));
			if (stopped && try_anchor(&l, &now) != 1)
				fail_msg("%d, %u: %s", where, n, l.err.text);
			ledger_checkpoint(&l);
			if (l.tpm.counter != before + 1)
				fail_msg("%d, %u: counted %d times", where, n,
					 (int)(l.tpm.counter - before));
			anchor(&l);
			holds(&l, NULL);
			ledger_deinit(&l);
		}
	}
	tally_store_fault_hook(NULL, NULL);
}

/* Each byte of both attestations, one anchor each. */
static void
every_flipped_byte_of_an_anchor_is_found(void **state)
{
	uint64_t entries[600];
	struct tally_verify *v;
	size_t n = 0, all;
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	all = liar.counter.len + liar.time.len;
	assert_true(all > 400 && all < 600);
	for (; n < all; n++) {
		bool first = n < liar.counter.len;

		liar.how = first ? FLIP_COUNTER : FLIP_TIME;
		liar.at = first ? n : n - liar.counter.len;
		anchor(&l);
		entries[n] = liar.settled;
	}
	v = verdict(&l, "flipped");
	for (size_t i = 0; i < n; i++)
		if (!told(v, NULL, (int64_t)entries[i], "anchor: "))
			fail_msg("byte %zu: not found", i);
	tally_verify_free(v);
	ledger_deinit(&l);
}

static void
what_was_attested_for_another_note_is_found(void **state)
{
	struct ledger l;

	(void)state;
	for (int how = OLD_COUNTER; how <= OLD_TIME; how++) {
		make(&l);
		anchor(&l);
		liar.how = how;
		anchor(&l);
		fails(&l, "tpm-7", (int64_t)liar.settled,
		      how == OLD_COUNTER ? "counter: attestation: it binds another value"
					 : "time: attestation: it binds another value");
		ledger_deinit(&l);
	}
}

static void
another_index_value_or_none_is_found(void **state)
{
	static const struct {
		int how;
		const char *says;
	} cases[] = { { OTHER_INDEX, "of another NV index" },
		      { OTHER_VALUE, "the TPM certified 9, the intent says 8" },
		      { NO_COUNTER, "the counter is not certified" } };
	struct ledger l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		make(&l);
		liar.how = cases[i].how;
		anchor(&l);
		fails(&l, "tpm-12", (int64_t)liar.settled, cases[i].says);
		ledger_deinit(&l);
	}
}

static void
an_intent_of_another_session_is_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	liar.how = OTHER_SESSION;
	anchor(&l);
	fails(&l, "tpm-8", (int64_t)liar.intent, "of TPM session");
	ledger_deinit(&l);
}

/* Undefined and defined again a counter begins above all that it ever was; so does one
 * that somebody used for another history. The agent gives up the ledger ... */
static void
a_counter_that_is_ahead_closes_the_ledger(void **state)
{
	struct tally_anchors now;
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.counter += 2;
	test_clock_advance(&l.clock, MINUTES(15));
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_non_null(strstr(l.err.text, "older copy of the ledger"));
	assert_non_null(strstr(tally_store_closed(l.store), "counter is 10, by the ledger 8"));
	assert_int_equal(tally_store_checkpoint(l.store, &l.err), -1);
	holds(&l, NULL);
	ledger_deinit(&l);
}

/* ... and where it is made not to look, the verifier does. */
static void
values_that_no_intent_accounts_for_are_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.counter += 2;
	liar.how = KNOW_NOTHING;
	anchor(&l);
	fails(&l, "tpm-12", (int64_t)liar.intent, "the counter is to be 11, but was 8");
	ledger_deinit(&l);
}

/* A TPM whose state was set back: only a software TPM can be. The ledger says so. */
static void
a_counter_that_went_back_is_told_and_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	anchor(&l);
	anchor(&l);
	l.tpm.counter -= 2;
	anchor(&l);
	fails(&l, "tpm-12", (int64_t)liar.settled, "the counter did not rise: 9 behind 10");
	ledger_deinit(&l);
}

static void
another_counter_of_the_session_is_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	faketpm_counter(&l.tpm, INDEX + 1);
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-12", -1, "names another NV counter");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	tally_buf_clear(&l.tpm.nv_public);
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-12", -1, "names no NV counter");
	ledger_deinit(&l);
}

/* The folder of a ledger, copied; its copy opened in the place of the first. */
static void
go_on_with(struct ledger *l, const char *path)
{
	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	assert_int_equal(chmod(path, 0700), 0);
	if (tally_store_open(&l->store, path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	reseal(l);
}

static char *
copy_ledger(struct ledger *l)
{
	char *copy = test_path(l->root, "copy");

	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	copy_export(l->path, copy);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	reseal(l);
	return copy;
}

static void
a_restored_backup_signs_no_more(void **state)
{
	struct tally_anchors now;
	struct ledger l;
	char *copy;

	(void)state;
	make(&l);
	anchor(&l);
	copy = copy_ledger(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	go_on_with(&l, copy);
	assert_int_equal(try_anchor(&l, &now), -1);
	assert_non_null(strstr(tally_store_closed(l.store), "older copy"));
	ledger_deinit(&l);
	free(copy);
}

/* Whoever has the log's key and the host goes on from a copy, and has the TPM certify
 * one value for both histories. Each stands by itself; together they are the proof. */
static void
one_value_over_two_roots_is_the_proof_of_a_fork(void **state)
{
	const char *paths[3] = { NULL };
	struct tally_verify *v;
	struct ledger l;
	char *copy, *dir[2];

	(void)state;
	make(&l);
	anchor(&l);
	copy = copy_ledger(&l);
	anchor(&l);
	dir[0] = ledger_export(&l, "first", false);
	l.tpm.counter--; /* his certificates do not go with increments */
	faketpm_reset(&l.tpm);
	go_on_with(&l, copy);
	ledger_append(&l, 6);
	anchor(&l);
	dir[1] = ledger_export(&l, "second", false);
	for (int i = 0; i < 2; i++) {
		v = verified_one((const char *)l.vkey.p, dir[i]);
		assert_int_equal(tally_verify_exit(v), 0);
		tally_verify_free(v);
		paths[i] = dir[i];
	}
	v = verified((const char *)l.vkey.p, paths);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(told(v, "tpm-12", -1, "proof of a fork"));
	assert_true(told(v, "tpm-16", -1, ""));
	tally_verify_free(v);
	ledger_deinit(&l);
	free(copy), free(dir[0]), free(dir[1]);
}

static void
sessions_and_clocks_that_go_back_are_found(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	l.tpm.reset_count--;
	reseal(&l);
	ledger_append(&l, 1);
	ledger_checkpoint(&l);
	fails(&l, "tpm-9", -1, "the TPM went back from session 2.0 to 1.0");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	l.tpm.clock -= 60000;
	anchor(&l);
	fails(&l, "tpm-9", (int64_t)liar.settled, "its clock by 840");
	l.tpm.clock -= 20 * 60000;
	anchor(&l);
	fails(&l, "tpm-9", -1, "clock went back by");
	ledger_deinit(&l);
	make(&l);
	anchor(&l);
	l.tpm.time = 5;
	anchor(&l);
	fails(&l, "tpm-9", (int64_t)liar.settled, "time went back by");
	ledger_deinit(&l);
}

static void
what_a_power_cut_takes_from_the_clock_is_a_mark(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	faketpm_reset(&l.tpm);
	l.tpm.clock -= 4096;
	l.tpm.safe = false;
	reseal(&l);
	anchor(&l);
	holds(&l, "unclean stops: 1");
	/* More than any TPM could lose, or none said to be. */
	faketpm_advance(&l.tpm, UINT64_C(1) << 23);
	anchor(&l);
	faketpm_reset(&l.tpm);
	l.tpm.clock -= (UINT64_C(1) << 22) + 1000;
	reseal(&l);
	anchor(&l);
	fails(&l, "tpm-9", -1, "clock went back by");
	ledger_deinit(&l);
}

static void
a_clock_that_was_set_is_told(void **state)
{
	struct ledger l;

	(void)state;
	make(&l);
	anchor(&l);
	anchor(&l);
	holds(&l, NULL);
	l.tpm.clock += 60000;
	anchor(&l);
	holds(&l, "clock was set ahead (ClockSet) 1 times");
	ledger_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anchors_rise_over_sessions_and_stand_before_the_verifier),
		cmocka_unit_test(a_tpm_without_a_counter_anchors_the_time_alone),
		cmocka_unit_test(anchors_are_made_as_often_as_they_may),
		cmocka_unit_test(an_anchor_that_was_stopped_anywhere_is_ended_once),
		cmocka_unit_test(every_flipped_byte_of_an_anchor_is_found),
		cmocka_unit_test(what_was_attested_for_another_note_is_found),
		cmocka_unit_test(another_index_value_or_none_is_found),
		cmocka_unit_test(an_intent_of_another_session_is_found),
		cmocka_unit_test(a_counter_that_is_ahead_closes_the_ledger),
		cmocka_unit_test(values_that_no_intent_accounts_for_are_found),
		cmocka_unit_test(a_counter_that_went_back_is_told_and_found),
		cmocka_unit_test(another_counter_of_the_session_is_found),
		cmocka_unit_test(a_restored_backup_signs_no_more),
		cmocka_unit_test(one_value_over_two_roots_is_the_proof_of_a_fork),
		cmocka_unit_test(sessions_and_clocks_that_go_back_are_found),
		cmocka_unit_test(what_a_power_cut_takes_from_the_clock_is_a_mark),
		cmocka_unit_test(a_clock_that_was_set_is_told),
	};
	int r = cmocka_run_group_tests_name("verify anchored", tests, NULL, NULL);

	tally_buf_deinit(&liar.counter);
	tally_buf_deinit(&liar.time);
	return r;
}
