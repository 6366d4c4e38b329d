/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hosts with an agent's machine on each, events as libvirt gives them, and
 * the report over both ledgers against what truly happened.
 */
#include "../reports/reportlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "tally/err.h"

#define DAY INT64_C(1772323200) /* 2026-03-01T00:00:00Z */

struct host {
	struct world *w;
	struct test_ledger *ledger;
	struct machine *m;
	struct tally_domain shown; /* the VM as this host's manager shows it; id -1: it does not */
	int64_t next_id;
};
struct world {
	struct test_history h;
	struct host a, b;
	int64_t ms; /* since midnight */
};

static struct tally_now
now_of(const struct world *w)
{
	int64_t ns = w->ms * 1000000;
	return (struct tally_now){ { DAY * TALLY_SECOND + ns }, { 1000 * TALLY_SECOND + ns } };
}

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct host *h = ctx;
	test_ledger_append(h->ledger, ev, 0, 1, (uint64_t)now_of(h->w).wall.ns);
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	struct host *h = ctx;
	(void)uuid;
	*out = h->shown;
	return h->shown.id >= 0;
}

static void
agent_start(struct host *h, uint64_t next_run)
{
	const struct machine_out out = { .ctx = h, .emit = emit, .describe = describe };
	struct tally_event ev = { .kind = TALLY_AGENT_START };
	h->m = machine_new(&out, next_run);
	emit(h, &ev);
}

static void
host_begin(struct world *w, struct host *h, const char *name)
{
	char line[128];
	(void)snprintf(line, sizeof(line),
		       "%s! 00:00 host-boot boot=%s-1\n%s! 00:00 host cores_per_socket=8 "
		       "boot=%s-1\n",
		       name, name, name, name);
	test_history_add(&w->h, line);
	h->w = w;
	h->ledger = test_history_ledger(&w->h, name);
	h->shown.id = -1;
	h->next_id = 1;
	agent_start(h, 1);
	machine_list(h->m, NULL, 0, now_of(w), true);
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	test_history_init(&w->h);
	host_begin(w, &w->a, "a");
	host_begin(w, &w->b, "b");
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	machine_free(w->a.m);
	machine_free(w->b.m);
	test_history_deinit(&w->h);
	free(w);
	return 0;
}

static void
lists(struct host *h, bool first)
{
	machine_tick(h->m, now_of(h->w));
	machine_list(h->m, &h->shown, h->shown.id >= 0, now_of(h->w), first);
	machine_heartbeat(h->m, now_of(h->w), (struct tally_span){ 300 * TALLY_SECOND }, false);
}

/* Both hosts list every ten seconds; `mute`: but this one. */
static void
pass(struct world *w, int64_t to_ms, const struct host *mute)
{
	while (w->ms < to_ms) {
		int64_t next = (w->ms / 10000 + 1) * 10000;
		w->ms = next < to_ms ? next : to_ms;
		if (w->ms % 10000 != 0)
			continue;
		if (mute != &w->a)
			lists(&w->a, false);
		if (mute != &w->b)
			lists(&w->b, false);
	}
}

static void
see(struct host *h, unsigned what, unsigned cause, int64_t id)
{
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = what, .cause = cause };
	o.domain = h->shown;
	o.domain.id = id;
	o.domain.uuid[0] = 1;
	o.at = now_of(h->w);
	machine_observe(h->m, &o);
}

static void
see_exit(struct host *h, int64_t id)
{
	struct tally_observation o = { .kind = TALLY_OBS_EXIT };
	o.domain.uuid[0] = 1;
	o.domain.id = id;
	o.domain.pid = 100u + (uint32_t)id;
	o.domain.start_ticks = 1000u + (uint64_t)id;
	o.at = now_of(h->w);
	machine_observe(h->m, &o);
}

static void
show(struct host *h, unsigned state)
{
	struct tally_domain d = { .name = "web", .id = h->next_id++, .state = state, .vcpus = 2 };
	d.uuid[0] = 1;
	d.pid = 100u + (uint32_t)d.id;
	d.start_ticks = 1000u + (uint64_t)d.id;
	memcpy(d.os, "urn:x", 6);
	h->shown = d;
}

