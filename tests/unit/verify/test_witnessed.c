/* SPDX-License-Identifier: Apache-2.0 */
/* Checks 16 and 17: cosignatures, receipts, the time between them, and what asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "tally/witness.h"

#define WITNESSES 3
#define START     INT64_C(1772323200) /* 2026-03-01T00:00:00Z, where the ledgers' clock begins */
#define NOTES     "private/notes"

static struct tally_logkey *key[WITNESSES];

static int
set_up(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < WITNESSES; i++) {
		snprintf(name, sizeof(name), "w%u.example", i);
		assert_int_equal(tally_logkey_generate(&key[i], name, &err), 0);
	}
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WITNESSES; i++)
		tally_logkey_free(key[i]);
	return 0;
}

/* A policy with the log's key, the three witnesses and this quorum; free it. */
static char *
policy(const struct ledger *l, const char *quorum)
{
	struct tally_buf out = TALLY_BUF_INIT;
	struct tally_vkey vkey;

	tally_buf_addf(&out, "log %s", (const char *)l->vkey.p);
	for (unsigned i = 0; i < WITNESSES; i++) {
		tally_cosigner_vkey(&vkey, key[i]);
		tally_buf_addf(&out, "witness w%u ", i);
		tally_vkey_text(&out, &vkey);
		tally_buf_add_u8(&out, '\n');
	}
	tally_buf_addf(&out, "%s\n", quorum);
	tally_buf_add_u8(&out, '\0');
	return (char *)out.p;
}

/* Witness i signs the newest note, so many seconds after the ledgers' begin; gives its sequence. */
static uint64_t
sign(struct ledger *l, unsigned i, int64_t seconds, struct tally_buf *lines)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_note note;
	uint64_t sequence;

	assert_int_equal(tally_store_last_note(l->store, &sequence, &bytes, &l->err), 1);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &l->err), 0);
	assert_int_equal(
		tally_cosign(lines, note.text, key[i], (uint64_t)(START + seconds), &l->err), 0);
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
	return sequence;
}

/* And the line is kept with the note. */
static void
cosign(struct ledger *l, unsigned i, int64_t seconds, struct tally_buf *lines)
{
	uint64_t sequence = sign(l, i, seconds, lines);

	if (tally_store_cosigned(l->store, sequence, tally_buf_view(lines), &l->err) < 0)
		fail_msg("%s", l->err.text);
}

/* A receipt of the newest note with these lines; gives its index. */
static uint64_t
receipt(struct ledger *l, const struct tally_buf *lines, unsigned change_root)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct tally_checkpoint head;
	struct tally_note note;
	uint64_t sequence, index;

	assert_int_equal(tally_store_last_note(l->store, &sequence, &bytes, &l->err), 1);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &l->err), 0);
	assert_int_equal(tally_checkpoint_parse(&head, note.text, false, &l->err), 0);
	head.root[0] ^= (uint8_t)change_root;
	ev.o.has_receipt_size = true;
	ev.o.receipt_size = head.size;
	ev.o.receipt_root = tally_bytes(head.root, TALLY_HASH);
	ev.o.cosignatures = tally_buf_view(lines);
	assert_int_equal(tally_store_append_event(l->store, &ev, &index, &l->err), 0);
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch);
	return index;
}

/* The exit code with --require witness or without, and whether the text says `says`. */
static void
gives(const char *pins, bool require, const char *dir, int code, const char *says)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT;
	struct tally_verify *v;

	assert_int_equal(tally_verify_new(&v, &err), 0);
	if (tally_verify_anchor(v, "pins", tally_bytes_str(pins), &err) < 0 ||
	    (require && tally_verify_require(v, "witness", &err) < 0) ||
	    tally_verify_path(v, dir, &err) < 0 || tally_verify_run(v, &err) < 0)
		fail_msg("%s", err.text);
	tally_verify_text(v, &text);
	if (tally_verify_exit(v) != code || !strstr(tally_buf_cstr(&text), says))
		fail_msg("%d: not '%s' in:\n%s", tally_verify_exit(v), says, tally_buf_cstr(&text));
	tally_buf_clear(&text);
	tally_verify_json(v, &text);
	assert_non_null(strstr(tally_buf_cstr(&text), "\"witnessed\": ["));
	tally_buf_deinit(&text);
	tally_verify_free(v);
}

