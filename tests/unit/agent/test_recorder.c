/* SPDX-License-Identifier: Apache-2.0 */
/* The one writer, over a real ledger. */
#include "testlib.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interpose.h"
#include "recorder.h"
#include "resume.h"
#include "tally/entry.h"
#include "tally/err.h"

struct world {
	char *dir, *ledger;
};

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	struct tally_err err = TALLY_ERR_INIT;
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	if (tally_store_create(w->ledger, &o, &err) < 0)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static struct recorder *
open_with(const struct world *w, size_t queue, const struct tally_clock *clock)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct recorder_options o = { .ledger = w->ledger,
					    .clock = clock != NULL ? clock : tally_clock_real(),
					    .queue = queue,
					    .interval = { 3600 * TALLY_SECOND },
					    .retry = { TALLY_SECOND / 50 },
					    .attest = false,
					    .threads = clock == NULL };
	struct recorder *r = NULL;
	if (recorder_open(&r, &o, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static struct recorder *
open_recorder(const struct world *w, size_t queue)
{
	return open_with(w, queue, NULL);
}

static void
put_beat(struct recorder *r, uint64_t n)
{
	struct tally_event ev = { .kind = TALLY_HEARTBEAT };
	ev.m.has_count = true;
	ev.m.count = n;
	recorder_put(r, &ev);
}

/* Calls f for every entry of the ledger, decoded. */
static uint64_t
each(const struct world *w, void (*f)(const struct tally_event *ev, uint64_t i, void *ctx),
     void *ctx)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s = NULL;
	struct tally_entries entries;
	struct tally_arena *arena = tally_arena_new(4096);
	struct tally_entry e;
	uint8_t root[TALLY_HASH];
	uint64_t size, i = 0;
	assert_int_equal(
		tally_store_open(&s, w->ledger, TALLY_STORE_READ, tally_clock_real(), &err), 0);
	assert_int_equal(tally_store_head(s, &size, root, &err), 0);
	assert_int_equal(tally_store_entries(s, 0, size, &entries, &err), 0);
	while (entries.next(entries.ctx, &e, &err) == 1) {
		struct tally_event ev = { 0 };
		assert_int_equal(tally_event_decode(&ev, e.group, e.mask, arena, &err), 0);
		ev.kind = e.header.kind;
		f(&ev, i++, ctx);
		tally_arena_reset(arena);
	}
	entries.close(entries.ctx);
	tally_store_close(s);
	tally_arena_free(arena);
	return i;
}

static void
expect_count(const struct tally_event *ev, uint64_t i, void *ctx)
{
	(void)ctx;
	assert_int_equal(ev->kind, TALLY_HEARTBEAT);
	assert_int_equal(ev->m.count, i);
}

static void
what_is_put_is_committed_in_order_and_under_a_checkpoint(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 65536);
	struct recorder_status s;
	struct recorder_note note;
	assert_int_equal(recorder_start(r, &err), 0);
	for (uint64_t i = 0; i < 10000; i++)
		put_beat(r, i);
	assert_int_equal(recorder_checkpoint(r, &note, &err), 0);
	assert_int_equal(note.size, 10000);
	recorder_status(r, &s);
	assert_int_equal(s.appended, 10000);
	assert_int_equal(s.lost, 0);
	assert_true(s.checkpoints >= 1);
	assert_int_equal(recorder_close(r, &err), 0);
	assert_int_equal(each(w, expect_count, NULL), 10000);
}

struct losses {
	const char *reason;
	uint64_t sum; /* of records, lost ones too */
};

static void
sum_losses(const struct tally_event *ev, uint64_t i, void *ctx)
{
	struct losses *l = ctx;
	(void)i;
	if (ev->kind == TALLY_GAP) {
		assert_true(tally_bytes_eq(ev->m.reason, tally_bytes_str(l->reason)));
		assert_true(ev->m.from <= ev->m.to);
		l->sum += ev->m.count;
	} else {
		l->sum++;
	}
}

static void
what_does_not_fit_is_a_gap_that_says_how_many(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 16);
	struct recorder_status s;
	struct losses losses = { "queue overflow", 0 };
	uint64_t entries;
	for (uint64_t i = 0; i < 100; i++)
		put_beat(r, i); /* nobody writes yet */
	recorder_status(r, &s);
	assert_true(s.lost > 0);
	assert_int_equal(recorder_start(r, &err), 0);
	assert_int_equal(recorder_close(r, &err), 0);
	entries = each(w, sum_losses, &losses);
	assert_true(entries < 100);
	assert_int_equal(losses.sum, 100);
}