static void
boots(struct host *h)
{
	show(h, TALLY_ST_RUNNING);
	see(h, TALLY_RESUMED, TALLY_C_UNPAUSED, h->shown.id);
	h->w->ms += 20;
	see(h, TALLY_STARTED, TALLY_C_BOOT, h->shown.id);
}

static void
powers_off(struct host *h)
{
	see(h, TALLY_STOPPED, TALLY_C_SHUTDOWN, h->shown.id);
	h->w->ms += 900;
	see_exit(h, h->shown.id);
	h->w->ms += 200;
	h->shown.id = -1;
	see(h, TALLY_STOPPED, TALLY_C_SHUTDOWN, -1);
}

/* As measured: the target is made, the source is left, 14 ms later the target
 * runs; two seconds on the source is gone. `deaf`: a host that hears nothing. */
static void
migrates(struct host *from, struct host *to, const struct host *deaf)
{
	struct world *w = from->w;
	int64_t id = from->shown.id;
	show(to, TALLY_ST_INCOMING);
	if (deaf != to)
		see(to, TALLY_STARTED, TALLY_C_MIGRATED, to->shown.id);
	pass(w, w->ms + 1500, deaf);
	from->shown.state = TALLY_ST_INCOMING;
	if (deaf != from)
		see(from, TALLY_SUSPENDED, TALLY_C_MIGRATED, id);
	w->ms += 14;
	to->shown.state = TALLY_ST_RUNNING;
	if (deaf != to)
		see(to, TALLY_RESUMED, TALLY_C_MIGRATED, to->shown.id);
	pass(w, w->ms + 1900, deaf);
	see_exit(from, id);
	w->ms += 86;
	from->shown.id = -1;
	if (deaf != from)
		see(from, TALLY_STOPPED, TALLY_C_MIGRATED, -1);
}

static const struct tally_json *
report(struct world *w)
{
	return report_of_history(&w->h, "2026-03-01", "2026-03-02");
}

static void
assert_one_run(const struct tally_json *r)
{
	static const char *const no[] = { "kind=left-estate", "kind=entered-estate",
					  "kind=uuid-conflict", "kind=missed-stop",
					  "kind=stop-uncertain" };
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (rows(r, "findings", no[i]) != 0)
			fail_msg("%s", figure(r, "findings", no[i], "text"));
	assert_figure(r, "usage", "scope=fleet product=urn:x", "peak", "1");
}

#define RUN(r, host, expected)                                                                     \
	assert_figure(r, "usage", "product=urn:x scope=host id=" host, "run_seconds", expected)

static void
a_life_is_as_long_as_it_was(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	pass(w, 3600000, NULL);
	boots(&w->a); /* at 3,600.000 s */
	pass(w, 7200000, NULL);
	powers_off(&w->a);
	pass(w, 7300000, NULL);
	r = report(w);
	RUN(r, "a", "3600");
	assert_one_run(r);
}

static void
a_migrated_vm_is_one_run_with_its_downtime_left_out(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 3600000, NULL);
	migrates(&w->a, &w->b, NULL); /* left at 3,601.500 s, runs at .514 */
	pass(w, 7200000, NULL);
	powers_off(&w->b);
	pass(w, 7300000, NULL);
	r = report(w);
	RUN(r, "a", "3601.5");
	RUN(r, "b", "3598.486");
	assert_figure(r, "vms", "", "hosts", "a,b");
	assert_one_run(r);
}

static void
a_source_that_is_deaf_meanwhile_ends_where_the_target_begins(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 3595000, NULL);
	machine_lost(w->a.m, now_of(w), "connection lost", "eof", 0);
	migrates(&w->a, &w->b, &w->a);
	pass(w, 3700000, &w->a);
	machine_back(w->a.m, now_of(w), "connected again");
	lists(&w->a, true);
	pass(w, 7200000, NULL);
	powers_off(&w->b);
	r = report(w);
	RUN(r, "a", "3596.514");
	RUN(r, "b", "3603.486");
	assert_one_run(r);
}

