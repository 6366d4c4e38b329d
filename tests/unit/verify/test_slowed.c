/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM whose clock is slowed, against the times of a witness. */
#include <stdlib.h>
#include <string.h>
#include "liar.h"
#include "tally/witness.h"

static struct tally_logkey *witness;

static int
set_up(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;

	(void)state;
	return tally_logkey_generate(&witness, "w.example", &err);
}

static int
tear_down(void **state)
{
	(void)state;
	tally_logkey_free(witness);
	return 0;
}

/* The witness signs the newest note now, by its clock, and that becomes an entry. */
static void
receipt(struct ledger *l)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT, lines = TALLY_BUF_INIT;
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct tally_checkpoint head;
	struct tally_note note;
	uint64_t sequence, index;

	assert_int_equal(tally_store_last_note(l->store, &sequence, &bytes, &l->err), 1);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &l->err), 0);
	assert_int_equal(tally_checkpoint_parse(&head, note.text, false, &l->err), 0);
	assert_int_equal(tally_cosign(&lines, note.text, witness,
				      (uint64_t)(l->clock.now.wall.ns / TALLY_SECOND), &l->err),
			 0);
	ev.o.has_receipt_size = true;
	ev.o.receipt_size = head.size;
	ev.o.receipt_root = tally_bytes(head.root, TALLY_HASH);
	ev.o.cosignatures = tally_buf_view(&lines);
	assert_int_equal(tally_store_append_event(l->store, &ev, &index, &l->err), 0);
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch), tally_buf_deinit(&lines);
}

/* Hours with four anchors each, a receipt behind each anchor, at `percent` of the true pace. */
static void
hours(struct ledger *l, unsigned n, unsigned percent, bool receipts)
{
	struct tally_anchors now;

	for (unsigned i = 0; i < 4 * n; i++) {
		ledger_append(l, 2);
		test_clock_advance(&l->clock, MINUTES(15));
		faketpm_advance(&l->tpm, 15 * 600 * (uint64_t)percent);
		if (try_anchor(l, &now) != 1)
			fail_msg("%s", l->err.text);
		ledger_checkpoint(l);
		if (receipts)
			receipt(l);
	}
	ledger_checkpoint(l);
}

/* What is said of it; free it. */
static char *
said(struct ledger *l, const char *name)
{
	struct tally_buf pins = TALLY_BUF_INIT, text = TALLY_BUF_INIT;
	char *dir = ledger_export(l, name, false);
	struct tally_verify *v;
	struct tally_vkey vkey;

	tally_buf_add_str(&pins, tally_buf_cstr(&l->vkey));
	tally_cosigner_vkey(&vkey, witness);
	tally_vkey_text(&pins, &vkey);
	tally_buf_add_u8(&pins, '\n');
	v = verified_one(tally_buf_cstr(&pins), dir);
	if (tally_verify_exit(v) != 0) {
		tell_problems(v);
		fail_msg("it does not hold");
	}
	tally_verify_text(v, &text);
	tally_verify_free(v);
	tally_buf_deinit(&pins);
	free(dir);
	tally_buf_add_u8(&text, '\0');
	return (char *)text.p;
}

static void
a_clock_that_was_slowed_is_told_with_how_much(void **state)
{
	struct ledger l;
	char *text;

	(void)state;
	make(&l);
	hours(&l, 3, 85, true);
	text = said(&l, "slow");
	/* From the first anchor, of whose receipt the time is known, to the last but its receipt.
	 */
	if (!strstr(text,
		    "the TPM's clock ran slow: from entry 8 to entry 63 it went on by 8415 s, "
		    "while receipts say that 9020 s passed at least"))
		fail_msg("%s", text);
	free(text);
	ledger_deinit(&l);
}

static void
a_clock_as_good_as_others_is_not(void **state)
{
	struct ledger l;
	char *text;

	(void)state;
	make(&l);
	hours(&l, 3, 100, true);
	/* Another session begins anew. */
	faketpm_reset(&l.tpm);
	l.tpm.time = 0;
	test_clock_advance(&l.clock, MINUTES(600));
	reseal(&l);
	hours(&l, 3, 100, true);
	text = said(&l, "good");
	assert_null(strstr(text, "ran slow"));
	free(text);
	ledger_deinit(&l);
}

/* Without receipts nobody knows: what the TPM says is what counts. */
static void
without_receipts_a_slowed_clock_is_not_known(void **state)
{
	struct ledger l;
	char *text;

	(void)state;
	make(&l);
	hours(&l, 3, 85, false);
	text = said(&l, "unknown");
	assert_null(strstr(text, "ran slow"));
	free(text);
	ledger_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_was_slowed_is_told_with_how_much),
		cmocka_unit_test(a_clock_as_good_as_others_is_not),
		cmocka_unit_test(without_receipts_a_slowed_clock_is_not_known),
	};
	int r = cmocka_run_group_tests_name("verify slowed", tests, set_up, tear_down);

	liar_free();
	return r;
}
