/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storms: what an event costs and what is kept must not follow how many there
 * were. TALLY_STORM_EVENTS=N makes them longer, and says how long they took.
 */
#include "machinelib.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally/err.h"
#include "tally/parse.h"

struct storm {
	struct machine *m;
	uint64_t records, begins, ends;
	struct tally_now now;
};

static void
emit(void *ctx, const struct tally_event *ev)
{
	struct storm *s = ctx;
	s->records++;
	s->begins += ev->kind == TALLY_STARTED;
	s->ends += ev->kind == TALLY_STOPPED;
}

static int
describe(void *ctx, const uint8_t uuid[TALLY_UUID], struct tally_domain *out)
{
	(void)ctx;
	(void)uuid;
	(void)out;
	return 0; /* it is gone again */
}

static uint64_t
events(void)
{
	const char *wanted = getenv("TALLY_STORM_EVENTS");
	uint64_t n = 20000;
	if (wanted != NULL)
		assert_true(tally_parse_u64(&n, wanted, strlen(wanted), UINT64_MAX));
	return n;
}

static void
storm_begin(struct storm *s)
{
	const struct machine_out out = { .ctx = s, .emit = emit, .describe = describe };
	*s = (struct storm){ .now = at_ms(0) };
	s->m = machine_new(&out, 1);
}

static void
see(struct storm *s, uint32_t vm, unsigned what, unsigned cause, int64_t id)
{
	struct tally_observation o = { .kind = TALLY_OBS_EVENT, .what = what, .cause = cause };
	s->now.uptime.ns += 1000;
	s->now.wall.ns += 1000;
	o.at = s->now;
	tally_put_u32(o.domain.uuid, vm * 2654435761u);
	o.domain.id = id;
	machine_observe(s->m, &o);
}

static void
tell(const char *what, uint64_t n, struct tally_now begin)
{
	if (getenv("TALLY_STORM_EVENTS") == NULL)
		return;
	printf("%s: %llu events in %.3f s\n", what, (unsigned long long)n,
	       (double)(tally_clock_now(tally_clock_real()).uptime.ns - begin.uptime.ns) / 1e9);
}

static void
a_boot_loop_leaves_nothing_behind(void **state)
{
	const uint64_t n = events() / 3;
	const struct tally_now begin = tally_clock_now(tally_clock_real());
	struct storm s;
	size_t used = 0;
	(void)state;
	storm_begin(&s);
	for (uint64_t i = 0; i < n; i++) {
		see(&s, 1, TALLY_RESUMED, TALLY_C_UNPAUSED, (int64_t)i);
		see(&s, 1, TALLY_STARTED, TALLY_C_BOOT, (int64_t)i);
		see(&s, 1, TALLY_STOPPED, TALLY_C_FAILED, -1);
		machine_tick(s.m, s.now);
		if (i == n / 2)
			used = mallinfo2().uordblks;
	}
	tell("boot loop", n * 3, begin);
	assert_int_equal(s.begins, n);
	assert_int_equal(s.ends, n);
	assert_int_equal(s.records, n * 2);
	assert_int_equal(machine_known(s.m), 0);
	assert_true(mallinfo2().uordblks <= used + 4096);
	machine_free(s.m);
}

static void
as_many_vms_as_events_are_found_each_by_itself(void **state)
{
	const uint64_t n = events() / 2;
	struct tally_now begin = tally_clock_now(tally_clock_real());
	struct storm s;
	(void)state;
	storm_begin(&s);
	for (uint32_t i = 0; i < n; i++) {
		see(&s, i, TALLY_RESUMED, TALLY_C_UNPAUSED, i);
		see(&s, i, TALLY_STARTED, TALLY_C_BOOT, i);
		machine_tick(s.m, s.now);
	}
	tell("different VMs", n * 2, begin);
	assert_int_equal(machine_running(s.m), n);
	/* Starts whose second event is lost wait all at once, and are told at once. */
	begin = tally_clock_now(tally_clock_real());
	for (uint32_t i = 0; i < n; i++)
		see(&s, (uint32_t)n + i, TALLY_RESUMED, TALLY_C_UNPAUSED, i);
	assert_int_equal(machine_running(s.m), n);
	machine_tick(s.m, (struct tally_now){ .uptime = { INT64_MAX } });
	tell("half a start", n, begin);
	assert_int_equal(machine_running(s.m), n * 2);
	/* One list without all of them is taken back by a second. */
	s.now.uptime.ns += TALLY_SECOND;
	s.now.wall.ns += TALLY_SECOND;
	assert_false(machine_list(s.m, NULL, 0, s.now, false));
	assert_true(machine_list(s.m, NULL, 0, s.now, false));
	assert_int_equal(machine_known(s.m), 0);
	assert_int_equal(s.ends, n * 2);
	machine_free(s.m);
}

static void
events_of_vms_that_never_start_leave_nothing(void **state)
{
	const uint64_t n = events();
	const struct tally_now begin = tally_clock_now(tally_clock_real());
	struct storm s;
	(void)state;
	storm_begin(&s);
	for (uint32_t i = 0; i < n; i++)
		see(&s, i, i % 2 ? TALLY_STOPPED : TALLY_SUSPENDED, TALLY_C_PAUSED, i);
	tell("no starts", n, begin);
	assert_int_equal(machine_known(s.m), 0);
	assert_int_equal(s.records, 0);
	machine_free(s.m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_boot_loop_leaves_nothing_behind),
		cmocka_unit_test(as_many_vms_as_events_are_found_each_by_itself),
		cmocka_unit_test(events_of_vms_that_never_start_leave_nothing),
	};
	return cmocka_run_group_tests_name("agent machine storm", tests, NULL, NULL);
}
