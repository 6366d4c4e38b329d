/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a VM's process: exact, but without a cause. */
#include "machinelib.h"

#include <string.h>

static void
an_exit_waits_for_the_cause_and_keeps_its_own_instant(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	machine_tick(w->m, at_ms(7900));
	assert_int_equal(w->n, 1);
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 7100);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_FAILED, 5000);
	assert_int_equal(w->rec[1].ev.o.source, TALLY_SRC_PROC);
	assert_true(w->rec[1].ev.o.has_raw_event);
	assert_false(w->rec[1].ev.m.has_not_before);
	machine_tick(w->m, at_ms(20000));
	assert_int_equal(w->n, 2);
	assert_int_equal(machine_known(w->m), 0);
}

static void
an_exit_whose_cause_never_comes_is_recorded_after_three_seconds(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	machine_tick(w->m, at_ms(8001));
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
	assert_int_equal(w->rec[1].ev.o.source, TALLY_SRC_PROC);
	assert_false(w->rec[1].ev.m.has_not_before);
	/* The manager's word comes too late for the record. */
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 9000);
	assert_int_equal(w->n, 2);
}

static void
an_exit_behind_the_managers_word_is_nothing(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 5000);
	observe_exit(w, 1, 5100);
	machine_tick(w->m, at_ms(20000));
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_DESTROYED, 5000);
}

static void
an_exit_behind_a_guests_shutdown_is_nothing(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	assert_int_equal(w->n, 2);
	observe_exit(w, 1, 6000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 6001); /* nor does it go on */
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, -1, 6500);
	assert_int_equal(w->n, 2);
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_shutdown_that_is_delivered_behind_the_exit_is_its_cause(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5002);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_SHUTDOWN, 5000);
}

static void
the_exit_of_another_process_is_nothing(void **state)
{
	struct world *w = *state;
	struct tally_observation o = { .kind = TALLY_OBS_EXIT, .domain = domain(1, 0) };
	started(w);
	observe_exit(w, 2, 5000); /* another id, pid and start */
	o.domain.id = 1;
	o.domain.start_ticks = 5;
	o.at = at_ms(5001);
	machine_observe(w->m, &o);
	o.domain = domain(1, 0);
	memcpy(o.domain.uuid, uuid_b, 16);
	machine_observe(w->m, &o);
	machine_tick(w->m, at_ms(20000));
	assert_int_equal(w->n, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
an_exit_while_the_manager_is_away_is_recorded_at_once(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	machine_lost(w->m, at_ms(4000), "connection lost", "eof", 0);
	assert_int_equal(w->n, 3);
	observe_exit(w, 1, 5000);
	assert_int_equal(w->n, 4);
	assert_record(w, 3, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
	assert_int_equal(w->rec[3].ev.o.source, TALLY_SRC_PROC);
	machine_back(w->m, at_ms(9000), "connected again");
	/* A manager that is back and late shows it still: nothing begins. */
	list_first(w, 1, TALLY_ST_RUNNING, 9000);
	list_none(w, 19000);
	list_none(w, 20000);
	assert_int_equal(w->n, 5);
	assert_int_equal(machine_known(w->m), 0);
}

/* Whoever ends a VM at once keeps the manager from describing it: the event that
 * made it known brings the process. */
static void
a_process_that_only_the_event_knows_is_known(void **state)
{
	struct world *w = *state;
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = TALLY_STARTED };
	w->describes = 0;
	o.domain = domain(1, 0);
	o.cause = TALLY_C_BOOT;
	o.at = at_ms(0);
	machine_observe(w->m, &o);
	observe_exit(w, 1, 40);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 240);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_DESTROYED, 40);
	assert_int_equal(w->rec[1].ev.o.source, TALLY_SRC_PROC);
	assert_false(w->rec[1].ev.m.has_not_before);
}

static void
a_late_word_on_a_process_that_nobody_knew_has_bounds(void **state)
{
	struct world *w = *state;
	w->describes = 0;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 10);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 2100);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_DESTROYED, 2100);
	assert_int_equal(w->rec[1].ev.o.source, TALLY_SRC_EVENT);
	assert_true(w->rec[1].ev.m.has_not_before);
	assert_int_equal(w->rec[1].ev.m.not_before, wall_ms(10));
	/* A shutdown is told when it happens. */
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 2, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 2, 6000);
	assert_int_equal(w->n, 4);
	assert_false(w->rec[3].ev.m.has_not_before);
}

static void
a_late_word_on_a_run_that_was_not_listed_yet_has_bounds(void **state)
{
	struct world *w = *state;
	struct machine_run run = { .dom = domain(7, TALLY_ST_RUNNING), .run = 1 };
	run.seen = at_ms(-60000).wall;
	started(w); /* the number is used up */
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 40);
	w->n = 0;
	w->shown.id = -1;
	machine_adopt(w->m, &run);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 5000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_STOPPED, TALLY_C_DESTROYED, 5000);
	assert_true(w->rec[0].ev.m.has_not_before);
	assert_int_equal(w->rec[0].ev.m.not_before, wall_ms(-60000));
}

