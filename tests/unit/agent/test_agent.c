/* SPDX-License-Identifier: Apache-2.0 */
/* The agent stepped over a manager of a few lines, on a clock that is told. */
#include "testlib.h"

#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "tally/entry.h"
#include "tally/err.h"

struct world {
	char *dir, *ledger, *file;
	struct config config;
	struct test_clock clock;
	struct tally_source source;
	struct agent *agent;
	/* The manager. */
	struct tally_domain dom[4];
	size_t doms;
	struct tally_host_view facts;
	struct tally_process beside[40];
	size_t besides;
	struct tally_observation queue[64];
	size_t queued;
	bool away, overflows; /* events are lost during the next list */
	size_t storm;         /* events of dom[0] still to come, one a millisecond */
	unsigned lists, looks;
};

static int
fake_connect(void *ctx, struct tally_err *err)
{
	struct world *w = ctx;
	return w->away ? tally_err_set(err, TALLY_SYS, "no manager") : 0;
}

static void
fake_disconnect(void *ctx)
{
	(void)ctx;
}

static int
fake_list(void *ctx, struct tally_domain **out, size_t *n, struct tally_err *err)
{
	struct world *w = ctx;
	w->lists++;
	if (w->away)
		return tally_err_set(err, TALLY_SYS, "no manager");
	*out = tally_realloc_array(NULL, w->doms + 1, sizeof(**out));
	memcpy(*out, w->dom, w->doms * sizeof(**out));
	*n = w->doms;
	if (w->overflows)
		w->queue[w->queued++] = (struct tally_observation){ .kind = TALLY_OBS_OVERFLOW,
								    .at = w->clock.now,
								    .lost = 5 };
	w->overflows = false;
	return 0;
}

static int
fake_describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out,
	      struct tally_err *err)
{
	struct world *w = ctx;
	(void)err;
	for (size_t i = 0; i < w->doms; i++) {
		if (memcmp(w->dom[i].uuid, uuid, TALLY_UUID) == 0) {
			*out = w->dom[i];
			return 1;
		}
	}
	return 0;
}

static int
fake_facts(void *ctx, struct tally_host_view *out, struct tally_err *err)
{
	struct world *w = ctx;
	(void)err;
	*out = w->facts;
	return 0;
}

static int
fake_next(void *ctx, struct tally_observation *out)
{
	struct world *w = ctx;
	if (w->storm > 0) {
		test_clock_advance(&w->clock, TALLY_SECOND / 1000);
		*out = (struct tally_observation){ .kind = TALLY_OBS_EVENT,
						   .what = TALLY_REBOOTED,
						   .at = w->clock.now,
						   .domain = w->dom[0] };
		w->storm--;
		return 1;
	}
	if (w->queued == 0)
		return 0;
	*out = w->queue[0];
	memmove(w->queue, w->queue + 1, --w->queued * sizeof(*w->queue));
	return 1;
}

static int
fake_fd(void *ctx)
{
	(void)ctx;
	return -1;
}

static int
fake_unmanaged(void *ctx, struct tally_process **out, size_t *n, struct tally_err *err)
{
	struct world *w = ctx;
	(void)err;
	w->looks++;
	*out = tally_realloc_array(NULL, w->besides + 1, sizeof(**out));
	memcpy(*out, w->beside, w->besides * sizeof(**out));
	*n = w->besides;
	return 0;
}

