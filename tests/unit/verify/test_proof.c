/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of single entries. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"

static struct ledger one;
static char *dir, *path;
static struct tally_buf text;

/* The proof of an entry under the newest checkpoint, as `tally prove` makes it. */
static void
prove(struct ledger *l, uint64_t index, struct tally_buf *out)
{
	struct tally_buf record = TALLY_BUF_INIT, note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_nodes nodes = tally_store_nodes(l->store);
	struct tally_tlog_proof p = { .index = index };
	struct tally_checkpoint head;
	struct tally_proof hashes;
	struct tally_note parsed;
	uint64_t sequence;

	assert_int_equal(tally_store_entry(l->store, index, &record, NULL, NULL, &l->err), 1);
	assert_int_equal(tally_store_last_note(l->store, &sequence, &note, &l->err), 1);
	assert_int_equal(tally_note_parse(&parsed, tally_buf_view(&note), &scratch, &l->err), 0);
	assert_int_equal(tally_checkpoint_parse(&head, parsed.text, false, &l->err), 0);
	assert_int_equal(tally_proof_inclusion(&hashes, index, head.size, &nodes, &l->err), 0);
	memcpy(p.hash, hashes.hash, sizeof(p.hash));
	p.hashes = hashes.count;
	p.extra = tally_buf_view(&record);
	p.checkpoint = tally_buf_view(&note);
	tally_tlog_proof_text(out, &p);
	tally_buf_deinit(&record), tally_buf_deinit(&note), tally_buf_deinit(&scratch);
}

static int
set_up(void **state)
{
	(void)state;
	ledger_init(&one, ORIGIN, "h1", false);
	ledger_append(&one, 20);
	assert_int_equal(tally_store_checkpoint(one.store, &one.err), 1);
	dir = ledger_export(&one, "export", false);
	path = test_path(one.root, "proof");
	prove(&one, 7, &text);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tally_buf_deinit(&text);
	ledger_deinit(&one);
	free(dir), free(path);
	return 0;
}

static int
verdict(const char *anchor, const char *check)
{
	struct tally_verify *v = verified_one(anchor, path);
	int exit = tally_verify_exit(v);

	if (check && !names(v, check, path, "", -1)) {
		tell_problems(v);
		fail_msg("%s not told", check);
	}
	tally_verify_free(v);
	return exit;
}

static void
a_proof_holds_and_only_a_pinned_key_anchors_it(void **state)
{
	struct ledger other;

	(void)state;
	test_file_write(path, text.p, text.len);
	assert_int_equal(verdict(NULL, NULL), 4);
	assert_int_equal(verdict((const char *)one.vkey.p, NULL), 0);
	ledger_init(&other, ORIGIN, "h1", false);
	assert_int_equal(verdict((const char *)other.vkey.p, "anchor"), 1);
	ledger_deinit(&other);
}

static void
no_changed_bit_of_an_anchored_proof_holds(void **state)
{
	const size_t first_line = strlen("c2sp.org/tlog-proof@v1\n");
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		struct tally_verify *v;
		bool recognised;

		text.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		test_file_write(path, text.p, text.len);
		text.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(tally_verify_new(&v, &err), 0);
		assert_int_equal(tally_verify_anchor(v, "pins", tally_buf_view(&one.vkey), &err),
				 0);
		/* Without its first words it is no proof at all. */
		recognised =
			tally_verify_path(v, path, &err) == 0 && tally_verify_run(v, &err) == 0;
		assert_true(recognised || bit / 8 < first_line);
		if (recognised) {
			/* Another origin is nobody's that was pinned: not anchored is all. */
			assert_int_not_equal(tally_verify_exit(v), 0);
		}
		tally_verify_free(v);
	}
}

static void
a_proof_of_another_entry_or_with_a_cut_path_fails(void **state)
{
	struct tally_buf changed = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_tlog_proof p;

	(void)state;
	assert_int_equal(tally_tlog_proof_parse(&p, tally_buf_view(&text), &scratch, &err), 0);
	p.index = 6;
	tally_tlog_proof_text(&changed, &p);
	test_file_write(path, changed.p, changed.len);
	assert_int_equal(verdict(NULL, "record"), 1);
	assert_int_equal(verdict(NULL, "proof"), 1);
	p.index = 7;
	p.hashes--;
	tally_buf_clear(&changed);
	tally_tlog_proof_text(&changed, &p);
	test_file_write(path, changed.p, changed.len);
	assert_int_equal(verdict(NULL, "proof"), 1);
	p.hashes++;
	p.extra.len--;
	tally_buf_clear(&changed);
	tally_tlog_proof_text(&changed, &p);
	test_file_write(path, changed.p, changed.len);
	assert_int_equal(verdict(NULL, "format"), 1);
	tally_buf_deinit(&changed), tally_buf_deinit(&scratch);
}

static void
a_proof_is_compared_with_an_export_of_its_log(void **state)
{
	const char *paths[] = { path, dir, NULL };
	struct tally_buf foreign = TALLY_BUF_INIT;
	struct tally_verify *v;
	struct ledger other;

	(void)state;
	test_file_write(path, text.p, text.len);
	v = verified((const char *)one.vkey.p, paths);
	assert_int_equal(tally_verify_exit(v), 0);
	tally_verify_free(v);
	ledger_init(&other, ORIGIN, "h1", false);
	ledger_append(&other, 12);
	assert_int_equal(tally_store_checkpoint(other.store, &other.err), 1);
	prove(&other, 3, &foreign);
	test_file_write(path, foreign.p, foreign.len);
	v = verified(NULL, paths);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(names(v, "tpm-16", path, "", -1));
	tally_verify_free(v);
	ledger_deinit(&other);
	tally_buf_deinit(&foreign);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_holds_and_only_a_pinned_key_anchors_it),
		cmocka_unit_test(no_changed_bit_of_an_anchored_proof_holds),
		cmocka_unit_test(a_proof_of_another_entry_or_with_a_cut_path_fails),
		cmocka_unit_test(a_proof_is_compared_with_an_export_of_its_log),
	};

	return cmocka_run_group_tests_name("verify proof", tests, set_up, tear_down);
}
