/* SPDX-License-Identifier: Apache-2.0 */
/* A recorder whose notes a real witness on loopback cosigns. */
#include "testlib.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tally/entry.h"
#include "tally/err.h"
#include "tally/log.h"
#include "witnesses.h"

struct world {
	char *dir, *ledger, *home, *policy;
	struct tally_witness *witness;
	struct tally_witness_server *server;
	struct tally_vkey vkey; /* the witness's */
	char listen[40];
	struct config config;
	struct recorder *recorder;
	struct witnesses *witnesses;
	struct tally_err err;
};

static void
must(int rc, const struct tally_err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void
serve(struct world *w)
{
	struct tally_buf logs = TALLY_BUF_INIT;
	char *path = test_path(w->ledger, "keys/log.vkey"), *vkey;
	size_t n;
	vkey = test_file_read(path, &n);
	tally_buf_add(&logs, vkey, n);
	must(tally_witness_open(&w->witness, w->home, "logs", tally_buf_view(&logs),
				tally_disk_real(), &w->err),
	     &w->err);
	must(tally_witness_serve(&w->server, w->witness, w->listen, tally_clock_real(), &w->err),
	     &w->err);
	snprintf(w->listen, sizeof(w->listen), "127.0.0.1:%u", tally_witness_port(w->server));
	w->vkey = *tally_witness_vkey(w->witness);
	free(path);
	free(vkey);
	tally_buf_deinit(&logs);
}

static void
stop_serving(struct world *w)
{
	tally_witness_stop(w->server);
	tally_witness_close(w->witness);
	w->server = NULL;
	w->witness = NULL;
}

static void
write_policy(struct world *w)
{
	struct tally_buf text = TALLY_BUF_INIT;
	tally_buf_add_str(&text, "witness w ");
	tally_vkey_text(&text, &w->vkey);
	tally_buf_addf(&text, " http://%s/\nquorum w\n", w->listen);
	test_file_write(w->policy, text.p, text.len);
	tally_buf_deinit(&text);
}

static int
set_up(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	tally_log_level(0);
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	w->home = test_path(w->dir, "witness");
	w->policy = test_path(w->dir, "policy");
	must(tally_store_create(w->ledger, &o, &w->err), &w->err);
	must(tally_witness_make(w->home, "w.example", tally_disk_real(), &w->err), &w->err);
	snprintf(w->listen, sizeof(w->listen), "127.0.0.1:0");
	serve(w);
	write_policy(w);
	w->config.ledger = w->ledger;
	w->config.witness.policy = w->policy;
	w->config.witness.interval.ns = TALLY_SECOND / 10;
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	witnesses_stop(w->witnesses, false);
	recorder_abandon(w->recorder);
	stop_serving(w);
	test_dir_remove(w->dir);
	free(w->ledger);
	free(w->home);
	free(w->policy);
	free(w);
	return 0;
}

static void
start(struct world *w)
{
	const struct recorder_options o = { .ledger = w->ledger,
					    .clock = tally_clock_real(),
					    .queue = 1000,
					    .interval = { TALLY_SECOND / 20 },
					    .retry = { TALLY_SECOND / 50 },
					    .threads = true };
	must(recorder_open(&w->recorder, &o, &w->err), &w->err);
	must(witnesses_start(&w->witnesses, w->recorder, &w->config, tally_clock_real(), &w->err),
	     &w->err);
	must(recorder_start(w->recorder, &w->err), &w->err);
}

static int
stop(struct world *w)
{
	int rc;
	recorder_finish(w->recorder);
	witnesses_stop(w->witnesses, true);
	w->witnesses = NULL;
	rc = recorder_close(w->recorder, &w->err);
	w->recorder = NULL;
	return rc;
}

static void
put_beat(struct world *w)
{
	struct tally_event ev = { .kind = TALLY_HEARTBEAT };
	recorder_put(w->recorder, &ev);
}

/* Polls, for at most ten seconds. */
static bool
comes(struct world *w, bool (*is)(struct world *w, uint64_t n), uint64_t n)
{
	for (int i = 0; i < 1000; i++) {
		if (is(w, n))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

static bool
witnessed(struct world *w, uint64_t n)
{
	struct tally_witness_standing s;
	witnesses_standing(w->witnesses, &s);
	return s.size >= n;
}

static bool
closed(struct world *w, uint64_t n)
{
	struct recorder_status s;
	(void)n;
	recorder_status(w->recorder, &s);
	return s.closed;
}

static bool
recorded(struct world *w, uint64_t n)
{
	struct recorder_status s;
	recorder_status(w->recorder, &s);
	return s.appended >= n;
}

/* Entries, receipts among them, the newest note's size, and whether the witness has signed that. */
struct content {
	uint64_t entries, receipts, note;
	bool cosigned;
};

static struct content
content(struct world *w)
{
	struct tally_buf note = TALLY_BUF_INIT, scratch = TALLY_BUF_INIT;
	struct content out = { 0 };
	struct tally_store *s = NULL;
	struct tally_entries entries;
	struct tally_checkpoint head;
	struct tally_note parsed;
	struct tally_entry e;
	uint64_t sequence, time;
	must(tally_store_open(&s, w->ledger, TALLY_STORE_READ, tally_clock_real(), &w->err),
	     &w->err);
	must(tally_store_entries(s, 0, UINT64_MAX, &entries, &w->err), &w->err);
	for (; entries.next(entries.ctx, &e, &w->err) == 1; out.entries++)
		out.receipts += e.header.kind == TALLY_RECEIPT;
	entries.close(entries.ctx);
	if (tally_store_last_note(s, &sequence, &note, &w->err) == 1) {
		must(tally_note_parse(&parsed, tally_buf_view(&note), &scratch, &w->err), &w->err);
		must(tally_checkpoint_parse(&head, parsed.text, false, &w->err), &w->err);
		out.note = head.size;
		out.cosigned = tally_note_cosigned(&parsed, &w->vkey, &time, &w->err) == 1;
	}
	tally_store_close(s);
	tally_buf_deinit(&note), tally_buf_deinit(&scratch);
	return out;
}

static void
notes_are_cosigned_and_each_quorum_leaves_a_receipt(void **state)
{
	struct world *w = *state;
	struct content c;
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 1));
	put_beat(w);
	assert_true(comes(w, witnessed, 3)); /* the receipt lies between */
	must(stop(w), &w->err);
	c = content(w);
	assert_true(c.receipts >= 1 && c.entries == c.receipts + 2);
	assert_true(c.cosigned); /* an orderly stop has the last note cosigned */
	assert_true(c.note == c.entries);
}

static void
a_receipt_is_no_reason_for_a_note(void **state)
{
	struct world *w = *state;
	struct recorder_status s;
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 1));
	assert_true(comes(w, recorded, 2));
	nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
	recorder_status(w->recorder, &s);
	assert_int_equal(s.appended, 2);
	assert_int_equal(s.checkpoints, 1);
	must(stop(w), &w->err);
	assert_int_equal(content(w).receipts, 1);
}

