/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal over a real ledger: a fault of the disk or the TPM at every call,
 * the ledger opened again, and the same judge over what is on the disk then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "faketpm.h"
#include "memjournal.h"
#include "testlib.h"
#include "tally/err.h"
#include "tally/store.h"

struct bench {
	char *root, *path;
	struct test_clock clock;
	struct faketpm tpm;
	struct tally_store *store;
	struct tally_seal *seal;
	struct tally_err err;
	unsigned calls, fail_at; /* of the store's disk */
};

static int
disk_fault(void *ctx, const char *call)
{
	struct bench *b = ctx;

	(void)call;
	b->calls++;
	if (b->fail_at == 0 || b->calls < b->fail_at)
		return 0;
	errno = EIO;
	return -1;
}

static int
setup(void **state)
{
	const struct tally_init_options options = { .origin = "example.com/sealed",
						    .host = "h1",
						    .transport = "libtpms" };
	struct bench *b = tally_alloc(sizeof(*b));

	b->root = test_dir_make();
	b->path = test_path(b->root, "ledger");
	test_clock_init(&b->clock, "2026-01-01T00:00:00Z");
	faketpm_init(&b->tpm);
	if (tally_store_create(b->path, &options, &b->err) < 0)
		fail_msg("%s", b->err.text);
	tally_store_fault_hook(disk_fault, b);
	*state = b;
	return 0;
}

static void
let_go(struct bench *b)
{
	tally_seal_close(b->seal);
	tally_store_close(b->store);
	b->seal = NULL;
	b->store = NULL;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	let_go(b);
	tally_store_fault_hook(NULL, NULL);
	faketpm_deinit(&b->tpm);
	test_dir_remove(b->root);
	free(b->path);
	free(b);
	return 0;
}

static int
take_hold(struct bench *b)
{
	const struct tally_seal_info info = { .origin = "example.com/sealed",
					      .vkey = tally_bytes_str("vkey"),
					      .version = "0" };
	struct tally_journal journal;

	if (tally_store_open(&b->store, b->path, TALLY_STORE_WRITE, &b->clock.table, &b->err) < 0)
		return -1;
	journal = tally_store_journal(b->store);
	return tally_seal_open(&b->seal, &b->tpm.table, &journal, &info, &b->err);
}

static int
append_and_checkpoint(struct bench *b)
{
	const struct tally_event ev = { .kind = TALLY_AGENT_START,
					.o = { .has_source = true, .source = TALLY_SRC_AGENT } };
	uint64_t index;

	if (tally_store_append_event(b->store, &ev, &index, &b->err) < 0)
		return -1;
	return tally_seal_checkpoint(b->seal, &b->err);
}

/* The blob of a note's evidence line, where it has one. */
static void
read_note(struct tally_bytes bytes, struct tally_bytes ak_public, struct memjournal_note *out)
{
	struct tally_buf scratch = TALLY_BUF_INIT;
	const struct tally_note_line *line;
	struct tally_note note;
	struct tally_err err;
	uint8_t id[4];

	assert_int_equal(tally_note_parse(&note, bytes, &scratch, &err), 0);
	tally_buf_add_bytes(&out->text, note.text);
	tally_evidence_key_id(id, "example.com/sealed", ak_public);
	line = tally_note_find(&note, tally_bytes_str("example.com/sealed"), id);
	if (line) {
		tally_buf_add_bytes(&out->ak_public, ak_public);
		tally_buf_add(&out->blob, line->sig, line->sig_len);
	}
	tally_buf_deinit(&scratch);
}

