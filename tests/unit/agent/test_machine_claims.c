/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator claims of a VM, and states from another time. */
#include "machinelib.h"

#include <string.h>

static void
claim(struct world *w, const char *os, const char *tenant, const char *cost, const char *env)
{
	memset(w->shown.os, 0, sizeof(w->shown.os));
	memset(w->shown.tenant, 0, sizeof(w->shown.tenant));
	memset(w->shown.cost_center, 0, sizeof(w->shown.cost_center));
	memset(w->shown.environment, 0, sizeof(w->shown.environment));
	memcpy(w->shown.os, os, strlen(os));
	memcpy(w->shown.tenant, tenant, strlen(tenant));
	memcpy(w->shown.cost_center, cost, strlen(cost));
	memcpy(w->shown.environment, env, strlen(env));
}

static void
a_start_carries_what_the_operator_claims(void **state)
{
	struct world *w = *state;
	claim(w, "http://debian.org/debian/12", "acme", "4711", "production");
	started(w);
	assert_text(w, 0, m.os, "http://debian.org/debian/12");
	assert_int_equal(w->rec[0].ev.m.evidence, TALLY_E_OPERATOR);
	assert_text(w, 0, i.tenant, "acme");
	assert_text(w, 0, i.cost_center, "4711");
	assert_text(w, 0, m.environment, "production");
}

static void
what_nobody_claims_is_absent(void **state)
{
	struct world *w = *state;
	started(w);
	assert_null(w->rec[0].ev.m.os.p);
	assert_false(w->rec[0].ev.m.has_evidence);
	assert_null(w->rec[0].ev.i.tenant.p);
	assert_null(w->rec[0].ev.m.environment.p);
}

static void
a_baseline_and_a_migrated_in_carry_claims_that_their_list_does_not_know(void **state)
{
	struct world *w = *state;
	claim(w, "http://debian.org/debian/12", "acme", "", "");
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	assert_text(w, 0, m.os, "http://debian.org/debian/12");
	assert_text(w, 0, i.tenant, "acme");
	observe(w, TALLY_STOPPED, TALLY_C_MIGRATED, -1, 1000);
	w->shown.id = 2;
	w->shown.start_ticks = 1002;
	observe(w, TALLY_RESUMED, TALLY_C_MIGRATED, 2, 2000);
	assert_int_equal(w->rec[2].ev.kind, TALLY_MIGRATED_IN);
	assert_text(w, 2, i.tenant, "acme");
}

static void
a_change_is_recorded_with_what_changed_alone(void **state)
{
	struct world *w = *state;
	claim(w, "http://debian.org/debian/12", "acme", "4711", "test");
	started(w);
	observe(w, TALLY_TAGS, 0, 1, 5000); /* nothing has changed */
	assert_int_equal(w->n, 1);
	claim(w, "http://debian.org/debian/12", "acme", "4712", "");
	observe(w, TALLY_TAGS, 0, 1, 6000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_TAGS, 0, 6000);
	assert_int_equal(w->rec[1].ev.m.run, 1);
	assert_text(w, 1, i.cost_center, "4712");
	assert_text(w, 1, m.environment, ""); /* stated as unknown */
	assert_null(w->rec[1].ev.i.tenant.p);
	assert_false(w->rec[1].ev.m.has_from); /* no correction */
	claim(w, "", "acme", "4712", "");
	observe(w, TALLY_TAGS, 0, 1, 7000);
	assert_int_equal(w->n, 3);
	assert_record(w, 2, TALLY_OS_CLAIM, 0, 7000);
	assert_text(w, 2, m.os, "");
	assert_int_equal(w->rec[2].ev.m.evidence, TALLY_E_NONE);
}

static void
a_manager_that_cannot_be_asked_changes_nothing(void **state)
{
	struct world *w = *state;
	claim(w, "http://debian.org/debian/12", "acme", "", "");
	started(w);
	w->describes = -1;
	observe(w, TALLY_TAGS, 0, 1, 5000);
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 1);
	/* It is asked again with the next list. */
	w->describes = 1;
	claim(w, "http://debian.org/debian/12", "umbrella", "", "");
	list_one(w, 1, TALLY_ST_RUNNING, 20000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_TAGS, 0, 20000);
	assert_text(w, 1, i.tenant, "umbrella");
	assert_int_equal(w->rec[1].ev.o.source, TALLY_SRC_POLL);
}

