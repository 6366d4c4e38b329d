/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's numbers as ours: each pair that libvirt 9.0 knows, by its number. */
#include "testlib.h"

#include <libvirt/libvirt.h>

#include "source_libvirt.h"

/* Rows are events, columns details, in libvirt's order; the ends are those of
 * libvirt 9.0, so a name that moved would show. */
struct expected {
	unsigned kind, cause;
};
#define DETAILS 12
static const struct expected lifecycle[][DETAILS] = {
	/* defined: added, updated, renamed, from a snapshot */
	{ { TALLY_DEFINED, 0 }, { TALLY_DEFINED, 0 }, { TALLY_RENAMED, 0 }, { TALLY_DEFINED, 0 } },
	/* undefined: removed, renamed */
	{ { TALLY_UNDEFINED, 0 }, { 0, 0 } },
	/* started: booted, migrated, restored, from a snapshot, wakeup */
	{ { TALLY_STARTED, TALLY_C_BOOT },
	  { TALLY_STARTED, TALLY_C_MIGRATED },
	  { TALLY_STARTED, TALLY_C_RESTORE },
	  { TALLY_STARTED, TALLY_C_SNAPSHOT },
	  { TALLY_STARTED, TALLY_C_WAKEUP } },
	/* suspended: paused, migrated, I/O error, watchdog, restored, from a snapshot,
	 * API error, post-copy, post-copy failed */
	{ { TALLY_SUSPENDED, TALLY_C_PAUSED },
	  { TALLY_SUSPENDED, TALLY_C_MIGRATED },
	  { TALLY_SUSPENDED, TALLY_C_IOERROR },
	  { TALLY_SUSPENDED, TALLY_C_WATCHDOG },
	  { TALLY_SUSPENDED, TALLY_C_RESTORE },
	  { TALLY_SUSPENDED, TALLY_C_SNAPSHOT },
	  { TALLY_SUSPENDED, TALLY_C_API_ERROR },
	  { TALLY_SUSPENDED, TALLY_C_POSTCOPY },
	  { TALLY_SUSPENDED, TALLY_C_FAILED } },
	/* resumed: unpaused, migrated, from a snapshot, post-copy, post-copy failed */
	{ { TALLY_RESUMED, TALLY_C_UNPAUSED },
	  { TALLY_RESUMED, TALLY_C_MIGRATED },
	  { TALLY_RESUMED, TALLY_C_SNAPSHOT },
	  { TALLY_RESUMED, TALLY_C_POSTCOPY },
	  { TALLY_RESUMED, TALLY_C_POSTCOPY } },
	/* stopped: shutdown, destroyed, crashed, migrated, saved, failed, from a snapshot */
	{ { TALLY_STOPPED, TALLY_C_SHUTDOWN },
	  { TALLY_STOPPED, TALLY_C_DESTROYED },
	  { TALLY_STOPPED, TALLY_C_CRASHED },
	  { TALLY_STOPPED, TALLY_C_MIGRATED },
	  { TALLY_STOPPED, TALLY_C_SAVED },
	  { TALLY_STOPPED, TALLY_C_FAILED },
	  { TALLY_STOPPED, TALLY_C_SNAPSHOT } },
	/* shutdown: finished, by the guest, by the host */
	{ { TALLY_STOPPED, TALLY_C_SHUTDOWN },
	  { TALLY_STOPPED, TALLY_C_SHUTDOWN },
	  { TALLY_SHUTDOWN_REQUEST, TALLY_C_HOST } },
	/* suspended by the guest's power management: to memory, to disk */
	{ { TALLY_SUSPENDED, TALLY_C_PMSUSPENDED }, { TALLY_SUSPENDED, TALLY_C_PMSUSPENDED } },
	/* crashed: panicked, crash kernel loaded */
	{ { TALLY_CRASHED, TALLY_C_CRASHED }, { 0, 0 } },
};
#define EVENTS (sizeof(lifecycle) / sizeof(*lifecycle))

/* How many details libvirt 9.0 knows of each, and what an unknown one means. */
static const struct {
	int details;
	struct expected unknown;
} known[EVENTS] = {
	{ 4, { TALLY_DEFINED, 0 } },
	{ 2, { 0, 0 } },
	{ 5, { TALLY_STARTED, TALLY_C_UNKNOWN } },
	{ 9, { TALLY_SUSPENDED, TALLY_C_UNKNOWN } },
	{ 5, { TALLY_RESUMED, TALLY_C_UNKNOWN } },
	{ 7, { TALLY_STOPPED, TALLY_C_UNKNOWN } },
	{ 3, { TALLY_STOPPED, TALLY_C_SHUTDOWN } },
	{ 2, { TALLY_SUSPENDED, TALLY_C_PMSUSPENDED } },
	{ 2, { 0, 0 } },
};

