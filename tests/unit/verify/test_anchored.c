/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors, end to end: made by a seal that is stopped before and behind each of its
 * steps, and judged by the verifier.
 */
#include <errno.h>
#include <lmdb.h>
#include <string.h>
#include "liar.h"

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

static void
add_receipt(struct ledger *l)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	uint8_t root[TALLY_HASH];
	uint64_t index;

	assert_int_equal(tally_store_head(l->store, &ev.o.receipt_size, root, &l->err), 0);
	ev.o.has_receipt_size = true;
	ev.o.receipt_root = tally_bytes(root, TALLY_HASH);
	ev.o.cosignatures = tally_bytes_str("\xe2\x80\x94 a AAAAAAA=\n");
	assert_int_equal(tally_store_append_event(l->store, &ev, &index, &l->err), 0);
}

/* What `meta` has as "receipt": 1, or 0 for none. `drop`: then it is as an older
 * program wrote it, which kept no such thing. */
static int
receipt_in_meta(struct ledger *l, bool drop, uint8_t value[8])
{
	char key[] = "receipt";
	MDB_val k = { strlen(key), key }, v;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi meta;
	int r;

	tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
	assert_int_equal(mdb_env_open(env, l->path, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
	r = mdb_get(txn, meta, &k, &v);
	if (r == 0)
		memcpy(value, v.mv_data, 8);
	if (r == 0 && drop)
		assert_int_equal(mdb_del(txn, meta, &k, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	if (tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
	reseal(l);
	return r == 0;
}

static void
the_newest_receipt_of_an_older_ledger_is_found(void **state)
{
	uint8_t value[8];
	struct ledger l;

	(void)state;
	make(&l);
	add_receipt(&l);
	ledger_append(&l, 3);
	ledger_checkpoint(&l);
	assert_int_equal(receipt_in_meta(&l, true, value), 1);
	anchor(&l);
	holds(&l, NULL);
	assert_int_equal(receipt_in_meta(&l, false, value), 1);
	add_receipt(&l);
	anchor(&l);
	holds(&l, NULL);
	ledger_deinit(&l);
}

/* That there is none is noted down as well: nobody looks for it at each anchor. */
static void
a_ledger_without_receipts_is_searched_once(void **state)
{
	const uint8_t none[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	uint8_t value[8];
	struct ledger l;

	(void)state;
	make(&l);
	assert_int_equal(receipt_in_meta(&l, false, value), 0);
	anchor(&l);
	assert_int_equal(receipt_in_meta(&l, false, value), 1);
	assert_memory_equal(value, none, sizeof(none));
	anchor(&l);
	holds(&l, NULL);
	add_receipt(&l);
	anchor(&l);
	holds(&l, NULL);
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
		cmocka_unit_test(the_newest_receipt_of_an_older_ledger_is_found),
		cmocka_unit_test(a_ledger_without_receipts_is_searched_once),
	};
	int r = cmocka_run_group_tests_name("verify anchored", tests, NULL, NULL);

	liar_free();
	return r;
}