/* Ten entries and a note, cosigned by witnesses 0 and 1 after 20 and 30 s; a receipt; more. */
struct made {
	struct ledger l;
	uint64_t size, receipt; /* of the cosigned note; the receipt's index */
	char *dir, *two, *three;
};

static void
make(struct made *m, int64_t first, int64_t second)
{
	struct tally_buf lines = TALLY_BUF_INIT, one = TALLY_BUF_INIT;

	ledger_init(&m->l, ORIGIN, "h1", false);
	ledger_append(&m->l, 10);
	ledger_checkpoint(&m->l);
	cosign(&m->l, 0, first, &one);
	cosign(&m->l, 1, second, &lines);
	tally_buf_add_bytes(&lines, tally_buf_view(&one));
	m->receipt = receipt(&m->l, &lines, 0);
	m->size = m->receipt;
	ledger_append(&m->l, 5);
	ledger_checkpoint(&m->l);
	m->two = policy(&m->l, "group g 2 w0 w1 w2\nquorum g");
	m->three = policy(&m->l, "group g all w0 w1 w2\nquorum g");
	tally_buf_deinit(&lines), tally_buf_deinit(&one);
}

static void
unmake(struct made *m)
{
	ledger_deinit(&m->l);
	free(m->dir);
	free(m->two);
	free(m->three);
}

static void
a_quorum_is_told_with_its_time_and_the_time_between_receipts(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct made m;
	char told[160];

	(void)state;
	make(&m, 20, 30);
	cosign(&m.l, 2, 40, &lines);
	cosign(&m.l, 1, 50, &lines);
	m.dir = ledger_export(&m.l, "export", false);
	gives(m.two, true, m.dir, 0,
	      "a quorum of the pinned witnesses has signed 18 of its 18 entries, by "
	      "2026-03-01T00:00:50Z");
	snprintf(told, sizeof(told),
		 "entries %u to 17 were appended between 2026-03-01T00:00:20Z and "
		 "2026-03-01T00:00:50Z",
		 (unsigned)m.receipt);
	gives(m.two, false, m.dir, 0, told);
	/* All three signed no one note. */
	gives(m.three, false, m.dir, 0, "no quorum of the pinned witnesses has signed any");
	gives(m.three, true, m.dir, 1, "no quorum of the pinned witnesses has signed it [require]");
	gives((const char *)m.l.vkey.p, true, m.dir, 1, "no witness is pinned [require]");
	tally_buf_deinit(&lines);
	unmake(&m);
}

static void
what_lies_an_hour_behind_the_newest_quorum_is_not_enough(void **state)
{
	struct made m;

	(void)state;
	make(&m, 20, 30);
	m.dir = ledger_export(&m.l, "fresh", false);
	gives(m.two, true, m.dir, 0, "has signed 12 of its 18 entries");
	free(m.dir);
	test_clock_advance(&m.l.clock, 3600 * TALLY_SECOND + 60 * TALLY_SECOND);
	ledger_append(&m.l, 1);
	ledger_checkpoint(&m.l);
	m.dir = ledger_export(&m.l, "late", false);
	gives(m.two, false, m.dir, 0, "it holds");
	gives(m.two, true, m.dir, 1,
	      "its newest entry is more than an hour behind the newest checkpoint, of 12 entries");
	free(m.dir);
	/* A clock that is set back behind it hides nothing. */
	test_clock_step(&m.l.clock, -3600 * TALLY_SECOND);
	ledger_append(&m.l, 1);
	ledger_checkpoint(&m.l);
	m.dir = ledger_export(&m.l, "back", false);
	gives(m.two, false, m.dir, 0, "it holds");
	gives(m.two, true, m.dir, 1,
	      "its newest entry is more than an hour behind the newest checkpoint, of 12 entries");
	unmake(&m);
}

static void
bare_keys_of_witnesses_need_no_policy(void **state)
{
	struct tally_buf pins = TALLY_BUF_INIT;
	struct tally_vkey vkey;
	struct made m;

	(void)state;
	make(&m, 20, 30);
	m.dir = ledger_export(&m.l, "export", false);
	tally_buf_addf(&pins, "%s", (const char *)m.l.vkey.p);
	tally_cosigner_vkey(&vkey, key[2]);
	tally_vkey_text(&pins, &vkey);
	gives(tally_buf_cstr(&pins), true, m.dir, 1, "no quorum of the pinned witnesses");
	tally_buf_add_u8(&pins, '\n');
	tally_cosigner_vkey(&vkey, key[1]);
	tally_vkey_text(&pins, &vkey);
	gives(tally_buf_cstr(&pins), true, m.dir, 0,
	      "12 of its 18 entries, by 2026-03-01T00:00:30Z");
	tally_buf_deinit(&pins);
	unmake(&m);
}

