/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent finds of the one before it. TALLY_RESUME_RUNS=N makes the long
 * ledger one of N runs, and says how long it took to read.
 */
#include "testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "resume.h"
#include "tally/err.h"
#include "tally/parse.h"

static const uint8_t boot_1[16] = { 1 }, boot_2[16] = { 2 };

struct world {
	char *dir, *ledger;
	struct test_clock clock;
	struct tally_store *store;
	struct resume r;
	struct tally_event emitted[64];
	char tenant[64][64];
	size_t n;
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
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	if (tally_store_create(w->ledger, &o, &err) < 0 ||
	    tally_store_open(&w->store, w->ledger, TALLY_STORE_WRITE, &w->clock.table, &err) < 0)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	resume_release(&w->r);
	tally_store_close(w->store);
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

/* Appends it a second later, of VM `vm` and run `run` where they are not 0. */
static void
put(struct world *w, unsigned kind, uint8_t vm, uint64_t run, struct tally_event ev)
{
	struct tally_err err = TALLY_ERR_INIT;
	uint64_t index;
	ev.kind = kind;
	ev.i.has_vm = vm != 0;
	ev.i.vm[0] = vm;
	ev.m.has_run = run != 0;
	ev.m.run = run;
	test_clock_advance(&w->clock, TALLY_SECOND);
	if (tally_store_append_event(w->store, &ev, &index, &err) < 0)
		fail_msg("%s", err.text);
}

static struct tally_event
cause(unsigned c)
{
	return (struct tally_event){ .m = { .has_cause = true, .cause = c } };
}

static void
host_boot(struct world *w, const uint8_t boot[16])
{
	put(w, TALLY_HOST_BOOT, 0, 0, (struct tally_event){ .o.boot_id = tally_bytes(boot, 16) });
	put(w, TALLY_AGENT_START, 0, 0, (struct tally_event){ 0 });
}

static void
start(struct world *w, unsigned kind, uint8_t vm, uint64_t run)
{
	struct tally_event ev = { .m = { .has_state = true,
					 .state = TALLY_ST_RUNNING,
					 .has_vcpus = true,
					 .vcpus = 2,
					 .has_memory_mib = true,
					 .memory_mib = 512 },
				  .o = { .has_domain_id = true,
					 .domain_id = vm,
					 .has_pid = true,
					 .pid = 100u + vm,
					 .has_start_ticks = true,
					 .start_ticks = 1000u + vm } };
	ev.i.name = tally_bytes_str("web");
	ev.m.os = tally_bytes_str("urn:x");
	put(w, kind, vm, run, ev);
}

static void
read_it(struct world *w, const uint8_t boot[16])
{
	struct tally_err err = TALLY_ERR_INIT;
	resume_release(&w->r);
	if (resume_read(&w->r, w->store, boot, &err) < 0)
		fail_msg("%s", err.text);
}

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct world *w = ctx;
	assert_true(w->n < 64);
	w->emitted[w->n] = *ev;
	if (ev->i.tenant.len > 0)
		memcpy(w->tenant[w->n], ev->i.tenant.p, ev->i.tenant.len);
	w->n++;
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	(void)ctx;
	(void)uuid;
	(void)out;
	return -1;
}

static struct machine *
adopted(struct world *w)
{
	const struct machine_out out = { .ctx = w, .emit = emit, .describe = describe };
	struct machine *m = machine_new(&out, w->r.next_run);
	resume_adopt(&w->r, m);
	return m;
}

static void
a_new_ledger_holds_nothing(void **state)
{
	struct world *w = *state;
	struct tally_event gap;
	read_it(w, boot_1);
	assert_int_equal(w->r.next_run, 1);
	assert_false(w->r.same_boot);
	assert_int_equal(w->r.count, 0);
	assert_false(resume_gap(&w->r, w->clock.now, &gap));
}

