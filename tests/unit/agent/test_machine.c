/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's state machine: observations in, records out. */
#include "testlib.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define MAX 64

struct world {
	struct tally_event ev[MAX];
	char name[MAX][64];
	char detail[64]; /* of the last */
	size_t n;
	struct machine *m;
	int64_t t; /* seconds */
	uint32_t vcpus;
};

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct world *w = ctx;
	assert_true(w->n < MAX);
	w->ev[w->n] = *ev;
	memset(w->name[w->n], 0, sizeof(w->name[0]));
	if (ev->m.reason.p != NULL)
		memcpy(w->name[w->n], ev->m.reason.p, ev->m.reason.len);
	memset(w->detail, 0, sizeof(w->detail));
	if (ev->o.detail.p != NULL)
		memcpy(w->detail, ev->o.detail.p, ev->o.detail.len);
	w->n++;
}

static const uint8_t uuid_a[16] = { 0xaa };

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	struct world *w = ctx;
	memset(out, 0, sizeof(*out));
	memcpy(out->uuid, uuid, TALLY_UUID);
	memcpy(out->name, "web", 4);
	out->id = 1;
	out->vcpus = w->vcpus;
	out->memory_mib = 128;
	return 1;
}

static int
setup(void **state)
{
	struct world *w = tally_alloc(sizeof(*w));
	const struct machine_out out = { .ctx = w, .emit = emit, .describe = describe };
	w->vcpus = 2;
	w->m = machine_new(&out, 1);
	w->t = 1000;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	machine_free(w->m);
	free(w);
	return 0;
}

static struct tally_now
at_ms(const struct world *w, int64_t ms)
{
	int64_t ns = w->t * TALLY_SECOND + ms * 1000000;
	return (struct tally_now){ { ns }, { ns } };
}

static void
observe(struct world *w, unsigned what, unsigned cause, int64_t id, int64_t ms)
{
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = what, .cause = cause };
	memcpy(o.domain.uuid, uuid_a, 16);
	memcpy(o.domain.name, "web", 4);
	o.domain.id = id;
	o.at = at_ms(w, ms);
	machine_observe(w->m, &o);
}

static struct tally_domain
domain(int64_t id, unsigned state)
{
	struct tally_domain d = { .id = id, .state = state, .vcpus = 2, .memory_mib = 128 };
	memcpy(d.uuid, uuid_a, 16);
	memcpy(d.name, "web", 4);
	return d;
}

static void
a_start_is_resumed_and_then_started_and_counts_from_resumed(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	assert_int_equal(w->n, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 30);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->ev[0].kind, TALLY_STARTED);
	assert_int_equal(w->ev[0].m.cause, TALLY_C_BOOT);
	assert_int_equal(w->ev[0].m.state, TALLY_ST_RUNNING);
	assert_int_equal(w->ev[0].m.time, (uint64_t)at_ms(w, 0).wall.ns);
	assert_int_equal(w->ev[0].m.vcpus, 2);
	assert_int_equal(w->ev[0].m.run, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
a_start_whose_second_event_never_comes_is_recorded_after_a_second(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	machine_tick(w->m, at_ms(w, 900));
	assert_int_equal(w->n, 0);
	machine_tick(w->m, at_ms(w, 1100));
	assert_int_equal(w->n, 1);
	assert_int_equal(w->ev[0].kind, TALLY_STARTED);
	assert_int_equal(w->ev[0].m.time, (uint64_t)at_ms(w, 0).wall.ns);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 1200);
	assert_int_equal(w->n, 1);
}

static void
a_paused_start_begins_paused_and_is_resumed_later(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 0);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 1);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 500);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[0].m.state, TALLY_ST_PAUSED);
	assert_int_equal(w->ev[1].kind, TALLY_RESUMED);
}

static void
a_run_ends_at_the_shutdown_and_the_stopped_behind_it_says_nothing_new(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 3);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, -1, 6500);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[1].kind, TALLY_STOPPED);
	assert_int_equal(w->ev[1].m.time, (uint64_t)at_ms(w, 5000).wall.ns);
	assert_false(w->ev[1].m.has_not_before);
	assert_int_equal(machine_running(w->m), 0);
}