static int
fake_cpu_time(void *ctx, const struct tally_domain *vm, uint64_t *ns)
{
	(void)ctx;
	*ns = vm->pid * 1000u;
	return 1;
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_buf text = TALLY_BUF_INIT;
	const struct tally_init_options o = { .origin = "example.com/h1",
					      .host = "h1",
					      .transport = "libtpms" };
	w->dir = test_dir_make();
	w->ledger = test_path(w->dir, "ledger");
	w->file = test_path(w->dir, "tallyd.yaml");
	tally_buf_addf(&text, "ledger: %s\nhost:\n  name: h1\ntpm:\n  attest: false\n", w->ledger);
	test_file_write(w->file, text.p, text.len);
	tally_buf_deinit(&text);
	test_clock_init(&w->clock, "2026-03-01T00:00:00Z");
	w->source = (struct tally_source){ .ctx = w,
					   .connect = fake_connect,
					   .disconnect = fake_disconnect,
					   .list = fake_list,
					   .describe = fake_describe,
					   .facts = fake_facts,
					   .next = fake_next,
					   .fd = fake_fd,
					   .unmanaged = fake_unmanaged,
					   .cpu_time = fake_cpu_time };
	w->facts.sockets = 1;
	w->facts.cores_per_socket[0] = 8;
	if (tally_store_create(w->ledger, &o, &err) < 0 ||
	    config_load(&w->config, w->file, &err) < 0)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	struct tally_err err = TALLY_ERR_INIT;
	(void)agent_close(w->agent, false, &err);
	config_release(&w->config);
	free(w->file);
	free(w->ledger);
	test_dir_remove(w->dir);
	free(w);
	return 0;
}

static void
open_agent(struct world *w)
{
	struct tally_err err = TALLY_ERR_INIT;
	const struct agent_parts parts = { .source = &w->source, .clock = &w->clock.table };
	if (agent_open(&w->agent, &w->config, &parts, &err) < 0)
		fail_msg("%s", err.text);
}

/* Steps as often as it asks for, for so long. */
static void
go_on(struct world *w, int64_t ns)
{
	int64_t end = w->clock.now.uptime.ns + ns;
	while (w->clock.now.uptime.ns < end) {
		int64_t next = agent_step(w->agent).ns;
		assert_true(next > w->clock.now.uptime.ns);
		test_clock_advance(&w->clock, (next < end ? next : end) - w->clock.now.uptime.ns);
	}
	(void)agent_step(w->agent);
}

static void
add_vm(struct world *w)
{
	struct tally_domain *d = &w->dom[w->doms++];
	d->uuid[0] = (uint8_t)w->doms;
	d->id = (int64_t)w->doms;
	d->state = TALLY_ST_RUNNING;
	d->pid = 100 + (uint32_t)w->doms;
	d->start_ticks = 7;
	(void)memcpy(d->name, "vm", 3);
}

struct entries {
	struct tally_event ev[256];
	struct tally_arena *arena[256];
	size_t n;
};

/* What the ledger has of one kind, after the agent let go of it. */
static struct entries *
read_kind(struct world *w, unsigned kind)
{
	struct entries *all = tally_alloc(sizeof(*all));
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_store *s = NULL;
	struct tally_entries entries;
	struct tally_entry e;
	assert_int_equal(agent_close(w->agent, false, &err), 0);
	w->agent = NULL;
	assert_int_equal(tally_store_open(&s, w->ledger, TALLY_STORE_READ, NULL, &err), 0);
	assert_int_equal(tally_store_entries(s, 0, UINT64_MAX, &entries, &err), 0);
	while (entries.next(entries.ctx, &e, &err) == 1) {
		if (e.header.kind != kind)
			continue;
		assert_true(all->n < 256);
		all->arena[all->n] = tally_arena_new(1024);
		assert_int_equal(tally_event_decode(&all->ev[all->n], e.group, e.mask,
						    all->arena[all->n], &err),
				 0);
		/* Views into the page: copied, where tests look at them. */
		all->ev[all->n].m.reason = tally_bytes(NULL, 0);
		all->n++;
	}
	entries.close(entries.ctx);
	tally_store_close(s);
	return all;
}

static void
free_entries(struct entries *all)
{
	for (size_t i = 0; i < all->n; i++)
		tally_arena_free(all->arena[i]);
	free(all);
}

static uint64_t
wall(const char *text)
{
	return (uint64_t)test_wall(text).ns;
}