static void
an_open_run_has_its_process_its_size_and_its_claims(void **state)
{
	struct world *w = *state;
	struct tally_event ev = { 0 };
	const struct machine_run *run;
	host_boot(w, boot_1);
	start(w, TALLY_STARTED, 1, 1);
	ev.i.tenant = tally_bytes_str("acme");
	put(w, TALLY_TAGS, 1, 1, ev);
	ev = (struct tally_event){ .m = { .has_vcpus = true, .vcpus = 4 } };
	put(w, TALLY_CONFIG, 1, 1, ev);
	ev = (struct tally_event){ .i.name = tally_bytes_str("db") };
	put(w, TALLY_RENAMED, 1, 1, ev);
	ev = (struct tally_event){ .m.os = tally_bytes_str("") };
	put(w, TALLY_OS_CLAIM, 1, 1, ev);
	ev = (struct tally_event){ .i.tenant = tally_bytes_str("somebody's correction") };
	put(w, TALLY_TAGS, 1, 0, ev);
	put(w, TALLY_TIME_TRAVEL, 1, 1, cause(TALLY_C_MONITOR));
	read_it(w, boot_1);
	assert_int_equal(w->r.count, 1);
	run = &w->r.open[0];
	assert_int_equal(run->run, 1);
	assert_int_equal(run->dom.id, 1);
	assert_int_equal(run->dom.pid, 101);
	assert_int_equal(run->dom.start_ticks, 1001);
	assert_int_equal(run->dom.vcpus, 4);
	assert_int_equal(run->dom.memory_mib, 512);
	assert_string_equal(run->dom.name, "db");
	assert_string_equal(run->dom.os, "");
	assert_string_equal(run->dom.tenant, "acme");
	assert_true(run->dom.tainted);
	assert_int_equal(run->dom.state, TALLY_ST_RUNNING);
	assert_int_equal(run->seen.ns, w->clock.now.wall.ns);
	assert_int_equal(w->r.last.uptime.ns, w->clock.now.uptime.ns);
}

static void
states_are_those_recorded_last(void **state)
{
	struct world *w = *state;
	struct tally_event ev = cause(TALLY_C_PMSUSPENDED);
	host_boot(w, boot_1);
	for (uint8_t vm = 1; vm <= 5; vm++)
		start(w, vm == 5 ? TALLY_MIGRATED_IN : TALLY_BASELINE, vm, vm);
	ev.m.has_state = true;
	ev.m.state = TALLY_ST_PMSUSPENDED;
	put(w, TALLY_SUSPENDED, 1, 1, ev);
	put(w, TALLY_CRASHED, 2, 2, cause(TALLY_C_CRASHED));
	put(w, TALLY_SUSPENDED, 3, 3, cause(TALLY_C_MIGRATED));
	put(w, TALLY_SUSPENDED, 4, 4, cause(TALLY_C_POSTCOPY));
	put(w, TALLY_RESUMED, 4, 4, cause(TALLY_C_MIGRATED));
	read_it(w, boot_1);
	assert_int_equal(w->r.count, 5);
	assert_int_equal(w->r.open[0].dom.state, TALLY_ST_PMSUSPENDED);
	assert_int_equal(w->r.open[1].dom.state, TALLY_ST_CRASHED);
	assert_int_equal(w->r.open[2].dom.state, TALLY_ST_PAUSED);
	assert_true(w->r.open[2].migrating);
	assert_int_equal(w->r.open[3].dom.state, TALLY_ST_RUNNING);
	assert_false(w->r.open[3].migrating);
	assert_int_equal(w->r.open[4].run, 5);
}

static void
what_ended_is_not_open(void **state)
{
	struct world *w = *state;
	host_boot(w, boot_1);
	for (uint8_t vm = 1; vm <= 4; vm++)
		start(w, TALLY_STARTED, vm, vm);
	put(w, TALLY_STOPPED, 1, 1, cause(TALLY_C_DESTROYED));
	put(w, TALLY_MIGRATED_OUT, 2, 2, cause(TALLY_C_MIGRATED));
	put(w, TALLY_STOPPED, 3, 3, cause(TALLY_C_SAVED));
	read_it(w, boot_1);
	assert_int_equal(w->r.count, 1);
	assert_int_equal(w->r.open[0].run, 4);
	assert_int_equal(w->r.next_run, 5);
}

static void
another_boot_ends_all_runs_but_what_was_saved_stays(void **state)
{
	struct world *w = *state;
	struct tally_event gap;
	host_boot(w, boot_1);
	start(w, TALLY_STARTED, 1, 1);
	start(w, TALLY_STARTED, 2, 2);
	start(w, TALLY_STARTED, 3, 3);
	put(w, TALLY_STOPPED, 2, 2, cause(TALLY_C_SAVED));
	put(w, TALLY_STOPPED, 3, 3, cause(TALLY_C_SAVED));
	start(w, TALLY_STARTED, 3, 4); /* a later begin: that state is old */
	put(w, TALLY_GAP_BEGIN, 0, 0, (struct tally_event){ 0 });
	put(w, TALLY_UNMANAGED_VM, 0, 0,
	    (struct tally_event){ .o = { .has_pid = true, .pid = 7 } });
	read_it(w, boot_1);
	assert_false(w->r.listed);
	put(w, TALLY_HEARTBEAT, 0, 0, (struct tally_event){ 0 });
	read_it(w, boot_1);
	assert_true(w->r.listed);
	assert_true(w->r.gap_open);
	assert_int_equal(w->r.unmanaged_count, 1);
	assert_true(resume_gap(&w->r, w->clock.now, &gap));
	for (unsigned round = 0; round < 2; round++) {
		read_it(w, boot_2); /* before its host-boot is recorded, and behind it */
		assert_int_equal(w->r.count, 0);
		assert_int_equal(w->r.saves, 1);
		assert_int_equal(w->r.saved[0][0], 2);
		assert_int_equal(w->r.next_run, 5);
		assert_true(w->r.gap_open); /* nothing has been seen since */
		assert_false(w->r.listed);
		assert_int_equal(w->r.unmanaged_count, 0);
		assert_int_equal(w->r.same_boot, round);
		if (round == 0)
			assert_false(resume_gap(&w->r, w->clock.now, &gap));
		host_boot(w, boot_2);
	}
}

