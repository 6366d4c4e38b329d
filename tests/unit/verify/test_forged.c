/* SPDX-License-Identifier: Apache-2.0 */
/* Exports that agree with themselves, made by somebody who should not have: with
 * another key, over another history, from an older time. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fixture.h"

static struct ledger one;
static char *older, *newer;

static int
set_up(void **state)
{
	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 40);
	ledger_checkpoint(&one);
	older = ledger_export(&one, "older", false);
	ledger_append(&one, 300);
	ledger_checkpoint(&one);
	newer = ledger_export(&one, "newer", false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ledger_deinit(&one);
	free(older), free(newer);
	return 0;
}

static void
expect(struct tally_verify *v, int exit, const char *check, const char *in, const char *file)
{
	if (tally_verify_exit(v) != exit || (check && !names(v, check, in, file, -1))) {
		tell_problems(v);
		fail_msg("%s not told of %s, or exit %d", check ? check : "verdict", file,
			 tally_verify_exit(v));
	}
	tally_verify_free(v);
}

static void
a_ledger_made_anew_under_the_same_origin_is_not_the_pinned_one(void **state)
{
	const char *pin = (const char *)one.vkey.p;
	struct ledger forged;
	char *dir, *mirror;

	(void)state;
	ledger_init(&forged, ORIGIN, "h1", false);
	ledger_append(&forged, 40);
	ledger_checkpoint(&forged);
	dir = ledger_export(&forged, "export", false);
	mirror = ledger_export(&forged, "mirror", true);
	/* It agrees with itself, and only what was pinned tells it from the true one. */
	expect(verified_one(NULL, dir), 4, NULL, dir, "");
	expect(verified_one(pin, dir), 1, "anchor", dir, "checkpoint");
	expect(verified_one(pin, mirror), 1, "anchor", mirror, "checkpoint");
	free(dir), free(mirror);
	ledger_deinit(&forged);
}

static void
a_vkey_that_does_not_sign_the_checkpoint_is_found(void **state)
{
	struct edit e = edit_open(newer, "vkey");
	struct ledger other;

	(void)state;
	ledger_init(&other, ORIGIN, "h1", false);
	edit_write(&e, other.vkey.p, other.vkey.len);
	expect(verified_one((const char *)one.vkey.p, newer), 1, "note", newer, "vkey");
	expect(verified_one(NULL, newer), 1, "note", newer, "checkpoint");
	edit_close(&e);
	ledger_deinit(&other);
}

static void
an_older_checkpoint_does_not_fit_newer_files(void **state)
{
	struct edit e = edit_open(newer, "checkpoint"), old = edit_open(older, "checkpoint");

	(void)state;
	edit_write(&e, old.bytes, old.n);
	expect(verified_one(NULL, newer), 1, "note", newer, "checkpoint");
	expect(verified_one(NULL, newer), 1, "format", newer, "tile/entries/001.p/86");
	edit_close(&e), edit_close(&old);
}

static void
a_newer_checkpoint_does_not_fit_older_files(void **state)
{
	struct edit e = edit_open(older, "checkpoint"), young = edit_open(newer, "checkpoint");

	(void)state;
	edit_write(&e, young.bytes, young.n);
	expect(verified_one(NULL, older), 1, "missing", older, "tile/entries/000");
	edit_close(&e), edit_close(&young);
}

static void
two_exports_of_one_history_agree(void **state)
{
	const char *paths[] = { newer, older, NULL };

	(void)state;
	expect(verified((const char *)one.vkey.p, paths), 0, NULL, older, "");
}