/* LMDB takes back a commit that fails; where the disk dies meanwhile, it cannot. */
static void
a_commit_that_was_called_failed_is_not_made_twice(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	bool failed = true;
	uint64_t put = 0;
	for (unsigned long n = 1; failed; n++) {
		struct recorder *r = open_recorder(w, 64);
		struct recorder_note note;
		int rc;
		disk_watch(w->ledger, n, DISK_DIES, EIO);
		assert_int_equal(recorder_start(r, &err), 0);
		put_beat(r, put++);
		put_beat(r, put++);
		rc = recorder_checkpoint(r, &note, &err);
		(void)disk_unwatch(&failed);
		/* A try may still be under way that met the dead disk. */
		for (int i = 0; rc < 0 && i < 3; i++)
			rc = recorder_checkpoint(r, &note, &err);
		assert_int_equal(rc, 0);
		assert_int_equal(note.size, put);
		assert_int_equal(recorder_close(r, &err), 0);
	}
	assert_int_equal(each(w, expect_count, NULL), put);
}

static void
a_disk_that_fails_for_a_while_costs_no_record(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 64);
	struct recorder_note note;
	bool failed;
	disk_watch(w->ledger, 1, DISK_REFUSES, ENOSPC);
	assert_int_equal(recorder_start(r, &err), 0);
	put_beat(r, 0);
	assert_int_equal(recorder_checkpoint(r, &note, &err), -1);
	assert_int_equal(err.code, TALLY_FULL);
	(void)disk_unwatch(&failed);
	assert_true(failed);
	put_beat(r, 1);
	assert_int_equal(recorder_checkpoint(r, &note, &err), 0);
	assert_int_equal(note.size, 2);
	assert_int_equal(recorder_close(r, &err), 0);
	assert_int_equal(each(w, expect_count, NULL), 2);
}

static void
a_stop_while_the_ledger_is_gone_says_what_is_not_recorded(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 16);
	struct recorder_note note;
	char *away = test_path(w->dir, "away");
	bool failed;
	disk_watch(w->ledger, 1, DISK_DIES, EIO);
	assert_int_equal(recorder_start(r, &err), 0);
	put_beat(r, 0);
	assert_int_equal(recorder_checkpoint(r, &note, &err), -1);
	assert_int_equal(rename(w->ledger, away), 0);
	(void)disk_unwatch(&failed);
	for (uint64_t i = 1; i < 20; i++)
		put_beat(r, i); /* more than the queue holds */
	assert_int_equal(recorder_close(r, &err), -1);
	assert_int_equal(err.code, TALLY_SYS);
	assert_non_null(strstr(err.text, "20 records not recorded"));
	free(away);
}

static void
a_record_that_cannot_be_made_is_a_gap_at_once(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 64);
	struct tally_event ev = { .kind = TALLY_GAP_BEGIN };
	struct recorder_note note;
	struct losses losses = { "malformed record", 0 };
	assert_int_equal(recorder_start(r, &err), 0);
	ev.o.detail = tally_bytes_str("\xff");
	recorder_put(r, &ev);
	assert_int_equal(recorder_checkpoint(r, &note, &err), 0);
	assert_int_equal(note.size, 1);
	assert_int_equal(recorder_close(r, &err), 0);
	assert_int_equal(each(w, sum_losses, &losses), 1);
	assert_int_equal(losses.sum, 1);
}

static void
a_second_recorder_on_the_ledger_is_refused(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 16), *second = NULL;
	const struct recorder_options o = { .ledger = w->ledger,
					    .clock = tally_clock_real(),
					    .queue = 16,
					    .interval = { TALLY_SECOND } };
	assert_int_equal(recorder_open(&second, &o, &err), -1);
	assert_int_equal(err.code, TALLY_HELD);
	assert_int_equal(recorder_close(r, &err), 0);
}