static void
a_mirror_carries_the_cosignatures_of_its_checkpoint(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct made m;
	struct edit e;

	(void)state;
	make(&m, 20, 30);
	m.dir = ledger_export(&m.l, "before", true);
	gives(m.two, true, m.dir, 1, "no quorum of the pinned witnesses has signed it");
	free(m.dir);
	cosign(&m.l, 0, 60, &lines);
	cosign(&m.l, 2, 61, &lines);
	m.dir = ledger_export(&m.l, "after", true);
	gives(m.two, true, m.dir, 0, "signed 18 of its 18 entries, by 2026-03-01T00:01:01Z");
	e = edit_open(m.dir, "checkpoint");
	e.bytes[e.n - 6] = e.bytes[e.n - 6] == 'A' ? 'B' : 'A';
	edit_write(&e, e.bytes, e.n);
	gives(m.two, false, m.dir, 1, "the signature of w2.example does not verify [tpm-17]");
	/* To who has not pinned that key it is nobody's line. */
	gives((const char *)m.l.vkey.p, false, m.dir, 0, "it holds");
	free(e.path);
	free(e.bytes);
	tally_buf_deinit(&lines);
	unmake(&m);
}

/* A proof of entry 0 under the newest note, in a file; free the path. */
static char *
prove(struct ledger *l, const char *name)
{
	struct tally_buf bytes = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT, record = TALLY_BUF_INIT;
	struct tally_buf note_text = TALLY_BUF_INIT, out = TALLY_BUF_INIT;
	struct tally_nodes nodes = tally_store_nodes(l->store);
	struct tally_tlog_proof p = { .index = 0 };
	struct tally_checkpoint head;
	struct tally_proof inclusion;
	struct tally_note note;
	uint64_t sequence;
	char *path = test_path(l->root, name);

	assert_int_equal(tally_store_last_note(l->store, &sequence, &bytes, &l->err), 1);
	assert_int_equal(tally_note_parse(&note, tally_buf_view(&bytes), &scratch, &l->err), 0);
	assert_int_equal(tally_checkpoint_parse(&head, note.text, false, &l->err), 0);
	assert_int_equal(tally_store_entry(l->store, 0, &record, NULL, NULL, &l->err), 1);
	assert_int_equal(tally_proof_inclusion(&inclusion, 0, head.size, &nodes, &l->err), 0);
	assert_int_equal(tally_note_public(&note_text, &note, tally_store_vkey(l->store), &l->err),
			 0);
	p.extra = tally_buf_view(&record);
	p.hashes = inclusion.count;
	memcpy(p.hash, inclusion.hash, inclusion.count * sizeof(*p.hash));
	p.checkpoint = tally_buf_view(&note_text);
	tally_tlog_proof_text(&out, &p);
	test_file_write(path, out.p, out.len);
	tally_buf_deinit(&bytes), tally_buf_deinit(&scratch), tally_buf_deinit(&record);
	tally_buf_deinit(&note_text), tally_buf_deinit(&out);
	return path;
}

static void
a_proof_carries_the_cosignatures_of_its_checkpoint(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct made m;
	char *path;
	size_t n;

	(void)state;
	make(&m, 20, 30);
	m.dir = prove(&m.l, "before.proof");
	gives(m.two, true, m.dir, 1, "no quorum of the pinned witnesses has signed it");
	cosign(&m.l, 0, 60, &lines);
	cosign(&m.l, 2, 61, &lines);
	path = prove(&m.l, "after.proof");
	gives(m.two, true, path, 0, "it holds");
	free(m.dir);
	m.dir = test_file_read(path, &n);
	m.dir[n - 6] = m.dir[n - 6] == 'A' ? 'B' : 'A';
	test_file_write(path, m.dir, n);
	gives(m.two, false, path, 1, "the signature of w2.example does not verify [tpm-17]");
	free(path);
	tally_buf_deinit(&lines);
	unmake(&m);
}

