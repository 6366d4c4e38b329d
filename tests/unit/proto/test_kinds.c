/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary: numbers and names of docs/FORMAT.md. */
#include <string.h>
#include "testlib.h"
#include "tally/event.h"

static void
kinds_have_the_numbers_of_the_format(void **state)
{
	(void)state;
	assert_string_equal(tally_kind_name(1), "ledger-begin");
	assert_string_equal(tally_kind_name(13), "clock-step");
	assert_string_equal(tally_kind_name(20), "defined");
	assert_string_equal(tally_kind_name(28), "stopped");
	assert_string_equal(tally_kind_name(35), "config");
	assert_string_equal(tally_kind_name(40), "os-claim");
	assert_string_equal(tally_kind_name(51), "unmanaged-vm");
	assert_string_equal(tally_kind_name(60), "import");
	assert_string_equal(tally_kind_name(70), "session-statement");
	assert_string_equal(tally_kind_name(76), "report-issued");
	assert_string_equal(tally_kind_name(77), "receipt");
	assert_int_equal(TALLY_STARTED, 23);
	assert_int_equal(TALLY_ROLE, 43);
}

/* It tells of no host's time: no timeline may look at it. */
static void
an_issue_is_apart_and_names_report_period_and_bytes(void **state)
{
	const uint8_t hash[TALLY_HASH] = { 0 };
	struct tally_event ev = { .kind = TALLY_REPORT_ISSUED };

	(void)state;
	assert_true(tally_kind_is_apart(TALLY_REPORT_ISSUED));
	assert_false(tally_event_is_issue(&ev));
	ev.o.report = ev.o.file_hash = tally_bytes(hash, TALLY_HASH);
	ev.o.has_period_from = ev.o.has_period_to = true;
	ev.o.period_to = 1;
	assert_true(tally_event_is_issue(&ev));
	ev.kind = TALLY_OPERATOR_ACTION;
	assert_false(tally_event_is_issue(&ev));
}

static void
states_and_causes_have_the_numbers_of_the_format(void **state)
{
	(void)state;
	assert_string_equal(tally_state_name(5), "running");
	assert_string_equal(tally_state_name(12), "unknown");
	assert_string_equal(tally_cause_name(6), "unknown");
	assert_string_equal(tally_cause_name(13), "paused");
	assert_string_equal(tally_cause_name(24), "api-error");
	assert_string_equal(tally_evidence_name(0), "none");
	assert_string_equal(tally_evidence_name(5), "vendor");
	assert_string_equal(tally_hypervisor_name(1), "qemu");
	assert_string_equal(tally_hypervisor_name(5), "other");
}

static void
every_name_is_found_again_under_its_number(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		if (tally_kind_name(n))
			assert_int_equal(tally_kind_find(tally_bytes_str(tally_kind_name(n))), n);
		if (tally_cause_name(n))
			assert_int_equal(tally_cause_find(tally_bytes_str(tally_cause_name(n))), n);
		if (tally_evidence_name(n))
			assert_int_equal(
				tally_evidence_find(tally_bytes_str(tally_evidence_name(n))), n);
		if (tally_hypervisor_name(n))
			assert_int_equal(
				tally_hypervisor_find(tally_bytes_str(tally_hypervisor_name(n))),
				n);
	}
}

static void
unknown_numbers_and_names_are_unknown(void **state)
{
	const unsigned none[] = { 0, 14, 19, 36, 44, 52, 62, 78, 255, 4000000000U };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_null(tally_kind_name(none[i]));
	assert_null(tally_state_name(0));
	assert_null(tally_state_name(13));
	assert_null(tally_cause_name(0));
	assert_null(tally_cause_name(25));
	assert_null(tally_evidence_name(6));
	assert_null(tally_hypervisor_name(0));
	assert_int_equal(tally_kind_find(tally_bytes_str("start")), 0);
	assert_int_equal(tally_kind_find(tally_bytes_str("")), 0);
	assert_int_equal(tally_cause_find(tally_bytes("boot\0", 5)), 0);
	assert_int_equal(tally_evidence_find(tally_bytes_str("nobody")), -1);
	assert_int_equal(tally_hypervisor_find(tally_bytes_str("QEMU")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_the_numbers_of_the_format),
		cmocka_unit_test(an_issue_is_apart_and_names_report_period_and_bytes),
		cmocka_unit_test(states_and_causes_have_the_numbers_of_the_format),
		cmocka_unit_test(every_name_is_found_again_under_its_number),
		cmocka_unit_test(unknown_numbers_and_names_are_unknown),
	};

	return cmocka_run_group_tests_name("proto kinds", tests, NULL, NULL);
}