static void
a_restart_finds_the_open_runs_and_the_next_number(void **state)
{
	static const uint8_t boot[16] = { 1, 2, 3 }, other[16] = { 9 };
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct recorder *r = open_recorder(w, 64);
	struct tally_event ev = { .kind = TALLY_HOST_BOOT };
	struct resume found;
	ev.o.boot_id = tally_bytes(boot, 16);
	recorder_put(r, &ev);
	for (uint64_t run = 1; run <= 3; run++) {
		ev = (struct tally_event){ .kind = TALLY_STARTED };
		ev.i.has_vm = true;
		ev.i.vm[0] = (uint8_t)run;
		ev.m.has_run = true;
		ev.m.run = run;
		ev.o.has_domain_id = true;
		ev.o.domain_id = (int64_t)run + 10;
		recorder_put(r, &ev);
	}
	ev = (struct tally_event){ .kind = TALLY_STOPPED };
	ev.i.has_vm = true;
	ev.i.vm[0] = 2;
	recorder_put(r, &ev);
	assert_int_equal(recorder_start(r, &err), 0);
	assert_int_equal(recorder_close(r, &err), 0);

	r = open_recorder(w, 64);
	assert_int_equal(resume_read(&found, recorder_store(r), boot, &err), 0);
	assert_int_equal(found.next_run, 4);
	assert_true(found.same_boot);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.open[0].dom.id, 11);
	resume_release(&found);
	assert_int_equal(resume_read(&found, recorder_store(r), other, &err), 0);
	assert_int_equal(found.count, 0); /* another boot: none of them can still run */
	assert_int_equal(found.next_run, 4);
	resume_release(&found);
	assert_int_equal(recorder_close(r, &err), 0);
}

static void
without_threads_all_is_done_inside_a_step_at_the_clocks_time(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_clock clock;
	struct recorder *r;
	struct recorder_status s;
	struct recorder_note note;
	struct tally_uptime next;
	bool failed;
	test_clock_init(&clock, "2026-03-01T00:00:00Z");
	r = open_with(w, 64, &clock.table);
	assert_int_equal(recorder_start(r, &err), 0);
	assert_int_equal(recorder_step(r).ns, INT64_MAX);
	put_beat(r, 0);
	recorder_status(r, &s);
	assert_int_equal(s.appended, 0);
	next = recorder_step(r); /* the first checkpoint was due an hour after the begin */
	recorder_status(r, &s);
	assert_int_equal(s.appended, 1);
	assert_int_equal(s.checkpoints, 0);
	test_clock_advance(&clock, next.ns - clock.now.uptime.ns - 1);
	assert_int_equal(recorder_step(r).ns, next.ns);
	test_clock_advance(&clock, 1);
	assert_int_equal(recorder_step(r).ns, INT64_MAX);
	recorder_status(r, &s);
	assert_int_equal(s.checkpoints, 1);
	put_beat(r, 1);
	disk_watch(w->ledger, 1, DISK_REFUSES, ENOSPC);
	next = recorder_step(r);
	assert_int_equal(next.ns, clock.now.uptime.ns + TALLY_SECOND / 50);
	assert_int_equal(recorder_checkpoint(r, &note, &err), -1);
	(void)disk_unwatch(&failed);
	test_clock_advance(&clock, TALLY_SECOND / 50);
	assert_int_equal(recorder_checkpoint(r, &note, &err), 0);
	assert_int_equal(note.size, 2);
	put_beat(r, 2);
	assert_int_equal(recorder_close(r, &err), 0);
	assert_int_equal(each(w, expect_count, NULL), 3);
}

static void
what_is_abandoned_is_as_after_a_crash(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	struct test_clock clock;
	struct recorder *r;
	test_clock_init(&clock, "2026-03-01T00:00:00Z");
	r = open_with(w, 64, &clock.table);
	put_beat(r, 0);
	(void)recorder_step(r);
	put_beat(r, 1); /* never acknowledged */
	recorder_abandon(r);
	assert_int_equal(each(w, expect_count, NULL), 1);
	r = open_with(w, 64, NULL); /* the lock is free again */
	assert_int_equal(recorder_start(r, &err), 0);
	recorder_abandon(r);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_put_is_committed_in_order_and_under_a_checkpoint),
		CASE(what_does_not_fit_is_a_gap_that_says_how_many),
		CASE(a_commit_that_was_called_failed_is_not_made_twice),
		CASE(a_disk_that_fails_for_a_while_costs_no_record),
		CASE(a_stop_while_the_ledger_is_gone_says_what_is_not_recorded),
		CASE(a_record_that_cannot_be_made_is_a_gap_at_once),
		CASE(a_second_recorder_on_the_ledger_is_refused),
		CASE(without_threads_all_is_done_inside_a_step_at_the_clocks_time),
		CASE(what_is_abandoned_is_as_after_a_crash),
		CASE(a_restart_finds_the_open_runs_and_the_next_number),
	};
	return cmocka_run_group_tests_name("agent recorder", tests, NULL, NULL);
}
