/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random histories: whatever happens, the sum over the hosts is the sum over the
 * VMs is the fleet, a period is the sum of its pieces, and the memory that a
 * report takes does not follow the number of entries.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "reportlib.h"
#include "tally/err.h"

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Events of any kind in any order: a start of what runs, a stop of what does not.
 * @ is a VM, # a number, $ one of three letters. */
static const char *const events_of[] = {
	"start @ vcpus=# os=urn:$ tenant=$",
	"start @ vcpus=# os=urn:$",
	"start @ vcpus=# baseline=true",
	"stop @ cause=shutdown",
	"stop @ cause=saved",
	"suspend @",
	"suspend @ cause=pmsuspended",
	"resume @",
	"config @ vcpus=#",
	"os @ os=urn:$",
	"tag @ tenant=$ from=0#:00 to=1#:30",
	"software @ add=s#",
	"migrate-out @",
	"migrate-in @ vcpus=#",
	"role @ role=standby",
	"role @ role=none",
	"host cores_per_socket=8 cluster=$ boot=1",
	"host cores_per_socket=8 cluster=$ boot=#",
	"heartbeat",
};

static void
random_history(struct tally_buf *b, uint64_t seed, unsigned count)
{
	const size_t kinds = sizeof(events_of) / sizeof(*events_of);

	for (unsigned i = 0; i < count; i++) {
		unsigned at = 86400 * i / count; /* often two at one instant */

		at -= at % 30;
		tally_buf_addf(b, "h%u %02u:%02u:%02u ", (unsigned)(next_random(&seed) % 3),
			       at / 3600, at / 60 % 60, at % 60);
		for (const char *s = events_of[next_random(&seed) % kinds]; *s; s++) {
			uint8_t c = (uint8_t)*s;

			if (c == '@')
				c = (uint8_t)('a' + next_random(&seed) % 5);
			else if (c == '$')
				c = (uint8_t)('p' + next_random(&seed) % 3);
			else if (c == '#')
				c = (uint8_t)('1' + next_random(&seed) % 8);
			tally_buf_add_u8(b, c);
		}
		tally_buf_add_str(b, "\n");
	}
}

/* Whole seconds, for there are no others here, over the rows of one scope. */
static int64_t
sum(const struct tally_json *r, const char *array, const char *scope, const char *field)
{
	const struct tally_json *list = tally_json_get(r, array);
	int64_t all = 0;

	for (size_t i = 0; i < tally_json_count(list); i++) {
		const struct tally_json *row = tally_json_at(list, i),
					*s = tally_json_get(row, "scope");
		const char *text = (const char *)tally_json_string(tally_json_get(row, field)).p;

		if (!scope || strcmp((const char *)tally_json_string(s).p, scope) == 0)
			all += strtoll(text, NULL, 10);
	}
	return all;
}

static void
sums_agree_at_every_scope(void **state)
{
	static const char *const scopes[] = { "host", "cluster", "region", "tenant",
					      "cost_center" };

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct tally_buf b = TALLY_BUF_INIT;
		const struct tally_json *r;
		int64_t run, vcpu;

		random_history(&b, seed * 7919, 400);
		r = report_of_day(tally_buf_cstr(&b));
		run = sum(r, "usage", "fleet", "run_seconds");
		vcpu = sum(r, "usage", "fleet", "vcpu_seconds");
		assert_true(run > 0 && vcpu >= run);
		for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
			assert_int_equal(sum(r, "usage", scopes[i], "run_seconds"), run);
			assert_int_equal(sum(r, "usage", scopes[i], "vcpu_seconds"), vcpu);
		}
		assert_int_equal(sum(r, "vms", NULL, "run_seconds"), run);
		assert_int_equal(sum(r, "vms", NULL, "vcpu_seconds"), vcpu);
		tally_buf_deinit(&b);
	}
}