static void
a_start_that_could_not_be_described_learns_later(void **state)
{
	struct world *w = *state;
	w->describes = -1;
	started(w);
	assert_false(w->rec[0].ev.m.has_vcpus);
	w->describes = 1;
	claim(w, "http://debian.org/debian/12", "", "", "");
	list_one(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_CONFIG, 0, 10000);
	assert_int_equal(w->rec[1].ev.m.vcpus, 2);
	assert_record(w, 2, TALLY_OS_CLAIM, 0, 10000);
}

static void
a_baseline_behind_a_gap_takes_back_what_has_gone_meanwhile(void **state)
{
	struct world *w = *state;
	claim(w, "http://debian.org/debian/12", "acme", "4711", "");
	list_first(w, 1, TALLY_ST_RUNNING, 0);
	claim(w, "http://debian.org/debian/12", "", "4711", "");
	list_first(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[1].ev.kind, TALLY_BASELINE);
	assert_text(w, 1, i.tenant, "");
	assert_text(w, 1, i.cost_center, "4711");
	assert_null(w->rec[1].ev.m.environment.p);
	list_first(w, 1, TALLY_ST_RUNNING, 20000);
	assert_null(w->rec[2].ev.i.tenant.p); /* taken back once */
}

static void
an_adopted_run_takes_back_what_the_earlier_agent_recorded(void **state)
{
	struct world *w = *state;
	struct machine_run run = { .dom = domain(1, TALLY_ST_RUNNING), .run = 1 };
	memcpy(run.dom.environment, "test", 5);
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 50);
	machine_adopt(w->m, &run);
	w->n = 0;
	list_first(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 1);
	assert_text(w, 0, m.environment, "");
}

static void
a_revert_is_told_with_the_start_that_it_makes(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_SNAPSHOT, -1, 5000);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_STARTED, TALLY_C_SNAPSHOT, 2, 5100);
	observe(w, TALLY_RESUMED, TALLY_C_SNAPSHOT, 2, 5110);
	assert_int_equal(w->n, 5);
	assert_record(w, 1, TALLY_STOPPED, TALLY_C_SNAPSHOT, 5000);
	assert_record(w, 2, TALLY_STARTED, TALLY_C_SNAPSHOT, 5100);
	assert_record(w, 3, TALLY_TIME_TRAVEL, TALLY_C_REVERT, 5100);
	assert_int_equal(w->rec[3].ev.m.run, 2);
	assert_record(w, 4, TALLY_RESUMED, TALLY_C_SNAPSHOT, 5110);
}

static void
a_revert_into_the_same_process_is_told_too(void **state)
{
	struct world *w = *state;
	started(w);
	observe(w, TALLY_RESUMED, TALLY_C_SNAPSHOT, 1, 5000);
	assert_int_equal(w->n, 2);
	assert_record(w, 1, TALLY_TIME_TRAVEL, TALLY_C_REVERT, 5000);
}

static void
save(struct world *w, int64_t id, int64_t ms)
{
	observe(w, TALLY_SUSPENDED, TALLY_C_PAUSED, id, ms);
	observe(w, TALLY_STOPPED, TALLY_C_SAVED, -1, ms + 100);
}

static void
restore(struct world *w, int64_t id, int64_t ms)
{
	w->shown = domain(id, TALLY_ST_RUNNING);
	observe(w, TALLY_STARTED, TALLY_C_RESTORE, id, ms);
	observe(w, TALLY_RESUMED, TALLY_C_SNAPSHOT, id, ms + 10); /* so says libvirt 9 */
}

static void
a_restore_of_what_was_saved_is_no_travel_and_a_second_one_is(void **state)
{
	struct world *w = *state;
	started(w);
	save(w, 1, 5000);
	restore(w, 2, 6000);
	assert_int_equal(w->n, 5);
	assert_record(w, 2, TALLY_STOPPED, TALLY_C_SAVED, 5100);
	assert_record(w, 3, TALLY_STARTED, TALLY_C_RESTORE, 6000);
	assert_int_equal(w->rec[4].ev.kind, TALLY_RESUMED);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 7000);
	restore(w, 3, 8000);
	assert_int_equal(w->n, 9);
	assert_record(w, 7, TALLY_TIME_TRAVEL, TALLY_C_RESTORE, 8000);
}

