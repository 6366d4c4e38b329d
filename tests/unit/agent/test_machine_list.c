/* SPDX-License-Identifier: Apache-2.0 */
/* What lists say against what the machine holds; heartbeats and gaps. */
#include "machinelib.h"

#include <string.h>

static void
what_the_first_list_has_is_a_baseline(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_PAUSED, 0);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_BASELINE, TALLY_C_UNKNOWN, 0);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_PAUSED);
	assert_int_equal(w->rec[0].ev.o.domain_id, 7);
	assert_int_equal(w->rec[0].ev.o.source, TALLY_SRC_POLL);
}

static void
what_a_later_list_lacks_has_vanished_with_bounds(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	assert_false(list_none(w, 10000));
	assert_int_equal(w->n, 1);
	assert_true(list_none(w, 11000));
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 11000);
	assert_true(w->rec[1].ev.m.has_not_before);
	assert_int_equal(w->rec[1].ev.m.not_before, wall_ms(0));
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_stop_whose_event_comes_behind_the_list_has_its_exact_moment(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	list_one(w, 7, TALLY_ST_STOPPING, 10000);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, 7, 10100);
	list_none(w, 11000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_DESTROYED, 10100);
	assert_false(w->rec[1].ev.m.has_not_before);
}

static void
a_reboot_whose_guest_was_paused_before_anybody_knew_is_found_by_the_second_list(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	list_one(w, 1, TALLY_ST_PAUSED, 10000);
	assert_int_equal(w->n, 2);
	list_one(w, 1, TALLY_ST_PAUSED, 20000);
	assert_int_equal(w->n, 4);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_BOOT, 20000);
	assert_int_equal(w->rec[2].ev.m.state, TALLY_ST_PAUSED);
	assert_record(w, 3, TALLY_REBOOTED, TALLY_C_HOST, 20000);
	/* One that is on its way out is none. */
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 30000);
	list_one(w, 1, TALLY_ST_STOPPING, 40000);
	list_one(w, 1, TALLY_ST_STOPPING, 50000);
	assert_int_equal(w->n, 5);
}

static void
a_reboot_behind_a_shutdown_whose_resumed_never_comes_is_found_by_the_second_list(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SHUTDOWN, 1, 5000);
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 2);
	list_one(w, 1, TALLY_ST_RUNNING, 20000);
	assert_int_equal(w->n, 4);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_BOOT, 20000);
	assert_int_equal(w->rec[2].ev.m.run, 2);
	assert_record(w, 3, TALLY_REBOOTED, TALLY_C_HOST, 20000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 20100); /* late, and no news */
	list_one(w, 1, TALLY_ST_RUNNING, 30000);
	assert_int_equal(w->n, 4);
}

static void
a_shutdown_whose_event_never_comes_is_found_by_the_second_list(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	assert_false(list_one(w, 7, TALLY_ST_STOPPING, 10000));
	assert_int_equal(w->n, 1);
	assert_true(list_one(w, 7, TALLY_ST_STOPPING, 11000));
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_SHUTDOWN, 11000);
	assert_int_equal(w->rec[1].ev.m.not_before, wall_ms(0));
	list_one(w, 7, TALLY_ST_STOPPING, 21000);
	list_none(w, 31000);
	list_none(w, 32000);
	assert_int_equal(w->n, 2);
}