static void
a_period_is_the_sum_of_its_pieces(void **state)
{
	static const char *const cuts[] = { "2026-03-01", "2026-03-01T03:00:00Z",
					    "2026-03-01T03:00:05Z", "2026-03-01T17:41:03Z",
					    "2026-03-02" };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct tally_buf b = TALLY_BUF_INIT;
		int64_t pieces = 0, vcpu = 0;

		random_history(&b, seed * 104729, 300);
		for (size_t i = 0; i + 1 < sizeof(cuts) / sizeof(*cuts); i++) {
			const struct tally_json *r =
				report_of(tally_buf_cstr(&b), cuts[i], cuts[i + 1], "UTC");

			pieces += sum(r, "usage", "fleet", "run_seconds");
			vcpu += sum(r, "usage", "fleet", "vcpu_seconds");
		}
		assert_int_equal(
			sum(report_of_day(tally_buf_cstr(&b)), "usage", "fleet", "run_seconds"),
			pieces);
		assert_int_equal(
			sum(report_of_day(tally_buf_cstr(&b)), "usage", "fleet", "vcpu_seconds"),
			vcpu);
		tally_buf_deinit(&b);
	}
}

/* A ledger that makes itself up: starts and stops of 50 VMs, entry by entry. */
struct endless {
	uint64_t next, size;
	struct tally_buf group[TALLY_GROUPS];
};

static int
endless_next(void *ctx, struct tally_entry *out, struct tally_err *err)
{
	struct endless *e = ctx;
	struct tally_event ev = { .imported = true };
	uint64_t i = e->next;

	if (i == e->size)
		return 0;
	e->next++;
	for (int k = 0; k < TALLY_GROUPS; k++)
		tally_buf_clear(&e->group[k]);
	ev.kind = i == 0 ? TALLY_LEDGER_BEGIN : i / 50 % 2 ? TALLY_STOPPED : TALLY_STARTED;
	ev.m.has_time = true;
	ev.m.time = UINT64_C(1772323200000000000) + i * 1000000;
	if (i > 0) {
		ev.i.has_vm = true;
		ev.i.vm[15] = (uint8_t)(i % 50);
		ev.m.has_vcpus = true;
		ev.m.vcpus = 2;
		ev.m.os = tally_bytes_str("urn:x");
		ev.i.tenant = tally_bytes_str("t");
	}
	if (tally_event_encode(&ev, e->group, err) < 0)
		return -1;
	*out = (struct tally_entry){ .header = { .kind = (uint8_t)ev.kind,
						 .flags = i ? TALLY_FLAG_IMPORTED : 0,
						 .boot = 1,
						 .index = i,
						 .wall = UINT64_C(1780272000000000000) },
				     .mask = 7 };
	for (int k = 0; k < TALLY_GROUPS; k++)
		out->group[k] = tally_buf_view(&e->group[k]);
	return 1;
}

static int
endless_rewind(void *ctx, struct tally_err *err)
{
	(void)err;
	((struct endless *)ctx)->next = 0;
	return 0;
}

static void
no_hash(uint8_t out[TALLY_HASH], struct tally_bytes in)
{
	memset(out, (int)(in.len & 0xff), TALLY_HASH);
}

/* Bytes that a report over so many entries holds when it is made. */
static size_t
memory_of(uint64_t entries)
{
	struct endless e[2] = { { .size = entries }, { .size = entries } };
	struct tally_report_ledger l = { .entries = { &e[0], endless_next, endless_rewind, NULL },
					 .entries2 = { &e[1], endless_next, endless_rewind, NULL },
					 .origin = "o",
					 .size = entries };
	struct tally_report_options o = { .tool = "t", .tzdata = "z", .sha256 = no_hash };
	struct tally_err err = TALLY_ERR_INIT;
	struct tally_report *r;
	struct tally_zone *z;
	size_t before, held;

	assert_int_equal(tally_zone_open(&z, "UTC", &err), 0);
	o.zone = z;
	o.from = test_wall("2026-03-01T00:00:00Z");
	o.to = test_wall("2026-03-02T00:00:00Z");
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	if (tally_report_make(&r, &l, 1, &o, &err) < 0)
		fail_msg("%s", err.text);
	held = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	tally_report_free(r);
	tally_zone_free(z);
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < TALLY_GROUPS; k++)
			tally_buf_deinit(&e[i].group[k]);
	return held;
}

static void
memory_does_not_follow_the_number_of_entries(void **state)
{
	size_t few = memory_of(2000), many = memory_of(40000);

	(void)state;
	assert_true(few < (4u << 20));
	assert_true(many <= few + 64 * 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_agree_at_every_scope),
		cmocka_unit_test(a_period_is_the_sum_of_its_pieces),
		cmocka_unit_test(memory_does_not_follow_the_number_of_entries),
	};
	int failed = cmocka_run_group_tests_name("reports random", tests, NULL, NULL);

	report_done();
	return failed;
}