static void
heartbeats_come_with_a_change_and_else_every_five_minutes(void **state)
{
	struct world *w = *state;
	struct entries *e;
	add_vm(w);
	open_agent(w);
	go_on(w, 1000 * TALLY_SECOND); /* 0 (the set is new), 300, 600, 900 */
	add_vm(w);
	go_on(w, 20 * TALLY_SECOND); /* and 1010 */
	assert_in_range(w->lists, 100, 110);
	e = read_kind(w, TALLY_HEARTBEAT);
	assert_int_equal(e->n, 5);
	for (size_t i = 1; i < e->n; i++)
		assert_int_equal(e->ev[i].m.from, e->ev[i - 1].m.to);
	assert_int_equal(e->ev[3].m.running, 1);
	assert_int_equal(e->ev[4].m.running, 2);
	assert_int_equal(e->ev[4].o.cpu_times, 2);
	assert_int_equal(e->ev[4].o.cpu_time[1].ns, 102000);
	free_entries(e);
}

static void
a_clock_that_is_set_is_recorded_and_no_heartbeat_spans_it(void **state)
{
	struct world *w = *state;
	struct entries *e;
	add_vm(w);
	open_agent(w);
	go_on(w, 25 * TALLY_SECOND);
	test_clock_step(&w->clock, 3600 * TALLY_SECOND);
	go_on(w, 25 * TALLY_SECOND);
	test_clock_step(&w->clock, -7200 * TALLY_SECOND);
	go_on(w, 325 * TALLY_SECOND);
	e = read_kind(w, TALLY_HEARTBEAT);
	assert_int_equal(e->n, 4);
	assert_int_equal(e->ev[0].m.to, wall("2026-03-01T00:00:10Z"));
	assert_int_equal(e->ev[1].m.to, wall("2026-03-01T00:00:20Z"));
	/* The list comes at once. */
	assert_int_equal(e->ev[2].m.from, wall("2026-03-01T01:00:25Z"));
	assert_int_equal(e->ev[2].m.to, wall("2026-03-01T01:00:45Z"));
	assert_int_equal(e->ev[3].m.from, wall("2026-02-28T23:00:50Z"));
	free_entries(e);
}

static void
steps_are_told_once_they_are_more_than_a_second(void **state)
{
	struct world *w = *state;
	struct entries *e;
	open_agent(w);
	go_on(w, 5 * TALLY_SECOND);
	test_clock_step(&w->clock, 600000000);
	go_on(w, 5 * TALLY_SECOND);
	test_clock_step(&w->clock, 600000000);
	go_on(w, 5 * TALLY_SECOND);
	test_clock_step(&w->clock, -TALLY_SECOND);
	go_on(w, 5 * TALLY_SECOND);
	e = read_kind(w, TALLY_CLOCK_STEP);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.step, 1200000000);
	assert_int_equal(e->ev[0].m.time, wall("2026-03-01T00:00:11.2Z"));
	free_entries(e);
}

static void
an_event_from_before_a_step_is_told_in_the_new_time(void **state)
{
	struct world *w = *state;
	struct entries *e;
	add_vm(w);
	open_agent(w);
	go_on(w, 5 * TALLY_SECOND);
	w->queue[w->queued++] = (struct tally_observation){ .kind = TALLY_OBS_EVENT,
							    .what = TALLY_SUSPENDED,
							    .cause = TALLY_C_PAUSED,
							    .at = w->clock.now,
							    .domain = w->dom[0] };
	w->dom[0].state = TALLY_ST_PAUSED;
	test_clock_step(&w->clock, -3600 * TALLY_SECOND);
	go_on(w, 5 * TALLY_SECOND);
	e = read_kind(w, TALLY_SUSPENDED);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.time, wall("2026-02-28T23:00:05Z"));
	free_entries(e);
}