static void
an_imported_history_and_an_operators_words_are_no_runs_of_ours(void **state)
{
	struct world *w = *state;
	struct tally_event ev = { .imported = true };
	int64_t seen;
	host_boot(w, boot_1);
	put(w, TALLY_STARTED, 1, 77, ev);
	seen = w->clock.now.wall.ns - TALLY_SECOND;
	put(w, TALLY_OPERATOR_ACTION, 0, 0, (struct tally_event){ 0 });
	put(w, TALLY_SESSION_STATEMENT, 0, 0, (struct tally_event){ 0 });
	read_it(w, boot_1);
	assert_int_equal(w->r.count, 0);
	assert_int_equal(w->r.next_run, 1);
	assert_int_equal(w->r.witnessed.ns, seen);
}

/* Else the gap that is told next would begin when somebody corrected a tenant. */
static void
a_correction_that_was_written_meanwhile_is_no_sight_of_the_host(void **state)
{
	struct world *w = *state;
	struct tally_event gap, fix = { .m = { .has_from = true, .from = 1 } };
	int64_t seen;
	host_boot(w, boot_1);
	start(w, TALLY_STARTED, 1, 1);
	seen = w->clock.now.wall.ns;
	fix.i.tenant = tally_bytes_str("corrected");
	put(w, TALLY_TAGS, 1, 0, fix);
	put(w, TALLY_OS_CLAIM, 1, 0, fix);
	put(w, TALLY_SOFTWARE, 1, 0, fix);
	read_it(w, boot_1);
	assert_int_equal(w->r.witnessed.ns, seen);
	assert_int_equal(w->r.last.wall.ns, seen);
	assert_int_equal(w->r.seen.ns, seen);
	assert_int_equal(w->r.count, 1);
	assert_string_not_equal(w->r.open[0].dom.tenant, "corrected");
	assert_true(resume_gap(&w->r, w->clock.now, &gap));
	assert_int_equal(gap.m.from, seen);
}

static void
the_time_without_an_agent_is_a_gap(void **state)
{
	struct world *w = *state;
	struct tally_event gap;
	int64_t seen;
	host_boot(w, boot_1);
	put(w, TALLY_AGENT_STOP, 0, 0, (struct tally_event){ 0 });
	seen = w->clock.now.wall.ns;
	read_it(w, boot_1);
	test_clock_advance(&w->clock, 90 * TALLY_SECOND);
	assert_true(resume_gap(&w->r, w->clock.now, &gap));
	assert_int_equal(gap.kind, TALLY_GAP);
	assert_int_equal(gap.m.from, seen);
	assert_int_equal(gap.m.to, w->clock.now.wall.ns);
	assert_memory_equal(gap.m.reason.p, "agent down", 10);
	/* The clock was set back meanwhile: no time goes backwards. */
	test_clock_step(&w->clock, -3600 * TALLY_SECOND);
	assert_true(resume_gap(&w->r, w->clock.now, &gap));
	assert_int_equal(gap.m.from, w->clock.now.wall.ns);
	assert_int_equal(gap.m.to, w->clock.now.wall.ns);
	assert_non_null(gap.o.detail.p);
}