static void
a_listed_vm_in_a_state_that_nobody_knows_has_not_ended(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	assert_true(list_one(w, 7, TALLY_ST_UNKNOWN, 10000));
	assert_true(list_one(w, 7, TALLY_ST_UNKNOWN, 20000));
	assert_int_equal(w->n, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
words_that_are_no_utf_8_do_not_cost_the_gap(void **state)
{
	struct world *w = *state;
	machine_lost(w->m, at_ms(0), "connection lost", "caf\xe9", 0);
	assert_int_equal(w->n, 1);
	assert_int_equal(w->rec[0].ev.kind, TALLY_GAP_BEGIN);
	assert_string_equal(w->rec[0].detail, "caf?");
}

static void
another_id_under_the_same_uuid_is_a_missed_stop_and_start(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	list_one(w, 8, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 10000);
	assert_int_equal(w->rec[1].ev.o.domain_id, 7);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_UNKNOWN, 10000);
	assert_int_equal(w->rec[2].ev.m.run, 2);
	assert_int_equal(w->rec[2].ev.o.domain_id, 8);
}

static void
another_process_under_the_same_id_is_a_missed_stop_and_start(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	d.start_ticks = 9999;
	w->shown.start_ticks = 9999;
	machine_list(w->m, &d, 1, at_ms(10000), false);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 10000);
	assert_int_equal(w->rec[1].ev.o.start_ticks, 1007);
	assert_int_equal(w->rec[2].ev.o.start_ticks, 9999);
	machine_list(w->m, &d, 1, at_ms(20000), false);
	assert_int_equal(w->n, 3);
}

static void
an_event_newer_than_the_list_wins_over_it(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 100);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 1, 110);
	list_none(w, 50); /* taken before it started */
	assert_int_equal(w->n, 1);
	assert_int_equal(machine_running(w->m), 1);
}

static void
an_event_older_than_the_list_that_showed_the_vm_says_nothing_new(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_RUNNING, 1000);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 900);
	assert_int_equal(w->n, 1);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 1100);
	assert_int_equal(w->n, 2);
}

static void
a_lost_connection_is_a_gap_and_nobody_has_stopped(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	machine_lost(w->m, at_ms(4000), "connection lost", "eof", 0);
	machine_lost(w->m, at_ms(5000), "connection lost", "eof", 0);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->rec[1].ev.kind, TALLY_HEARTBEAT);
	assert_int_equal(w->rec[2].ev.kind, TALLY_GAP_BEGIN);
	assert_int_equal(w->rec[2].ev.m.from, wall_ms(0));
	assert_string_equal(w->rec[2].reason, "connection lost");
	assert_int_equal(machine_running(w->m), 1);
	machine_back(w->m, at_ms(9000), "connected again");
	list_first(w, 7, TALLY_ST_RUNNING, 9000);
	assert_int_equal(w->n, 5);
	assert_int_equal(w->rec[3].ev.kind, TALLY_GAP_END);
	assert_int_equal(w->rec[4].ev.kind, TALLY_BASELINE);
	assert_int_equal(w->rec[4].ev.m.run, 1); /* the same run goes on */
}

static void
an_adopted_run_goes_on_under_its_number_or_vanishes(void **state)
{
	struct world *w = *state;
	struct machine_run run = { .dom = domain(7, TALLY_ST_RUNNING), .run = 42 };
	run.seen = at_ms(-60000).wall;
	for (unsigned i = 0; i < 42; i++) { /* use the numbers up */
		started(w);
		observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 40);
		w->shown = domain(1, TALLY_ST_RUNNING);
		w->n = 0;
	}
	machine_adopt(w->m, &run);
	list_first(w, 7, TALLY_ST_RUNNING, 100);
	assert_record(w, 0, TALLY_BASELINE, 0, 100);
	assert_int_equal(w->rec[0].ev.m.run, 42);
	list_none(w, 10000);
	list_none(w, 11000);
	assert_int_equal(w->rec[1].ev.m.run, 42);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_VANISHED, 11000);
}