static void
a_suspended_host_is_a_gap_that_no_heartbeat_covers(void **state)
{
	struct world *w = *state;
	struct entries *e;
	add_vm(w);
	open_agent(w);
	go_on(w, 15 * TALLY_SECOND);
	test_clock_suspend(&w->clock, 3600 * TALLY_SECOND);
	go_on(w, 315 * TALLY_SECOND);
	e = read_kind(w, TALLY_GAP_BEGIN);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.from, wall("2026-03-01T00:00:10Z"));
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_GAP_END);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.time, wall("2026-03-01T01:00:15Z"));
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_HEARTBEAT);
	assert_int_equal(e->n, 2);
	assert_int_equal(e->ev[0].m.to, wall("2026-03-01T00:00:10Z"));
	assert_int_equal(e->ev[1].m.from, wall("2026-03-01T01:00:15Z"));
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_BASELINE); /* the same run stands on both sides */
	assert_int_equal(e->n, 2);
	assert_int_equal(e->ev[0].m.run, e->ev[1].m.run);
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_CLOCK_STEP);
	assert_int_equal(e->n, 0);
	free_entries(e);
}

static void
a_lost_manager_is_a_gap_and_its_return_ends_it(void **state)
{
	struct world *w = *state;
	struct agent_status s;
	struct entries *e;
	add_vm(w);
	w->away = true;
	open_agent(w);
	agent_status(w->agent, &s);
	assert_false(s.tried);
	go_on(w, 5 * TALLY_SECOND);
	agent_status(w->agent, &s);
	assert_true(s.tried);
	assert_false(s.connected);
	assert_true(s.lost);
	w->away = false;
	go_on(w, 15 * TALLY_SECOND);
	agent_status(w->agent, &s);
	assert_true(s.connected);
	assert_false(s.lost);
	assert_int_equal(s.running, 1);
	assert_int_equal((uint64_t)s.witnessed.ns, wall("2026-03-01T00:00:16Z"));
	w->away = true;
	go_on(w, 15 * TALLY_SECOND);
	agent_status(w->agent, &s);
	assert_true(s.lost);
	assert_int_equal((uint64_t)s.lost_since.ns, wall("2026-03-01T00:00:16Z"));
	assert_int_equal(s.running, 1); /* unreachable is not stopped */
	e = read_kind(w, TALLY_GAP_BEGIN);
	assert_int_equal(e->n, 2);
	free_entries(e);
}

static void
a_gap_stays_open_where_events_were_lost_during_the_list_that_would_end_it(void **state)
{
	struct world *w = *state;
	struct entries *e;
	add_vm(w);
	w->away = true;
	open_agent(w);
	go_on(w, 5 * TALLY_SECOND);
	w->away = false;
	w->overflows = true;
	go_on(w, 15 * TALLY_SECOND);
	e = read_kind(w, TALLY_GAP_END);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.time, wall("2026-03-01T00:00:07Z")); /* the second list's */
	free_entries(e);
}

static void
a_storm_that_does_not_end_keeps_nobody_from_listing(void **state)
{
	struct world *w = *state;
	add_vm(w);
	open_agent(w);
	go_on(w, 5 * TALLY_SECOND);
	w->storm = 100000;
	go_on(w, 50 * TALLY_SECOND);
	assert_true(w->storm > 0);
	assert_in_range(w->lists, 5, 7);
}

static void
facts_are_recorded_again_when_they_change(void **state)
{
	struct world *w = *state;
	struct entries *e;
	open_agent(w);
	go_on(w, 7300 * TALLY_SECOND);
	w->facts.cores_per_socket[0] = 16;
	(void)memcpy(w->facts.doubt, "kernel 8, manager 16", 21);
	go_on(w, 3700 * TALLY_SECOND);
	e = read_kind(w, TALLY_HOST_FACTS);
	assert_int_equal(e->n, 2);
	assert_int_equal(e->ev[0].m.cores_per_socket.items[0], 8);
	assert_int_equal(e->ev[0].o.detail.len, 0);
	assert_int_equal(e->ev[1].m.cores_per_socket.items[0], 16);
	assert_int_equal(e->ev[1].o.detail.len, 20);
	free_entries(e);
}