static void
two_proofs_of_one_size_with_two_roots_are_two_histories(void **state)
{
	struct ledger l[2];
	const char *paths[3] = { NULL };
	struct tally_verify *v;
	char *path[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		ledger_init(&l[i], ORIGIN, "h1", false);
		ledger_append(&l[i], 4);
		ledger_checkpoint(&l[i]);
		paths[i] = path[i] = prove(&l[i], "one.proof");
	}
	v = verified(NULL, paths);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(names(v, "tpm-16", path[1], "", -1));
	tally_verify_free(v);
	paths[1] = path[0]; /* the same one twice is one history */
	v = verified(NULL, paths);
	assert_int_equal(tally_verify_exit(v), 4);
	tally_verify_free(v);
	for (int i = 0; i < 2; i++) {
		free(path[i]);
		ledger_deinit(&l[i]);
	}
}

static void
a_cosignature_of_a_pinned_witness_must_verify(void **state)
{
	struct made m;
	struct edit e;
	char *at;

	(void)state;
	make(&m, 20, 30);
	m.dir = ledger_export(&m.l, "export", false);
	e = edit_open(m.dir, NOTES);
	at = memmem(e.bytes, e.n, "w1.example ", 11);
	assert_non_null(at);
	at[11 + 30] = at[11 + 30] == 'A' ? 'B' : 'A';
	edit_write(&e, e.bytes, e.n);
	gives(m.two, false, m.dir, 1,
	      "note 0: note: the signature of w1.example does not verify [tpm-17]");
	free(e.path);
	free(e.bytes);
	unmake(&m);
}

static void
an_entry_outside_of_the_time_that_receipts_leave_it_does_not_hold(void **state)
{
	struct made m;

	(void)state;
	/* Witnesses saw the note ten minutes before its entries say they were made. */
	make(&m, -600, -590);
	m.dir = ledger_export(&m.l, "before", false);
	gives(m.two, false, m.dir, 1,
	      "but witnesses had signed it by 2026-02-28T23:50:10Z [tpm-17]");
	gives((const char *)m.l.vkey.p, false, m.dir, 0, "it holds"); /* who pins none, sees none */
	unmake(&m);
	/* And entries behind a receipt that say they were made ten minutes before it. */
	make(&m, 700, 710);
	m.dir = ledger_export(&m.l, "behind", false);
	gives(m.two, false, m.dir, 1,
	      "but it stands behind a receipt of 2026-03-01T00:11:40Z [tpm-17]");
	unmake(&m);
	/* Clocks of five minutes apart are no contradiction. */
	make(&m, 290, 290);
	m.dir = ledger_export(&m.l, "near", false);
	gives(m.two, false, m.dir, 0, "it holds");
	unmake(&m);
}

/* The witnesses' answer may be long in coming, and what was appended meanwhile is not under
 * their note. Where the lines stand in the receipt alone, it is as good as the note. */
static void
a_receipt_bounds_the_entries_of_its_note_and_none_behind_it(void **state)
{
	static const struct {
		int64_t seconds;
		int code;
		const char *says;
	} cases[] = {
		{ 20, 0, "it holds" },
		{ -400, 1, "but witnesses had signed it by 2026-02-28T23:53:20Z [tpm-17]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tally_buf lines = TALLY_BUF_INIT;
		struct ledger l;
		char *dir, *pins;

		ledger_init(&l, ORIGIN, "h1", false);
		ledger_append(&l, 10);
		ledger_checkpoint(&l);
		(void)sign(&l, 0, cases[i].seconds, &lines);
		test_clock_advance(&l.clock, 900 * TALLY_SECOND);
		ledger_append(&l, 1);
		(void)receipt(&l, &lines, 0);
		ledger_append(&l, 1);
		ledger_checkpoint(&l);
		dir = ledger_export(&l, "export", false);
		pins = policy(&l, "quorum w0");
		gives(pins, false, dir, cases[i].code, cases[i].says);
		free(pins);
		free(dir);
		tally_buf_deinit(&lines);
		ledger_deinit(&l);
	}
}

static void
one_witness_that_lies_about_the_time_moves_nothing(void **state)
{
	struct tally_buf lines = TALLY_BUF_INIT;
	struct ledger l;
	char *dir, *pins;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 10);
	ledger_checkpoint(&l);
	cosign(&l, 0, 20, &lines);
	cosign(&l, 1, 30, &lines);
	cosign(&l, 2, -86400, &lines);
	(void)receipt(&l, &lines, 0);
	ledger_append(&l, 2);
	ledger_checkpoint(&l);
	dir = ledger_export(&l, "export", false);
	pins = policy(&l, "group g 2 w0 w1 w2\nquorum g");
	gives(pins, true, dir, 0, "entries, by 2026-03-01T00:00:20Z");
	free(pins);
	free(dir);
	tally_buf_deinit(&lines);
	ledger_deinit(&l);
}

