/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations, seen from either side. */
#include "machinelib.h"

#include <string.h>

static void
a_failed_start_leaves_no_run(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 1, 0);
	assert_int_equal(w->n, 0);
	observe(w, TALLY_STOPPED, TALLY_C_FAILED, -1, 100);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATION_FAILED, TALLY_C_FAILED, 100);
	assert_false(w->rec[0].ev.m.has_run);
	assert_int_equal(machine_running(w->m), 0);
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_source_is_left_at_the_switch_over_and_says_so_at_its_end(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_MIGRATED, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_MIGRATED, -1, 7000);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_MIGRATED_OUT, TALLY_C_MIGRATED, 7000);
	assert_int_equal(w->rec[2].ev.m.run, 1);
	observe_exit(w, 1, 7001);
	machine_tick(w->m, at_ms(20000));
	assert_int_equal(w->n, 3);
}

static void
a_source_whose_process_ends_first_migrated_out_all_the_same(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_POSTCOPY, 1, 5000);
	observe_exit(w, 1, 6000);
	observe(w, TALLY_STOPPED, TALLY_C_MIGRATED, -1, 7000);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_POSTCOPY, 5000);
	assert_record(w, 2, TALLY_MIGRATED_OUT, TALLY_C_MIGRATED, 6000);
}

static void
a_paused_vm_is_left_too(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 1000);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5000);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5001);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_SUSPENDED, TALLY_C_MIGRATED, 5000);
}

static void
a_migration_that_fails_at_the_switch_over_resumes_its_source(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5000);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 6000);
	assert_int_equal(w->n, 4);
	assert_record(w, 2, TALLY_RESUMED, TALLY_C_MIGRATED, 6000);
	assert_record(w, 3, TALLY_MIGRATION_FAILED, 0, 6000);
	assert_int_equal(w->rec[3].ev.m.run, 1);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 7000);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 8000);
	assert_int_equal(w->n, 6); /* told once */
}

static void
a_failed_migration_whose_events_were_missed_is_found_by_the_list(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5000);
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 4);
	assert_int_equal(w->rec[2].ev.kind, TALLY_RESUMED);
	assert_int_equal(w->rec[3].ev.kind, TALLY_MIGRATION_FAILED);
}

static void
a_switch_over_that_only_the_list_saw_is_one_too(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(1, TALLY_ST_PAUSED);
	d.cause = TALLY_C_POSTCOPY;
	started(w);
	machine_list(w->m, &d, 1, at_ms(10000), false);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 1, 11000);
	assert_int_equal(w->n, 4);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_POSTCOPY, 10000);
	assert_int_equal(w->rec[3].ev.kind, TALLY_MIGRATION_FAILED);
}

static void
a_target_runs_from_resumed_on(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 1, 0);
	list_one(w, 1, TALLY_ST_INCOMING, 500);
	assert_int_equal(w->n, 0);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 1000);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 1001);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 1000);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_RUNNING);
	assert_int_equal(w->rec[0].ev.m.vcpus, 2);
	assert_int_equal(w->rec[0].ev.m.run, 1);
	assert_text(w, 0, i.name, "web");
}

static void
a_post_copy_target_runs_from_its_own_resumed_on(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 1, 0);
	observe(w, TALLY_RESUMED, TALLY_C_POSTCOPY, 1, 1000);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 9000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_POSTCOPY, 1000);
}

static void
a_target_whose_start_was_not_seen_is_one_by_its_resumed(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 1000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 1000);
}

static void
a_target_that_is_found_running_migrated_in_by_poll(void **state)
{
	struct world *w = *state;
	list_one(w, 1, TALLY_ST_INCOMING, 0);
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 10000);
	assert_int_equal(w->rec[0].ev.o.source, TALLY_SRC_POLL);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 1, 10001);
	assert_int_equal(w->n, 1);
}

static void
a_vm_that_migrated_while_nobody_looked_came_in_since(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(1, TALLY_ST_RUNNING);
	d.cause = TALLY_C_MIGRATED;
	list_none(w, 0);
	machine_lost(w->m, at_ms(4000), "connection lost", "eof", 0);
	machine_back(w->m, at_ms(9000), "connected again");
	w->n = 0;
	machine_list(w->m, &d, 1, at_ms(9000), true);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 9000);
	assert_int_equal(w->rec[0].ev.o.source, TALLY_SRC_POLL);
}