static void
each_event_with_each_detail_has_its_meaning(void **state)
{
	(void)state;
	assert_int_equal(EVENTS, VIR_DOMAIN_EVENT_CRASHED + 1);
	for (int e = 0; e < (int)EVENTS; e++) {
		for (int d = 0; d < known[e].details; d++) {
			unsigned cause = 99, kind = source_libvirt_meaning(e, d, &cause);
			if (kind != lifecycle[e][d].kind || cause != lifecycle[e][d].cause)
				fail_msg("event %d, detail %d: kind %u, cause %u", e, d, kind,
					 cause);
		}
	}
}

static void
an_unknown_detail_loses_no_instant_and_an_unknown_event_calls_for_a_list(void **state)
{
	static const int details[] = { 50, -2, INT32_MAX };
	unsigned cause;
	(void)state;
	for (int e = 0; e < (int)EVENTS; e++) {
		for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++) {
			assert_int_equal(source_libvirt_meaning(e, details[i], &cause),
					 known[e].unknown.kind);
			assert_int_equal(cause, known[e].unknown.cause);
		}
	}
	for (int e = (int)EVENTS; e < 100; e++) {
		cause = 99;
		assert_int_equal(source_libvirt_meaning(e, 0, &cause), 0);
		assert_int_equal(cause, 0);
	}
	assert_int_equal(source_libvirt_meaning(-1, 0, &cause), 0);
}

static void
expect_state(int state, int reason, unsigned expected, unsigned expected_cause)
{
	unsigned cause = 99, ours = source_libvirt_state(state, reason, &cause);
	if (ours != expected || cause != expected_cause)
		fail_msg("state %d, reason %d: %u, cause %u", state, reason, ours, cause);
}

static void
each_state_with_each_reason_is_told_apart(void **state)
{
	static const unsigned running[] = { TALLY_C_UNKNOWN, TALLY_C_BOOT,     TALLY_C_MIGRATED,
					    TALLY_C_RESTORE, TALLY_C_SNAPSHOT, TALLY_C_UNPAUSED,
					    TALLY_C_UNKNOWN, TALLY_C_UNKNOWN,  TALLY_C_WAKEUP,
					    TALLY_C_UNKNOWN, TALLY_C_POSTCOPY, TALLY_C_POSTCOPY,
					    TALLY_C_UNKNOWN };
	static const struct expected paused[] = {
		{ TALLY_ST_PAUSED, TALLY_C_UNKNOWN },    { TALLY_ST_PAUSED, TALLY_C_PAUSED },
		{ TALLY_ST_INCOMING, TALLY_C_MIGRATED }, { TALLY_ST_PAUSED, TALLY_C_SAVED },
		{ TALLY_ST_PAUSED, TALLY_C_PAUSED },     { TALLY_ST_PAUSED, TALLY_C_IOERROR },
		{ TALLY_ST_PAUSED, TALLY_C_WATCHDOG },   { TALLY_ST_PAUSED, TALLY_C_SNAPSHOT },
		{ TALLY_ST_STOPPING, TALLY_C_SHUTDOWN }, { TALLY_ST_PAUSED, TALLY_C_SNAPSHOT },
		{ TALLY_ST_CRASHED, TALLY_C_CRASHED },   { TALLY_ST_STARTING, TALLY_C_UNKNOWN },
		{ TALLY_ST_PAUSED, TALLY_C_POSTCOPY },   { TALLY_ST_PAUSED, TALLY_C_FAILED },
		{ TALLY_ST_PAUSED, TALLY_C_UNKNOWN },
	};
	(void)state;
	for (int r = 0; r < (int)(sizeof(running) / sizeof(*running)); r++) {
		expect_state(VIR_DOMAIN_RUNNING, r, TALLY_ST_RUNNING, running[r]);
		expect_state(VIR_DOMAIN_BLOCKED, r, TALLY_ST_RUNNING, running[r]);
	}
	for (int r = 0; r < (int)(sizeof(paused) / sizeof(*paused)); r++)
		expect_state(VIR_DOMAIN_PAUSED, r, paused[r].kind, paused[r].cause);
	for (int r = 0; r < 10; r++) {
		expect_state(VIR_DOMAIN_NOSTATE, r, TALLY_ST_UNKNOWN, TALLY_C_UNKNOWN);
		expect_state(VIR_DOMAIN_SHUTDOWN, r, TALLY_ST_STOPPING, TALLY_C_SHUTDOWN);
		expect_state(VIR_DOMAIN_SHUTOFF, r, TALLY_ST_DEFINED, TALLY_C_UNKNOWN);
		expect_state(VIR_DOMAIN_CRASHED, r, TALLY_ST_CRASHED, TALLY_C_CRASHED);
		expect_state(VIR_DOMAIN_PMSUSPENDED, r, TALLY_ST_PMSUSPENDED, TALLY_C_PMSUSPENDED);
		expect_state(4711, r, TALLY_ST_UNKNOWN, TALLY_C_UNKNOWN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_with_each_detail_has_its_meaning),
		cmocka_unit_test(
			an_unknown_detail_loses_no_instant_and_an_unknown_event_calls_for_a_list),
		cmocka_unit_test(each_state_with_each_reason_is_told_apart),
	};
	return cmocka_run_group_tests_name("agent meaning", tests, NULL, NULL);
}