static void
a_loss_of_the_connection_ends_the_wait(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	observe_exit(w, 1, 5000);
	machine_lost(w->m, at_ms(5500), "connection lost", "eof", 0);
	assert_int_equal(w->n, 4);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
	assert_int_equal(w->rec[2].ev.kind, TALLY_HEARTBEAT);
	assert_int_equal(w->rec[2].ev.m.running, 0);
	assert_int_equal(w->rec[3].ev.kind, TALLY_GAP_BEGIN);
}

static void
a_stop_of_the_agent_ends_the_wait(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	machine_tick(w->m, (struct tally_now){ .uptime = { INT64_MAX } });
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
}

static void
a_list_without_the_vm_makes_no_second_stop(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	observe_exit(w, 1, 5000);
	assert_true(list_none(w, 5100));
	assert_true(list_none(w, 6100));
	assert_int_equal(w->n, 1);
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 7000);
	list_none(w, 10000);
	list_none(w, 11000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_FAILED, 5000);
}

static void
a_list_with_the_vm_does_not_bring_it_back(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	observe_exit(w, 1, 5000);
	list_one(w, 1, TALLY_ST_RUNNING, 5100); /* the manager is late */
	machine_tick(w->m, at_ms(8100));
	assert_int_equal(w->n, 2);
	list_one(w, 1, TALLY_ST_RUNNING, 10000); /* still */
	list_first(w, 1, TALLY_ST_PAUSED, 20000);
	list_none(w, 30000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
	assert_int_equal(machine_running(w->m), 0);
}

static void
a_new_process_of_the_vm_ends_the_wait_for_the_old_ones_cause(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 2, 5500);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 2, 5510);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_UNKNOWN, 5000);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_BOOT, 5500);
	assert_int_equal(w->rec[2].ev.m.run, 2);
	/* In a list the same. */
	observe_exit(w, 2, 8000);
	list_one(w, 3, TALLY_ST_RUNNING, 9000);
	assert_int_equal(w->n, 5);
	assert_record(w, 3, TALLY_STOPPED, TALLY_C_UNKNOWN, 8000);
	assert_record(w, 4, TALLY_STARTED, TALLY_C_UNKNOWN, 9000);
}

static void
a_vm_that_dies_between_its_two_events_has_a_start_and_an_end(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	observe_exit(w, 1, 200);
	assert_int_equal(w->n, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 210);
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 400);
	assert_int_equal(w->n, 2);
	assert_record(w, 0, TALLY_STARTED, TALLY_C_BOOT, 0);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_FAILED, 200);
	/* And where neither second event comes. */
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 2, 1000);
	observe_exit(w, 2, 1200);
	machine_tick(w->m, at_ms(4300));
	assert_int_equal(w->n, 4);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_UNKNOWN, 1000);
	assert_record(w, 3, TALLY_STOPPED, TALLY_C_UNKNOWN, 1200);
}

static void
a_panic_whose_process_ends_is_both(void **state)
{
	struct world *w = *state;
	started(w);
	observe_exit(w, 1, 5000);
	observe(w, TALLY_CRASHED, TALLY_C_CRASHED, 1, 5001);
	observe(w, TALLY_STOPPED, TALLY_C_CRASHED, -1, 5400);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_CRASHED, TALLY_C_CRASHED, 5000);
	assert_record(w, 2, TALLY_STOPPED, TALLY_C_CRASHED, 5000);
}

static void
a_process_that_nobody_could_name_is_named_by_the_next_list(void **state)
{
	struct world *w = *state;
	w->describes = -1;
	started(w);
	assert_false(w->rec[0].ev.o.has_pid);
	observe_exit(w, 1, 100); /* of whom, nobody can say */
	machine_tick(w->m, at_ms(4000));
	assert_int_equal(w->n, 1);
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	observe_exit(w, 1, 12000);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 12500);
	assert_record(w, w->n - 1, TALLY_STOPPED, TALLY_C_DESTROYED, 12000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_exit_waits_for_the_cause_and_keeps_its_own_instant),
		CASE(an_exit_whose_cause_never_comes_is_recorded_after_three_seconds),
		CASE(an_exit_behind_the_managers_word_is_nothing),
		CASE(an_exit_behind_a_guests_shutdown_is_nothing),
		CASE(a_shutdown_that_is_delivered_behind_the_exit_is_its_cause),
		CASE(the_exit_of_another_process_is_nothing),
		CASE(an_exit_while_the_manager_is_away_is_recorded_at_once),
		CASE(a_process_that_only_the_event_knows_is_known),
		CASE(a_late_word_on_a_process_that_nobody_knew_has_bounds),
		CASE(a_late_word_on_a_run_that_was_not_listed_yet_has_bounds),
		CASE(a_loss_of_the_connection_ends_the_wait),
		CASE(a_stop_of_the_agent_ends_the_wait),
		CASE(a_list_without_the_vm_makes_no_second_stop),
		CASE(a_list_with_the_vm_does_not_bring_it_back),
		CASE(a_new_process_of_the_vm_ends_the_wait_for_the_old_ones_cause),
		CASE(a_vm_that_dies_between_its_two_events_has_a_start_and_an_end),
		CASE(a_panic_whose_process_ends_is_both),
		CASE(a_process_that_nobody_could_name_is_named_by_the_next_list),
	};
	return cmocka_run_group_tests_name("agent machine exit", tests, NULL, NULL);
}