static void
a_witness_that_is_away_holds_up_no_record_and_ten_seconds_no_note(void **state)
{
	struct world *w = *state;
	struct recorder_note note;
	stop_serving(w);
	start(w);
	for (int i = 0; i < 100; i++)
		put_beat(w);
	assert_true(comes(w, recorded, 100));
	must(recorder_checkpoint(w->recorder, &note, &w->err),
	     &w->err); /* it has failed: said enough */
	assert_int_equal(note.size, 100);
	assert_false(witnessed(w, 1));
	serve(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 101)); /* after the back-off */
	must(stop(w), &w->err);
	assert_true(content(w).cosigned);
}

/* What `cp -r` brings back: the ledger as it was. */
static void
copy_ledger(const char *from, const char *to)
{
	struct tally_buf command = TALLY_BUF_INIT;
	tally_buf_addf(&command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
	assert_int_equal(system(tally_buf_cstr(&command)), 0); /* NOLINT(cert-env33-c) */
	tally_buf_deinit(&command);
}

static void
a_restored_backup_signs_nothing_and_says_why(void **state)
{
	struct world *w = *state;
	char *backup = test_path(w->dir, "backup");
	struct recorder_note note;
	struct recorder_status s;
	struct content before, after;
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 1));
	must(stop(w), &w->err);
	copy_ledger(w->ledger, backup);
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 3));
	must(stop(w), &w->err);
	copy_ledger(backup, w->ledger);
	before = content(w);
	start(w);
	put_beat(w);
	assert_true(comes(w, closed, 0));
	put_beat(w);
	assert_true(comes(w, recorded, 2)); /* the meter goes on */
	assert_int_equal(recorder_checkpoint(w->recorder, &note, &w->err), -1);
	assert_non_null(
		strstr(w->err.text, "closed for signing: witness w (w.example) has cosigned"));
	recorder_status(w->recorder, &s);
	assert_non_null(strstr(s.closed_why, "this ledger is an older copy"));
	must(stop(w), &w->err);
	after = content(w);
	assert_true(after.note == before.note);
	assert_true(after.entries == before.entries + 2);
	/* And so it stays, though nobody asks a witness any more. */
	start(w);
	assert_null(w->witnesses);
	put_beat(w);
	assert_int_equal(recorder_checkpoint(w->recorder, &note, &w->err), -1);
	must(stop(w), &w->err);
	assert_true(content(w).note == before.note);
	free(backup);
}