static void
a_shutdown_that_libvirt_makes_a_reboot_of_begins_another_run(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 3);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 5010);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->ev[2].kind, TALLY_STARTED);
	assert_int_equal(w->ev[2].m.run, 2);
}

static void
pause_and_resume_are_recorded_once_with_their_causes(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 3);
	observe(w, TALLY_SUSPENDED, TALLY_C_IOERROR, 1, 1000);
	observe(w, TALLY_SUSPENDED, TALLY_C_IOERROR, 1, 1001);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 2000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 2001);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->ev[1].m.cause, TALLY_C_IOERROR);
	assert_int_equal(w->ev[1].m.state, TALLY_ST_PAUSED);
	assert_int_equal(w->ev[2].kind, TALLY_RESUMED);
}

static void
a_failed_start_leaves_no_run(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 1, 0);
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 100);
	assert_int_equal(w->n, 0);
	assert_int_equal(machine_running(w->m), 0);
}

static void
what_the_first_list_has_is_a_baseline(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_PAUSED);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->ev[0].kind, TALLY_BASELINE);
	assert_int_equal(w->ev[0].m.state, TALLY_ST_PAUSED);
	assert_int_equal(w->ev[0].o.domain_id, 7);
	assert_int_equal(w->ev[0].o.source, TALLY_SRC_POLL);
}

static void
what_a_later_list_lacks_has_vanished_with_bounds(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	assert_false(machine_list(w->m, NULL, 0, at_ms(w, 10000), false));
	assert_int_equal(w->n, 1);
	assert_true(machine_list(w->m, NULL, 0, at_ms(w, 11000), false));
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[1].kind, TALLY_STOPPED);
	assert_int_equal(w->ev[1].m.cause, TALLY_C_VANISHED);
	assert_true(w->ev[1].m.has_not_before);
	assert_int_equal(w->ev[1].m.not_before, (uint64_t)at_ms(w, 0).wall.ns);
}

static void
a_stop_whose_event_comes_behind_the_list_has_its_exact_moment(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	d.state = TALLY_ST_STOPPING;
	machine_list(w->m, &d, 1, at_ms(w, 10000), false);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, 7, 10100);
	machine_list(w->m, NULL, 0, at_ms(w, 11000), false);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[1].m.cause, TALLY_C_DESTROYED);
	assert_int_equal(w->ev[1].m.time, (uint64_t)at_ms(w, 10100).wall.ns);
	assert_false(w->ev[1].m.has_not_before);
}

static void
a_listed_vm_in_a_state_that_nobody_knows_has_not_ended(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	d.state = TALLY_ST_UNKNOWN;
	assert_true(machine_list(w->m, &d, 1, at_ms(w, 10000), false));
	assert_true(machine_list(w->m, &d, 1, at_ms(w, 20000), false));
	assert_int_equal(w->n, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
words_that_are_no_utf_8_do_not_cost_the_gap(void **state)
{
	struct world *w = *state;
	machine_lost(w->m, at_ms(w, 0), "connection lost", "caf\xe9", 0);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->ev[0].kind, TALLY_GAP_BEGIN);
	assert_string_equal(w->detail, "caf?");
}

static void
another_id_under_the_same_uuid_is_a_missed_stop_and_start(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	d.id = 8;
	machine_list(w->m, &d, 1, at_ms(w, 10000), false);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->ev[1].m.cause, TALLY_C_VANISHED);
	assert_int_equal(w->ev[2].kind, TALLY_STARTED);
	assert_int_equal(w->ev[2].m.run, 2);
}

