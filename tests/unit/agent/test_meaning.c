/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's numbers as ours. */
#include "testlib.h"

#include <libvirt/libvirt.h>

#include "source_libvirt.h"

static void
each_known_event_has_its_meaning(void **state)
{
	static const struct {
		int event, detail;
		unsigned kind, cause;
	} cases[] = {
		{ VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, TALLY_STARTED,
		  TALLY_C_BOOT },
		{ VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_RESTORED, TALLY_STARTED,
		  TALLY_C_RESTORE },
		{ VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, TALLY_SUSPENDED,
		  TALLY_C_PAUSED },
		{ VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, TALLY_RESUMED,
		  TALLY_C_UNPAUSED },
		{ VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, TALLY_STOPPED,
		  TALLY_C_SHUTDOWN },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, TALLY_STOPPED,
		  TALLY_C_DESTROYED },
		{ VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, TALLY_STOPPED,
		  TALLY_C_FAILED },
		{ VIR_DOMAIN_EVENT_PMSUSPENDED, VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY,
		  TALLY_SUSPENDED, TALLY_C_PMSUSPENDED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned cause;
		assert_int_equal(source_libvirt_meaning(cases[i].event, cases[i].detail, &cause),
				 cases[i].kind);
		assert_int_equal(cause, cases[i].cause);
	}
}

static void
an_unknown_detail_is_an_unknown_cause_and_an_unknown_event_calls_for_a_list(void **state)
{
	unsigned cause;
	(void)state;
	assert_int_equal(source_libvirt_meaning(VIR_DOMAIN_EVENT_STOPPED, 99, &cause),
			 TALLY_STOPPED);
	assert_int_equal(cause, TALLY_C_UNKNOWN);
	assert_int_equal(source_libvirt_meaning(4711, 0, &cause), 0);
}

static void
states_that_execute_and_states_that_do_not_are_told_apart(void **state)
{
	unsigned cause;
	(void)state;
	assert_int_equal(source_libvirt_state(VIR_DOMAIN_BLOCKED, 0, &cause), TALLY_ST_RUNNING);
	assert_int_equal(
		source_libvirt_state(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, &cause),
		TALLY_ST_STARTING);
	assert_int_equal(source_libvirt_state(VIR_DOMAIN_SHUTDOWN, 0, &cause), TALLY_ST_STOPPING);
	assert_int_equal(source_libvirt_state(4711, 0, &cause), TALLY_ST_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_known_event_has_its_meaning),
		cmocka_unit_test(
			an_unknown_detail_is_an_unknown_cause_and_an_unknown_event_calls_for_a_list),
		cmocka_unit_test(states_that_execute_and_states_that_do_not_are_told_apart),
	};
	return cmocka_run_group_tests_name("agent meaning", tests, NULL, NULL);
}