/* Who stops it at once asks no witness less. */
static void
a_restored_backup_that_is_stopped_at_once_signs_nothing(void **state)
{
	struct world *w = *state;
	char *backup = test_path(w->dir, "backup");
	struct content before, after;
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 1));
	must(stop(w), &w->err);
	copy_ledger(w->ledger, backup);
	start(w);
	put_beat(w);
	assert_true(comes(w, witnessed, 3));
	must(stop(w), &w->err);
	copy_ledger(backup, w->ledger);
	before = content(w);
	start(w);
	put_beat(w);
	must(stop(w), &w->err);
	after = content(w);
	assert_true(after.note == before.note);
	assert_true(after.entries == before.entries + 1);
	free(backup);
}

/* For commands that sign without an agent; who asks nobody leaves nobody. */
static void
the_policy_lies_in_the_ledger_for_as_long_as_an_agent_has_one(void **state)
{
	struct world *w = *state;
	char *left = test_path(w->ledger, TALLY_WITNESS_POLICY), *ours, *theirs;
	size_t n, m;
	for (int i = 0; i < 2; i++) {
		start(w);
		assert_int_equal(stop(w), 0);
		ours = test_file_read(w->policy, &n);
		theirs = test_file_read(left, &m);
		assert_int_equal(n, m);
		assert_memory_equal(ours, theirs, n);
		free(theirs);
		test_file_write(left, "old\n", 4);
		free(ours);
	}
	w->config.witness.policy = NULL;
	start(w);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(stop(w), 0);
	free(left);
}

static void
a_policy_that_cannot_be_used_is_refused_with_its_name(void **state)
{
	struct world *w = *state;
	const struct recorder_options o = {
		.ledger = w->ledger, .clock = tally_clock_real(), .queue = 1000, .threads = true
	};
	must(recorder_open(&w->recorder, &o, &w->err), &w->err);
	test_file_write(w->policy, "quorum x\n", 9);
	assert_int_equal(witnesses_start(&w->witnesses, w->recorder, &w->config, tally_clock_real(),
					 &w->err),
			 -1);
	assert_int_equal(w->err.code, TALLY_USE);
	assert_non_null(strstr(w->err.text, "/policy:1:8: no line before names 'x'"));
	assert_int_equal(witnesses_check(&w->config, &w->err), -1);
	assert_int_equal(unlink(w->policy), 0);
	assert_int_equal(witnesses_check(&w->config, &w->err), -1);
	assert_int_equal(w->err.code, TALLY_SYS);
	w->config.witness.policy = NULL;
	assert_int_equal(witnesses_check(&w->config, &w->err), 0);
	assert_int_equal(witnesses_start(&w->witnesses, w->recorder, &w->config, tally_clock_real(),
					 &w->err),
			 0);
	assert_null(w->witnesses);
}

int
main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD(notes_are_cosigned_and_each_quorum_leaves_a_receipt),
		WORLD(a_receipt_is_no_reason_for_a_note),
		WORLD(a_witness_that_is_away_holds_up_no_record_and_ten_seconds_no_note),
		WORLD(a_restored_backup_signs_nothing_and_says_why),
		WORLD(a_restored_backup_that_is_stopped_at_once_signs_nothing),
		WORLD(the_policy_lies_in_the_ledger_for_as_long_as_an_agent_has_one),
		WORLD(a_policy_that_cannot_be_used_is_refused_with_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