static void
an_event_newer_than_the_list_wins_over_it(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 100);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 110);
	machine_list(w->m, NULL, 0, at_ms(w, 50), false); /* taken before it started */
	assert_int_equal(w->n, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
a_lost_connection_is_a_gap_and_nobody_has_stopped(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	machine_lost(w->m, at_ms(w, 4000), "connection lost", "eof", 0);
	machine_lost(w->m, at_ms(w, 5000), "connection lost", "eof", 0);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->ev[1].kind, TALLY_HEARTBEAT);
	assert_int_equal(w->ev[2].kind, TALLY_GAP_BEGIN);
	assert_int_equal(w->ev[2].m.from, (uint64_t)at_ms(w, 0).wall.ns);
	assert_string_equal(w->name[2], "connection lost");
	assert_int_equal(machine_running(w->m), 1);
	machine_back(w->m, at_ms(w, 9000), "connected again");
	machine_list(w->m, &d, 1, at_ms(w, 9000), true);
	assert_int_equal(w->n, 5);
	assert_int_equal(w->ev[3].kind, TALLY_GAP_END);
	assert_int_equal(w->ev[4].kind, TALLY_BASELINE);
	assert_int_equal(w->ev[4].m.run, 1); /* the same run goes on */
}

static void
an_adopted_run_goes_on_under_its_number_or_vanishes(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_adopt(w->m, &d, 42, at_ms(w, -60000).wall);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	assert_int_equal(w->ev[0].kind, TALLY_BASELINE);
	assert_int_equal(w->ev[0].m.run, 42);
	machine_list(w->m, NULL, 0, at_ms(w, 10000), false);
	machine_list(w->m, NULL, 0, at_ms(w, 11000), false);
	assert_int_equal(w->ev[1].m.run, 42);
	assert_int_equal(w->ev[1].m.cause, TALLY_C_VANISHED);
}

static void
heartbeats_are_recorded_when_the_set_changes_or_they_are_due(void **state)
{
	struct world *w = *state;
	const struct tally_span due = { 300 * TALLY_SECOND };
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	machine_heartbeat(w->m, at_ms(w, 0), due, false); /* the set is new */
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[1].m.running, 1);
	for (int64_t t = 10000; t <= 290000; t += 10000) {
		machine_list(w->m, &d, 1, at_ms(w, t), false);
		machine_heartbeat(w->m, at_ms(w, t), due, false);
	}
	assert_int_equal(w->n, 2);
	machine_list(w->m, &d, 1, at_ms(w, 300000), false);
	machine_heartbeat(w->m, at_ms(w, 300000), due, false);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->ev[2].m.count, 30);
	assert_int_equal(w->ev[2].m.from, (uint64_t)at_ms(w, 0).wall.ns);
	assert_int_equal(w->ev[2].m.to, (uint64_t)at_ms(w, 300000).wall.ns);
}

static void
hot_plugged_cpus_are_found_by_the_list(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	machine_list(w->m, &d, 1, at_ms(w, 0), true);
	d.vcpus = 4;
	machine_list(w->m, &d, 1, at_ms(w, 10000), false);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->ev[1].kind, TALLY_CONFIG);
	assert_int_equal(w->ev[1].m.vcpus, 4);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_start_is_resumed_and_then_started_and_counts_from_resumed),
		CASE(a_start_whose_second_event_never_comes_is_recorded_after_a_second),
		CASE(a_paused_start_begins_paused_and_is_resumed_later),
		CASE(a_run_ends_at_the_shutdown_and_the_stopped_behind_it_says_nothing_new),
		CASE(a_shutdown_that_libvirt_makes_a_reboot_of_begins_another_run),
		CASE(pause_and_resume_are_recorded_once_with_their_causes),
		CASE(a_failed_start_leaves_no_run),
		CASE(what_the_first_list_has_is_a_baseline),
		CASE(what_a_later_list_lacks_has_vanished_with_bounds),
		CASE(a_stop_whose_event_comes_behind_the_list_has_its_exact_moment),
		CASE(a_listed_vm_in_a_state_that_nobody_knows_has_not_ended),
		CASE(words_that_are_no_utf_8_do_not_cost_the_gap),
		CASE(another_id_under_the_same_uuid_is_a_missed_stop_and_start),
		CASE(an_event_newer_than_the_list_wins_over_it),
		CASE(a_lost_connection_is_a_gap_and_nobody_has_stopped),
		CASE(an_adopted_run_goes_on_under_its_number_or_vanishes),
		CASE(heartbeats_are_recorded_when_the_set_changes_or_they_are_due),
		CASE(hot_plugged_cpus_are_found_by_the_list),
	};
	return cmocka_run_group_tests_name("agent machine", tests, NULL, NULL);
}