static void
a_target_that_is_deaf_for_less_than_a_minute_joins_all_the_same(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 3595000, NULL);
	machine_lost(w->b.m, now_of(w), "connection lost", "eof", 0);
	migrates(&w->a, &w->b, &w->b);
	w->b.shown.cause = TALLY_C_MIGRATED;
	pass(w, 3620000, &w->b);
	machine_back(w->b.m, now_of(w), "connected again");
	lists(&w->b, true);
	pass(w, 7200000, NULL);
	powers_off(&w->b);
	r = report(w);
	RUN(r, "a", "3596.5");
	RUN(r, "b", "3580");
	assert_one_run(r);
}

static void
a_target_that_is_deaf_meanwhile_counts_from_its_first_list(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 3595000, NULL);
	machine_lost(w->b.m, now_of(w), "connection lost", "eof", 0);
	migrates(&w->a, &w->b, &w->b);
	pass(w, 3700000, &w->b);
	machine_back(w->b.m, now_of(w), "connected again");
	lists(&w->b, true);
	pass(w, 7200000, NULL);
	powers_off(&w->b);
	r = report(w);
	RUN(r, "a", "3596.5");
	RUN(r, "b", "3500");
	/* What is missing lies inside b's gap, which is stated. */
	assert_int_equal(rows(r, "findings", "kind=gap"), 1);
	assert_figure(r, "coverage", "host=b", "gaps", "?");
}

static void
there_and_back_is_one_run(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 3600000, NULL);
	migrates(&w->a, &w->b, NULL); /* 3,601.500 to 3,601.514, ends at 3,603.500 */
	pass(w, 3610000, NULL);
	migrates(&w->b, &w->a, NULL); /* 3,611.500 to 3,611.514 */
	pass(w, 3620000, NULL);
	migrates(&w->a, &w->b, NULL); /* 3,621.500 to 3,621.514 */
	pass(w, 7200000, NULL);
	powers_off(&w->b);
	r = report(w);
	RUN(r, "a", "3611.486");
	RUN(r, "b", "3588.472");
	assert_one_run(r);
}

static void
a_kill_is_as_exact_with_the_manager_as_without(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	boots(&w->a);
	pass(w, 1000500, NULL);
	see_exit(&w->a, w->a.shown.id); /* kill -9 */
	w->a.shown.id = -1;
	w->ms += 700;
	see(&w->a, TALLY_STOPPED, TALLY_C_FAILED, -1);
	pass(w, 2000000, NULL);
	boots(&w->a);
	pass(w, 3000500, NULL);
	machine_lost(w->a.m, now_of(w), "connection lost", "eof", 0);
	w->ms += 250;
	see_exit(&w->a, w->a.shown.id);
	w->a.shown.id = -1;
	pass(w, 3100000, &w->a);
	machine_back(w->a.m, now_of(w), "connected again");
	lists(&w->a, true);
	pass(w, 3200000, NULL);
	r = report(w);
	RUN(r, "a", "2001.25");
	assert_one_run(r);
}

static void
an_agent_that_was_killed_finds_its_runs_again(void **state)
{
	struct world *w = *state;
	const struct tally_json *r;
	struct machine_run run = { .run = 1 };
	boots(&w->a);
	pass(w, 1000000, NULL);
	run.dom = w->a.shown;
	run.seen = now_of(w).wall;
	machine_free(w->a.m);
	pass(w, 1060000, &w->a);
	agent_start(&w->a, 2);
	machine_adopt(w->a.m, &run);
	lists(&w->a, true);
	pass(w, 2000000, NULL);
	powers_off(&w->a);
	r = report(w);
	RUN(r, "a", "2000");
	assert_one_run(r);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_life_is_as_long_as_it_was),
		CASE(a_migrated_vm_is_one_run_with_its_downtime_left_out),
		CASE(a_source_that_is_deaf_meanwhile_ends_where_the_target_begins),
		CASE(a_target_that_is_deaf_for_less_than_a_minute_joins_all_the_same),
		CASE(a_target_that_is_deaf_meanwhile_counts_from_its_first_list),
		CASE(there_and_back_is_one_run),
		CASE(a_kill_is_as_exact_with_the_manager_as_without),
		CASE(an_agent_that_was_killed_finds_its_runs_again),
	};
	int failed = cmocka_run_group_tests_name("agent machine report", tests, NULL, NULL);
	report_done();
	return failed;
}
