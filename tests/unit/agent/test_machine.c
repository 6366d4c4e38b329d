/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's state machine: events in, records out. */
#include "machinelib.h"

#include <string.h>

static void
a_start_is_resumed_and_then_started_and_counts_from_resumed(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	assert_int_equal(w->n, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 30);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_STARTED, TALLY_C_BOOT, 0);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_RUNNING);
	assert_int_equal(w->rec[0].ev.m.vcpus, 2);
	assert_int_equal(w->rec[0].ev.m.run, 1);
	assert_int_equal(w->rec[0].ev.o.domain_id, 1);
	assert_int_equal(w->rec[0].ev.o.pid, 101);
	assert_int_equal(w->rec[0].ev.o.start_ticks, 1001);
	assert_text(w, 0, i.name, "web");
	assert_int_equal(machine_running(w->m), 1);
}

static void
a_start_that_the_manager_explains_at_once_waits_for_no_second_event(void **state)
{
	struct world *w = *state;
	w->shown.cause = TALLY_C_BOOT;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_STARTED, TALLY_C_BOOT, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 30);
	machine_tick(w->m, at_ms(5000));
	assert_int_equal(w->n, 1);
}

static void
a_start_whose_second_event_never_comes_is_recorded_after_a_second(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 0);
	machine_tick(w->m, at_ms(900));
	assert_int_equal(w->n, 0);
	machine_tick(w->m, at_ms(1100));
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_STARTED, TALLY_C_UNKNOWN, 0);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 1200);
	assert_int_equal(w->n, 1);
}

static void
a_driver_that_sends_only_started_runs_its_guest(void **state)
{
	struct world *w = *state;
	w->shown = domain(1, TALLY_ST_RUNNING);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 0);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 10);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_RUNNING);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_PAUSED, 10);
}

static void
a_paused_start_begins_paused_and_is_resumed_later(void **state)
{
	struct world *w = *state;
	w->shown = domain(1, TALLY_ST_PAUSED);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 0);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 1);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 500);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_PAUSED);
	assert_record(w, 1, TALLY_RESUMED, TALLY_C_UNPAUSED, 500);
}

static void
a_run_ends_at_the_shutdown_and_the_stopped_behind_it_says_nothing_new(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, -1, 6500);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_SHUTDOWN, 5000);
	assert_false(w->rec[1].ev.m.has_not_before);
	assert_int_equal(machine_running(w->m), 0);
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_shutdown_that_libvirt_makes_a_reboot_of_begins_another_run(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 5010);
	assert_int_equal(w->n, 4);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_BOOT, 5010);
	assert_int_equal(w->rec[2].ev.m.run, 2);
	assert_record(w, 3, TALLY_REBOOTED, TALLY_C_HOST, 5010);
	assert_int_equal(w->rec[3].ev.m.run, 2);
}

static void
pause_and_resume_are_recorded_once_with_their_causes(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_IOERROR, 1, 1000);
	observe(w, TALLY_SUSPENDED, TALLY_C_IOERROR, 1, 1001);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 2000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 2001);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_IOERROR, 1000);
	assert_int_equal(w->rec[1].ev.m.state, TALLY_ST_PAUSED);
	assert_record(w, 2, TALLY_RESUMED, TALLY_C_UNPAUSED, 2000);
}

static void
three_reboot_events_within_two_seconds_are_one_reboot_of_the_same_run(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_REBOOTED, TALLY_C_GUEST, 1, 5000);
	observe(w, TALLY_REBOOTED, TALLY_C_GUEST, 1, 5400);
	observe(w, TALLY_REBOOTED, TALLY_C_GUEST, 1, 7000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_REBOOTED, TALLY_C_GUEST, 5000);
	assert_int_equal(w->rec[1].ev.m.count, 1);
	assert_int_equal(w->rec[1].ev.m.run, 1);
	observe(w, TALLY_REBOOTED, TALLY_C_GUEST, 1, 7001);
	assert_int_equal(w->n, 3);
}

static void
a_reboot_of_a_vm_that_does_not_run_is_nothing(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_REBOOTED, TALLY_C_GUEST, 1, 0);
	assert_int_equal(w->n, 0);
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_panic_that_is_preserved_stays_one_run_until_its_process_is_destroyed(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_CRASHED, TALLY_C_CRASHED, 1, 5000);
	observe(w, TALLY_CRASHED, TALLY_C_CRASHED, 1, 5001);
	list_one(w, 1, TALLY_ST_CRASHED, 10000);
	list_one(w, 1, TALLY_ST_CRASHED, 20000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_CRASHED, TALLY_C_CRASHED, 5000);
	assert_int_equal(machine_running(w->m), 1);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 30000);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->rec[2].ev.m.run, 1);
}

static void
a_panic_that_restarts_goes_on_in_the_same_run(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_CRASHED, TALLY_C_CRASHED, 1, 5000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 5500);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_RESUMED, TALLY_C_UNPAUSED, 5500);
	assert_int_equal(w->rec[2].ev.m.run, 1);
}