static void
guests_that_the_manager_does_not_know_are_told_once(void **state)
{
	struct world *w = *state;
	struct entries *e;
	w->beside[w->besides++] = (struct tally_process){ .pid = 9, .start_ticks = 1, .name = "q" };
	open_agent(w);
	go_on(w, 60 * TALLY_SECOND);
	assert_in_range(w->looks, 6, 8);
	w->beside[0].start_ticks = 2;
	go_on(w, 60 * TALLY_SECOND);
	e = read_kind(w, TALLY_UNMANAGED_VM);
	assert_int_equal(e->n, 2);
	free_entries(e);
	w->config.processes.unmanaged = false;
	w->looks = 0;
	open_agent(w);
	go_on(w, 60 * TALLY_SECOND);
	assert_int_equal(w->looks, 0);
}

static void
a_stop_that_found_no_room_is_recorded_as_one_that_nobody_saw(void **state)
{
	struct world *w = *state;
	struct tally_observation o = { .kind = TALLY_OBS_EVENT };
	struct entries *e;
	w->config.queue.records = 16;
	add_vm(w);
	open_agent(w);
	go_on(w, 19 * TALLY_SECOND); /* the next list is due while the ledger is awaited */
	o.at = w->clock.now;
	o.domain = w->dom[0];
	for (size_t i = 0; i < 40; i++) { /* in one step, in which nothing is written */
		o.what = i % 2 == 0 ? TALLY_SUSPENDED : TALLY_RESUMED;
		o.cause = TALLY_C_PAUSED;
		w->queue[w->queued++] = o;
	}
	o.what = TALLY_STOPPED;
	o.cause = TALLY_C_DESTROYED;
	o.domain.id = -1;
	w->queue[w->queued++] = o;
	w->doms = 0;
	go_on(w, 60 * TALLY_SECOND);
	e = read_kind(w, TALLY_STOPPED);
	assert_int_equal(e->n, 1);
	assert_int_equal(e->ev[0].m.run, 1);
	assert_int_equal(e->ev[0].m.cause, TALLY_C_VANISHED);
	assert_true(e->ev[0].m.has_not_before);
	assert_in_range(e->ev[0].m.not_before, wall("2026-03-01T00:00:10Z"),
			wall("2026-03-01T00:00:19Z"));
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_GAP_BEGIN);
	assert_int_equal(e->n, 1);
	free_entries(e);
	open_agent(w);
	e = read_kind(w, TALLY_GAP_END);
	assert_int_equal(e->n, 1);
	free_entries(e);
}

static void
a_crowd_of_unmanaged_guests_is_told_by_and_by(void **state)
{
	struct world *w = *state;
	struct entries *e;
	for (uint32_t pid = 40; pid > 0; pid--)
		w->beside[w->besides++] = (struct tally_process){ .pid = pid, .start_ticks = 1 };
	open_agent(w);
	go_on(w, 15 * TALLY_SECOND);
	e = read_kind(w, TALLY_UNMANAGED_VM); /* two looks */
	assert_int_equal(e->n, 32);
	free_entries(e);
	open_agent(w);
	go_on(w, 35 * TALLY_SECOND);
	e = read_kind(w, TALLY_UNMANAGED_VM);
	assert_int_equal(e->n, 40);
	free_entries(e);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(heartbeats_come_with_a_change_and_else_every_five_minutes),
		CASE(a_clock_that_is_set_is_recorded_and_no_heartbeat_spans_it),
		CASE(steps_are_told_once_they_are_more_than_a_second),
		CASE(an_event_from_before_a_step_is_told_in_the_new_time),
		CASE(a_suspended_host_is_a_gap_that_no_heartbeat_covers),
		CASE(a_lost_manager_is_a_gap_and_its_return_ends_it),
		CASE(a_stop_that_found_no_room_is_recorded_as_one_that_nobody_saw),
		CASE(a_gap_stays_open_where_events_were_lost_during_the_list_that_would_end_it),
		CASE(a_storm_that_does_not_end_keeps_nobody_from_listing),
		CASE(facts_are_recorded_again_when_they_change),
		CASE(guests_that_the_manager_does_not_know_are_told_once),
		CASE(a_crowd_of_unmanaged_guests_is_told_by_and_by),
	};
	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