static void
a_machine_that_adopts_goes_on_where_the_earlier_one_was(void **state)
{
	struct world *w = *state;
	struct tally_event ev = { 0 };
	struct tally_domain listed = { .name = "web", .id = 1, .state = TALLY_ST_RUNNING };
	struct tally_process stray = { 7, 70, "by hand" };
	struct machine *m;
	host_boot(w, boot_1);
	start(w, TALLY_STARTED, 1, 1);
	start(w, TALLY_STARTED, 2, 2);
	put(w, TALLY_STOPPED, 2, 2, cause(TALLY_C_SAVED));
	ev.o.has_pid = ev.o.has_start_ticks = true;
	ev.o.pid = 7;
	ev.o.start_ticks = 70;
	put(w, TALLY_UNMANAGED_VM, 0, 0, ev);
	put(w, TALLY_GAP_BEGIN, 0, 0, (struct tally_event){ 0 });
	read_it(w, boot_1);
	m = adopted(w);
	assert_int_equal(machine_running(m), 1);
	machine_unmanaged(m, &stray, 1, w->clock.now);
	assert_int_equal(w->n, 0);
	machine_back(m, w->clock.now, "connected again");
	assert_int_equal(w->n, 1);
	assert_int_equal(w->emitted[0].kind, TALLY_GAP_END);
	listed.uuid[0] = 1;
	listed.pid = 101;
	listed.start_ticks = 1001;
	machine_list(m, &listed, 1, w->clock.now, true);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->emitted[1].kind, TALLY_BASELINE);
	assert_int_equal(w->emitted[1].m.run, 1);
	machine_free(m);
	/* Another process under the same id. */
	w->n = 0;
	m = adopted(w);
	listed.start_ticks = 5;
	machine_list(m, &listed, 1, w->clock.now, true);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->emitted[0].kind, TALLY_STOPPED);
	assert_int_equal(w->emitted[0].m.cause, TALLY_C_VANISHED);
	/* Not before it was seen itself: neither a gap's begin nor others' records say more. */
	assert_int_equal(w->emitted[0].m.not_before, w->r.open[0].seen.ns);
	assert_true(w->r.open[0].seen.ns < w->r.seen.ns && w->r.seen.ns < w->r.witnessed.ns);
	assert_int_equal(w->emitted[1].kind, TALLY_BASELINE);
	assert_int_equal(w->emitted[1].m.run, 3);
	machine_free(m);
}

static void
batch_runs(struct world *w, uint64_t first, uint64_t count)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_prepared *entries = tally_realloc_array(NULL, count * 2, sizeof(*entries));
	struct tally_buf *bufs = tally_alloc(count * 2 * TALLY_GROUPS * sizeof(*bufs));
	uint8_t seed[TALLY_SEED];
	uint64_t index;
	for (uint64_t i = 0; i < count * 2; i++) {
		uint64_t run = first + i / 2;
		struct tally_buf *b = &bufs[i * TALLY_GROUPS];
		struct tally_bytes views[TALLY_GROUPS];
		struct tally_event ev = cause(i % 2 ? TALLY_C_SHUTDOWN : TALLY_C_BOOT);
		ev.kind = i % 2 ? TALLY_STOPPED : TALLY_STARTED;
		ev.i.has_vm = true;
		tally_put_u64(ev.i.vm, run % 1000);
		ev.m.has_run = true;
		ev.m.run = run;
		ev.m.has_vcpus = true;
		ev.m.vcpus = 2;
		ev.i.name = tally_bytes_str("a name of a usual length");
		ev.o.has_pid = ev.o.has_start_ticks = ev.o.has_domain_id = true;
		ev.o.start_ticks = run;
		assert_int_equal(tally_event_encode(&ev, b, &err), 0);
		for (unsigned k = 0; k < TALLY_GROUPS; k++)
			views[k] = tally_buf_view(&b[k]);
		tally_seed(seed);
		tally_prepare(&entries[i], (uint8_t)ev.kind, 0, seed, views);
	}
	if (tally_store_append(w->store, entries, count * 2, &index, &err) < 0)
		fail_msg("%s", err.text);
	for (uint64_t i = 0; i < count * 2 * TALLY_GROUPS; i++)
		tally_buf_deinit(&bufs[i]);
	free(bufs);
	free(entries);
}

static double
used(void)
{
	struct rusage u;
	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
a_long_ledger_leaves_what_is_open_at_its_end(void **state)
{
	struct world *w = *state;
	const char *wanted = getenv("TALLY_RESUME_RUNS");
	uint64_t runs = 3000;
	double begin;
	if (wanted != NULL)
		assert_true(tally_parse_u64(&runs, wanted, strlen(wanted), UINT64_MAX));
	host_boot(w, boot_1);
	for (uint64_t i = 0; i < runs; i += 1000)
		batch_runs(w, i + 1, 1000);
	start(w, TALLY_STARTED, 1, runs + 1);
	begin = used();
	read_it(w, boot_1);
	if (wanted != NULL)
		printf("%llu runs: %.3f s of CPU\n", (unsigned long long)runs, used() - begin);
	assert_int_equal(w->r.count, 1);
	assert_int_equal(w->r.next_run, runs + 2);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_ledger_holds_nothing),
		CASE(an_open_run_has_its_process_its_size_and_its_claims),
		CASE(states_are_those_recorded_last),
		CASE(what_ended_is_not_open),
		CASE(another_boot_ends_all_runs_but_what_was_saved_stays),
		CASE(an_imported_history_and_an_operators_words_are_no_runs_of_ours),
		CASE(a_correction_that_was_written_meanwhile_is_no_sight_of_the_host),
		CASE(the_time_without_an_agent_is_a_gap),
		CASE(a_machine_that_adopts_goes_on_where_the_earlier_one_was),
		CASE(a_long_ledger_leaves_what_is_open_at_its_end),
	};
	return cmocka_run_group_tests_name("agent resume", tests, NULL, NULL);
}