static void
a_wakeup_of_a_suspended_guest_resumes_its_run(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_PMSUSPENDED, 1, 5000);
	assert_int_equal(w->rec[1].ev.m.state, TALLY_ST_PMSUSPENDED);
	observe(w, TALLY_STARTED, TALLY_C_WAKEUP, 1, 9000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 9001);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_RESUMED, TALLY_C_WAKEUP, 9000);
	assert_int_equal(w->rec[2].ev.m.run, 1);
}

static void
an_event_that_nobody_knows_records_nothing(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, 0, 0, 1, 100);
	assert_int_equal(w->n, 1);
}

static void
a_stop_that_comes_again_behind_the_next_start_does_not_end_that(void **state)
{
	struct world *w = *state;
	struct tally_observation late = { .kind = TALLY_OBS_EVENT, .what = TALLY_STOPPED };
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 5000);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 2, 6000);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 2, 6010);
	assert_int_equal(w->n, 3);
	memcpy(late.domain.uuid, uuid_a, 16);
	late.domain.id = -1;
	late.cause = TALLY_C_DESTROYED;
	late.at = at_ms(6100);
	machine_observe(w->m, &late);
	late.domain.id = 1; /* the shutdown of the process before it */
	machine_observe(w->m, &late);
	assert_int_equal(w->n, 3);
	assert_int_equal(machine_running(w->m), 1);
}

static void
a_late_event_of_the_process_before_ends_nothing_where_the_manager_cannot_be_asked(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	w->describes = -1;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 6, 3000);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 6, 3001);
	assert_int_equal(w->n, 1);
	/* A STOPPED names none: the end of the process that is watched is awaited. */
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, -1, 4000);
	assert_int_equal(w->n, 1);
	/* One of the process behind it does: its id is higher. */
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 8, 6000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 6000);
}

static void
another_process_whose_predecessors_stop_was_missed_ends_that_with_bounds(void **state)
{
	struct world *w = *state;
	started(w);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 2, 6000);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 2, 6010);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 6000);
	assert_int_equal(w->rec[1].ev.m.not_before, wall_ms(30));
	assert_record(w, 2, TALLY_STARTED, TALLY_C_BOOT, 6000);
	assert_int_equal(w->rec[2].ev.m.run, 2);
}

static void
a_rename_is_recorded_and_later_records_carry_the_new_name(void **state)
{
	struct world *w = *state;
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = TALLY_RENAMED };
	struct tally_domain d = domain(1, TALLY_ST_RUNNING);
	started(w);
	o.domain = domain(1, 0);
	memcpy(o.domain.name, "db", 3);
	o.at = at_ms(5000);
	machine_observe(w->m, &o);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_RENAMED, 0, 5000);
	assert_int_equal(w->rec[1].ev.m.run, 1);
	assert_text(w, 1, i.name, "db");
	memcpy(d.name, "db", 3);
	d.vcpus = 4;
	machine_list(w->m, &d, 1, at_ms(10000), false);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_CONFIG, 0, 10000);
	assert_text(w, 2, i.name, "db");
}

static void
a_definition_needs_no_run(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_DEFINED, 0, -1, 0);
	observe(w, TALLY_UNDEFINED, 0, -1, 10);
	assert_int_equal(w->n, 2);
	assert_record(w, 0, TALLY_DEFINED, 0, 0);
	assert_false(w->rec[0].ev.m.has_run);
	assert_int_equal(machine_known(w->m), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_start_is_resumed_and_then_started_and_counts_from_resumed),
		CASE(a_start_that_the_manager_explains_at_once_waits_for_no_second_event),
		CASE(a_start_whose_second_event_never_comes_is_recorded_after_a_second),
		CASE(a_driver_that_sends_only_started_runs_its_guest),
		CASE(a_paused_start_begins_paused_and_is_resumed_later),
		CASE(a_run_ends_at_the_shutdown_and_the_stopped_behind_it_says_nothing_new),
		CASE(a_shutdown_that_libvirt_makes_a_reboot_of_begins_another_run),
		CASE(pause_and_resume_are_recorded_once_with_their_causes),
		CASE(three_reboot_events_within_two_seconds_are_one_reboot_of_the_same_run),
		CASE(a_reboot_of_a_vm_that_does_not_run_is_nothing),
		CASE(a_panic_that_is_preserved_stays_one_run_until_its_process_is_destroyed),
		CASE(a_panic_that_restarts_goes_on_in_the_same_run),
		CASE(a_wakeup_of_a_suspended_guest_resumes_its_run),
		CASE(an_event_that_nobody_knows_records_nothing),
		CASE(a_stop_that_comes_again_behind_the_next_start_does_not_end_that),
		CASE(a_late_event_of_the_process_before_ends_nothing_where_the_manager_cannot_be_asked),
		CASE(another_process_whose_predecessors_stop_was_missed_ends_that_with_bounds),
		CASE(a_rename_is_recorded_and_later_records_carry_the_new_name),
		CASE(a_definition_needs_no_run),
	};
	return cmocka_run_group_tests_name("agent machine", tests, NULL, NULL);
}