static void
a_revert_behind_a_restore_is_told(void **state)
{
	struct world *w = *state;
	started(w);
	save(w, 1, 5000);
	restore(w, 2, 6000);
	w->n = 0;
	observe(w, TALLY_RESUMED, TALLY_C_SNAPSHOT, 2, 7000);
	assert_int_equal(w->n, 1);
	assert_record(w, 0, TALLY_TIME_TRAVEL, TALLY_C_REVERT, 7000);
}

static void
a_boot_in_between_makes_the_saved_state_old(void **state)
{
	struct world *w = *state;
	started(w);
	save(w, 1, 5000);
	w->shown = domain(2, TALLY_ST_RUNNING);
	observe(w, TALLY_RESUMED, TALLY_C_UNPAUSED, 2, 6000);
	observe(w, TALLY_STARTED, TALLY_C_BOOT, 2, 6010);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 7000);
	w->n = 0;
	restore(w, 3, 8000);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_TIME_TRAVEL, TALLY_C_RESTORE, 8000);
}

static void
what_an_earlier_agent_saw_saved_may_be_restored(void **state)
{
	struct world *w = *state;
	machine_saved(w->m, uuid_a);
	restore(w, 1, 0);
	assert_int_equal(w->n, 2);
	assert_record(w, 0, TALLY_STARTED, TALLY_C_RESTORE, 0);
	assert_int_equal(w->rec[1].ev.kind, TALLY_RESUMED);
}

static void
a_monitor_behind_the_managers_back_is_told_once_a_run(void **state)
{
	struct world *w = *state;
	struct tally_domain d = domain(1, TALLY_ST_RUNNING);
	started(w);
	list_one(w, 1, TALLY_ST_RUNNING, 5000);
	assert_int_equal(w->n, 1);
	d.tainted = true;
	w->shown.tainted = true;
	machine_list(w->m, &d, 1, at_ms(10000), false);
	machine_list(w->m, &d, 1, at_ms(20000), false);
	machine_list(w->m, &d, 1, at_ms(30000), true);
	assert_int_equal(w->n, 3);
	assert_record(w, 1, TALLY_TIME_TRAVEL, TALLY_C_MONITOR, 10000);
	assert_int_equal(w->rec[2].ev.kind, TALLY_BASELINE);
}

static void
an_adopted_run_whose_monitor_was_told_is_not_told_again(void **state)
{
	struct world *w = *state;
	struct machine_run run = { .dom = domain(1, TALLY_ST_RUNNING), .run = 1 };
	run.dom.tainted = true;
	started(w);
	observe(w, TALLY_STOPPED, TALLY_C_DESTROYED, -1, 50);
	machine_adopt(w->m, &run);
	w->shown = domain(1, TALLY_ST_RUNNING);
	w->shown.tainted = true;
	w->n = 0;
	list_first(w, 1, TALLY_ST_RUNNING, 10000);
	assert_int_equal(w->n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_start_carries_what_the_operator_claims),
		CASE(what_nobody_claims_is_absent),
		CASE(a_baseline_and_a_migrated_in_carry_claims_that_their_list_does_not_know),
		CASE(a_change_is_recorded_with_what_changed_alone),
		CASE(a_manager_that_cannot_be_asked_changes_nothing),
		CASE(a_start_that_could_not_be_described_learns_later),
		CASE(a_baseline_behind_a_gap_takes_back_what_has_gone_meanwhile),
		CASE(an_adopted_run_takes_back_what_the_earlier_agent_recorded),
		CASE(a_revert_is_told_with_the_start_that_it_makes),
		CASE(a_revert_into_the_same_process_is_told_too),
		CASE(a_restore_of_what_was_saved_is_no_travel_and_a_second_one_is),
		CASE(a_revert_behind_a_restore_is_told),
		CASE(a_boot_in_between_makes_the_saved_state_old),
		CASE(what_an_earlier_agent_saw_saved_may_be_restored),
		CASE(a_monitor_behind_the_managers_back_is_told_once_a_run),
		CASE(an_adopted_run_whose_monitor_was_told_is_not_told_again),
	};
	return cmocka_run_group_tests_name("agent machine claims", tests, NULL, NULL);
}