static void
heartbeats_are_recorded_when_the_set_changes_or_they_are_due(void **state)
{
	struct world *w = *state;
	const struct tally_span due = { 300 * TALLY_SECOND };
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	machine_heartbeat(w->m, at_ms(0), due, false); /* the set is new */
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[1].ev.m.running, 1);
	assert_int_equal(w->rec[1].ev.o.cpu_times, 0);
	for (int64_t t = 10000; t <= 290000; t += 10000) {
		list_one(w, 7, TALLY_ST_RUNNING, t);
		machine_heartbeat(w->m, at_ms(t), due, false);
	}
	assert_int_equal(w->n, 2);
	w->cpu_ns = 77;
	list_one(w, 7, TALLY_ST_RUNNING, 300000);
	machine_heartbeat(w->m, at_ms(300000), due, false);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->rec[2].ev.m.count, 30);
	assert_int_equal(w->rec[2].ev.m.from, wall_ms(0));
	assert_int_equal(w->rec[2].ev.m.to, wall_ms(300000));
	assert_int_equal(w->rec[2].ev.o.cpu_times, 1);
	assert_int_equal(w->rec[2].cpu_time[0].run, 1);
	assert_int_equal(w->rec[2].cpu_time[0].ns, 77);
}

static void
hot_plugged_cpus_are_found_by_the_list(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(7, TALLY_ST_RUNNING);
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	d.vcpus = 4;
	machine_list(w->m, &d, 1, at_ms(10000), false);
	machine_list(w->m, &d, 1, at_ms(20000), false);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_CONFIG, 0, 10000);
	assert_int_equal(w->rec[1].ev.m.vcpus, 4);
	assert_int_equal(w->rec[1].ev.m.memory_mib, 128);
}

static void
states_that_changed_without_an_event_are_found_by_the_list(void **state)
{
	struct world *w = *state;
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	list_one(w, 7, TALLY_ST_PMSUSPENDED, 10000);
	list_one(w, 7, TALLY_ST_RUNNING, 20000);
	list_one(w, 7, TALLY_ST_CRASHED, 30000);
	assert_int_equal(w->n, 4);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_PMSUSPENDED, 10000);
	assert_int_equal(w->rec[2].ev.kind, TALLY_RESUMED);
	assert_record(w, 3, TALLY_CRASHED, TALLY_C_CRASHED, 30000);
}

static void
one_uuid_twice_is_one_conflict_and_never_a_stop_and_a_start(void **state)
{
	struct world *w = *state;
	struct tally_domain both[2] = { domain(7, TALLY_ST_RUNNING), domain(8, TALLY_ST_RUNNING) };
	struct tally_domain swapped[2] = { both[1], both[0] };
	list_first(w, 7, TALLY_ST_RUNNING, 0);
	machine_list(w->m, both, 2, at_ms(10000), false);
	machine_list(w->m, swapped, 2, at_ms(20000), false);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 8, 21000); /* the other one's */
	machine_list(w->m, both, 2, at_ms(30000), true);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->rec[1].ev.kind, TALLY_CONFLICT);
	assert_int_equal(w->rec[1].ev.o.domain_id, 8);
	assert_string_equal(w->rec[1].detail, "one UUID runs twice: domain ids 7 and 8");
	assert_int_equal(w->rec[2].ev.kind, TALLY_BASELINE);
	assert_int_equal(w->rec[2].ev.m.run, 1);
	assert_int_equal(machine_running(w->m), 1);
	/* The first goes: the other is metered from here on. */
	list_one(w, 8, TALLY_ST_RUNNING, 40000);
	assert_int_equal(w->n, 5);
	assert_record(w, 3, TALLY_STOPPED, TALLY_C_VANISHED, 40000);
	assert_record(w, 4, TALLY_STARTED, TALLY_C_UNKNOWN, 40000);
	/* And it comes again: told again. */
	machine_list(w->m, both, 2, at_ms(50000), false);
	assert_int_equal(w->n, 6);
	assert_int_equal(w->rec[5].ev.kind, TALLY_CONFLICT);
	assert_int_equal(w->rec[5].ev.o.domain_id, 7);
}

