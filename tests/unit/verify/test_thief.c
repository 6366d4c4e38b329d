/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thief of the log's key makes the history anew, with anchors in the true one: with the
 * TPM of the host, with one of his own, or with none.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "liar.h"

static void
open_at(struct ledger *l, const char *path)
{
	if (l->seal)
		tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	assert_int_equal(chmod(path, 0700), 0);
	if (tally_store_open(&l->store, path, TALLY_STORE_WRITE, &l->clock.table, &l->err) < 0)
		fail_msg("%s", l->err.text);
}

static void
take_copy(struct ledger *l, const char *copy)
{
	if (l->seal)
		tally_seal_close(l->seal);
	l->seal = NULL;
	tally_store_close(l->store);
	l->store = NULL;
	copy_export(l->path, copy);
	open_at(l, l->path);
}

/* Another TPM in the place of the first; its counter happens to have the same index. */
static void
change_tpm(struct ledger *l)
{
	faketpm_deinit(&l->tpm);
	faketpm_init(&l->tpm);
	faketpm_counter(&l->tpm, INDEX);
	l->tpm.counter = 3;
	l->tpm.reset_count = 40;
}

/* The true history, as its auditor has it, and a copy of an early state. */
struct theft {
	struct ledger l;
	char *copy, *true_one;
};

static void
begin(struct theft *t)
{
	make(&t->l);
	anchor(&t->l);
	t->copy = test_path(t->l.root, "copy");
	take_copy(&t->l, t->copy);
	reseal(&t->l);
	anchor(&t->l);
	anchor(&t->l);
	t->true_one = ledger_export(&t->l, "true", false);
	open_at(&t->l, t->copy);
}

static void
end(struct theft *t)
{
	free(t->copy), free(t->true_one);
	ledger_deinit(&t->l);
}

/* By itself it holds; an auditor who has the true history, too, sees that it is another. */
static void
is_seen_beside_the_true_one(struct theft *t, const char *name)
{
	char *dir = ledger_export(&t->l, name, false);
	const char *paths[] = { t->true_one, dir, NULL };
	struct tally_verify *v = verified((const char *)t->l.vkey.p, paths);

	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(told(v, "tpm-16", -1, "another history"));
	tally_verify_free(v);
	free(dir);
}

/* The counter has passed on: it is check 12, whether he passes over its values, or claims
 * that they are still to come, or shows what was certified for the true history. */
static void
over_the_true_tpm_the_counter_gives_a_resealed_history_away(void **state)
{
	struct theft t;

	(void)state;
	begin(&t);
	faketpm_reset(&t.l.tpm);
	reseal(&t.l);
	ledger_append(&t.l, 9);
	liar.how = KNOW_NOTHING;
	anchor(&t.l);
	fails(&t.l, "tpm-12", (int64_t)liar.intent, "the counter is to be 11, but was 8");
	end(&t);
}

static void
an_old_certification_binds_the_true_history_only(void **state)
{
	struct theft t;

	(void)state;
	begin(&t);
	faketpm_reset(&t.l.tpm);
	reseal(&t.l);
	ledger_append(&t.l, 9);
	/* Of the true history's 9, which his intent wants, too. */
	t.l.tpm.counter = 8;
	liar.how = OLD_COUNTER;
	faketpm_certify(&t.l.tpm, &liar.counter, 9, (const uint8_t[TALLY_HASH]){ 9 });
	anchor(&t.l);
	fails(&t.l, "tpm-7", (int64_t)liar.settled, "it binds another value");
	end(&t);
}

/* Under a TPM of his own he cannot go on ... */
static void
a_tpm_of_his_own_in_the_middle_of_a_ledger_is_found(void **state)
{
	struct theft t;

	(void)state;
	begin(&t);
	change_tpm(&t.l);
	reseal(&t.l);
	anchor(&t.l);
	fails(&t.l, "tpm-5", -1, "of another TPM than those before it");
	end(&t);
}

/* ... and where he adds no evidence any more it holds, with its end left loose: as software,
 * with a remark, and not beside the true one. */
static void
without_a_tpm_his_end_is_loose(void **state)
{
	struct theft t;

	(void)state;
	begin(&t);
	ledger_append(&t.l, 9);
	test_clock_advance(&t.l.clock, MINUTES(90));
	ledger_append(&t.l, 1);
	assert_int_equal(tally_store_checkpoint(t.l.store, &t.l.err), 1);
	holds(&t.l, "what stands behind it no value of the TPM's counter binds");
	is_seen_beside_the_true_one(&t, "loose");
	end(&t);
}

/* A ledger that has its first entry only: its key is what the thief has. */
static void
begin_bare(struct ledger *l)
{
	struct tally_init_options options = { .origin = ORIGIN,
					      .host = "h1",
					      .transport = "libtpms" };
	struct tally_event ev = { .kind = TALLY_LEDGER_BEGIN };
	uint64_t index;

	memset(l, 0, sizeof(*l));
	l->root = test_dir_make();
	l->path = test_path(l->root, "ledger");
	l->origin = tally_strdup(ORIGIN);
	test_clock_init(&l->clock, "2026-03-01T00:00:00Z");
	faketpm_init(&l->tpm);
	faketpm_counter(&l->tpm, INDEX);
	assert_int_equal(tally_store_create(l->path, &options, &l->err), 0);
	assert_int_equal(
		tally_store_open(&l->store, l->path, TALLY_STORE_WRITE, &l->clock.table, &l->err),
		0);
	tally_vkey_text(&l->vkey, tally_store_vkey(l->store));
	ev.i.host = tally_bytes_str("h1");
	ev.o.origin = tally_bytes_str(ORIGIN);
	ev.o.vkey = tally_buf_view(&l->vkey);
	assert_int_equal(tally_store_append_event(l->store, &ev, &index, &l->err), 0);
	tally_buf_add_u8(&l->vkey, '\n');
	(void)tally_buf_cstr(&l->vkey);
}

/* From the first entry on, under a TPM of his own, all agrees with itself: the class of a
 * software TPM is what it is worth, and what left the host before stands against it. */
static void
a_history_made_anew_from_the_first_entry_on_is_worth_a_software_tpm(void **state)
{
	struct tally_verify *v;
	struct theft t = { 0 };
	char *dir;

	(void)state;
	begin_bare(&t.l);
	t.copy = test_path(t.l.root, "copy");
	take_copy(&t.l, t.copy);
	reseal(&t.l);
	anchor(&t.l);
	anchor(&t.l);
	t.true_one = ledger_export(&t.l, "true", false);
	open_at(&t.l, t.copy);
	change_tpm(&t.l);
	reseal(&t.l);
	ledger_append(&t.l, 4);
	anchor(&t.l);
	holds(&t.l, NULL);
	dir = ledger_export(&t.l, "anew", false);
	v = verified_one((const char *)t.l.vkey.p, dir);
	assert_string_equal(tally_verify_class(v), "software (libtpms)");
	tally_verify_free(v);
	is_seen_beside_the_true_one(&t, "beside");
	free(dir);
	end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_the_true_tpm_the_counter_gives_a_resealed_history_away),
		cmocka_unit_test(an_old_certification_binds_the_true_history_only),
		cmocka_unit_test(a_tpm_of_his_own_in_the_middle_of_a_ledger_is_found),
		cmocka_unit_test(without_a_tpm_his_end_is_loose),
		cmocka_unit_test(
			a_history_made_anew_from_the_first_entry_on_is_worth_a_software_tpm),
	};
	int r = cmocka_run_group_tests_name("verify thief", tests, NULL, NULL);

	liar_free();
	return r;
}