static void
a_vm_that_migrated_before_anybody_looked_is_a_baseline(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(1, TALLY_ST_RUNNING);
	d.cause = TALLY_C_MIGRATED;
	machine_list(w->m, &d, 1, at_ms(0), true);
	assert_record(w, 0, TALLY_BASELINE, TALLY_C_UNKNOWN, 0);
}

static void
a_paused_vm_arrives_paused(void **state)
{
	struct world *w = *state;
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 1, 0);
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, 1, 1000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 1000);
	assert_int_equal(w->rec[0].ev.m.state, TALLY_ST_PAUSED);
}

static void
a_target_that_goes_without_a_word_failed(void **state)
{
	struct world *w = *state;
	list_first(w, 1, TALLY_ST_INCOMING, 0);
	assert_int_equal(w->n, 0);
	observe_exit(w, 1, 5000);
	assert_false(list_none(w, 10000));
	assert_true(list_none(w, 11000));
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_MIGRATION_FAILED, TALLY_C_VANISHED, 11000);
	assert_int_equal(machine_known(w->m), 0);
}

static void
a_source_at_the_switch_over_is_listed_as_incoming_and_runs_on(void **state)
{
	struct world *w = *state;
	started(w);
	assert_true(list_one(w, 1, TALLY_ST_INCOMING, 10000));
	assert_true(list_first(w, 1, TALLY_ST_INCOMING, 20000));
	assert_int_equal(w->n, 1);
	/* Its event was on the way, and is older than the list. */
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 19990);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_SUSPENDED, TALLY_C_MIGRATED, 19990);
}

static void
there_and_back_is_a_run_for_each_stay(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_SUSPENDED, TALLY_C_MIGRATED, 1, 5000);
	observe(w, TALLY_STOPPED, TALLY_C_MIGRATED, -1, 7000);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_STARTED, TALLY_C_MIGRATED, 2, 8000);
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 2, 9000);
	assert_int_equal(w->n, 4);
	assert_record(w, 3, TALLY_MIGRATED_IN, TALLY_C_MIGRATED, 9000);
	assert_int_equal(w->rec[3].ev.m.run, 2);
}

static void
an_adopted_run_in_the_midst_of_a_migration_knows_it(void **state)
{
	struct world *w = *state;
	struct machine_run run = { .dom = domain(1, TALLY_ST_PAUSED), .run = 1, .migrating = true };
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 50);
	machine_adopt(w->m, &run);
	w->shown = domain(1, TALLY_ST_RUNNING);
	w->n = 0;
	list_first(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 2);
	assert_record(w, 0, TALLY_BASELINE, 0, 10000);
	assert_record(w, 1, TALLY_MIGRATION_FAILED, 0, 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_failed_start_leaves_no_run),
		CASE(a_source_is_left_at_the_switch_over_and_says_so_at_its_end),
		CASE(a_source_whose_process_ends_first_migrated_out_all_the_same),
		CASE(a_paused_vm_is_left_too),
		CASE(a_migration_that_fails_at_the_switch_over_resumes_its_source),
		CASE(a_failed_migration_whose_events_were_missed_is_found_by_the_list),
		CASE(a_switch_over_that_only_the_list_saw_is_one_too),
		CASE(a_target_runs_from_resumed_on),
		CASE(a_post_copy_target_runs_from_its_own_resumed_on),
		CASE(a_target_whose_start_was_not_seen_is_one_by_its_resumed),
		CASE(a_target_that_is_found_running_migrated_in_by_poll),
		CASE(a_vm_that_migrated_while_nobody_looked_came_in_since),
		CASE(a_vm_that_migrated_before_anybody_looked_is_a_baseline),
		CASE(a_paused_vm_arrives_paused),
		CASE(a_target_that_goes_without_a_word_failed),
		CASE(a_source_at_the_switch_over_is_listed_as_incoming_and_runs_on),
		CASE(there_and_back_is_a_run_for_each_stay),
		CASE(an_adopted_run_in_the_midst_of_a_migration_knows_it),
	};
	return cmocka_run_group_tests_name("agent machine move", tests, NULL, NULL);
}
