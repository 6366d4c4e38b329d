/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded ring between a callback and the loop. */
#include "testlib.h"

#include <poll.h>
#include <string.h>

#include "ring.h"
#include "tally/err.h"

static struct tally_observation
numbered(uint32_t n)
{
	return (struct tally_observation){ .kind = TALLY_OBS_EVENT, .raw_event = n };
}

static void
what_is_put_comes_out_in_order(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct ring *r = ring_new(4, &err);
	struct tally_observation o;
	(void)state;
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 3; i++) {
			o = numbered(round * 3 + i);
			ring_put(r, &o);
		}
		for (uint32_t i = 0; i < 3; i++) {
			assert_int_equal(ring_get(r, &o), 1);
			assert_int_equal(o.raw_event, round * 3 + i);
		}
		assert_int_equal(ring_get(r, &o), 0);
	}
	ring_free(r);
}

static void
what_a_callback_knows_comes_out_whole(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct ring *r = ring_new(2, &err);
	struct tally_observation o = { .kind = TALLY_OBS_LOST,
				       .at = { { 1 }, { 2 } },
				       .what = 3,
				       .cause = 4,
				       .raw_event = 5,
				       .raw_detail = 6,
				       .domain = { .uuid = { 7, 8 }, .id = -1, .name = "a" } };
	struct tally_observation out;
	struct tally_now first;
	(void)state;
	memset(o.domain.name, 'n', sizeof(o.domain.name) - 1);
	memset(&out, 'x', sizeof(out));
	assert_int_equal(ring_first(r, &first), 0);
	ring_put(r, &o);
	assert_int_equal(ring_first(r, &first), 1);
	assert_int_equal(first.uptime.ns, 2);
	assert_int_equal(ring_get(r, &out), 1);
	assert_int_equal(ring_first(r, &first), 0);
	assert_int_equal(out.kind, o.kind);
	assert_int_equal(out.at.wall.ns, 1);
	assert_int_equal(out.at.uptime.ns, 2);
	assert_int_equal(out.what, 3);
	assert_int_equal(out.cause, 4);
	assert_int_equal(out.raw_event, 5);
	assert_int_equal(out.raw_detail, 6);
	assert_int_equal(out.lost, 0);
	assert_int_equal(out.domain.id, -1);
	assert_memory_equal(out.domain.uuid, o.domain.uuid, TALLY_UUID);
	assert_string_equal(out.domain.name, o.domain.name);
	assert_int_equal(out.domain.pid, 0);
	assert_string_equal(out.domain.os, "");
	ring_free(r);
}

static void
what_does_not_fit_is_counted_and_reported_behind_the_rest(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct ring *r = ring_new(4, &err);
	struct tally_observation o;
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		o = numbered(i);
		ring_put(r, &o);
	}
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(ring_get(r, &o), 1);
	assert_int_equal(ring_get(r, &o), 1);
	assert_int_equal(o.kind, TALLY_OBS_OVERFLOW);
	assert_int_equal(o.lost, 6);
	assert_int_equal(ring_get(r, &o), 0);
	ring_free(r);
}

static void
the_descriptor_is_readable_while_something_is_queued(void **state)
{
	struct tally_err err = TALLY_ERR_INIT;
	struct ring *r = ring_new(4, &err);
	struct pollfd p = { .fd = ring_fd(r), .events = POLLIN };
	struct tally_observation o = numbered(1);
	(void)state;
	assert_int_equal(poll(&p, 1, 0), 0);
	ring_put(r, &o);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(ring_get(r, &o), 1);
	assert_int_equal(ring_get(r, &o), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	ring_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_out_in_order),
		cmocka_unit_test(what_a_callback_knows_comes_out_whole),
		cmocka_unit_test(what_does_not_fit_is_counted_and_reported_behind_the_rest),
		cmocka_unit_test(the_descriptor_is_readable_while_something_is_queued),
	};
	return cmocka_run_group_tests_name("agent ring", tests, NULL, NULL);
}