static void
read_session(struct bench *b, uint64_t index, struct memjournal *j)
{
	struct tally_buf record = TALLY_BUF_INIT,
			 groups[TALLY_GROUPS] = { TALLY_BUF_INIT, TALLY_BUF_INIT, TALLY_BUF_INIT };
	struct tally_arena *arena = tally_arena_new(4096);
	struct memjournal_session *s = &j->session[j->sessions];
	uint8_t salts[TALLY_GROUPS][TALLY_SALT];
	struct tally_bytes views[TALLY_GROUPS];
	struct tally_event ev;

	assert_int_equal(tally_store_entry(b->store, index, &record, groups, salts, &b->err), 1);
	for (int i = 0; i < TALLY_GROUPS; i++)
		views[i] = tally_buf_view(&groups[i]);
	assert_int_equal(tally_event_decode(&ev, views, 1u << TALLY_OPERATIONS, arena, &b->err), 0);
	if (record.p[1] == TALLY_SESSION_STATEMENT) {
		s->index = index;
		tally_buf_add_bytes(&s->statement, ev.o.statement);
		tally_buf_add_bytes(&s->quote, ev.o.quote);
		j->sessions++;
	}
	for (int i = 0; i < TALLY_GROUPS; i++)
		tally_buf_deinit(&groups[i]);
	tally_buf_deinit(&record);
	tally_arena_free(arena);
}

/* Copies what is on the disk to where the judge reads it. */
static void
judge(struct bench *b)
{
	struct memjournal *j = tally_alloc(sizeof(*j));
	struct tally_buf bytes = TALLY_BUF_INIT;
	uint8_t root[TALLY_HASH], end[TALLY_HASH];
	uint64_t size;

	memjournal_init(j);
	j->real_roots = true;
	assert_int_equal(tally_store_head(b->store, &size, root, &b->err), 0);
	for (uint64_t i = 0; i < size; i++)
		read_session(b, i, j);
	while (tally_store_row(b->store, j->rows, &j->row[j->rows], &b->err) == 1)
		j->rows++;
	while (tally_store_note(b->store, j->notes, &bytes, &b->err) == 1) {
		read_note(tally_buf_view(&bytes), tally_buf_view(&b->tpm.ak_public),
			  &j->note[j->notes++]);
		tally_buf_clear(&bytes);
	}
	tally_buf_deinit(&bytes);
	if (memjournal_judge(j, &b->err) < 0)
		fail_msg("%s", b->err.text);
	memjournal_chain_end(j, end);
	assert_memory_equal(end, b->tpm.pcr[14], TALLY_HASH);
	memjournal_deinit(j);
	free(j);
}

static void
a_ledger_that_is_sealed_holds_over_sessions(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(take_hold(b), 0);
		for (int k = 0; k < 5; k++)
			assert_int_equal(append_and_checkpoint(b), 1);
		assert_int_equal(tally_seal_checkpoint(b->seal, &b->err), 0);
		judge(b);
		let_go(b);
		if (i == 1)
			faketpm_reset(&b->tpm);
	}
}

/* One life that ends at a fault, another after it. False where there was none. */
static bool
crash(struct bench *b, bool of_tpm, unsigned at, bool late, bool reset)
{
	bool died;

	b->tpm.late = late;
	*(of_tpm ? &b->tpm.fail_at : &b->fail_at) = at;
	died = take_hold(b) < 0;
	for (int i = 0; i < 2 && !died; i++)
		died = append_and_checkpoint(b) < 0;
	if (!died)
		return false;
	b->tpm.fail_at = 0;
	b->fail_at = 0;
	let_go(b);
	if (reset)
		faketpm_reset(&b->tpm);
	if (take_hold(b) < 0)
		fail_msg("%s", b->err.text);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(append_and_checkpoint(b), 1);
		judge(b);
	}
	return true;
}

static void
every_crash(bool of_tpm)
{
	for (unsigned variant = 0; variant < 4; variant++) {
		bool late = variant & 1, reset = variant & 2, died = true;
		unsigned at = 0;

		if (late && !of_tpm)
			continue;
		while (died) {
			struct bench *b;

			setup((void **)&b);
			died = crash(b, of_tpm, ++at, late, reset);
			teardown((void **)&b);
		}
		assert_true(at > 5);
	}
}

static void
a_fault_of_the_tpm_at_any_call_leaves_a_ledger_that_holds(void **state)
{
	(void)state;
	every_crash(true);
}

static void
a_fault_of_the_disk_at_any_call_leaves_a_ledger_that_holds(void **state)
{
	(void)state;
	every_crash(false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_ledger_that_is_sealed_holds_over_sessions, setup,
						teardown),
		cmocka_unit_test(a_fault_of_the_tpm_at_any_call_leaves_a_ledger_that_holds),
		cmocka_unit_test(a_fault_of_the_disk_at_any_call_leaves_a_ledger_that_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