static void
a_receipt_of_another_history_is_told_with_its_entry(void **state)
{
	struct tally_buf none = TALLY_BUF_INIT, lines = TALLY_BUF_INIT;
	struct ledger l;
	struct tally_verify *v;
	char *dir, *pins;
	uint64_t index;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 10);
	ledger_checkpoint(&l);
	cosign(&l, 0, 20, &lines);
	/* Its lines are of a witness that nobody pins: only the root is looked at. */
	index = receipt(&l, &lines, 1);
	ledger_checkpoint(&l);
	dir = ledger_export(&l, "export", false);
	v = verified_one((const char *)l.vkey.p, dir);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_true(names(v, "tpm-16", dir, "", (int64_t)index));
	tally_verify_free(v);
	/* To who pins it the lines do not verify over that root. */
	pins = policy(&l, "quorum w0");
	gives(pins, false, dir, 1, "receipt: note: the signature of w0.example does not verify");
	free(pins);
	free(dir);
	tally_buf_deinit(&none), tally_buf_deinit(&lines);
	ledger_deinit(&l);
}

static void
a_receipt_that_is_none_is_told(void **state)
{
	struct tally_event ev = { .kind = TALLY_RECEIPT };
	struct tally_verify *v;
	struct ledger l;
	uint64_t index;
	char *dir;

	(void)state;
	ledger_init(&l, ORIGIN, "h1", false);
	ledger_append(&l, 4);
	ev.o.has_receipt_size = true;
	ev.o.receipt_size = 1000; /* of the future */
	ev.o.receipt_root = tally_bytes(l.clock.boot_id, 16);
	ev.o.receipt_root = tally_bytes((const uint8_t *)"0123456789abcdef0123456789abcdef", 32);
	ev.o.cosignatures = tally_bytes_str("\xe2\x80\x94 a AAAAAAA=\n");
	assert_int_equal(tally_store_append_event(l.store, &ev, &index, &l.err), 0);
	ledger_checkpoint(&l);
	dir = ledger_export(&l, "export", false);
	v = verified_one(NULL, dir);
	assert_int_equal(tally_verify_exit(v), 1);
	assert_int_equal(tally_verify_problems(v), 1);
	assert_string_equal(tally_verify_problem(v, 0)->check, "tpm-17");
	assert_true(tally_verify_problem(v, 0)->entry == index);
	tally_verify_free(v);
	free(dir);
	ledger_deinit(&l);
}

static void
policies_are_anchors_and_malformed_ones_are_refused(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_verify *v;

	(void)state;
	assert_int_equal(tally_verify_new(&v, &err), 0);
	assert_int_equal(tally_verify_anchor(v, "p", tally_bytes_str("quorum x\n"), &err), -1);
	assert_string_equal(err.text, "p:1:8: no line before names 'x'");
	assert_int_equal(err.code, TALLY_USE);
	assert_int_equal(tally_verify_anchor(v, "p", tally_bytes_str("quorum none\n"), &err), 0);
	assert_int_equal(tally_verify_anchor(v, "q", tally_bytes_str("quorum none\n"), &err), -1);
	assert_string_equal(err.text, "q: a second policy");
	tally_verify_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quorum_is_told_with_its_time_and_the_time_between_receipts),
		cmocka_unit_test(what_lies_an_hour_behind_the_newest_quorum_is_not_enough),
		cmocka_unit_test(bare_keys_of_witnesses_need_no_policy),
		cmocka_unit_test(a_mirror_carries_the_cosignatures_of_its_checkpoint),
		cmocka_unit_test(a_proof_carries_the_cosignatures_of_its_checkpoint),
		cmocka_unit_test(two_proofs_of_one_size_with_two_roots_are_two_histories),
		cmocka_unit_test(a_cosignature_of_a_pinned_witness_must_verify),
		cmocka_unit_test(an_entry_outside_of_the_time_that_receipts_leave_it_does_not_hold),
		cmocka_unit_test(a_receipt_bounds_the_entries_of_its_note_and_none_behind_it),
		cmocka_unit_test(one_witness_that_lies_about_the_time_moves_nothing),
		cmocka_unit_test(a_receipt_of_another_history_is_told_with_its_entry),
		cmocka_unit_test(a_receipt_that_is_none_is_told),
		cmocka_unit_test(policies_are_anchors_and_malformed_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