/* A copy of the ledger's folder goes its own way, with the same key. */
static void
two_histories_of_one_log_are_found(void **state)
{
	struct ledger fork;
	char *way[2];
	const char *paths[3] = { NULL, NULL, NULL };

	(void)state;
	ledger_init(&fork, ORIGIN, "h1", false);
	ledger_append(&fork, 10);
	ledger_checkpoint(&fork);
	tally_seal_close(fork.seal);
	tally_store_close(fork.store);
	for (int i = 0; i < 2; i++) {
		char *copy = test_path(fork.root, i ? "copy-b" : "copy-a");

		copy_export(fork.path, copy);
		assert_int_equal(chmod(copy, 0700), 0);
		if (tally_store_open(&fork.store, copy, TALLY_STORE_WRITE, &fork.clock.table,
				     &fork.err) < 0)
			fail_msg("%s", fork.err.text);
		ledger_append(&fork, 5);
		assert_int_equal(tally_store_checkpoint(fork.store, &fork.err), 1);
		way[i] = ledger_export(&fork, i ? "b" : "a", false);
		tally_store_close(fork.store);
		free(copy);
	}
	fork.store = NULL;
	fork.seal = NULL;
	paths[0] = way[0];
	expect(verified((const char *)fork.vkey.p, paths), 0, NULL, way[0], "");
	paths[1] = way[1];
	expect(verified((const char *)fork.vkey.p, paths), 1, "tpm-16", way[0], "checkpoint");
	free(way[0]), free(way[1]);
	ledger_deinit(&fork);
}

static void
a_session_that_names_another_log_key_is_found(void **state)
{
	struct ledger liar;
	char *dir;

	(void)state;
	ledger_init(&liar, ORIGIN, "h1", true);
	ledger_append(&liar, 3);
	ledger_checkpoint(&liar);
	dir = ledger_export(&liar, "export", false);
	expect(verified_one((const char *)liar.vkey.p, dir), 1, "tpm-15", dir,
	       "private/payload/000.p/5");
	free(dir);
	ledger_deinit(&liar);
}

/* The log's key alone signs a root that no entries have. */
static void
a_signed_root_without_its_entries_is_found(void **state)
{
	struct edit e = edit_open(older, "checkpoint");
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT, note = TALLY_BUF_INIT;
	char *keys = test_path(one.path, "keys/log.key");
	const uint8_t root[TALLY_HASH] = { 1 };
	struct tally_logkey *key;
	struct tally_signer signer;
	size_t n;
	char *private = test_file_read(keys, &n);

	(void)state;
	assert_int_equal(tally_logkey_parse(&key, tally_bytes(private, n), &err), 0);
	signer = tally_logkey_signer(key);
	tally_checkpoint_text(&text, ORIGIN, 42, root);
	assert_int_equal(tally_note_sign(&note, tally_buf_view(&text), &signer, &err), 0);
	edit_write(&e, note.p, note.len);
	expect(verified_one((const char *)one.vkey.p, older), 1, "root", older, "checkpoint");
	/* A size that would keep us busy for ever. */
	tally_buf_clear(&text), tally_buf_clear(&note);
	tally_checkpoint_text(&text, ORIGIN, INT64_MAX, root);
	assert_int_equal(tally_note_sign(&note, tally_buf_view(&text), &signer, &err), 0);
	edit_write(&e, note.p, note.len);
	expect(verified_one((const char *)one.vkey.p, older), 1, "missing", older,
	       "tile/entries/000");
	edit_close(&e);
	tally_logkey_free(key);
	tally_buf_deinit(&text), tally_buf_deinit(&note);
	free(private), free(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ledger_made_anew_under_the_same_origin_is_not_the_pinned_one),
		cmocka_unit_test(a_vkey_that_does_not_sign_the_checkpoint_is_found),
		cmocka_unit_test(an_older_checkpoint_does_not_fit_newer_files),
		cmocka_unit_test(a_newer_checkpoint_does_not_fit_older_files),
		cmocka_unit_test(two_exports_of_one_history_agree),
		cmocka_unit_test(two_histories_of_one_log_are_found),
		cmocka_unit_test(a_session_that_names_another_log_key_is_found),
		cmocka_unit_test(a_signed_root_without_its_entries_is_found),
	};

	return cmocka_run_group_tests_name("verify forged", tests, set_up, tear_down);
}