static void
a_conflict_in_the_very_first_list_meters_the_first_of_the_two(void **state)
{
	struct world *w = *state;
	struct tally_domain both[2] = { domain(7, TALLY_ST_RUNNING), domain(8, TALLY_ST_RUNNING) };
	machine_list(w->m, both, 2, at_ms(0), true);
	machine_list(w->m, both, 2, at_ms(10000), false);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[0].ev.kind, TALLY_BASELINE);
	assert_int_equal(w->rec[0].ev.o.domain_id, 7);
	assert_int_equal(w->rec[1].ev.kind, TALLY_CONFLICT);
}

static void
an_unmanaged_process_is_told_once(void **state)
{
	struct world *w = *state;
	struct tally_process p[2] = { { 500, 90000, "by hand" }, { 501, 90001, "caf\xe9" } };
	machine_unmanaged_told(w->m, 500, 90000);
	machine_unmanaged(w->m, p, 2, at_ms(0));
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_UNMANAGED_VM, 0, 0);
	assert_int_equal(w->rec[0].ev.o.pid, 501);
	assert_int_equal(w->rec[0].ev.o.start_ticks, 90001);
	assert_string_equal(w->rec[0].detail, "caf?");
	assert_false(w->rec[0].ev.i.has_vm);
	machine_unmanaged(w->m, p, 2, at_ms(10000));
	assert_int_equal(w->n, 1);
	p[0].start_ticks = 90002; /* the number was used again */
	machine_unmanaged(w->m, p, 2, at_ms(20000));
	assert_int_equal(w->n, 2);
	machine_unmanaged(w->m, NULL, 0, at_ms(30000));
	machine_unmanaged(w->m, p, 1, at_ms(40000)); /* it went and came: another to us */
	assert_int_equal(w->n, 3);
}

static void
a_list_that_is_older_than_an_end_brings_nobody_back(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 5010);
	assert_int_equal(machine_known(w->m), 0);
	list_one(w, 1, TALLY_ST_RUNNING, 5000); /* begun before, answered behind it */
	assert_int_equal(w->n, 2);
	assert_int_equal(machine_known(w->m), 0);
	list_one(w, 2, TALLY_ST_RUNNING, 6000);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->rec[2].ev.kind, TALLY_STARTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_the_first_list_has_is_a_baseline),
		CASE(what_a_later_list_lacks_has_vanished_with_bounds),
		CASE(a_stop_whose_event_comes_behind_the_list_has_its_exact_moment),
		CASE(a_reboot_whose_guest_was_paused_before_anybody_knew_is_found_by_the_second_list),
		CASE(a_reboot_behind_a_shutdown_whose_resumed_never_comes_is_found_by_the_second_list),
		CASE(a_shutdown_whose_event_never_comes_is_found_by_the_second_list),
		CASE(a_listed_vm_in_a_state_that_nobody_knows_has_not_ended),
		CASE(words_that_are_no_utf_8_do_not_cost_the_gap),
		CASE(another_id_under_the_same_uuid_is_a_missed_stop_and_start),
		CASE(another_process_under_the_same_id_is_a_missed_stop_and_start),
		CASE(an_event_newer_than_the_list_wins_over_it),
		CASE(an_event_older_than_the_list_that_showed_the_vm_says_nothing_new),
		CASE(a_lost_connection_is_a_gap_and_nobody_has_stopped),
		CASE(an_adopted_run_goes_on_under_its_number_or_vanishes),
		CASE(heartbeats_are_recorded_when_the_set_changes_or_they_are_due),
		CASE(hot_plugged_cpus_are_found_by_the_list),
		CASE(states_that_changed_without_an_event_are_found_by_the_list),
		CASE(one_uuid_twice_is_one_conflict_and_never_a_stop_and_a_start),
		CASE(a_conflict_in_the_very_first_list_meters_the_first_of_the_two),
		CASE(a_list_that_is_older_than_an_end_brings_nobody_back),
		CASE(an_unmanaged_process_is_told_once),
	};
	return cmocka_run_group_tests_name("agent machine list", tests, NULL, NULL);
}
